"""MUNGE: rows and their nearest neighbours exchange cells."""

import numpy as np
import pandas as pd
import pytest

from counterpoise._munge import munge


def generator():
    return np.random.default_rng(0)


def test_without_a_chance_to_swap_the_rows_are_repeated():
    X = pd.DataFrame({"a": range(50), "plan": ["basic", "plus"] * 25})
    rows = munge(X, 120, generator(), p=0.0)
    pd.testing.assert_frame_equal(rows, pd.concat([X] * 3, ignore_index=True)[:120])


def test_cells_are_swapped_where_the_spread_is_nothing():
    X = pd.DataFrame({"a": [1.0, 2.0, 50.0, 51.0], "b": ["x", "y", "u", "v"]})
    rows = munge(X, 4, generator(), p=1.0, s=1e12)
    # each pair meets twice in a pass, and is back where it was
    pd.testing.assert_frame_equal(rows, X)
    rows = munge(X.assign(b="x"), 400, generator(), s=1e12)
    pairs = rows["a"].to_numpy().reshape(-1, 2, 2)
    assert {tuple(pair) for pair in pairs[:, 0]} == {(1.0, 2.0), (2.0, 1.0)}


def test_rows_are_taken_as_often_as_they_weigh():
    X = pd.DataFrame({"a": range(0, 100, 10)})
    weight = np.where(X["a"] == 30, 91.0, 1.0)
    rows = munge(X, 500, generator(), weight=weight, s=1e12)
    # 30 and its neighbour, 20 or 40, change places; expected in 91 % of the rows
    assert rows["a"].isin([20, 30, 40]).mean() > 0.8


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1, None, 3, 4] * 5, dtype="Int64"),
        pd.Series([0, 255, 1, 254] * 5, dtype="uint8"),
        pd.Series([True, False] * 10),
        pd.Series([True, None] * 10, dtype="boolean"),
        pd.Series([None] * 20, dtype=object),
        pd.Series([np.nan] * 20),
        pd.Series(pd.date_range("2024-01-01", periods=20, tz="Europe/Berlin")),
        pd.Series([f"text {k}" for k in range(20)], dtype="string"),
        pd.Series(["a", "b"] * 10, dtype="category"),
        pd.Series([0.1, np.nan] * 10, dtype="float32"),
    ],
    ids=lambda column: str(column.dtype),
)
def test_columns_of_any_type_keep_it(column):
    X = pd.DataFrame({"x": column, "y": np.arange(20.0)})
    rows = munge(X, 90, generator())
    assert rows.dtypes.equals(X.dtypes)
    known, real = rows["x"].dropna(), column.dropna()
    assert len(rows) == 90
    if column.dtype.kind not in "iuf":
        assert set(known) <= set(real)
    elif len(real):
        assert known.astype(float).between(float(real.min()) - 1, float(real.max()) + 1).all()


@pytest.mark.parametrize("dtype", ["int64", "uint64", "Int64", "UInt64", "int64[pyarrow]"])
def test_integers_that_no_float_holds_stay_in_their_range(dtype):
    if "pyarrow" in dtype:
        pytest.importorskip("pyarrow")
    most = 2**64 - 1 if "u" in dtype[:1].lower() else 2**63 - 1
    cells = [most - 1, most - 2, most - 3, 5, 2**53 + 1]
    real = pd.Series(
        [*cells, None] * 4 if dtype[0] in "IU" or "[" in dtype else cells * 4, dtype=dtype
    )
    rows = munge(pd.DataFrame({"x": real, "y": np.arange(float(len(real)))}), 90, generator())
    assert rows["x"].dtype == real.dtype
    drawn = [int(cell) for cell in rows["x"].dropna()]
    assert min(drawn) >= 5
    assert max(drawn) <= most - 1
