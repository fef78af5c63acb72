"""Columns of numbers: whole, or multiples of a power of ten."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from numbers import Number
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.columns._base import (
    ABSENT,
    MISSING,
    TEXT_END,
    Codes,
    Column,
    Mask,
    column_error,
    distinct,
    is_object,
    is_string,
    present_types,
    register_column_type,
)
from counterpoise.columns._json import Dtype
from counterpoise.columns._ranged import RangedColumn, coarsen, kept_exactly
from counterpoise.columns._written import (
    NumberNotation,
    kind_and_notation,
    texts_of,
    written_values,
)
from counterpoise.errors import SchemaError
from counterpoise.grammar import Automaton, framed
from counterpoise.grammar import _ranges as ranges
from counterpoise.grammar._automaton import union

MAX_DECIMALS: Final = 22  # 10**22 is the largest power of ten that float64 holds exactly
_FLOAT_LIMIT: Final = 2**62  # codes of floats stay below, so that none is rounded out of int64
_INT64_MAX: Final = int(np.iinfo(np.int64).max)

_SIGNIFICANT_DIGITS: Final = 6  # kept, from the first digit of the largest number, if nothing fits
_MAX_OFF_GRID: Final = 64  # numbers that are kept exactly where no grid has a point among them
_NOISE_EPSILONS: Final = 4  # rounding errors, in units of the column's largest number, are noise
_NOISE_SHARE: Final = 0.01  # up to this share of a grid unit; finer grids must fit exactly
_BOUND_NOISE: Final = Decimal("1e-15")  # relative error of a computed bound, such as 0.1 + 0.2

_NUMBER_TYPES = (int, float, np.integer, np.floating)

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class NumberColumn(RangedColumn):
    """A column of numbers, in whatever notation."""

    numbers: tuple[float, ...] = field(default=(), kw_only=True)
    """What the atoms are, where the grid does not restore all of them."""

    @property
    def _has_possible_numbers(self) -> bool:
        is_ascending = list(self.numbers) == sorted(set(self.numbers))
        return is_ascending and len(self.numbers) in (0, len(self.atoms))

    @cached_property
    def _numbers(self) -> Floats:
        return np.array(self.numbers)

    def _atoms_at(self, kept: Sequence[int]) -> dict[str, Any]:
        numbers = tuple(self.numbers[at] for at in kept) if self.numbers else ()
        return {**super()._atoms_at(kept), "numbers": numbers}

    def _near_ends(self, values: npt.NDArray[Any], codes: Codes) -> Codes:
        """Return the codes of values, whose nearest are `codes`.

        What is less than a unit away from the ordinary values is taken for the last of them.
        """
        for end, beyond in ((self.low, self.low - 1), (self.high, self.high + 1)):
            last, other = self._number(end), self._number(beyond)
            is_near = (values > other) & (values <= last) | (values < other) & (values >= last)
            is_near |= values == last  # beyond 2**53, floats do not tell the two apart
            codes = np.where((codes == beyond) & is_near, end, codes)
        if not self.numbers:
            return codes
        at = np.searchsorted(self._numbers, values).clip(0, len(self.numbers) - 1)
        return np.where(self._numbers[at] == values, self._atom_codes[at], codes)

    @abstractmethod
    def _number(self, code: int) -> float:
        """Return the number of a code that is no atom."""

    def _with_numbers(
        self, codes: Codes, restored: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Return the numbers that codes stand for, where the notation restores all but atoms."""
        if not self.numbers:
            return restored
        at = np.searchsorted(self._atom_codes, codes).clip(0, len(self.atoms) - 1)
        return np.where(self._atom_codes[at] == codes, self._numbers[at], restored)

    @property
    def measure(self) -> Hashable:
        return "number"

    def to_floats(self, series: pd.Series[Any]) -> npt.NDArray[np.float64]:
        parsed = pd.to_numeric(series, errors="coerce")
        return np.asarray(parsed.to_numpy(dtype=float, na_value=np.nan))


@register_column_type
@dataclass(frozen=True)
class NumericColumn(NumberColumn):
    """A column of numbers on a decimal grid.

    An object column of kind integer holds Python ints, one of kind decimal Python floats, unless it
    holds strings in a `notation`; a float column can be of kind integer.
    """

    kinds = ("integer", "decimal")
    priority = 30

    decimals: int  # a code is a multiple of 10**-decimals; 0 for kind integer
    is_single: bool = field(default=False, kw_only=True)
    """Whether the cells are float64, and the numbers in them came from float32."""
    notation: str = field(default="", kw_only=True)
    """1234 as the cells write it, if they are strings: see `NumberNotation`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        native = number_dtype(self.dtype)
        is_integer = self.kind == "integer" or (native is not None and native.kind != "f")
        if self.notation:
            self._check_notation()
        elif native is None and not is_object(self.dtype):
            raise self._error(
                f"has dtype {self.dtype}, which holds no numbers. Convert it with `astype`."
            )
        if not (
            0 <= self.decimals <= (0 if is_integer else MAX_DECIMALS)
            and self.step in [10**power for power in range(min(self.decimals, 18) + 1)]
            and self._has_possible_numbers
        ):
            raise self._error(
                f"(kind {self.kind}, dtype {self.dtype}) cannot have {self.decimals} decimals, the "
                f"step {self.step} and the atoms {self.atoms} for {self.numbers}."
            )
        self._check_range()

    @classmethod
    def recognizes(cls, series: pd.Series[Any]) -> bool:
        if is_object(series.dtype):
            types = present_types(series)
            if str not in types:
                return bool not in types and all(issubclass(kind, Number) for kind in types)
        if is_object(series.dtype) or is_string(series.dtype):
            return bool(NumberNotation.found(written_values(series)))
        return getattr(series.dtype, "kind", "O") in "iuf"

    @classmethod
    def infer(cls, series: pd.Series[Any], kind: str | None = None) -> Self:
        """Make the column that describes `series`; digits write any number if it was declared."""
        kind, like = kind_and_notation(kind)
        texts = texts_of(series)
        if is_string(series.dtype) or texts:
            notation, example = _notation_of(series, texts, like), texts[0]
            decimals = max(found[1] for text in texts if (found := notation.read(text)))
            codes, missing = _read_written(series, notation, decimals)
            grid = _grid(codes[~missing], decimals, kind is None)
            grid["notation"] = str(notation)
            is_whole = not decimals
        else:
            values, missing = read_numbers(series)
            present = values[~missing]
            grid = _fit(series, present, kind is None)
            # Kind integer would restore the floats of an object column as ints.
            is_float = values.dtype.kind == "f"
            is_whole = not (is_float and (grid["decimals"] or is_object(series.dtype)))
            is_whole &= not grid.get("numbers")
            example = present[np.argmax(present != np.rint(present))].item()
        if kind == "integer" and not is_whole:
            what = "decimals" if texts else "floats"
            raise column_error(
                series.name,
                f"is declared integer, but has {what}, as in {example!r}. Round it, or declare it "
                "decimal.",
                example,
            )
        kind = kind or ("integer" if is_whole else "decimal")
        return cls.describing(series, kind, has_missing=bool(missing.any()), **grid)

    def encode(self, series: pd.Series[Any]) -> Codes:
        self.check_dtype(series)
        if self.notation:
            codes, missing = _read_written(series, self._notation, self.decimals)
            return self._placed(series, codes, missing)
        codes, missing = read_numbers(series)
        if codes.dtype.kind == "f" or self.decimals:
            numbers = codes.astype(self._float_type)
            units = np.clip(numbers.astype(np.float64) * 10.0**self.decimals, -(2.0**62), 2.0**62)
            codes = self._near_ends(numbers, np.rint(units).astype(np.int64))
        return self._placed(series, codes, missing)

    @cached_property
    def _notation(self) -> NumberNotation:
        return NumberNotation.parse(self.notation)

    def _check_notation(self) -> None:
        try:
            fewest, is_fixed = self._notation.fewest_decimals, self._notation.is_fixed
        except ValueError as error:
            raise self._error(f"has a notation that cannot be read: {error}.") from error
        has_mark = bool(self._notation.decimal) or not self.decimals
        fits = fewest == self.decimals if is_fixed else fewest < self.decimals
        if not (is_object(self.dtype) or is_string(self.dtype)) or not (has_mark and fits):
            raise self._error(f"(dtype {self.dtype}) cannot be written as {self.notation}.")

    @property
    def _float_type(self) -> Any:
        """The dtype of numpy that the floats in the cells came from."""
        native = number_dtype(self.dtype)
        return np.float32 if self.is_single else np.float64 if native is None else native.type

    def code_of(self, value: Any) -> int:
        if self.notation and not isinstance(value, str) and not pd.isna(value):
            units = self._units(value)
            if units % 1 == 0 and bool(self.contains(np.array([int(units)]))[0]):
                return int(units)
        # 1.8 is meant where 1.7999999523162842 is held
        return super().code_of(float(np.float32(value)) if self.is_single else value)

    def _number(self, code: int) -> float:
        return float(self._float_type(code / 10.0**self.decimals))

    def decode(self, codes: Codes) -> pd.Series[Any]:
        assert self.contains(codes).all(), f"codes outside the domain of column {self.name!r}"
        missing = codes == MISSING
        codes = np.where(missing, 0, codes)
        native = number_dtype(self.dtype)
        values: npt.NDArray[Any] = codes
        if self.notation:
            texts = [self._notation.write(code, self.decimals) for code in codes.tolist()]
            values = np.array([*texts, None], dtype=object)[:-1]
        elif native.kind == "f" if native is not None else self.kind == "decimal":
            numbers = to_numbers(codes, self.decimals).astype(self._float_type)
            values = self._with_numbers(codes, numbers.astype(np.float64))
        return self.restored(values, missing)

    @property
    def usual_decimals(self) -> int:
        """Decimals of the ordinary values."""
        return self.decimals - ranges.exponent(self.step)

    def domain(self) -> str:
        text = super().domain()
        if self.has_ordinary:
            text += f", {self.usual_decimals} decimals" if self.usual_decimals else ""
            n_own = len(self._own_atoms)
            text += f", or {n_own} other value{'s' * (n_own > 1)}" if n_own else ""
        return text

    def to_floats(self, series: pd.Series[Any]) -> npt.NDArray[np.float64]:
        if not self.notation:
            return super().to_floats(series)
        return series.map(self._notation.number).to_numpy(dtype=float, na_value=np.nan)

    def _limits(self) -> tuple[int, int]:
        if self.notation:
            return ABSENT + 1, _INT64_MAX
        return _code_limits(self.dtype, self.decimals, self.kind == "integer")

    def _units(self, bound: Any) -> Decimal:
        if self.notation and isinstance(bound, str) and (read := self._notation.read(bound)):
            return Decimal(read[0]).scaleb(self.decimals - read[1])
        return grid_units(bound, self.decimals)

    def _ordinary_automaton(self) -> Automaton:
        return ranges.fixed_numbers(self.multiples, self.step)

    def _ordinary_symbols(self, code: int) -> list[Hashable]:
        return ranges.fixed_symbols(code // self.step, self.multiples)

    def digit_automaton(self) -> Automaton:
        parts = []
        if self.has_ordinary:
            parts.append(ranges.plain_numbers(self.multiples, self.decimals, TEXT_END, self.step))
        for code in self._own_atoms:
            step = self.step if code % self.step == 0 else 1
            one = range(code // step, code // step + 1)
            parts.append(ranges.plain_numbers(one, self.decimals, TEXT_END, step))
        return union(*parts)

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

    def round_floats(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray(np.round(values, self.decimals))


# The numbers in a column's cells


def number_dtype(dtype: Dtype) -> np.dtype[Any] | None:
    """Return the numpy dtype of the numbers in cells of `dtype`; None where they are no numbers."""
    native = getattr(dtype, "numpy_dtype", dtype)  # of nullable and Arrow dtypes
    if isinstance(native, np.dtype) and native.kind in "iuf" and native.itemsize <= 8:
        # An Arrow decimal calls itself a number too; its dtype has kind "O".
        return native if getattr(dtype, "kind", "O") in "iuf" else None
    return None


def _code_limits(dtype: Dtype, decimals: int, is_whole: bool) -> tuple[int, int]:
    """Lowest and highest code that cells of `dtype` can restore."""
    native = number_dtype(dtype)
    if native is not None and native.kind != "f":
        limits = np.iinfo(native)
        return max(int(limits.min), ABSENT + 1), min(int(limits.max), _INT64_MAX)
    if is_object(dtype) and is_whole:
        return ABSENT + 1, _INT64_MAX
    largest = np.finfo(native or np.dtype(np.float64)).max
    limit = min(_FLOAT_LIMIT, int(float(largest)) * 10**decimals)
    return -limit, limit


def read_numbers(series: pd.Series[Any]) -> tuple[npt.NDArray[Any], Mask]:
    """Return the numbers of a column as int64 or floats, 0 where missing, and which are missing."""
    missing = series.isna().to_numpy(dtype=bool)
    dtype = number_dtype(series.dtype)
    if is_object(series.dtype):
        values = _object_numbers(series, missing)
    elif dtype is not None:
        values = series.array.to_numpy(dtype=dtype, na_value=0)
    else:
        raise column_error(
            series.name,
            f"has dtype {series.dtype}, which holds no numbers that can be used. "
            "Convert it with `astype`, for instance to float.",
        )
    if values.dtype.kind != "f":
        for end in (int(values.min(initial=0)), int(values.max(initial=0))):
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
    types = present_types(series)
    for kind, rows in types.items():
        if not issubclass(kind, _NUMBER_TYPES) or kind is bool:
            value = series.iloc[int(rows[0])]
            raise _not_numeric(series, f"holds {value!r}, a {kind.__name__}", value)
    is_whole = all(issubclass(kind, (int, np.integer)) for kind in types)
    cells = np.where(missing, 0, series.to_numpy(dtype=object))
    try:
        return cells.astype(np.int64) if is_whole else cells.astype(np.float64)
    except OverflowError as error:
        raise _too_large(series, max(cells, key=abs)) from error


def _not_numeric(series: pd.Series[Any], problem: str, value: Any) -> SchemaError:
    advice = "Convert it with `pandas.to_numeric`, or declare it categorical."
    return column_error(series.name, f"is numeric, but {problem}. {advice}", value)


def _too_large(series: pd.Series[Any], value: int) -> SchemaError:
    # thousands of digits would be no message, and Python refuses to write more than 4,300
    size = math.log10(abs(value))
    shown = f"a number of {int(size) + 1:,} digits" if size > 40 else value
    return column_error(
        series.name,
        f"holds {shown}, which is outside -2**63 + 2 to 2**63 - 1. Convert the column with "
        "`astype(str)` if it is an identifier, with `astype(float)` if it is a quantity.",
        value,
    )


# Numbers kept as strings


def _notation_of(series: pd.Series[Any], texts: Sequence[str], like: str) -> NumberNotation:
    """Return the notation of a column that was declared to be numeric."""
    try:
        given = [NumberNotation.parse(like)] if like else []
        found = NumberNotation.found(texts, is_declared=True, like=like)
    except ValueError as error:
        raise column_error(series.name, f"is declared with a notation: {error}.") from error
    if found:
        return found[0]
    known = given or NumberNotation.found(texts[:1], is_declared=True)
    other = next((text for text in texts if not known or not known[0].writes(text)), texts[0])
    problem = f"{other!r} is not a number, or is not written like the others"
    raise _not_numeric(series, problem, other)


def _read_written(
    series: pd.Series[Any], notation: NumberNotation, decimals: int
) -> tuple[Codes, Mask]:
    """Codes of a column's strings, 0 where missing, and which cells are missing."""
    positions, texts = distinct(series)
    codes = [0] * (len(texts) + 1)  # the position of a missing cell is -1
    for position, text in enumerate(texts):
        code = notation.code(text, decimals) if isinstance(text, str) else None
        if code is None:
            problem = f"{text!r} is not written like {notation} with {decimals} decimals"
            raise _not_numeric(series, problem, text)
        if not ABSENT < code <= _INT64_MAX:
            raise _too_large(series, code)
        codes[position] = code
    return np.array(codes, dtype=np.int64)[positions], positions < 0


# The decimal grid of a column's numbers, and their range


def _grid(codes: Codes, decimals: int, may_be_few: bool) -> dict[str, Any]:
    """Return which of the codes are atoms, and the range of the others and their step."""
    values, counts = np.unique(codes, return_counts=True)
    atoms = values[kept_exactly(values, counts, coarsen(codes, decimals)[0], may_be_few)]
    others = codes[~np.isin(codes, atoms)]
    step, exceptions = coarsen(others, decimals) if len(others) else (1, ())
    others = others[others % step == 0]
    low, high = (int(others.min()), int(others.max())) if len(others) else (1, 0)
    kept = tuple(sorted({*atoms.tolist(), *exceptions}))
    return {"decimals": decimals, "low": low, "high": high, "step": step, "atoms": kept}


def _fit(series: pd.Series[Any], present: npt.NDArray[Any], may_be_few: bool) -> dict[str, Any]:
    """Return what describes the numbers of a column, by field."""
    if present.dtype.kind != "f":
        return _grid(present, 0, may_be_few)
    decimals, is_exact = fit_decimals(present)
    single = present.astype(np.float32)
    is_single = not is_exact and bool((single == present).all()) and single.dtype != present.dtype
    if is_single:
        decimals, is_exact = fit_decimals(single)
    if not (is_exact and _has_codes(series, present, decimals)):
        grid = _off_grid(series, single if is_single else present, may_be_few)
        return {**grid, "is_single": is_single}
    codes = to_codes(present, decimals)
    grid = _grid(codes, decimals, may_be_few)
    numbers = numbers_of(grid["atoms"], codes, present)
    restored = to_numbers(np.array(grid["atoms"]), decimals)
    restored = restored.astype(single.dtype if is_single else present.dtype)
    is_restored = numbers == tuple(restored.astype(np.float64).tolist())
    return {**grid, "is_single": is_single, "numbers": () if is_restored else numbers}


def numbers_of(atoms: Sequence[int], codes: Codes, present: Floats) -> tuple[float, ...]:
    """Return for each of the codes `atoms` which number is most frequent among those with it."""
    is_atom = np.isin(codes, atoms)
    pairs = pd.Series(present[is_atom].astype(float)).groupby(codes[is_atom])
    return tuple(float(numbers.mode().iloc[0]) for _, numbers in pairs)


def _off_grid(series: pd.Series[Any], present: Floats, may_be_few: bool) -> dict[str, Any]:
    """Describe numbers that do not lie on one grid: digits within the range, and exact atoms."""
    values, counts = np.unique(present, return_counts=True)
    is_atom = kept_exactly(values, counts, 0.0, may_be_few)
    is_few = bool(is_atom.all())
    decimals, is_exact = fit_decimals(values[is_atom == is_few])
    step, low, high = 1, 1, 0
    if not is_few:
        decimals, low, high = _range_within(series, values[~is_atom], decimals, is_exact)
        if low > high:  # no point of the finest grid lies between them: keep exactly these
            low, high, is_few, is_atom[:] = 1, 0, True, True
            decimals, is_exact = fit_decimals(values)
    atoms = values[is_atom].astype(np.float64)
    # An atom needs a code of its own, which an ordinary value on an exact grid does not have.
    for _ in range(MAX_DECIMALS):
        limit = _code_limits(series.dtype, decimals, is_whole=False)[1]
        with np.errstate(over="ignore"):
            codes = np.rint(np.clip(atoms * 10.0**decimals, -limit, limit)).astype(np.int64)
        own = (codes >= low) & (codes <= high) & (codes % step == 0) & is_exact & (not is_few)
        own &= to_numbers(codes, decimals) != atoms
        if len(np.unique(codes)) == len(codes) and not own.any():
            break
        if decimals >= MAX_DECIMALS or max(abs(low), abs(high)) * 10 > limit:
            raise _size_error(series, present, decimals)
        decimals += 1
        if not is_few:
            step, low, high = step * 10, low * 10, high * 10
    exact = {"atoms": tuple(codes.tolist()), "numbers": tuple(atoms.tolist())}
    return {"decimals": decimals, "low": low, "high": high, "step": step, **exact}


def _range_within(
    series: pd.Series[Any], present: Floats, decimals: int, is_exact: bool
) -> tuple[int, int, int]:
    """Return decimals, lowest and highest code of a grid within the range of numbers.

    It has more decimals if it has no point between them. The lowest code is above the highest one
    if the finest grid has none between the few numbers that there are.
    """
    largest = float(np.abs(present).max())
    while True:
        too_small = not is_exact and largest * 10.0**MAX_DECIMALS < 1e5
        if decimals > MAX_DECIMALS or too_small or not _has_codes(series, present, decimals):
            raise _size_error(series, present, decimals)
        if is_exact:
            codes = to_codes(present, decimals)
            return decimals, int(codes.min()), int(codes.max())
        low, high = _inner_bound(present, decimals), -_inner_bound(-present, decimals)
        # beyond 2**53, float64 skips some
        is_finest = decimals >= MAX_DECIMALS or largest * 10.0 ** (decimals + 1) > 2**53
        if low > high and is_finest and len(np.unique(present)) > _MAX_OFF_GRID:
            low = high = int(to_codes(present[:1], decimals)[0])  # of many, take the nearest
        if low <= high or is_finest:
            return decimals, low, high
        decimals += 1


def _has_codes(series: pd.Series[Any], present: Floats, decimals: int) -> bool:
    largest = float(np.abs(present).max())
    return largest * 10.0**decimals <= _code_limits(series.dtype, decimals, is_whole=False)[1]


def _size_error(series: pd.Series[Any], present: Floats, decimals: int) -> SchemaError:
    largest = float(np.abs(present).max())
    return column_error(
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


def grid_units(bound: Any, decimals: int) -> Decimal:
    """How many grid units a bound is; within floating-point noise of a whole number, that."""
    units = Decimal(str(bound)).scaleb(decimals)
    nearest = units.to_integral_value()
    return nearest if abs(units - nearest) <= abs(units) * _BOUND_NOISE else units


def _inner_bound(numbers: Floats, decimals: int) -> int:
    """Return the lowest code whose number is not below all `numbers`."""
    lowest, scale, exact = numbers.min(), 10.0**decimals, numbers.dtype.type
    code = math.ceil(float(lowest) * scale)
    # The product is rounded, and so is the cast to a short dtype: compare the numbers restored.
    while exact(code / scale) < lowest:
        code += 1
    while exact((code - 1) / scale) >= lowest:
        code -= 1
    return code
