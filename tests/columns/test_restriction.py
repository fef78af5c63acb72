"""Domains limited to less, or more, than a table shows."""

import numpy as np
import pandas as pd
import pytest

from counterpoise.columns._base import ABSENT, MISSING
from counterpoise.columns._schema import Schema
from counterpoise.columns._table import Table
from counterpoise.constraints._restrictions import restrict, with_observed
from counterpoise.errors import SchemaError


def table_of(categories=None, **columns):
    frame = pd.DataFrame(columns)
    found = with_observed(frame, categories or {})
    return Table.from_frame(frame, Schema.infer(frame, categories=found))


def test_numbers_outside_a_range_become_absent_and_missing_ones_stay():
    table = restrict(table_of(a=[1.5, np.nan, 3.25, 9.0]), {"a": (2, 5)}, {})
    assert table.codes[:, 0].tolist() == [ABSENT, MISSING, 325, ABSENT]
    assert (table.schema[0].low, table.schema[0].high) == (200, 500)


@pytest.mark.parametrize(("bounds", "expected"), [((None, 2), (1, 2)), ((2, None), (2, 3))])
def test_an_end_left_out_stays_as_observed(bounds, expected):
    column = restrict(table_of(a=[1, 2, 3]), {"a": bounds}, {}).schema[0]
    assert (column.low, column.high) == expected


def test_durations_and_dates_of_a_zone():
    moments = pd.Series(pd.date_range("2020-01-01", periods=4, tz="Europe/Rome"))
    table = table_of(at=moments, took=pd.to_timedelta([1, 2, 3, 4], "h"))
    table = restrict(table, {"at": ("2020-01-02", "2020-01-03"), "took": ("2h", "9h")}, {})
    assert (table.codes[:, 0] == ABSENT).tolist() == [True, False, False, True]
    assert table.schema[1].high == 9


def test_categories_are_chosen_in_the_order_given_and_may_be_new():
    allowed = {"c": ["z", "b"]}
    table = restrict(table_of(allowed, c=["a", "b", None, "b"]), {}, allowed)
    assert table.schema[0].categories == ("z", "b")
    assert table.codes[:, 0].tolist() == [ABSENT, 1, MISSING, 1]


def test_one_and_true_are_two_categories():
    allowed = {"c": [True]}
    table = restrict(table_of(allowed, c=pd.Series([1, True, "x"], dtype=object)), {}, allowed)
    assert table.codes[:, 0].tolist() == [ABSENT, 0, ABSENT]


def test_what_a_dtype_cannot_hold_is_refused():
    with pytest.raises(SchemaError, match="not all values of its dtype"):
        table_of({"c": ["new"]}, c=pd.Series(["a", "b"], dtype="category"))


def test_with_nothing_to_limit_it_is_the_same_table():
    table = table_of(a=[1, 2], c=["x", "y"])
    limited = restrict(table, {}, {})
    assert limited.schema == table.schema
    np.testing.assert_array_equal(limited.codes, table.codes)
