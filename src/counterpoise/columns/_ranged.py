"""Columns whose values have an order: ordinary values in digits or fields, and atoms.

An *atom* is a value that is one symbol. Written digit by digit, a value comes out as often as its
digits suggest, and so do its neighbours, which may mean nothing: -998 beside the sentinel -999, 4
among the codes 3, 17 and 99. `are_few` and `shared` say which values are atoms.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise._parameters import shown
from counterpoise.columns._base import ABSENT, MISSING, Codes, Column, Mask
from counterpoise.grammar import Automaton, from_sequences
from counterpoise.grammar._automaton import union, without

_CELLS_PER_VALUE: Final = 20  # so many cells on average show that no other values occur,
_FEW: Final = 50  # where there are at most so many values,
_FEW_CODES: Final = 1000  # or at most so many that
_CODES_SHARE: Final = 0.1  # are at most this share of the numbers between the ends: codes

_MAX_SHARED: Final = 16  # values beside the digits
_SHARED_CELLS: Final = 10  # an atom has at least so many cells,
_SHARED: Final = 0.02  # at least this share of them,
_TIMES_USUAL: Final = 10  # so many times those of the median value
_TIMES_NEAR: Final = 3  # and so many times the median of those on either side
_N_NEAR: Final = 3
_SENTINEL_CELLS: Final = 3  # or it is lowest or highest, has so many cells and times the median,
_SENTINEL_GAP: Final = 0.25  # and is this share of the span of all others away from the next

_FEWEST_SAVED: Final = 3  # decimals that a coarser grid with exceptions must save
_REPEATED: Final = 10  # cells per exception, on average: it came from elsewhere, such as a mean
_LARGEST_POWER: Final = 18  # of ten that an int64 holds


def are_few(values: npt.NDArray[Any], counts: Codes, unit: float) -> bool:
    """Whether a column keeps exactly its distinct `values`, of which none is written in digits.

    `values` are ascending, `counts` the cells of each; digits would write multiples of `unit`. So
    many cells without another value say that there is none, or that it does not matter.
    """
    inner = values[len(values) // 20 : len(values) - len(values) // 20].astype(np.float64)
    are_codes = unit * len(inner) <= _CODES_SHARE * (inner[-1] - inner[0])  # outliers aside
    most = _FEW_CODES if are_codes else _FEW
    return bool(len(values) <= most and counts.sum() >= _CELLS_PER_VALUE * len(values))


def shared(values: npt.NDArray[Any], counts: Codes) -> Mask:
    """Which of the distinct `values`, ascending, many cells share: zeros, caps, sentinels."""
    fewest = max(_SHARED_CELLS, _SHARED * counts.sum(), _TIMES_USUAL * np.median(counts))
    found: Mask = counts >= fewest
    for at in np.flatnonzero(found):
        near = [*counts[max(at - _N_NEAR, 0) : at], *counts[at + 1 : at + 1 + _N_NEAR]]
        found[at] = counts[at] >= _TIMES_NEAR * np.median(near)
    is_repeated = counts >= _SENTINEL_CELLS * max(1.0, float(np.median(counts)))
    others = np.flatnonzero(~found)
    while len(others) > 2:
        first, second, previous, last = values[others].astype(np.float64)[[0, 1, -2, -1]]
        if is_repeated[others[0]] and second - first > _SENTINEL_GAP * (last - second):
            found[others[0]], others = True, others[1:]
        elif is_repeated[others[-1]] and last - previous > _SENTINEL_GAP * (previous - first):
            found[others[-1]], others = True, others[:-1]
        else:
            break
    found[np.argsort(-counts * found, kind="stable")[_MAX_SHARED:]] = False
    return found


def kept_exactly(values: npt.NDArray[Any], counts: Codes, unit: float, may_be_few: bool) -> Mask:
    """Which of the distinct `values` are atoms: all if they are few, else those that are shared."""
    if may_be_few and are_few(values, counts, unit):
        return np.ones(len(values), dtype=bool)
    return shared(values, counts)


def coarsen(codes: Codes, decimals: int) -> tuple[int, tuple[int, ...]]:
    """Find a coarser grid that holds all codes but a few values, which repeat: step, exceptions.

    A column of one decimal whose gaps were filled with the mean needs nine for that one value. A
    grid with exceptions must save three decimals and hold half of the codes.
    """
    for kept in range(max(0, decimals - _LARGEST_POWER), decimals):
        step = 10 ** (decimals - kept)
        off = codes[codes % step != 0]
        values = np.unique(off)
        if len(off) and (
            decimals - kept < _FEWEST_SAVED
            or len(off) > len(codes) / 2
            or len(values) * _REPEATED > len(off)
            or len(values) > _MAX_SHARED
        ):
            continue
        return step, tuple(values.tolist())
    return 1, ()


@dataclass(frozen=True)
class RangedColumn(Column):
    """A column whose codes have the order of its values: numbers, instants and durations.

    Its *ordinary* codes are the multiples of `step` from `low` to `high`; there are none if `low`
    is the larger, as where a column keeps exactly its few values. Beside them there are `atoms`.
    One that is an ordinary code too has only its own symbol.
    """

    is_numeric = True
    generated_values = "any values in its range, and some may occur twice"
    stays_non_negative: ClassVar[bool] = True
    """Whether a range that is nowhere negative is not widened below 0."""

    low: int
    high: int
    step: int = field(default=1, kw_only=True)
    atoms: tuple[int, ...] = field(default=(), kw_only=True)  # ascending

    @property
    def multiples(self) -> range:
        """The ordinary codes, each divided by `step`."""
        return range(self.low // self.step, self.high // self.step + 1)

    @property
    def has_ordinary(self) -> bool:
        """Whether there are ordinary codes."""
        return self.low <= self.high

    def _is_ordinary(self, codes: Any) -> Any:
        return (codes >= self.low) & (codes <= self.high) & (codes % self.step == 0)

    @cached_property
    def _atom_codes(self) -> Codes:
        return np.array(self.atoms, dtype=np.int64)

    @cached_property
    def _atom_set(self) -> frozenset[int]:
        return frozenset(self.atoms)

    @property
    def _own_atoms(self) -> list[int]:
        """The atoms that are no ordinary codes."""
        return [code for code in self.atoms if not self._is_ordinary(code)]

    @property
    def code_range(self) -> tuple[int, int]:
        ends = [*self.atoms[:1], *self.atoms[-1:]]
        ends += [self.low, self.high] if self.has_ordinary else []
        return min(ends), max(ends)

    @property
    def n_values(self) -> float:
        multiples = self.multiples  # of which there can be more than `len` counts
        return max(0, multiples.stop - multiples.start) + len(self._own_atoms)

    def contains(self, codes: Codes) -> Mask:
        inside: Mask = self._is_ordinary(codes) | np.isin(codes, self._atom_codes)
        return inside | (codes == MISSING) if self.has_missing else inside

    def nearest(self, codes: npt.NDArray[Any]) -> Codes:
        low, high = self.code_range
        if codes.dtype.kind == "f":
            codes = np.clip(np.rint(codes), low, high).astype(np.int64)
        # also after that: floats do not hold every long integer
        inside: Codes = np.clip(codes, low, high)
        candidates = []
        if self.has_ordinary:
            steps = inside if self.step == 1 else np.rint(inside / self.step).astype(np.int64)
            candidates.append(np.clip(steps * self.step, self.low, self.high))
        if self.atoms:
            above = np.searchsorted(self._atom_codes, inside)
            ats = [np.clip(at, 0, len(self.atoms) - 1) for at in (above - 1, above)]
            candidates += [self._atom_codes[at] for at in ats]
        found = candidates[0]
        for other in candidates[1:]:
            is_nearer = _distances(inside, other) < _distances(inside, found)
            found = np.where(is_nearer, other, found)
        return found

    def not_interpolated(self, codes: Codes) -> Codes:
        is_fixed = codes == MISSING
        if self.has_ordinary:
            is_fixed |= np.isin(codes, self._atom_codes)
        return np.where(is_fixed, codes, ABSENT)

    def typical_code(self, codes: Codes) -> int:
        present = codes[codes != MISSING]
        if not len(present):
            return MISSING
        return int(self.nearest(np.array([float(present.mean())]))[0])

    def read_text(self, text: str) -> tuple[int | None, bool]:
        """Return the code nearest to a cell of unconstrained text, and whether it is exactly that.

        NOTE[DIFF]: the published code keeps numbers outside the column's range or between its
        decimals, for which a column has no codes.
        """
        try:
            units = self._units_of_text(text)
        except ValueError:
            return ABSENT, False
        if not math.isfinite(units):
            return None, False
        low, high = self.code_range
        code = int(self.nearest(np.array([round(min(max(units, low), high))]))[0])
        return code, abs(code - units) < 1e-6 * max(1.0, abs(units))

    def _units_of_text(self, text: str) -> float:
        """Read a number in units of the codes; a ValueError if it is none."""
        return float(text.replace(" ", ""))

    def domain(self) -> str:
        if not self.has_ordinary and len(self.atoms) <= 6:
            return ", ".join(map(str, self.decode(self._atom_codes)))
        first, last = self.decode(np.array(self.code_range))
        text = f"{first} to {last}"
        return text if self.has_ordinary else f"{len(self.atoms)} values from {text}"

    def restrict_range(self, low: Any, high: Any) -> Self:
        """Return the column with another range; None leaves that end as it is.

        Atoms outside of it go. A column that keeps exactly its few values gets all others of a
        range that is wider than they are.
        """
        try:
            lowest = None if low is None else math.ceil(self._units(low))
            highest = None if high is None else math.floor(self._units(high))
        except (ArithmeticError, ValueError, TypeError) as error:
            raise self._error(
                f"was given the range {shown((low, high))}, which must be two finite numbers, two "
                "points in time or two durations."
            ) from error

        def ends(first: int, last: int) -> tuple[int, int]:
            return first if lowest is None else lowest, last if highest is None else highest

        below, above = ends(*self.code_range)
        kept = [at for at, code in enumerate(self.atoms) if below <= code <= above]
        first, last = self.code_range
        if self.has_ordinary:
            below, above = ends(self.low, self.high)
        elif first <= below and above <= last:
            below, above = 1, 0  # only what it keeps exactly
        limited = self._between(below, above, kept)
        if limited is None:
            raise self._error(
                f"was given the range {shown((low, high))}, in which it has no value. Give the "
                "smaller end first."
            )
        return limited

    def widened(self, margin: float) -> Self:
        """Return the column with a longer range of ordinary values."""
        if not self.has_ordinary:
            return self
        added = round(margin * (self.high - self.low))
        lowest, highest = self._limits()
        if self.stays_non_negative and self.low >= 0:
            lowest = 0
        low, high = max(self.low - added, lowest), min(self.high + added, highest)
        widened = self._between(low, high, range(len(self.atoms)))
        assert widened is not None
        return widened

    def _between(self, low: int, high: int, kept: Sequence[int]) -> Self | None:
        """Return the column with another range and the atoms at `kept`; None if it is empty."""
        low, high = -(-low // self.step) * self.step, high // self.step * self.step
        if low > high:
            low, high = self.step, 0
            if not kept:
                return None
        return replace(self, low=low, high=high, **self._atoms_at(kept))

    def _atoms_at(self, kept: Sequence[int]) -> dict[str, Any]:
        """Return the fields that describe some of the atoms."""
        return {"atoms": tuple(self.atoms[at] for at in kept)}

    def _check_range(self) -> None:
        lowest, highest = self._limits()
        codes = [*self.atoms, *([self.low, self.high] if self.has_ordinary else [])]
        if not (
            codes
            and self.step >= 1
            and self.low % self.step == self.high % self.step == 0
            and list(self.atoms) == sorted(set(self.atoms))
            and lowest <= min(codes)
            and max(codes) <= highest
        ):
            raise self._error(
                f"(dtype {self.dtype}) cannot have the codes {self.low} to {self.high} in steps of "
                f"{self.step} and {self.atoms}; they must lie in {lowest} to {highest}."
            )

    def _placed(
        self, series: pd.Series[Any], codes: Codes, missing: Mask, is_off: Mask | bool = False
    ) -> Codes:
        """Return the codes of cells; a `SchemaError` if one is outside or may not be missing."""
        self.check_missing(missing)
        low, high = self.code_range
        outside = (codes < low) | (codes > high) | is_off
        near = self.nearest(np.clip(np.where(missing | outside, low, codes), low, high))
        outside = outside | (_distances(np.clip(codes, low, high), near) >= self.step)
        if (outside := outside & ~missing).any():
            value = series.iloc[int(outside.argmax())]
            shown = repr(value) if isinstance(value, str) else str(value)
            raise self._error(
                f"holds {shown}, which is outside its range {self.domain()}, or between its "
                "values. Infer the schema from a table with this value, or widen the range.",
                value,
            )
        return np.where(missing, MISSING, near)

    def symbol_automaton(self) -> Automaton:
        parts = []
        taken = [code for code in self.atoms if self._is_ordinary(code)]
        if len(self.multiples[: len(taken) + 1]) > len(taken):
            ordinary = self._ordinary_automaton()
            parts.append(without(ordinary, [self._ordinary_symbols(code) for code in taken]))
        if self.atoms:
            parts.append(from_sequences({code: self.symbols(code) for code in self.atoms}))
        return parts[0] if len(parts) == 1 else union(*parts)

    def symbols(self, code: int) -> list[Hashable]:
        if code in self._atom_set:
            return [("value", self.text(code))]
        return self._ordinary_symbols(code) if self._is_ordinary(code) else [("value", None)]

    @abstractmethod
    def _ordinary_automaton(self) -> Automaton:
        """Accept the ordinary codes, of which there are some."""

    @abstractmethod
    def _ordinary_symbols(self, code: int) -> list[Hashable]: ...

    @abstractmethod
    def _limits(self) -> tuple[int, int]:
        """Lowest and highest code that the dtype can restore."""

    @abstractmethod
    def _units(self, bound: Any) -> Decimal | Fraction:
        """How many units of the codes a bound is that the user gave."""


def _distances(ones: Codes, others: Codes) -> npt.NDArray[np.uint64]:
    """Return how far codes are from others; two of int64 can be further apart than it holds."""
    return np.maximum(ones, others).astype(np.uint64) - np.minimum(ones, others).astype(np.uint64)
