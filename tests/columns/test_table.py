from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterpoise.columns import ABSENT, MISSING, Schema, Table
from counterpoise.errors import SchemaError


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {"age": [31, 47, 5], "note": ["a b", None, "c"], "class": ["x", "y", "x"]},
        index=[7, 7, 9],
    )


@pytest.fixture
def table(frame: pd.DataFrame) -> Table:
    return Table.from_frame(frame, Schema.infer(frame, kinds={"note": "text"}))


def test_codes_and_texts(table: Table) -> None:
    assert len(table) == 3
    assert table.codes.dtype == np.int64
    assert table.codes.flags.c_contiguous
    assert table.codes.tolist() == [[31, 0, 0], [47, MISSING, 1], [5, 1, 0]]
    assert table.texts == {1: ("a b", "c")}


def test_the_frame_comes_back_with_a_range_index(table: Table, frame: pd.DataFrame) -> None:
    restored = table.to_frame()
    assert isinstance(restored.index, pd.RangeIndex)
    pd.testing.assert_frame_equal(restored, frame.reset_index(drop=True))


@pytest.mark.parametrize(
    "columns",
    [
        pd.Index(["a", "b"]),
        pd.RangeIndex(2),
        pd.Index(["1", 1]),
        pd.MultiIndex.from_tuples([("a", 1), ("b", 2)]),
        pd.Index(['a "quoted", name', "line\nbreak"]),
    ],
)
def test_names_of_any_kind(columns: Any) -> None:
    frame = pd.DataFrame([[1, 2.5], [3, 4.5]])
    frame.columns = columns
    frame = frame.astype({columns[0]: "int64"})
    pd.testing.assert_frame_equal(Table.from_frame(frame, Schema.infer(frame)).to_frame(), frame)


def test_take_selects_rows_in_the_order_given(table: Table, frame: pd.DataFrame) -> None:
    taken = table.take([2, 0, 2])
    expected = frame.iloc[[2, 0, 2]].reset_index(drop=True)
    pd.testing.assert_frame_equal(taken.to_frame(), expected)
    assert len(table.take(np.array([True, False, True]))) == 2
    empty = table.take(np.array([], dtype=np.intp))
    assert len(empty) == 0
    assert empty.to_frame().dtypes.tolist() == frame.dtypes.tolist()
    assert len(table.take([])) == 0


def test_cells_outside_their_domain_are_found(table: Table) -> None:
    assert not table.invalid_cells().any()
    codes = table.codes.copy()
    codes[1:, 0] = (48, MISSING)
    codes[2, 1] = 2
    codes[0, 2] = ABSENT
    broken = Table(table.schema, codes, table.texts)
    assert broken.invalid_cells().tolist() == [
        [False, False, True],
        [True, False, False],
        [True, True, False],
    ]
    with pytest.raises(AssertionError, match="age"):
        broken.to_frame()


def test_arrays_that_do_not_fit_the_schema_are_rejected(table: Table) -> None:
    with pytest.raises(ValueError, match="shape"):
        Table(table.schema, table.codes[:, :2], table.texts)
    with pytest.raises(ValueError, match="shape"):
        Table(table.schema, table.codes[0], table.texts)
    with pytest.raises(ValueError, match="int64 of shape"):
        Table(table.schema, table.codes.astype(np.int32), table.texts)
    with pytest.raises(ValueError, match="texts"):
        Table(table.schema, table.codes, {0: ("a",)})
    assert Table(table.schema, np.asfortranarray(table.codes), table.texts).codes.flags.c_contiguous


def test_frames_that_do_not_fit_the_schema_are_rejected(table: Table, frame: pd.DataFrame) -> None:
    with pytest.raises(SchemaError, match="Select them in this order"):
        Table.from_frame(frame[["note", "age", "class"]], table.schema)
    with pytest.raises(SchemaError, match="Select them"):
        Table.from_frame(frame.drop(columns="age"), table.schema)
    with pytest.raises(SchemaError, match="'age' holds 99") as caught:
        Table.from_frame(frame.assign(age=[31, 99, 5]), table.schema)
    assert (caught.value.column, caught.value.context["value"]) == ("age", 99)


def test_half_a_million_rows_come_back() -> None:
    n_rows = 500_000
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "whole": random.integers(0, 100, n_rows),
            "decimal": random.normal(size=n_rows).round(3),
            "word": random.choice(np.array(["a", "b", None], dtype=object), n_rows),
            "mixed": np.array([1, "1", True], dtype=object)[random.integers(0, 3, n_rows)],
            "day": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(random.integers(0, 99, n_rows), "D"),
        }
    )
    table = Table.from_frame(frame, Schema.infer(frame))
    pd.testing.assert_frame_equal(table.to_frame(), frame)
