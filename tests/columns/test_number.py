from __future__ import annotations

import dataclasses
import decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.columns import ABSENT, MISSING, NumericColumn
from counterpoise.errors import SchemaError
from counterpoise.grammar._ranges import plain_text


def infer(cells: Any, dtype: Any = None, kind: Any = None) -> NumericColumn:
    return NumericColumn.infer(pd.Series(cells, dtype=dtype, name="x"), kind)


def test_integers_are_coded_as_they_are() -> None:
    series = pd.Series([3, -2, 3], name="x", dtype="int16")
    column = NumericColumn.infer(series)
    assert (column.kind, column.low, column.high, column.decimals) == ("integer", -2, 3, 0)
    assert column.encode(series).tolist() == [3, -2, 3]
    assert not column.has_missing


def test_whole_floats_are_integers_with_their_dtype() -> None:
    series = pd.Series([1.0, np.nan, 3.0], name="x")
    column = NumericColumn.infer(series)
    assert (column.kind, column.has_missing) == ("integer", True)
    codes = column.encode(series)
    assert codes.tolist() == [1, MISSING, 3]
    pd.testing.assert_series_equal(column.decode(codes), series)


def test_noise_is_not_kept() -> None:
    series = pd.Series([0.5329999999999999, 12.5], name="x")
    column = NumericColumn.infer(series)
    assert column.decode(column.encode(series)).tolist() == [0.533, 12.5]


@pytest.mark.parametrize("dtype", ["int64", "Int64", "int64[pyarrow]", object])
def test_integers_beyond_float_precision_are_exact(dtype: Any) -> None:
    if dtype == "int64[pyarrow]":
        pytest.importorskip("pyarrow")
    cells = [2**53 + 1, -(2**62) - 1, 2**63 - 1]
    column = infer(cells, dtype)
    series = pd.Series(cells, dtype=dtype, name="x")
    restored = column.decode(column.encode(series))
    assert [int(cell) for cell in restored] == cells
    assert restored.dtype == series.dtype


finite = st.floats(-1e12, 1e12).filter(lambda number: number == 0 or abs(number) > 1e-12)


@given(st.lists(finite | st.none(), min_size=1, max_size=40).filter(lambda c: set(c) != {None}))
def test_floats_stay_inside_the_observed_range_and_print_short(cells: list[float | None]) -> None:
    series = pd.Series(cells, dtype="float64", name="x")
    column = NumericColumn.infer(series)
    codes = column.encode(series)
    restored = column.decode(codes)
    assert column.contains(codes).all()
    assert np.array_equal(column.encode(restored), codes)
    assert restored.isna().equals(series.isna())
    noise = 1e-14 * series.abs().max() + 1e-22
    assert restored.min() >= series.min() - noise
    assert restored.max() <= series.max() + noise
    # Half a unit where it is rounded, up to one where it is clipped into the observed range.
    assert (restored - series).abs().max() <= 10.0**-column.decimals + noise
    for number in restored[~np.isin(codes, column.atoms)].dropna():
        short = np.float32(number) if column.is_single else number
        exponent = decimal.Decimal(str(short)).normalize().as_tuple().exponent
        assert int(exponent) >= -column.decimals


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=40))
def test_short_floats_stay_inside_the_observed_range(cells: list[float]) -> None:
    series = pd.Series(cells, dtype="float32", name="x")
    if 0 < series.abs().max() < 1e-9:
        return
    column = NumericColumn.infer(series)
    codes = column.encode(series)
    restored = column.decode(codes)
    assert restored.dtype == np.float32
    assert restored.min() >= series.min() - 1e-6 * series.abs().max()
    assert restored.max() <= series.max() + 1e-6 * series.abs().max()
    assert column.encode(restored).tolist() == codes.tolist()


def test_full_precision_never_leaves_the_observed_range() -> None:
    series = pd.Series(np.random.default_rng(0).normal(size=1000), name="x")
    column = NumericColumn.infer(series)
    assert column.decimals == 5
    ends = column.decode(np.array([column.low, column.high]))
    assert series.min() <= ends[0] < ends[1] <= series.max()
    assert np.abs(column.decode(column.encode(series)) - series).max() <= 1e-5


def test_a_constant_of_full_precision_gets_the_decimals_that_it_needs() -> None:
    column = infer([1 / 3, 1 / 3])
    assert column.low == column.high
    assert column.decode(np.array([column.low]))[0] == pytest.approx(1 / 3, rel=1e-15)


@pytest.mark.parametrize(
    "number",
    [
        900719925475.9065,  # one more decimal would take the code past 2**53
        -1.2421029677084712,
        2.0**-24 * (1 + 2.0**-40),  # no number of float32
    ],
)
def test_a_constant_between_two_codes_is_kept_as_it_is(number: float) -> None:
    column = infer([number, number, None], "float64")
    assert column.decode(column.encode(pd.Series([number, None]))).tolist()[0] == number


def test_margin_widens_both_sides_but_not_below_zero() -> None:
    column = infer([10, 20]).widened(0.5)
    assert (column.low, column.high) == (5, 25)
    assert (infer([1, 21]).widened(0.5).low, infer([-1, 19]).widened(0.5).low) == (0, -11)
    assert infer([0, 250], "uint8").widened(1.0).high == 255
    assert infer([-100, 100], "int8").widened(1.0).low == -128


def test_ranges_replace_what_was_observed() -> None:
    column = infer([0.25, 0.5]).restrict_range(0, 1)
    assert (column.low, column.high) == (0, 100)
    assert (infer([0.1, 0.3]).restrict_range(0.1, 0.1 + 0.2).high) == 3
    observed = pd.Series(np.random.default_rng(0).normal(size=100))
    assert infer(observed).restrict_range(observed.min(), observed.max()) == infer(observed)


@pytest.mark.parametrize(
    "bounds", [(9, 3), (float("nan"), 9), (0, float("inf")), ("a", "b"), (None, 1)]
)
def test_ranges_that_cannot_be_are_rejected(bounds: tuple[Any, Any]) -> None:
    with pytest.raises(SchemaError, match="'x'") as caught:
        infer([2, 5]).restrict_range(*bounds)
    assert caught.value.column == "x"


def test_numerals_come_back_as_they_were_written() -> None:
    series = pd.Series(["1.50", None, "-0.25"], dtype="string", name="x")
    column = NumericColumn.infer(series, "decimal")
    codes = column.encode(series)
    assert codes.tolist() == [150, MISSING, -25]
    pd.testing.assert_series_equal(column.decode(codes), series)
    assert infer(["1", "20"], "string").kind == "integer"


@pytest.mark.parametrize(
    "cells",
    [
        *(["1", "007"], ["1.5", "2.50"], ["1", "x"], ["1e3"], ["9" * 30], ["1_0"], ["1,00,0"]),
        *(
            ["+1", "1"],
            ["-0"],
            [" 1"],
            ["1."],
            [".5"],
            [""],
            ["nan"],
            ["\u0661"],
            ["0x1"],
            ["1.2.3"],
        ),
    ],
)
def test_numerals_that_could_not_be_restored_are_rejected(cells: list[str]) -> None:
    with pytest.raises(SchemaError, match="'x'"):
        infer(cells, "string")


@pytest.mark.parametrize(
    ("cells", "dtype", "match"),
    [
        ([1.0, np.inf], "float64", "Replace infinite"),
        ([-np.inf, 1.0], "float32", "Replace infinite"),
        ([1, 2**64 - 1], "uint64", "astype"),
        ([-(2**63)], "int64", "astype"),
        ([2**70, 1], object, "astype"),
        ([1e30, 1.5], "float64", "size"),
        ([1e-30, 3.3e-30], "float64", "size"),
        ([1, "a"], object, "to_numeric"),
        ([1, True], object, "to_numeric"),
        ([1j], "complex128", "astype"),
        ([True], "bool", "astype"),
        ([decimal.Decimal(1)], object, "to_numeric"),
    ],
)
def test_what_is_no_usable_number_is_rejected(cells: list[Any], dtype: Any, match: str) -> None:
    with pytest.raises(SchemaError, match=match) as caught:
        infer(cells, dtype)
    assert caught.value.column == "x"
    assert "'x'" in str(caught.value)


def test_integer_is_refused_where_values_are_not_whole() -> None:
    with pytest.raises(SchemaError, match=r"1\.5"):
        infer([1.0, 1.5], kind="integer")
    with pytest.raises(SchemaError, match="floats"):
        infer([1, 2.0], object, kind="integer")


def test_cells_outside_the_range_are_rejected() -> None:
    column = infer([1, 5])
    for cells, value in ([6], 6), ([3, 0], 0):
        with pytest.raises(SchemaError, match="range 1 to 5") as caught:
            column.encode(pd.Series(cells, name="x"))
        assert caught.value.context["value"] == value
    column = infer([0.1, 0.5])
    for cell in (0.0, 0.6, 100.0):
        with pytest.raises(SchemaError, match="range"):
            column.encode(pd.Series([cell], name="x"))
    whole = infer([1e18, 2.0])
    assert whole.encode(pd.Series([1e18], name="x")).tolist() == [10**18]
    with pytest.raises(SchemaError, match="range"):
        whole.encode(pd.Series([1.1e18], name="x"))


def test_cells_of_another_dtype_or_missing_are_rejected() -> None:
    column = infer([1.0, 5.0])
    with pytest.raises(SchemaError, match="dtype int64"):
        column.encode(pd.Series([1], name="x"))
    with pytest.raises(SchemaError, match="missing in row 1"):
        column.encode(pd.Series([1.0, np.nan], name="x"))


def test_only_codes_of_the_domain_decode() -> None:
    column = infer([1, 5])
    assert column.contains(np.array([0, 1, 5, 6, MISSING, ABSENT])).tolist() == [
        *(False, True, True, False, False, False)
    ]
    for code in (0, 6, MISSING, ABSENT):
        with pytest.raises(AssertionError):
            column.decode(np.array([code]))


def test_a_million_rows() -> None:
    series = pd.Series(np.random.default_rng(0).normal(size=10**6), name="x")
    column = NumericColumn.infer(series)
    assert len(column.decode(column.encode(series))) == 10**6


MEASURED = [0.2, 0.5, 1.1, 1.8, 2.4, 2.9, 3.3, 10.6] * 5
FILLED = [2.01350433] * 30


def test_a_mean_that_gaps_were_filled_with_does_not_lengthen_the_others() -> None:
    series = pd.Series([*MEASURED, *FILLED, np.nan], name="x")
    column = NumericColumn.infer(series)
    assert (column.step, column.atoms) == (10**7, (201350433,))
    assert (column.usual_decimals, column.n_values) == (1, 105 + 1)
    pd.testing.assert_series_equal(column.decode(column.encode(series)), series)


def test_cells_off_the_coarse_grid_come_to_the_nearest_that_is_possible() -> None:
    column = infer([*MEASURED, *FILLED])
    cells = pd.Series([2.0135, 2.0136, 1.97, 0.24999, 10.6], name="x")
    decoded = column.decode(column.encode(cells)).tolist()
    assert decoded == [2.01350433, 2.01350433, 2.0, 0.2, 10.6]


def test_only_the_coarse_grid_and_the_exceptions_are_possible() -> None:
    column = infer([*MEASURED, *FILLED])
    possible = column.contains(np.array([201350433, 201350434, 30_000_000, 30_000_001]))
    assert possible.tolist() == [True, False, True, False]


def test_ends_of_a_range_move_to_what_is_possible() -> None:
    column = infer([*MEASURED, *FILLED]).restrict_range(0.25, 2.015)
    assert column.code_range == (30_000_000, 201350433)
    only = column.restrict_range(2.01, 2.05)
    assert only.n_values == 1
    assert only.nearest(np.array([0, 201350433, 10**9])).tolist() == [201350433] * 3
    with pytest.raises(SchemaError, match="no value"):
        column.restrict_range(2.02, 2.05)


def test_more_values_are_counted_than_a_range_has_length_for() -> None:
    limit = 2**62
    assert infer([-limit, limit - 1], "int64").n_values == 2**63


@pytest.mark.parametrize(
    "changes",
    [
        {"step": 3},
        {"step": 10**9},
        {"atoms": (201350433, 201350433)},
        {"atoms": (2, 1)},
        {"atoms": (2**63 - 1,)},
        {"numbers": (0.5, 0.25)},
        {"low": 1},
    ],
)
def test_steps_and_exceptions_that_cannot_be_are_rejected(changes: dict[str, Any]) -> None:
    column = infer([*MEASURED, *FILLED])
    with pytest.raises(SchemaError, match="step"):
        dataclasses.replace(column, **changes)


@given(
    st.lists(st.integers(ABSENT + 1, 2**63 - 1), min_size=1, max_size=9),
    st.integers(0, 9),
)
def test_numerals_of_any_length_come_back(codes: list[int], decimals: int) -> None:
    texts = [plain_text(code, decimals) for code in codes]
    column = infer(texts, "string", "decimal" if decimals else "integer")
    series = pd.Series(texts, dtype="string", name="x")
    assert column.encode(series).tolist() == codes
    pd.testing.assert_series_equal(column.decode(np.array(codes)), series)
