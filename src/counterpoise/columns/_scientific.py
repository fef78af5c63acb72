"""Columns of numbers over many magnitudes: significant digits and an exponent."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.columns._base import (
    MISSING,
    TEXT_END,
    Codes,
    Column,
    column_error,
    is_object,
    is_string,
    register_column_type,
)
from counterpoise.columns._number import (
    NumberColumn,
    NumericColumn,
    fit_decimals,
    number_dtype,
    numbers_of,
    read_numbers,
)
from counterpoise.columns._ranged import are_few, shared
from counterpoise.errors import SchemaError
from counterpoise.grammar import Automaton, expand, framed, from_sequences
from counterpoise.grammar import _ranges as ranges
from counterpoise.grammar._automaton import END, Edge, joined, union

_LOWEST_EXPONENT: Final = -324  # of the smallest float64
_MOST_DIGITS: Final = 6  # kept where the numbers have more
_FEWEST_DIGITS: Final = 3  # that decimals must leave
_LARGEST_CODE: Final = 2.0**62  # of decimals
_SMALL_SHARE: Final = 0.05  # of the numbers apart from zeros: these may have fewer


@register_column_type
@dataclass(frozen=True)
class ScientificColumn(NumberColumn):
    """A column of floats of which decimals would leave too few significant digits.

    The code of a positive number counts the mantissas of `digits` digits from the smallest
    exponent on, that of its negative is the negative, and 0 has the code 0. So codes have the order
    of the numbers, and a unit of `unit_size` is a magnitude. Zeros are an atom.
    """

    kinds = ("scientific",)
    priority = 35

    digits: int  # of the mantissa

    def __post_init__(self) -> None:
        super().__post_init__()
        native = number_dtype(self.dtype)
        is_float = is_object(self.dtype) or (native is not None and native.kind == "f")
        is_right = is_float and 1 <= self.digits <= _MOST_DIGITS and self.step == 1
        if not is_right or not self._has_possible_numbers:
            raise self._error(f"(dtype {self.dtype}) cannot have {self.digits} significant digits.")
        self._check_range()

    @classmethod
    def recognizes(cls, series: pd.Series[Any]) -> bool:
        if not NumericColumn.recognizes(series):
            return False
        try:
            values, missing = read_numbers(series)
        except SchemaError:
            return False  # what is wrong is said by the type that it would be
        found, counts = np.unique(values[~missing], return_counts=True)
        if found.dtype.kind != "f" or are_few(found, counts, 0.0):
            return False
        present = values[~missing & np.isin(values, found[~shared(found, counts)])]
        decimals, is_exact = fit_decimals(present)
        magnitudes = np.abs(present[present != 0]).astype(np.float64)
        if not len(magnitudes):
            return False
        if float(magnitudes.max()) * 10.0**decimals > _LARGEST_CODE:
            return True
        smallest = float(np.quantile(magnitudes, _SMALL_SHARE))
        return not is_exact and smallest * 10.0**decimals < 10.0 ** (_FEWEST_DIGITS - 1)

    @classmethod
    def infer(cls, series: pd.Series[Any], kind: str | None = None) -> Self:
        if is_string(series.dtype):
            raise column_error(series.name, "holds strings. Convert it with `pandas.to_numeric`.")
        values, missing = read_numbers(series)
        present = values[~missing].astype(np.float64)
        found, counts = np.unique(present, return_counts=True)
        is_atom = shared(found, counts) | (found == 0)
        ordinary = found[~is_atom]
        exact = (  # that restore all numbers
            n
            for n in range(1, _MOST_DIGITS)
            if all(float(f"{number:.{n - 1}e}") == number for number in ordinary.tolist())
        )
        digits = next(exact, _MOST_DIGITS)
        codes = _to_codes(present, digits)
        atoms = tuple(np.unique(_to_codes(found[is_atom], digits)).tolist())
        low, high = 1, 0
        if len(ordinary):
            low, high = _to_codes(ordinary[[0, -1]], digits).tolist()
            above = float(_text(low, digits)) < ordinary[0]
            below = float(_text(high, digits)) > ordinary[-1]
            if low + above <= high - below:  # a code's number is within the observed ones
                low, high = low + int(above), high - int(below)
        return cls.describing(
            series,
            kind or "scientific",
            has_missing=bool(missing.any()),
            low=low,
            high=high,
            atoms=atoms,
            numbers=numbers_of(atoms, codes, present),
            digits=digits,
        )

    def encode(self, series: pd.Series[Any]) -> Codes:
        self.check_dtype(series)
        values, missing = read_numbers(series)
        codes = self._near_ends(values, _to_codes(values, self.digits))
        return self._placed(series, codes, missing)

    def decode(self, codes: Codes) -> pd.Series[Any]:
        assert self.contains(codes).all(), f"codes outside the domain of column {self.name!r}"
        missing = codes == MISSING
        found, positions = np.unique(np.where(missing, 0, codes), return_inverse=True)
        numbers = np.array([self._number(code) for code in found.tolist()])
        return self.restored(self._with_numbers(found, numbers)[positions], missing)

    def _number(self, code: int) -> float:
        return float(_text(code, self.digits))

    def _is_ordinary(self, codes: Any) -> Any:
        return super()._is_ordinary(codes) & (codes != 0)

    @property
    def n_values(self) -> float:
        return super().n_values - (self.low < 0 < self.high)

    def nearest(self, codes: npt.NDArray[Any]) -> Codes:
        found = super().nearest(codes)
        beside_0 = 1 if self.code_range[1] > 0 else -1
        return found if 0 in self._atom_set else np.where(found == 0, beside_0, found)

    def _between(self, low: int, high: int, kept: Sequence[int]) -> Self | None:
        return super()._between(low or 1, high or -1, kept)

    def _limits(self) -> tuple[int, int]:
        limit = _first_code(310, self.digits) - 1
        return -limit, limit

    def _units(self, bound: Any) -> Decimal:
        number = float(bound)
        if not math.isfinite(number):
            raise ValueError(f"{bound!r} is not finite")
        code = int(_to_codes(np.array([number]), self.digits)[0])
        exact, nearest = Decimal(str(bound)), Decimal(self.text(code))
        return Decimal(code) + Decimal((exact > nearest) - (exact < nearest)) / 2

    def _ordinary_symbols(self, code: int) -> list[Hashable]:
        exponent, mantissa = _split(code, self.digits)
        symbols = [("exponent", exponent), *ranges.digit_symbols(mantissa, self.digits)]
        return [("sign", "-" if code < 0 else "+"), *symbols] if self.low < 0 else symbols

    def _ordinary_automaton(self) -> Automaton:
        """Accept an exponent, then the digits of a mantissa."""
        parts = []
        for sign, exponents, mantissas in self._parts(self.low, self.high):
            before = [("sign", "+" if sign > 0 else "-")] if self.low < 0 else []
            parts.append(framed(joined(exponents, mantissas), before))
        return union(*parts)

    def text_automaton(self) -> Automaton:
        """Accept numbers such as 1.25e-7: here, the mantissa comes first."""
        parts = [from_sequences({0: f" 0{TEXT_END}"})] if 0 in self._atom_set else []
        spans = [(code, code) for code in self._own_atoms if code]
        spans += [(self.low, self.high)] if self.has_ordinary else []
        for low, high in spans:
            for sign, exponents, mantissas in self._parts(low, high):
                number = expand(joined(mantissas, exponents), self._mark)
                parts.append(framed(number, " -" if sign < 0 else " "))
        return union(*parts)

    def _mark(self, symbol: tuple[Any, int]) -> str:
        place, value = symbol
        if place == "exponent":
            return f"e{value}{TEXT_END}"
        return f".{value}" if place == self.digits - 2 else str(value)

    def _parts(self, low: int, high: int) -> Iterable[tuple[int, Automaton, Automaton]]:
        """Yield the signs, exponents and mantissas that make up the numbers of a range of codes."""
        least, most = 10 ** (self.digits - 1), 10**self.digits - 1
        for sign, smallest, largest in ((1, max(low, 1), high), (-1, max(-high, 1), -low)):
            if smallest > largest:
                continue
            (first, start), (last, stop) = (
                _split(smallest, self.digits),
                _split(largest, self.digits),
            )
            spans = [(range(first, first + 1), start, stop)]
            if first < last:
                spans = [
                    (range(first, first + 1), start, most),
                    (range(first + 1, last), least, most),
                    (range(last, last + 1), least, stop),
                ]
            for exponents, lowest, highest in spans:
                edges = tuple(
                    Edge(("exponent", e), END, 1, sign * (_first_code(e, self.digits) - least))
                    for e in exponents
                )
                mantissas = ranges.digits(lowest, highest, self.digits, sign)
                yield sign, Automaton((edges,)), mantissas

    def text(self, code: int) -> str:
        return _text(code, self.digits)

    def _units_of_text(self, text: str) -> float:
        number = super()._units_of_text(text)
        if not math.isfinite(number):
            return number
        return float(_to_codes(np.array([number]), self.digits)[0])

    @property
    def unit_size(self) -> float:
        return 1.0 / _per_magnitude(self.digits)

    def common_scales(self, other: Column) -> tuple[int, int] | None:
        same = isinstance(other, ScientificColumn) and other.digits == self.digits
        return (1, 1) if same else None


def _per_magnitude(digits: int) -> int:
    return 9 * int(10 ** (digits - 1))


def _first_code(exponent: int, digits: int) -> int:
    return (exponent - _LOWEST_EXPONENT) * _per_magnitude(digits) + 1


def _split(code: int, digits: int) -> tuple[int, int]:
    """Return the exponent and the mantissa, a whole number, of a code that is not 0."""
    exponent, mantissa = divmod(abs(code) - 1, _per_magnitude(digits))
    return exponent + _LOWEST_EXPONENT, mantissa + int(10 ** (digits - 1))


def _text(code: int, digits: int) -> str:
    if not code:
        return "0"
    exponent, mantissa = _split(code, digits)
    first, rest = str(mantissa)[0], str(mantissa)[1:]
    return f"{'-' if code < 0 else ''}{first}{'.' if rest else ''}{rest}e{exponent}"


def _to_codes(numbers: npt.NDArray[Any], digits: int) -> Codes:
    """Return the codes of the nearest numbers with so many significant digits."""
    found, positions = np.unique(numbers.astype(np.float64), return_inverse=True)
    codes = []
    for number in found.tolist():
        mantissa, _, exponent = f"{abs(number):.{digits - 1}e}".partition("e")
        whole = int(mantissa.replace(".", "")) - 10 ** (digits - 1)
        code = _first_code(int(exponent), digits) + whole
        codes.append(0 if number == 0 else int(math.copysign(code, number)))
    return np.array(codes, dtype=np.int64)[positions]
