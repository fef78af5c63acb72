"""One-hot groups."""

import numpy as np
import pandas as pd
import pytest

from counterpoise.constraints import FixedCombinations, OneHot
from counterpoise.errors import SchemaError
from tests.constraints.test_formula import prepared

COLOUR = np.array([0, 1, 2, 1, 0, 2])
GROUP = pd.DataFrame({name: at == COLOUR for at, name in enumerate(["red", "green", "blue"])})
NAMES = ["red", "green", "blue"]


@pytest.mark.parametrize(
    "dtype", ["bool", "boolean", "int8", "int64", "float64", "Int64", "float32", "object"]
)
def test_it_becomes_one_column_and_comes_out_as_it_was(dtype):
    frame = GROUP.astype(dtype)
    given = prepared(frame, OneHot(NAMES))
    layout = given.constraints.layout
    assert len(given.table.schema) == 2
    assert len(given.table.schema[1].categories) == 3
    pd.testing.assert_frame_equal(layout.split(given.table).to_frame().iloc[:, 1:], frame)


def test_at_most_one_and_missing_cells():
    frame = GROUP.astype("float64")
    frame.iloc[2] = 0
    with pytest.raises(SchemaError, match="1 of the 6 real rows breaks"):
        prepared(frame, OneHot(NAMES))
    frame.iloc[3] = np.nan
    given = prepared(frame, OneHot(NAMES, at_most_one=True))
    assert len(given.table.schema[1].categories) == 5
    split = given.constraints.layout.split(given.table).to_frame()
    pd.testing.assert_frame_equal(split.iloc[:, 1:], frame)


def test_rows_that_break_it_are_shown():
    frame = GROUP.astype(int)
    frame.loc[[1, 4], "blue"] = 1
    with pytest.raises(
        SchemaError, match=r"2 of the 6 real rows break 'at most one of red, .*row 1: red = 0, g"
    ):
        prepared(frame, OneHot(NAMES, at_most_one=True))


def test_a_column_that_is_never_set():
    frame = GROUP.assign(pink=False)
    given = prepared(frame, OneHot([*NAMES, "pink"]))
    assert len(given.table.schema[1].categories) == 3


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["red"], "two or more"),
        ("red", "two or more"),
        (["red", "red"], "twice"),
        (["red", "pink"], "no column 'pink'"),
        (["red", "n"], "'n', which is integer"),
        (["red", "share"], "'share', which is decimal"),
        (["red", "word"], "'word', which is categorical"),
    ],
)
def test_columns_that_cannot_be_in_a_group(names, says):
    frame = GROUP.assign(n=range(6), share=[0.0, 0.5, 1.0, 0.0, 0.0, 1.0], word=list("ababab"))
    with pytest.raises(SchemaError, match=says):
        prepared(frame, OneHot(names))


def test_a_column_is_in_one_group_only():
    with pytest.raises(SchemaError, match="Two FixedCombinations, or OneHots, name the column"):
        prepared(GROUP, OneHot(NAMES), FixedCombinations(["red", "blue"]))
