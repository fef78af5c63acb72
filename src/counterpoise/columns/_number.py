"""Columns of numbers: whole, or multiples of a power of ten."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from numbers import Number
from typing import Any, Final, Self, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.columns._base import (
    ABSENT,
    MARKERS,
    MISSING,
    TEXT_END,
    Codes,
    Column,
    Mask,
    RangedColumn,
    column_error,
    distinct,
    is_object,
    is_string,
    present_types,
    register_column_type,
)
from counterpoise.columns._json import Dtype
from counterpoise.errors import SchemaError
from counterpoise.grammar import Automaton, framed
from counterpoise.grammar import _ranges as ranges

MAX_DECIMALS: Final = 22  # 10**22 is the largest power of ten that float64 holds exactly
_LARGEST_POWER: Final = 18  # of ten that an int64 holds
_FLOAT_LIMIT: Final = 2**62  # codes of floats stay below, so that none is rounded out of int64
_INT64_MAX: Final = int(np.iinfo(np.int64).max)

_SIGNIFICANT_DIGITS: Final = 6  # kept, from the first digit of the largest number, if nothing fits
_NOISE_EPSILONS: Final = 4  # rounding errors, in units of the column's largest number, are noise
_NOISE_SHARE: Final = 0.01  # up to this share of a grid unit; finer grids must fit exactly
_BOUND_NOISE: Final = Decimal("1e-15")  # relative error of a computed bound, such as 0.1 + 0.2

_FEWEST_SAVED: Final = 3  # decimals that a coarser grid with exceptions must save
_MAX_EXCEPTIONS: Final = 16  # values that may lie off the coarser grid
_REPEATED: Final = 10  # cells per exception, on average: it came from elsewhere, such as a mean

_NUMBER_TYPES = (int, float, np.integer, np.floating)

Floats = npt.NDArray[np.floating[Any]]


@register_column_type
@dataclass(frozen=True)
class NumericColumn(RangedColumn):
    """A column of numbers on a decimal grid.

    An object column of kind integer holds Python ints, one of kind decimal Python floats; a string
    column holds numerals with `decimals` decimals; a float column can be of kind integer.
    """

    kinds = ("integer", "decimal")
    priority = 30

    decimals: int  # a code is a multiple of 10**-decimals; 0 for kind integer
    step: int = 1  # a power of ten; codes are its multiples, apart from the exceptions
    exceptions: tuple[int, ...] = ()  # ascending, such as a mean that gaps were filled with

    def __post_init__(self) -> None:
        super().__post_init__()
        native = _number_dtype(self.dtype)
        if native is None and not (is_object(self.dtype) or is_string(self.dtype)):
            raise self._error(
                f"has dtype {self.dtype}, which holds no numbers. Convert it with `astype`."
            )
        is_integer = self.kind == "integer" or (native is not None and native.kind != "f")
        self._check_range()
        if not (
            0 <= self.decimals <= (0 if is_integer else MAX_DECIMALS)
            and self.step in [10**power for power in range(min(self.decimals, _LARGEST_POWER) + 1)]
            and list(self.exceptions) == sorted(set(self.exceptions))
            and all(code % self.step for code in self.exceptions)
            and bool(self.contains(np.array([self.low, self.high, *self.exceptions])).all())
        ):
            raise self._error(
                f"(kind {self.kind}, dtype {self.dtype}) cannot have {self.decimals} decimals, the "
                f"step {self.step} and the exceptions {self.exceptions}."
            )

    @classmethod
    def recognizes(cls, series: pd.Series[Any]) -> bool:
        if is_object(series.dtype):
            types = present_types(series)
            return bool not in types and all(issubclass(kind, Number) for kind in types)
        return getattr(series.dtype, "kind", "O") in "iuf"

    @classmethod
    def infer(cls, series: pd.Series[Any], kind: str | None = None) -> Self:
        if is_string(series.dtype):
            decimals = len(str(distinct(series)[1][0]).partition(".")[2])
            codes, missing = _read_numerals(series, decimals)
            low, high = int(codes[~missing].min()), int(codes[~missing].max())
            is_whole = not decimals
        else:
            values, missing = _read_numbers(series)
            decimals, low, high, is_whole = _fit(series, values[~missing], kind)
        column = cls.describing(
            series,
            kind or ("integer" if is_whole else "decimal"),
            has_missing=bool(missing.any()),
            low=low,
            high=high,
            decimals=decimals,
        )
        if column.decimals < _FEWEST_SAVED:
            return column
        codes = column.encode(series)
        step, exceptions = coarsen(codes[codes != MISSING], column.decimals)
        return replace(column, step=step, exceptions=exceptions)

    def encode(self, series: pd.Series[Any]) -> Codes:
        self.check_dtype(series)
        if is_string(self.dtype):
            codes, missing = _read_numerals(series, self.decimals)
            outside = (codes < self.low) | (codes > self.high)
        else:
            values, missing = _read_numbers(series)
            codes, outside = self._on_grid(values)
        return self._placed(series, codes, missing, outside)

    def _on_grid(self, values: npt.NDArray[Any]) -> tuple[Codes, Mask]:
        """Codes of numbers, and which numbers lie a grid unit or more outside the range."""
        if values.dtype.kind != "f" and not self.decimals:
            return values, (values < self.low) | (values > self.high)
        values = values if values.dtype.kind == "f" else values.astype(np.float64)
        exact, scale = values.dtype.type, 10.0**self.decimals
        # Where the dtype is coarser than the grid, the next unit rounds to the bound itself.
        below = min(exact((self.low - 1) / scale), np.nextafter(exact(self.low / scale), -np.inf))
        above = max(exact((self.high + 1) / scale), np.nextafter(exact(self.high / scale), np.inf))
        outside = (values <= below) | (values >= above)
        return to_codes(np.where(outside, exact(0), values), self.decimals), outside

    def decode(self, codes: Codes) -> pd.Series[Any]:
        assert self.contains(codes).all(), f"codes outside the domain of column {self.name!r}"
        missing = codes == MISSING
        codes = np.where(missing, 0, codes)
        cells: Any
        if is_string(self.dtype):
            cells = np.array([ranges.plain_text(code, self.decimals) for code in codes.tolist()])
            cells = np.where(missing, None, cells)
        elif is_object(self.dtype):
            values = codes if self.kind == "integer" else to_numbers(codes, self.decimals)
            cells = np.where(missing, MARKERS[self.marker], values.astype(object))
        else:
            native, dtype = _number_dtype(self.dtype), cast(Any, self.dtype)
            assert native is not None
            restored = codes if native.kind != "f" else to_numbers(codes, self.decimals)
            cells = pd.array(restored.astype(native), dtype=dtype)
            if missing.any():
                cells[missing] = np.nan if isinstance(self.dtype, np.dtype) else pd.NA
        return pd.Series(cells, name=self.name, dtype=self.dtype)

    def contains(self, codes: Codes) -> Mask:
        inside = (codes >= self.low) & (codes <= self.high)
        if self.step > 1:
            inside &= (codes % self.step == 0) | np.isin(codes, self.exceptions)
        return inside | (codes == MISSING) if self.has_missing else inside

    def nearest(self, codes: npt.NDArray[Any]) -> Codes:
        inside = super().nearest(codes)
        if self.step == 1:
            return inside
        steps = self.multiples
        if steps:
            found = np.rint(inside / self.step).astype(np.int64).clip(steps[0], steps[-1])
            found *= self.step
        else:
            found = np.full_like(inside, self.exceptions[0])
        for exception in self.exceptions:
            found = np.where(abs(inside - exception) < abs(inside - found), exception, found)
        return found

    @property
    def usual_decimals(self) -> int:
        """Decimals of all values but the exceptions."""
        return self.decimals - ranges.exponent(self.step)

    @property
    def multiples(self) -> range:
        """The multiples of `step` that are codes, each divided by it; an empty range if none."""
        return range(-(-self.low // self.step), self.high // self.step + 1)

    @property
    def n_values(self) -> float:
        steps = self.multiples  # of which there can be more than `len` counts
        return max(0, steps.stop - steps.start) + len(self.exceptions)

    def domain(self) -> str:
        text = super().domain()
        text += f", {self.usual_decimals} decimals" if self.usual_decimals else ""
        text += f", or one of {len(self.exceptions)} others" if self.exceptions else ""
        return text

    @property
    def min_rows_of_identifier(self) -> int | None:
        return 100 if self.kind == "integer" else None

    def _limits(self) -> tuple[int, int]:
        return _code_limits(self.dtype, self.decimals, self.kind == "integer")

    def _between(self, low: int, high: int) -> Self | None:
        exceptions = tuple(code for code in self.exceptions if low <= code <= high)
        ends = list(exceptions)
        first, last = -(-low // self.step) * self.step, high // self.step * self.step
        if first <= last:
            ends += [first, last]
        if not ends:
            return None
        return replace(self, low=min(ends), high=max(ends), exceptions=exceptions)

    def _units(self, bound: Any) -> Decimal:
        return grid_units(bound, self.decimals)

    @cached_property
    def _exception_texts(self) -> dict[int, str]:
        return {code: ranges.plain_text(code, self.decimals) for code in self.exceptions}

    def symbol_automaton(self) -> Automaton:
        return ranges.fixed_numbers(self.multiples, self.step, self._exception_texts)

    def symbols(self, code: int) -> list[Hashable]:
        return ranges.fixed_symbols(code, self.multiples, self.step, self._exception_texts)

    def digit_automaton(self) -> Automaton:
        return ranges.plain_numbers(
            self.multiples, self.decimals, TEXT_END, self.step, self.exceptions
        )

    def text_automaton(self) -> Automaton:
        return framed(self.digit_automaton(), " ")

    def text(self, code: int) -> str:
        return ranges.plain_text(code, self.decimals, self.step)

    def _units_of_text(self, text: str) -> float:
        return super()._units_of_text(text) * 10.0**self.decimals

    @property
    def unit_size(self) -> float:
        return float(10.0**-self.decimals)

    def common_scales(self, other: Column) -> tuple[int, int] | None:
        if not isinstance(other, NumericColumn):
            return None
        most = max(self.decimals, other.decimals)
        return 10 ** (most - self.decimals), 10 ** (most - other.decimals)

    def to_floats(self, series: pd.Series[Any]) -> npt.NDArray[np.float64]:
        parsed = pd.to_numeric(series, errors="coerce")
        return np.asarray(parsed.to_numpy(dtype=float, na_value=np.nan))

    def round_floats(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        rounded: npt.NDArray[np.float64] = np.round(values, self.decimals)
        return rounded


# The numbers in a column's cells


def _number_dtype(dtype: Dtype) -> np.dtype[Any] | None:
    """Return the numpy dtype of the numbers in cells of `dtype`; None where they are no numbers."""
    native = getattr(dtype, "numpy_dtype", dtype)  # of nullable and Arrow dtypes
    if isinstance(native, np.dtype) and native.kind in "iuf" and native.itemsize <= 8:
        # An Arrow decimal calls itself a number too; its dtype has kind "O".
        return native if getattr(dtype, "kind", "O") in "iuf" else None
    return None


def _code_limits(dtype: Dtype, decimals: int, is_whole: bool) -> tuple[int, int]:
    """Lowest and highest code that cells of `dtype` can restore."""
    native = _number_dtype(dtype)
    if native is not None and native.kind != "f":
        limits = np.iinfo(native)
        return max(int(limits.min), ABSENT + 1), min(int(limits.max), _INT64_MAX)
    if is_string(dtype) or (is_object(dtype) and is_whole):
        return ABSENT + 1, _INT64_MAX
    largest = np.finfo(native or np.dtype(np.float64)).max
    limit = min(_FLOAT_LIMIT, int(float(largest)) * 10**decimals)
    return -limit, limit


def _read_numbers(series: pd.Series[Any]) -> tuple[npt.NDArray[Any], Mask]:
    """Return the numbers of a column, 0 where missing, and which are missing.

    They are int64 wherever all are integers by type, else one of the float dtypes.
    """
    missing = series.isna().to_numpy(dtype=bool)
    if is_object(series.dtype):
        values = _object_numbers(series, missing)
    elif (dtype := _number_dtype(series.dtype)) is not None:
        if isinstance(series.dtype, np.dtype):
            values = np.where(missing, dtype.type(0), series.to_numpy())
        else:
            values = series.array.to_numpy(dtype=dtype, na_value=0)
    else:
        raise column_error(
            series.name,
            f"has dtype {series.dtype}, which holds no numbers that can be used. "
            "Convert it with `astype`, for instance to float.",
        )
    if values.dtype.kind != "f":
        ends = (int(values.min()), int(values.max())) if len(values) else ()
        for end in ends:
            if not ABSENT < end <= _INT64_MAX:
                raise _too_large(series, end)
        return values.astype(np.int64), missing
    missing = missing | np.isnan(values)  # a nullable float can hold NaN beside its missing cells
    values = np.where(missing, values.dtype.type(0), values)
    if not (finite := np.isfinite(values)).all():
        raise column_error(
            series.name,
            f"holds {values[~finite][0]} in row {int(finite.argmin())}. Replace infinite numbers.",
            float(values[~finite][0]),
        )
    return values, missing


def _object_numbers(series: pd.Series[Any], missing: Mask) -> npt.NDArray[Any]:
    is_whole = True
    for kind, rows in present_types(series).items():
        if not issubclass(kind, _NUMBER_TYPES) or kind is bool:
            value = series.iloc[int(rows[0])]
            raise column_error(
                series.name,
                f"is numeric, but holds {value!r}, a {kind.__name__}. "
                "Convert it with `pandas.to_numeric`, or declare it categorical.",
                value,
            )
        is_whole &= issubclass(kind, (int, np.integer))
    cells = np.where(missing, 0, series.to_numpy(dtype=object))
    try:
        return cells.astype(np.int64) if is_whole else cells.astype(np.float64)
    except OverflowError as error:
        raise _too_large(series, max(cells, key=abs)) from error


def _too_large(series: pd.Series[Any], value: int) -> SchemaError:
    return column_error(
        series.name,
        f"holds {value}, which is outside -2**63 + 2 to 2**63 - 1. Convert the column with "
        "`astype(str)` if it is an identifier, with `astype(float)` if it is a quantity.",
        value,
    )


# Numbers kept as strings: a string column that is declared to be numeric


def _read_numerals(series: pd.Series[Any], decimals: int) -> tuple[Codes, Mask]:
    """Codes of a string column's numerals, 0 where missing, and which cells are missing."""
    positions, texts = distinct(series)
    codes = [0] * (len(texts) + 1)  # the position of a missing cell is -1
    for position, text in enumerate(map(str, texts)):
        digits = text.replace(".", "")
        code = int(digits) if digits.removeprefix("-").isdecimal() else 0
        if ranges.plain_text(code, decimals) != text:
            raise column_error(
                series.name,
                f"is numeric, but {text!r} is not a number written with {decimals} decimals. "
                "Convert it with `pandas.to_numeric`, or declare it categorical.",
                text,
            )
        if not ABSENT < code <= _INT64_MAX:
            raise _too_large(series, code)
        codes[position] = code
    return np.array(codes, dtype=np.int64)[positions], positions < 0


# The decimal grid of a column's numbers, and their range


def _fit(
    series: pd.Series[Any], present: npt.NDArray[Any], kind: str | None
) -> tuple[int, int, int, bool]:
    """Return decimals, lowest and highest code, and whether kind integer restores all numbers.

    Where the numbers do not lie on the grid, its range is within theirs, with more decimals if
    it has no point between them.
    """
    if present.dtype.kind != "f":
        return 0, int(present.min()), int(present.max()), True
    decimals, is_exact = fit_decimals(present)
    # Kind integer would restore the floats of an object column as ints.
    is_whole = is_exact and not decimals and not is_object(series.dtype)
    if kind == "integer" and not is_whole:
        example = float(present[np.argmax(present != np.rint(present))])
        raise column_error(
            series.name,
            f"is declared integer, but holds floats, such as {example}. Round it, or declare it "
            "decimal.",
            example,
        )
    while True:
        _check_size(series, present, decimals, is_exact)
        if is_exact:
            codes = to_codes(present, decimals)
            return decimals, int(codes.min()), int(codes.max()), is_whole
        low, high = inner_bounds(present, decimals)
        next_codes = float(np.abs(present).max()) * 10.0 ** (decimals + 1)
        is_finest = decimals >= MAX_DECIMALS or next_codes > 2**53  # beyond, float64 skips some
        if low > high and is_finest:
            # All numbers lie between two neighbours of the finest grid: take the nearest one.
            low = high = int(to_codes(present[:1], decimals)[0])
        if low <= high:
            return decimals, low, high, is_whole
        decimals += 1


def _check_size(series: pd.Series[Any], present: Floats, decimals: int, is_exact: bool) -> None:
    """Raise a `SchemaError` for numbers too large or too small to be codes."""
    largest = float(np.abs(present).max())
    limit = _code_limits(series.dtype, decimals, is_whole=False)[1]
    too_small = not is_exact and largest * 10.0**MAX_DECIMALS < 1e5
    if decimals > MAX_DECIMALS or too_small or largest * 10.0**decimals > limit:
        raise column_error(
            series.name,
            f"holds numbers of a size ({largest:g}) that cannot be written with {decimals} "
            "decimals in 18 digits. Scale the column by a power of ten, or take its logarithm.",
            largest,
        )


def fit_decimals(numbers: Floats) -> tuple[int, bool]:
    """Return how few decimals represent all (finite) numbers, and whether they do exactly.

    A number lies on a grid if it is within a few rounding errors of it, while such errors are
    small beside the grid's unit, or if it is its dtype's number nearest to it. If no grid within
    the digits of the dtype fits, 6 significant digits of the largest number are kept.

    >>> fit_decimals(np.array([0.5329999999999999, 12.5]))
    (3, True)
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
    return np.rint(numbers.astype(np.float64) * 10.0**decimals).astype(np.int64)


def to_numbers(codes: Codes, decimals: int) -> npt.NDArray[np.float64]:
    """Numbers of grid units: the float64 nearest to each decimal, so that it prints short."""
    return codes / 10.0**decimals


def coarsen(codes: Codes, decimals: int) -> tuple[int, tuple[int, ...]]:
    """Find a coarser grid that holds all codes but a few values, which repeat: step, exceptions.

    A column of one decimal whose gaps were filled with the mean needs nine for that one value. The
    step is 1 where no coarser grid saves three decimals, or holds half of the codes.

    >>> coarsen(np.array([1_000_000, 1_200_000, 3_100_000, 5_300_000] * 10 + [2_137_513] * 10), 6)
    (100000, (2137513,))
    """
    for kept in range(max(0, decimals - _LARGEST_POWER), decimals - _FEWEST_SAVED + 1):
        step = 10 ** (decimals - kept)
        off = codes[codes % step != 0]
        if len(off) > len(codes) / 2:
            continue
        values = np.unique(off)
        if len(values) * _REPEATED <= len(off) and len(values) <= _MAX_EXCEPTIONS:
            return step, tuple(int(value) for value in values)
    return 1, ()


def grid_units(bound: Any, decimals: int) -> Decimal:
    """How many grid units a bound is; within floating-point noise of a whole number, that."""
    units = Decimal(str(bound)).scaleb(decimals)
    nearest = units.to_integral_value()
    return nearest if abs(units - nearest) <= abs(units) * _BOUND_NOISE else units


def inner_bounds(numbers: Floats, decimals: int) -> tuple[int, int]:
    """Lowest and highest code whose number lies within the observed ones.

    The low bound is above the high one where the grid has no point between them.
    """
    return _inner_bound(numbers, decimals), -_inner_bound(-numbers, decimals)


def _inner_bound(numbers: Floats, decimals: int) -> int:
    lowest, scale, exact = numbers.min(), 10.0**decimals, numbers.dtype.type
    code = math.ceil(float(lowest) * scale)
    # The product is rounded, and so is the cast to a short dtype: compare the numbers restored.
    while exact(code / scale) < lowest:
        code += 1
    while exact((code - 1) / scale) >= lowest:
        code -= 1
    return code
