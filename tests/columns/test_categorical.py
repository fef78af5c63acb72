from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterpoise.columns import ABSENT, MISSING, CategoricalColumn
from counterpoise.errors import SchemaError


def infer(
    cells: Any, dtype: Any = None, kind: str = "categorical", categories: Any = None
) -> CategoricalColumn:
    column = CategoricalColumn.infer(pd.Series(cells, dtype=dtype, name="x"), kind)
    return column if categories is None else column.with_categories(categories)


def test_categories_are_the_sorted_observed_values() -> None:
    series = pd.Series(["b", "a", None, "b"], name="x")
    column = CategoricalColumn.infer(series, "categorical")
    assert column.categories == ("a", "b")
    codes = column.encode(series)
    assert codes.tolist() == [1, 0, MISSING, 1]
    pd.testing.assert_series_equal(column.decode(codes), series)


def test_one_and_true_and_the_string_stay_apart() -> None:
    cells = [1, "1", True, 1.0, None, True, 0, False]
    series = pd.Series(cells, dtype=object, name="x")
    column = CategoricalColumn.infer(series, "categorical")
    assert [(type(value), value) for value in column.categories] == [
        *((int, 1), (str, "1"), (bool, True), (float, 1.0), (int, 0), (bool, False))
    ]
    restored = column.decode(column.encode(series))
    assert [(type(cell), cell) for cell in restored] == [(type(cell), cell) for cell in cells]


@pytest.mark.parametrize("marker", [None, np.nan, pd.NA, pd.NaT])
def test_an_object_column_keeps_its_missing_marker(marker: Any) -> None:
    series = pd.Series(["a", marker, "b"], dtype=object, name="x")
    column = CategoricalColumn.infer(series, "categorical")
    assert column.decode(column.encode(series))[1] is marker or marker is np.nan
    assert type(column.decode(column.encode(series))[1]) is type(marker)


def test_unused_categories_of_a_dtype_are_kept_there_and_never_coded() -> None:
    dtype = pd.CategoricalDtype(["low", "none", "high"], ordered=True)
    series = pd.Series(["high", "low", None], dtype=dtype, name="x")
    column = CategoricalColumn.infer(series, "ordered")
    assert column.categories == ("low", "high")
    assert column.encode(series).tolist() == [1, 0, MISSING]
    assert repr(column.decode(column.encode(series)).dtype) == repr(dtype)
    named = column.with_categories(["low", "none", "high"])
    assert named.decode(np.array([1])).tolist() == ["none"]


@pytest.mark.parametrize(
    ("cells", "dtype", "categories"),
    [
        ([3, 1], "int8", (1, 3)),
        ([3, None], "Int64", (3,)),
        ([0.1, np.nan], "float32", (0.1,)),
        ([0.1, 1.5], "float64", (0.1, 1.5)),
        ([0.1], "Float32", (0.1,)),
        (["2020-01-01"], "M8[s]", (pd.Timestamp("2020-01-01"),)),
        ([True], "bool", (True,)),
        ([datetime.time(3), datetime.time(1)], object, (datetime.time(1), datetime.time(3))),
        ([("a", 1), ("a", 0)], object, (("a", 0), ("a", 1))),
    ],
)
def test_any_dtype_can_be_categorical(
    cells: list[Any], dtype: Any, categories: tuple[Any, ...]
) -> None:
    series = pd.Series(cells, dtype=dtype, name="x")
    column = CategoricalColumn.infer(series, "categorical")
    assert column.categories == categories
    pd.testing.assert_series_equal(column.decode(column.encode(series)), series)


def test_cells_outside_the_categories_are_rejected() -> None:
    column = infer(["a", "b"])
    with pytest.raises(SchemaError, match="'c'") as caught:
        column.encode(pd.Series(["a", "c"], name="x"))
    assert (caught.value.column, caught.value.context["value"]) == ("x", "c")
    with pytest.raises(SchemaError, match="missing in row 1"):
        column.encode(pd.Series(["a", None], name="x"))
    with pytest.raises(SchemaError, match="dtype"):
        column.encode(pd.Series([1], name="x"))
    mixed = infer([1, "a"], object)
    with pytest.raises(SchemaError, match="True"):
        mixed.encode(pd.Series([True], dtype=object))


def test_given_categories_must_include_the_observed_and_fit_the_dtype() -> None:
    assert infer(["a", "b"], categories=["c", "b", "a"]).categories == ("c", "b", "a")
    assert infer([1, 2], categories=[2, 1, 7]).decode(np.array([2])).tolist() == [7]
    with pytest.raises(SchemaError, match="Name it there too"):
        infer(["a", "b"], categories=["a"])
    with pytest.raises(SchemaError, match="each of them once"):
        infer(["a"], categories=["a", "a"])
    for cells, dtype, given in [
        ([1], "int8", [1, 300]),
        ([1], "int64", [1, "a"]),
        ([1], "int64", [1, 2.5]),
        (["a"], pd.CategoricalDtype(["a"]), ["a", "b"]),
        (["a"], "string", ["a", 1]),
        (["a"], object, ["a", None]),
    ]:
        with pytest.raises(SchemaError, match="'x'"):
            infer(cells, dtype, categories=given)


@pytest.mark.parametrize("cell", [["a"], {"a": 1}, {1}, np.array([1]), ("a", []), object()])
def test_cells_that_are_no_single_value_are_rejected(cell: Any) -> None:
    series = pd.Series([None, "a"], dtype=object, name="x")
    series[0] = cell
    with pytest.raises(SchemaError, match="'x'") as caught:
        CategoricalColumn.infer(series, "categorical")
    assert caught.value.column == "x"


def test_boolean_needs_two_values_at_most() -> None:
    assert infer([0, 1], kind="boolean").categories == (0, 1)
    with pytest.raises(SchemaError, match="3 distinct values"):
        infer([0, 1, 2], kind="boolean")


def test_only_codes_of_the_domain_decode() -> None:
    column = infer(["a", "b"])
    assert column.contains(np.array([-1, 0, 1, 2, MISSING, ABSENT])).tolist() == [
        *(False, True, True, False, False, False)
    ]
    for code in (-1, 2, MISSING, ABSENT):
        with pytest.raises(AssertionError):
            column.decode(np.array([code]))


@pytest.mark.parametrize("dtype", [object, "category", "string"])
def test_a_million_rows(dtype: str) -> None:
    words = np.array(["a", "b", "c"], dtype=object)[np.arange(10**6) % 3]
    column = infer(words, dtype)
    assert len(column.decode(column.encode(pd.Series(words, dtype=dtype, name="x")))) == 10**6
