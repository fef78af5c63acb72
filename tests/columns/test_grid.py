from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from counterpoise.columns import Schema
from counterpoise.columns import _number as grid
from counterpoise.columns._ranged import coarsen


@pytest.mark.parametrize(
    ("numbers", "decimals"),
    [
        ([0.5329999999999999], 3),
        ([0.1 + 0.2, 0.9990000000000001], 1 + 2),
        ([1.0, 2.0, -7.0], 0),
        ([1234567.25, 3.0], 2),
        ([63770.42801, 1121.8739], 5),
        ([1e-7], 7),
        ([0.0], 0),
        ([1e18, 2.0], 0),
        ([12345678.123456, 0.1], 6),
        ([0.1 + 0.2 - 0.3, 1.5], 1),
        ([0.1, 0.7 * 3, 1.1 * 1.1], 2),
    ],
)
def test_decimals_are_those_of_the_values_without_noise(
    numbers: list[float], decimals: int
) -> None:
    assert grid.fit_decimals(np.array(numbers)) == (decimals, True)


@pytest.mark.parametrize(
    ("dtype", "numbers", "decimals"),
    [
        (np.float32, [0.533, 12.25], 3),
        (np.float32, [123.456, 0.1], 3),
        (np.float16, [0.5, 0.25], 2),
        (np.float16, [0.1, 0.9], 1),
        (np.float32, [16777216.0, 3.0], 0),
    ],
)
def test_short_floats_are_judged_by_their_own_precision(
    dtype: type[np.floating], numbers: list[float], decimals: int
) -> None:
    assert grid.fit_decimals(np.array(numbers, dtype=dtype)) == (decimals, True)


@pytest.mark.parametrize(
    ("scale", "dtype", "decimals"),
    [
        (1.0, np.float64, 5),
        (1e-3, np.float64, 8),
        (1e4, np.float64, 1),
        (1e9, np.float64, 0),
        (1.0, np.float32, 5),
        (1.0, np.float16, 2),
    ],
)
def test_full_precision_is_cut_to_six_digits_of_the_largest(
    scale: float, dtype: type[np.floating], decimals: int
) -> None:
    # The largest of 200 normal deviates lies in 1 to 9.99 but for a chance below 1e-20.
    numbers = (np.random.default_rng(0).normal(size=200) * scale).astype(dtype)
    assert grid.fit_decimals(numbers) == (decimals, False)


SIZES = st.floats(1e-9, 1e12)


@given(
    hnp.arrays(np.float64, st.integers(1, 30), elements=SIZES | SIZES.map(lambda size: -size)),
    st.integers(0, 8),
)
def test_the_inner_bound_is_the_lowest_grid_point_within_the_numbers(
    numbers: np.ndarray, decimals: int
) -> None:
    low = grid._inner_bound(numbers, decimals)
    scale = 10.0**decimals
    assert low / scale >= numbers.min()
    assert (low - 1) / scale < numbers.min() or abs(low) > 2**53


@given(st.integers(-(10**15), 10**15), st.integers(0, 22))
def test_numbers_of_codes_print_short(code: int, decimals: int) -> None:
    number = float(grid.to_numbers(np.array([code]), decimals)[0])
    assert number == float(f"{code}e-{decimals}")
    assert grid.to_codes(np.array([number]), decimals)[0] == code


@pytest.mark.parametrize(
    ("bound", "decimals", "low", "high"),
    [
        (0.1, 1, 1, 1),
        (0.1 + 0.2, 1, 3, 3),
        (0.15, 1, 2, 1),
        (-0.15, 1, -1, -2),
        (np.float32(0.1), 1, 1, 1),
        (2**60 + 1, 0, 2**60 + 1, 2**60 + 1),
        (7, 2, 700, 700),
    ],
)
def test_bounds_are_rounded_inwards(bound: float, decimals: int, low: int, high: int) -> None:
    assert math.ceil(grid.grid_units(bound, decimals)) == low
    assert math.floor(grid.grid_units(bound, decimals)) == high


def test_a_value_that_repeats_off_a_coarse_grid_is_an_exception() -> None:
    measured = np.arange(40) * 10_000_000
    filled = np.full(30, 201_350_433)
    assert coarsen(np.concatenate([measured, filled]), 8) == (10**7, (201_350_433,))


@pytest.mark.parametrize(
    ("measured", "others"),
    [
        (np.arange(40) * 10**7, np.arange(1, 31)),  # values that do not repeat
        (np.arange(20) * 10**7, np.full(30, 201_350_433)),  # most cells are the exception
        (np.arange(400) * 10**7, np.repeat(np.arange(1, 18), 12)),  # too many of them
        (np.arange(40) * 100, np.full(30, 33)),  # two decimals are not worth it
    ],
)
def test_other_columns_keep_their_grid(
    measured: npt.NDArray[np.int64], others: npt.NDArray[np.int64]
) -> None:
    assert coarsen(np.concatenate([measured, others]), 8) == (1, ())


def test_more_decimals_than_codes_have_digits_are_no_grid() -> None:
    assert coarsen(np.array([1, 2, 3]), grid.MAX_DECIMALS) == (1, ())


@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_an_end_that_floats_do_not_tell_from_what_is_beyond_it_is_inside(k):
    largest = 2.0**52 + k
    column = Schema.infer(pd.DataFrame({"x": [0.0, -1319.0, largest]}), range_margin=1.0)[0]
    assert column.high > 2**53
    ends = np.array([column.low, column.high])
    decoded = column.decode(ends)
    assert column.decode(column.encode(decoded)).tolist() == decoded.tolist()
