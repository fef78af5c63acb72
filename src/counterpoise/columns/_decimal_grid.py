"""Decimal grids: the multiples of ``10**-decimals`` that a column's numbers lie on.

A code is a whole number of grid units, so values are short, exact and free of floating-point noise.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, Final

import numpy as np
import numpy.typing as npt

MAX_DECIMALS: Final = 22  # 10**22 is the largest power of ten that float64 holds exactly
LARGEST_POWER: Final = 18  # of ten that an int64 holds

_SIGNIFICANT_DIGITS: Final = 6  # kept, from the first digit of the largest number, if nothing fits
_NOISE_EPSILONS: Final = 4  # rounding errors, in units of the column's largest number, are noise
_NOISE_SHARE: Final = 0.01  # up to this share of a grid unit; finer grids must fit exactly
_BOUND_NOISE: Final = Decimal("1e-15")  # relative error of a computed bound, such as 0.1 + 0.2

FEWEST_SAVED: Final = 3  # decimals that a coarser grid with exceptions must save
_MAX_EXCEPTIONS: Final = 16  # values that may lie off the coarser grid
_REPEATED: Final = 10  # cells per exception, on average: it came from elsewhere, such as a mean

Floats = npt.NDArray[np.floating[Any]]
Codes = npt.NDArray[np.int64]


def fit_decimals(numbers: Floats) -> tuple[int, bool]:
    """Find the smallest number of decimals that represents all numbers (finite, shape (n,)).

    A number lies on a grid if it is within a few rounding errors of it, while such errors are
    small beside the grid's unit, and if it is the nearest number of its dtype on finer grids. Grids
    are tried up to the digits that the dtype keeps (15 for float64, 6 for float32).

    Returns
    -------
    decimals : int
        Number of decimals, from 0 to MAX_DECIMALS.
    is_exact : bool
        Whether all numbers lie on the grid. If not, `decimals` keeps 6 significant digits of the
        largest number.

    Examples
    --------
    >>> fit_decimals(np.array([0.5329999999999999, 12.5]))
    (3, True)
    >>> fit_decimals(np.random.default_rng(0).normal(size=100))
    (5, False)
    """
    remaining = np.unique(numbers).astype(np.float64)
    if np.array_equal(remaining, np.rint(remaining)):
        return 0, True
    limits = np.finfo(numbers.dtype)
    largest = float(np.abs(remaining).max())
    if largest >= 10.0**limits.precision:
        return 0, False
    noise = _NOISE_EPSILONS * float(limits.eps) * largest
    n_digits = math.floor(math.log10(largest)) + 1  # before the decimal point; negative below 0.1
    for decimals in range(max(0, min(limits.precision - n_digits, MAX_DECIMALS)) + 1):
        units = to_codes(remaining, decimals)
        fits = to_numbers(units, decimals).astype(numbers.dtype).astype(np.float64) == remaining
        if noise * 10.0**decimals <= _NOISE_SHARE:
            fits |= np.abs(remaining * 10.0**decimals - units) <= noise * 10.0**decimals
        remaining = remaining[~fits]  # what fits one grid fits every finer one
        if not len(remaining):
            return decimals, True
    kept = min(_SIGNIFICANT_DIGITS, limits.precision)
    return max(0, min(kept - n_digits, MAX_DECIMALS)), False


def to_codes(numbers: Floats, decimals: int) -> Codes:
    """Nearest grid units; numbers must be finite and their codes within int64."""
    codes: Codes = np.rint(numbers.astype(np.float64) * 10.0**decimals).astype(np.int64)
    return codes


def to_numbers(codes: Codes, decimals: int) -> npt.NDArray[np.float64]:
    """Numbers of grid units: the float64 nearest to each decimal, so that it prints short."""
    return codes / 10.0**decimals


def coarsen(codes: Codes, decimals: int) -> tuple[int, tuple[int, ...]]:
    """Find a coarser grid that holds all codes but a few values, which repeat.

    A column of measurements with one decimal whose gaps were filled with the mean needs nine
    decimals for that one value. It is better described as one decimal, and the mean besides.

    Returns
    -------
    step : int
        A power of ten. All codes but the exceptions are its multiples; 1 where no coarser grid
        saves three decimals or more, or where fewer than half of the codes lie on it.
    exceptions : tuple of int
        The distinct others, ascending; 16 at most, and repeated ten times on average.

    Examples
    --------
    >>> coarsen(np.array([1_000_000, 1_200_000, 3_100_000, 5_300_000] * 10 + [2_137_513] * 10), 6)
    (100000, (2137513,))
    """
    for kept in range(max(0, decimals - LARGEST_POWER), decimals - FEWEST_SAVED + 1):
        step = 10 ** (decimals - kept)
        off = codes[codes % step != 0]
        if len(off) > len(codes) / 2:
            continue
        values = np.unique(off)
        if len(values) * _REPEATED <= len(off) and len(values) <= _MAX_EXCEPTIONS:
            return step, tuple(int(value) for value in values)
    return 1, ()


def ceil_to_grid(bound: Any, decimals: int) -> int:
    """Smallest code that is not below `bound`, taken as the decimal that it prints as."""
    return math.ceil(_scaled(bound, decimals))


def floor_to_grid(bound: Any, decimals: int) -> int:
    """Largest code that is not above `bound`, taken as the decimal that it prints as."""
    return math.floor(_scaled(bound, decimals))


def _scaled(bound: Any, decimals: int) -> Decimal:
    """Grid units of a bound; one within floating-point noise of a grid point is that point."""
    units = Decimal(str(bound)).scaleb(decimals)
    nearest = units.to_integral_value()
    return nearest if abs(units - nearest) <= abs(units) * _BOUND_NOISE else units


def is_finest(numbers: Floats, decimals: int) -> bool:
    """Whether a grid with more decimals would have codes that float64 does not tell apart."""
    largest = float(np.abs(numbers).max())
    return decimals >= MAX_DECIMALS or largest * 10.0 ** (decimals + 1) > 2**53


def inner_bounds(numbers: Floats, decimals: int) -> tuple[int, int]:
    """Lowest and highest code whose number lies within the observed ones.

    The low bound is above the high one where the grid has no point between them.
    """
    lowest, highest = numbers.min(), numbers.max()
    scale, exact = 10.0**decimals, numbers.dtype.type
    low = math.ceil(float(lowest) * scale)
    high = math.floor(float(highest) * scale)
    # The products are rounded, and so is the cast to a short dtype: compare the numbers restored.
    while exact(low / scale) < lowest:
        low += 1
    while exact(high / scale) > highest:
        high -= 1
    # Rounding can also hide a code that fits, and several where the dtype is coarser than the grid.
    while exact((low - 1) / scale) >= lowest:
        low -= 1
    while exact((high + 1) / scale) <= highest:
        high += 1
    return low, high
