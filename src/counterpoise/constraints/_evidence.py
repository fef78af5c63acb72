"""A table as discovery reads it, and the rule against chance, which every kind of relation obeys.

**Chance.** The null hypothesis is that columns are independent: each is shuffled on its own, so
that its values keep their frequencies. A relation is kept if log10 of the probability that it then
holds in all rows, plus log10 of the number of candidates of its kind (and of the sets, ranges or
constants that the data chose), is below `MAX_LOG10_CHANCE`.

- Dependency: in each group of rows with equal determinants all cells are equal; with two
  determinants, given either of them.
- Formula: each result is the cell; rows with equal sources count once, and as many rows as there
  are constants, those that say most, not at all.
- Order, implication: each row is ordered, or has one of the values left, by the frequencies.
- One-hot group, missing together: the marked rows never coincide, or always do.

**Laws.** In real tables columns depend on each other, and a strong dependence that is no law has
no exceptions either where rows are few. So a relation must also be tried often: independent columns
would show at least `MIN_EXPECTED` exceptions, and at least `MIN_TRIED` rows could have been one.
Orders must be touched, sets and ranges end abruptly, implications have a stricter limit: each says
so where it is searched. The limits were set on some 200 real tables.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.columns import (
    MISSING,
    CategoricalColumn,
    Column,
    DatetimeColumn,
    DurationColumn,
    NumericColumn,
    Table,
)
from counterpoise.columns._ranged import RangedColumn
from counterpoise.constraints._base import Constraint

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

MAX_LOG10_CHANCE: Final = -6.0  # largest log10 of chance, corrected, of a relation that is kept
MIN_EXPECTED: Final = 30  # fewest rows that would be exceptions if the columns were independent
MIN_TRIED: Final = 50  # fewest rows that a relation could have failed in
MIN_SHARE: Final = 0.99  # of the rows, in which a relation with exceptions holds to be reported
N_SAMPLED: Final = 2000  # rows on which candidates are searched; those found are verified on all
_DAY: Final = np.timedelta64(1, "D")
MICROSECONDS_PER_DAY: Final = 86_400e6


@dataclass(frozen=True, eq=False)
class Cells:
    """The columns of a table in the forms that the searches need."""

    columns: tuple[Column, ...]
    codes: IntArray  # (n_rows, n_columns)
    ranks: npt.NDArray[np.int32]  # (n_rows, n_columns): which distinct code; missing is the first
    distinct: tuple[IntArray, ...]  # of each column the codes by rank, ascending
    counts: tuple[IntArray, ...]  # and how many rows have each
    sample: IntArray  # row positions, ascending

    @classmethod
    def of(cls, table: Table) -> Cells:
        n_rows = len(table)
        ranks = np.zeros(table.codes.shape, dtype=np.int32, order="F")
        distinct, counts = [], []
        for at, codes in enumerate(np.ascontiguousarray(table.codes.T)):
            first, values = pd.factorize(codes, sort=True)
            distinct.append(values)
            ranks[:, at] = first
            counts.append(np.bincount(first, minlength=len(values)))
        rng = np.random.default_rng(0)  # the same rows for the same table
        chosen = np.arange(n_rows)
        if n_rows > N_SAMPLED:
            chosen = np.sort(rng.choice(n_rows, N_SAMPLED, replace=False))
        return cls(tuple(table.schema), table.codes, ranks, tuple(distinct), tuple(counts), chosen)

    def __len__(self) -> int:
        return len(self.codes)

    def has_missing(self, at: int) -> bool:
        return bool(self.distinct[at][0] == MISSING)

    def missing(self, at: int) -> BoolArray:
        return np.asarray(self.codes[:, at] == MISSING)

    def n_distinct(self, at: int) -> int:
        """Return how many values a column has, without missing."""
        return len(self.distinct[at]) - self.has_missing(at)

    def cell(self, at: int, rank: int) -> Any:
        """Return the value of a rank as the user's table has it; None for missing."""
        code = self.distinct[at][rank : rank + 1]
        return None if code[0] == MISSING else self.columns[at].decode(code).tolist()[0]

    @cached_property
    def searched(self) -> list[int]:
        """Columns with two or more values that are no free text."""
        return [
            at
            for at, column in enumerate(self.columns)
            if not column.is_text and len(self.distinct[at]) > 1
        ]

    @cached_property
    def few(self) -> list[int]:
        """Searched columns whose generated values are all among those observed."""

        def has_few(column: Column) -> bool:
            if isinstance(column, RangedColumn):
                return not column.has_ordinary
            return isinstance(column, CategoricalColumn)

        return [at for at in self.searched if has_few(self.columns[at])]

    @cached_property
    def scales(self) -> list[str]:
        """By column "number", "date" (the zone told apart) or "duration"; "" without a scale."""
        return [_scale(column) for column in self.columns]

    @cached_property
    def levels(self) -> list[FloatArray]:
        """By column the numbers of its ranks, times in days; NaN for missing, empty if no scale."""
        return [
            self._levels(at) if self.scales[at] else np.empty(0) for at in range(len(self.columns))
        ]

    def _levels(self, at: int) -> FloatArray:
        column, codes = self.columns[at], self.distinct[at]
        values = np.full(len(codes), np.nan)
        present = codes != MISSING
        floats = column.to_floats(column.decode(codes[present]))
        if self.scales[at] == "number":
            values[present] = column.round_floats(floats)
        else:
            values[present] = floats / MICROSECONDS_PER_DAY
        return values

    def numbers(self, at: int, rows: IntArray | slice = slice(None)) -> FloatArray:
        """Return the cells of a column with a scale, times in days."""
        return np.asarray(self.levels[at][self.ranks[rows, at]])

    def grid(self, at: int) -> float:
        """Return the distance between neighbouring values of a column with a scale."""
        column = self.columns[at]
        unit = getattr(column, "unit", None)
        return float(np.timedelta64(1, unit) / _DAY) if unit else column.unit_size


def _scale(column: Column) -> str:
    if isinstance(column, NumericColumn):
        return "number"
    if isinstance(column, DatetimeColumn):
        if column.measure == "time of day":
            return "time without a date"
        return "date" if getattr(column.dtype, "tz", None) is None else "zoned date"
    return "duration" if isinstance(column, DurationColumn) else ""


def corrected(log10_probability: float, n_candidates: float) -> float:
    """Return log10 of a probability after Bonferroni's correction, at most 0."""
    return min(0.0, log10_probability + math.log10(max(1.0, n_candidates)))


def log10_choose(n: float, k: float) -> float:
    """Return log10 of the number of sets of k of n."""
    return (math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)) / math.log(10)


def log10_same(shares: FloatArray, sizes: IntArray) -> float:
    """Return log10 of the probability that in each of groups of these sizes all cells are equal."""
    sizes, times = np.unique(sizes[sizes > 1], return_counts=True)
    if not len(sizes):
        return 0.0
    relative = np.sort(shares[shares > 0] / shares.max())[::-1]
    total = 0.0
    for size, n_times in zip(sizes.tolist(), times.tolist(), strict=True):
        total += n_times * (size * math.log10(shares.max()) + math.log10((relative**size).sum()))
    return total


def log10_disjoint(n_rows: int, n_marked: Iterable[int]) -> float:
    """Return log10 of the probability that so many marked rows per column never coincide."""
    taken, total = 0, 0.0
    for n in n_marked:
        if taken + n > n_rows:
            return -math.inf
        total += log10_choose(n_rows - taken, n) - log10_choose(n_rows, n)
        taken += n
    return total


def share_ordered(
    lower: FloatArray, n_lower: IntArray, upper: FloatArray, n_upper: IntArray
) -> float:
    """Return the probability that of two independent cells the lower is at most the upper."""
    is_lower, is_upper = ~np.isnan(lower), ~np.isnan(upper)
    weights = n_lower[is_lower] / n_lower[is_lower].sum()
    below = np.concatenate([[0.0], np.cumsum(n_upper[is_upper] / n_upper[is_upper].sum())])
    return float(1 - weights @ below[np.searchsorted(upper[is_upper], lower[is_lower])])


def count_pairs(
    first: npt.NDArray[Any], n_first: int, second: npt.NDArray[Any], n_second: int
) -> tuple[IntArray, IntArray, IntArray]:
    """Return the pairs of numbers that rows have, in ascending order, and how often each occurs."""
    keys = first.astype(np.int64) * n_second + second
    if n_first * n_second <= max(1_000_000, 2 * len(first)):
        counts = np.bincount(keys, minlength=n_first * n_second)
        found = np.flatnonzero(counts)
        counts = counts[found]
    else:
        found, counts = np.unique(keys, return_counts=True)
    return found // n_second, found % n_second, counts


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A relation that the rule against chance lets pass; columns are positions in `Cells`."""

    constraint: Constraint
    columns: tuple[int, ...]  # what is derived first, where something is
    n_rows: int  # in which the relation was tried
    log10_chance: float
    exceptions: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))  # positions
    linear: tuple[float, ...] = ()  # of a linear formula the factors of columns[1:], the constant

    @property
    def is_exact(self) -> bool:
        return not len(self.exceptions)

    @property
    def pair(self) -> tuple[int, int]:
        """Return the first two columns."""
        return self.columns[0], self.columns[1]
