"""Searches for values of one column that leave another column one value, a set or a range.

A strong dependence has no exceptions in some value of some column, so the rule against chance
(``_evidence``) is stricter here: the limits are `_MAX_LOG10_OF_VALUE` and
`_MAX_LOG10_OF_LIMIT`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np

from counterpoise.constraints._evidence import (
    MAX_LOG10_CHANCE,
    MIN_EXPECTED,
    MIN_TRIED,
    BoolArray,
    Cells,
    FloatArray,
    Found,
    IntArray,
    corrected,
    log10_choose,
)
from counterpoise.constraints._implication import Implication

MAX_IMPLICATIONS: Final = 10  # between two columns of which one nearly determines the other
_MAX_VALUES: Final = 50  # of a column that a premise restricts to some of its values
_MAX_LOG10_OF_VALUE: Final = -30.0  # of an implication, summed over the values with one conclusion
_MAX_LOG10_OF_LIMIT: Final = -60.0  # of one to a set or a range
_MIN_EXPECTED: Final = 20  # exceptions that each value would have
_MIN_RATIO: Final = 0.2  # of the rows with an allowed value to those expected
_MIN_EXCLUDED: Final = 0.05  # share that a set or range must exclude
_MIN_AT_END: Final = 10  # rows with the last value of a range
_MAX_CODES: Final = 10  # distinct numbers of a column in which each may stand for a category


def find_implications(
    cells: Cells,
    taken: Collection[int],
    known: Mapping[tuple[int, int], bool],
    also_missing: Collection[int],
    orders: Collection[tuple[int, int]],
) -> list[Found]:
    """Find where one value of a column leaves another column a single value, or missing.

    Left out are those of pairs of columns that `known` maps to True, those about missing cells in
    the columns `also_missing`, those that `orders` give, and what follows from others. Of pairs of
    which one nearly determines the other, that `known` has too, there are few or none.
    """
    columns = [at for at in cells.searched if at not in taken]
    premises = [(at, rank) for at in columns for rank in _frequent(cells, at)]
    n_candidates = len(premises) * max(1, len(columns) - 1)
    rows_by_rank = lru_cache(1)(lambda at: np.argsort(cells.ranks[:, at], kind="stable"))
    found = []
    for at, rank in premises:
        end = int(cells.counts[at][: rank + 1].sum())
        rows = rows_by_rank(at)[end - cells.counts[at][rank] : end]
        for then in _constant(cells, rows, columns):
            value = int(cells.ranks[rows[0], then])
            n_rows, n_allowed = len(cells), int(cells.counts[then][value])
            log10 = log10_choose(n_allowed, len(rows)) - log10_choose(n_rows, len(rows))
            chance = corrected(log10, n_candidates)
            one = _Implied(cells, (at, rank), (then, value), len(rows), chance)
            is_new = then != at and not known.get((at, then)) and not one.follows_from(orders)
            is_shown = not one.names_missing(also_missing)
            is_tried = len(rows) * (1 - n_allowed / n_rows) >= _MIN_EXPECTED
            if is_new and is_shown and is_tried and chance < MAX_LOG10_CHANCE:
                found.append(one)
    return _reduced(cells, found, known)


def _reduced(
    cells: Cells, found: Sequence[_Implied], nearly: Collection[tuple[int, int]]
) -> list[Found]:
    """Leave out the implications that follow from others, and join those that differ in a value."""
    kept = [one for one in found if not any(one.turns_around(other) for other in found)]
    for one in kept[::-1]:
        edges = [edge for other in kept if other is not one for edge in other.edges()]
        if leads(edges, one.premise, one.conclusion):
            kept.remove(one)
    n_each = Counter(one.pair for one in kept)
    groups: dict[tuple[Any, ...], list[_Implied]] = {}
    for one in kept:
        groups.setdefault((one.premise[0], one.conclusion), []).append(one)
    joined = []
    for group in groups.values():
        chance = sum(one.log10_chance for one in group)
        at, then = pair = group[0].pair
        if chance >= _MAX_LOG10_OF_VALUE or (n_each[pair] > MAX_IMPLICATIONS and pair in nearly):
            continue
        constraint = Implication(
            cells.columns[at].name,
            [cells.cell(*one.premise) for one in group],
            cells.columns[then].name,
            [cells.cell(*group[0].conclusion)],
        )
        joined.append(Found(constraint, pair, sum(one.n_rows for one in group), chance))
    return joined


def find_limits(
    cells: Cells, taken: Collection[int], known: Collection[tuple[int, int]]
) -> list[Found]:
    """Find where one value of a column leaves another column a set or a range of its values.

    `known` has pairs of columns that need none. Dependence makes values rare where it does not
    exclude them, so the rule is strict. An excluded value must be expected `MIN_EXPECTED` times,
    while those that are allowed occur at least `_MIN_RATIO` times as often as expected. A range
    must end abruptly: its last value is as frequent as half of its values are. Limits that exclude
    less than `_MIN_EXCLUDED` of what independent columns would have are not searched.
    """
    columns = [at for at in cells.searched if at not in taken]
    premises = [
        (at, rank)
        for at in columns
        for rank in _frequent(cells, at)
        if rank >= cells.has_missing(at)
    ]
    n_candidates = len(premises) * max(1, len(columns) - 1)
    found: list[Found] = []
    excluded: set[frozenset[tuple[int, int]]] = set()

    rows_of = lru_cache(1)(lambda at, rank: np.flatnonzero(cells.ranks[:, at] == rank))
    for at, rank, then in _sampled_limits(cells, premises, columns):
        if at == then or (at, then) in known or (then, at) in known:
            continue
        rows = rows_of(at, rank)
        seen = np.bincount(cells.ranks[rows, then], minlength=len(cells.distinct[then]))
        counts = cells.counts[then].copy()
        if cells.has_missing(then):
            seen[0] = counts[0] = 0  # whether a cell is missing is another matter
        n_rows, n_all = int(seen.sum()), int(counts.sum())
        expected: FloatArray = np.asarray(counts * (n_rows / n_all), dtype=np.float64)
        if np.count_nonzero(seen) < 2:
            continue
        allowed, n_sets = _limit(cells, then, seen, expected)
        if allowed is None:
            continue
        out = np.flatnonzero(~allowed)
        pairs = [frozenset([(at, rank), (then, int(each))]) for each in out]
        is_new = np.array([pair not in excluded for pair in pairs])
        new = float(expected[out[is_new]].sum())
        if new < max(2 * MIN_EXPECTED, _MIN_EXCLUDED * n_rows):
            continue
        log10 = log10_choose(int(counts[allowed].sum()), n_rows) - log10_choose(n_all, n_rows)
        chance = corrected(log10, n_candidates * n_sets)
        if chance >= _MAX_LOG10_OF_LIMIT:
            continue
        excluded.update(pairs)
        found.append(_limited(cells, (at, rank), then, allowed, chance))
    return found


def _sampled_limits(
    cells: Cells, premises: list[tuple[int, int]], columns: list[int]
) -> Iterator[tuple[int, int, int]]:
    """Yield the premises with the columns of which they may exclude enough, by the sample."""
    targets = [at for at in columns if cells.n_distinct(at) >= 3 and _can_be_limited(cells, at)]
    few = [at for at in targets if len(cells.counts[at]) <= _MAX_VALUES]
    below = {at: np.cumsum([0, *cells.counts[at]]) for at in targets if at not in few}
    counts = np.concatenate([np.empty(0, dtype=np.int64), *(cells.counts[at] for at in few)])
    starts = np.cumsum([0, *(len(cells.counts[at]) for at in few)])[:-1]
    rows = np.ascontiguousarray(cells.ranks[cells.sample])
    for at, rank in premises:
        some = rows[rows[:, at] == rank]
        if not len(some):
            continue
        seen = np.bincount((some[:, few] + starts).ravel(), minlength=len(counts))
        n_unseen = np.add.reduceat(np.where(seen == 0, counts, 0), starts).tolist() if few else ()
        n_excluded = dict(zip(few, n_unseen, strict=True))
        for then, n in below.items():
            n_excluded[then] = n[some[:, then].min()] + len(cells) - n[some[:, then].max() + 1]
        for then in targets:
            if n_excluded[then] >= _MIN_EXCLUDED / 2 * len(cells):
                yield at, rank, then


def _can_be_limited(cells: Cells, then: int) -> bool:
    """Whether any of the values of a column is frequent enough for what `_limit` asks."""
    if cells.scales[then] and cells.n_distinct(then) > _MAX_CODES:
        return not cells.has_missing(then) and bool(cells.counts[then].max() >= _MIN_AT_END)
    return bool(cells.counts[then].max() >= MIN_EXPECTED)


def _limit(
    cells: Cells, then: int, seen: IntArray, expected: FloatArray
) -> tuple[BoolArray | None, float]:
    """Return which values are allowed, if not all, and how many such sets there could be."""
    n_values = len(seen)
    if cells.scales[then] and cells.n_distinct(then) > _MAX_CODES:
        if cells.has_missing(then):
            return None, 1  # a range would exclude missing cells
        low, high = np.flatnonzero(seen)[[0, -1]]
        if not _occur(seen[low : high + 1], expected[low : high + 1]):
            return None, 1  # more values are excluded than those outside
        usual = seen[low : high + 1].sum() / (high - low + 1)
        least = max(_MIN_AT_END, usual / 2)
        allowed = np.ones(n_values, dtype=bool)
        for end, outside in ((low, slice(0, low)), (high, slice(high + 1, n_values))):
            if expected[outside].sum() >= 2 * MIN_EXPECTED and seen[end] >= least:
                allowed[outside] = False
        return (None if allowed.all() else allowed), n_values**2
    excluded = (seen == 0) & (expected >= MIN_EXPECTED)  # never missing, expected 0 times
    if not excluded.any():
        return None, 1
    if not _occur(seen[~excluded & (seen > 0)], expected[~excluded & (seen > 0)]):
        return None, 1
    return ~excluded, 2.0**n_values


def _occur(seen: IntArray, expected: FloatArray) -> bool:
    """Whether values that are expected a few times occur, and not much more rarely."""
    is_expected = expected >= 5
    return bool((seen[is_expected] >= _MIN_RATIO * expected[is_expected]).all())


def _limited(
    cells: Cells, premise: tuple[int, int], then: int, allowed: BoolArray, chance: float
) -> Found:
    at, rank = premise
    values: Any = [cells.cell(then, each) for each in np.flatnonzero(allowed).tolist()]
    if cells.scales[then] and cells.n_distinct(then) > _MAX_CODES:
        ends = np.flatnonzero(allowed)[[0, -1]]
        low, high = (cells.cell(then, int(end)) for end in ends)
        is_open = ends[0] == 0, ends[1] == len(allowed) - 1
        values = ("range", None if is_open[0] else low, None if is_open[1] else high)
    constraint = Implication(
        cells.columns[at].name, [cells.cell(at, rank)], cells.columns[then].name, values
    )
    n_rows = int(cells.counts[at][rank])
    return Found(constraint, (at, then), n_rows, chance)


def _frequent(cells: Cells, at: int) -> list[int]:
    """Return the values of a column that may restrict others, as ranks.

    Those are categories, few whole numbers, which may be codes, and missing; of other numbers zero
    and one that stands out: that all with 3 years of experience come from one city is no law.
    """
    frequent = np.flatnonzero(cells.counts[at] >= MIN_TRIED).tolist()
    if not cells.scales[at]:
        return frequent
    levels = cells.levels[at][~np.isnan(cells.levels[at])]
    if len(levels) <= _MAX_CODES and (levels % 1 == 0).all():
        return frequent
    *_, second, first = np.argsort(cells.counts[at], kind="stable").tolist()
    special = set(np.flatnonzero(cells.levels[at] == 0).tolist())
    if cells.has_missing(at):
        special.add(0)
    if cells.counts[at][first] >= max(0.05 * len(cells), 2 * cells.counts[at][second]):
        special.add(first)
    return [rank for rank in frequent if rank in special]


def _constant(cells: Cells, rows: IntArray, columns: Sequence[int]) -> list[int]:
    """Return the columns that have one value in these rows."""
    few = rows[:: max(1, len(rows) // 64)]
    some = cells.ranks[few]
    same = (some == some[0]).all(axis=0)
    return [
        at
        for at in columns
        if same[at] and (cells.ranks[rows, at] == cells.ranks[rows[0], at]).all()
    ]


class _Implied(NamedTuple):
    """Where a column has one of its ranks, another one has one of its own."""

    cells: Cells
    premise: tuple[int, int]  # position, rank
    conclusion: tuple[int, int]
    n_rows: int
    log10_chance: float

    @property
    def pair(self) -> tuple[int, int]:
        return self.premise[0], self.conclusion[0]

    def edges(self) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        """Return the implication and, between columns of two values each, its contrapositive."""
        (at, rank), (then, value) = self.premise, self.conclusion
        edges = [(self.premise, self.conclusion)]
        if len(self.cells.distinct[at]) == len(self.cells.distinct[then]) == 2:
            edges.append(((then, 1 - value), (at, 1 - rank)))
        return edges

    def turns_around(self, other: _Implied) -> bool:
        """Whether the other one says the same the other way around, and more.

        Where a premise has two values and one of them leaves one value of a column, the column's
        other values leave the other one.
        """
        (at, rank), (then, value) = self.premise, self.conclusion
        if len(self.cells.distinct[then]) != 2 or len(self.cells.distinct[at]) == 2:
            return False
        is_contrary = other.conclusion[0] == at and other.conclusion[1] != rank
        return is_contrary and other.premise == (then, 1 - value)

    def names_missing(self, columns: Collection[int]) -> bool:
        """Whether it is about missing cells in one of the columns."""
        return any(
            at in columns and rank == 0 and self.cells.has_missing(at)
            for at, rank in (self.premise, self.conclusion)
        )

    def follows_from(self, orders: Collection[tuple[int, int]]) -> bool:
        """Whether the conclusion is the least or greatest value, and an order leaves no other."""
        (at, rank), (then, value) = self.premise, self.conclusion
        if not (self.cells.scales[at] and self.cells.scales[then]):
            return False
        own, other = self.cells.levels[at][rank], self.cells.levels[then]
        return ((then, at) in orders and own == other[value] == np.nanmin(other)) or (
            (at, then) in orders and own == other[value] == np.nanmax(other)
        )


def leads(edges: Iterable[tuple[Any, Any]], start: Any, end: Any) -> bool:
    """Whether a path of edges leads from start to end."""
    after: dict[Any, list[Any]] = {}
    for first, second in edges:
        after.setdefault(first, []).append(second)
    reached, open_ = {start}, [start]
    while open_:
        new = set(after.get(open_.pop(), ())) - reached
        reached |= new
        open_ += new
    return end in reached - {start}
