"""Columns of numbers: whole, or multiples of a power of ten."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.columns import _decimal_grid as grid
from counterpoise.columns._base import (
    ABSENT,
    MISSING,
    Codes,
    Column,
    Mask,
    register_column_type,
)
from counterpoise.columns._cells import (
    MARKERS,
    Dtype,
    column_error,
    distinct,
    is_object,
    is_string,
    present_types,
)
from counterpoise.columns._ranged import RangedColumn
from counterpoise.errors import SchemaError
from counterpoise.grammar import _numbers as numbers
from counterpoise.grammar._automaton import Automaton, framed

_FLOAT_LIMIT: Final = 2**62
"""Codes of floats stay below this, so that no rounding takes them out of int64."""

_INT64_MAX: Final = int(np.iinfo(np.int64).max)

_NUMERAL: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?", re.ASCII)

_NUMBER_TYPES = (int, float, np.integer, np.floating)


@register_column_type
@dataclass(frozen=True)
class NumericColumn(RangedColumn):
    """A column of numbers on a decimal grid.

    An object column of kind integer holds Python ints, one of kind decimal Python floats; a string
    column holds numerals with `decimals` decimals; a float column can be of kind integer.

    Parameters
    ----------
    decimals : int
        The code of a value is its multiple of ``10**-decimals``; 0 for kind integer.
    step : int, default=1
        A power of ten. Codes are its multiples, apart from the exceptions.
    exceptions : tuple of int, default=()
        Further codes, ascending, that are no multiples of `step`: where nearly all values have far
        fewer decimals than a few that repeat, such as a mean that gaps were filled with.
    """

    kinds = ("integer", "decimal")
    priority = 30

    decimals: int
    step: int = 1
    exceptions: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if _number_dtype(self.dtype) is None and not (
            is_object(self.dtype) or is_string(self.dtype)
        ):
            raise self._error(
                f"has dtype {self.dtype}, which holds no numbers. Convert it with `astype`."
            )
        most = 0 if self._is_whole or _holds_integers(self.dtype) else grid.MAX_DECIMALS
        if not 0 <= self.decimals <= most:
            raise self._error(
                f"(kind {self.kind}, dtype {self.dtype}) has {self.decimals} decimals, and can "
                f"have 0 to {most}."
            )
        self._check_range()
        if not self._has_possible_step():
            raise self._error(
                f"has the step {self.step} with the exceptions {self.exceptions}: the step must be "
                f"a power of ten up to 10**{self.decimals}, the exceptions ascending codes in the "
                "range that are no multiples of it, and both ends of the range must be possible."
            )

    def _has_possible_step(self) -> bool:
        most = min(self.decimals, grid.LARGEST_POWER)
        return (
            self.step in [10**power for power in range(most + 1)]
            and list(self.exceptions) == sorted(set(self.exceptions))
            and all(code % self.step for code in self.exceptions)
            and bool(self.contains(np.array([self.low, self.high, *self.exceptions])).all())
        )

    @classmethod
    def recognizes(cls, series: pd.Series[Any]) -> bool:
        """Whether the cells are numbers, by dtype or by Python type."""
        if is_object(series.dtype):
            types = present_types(series)
            return bool not in types and all(issubclass(kind, _NUMBER_TYPES) for kind in types)
        return getattr(series.dtype, "kind", "O") in "iuf"

    @classmethod
    def infer(cls, series: pd.Series[Any], kind: str | None = None) -> Self:
        """Take grid and range from the cells: the fewest decimals that represent all of them."""
        fit = _fit(series, kind)
        column = cls.describing(
            series,
            kind or ("integer" if fit.is_whole else "decimal"),
            has_missing=fit.has_missing,
            low=fit.low,
            high=fit.high,
            decimals=fit.decimals,
        )
        if column.decimals < grid.FEWEST_SAVED:
            return column
        codes = column.encode(series)
        step, exceptions = grid.coarsen(codes[codes != MISSING], column.decimals)
        return replace(column, step=step, exceptions=exceptions)

    # Cells and codes

    def encode(self, series: pd.Series[Any]) -> Codes:
        """Code each cell: its multiple of ``10**-decimals``, brought to the nearest possible code.

        Raises
        ------
        SchemaError
            If a cell is no number, lies one grid unit or more outside the range, or is missing
            where no cell may be.
        """
        self.check_dtype(series)
        if is_string(self.dtype):
            codes, missing = _read_numerals(series, self.decimals)
            outside = (codes < self.low) | (codes > self.high)
        else:
            values, missing = _read_numbers(series)
            _check_whole(series, self.kind, values)
            codes, outside = self._place(values)
        self.check_missing(missing)
        if (outside := outside & ~missing).any():
            raise self._outside(series.iloc[int(outside.argmax())])
        return np.where(missing, MISSING, self.nearest(codes))

    def _place(self, values: npt.NDArray[Any]) -> tuple[Codes, Mask]:
        """Codes of numbers, and which numbers lie a grid unit or more outside the range."""
        if values.dtype.kind != "f" and not self.decimals:
            return values, (values < self.low) | (values > self.high)
        values = values if values.dtype.kind == "f" else values.astype(np.float64)
        exact, scale = values.dtype.type, 10.0**self.decimals
        # Where the dtype is coarser than the grid, the next unit rounds to the bound itself.
        below = min(exact((self.low - 1) / scale), np.nextafter(exact(self.low / scale), -np.inf))
        above = max(exact((self.high + 1) / scale), np.nextafter(exact(self.high / scale), np.inf))
        outside = (values <= below) | (values >= above)
        inside = np.where(outside, exact(0), values)
        return grid.to_codes(inside, self.decimals), outside

    def decode(self, codes: Codes) -> pd.Series[Any]:
        """Restore the cells of an array of codes, shape (n_rows,), in the column's dtype."""
        assert self.contains(codes).all(), f"codes outside the domain of column {self.name!r}"
        missing = codes == MISSING
        cells = self._cells(np.where(missing, 0, codes), missing)
        return pd.Series(cells, name=self.name, dtype=self.dtype)

    def _cells(self, codes: Codes, missing: Mask) -> Any:
        if is_string(self.dtype):
            units, positions = np.unique(codes, return_inverse=True)
            texts = [numbers.plain_text(int(unit), self.decimals) for unit in units]
            cells = np.array(texts, dtype=object)[positions].astype(object)
            cells[missing] = None
            return cells
        if is_object(self.dtype):
            values = codes if self._is_whole else grid.to_numbers(codes, self.decimals)
            cells = values.astype(object)
            cells[missing] = MARKERS[self.marker]
            return cells
        dtype = _number_dtype(self.dtype)
        assert dtype is not None
        restored = codes if dtype.kind != "f" else grid.to_numbers(codes, self.decimals)
        restored = restored.astype(dtype)
        if isinstance(self.dtype, np.dtype):
            return np.where(missing, dtype.type(np.nan), restored) if missing.any() else restored
        extended: Any = pd.array(restored, dtype=self.dtype)  # type: ignore[call-overload]
        extended[missing] = pd.NA
        return extended

    def contains(self, codes: Codes) -> Mask:
        """Whether each of an array of codes stands for a cell that this column can have."""
        inside = (codes >= self.low) & (codes <= self.high)
        if self.step > 1:
            inside &= (codes % self.step == 0) | np.isin(codes, self.exceptions)
        return inside | (codes == MISSING) if self.has_missing else inside

    def nearest(self, codes: npt.NDArray[Any]) -> Codes:
        """Bring any numbers to the nearest codes that the column can have, shape kept."""
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

    # Domain

    @property
    def usual_decimals(self) -> int:
        """Decimals of all values but the exceptions."""
        return self.decimals - numbers.exponent(self.step)

    @property
    def multiples(self) -> range:
        """The multiples of `step` that are codes, each divided by it; an empty range if none."""
        return self._multiples(self.low, self.high)

    def _multiples(self, low: int, high: int) -> range:
        return range(-(-low // self.step), high // self.step + 1)

    @property
    def n_values(self) -> float:
        """How many values a cell that is not missing can have."""
        steps = self.multiples  # of which there can be more than `len` counts
        return max(0, steps.stop - steps.start) + len(self.exceptions)

    def domain(self) -> str:
        """Say which values a cell can have."""
        text = super().domain()
        text += f", {self.usual_decimals} decimals" if self.usual_decimals else ""
        text += f", or one of {len(self.exceptions)} others" if self.exceptions else ""
        return text

    @property
    def min_rows_of_identifier(self) -> int | None:
        """In a smaller table, whole numbers may well be all different by chance."""
        return 100 if self._is_whole else None

    @property
    def _is_whole(self) -> bool:
        return self.kind == "integer"

    @property
    def _one_value(self) -> str:
        return f"number with {self.usual_decimals} decimals" if self.usual_decimals else "number"

    def _span(self) -> str:
        scale = 10**self.decimals if self.decimals else 1
        ends = (self.low / scale, self.high / scale) if self.decimals else (self.low, self.high)
        return f"{ends[0]} to {ends[1]}"

    def _limits(self) -> tuple[int, int]:
        return _code_limits(self.dtype, self.decimals, self._is_whole)

    def _between(self, low: int, high: int) -> Self | None:
        steps = self._multiples(low, high)
        exceptions = tuple(code for code in self.exceptions if low <= code <= high)
        ends = [steps[0] * self.step, steps[-1] * self.step] if steps else []
        ends += exceptions
        if not ends:
            return None
        return replace(self, low=min(ends), high=max(ends), exceptions=exceptions)

    def _code_above(self, bound: Any) -> int:
        return grid.ceil_to_grid(bound, self.decimals)

    def _code_below(self, bound: Any) -> int:
        return grid.floor_to_grid(bound, self.decimals)

    # Grammar

    @cached_property
    def _exception_texts(self) -> dict[int, str]:
        return {code: numbers.plain_text(code, self.decimals) for code in self.exceptions}

    def symbol_automaton(self) -> Automaton:
        """Accept digits by place, zero-padded, and each exception as one symbol."""
        return numbers.fixed_numbers(self.multiples, self.step, self._exception_texts)

    def symbols(self, code: int) -> list[Hashable]:
        """Return sign and digits, or the exception."""
        return numbers.fixed_symbols(code, self.multiples, self.step, self._exception_texts)

    def digit_automaton(self) -> Automaton:
        """Accept the numbers as a person would write them, then a comma."""
        return numbers.plain_numbers(self.multiples, self.step, self.exceptions, self.decimals, ",")

    def text_automaton(self) -> Automaton:
        """As `digit_automaton`, behind a space."""
        return framed(self.digit_automaton(), " ")

    def text(self, code: int) -> str:
        """Return the number as a person would write it."""
        return numbers.plain_text(code, self.decimals, self.step)

    def read_text(self, text: str) -> tuple[int | None, bool]:
        """Return the code of a number as text.

        NOTE[DIFF]: a number outside the column's range is put to its nearest end, and one between
        the column's decimals is rounded, for a column's codes have no others; both count as not
        valid. The published code keeps them.
        """
        try:
            units = float(text.replace(" ", "")) * 10.0**self.decimals
        except ValueError:
            return ABSENT, False
        return self._nearest_to(units)

    # Distances

    @property
    def unit_size(self) -> float:
        """By how much the values of two neighbouring codes differ."""
        return float(10.0**-self.decimals)

    def common_scales(self, other: Column) -> tuple[int, int] | None:
        """Return the factors that bring both columns' codes to one number of decimals."""
        if not isinstance(other, NumericColumn):
            return None
        most = max(self.decimals, other.decimals)
        return 10 ** (most - self.decimals), 10 ** (most - other.decimals)

    def to_floats(self, series: pd.Series[Any]) -> npt.NDArray[np.float64]:
        """Return the cells as floats; NaN for one that is missing or no number."""
        parsed = pd.to_numeric(series, errors="coerce")
        return np.asarray(parsed.to_numpy(dtype=float, na_value=np.nan))

    def round_floats(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Round to the column's decimals."""
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


def _holds_integers(dtype: Dtype) -> bool:
    native = _number_dtype(dtype)
    return native is not None and native.kind != "f"


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
    """Return the numbers of a numeric or object column, 0 where missing, and which are missing.

    They are int64 wherever all are integers by type, else one of the float dtypes.

    Raises
    ------
    SchemaError
        If a cell is no number, is infinite, or is an integer outside int64.
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
            f"has dtype {series.dtype}, which holds no numbers that can be "
            "used. Convert it with `astype`, for instance to float.",
        )
    if values.dtype.kind != "f":
        return _within_int64(series, values), missing
    missing = missing | np.isnan(values)  # a nullable float can hold NaN beside its missing cells
    values = np.where(missing, values.dtype.type(0), values)
    if not (finite := np.isfinite(values)).all():
        raise column_error(
            series.name,
            f"holds {values[~finite][0]} in row {int(finite.argmin())}. "
            "Replace infinite numbers by finite or missing ones.",
            float(values[~finite][0]),
        )
    return values, missing


def _object_numbers(series: pd.Series[Any], missing: Mask) -> npt.NDArray[Any]:
    is_whole = True
    for kind, rows in present_types(series).items():
        if not issubclass(kind, _NUMBER_TYPES) or kind is bool:
            raise column_error(
                series.name,
                f"is numeric, but holds {series.iloc[int(rows[0])]!r}, a "
                f"{kind.__name__}. Convert it with `pandas.to_numeric`, or declare it categorical.",
                series.iloc[int(rows[0])],
            )
        is_whole &= issubclass(kind, (int, np.integer))
    cells = np.where(missing, 0, series.to_numpy(dtype=object))
    try:
        return cells.astype(np.int64) if is_whole else cells.astype(np.float64)
    except OverflowError as error:
        raise _too_large(series, max(cells, key=abs)) from error


def _within_int64(series: pd.Series[Any], values: npt.NDArray[Any]) -> Codes:
    if len(values):
        if values.dtype.kind == "u" and int(values.max()) > _INT64_MAX:
            raise _too_large(series, int(values.max()))
        if values.dtype.kind == "i" and int(values.min()) <= ABSENT:
            raise _too_large(series, int(values.min()))
    return values.astype(np.int64)


def _too_large(series: pd.Series[Any], value: int) -> SchemaError:
    return column_error(
        series.name,
        f"holds {value}, which is outside -2**63 + 2 to 2**63 - 1. "
        "If it is an identifier, convert the column to strings with `astype(str)`; if it is a "
        "quantity, to floats with `astype(float)`.",
        value,
    )


def _check_whole(series: pd.Series[Any], kind: str | None, values: npt.NDArray[Any]) -> None:
    """Raise a `SchemaError` where floats in an object column would come back as ints."""
    if is_object(series.dtype) and kind == "integer" and values.dtype.kind == "f":
        raise column_error(
            series.name,
            "is of kind integer, but some of its objects are floats. "
            "Convert it with `pandas.to_numeric`, or declare it decimal.",
        )


# Numbers kept as strings: a string column that is declared to be numeric


def count_decimals(texts: Sequence[str]) -> int | None:
    """Count the decimals that all texts are written with, or None where they differ."""
    counts = {len(text.partition(".")[2]) for text in texts}
    return counts.pop() if len(counts) == 1 else None


def read_numeral(text: str, decimals: int) -> int | None:
    """Return the code of a number as `plain_text` writes it, or None for any other text.

    >>> read_numeral("-0.50", 2), read_numeral("007", 0), read_numeral("1.5", 2)
    (-50, None, None)
    """
    if not _NUMERAL.fullmatch(text):
        return None
    code = int(text.replace(".", ""))
    return code if numbers.plain_text(code, decimals) == text else None


def _read_numerals(series: pd.Series[Any], decimals: int) -> tuple[Codes, Mask]:
    """Codes of a string column's numerals, 0 where missing, and which cells are missing."""
    positions, texts = distinct(series)
    codes = [0] * (len(texts) + 1)  # the position of a missing cell is -1
    for position, text in enumerate(texts):
        code = read_numeral(str(text), decimals)
        if code is None:
            raise column_error(
                series.name,
                f"is numeric, but holds {text!r}, which is not a number "
                f"written in the plain way, here with {decimals} decimals, so it could not be "
                "restored. Convert the column with `pandas.to_numeric`, or declare it categorical.",
                text,
            )
        if not ABSENT < code <= _INT64_MAX:
            raise _too_large(series, code)
        codes[position] = code
    return np.array(codes, dtype=np.int64)[positions], positions < 0


# The decimal grid and the range of a column's numbers


class _Fit(NamedTuple):
    """Grid and range of the cells; `is_whole` if kind integer restores all of them."""

    decimals: int
    low: int
    high: int
    is_whole: bool
    has_missing: bool


def _fit(series: pd.Series[Any], kind: str | None) -> _Fit:
    """Find the coarsest grid that holds a column's numbers."""
    if is_string(series.dtype):
        decimals = count_decimals([str(text) for text in distinct(series)[1]]) or 0
        codes, missing = _read_numerals(series, decimals)
        low, high = int(codes[~missing].min()), int(codes[~missing].max())
        return _Fit(decimals, low, high, not decimals, bool(missing.any()))
    values, missing = _read_numbers(series)
    _check_whole(series, kind, values)
    present, has_missing = values[~missing], bool(missing.any())
    if values.dtype.kind != "f":
        return _Fit(0, int(present.min()), int(present.max()), True, has_missing)
    decimals, is_exact = grid.fit_decimals(present)
    is_whole = is_exact and not decimals
    if kind == "integer" and not is_whole:
        example = float(present[present != np.rint(present)][0])
        raise column_error(
            series.name,
            f"is declared integer, but holds {example}. Round it, or declare it decimal.",
            example,
        )
    decimals, low, high = _fit_range(series, present, decimals, is_exact)
    # Kind integer would restore the floats of an object column as ints.
    return _Fit(decimals, low, high, is_whole and not is_object(series.dtype), has_missing)


def _fit_range(
    series: pd.Series[Any], present: npt.NDArray[np.floating[Any]], decimals: int, is_exact: bool
) -> tuple[int, int, int]:
    """Return decimals, lowest and highest code.

    Where the numbers do not lie on the grid, its range is within theirs, with more decimals if
    it has no point between them.
    """
    while True:
        _check_size(series, present, decimals, is_exact)
        if is_exact:
            codes = grid.to_codes(present, decimals)
            return decimals, int(codes.min()), int(codes.max())
        low, high = grid.inner_bounds(present, decimals)
        if low > high and grid.is_finest(present, decimals):
            # All numbers lie between two neighbours of the finest grid: take the nearest one.
            low = high = int(grid.to_codes(present[:1], decimals)[0])
        if low <= high:
            return decimals, low, high
        decimals += 1


def _check_size(
    series: pd.Series[Any], present: npt.NDArray[np.floating[Any]], decimals: int, is_exact: bool
) -> None:
    """Raise a `SchemaError` for numbers too large or too small to be codes."""
    largest = float(np.abs(present).max())
    limit = _code_limits(series.dtype, decimals, is_whole=False)[1]
    too_small = not is_exact and largest * 10.0**grid.MAX_DECIMALS < 1e5
    if decimals > grid.MAX_DECIMALS or too_small or largest * 10.0**decimals > limit:
        raise column_error(
            series.name,
            f"holds numbers of a size ({largest:g}) that cannot be written "
            f"with {decimals} decimals in 18 digits. Multiply or divide the column by a power of "
            "ten, or take its logarithm.",
            largest,
        )
