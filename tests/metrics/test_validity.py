"""The independent check of synthetic cells accepts what is possible and nothing else."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.metrics import check_validity

REAL = pd.DataFrame(
    {
        "n": [1, 5, 3],
        "x": [0.5, np.nan, 2.25],
        "c": ["a", "b", "a"],
        "d": pd.to_datetime(["2024-01-01", "2024-06-01", "2024-03-01"]),
        "b": [True, True, True],
    }
)


def valid(**cells: object) -> dict[str, bool]:
    """Return the verdict on a row that differs from a real one in `cells`."""
    row = REAL.iloc[[0]].astype(object)
    for name, cell in cells.items():
        row[name] = pd.Series([cell], dtype=object)
    verdict = check_validity(row, REAL).iloc[0]
    return {name: bool(verdict[name]) for name in cells}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"n": 5}, True),
        ({"n": 2}, True),  # a number need not have been seen
        ({"n": 6}, False),
        ({"n": 0}, False),
        ({"n": 2.5}, False),  # more decimals than the column
        ({"n": np.nan}, False),  # the column is never missing
        ({"x": 1.75}, True),
        ({"x": 0.1 + 0.4}, True),
        ({"x": 1.755}, False),
        ({"x": np.nan}, True),
        ({"x": np.inf}, False),
        ({"x": "much"}, False),
        ({"c": "b"}, True),
        ({"c": "z"}, False),
        ({"c": None}, False),
        ({"d": pd.Timestamp("2024-05-31")}, True),
        ({"d": pd.Timestamp("2024-06-02")}, False),
        ({"b": False}, False),
    ],
)
def test_cells(cells: dict[str, object], expected: bool) -> None:
    assert valid(**cells) == dict.fromkeys(cells, expected)


@given(st.data())
def test_rows_of_the_table_itself_are_valid(data: st.DataObject) -> None:
    decimals = data.draw(st.integers(0, 6))
    numbers = st.decimals(-1000, 1000, places=decimals).map(float)
    values = data.draw(st.lists(numbers | st.none(), min_size=1))
    real = pd.DataFrame({"x": pd.Series(values, dtype=float), "c": list(map(str, values))})
    assert check_validity(real, real).all(axis=None)


def test_shares_are_of_rows_and_of_columns() -> None:
    made = pd.DataFrame({"n": [1, 9], "c": ["a", "a"]})
    verdict = check_validity(made, REAL[["c", "n"]])
    assert verdict.all(axis="columns").mean() == 0.5
    assert verdict.mean().to_dict() == {"n": 0.5, "c": 1.0}


def test_no_row_has_no_share() -> None:
    assert check_validity(REAL.iloc[:0], REAL).shape == (0, REAL.shape[1])


def test_tables_must_match() -> None:
    with pytest.raises(ValueError, match=r"only one has \['c'\]"):
        check_validity(REAL.drop(columns="c"), REAL)
    with pytest.raises(ValueError, match="no row to compare"):
        check_validity(REAL, REAL.iloc[:0])
