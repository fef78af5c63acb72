"""Ranges and categories: less, or more, than a table shows can be generated."""

import numpy as np
import pandas as pd
import pytest

from counterpoise.columns import ABSENT, MISSING
from counterpoise.constraints import Categories, Constraint, Range, RangeMargin
from counterpoise.constraints._set import apply_constraints
from counterpoise.errors import SchemaError


def learned(*constraints: Constraint, **columns: object):
    frame = pd.DataFrame(columns)
    labels = np.array(["x", "y"] * len(frame))[: len(frame)]
    return apply_constraints(
        frame,
        labels,
        "t",
        is_named=True,
        column_types={},
        constraints=constraints,
        discovers=False,
    ).table


def test_numbers_outside_a_range_become_absent_and_missing_ones_stay():
    table = learned(Range("a", 2, 5), a=[1.5, np.nan, 3.25, 9.0])
    assert table.codes[:, 1].tolist() == [ABSENT, MISSING, 325, ABSENT]
    assert (table.schema[1].low, table.schema[1].high) == (200, 500)


@pytest.mark.parametrize(("bounds", "expected"), [((None, 2), (1, 2)), ((2, None), (2, 3))])
def test_an_end_left_out_stays_as_observed(bounds, expected):
    column = learned(Range("a", *bounds), a=[1, 2, 3]).schema[1]
    assert (column.low, column.high) == expected


def test_durations_and_dates_of_a_zone():
    moments = pd.Series(pd.date_range("2020-01-01", periods=4, tz="Europe/Rome"))
    table = learned(
        Range("at", "2020-01-02", "2020-01-03"),
        Range("took", "2h", "9h"),
        at=moments,
        took=pd.to_timedelta([1, 2, 3, 4], "h"),
    )
    assert (table.codes[:, 1] == ABSENT).tolist() == [True, False, False, True]
    assert table.schema[2].high == 9


def test_categories_are_chosen_in_the_order_given_and_may_be_new():
    table = learned(Categories("c", ["z", "b"]), c=["a", "b", None, "b"])
    assert table.schema[1].categories == ("z", "b")
    assert table.codes[:, 1].tolist() == [ABSENT, 1, MISSING, 1]


def test_one_and_true_are_two_categories():
    table = learned(Categories("c", [True]), c=pd.Series([1, True, "x"], dtype=object))
    assert table.codes[:, 1].tolist() == [ABSENT, 0, ABSENT]


def test_what_a_dtype_cannot_hold_is_refused():
    with pytest.raises(SchemaError, match="not all values of its dtype"):
        learned(Categories("c", ["new"]), c=pd.Series(["a", "b"], dtype="category"))


def test_a_margin_widens_every_range():
    column = learned(RangeMargin(0.5), a=[10, 12, 14]).schema[1]
    assert (column.low, column.high) == (8, 16)


def test_without_constraints_cells_keep_their_codes():
    table = learned(a=[1, 2], c=["x", "y"])
    assert table.codes[:, 1:].tolist() == [[1, 0], [2, 1]]
