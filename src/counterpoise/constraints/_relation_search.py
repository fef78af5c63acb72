"""Searches for dependencies, orders, columns missing together, and pairs and groups of columns."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection
from typing import Any, Final

import numpy as np

from counterpoise.constraints._evidence import (
    MAX_LOG10_CHANCE,
    MIN_EXPECTED,
    MIN_SHARE,
    MIN_TRIED,
    N_SAMPLED,
    BoolArray,
    Cells,
    FloatArray,
    Found,
    IntArray,
    corrected,
    count_pairs,
    log10_choose,
    log10_disjoint,
    log10_same,
    share_ordered,
)
from counterpoise.constraints._fixed_combinations import FixedCombinations, OneHot
from counterpoise.constraints._functional_dependency import FunctionalDependency
from counterpoise.constraints._implication import Implication, MissingTogether
from counterpoise.constraints._inequality import Inequality

MAX_DETERMINANTS: Final = 60  # most columns among which pairs of determinants are searched
_MAX_ONE_HOT_STEPS: Final = 300
_MIN_PAIRED: Final = 3  # distinct values of a column of a closed pair
_MAX_PAIRED: Final = 0.3  # share of independent rows that would have one of the pairs seen
_MAX_CHANGES: Final = 0.7  # of those of independent columns, within rows of one value
_MIN_ORDERED: Final = 5  # distinct values of a column in an order; fewer may be codes
_CLOSE: Final = 0.02  # gap from a bound, beside the median gap, that some row must have
_RATHER_CLOSE: Final = 0.1  # and one that a share of `_MIN_CLOSE` of the rows must have
_MIN_CLOSE: Final = 0.01
_MIN_AT_WALL: Final = 10  # distinct values of the lower column of rows at the least gap
_MAX_LOG10_OF_RARE_BOUND: Final = -60.0  # log10 of chance from which on the share may be lower


def find_missing_together(cells: Cells) -> list[Found]:
    """Find the columns that are missing in the same rows."""
    groups: dict[bytes, list[int]] = {}
    for at in range(len(cells.columns)):
        if cells.has_missing(at) and len(cells.distinct[at]) > 1:
            groups.setdefault(np.packbits(cells.missing(at)).tobytes(), []).append(at)
    n_candidates = math.comb(sum(map(len, groups.values())), 2)
    found = []
    for members in groups.values():
        n_missing = int(cells.missing(members[0]).sum())
        # one further column that is missing in the same rows
        chance = corrected(-log10_choose(len(cells), n_missing), n_candidates)
        if len(members) > 1 and chance < MAX_LOG10_CHANCE:
            constraint = MissingTogether([cells.columns[at].name for at in members])
            found.append(Found(constraint, tuple(members), len(cells), chance))
    return found


# Functional dependencies


def find_dependencies(cells: Cells, taken: Collection[int]) -> list[Found]:
    """Find all A -> B, where A has few values; missing is a value like others."""
    targets = [at for at in cells.searched if at not in taken]
    sources = [at for at in cells.few if at not in taken]
    n_candidates = len(sources) * max(1, len(targets) - 1)
    rows = np.ascontiguousarray(cells.ranks[cells.sample])
    found = []
    most = 3 * (1 - MIN_SHARE) * len(rows)
    for source in sources:
        _, changes = _changes(rows, rows[:, source])
        for target in targets:
            if target != source and changes[target] <= most:
                one = _dependency(cells, (source,), target, n_candidates)
                if one is not None:
                    found.append(one)
    return found


def find_joint_dependencies(
    cells: Cells,
    taken: Collection[int],
    grouped: Collection[int],
    known: Collection[tuple[int, int]],
) -> list[Found]:
    """Find (A, B) -> C in all rows, where neither A nor B determines C, and not nearly.

    `known` has the pairs (A, C) where A does so, `grouped` columns that cannot be derived. The
    chance is that of C given A, or given B, whichever is larger: what one of them says of C is no
    evidence for the other.
    """
    targets = {at for at in cells.searched if at not in taken and at not in grouped}
    sources = [at for at in cells.few if at not in taken][:MAX_DETERMINANTS]
    n_candidates = math.comb(len(sources), 2) * max(1, len(targets) - 2)
    rows = np.ascontiguousarray(
        cells.ranks[cells.sample[:: 1 + (len(cells.sample) > N_SAMPLED // 2)]]
    )
    alone = {at: _changes(rows, rows[:, at]) for at in sources}
    least = MIN_EXPECTED * len(rows) / len(cells) / 3
    found = []
    for first, second in itertools.combinations(sources, 2):
        if (first, second) in known or (second, first) in known:
            continue
        groups = rows[:, first] * len(cells.distinct[second]) + rows[:, second]
        constant = np.flatnonzero(_changes(rows[:64], groups[:64])[1] == 0)  # so far
        n_same, changes = _changes(rows[:, constant], groups)
        if n_same < len(rows) / 2:
            continue
        # about as many as there would be if the other determinant did not matter
        usual = np.minimum(*(alone[at][1] * n_same / alone[at][0] for at in (first, second)))
        constant = constant[(changes == 0) & (usual[constant] >= least)]
        for target in sorted(targets.intersection(constant.tolist()) - {first, second}):
            if not {(first, target), (second, target)} & set(known):
                one = _dependency(cells, (first, second), target, n_candidates)
                if one is not None and one.is_exact:
                    found.append(one)
    return found


def _changes(rows: Any, groups: Any) -> tuple[int, IntArray]:
    """Return how many rows follow one of their group, and for how many of them a column differs."""
    order = np.argsort(groups, kind="stable")
    is_same = np.diff(groups[order]) == 0
    sorted_rows = rows[order]
    changes = ((sorted_rows[1:] != sorted_rows[:-1]) & is_same[:, None]).sum(axis=0)
    return max(1, int(is_same.sum())), changes


def _dependency(
    cells: Cells, sources: tuple[int, ...], target: int, n_candidates: int
) -> Found | None:
    """Return the dependency if it holds in all rows, or nearly, and is not chance."""
    n_rows, n_values = len(cells), len(cells.distinct[target])
    groups, n_groups = _groups(cells, sources)
    first, second, counts = count_pairs(groups, n_groups, cells.ranks[:, target], n_values)
    # by group the most frequent value of the target, and how many rows have it
    order = np.lexsort((-counts, first))
    most = order[np.flatnonzero(np.diff(first[order], prepend=-1))]
    usual, n_usual = (np.zeros(n_groups, dtype=np.int64) for _ in range(2))
    usual[first[most]], n_usual[first[most]] = second[most], counts[most]
    n_exceptions = n_rows - int(n_usual.sum())
    if n_exceptions > (1 - MIN_SHARE) * n_rows:
        return None
    n_tried = n_rows - n_groups
    if n_tried < MIN_TRIED:
        return None
    log10, expected = -math.inf, math.inf
    for given in [()] if len(sources) == 1 else [sources[:1], sources[1:]]:
        own_log10, own_expected = _within(cells, given, groups, n_usual, target)
        log10, expected = max(log10, own_log10), min(expected, own_expected)
    chance = corrected(log10 + log10_choose(n_rows, n_exceptions), n_candidates)
    if chance >= MAX_LOG10_CHANCE or expected < MIN_EXPECTED:
        return None
    if n_exceptions and expected < 5 * n_exceptions:
        return None
    names = [cells.columns[at].name for at in sources]
    constraint = FunctionalDependency(names, cells.columns[target].name)
    exceptions = np.flatnonzero(usual[groups] != cells.ranks[:, target])
    return Found(constraint, (target, *sources), n_rows, chance, exceptions)


def _groups(cells: Cells, sources: tuple[int, ...]) -> tuple[IntArray, int]:
    """Return which combination of the sources' values each row has, and how many there are."""
    first = cells.ranks[:, sources[0]].astype(np.int64)
    if len(sources) == 1:
        return first, len(cells.distinct[sources[0]])
    pairs = first * len(cells.distinct[sources[1]]) + cells.ranks[:, sources[1]]
    found, groups = np.unique(pairs, return_inverse=True)
    return groups.astype(np.int64), len(found)


def _within(
    cells: Cells, given: tuple[int, ...], groups: IntArray, n_usual: IntArray, target: int
) -> tuple[float, float]:
    """Return log10 of the chance of pure groups, and how many exceptions chance would make.

    The target is shuffled among the rows that agree in the columns `given`.
    """
    outer, n_outer = np.zeros(len(cells), dtype=np.int64), 1
    if given:
        outer, n_outer = _groups(cells, given)
    first, _, counts = count_pairs(
        outer, n_outer, cells.ranks[:, target], len(cells.distinct[target])
    )
    outer_of = np.zeros(len(n_usual), dtype=np.int64)
    outer_of[groups] = outer
    log10, expected = 0.0, 0.0
    for which in np.unique(first).tolist():
        shares = counts[first == which] / counts[first == which].sum()
        sizes = n_usual[outer_of == which]
        log10 += log10_same(shares, sizes)
        expected += float((sizes[sizes > 0] - 1).sum() * (1 - (shares**2).sum()))
    return log10, expected


# One-hot groups


def find_one_hot(cells: Cells, taken: Collection[int]) -> list[Found]:
    """Find groups of columns of 0 and 1 of which exactly one, or at most one, is 1 in a row.

    Groups of two of which exactly one is 1 are one-to-one codes, and so dependencies. Groups of
    which exactly one is 1 but for a few rows come last.
    """
    flags = [at for at in cells.searched if at not in taken and _is_flag(cells, at)]
    if len(flags) < 2:
        return []
    marks = np.column_stack([cells.ranks[:, at] == 1 for at in flags])
    n_marked = marks.sum(axis=0)
    both = marks.T.astype(np.float32) @ marks.astype(np.float32)
    found: list[Found] = []

    def add(group: list[int], *, at_most_one: bool, exceptions: Any = ()) -> bool:
        """Add the group, flags by number, if it is not chance."""
        kept = np.delete(marks[:, group], exceptions, axis=0)
        log10 = log10_disjoint(len(kept), kept.sum(axis=0).tolist())
        log10 += log10_choose(len(cells), len(exceptions))
        chance = corrected(log10, math.comb(len(flags), len(group)))
        shares = n_marked[group] / len(cells)
        expected = len(cells) * float(shares.sum() ** 2 - (shares**2).sum()) / 2
        if len(group) < 2 or chance >= MAX_LOG10_CHANCE or expected < MIN_EXPECTED:
            return False
        columns = tuple(flags[at] for at in group)
        names = [cells.columns[at].name for at in columns]
        constraint = OneHot(names, at_most_one=at_most_one)
        rows = np.array(exceptions, dtype=np.int64)
        found.append(Found(constraint, columns, len(cells), chance, rows))
        return True

    used, covered = set[int](), set[int]()
    for start in range(len(flags)):
        if start not in used:
            exclusive = (both == 0) & ~np.isin(np.arange(len(flags)), list(used))
            group = _exact_cover(marks, exclusive, [start])
            is_exact = group is not None and len(group) >= 3
            if group is None or not is_exact:
                group = _clique(start, exclusive, n_marked, len(cells))
            if add(sorted(group), at_most_one=not is_exact):
                used.update(group)
                covered.update(group if is_exact else ())
    for start in range(len(flags)):
        group = [start]
        for at in range(start + 1, len(flags)):
            expected = n_marked[group] * n_marked[at] / len(cells)
            if (both[group, at] <= 0.05 * expected).all() and expected.min() >= MIN_EXPECTED:
                group.append(at)
        exceptions = np.flatnonzero(marks[:, group].sum(axis=1) != 1)
        is_near = 0 < len(exceptions) <= (1 - MIN_SHARE) * len(cells)
        is_free = len(group) >= 3 and covered.isdisjoint(group)
        if is_near and is_free and add(group, at_most_one=False, exceptions=exceptions):
            covered.update(group)
    return found


def _is_flag(cells: Cells, at: int) -> bool:
    if cells.has_missing(at) or len(cells.distinct[at]) != 2:
        return False
    low, high = cells.cell(at, 0), cells.cell(at, 1)
    return not isinstance(low, str) and not isinstance(high, str) and bool(low == 0 and high == 1)


def _exact_cover(marks: BoolArray, exclusive: BoolArray, group: list[int]) -> list[int] | None:
    """Return the group with further columns, so that each row has exactly one 1; None if none."""
    steps = itertools.count()

    def cover(group: list[int]) -> list[int] | None:
        uncovered = ~marks[:, group].any(axis=1)
        if not uncovered.any():
            return group
        if next(steps) > _MAX_ONE_HOT_STEPS:
            return None
        row = int(uncovered.argmax())
        open_ = exclusive[group].all(axis=0) & marks[row]
        for at in np.flatnonzero(open_).tolist():
            covered = cover([*group, at])
            if covered is not None:
                return covered
        return None

    return cover(group)


def _clique(start: int, exclusive: BoolArray, n_marked: IntArray, n_rows: int) -> list[int]:
    """Return the group with all columns, each in turn, that exclude those before beyond chance."""
    group = [start]
    n_pairs = math.comb(len(n_marked), 2)
    for at in range(start + 1, len(n_marked)):
        if exclusive[group, at].all() and all(
            corrected(log10_disjoint(n_rows, n_marked[[member, at]].tolist()), n_pairs)
            < MAX_LOG10_CHANCE
            and n_marked[member] * n_marked[at] / n_rows >= MIN_EXPECTED
            for member in group
        ):
            group.append(at)
    return group


# Amounts that exclude each other


def find_exclusive(cells: Cells, taken: Collection[int]) -> list[Found]:
    """Find pairs of amounts of which at most one is above 0 in a row, such as debit and credit."""
    amounts = [
        at
        for at in cells.searched
        if cells.scales[at] == "number" and cells.n_distinct(at) > 2 and cells.levels[at][0] == 0
        if at not in taken
    ]
    n_candidates = math.comb(len(amounts), 2)
    marks = [cells.ranks[:, at] > 0 for at in amounts]
    found = []
    for (first, one), (second, other) in itertools.combinations(
        zip(amounts, marks, strict=True), 2
    ):
        n_marked = int(one.sum()), int(other.sum())
        chance = corrected(log10_disjoint(len(cells), n_marked), n_candidates)
        is_tried = n_marked[0] * n_marked[1] >= MIN_EXPECTED * len(cells)
        if is_tried and chance < MAX_LOG10_CHANCE and not (one & other).any():
            names = cells.columns[first].name, cells.columns[second].name
            least = cells.cell(first, 1) if first in cells.few else cells.columns[first].unit_size
            constraint = Implication(names[0], ("range", least, None), names[1], [0])
            found.append(Found(constraint, (first, second), n_marked[0], chance))
    return found


# Closed pairs


def find_pairs(cells: Cells, taken: Collection[int]) -> list[Found]:
    """Find disjoint pairs of columns of which few values go together, such as make and model.

    Columns in `taken` are left out. The pairs seen must be all there are: of the rows whose two
    values occur in others too, hardly any has them together for the only time.
    """
    few = [at for at in cells.few if at not in taken and cells.n_distinct(at) >= _MIN_PAIRED]
    rows = np.ascontiguousarray(cells.ranks[cells.sample[:: 1 + len(cells.sample) // 500]][:, few])
    usual = np.array([1 - ((cells.counts[at] / len(cells)) ** 2).sum() for at in few])
    pairs: set[tuple[int, int]] = set()
    for column, first in zip(rows.T, few, strict=True):
        n_same, changes = _changes(rows, column)  # first has more values, and so few of the other
        near = np.flatnonzero(changes <= _MAX_CHANGES * usual * n_same).tolist()
        others = [few[at] for at in near if cells.n_distinct(few[at]) <= cells.n_distinct(first)]
        pairs |= {(min(first, other), max(first, other)) for other in others if other != first}
    n_candidates = math.comb(len(few), 2)
    every = (_pair(cells, pair, n_candidates) for pair in sorted(pairs))
    found: list[Found] = []
    for one in sorted(filter(None, every), key=lambda one: one.log10_chance):
        if not any(set(one.columns) & set(other.columns) for other in found):
            found.append(one)
    return found


def _pair(cells: Cells, pair: tuple[int, int], n_candidates: int) -> Found | None:
    n_values = [len(cells.distinct[at]) for at in pair]
    ranks = cells.ranks[:, pair]
    first, second, counts = count_pairs(ranks[:, 0], n_values[0], ranks[:, 1], n_values[1])
    n_first, n_second = (
        cells.counts[at][part] for at, part in zip(pair, (first, second), strict=True)
    )
    share = float(n_first / len(cells) @ n_second) / len(cells)
    if share > _MAX_PAIRED or len(counts) > 2 * max(n_values):
        return None
    counts = counts[(n_first > 1) & (n_second > 1)]
    n_tried, n_once = int(counts.sum()), int((counts == 1).sum())
    log10 = n_tried * math.log10(share) + log10_choose(n_tried, n_once)
    chance = corrected(log10, n_candidates)
    if n_tried < MIN_TRIED or n_once > (1 - MIN_SHARE) * n_tried or chance >= MAX_LOG10_CHANCE:
        return None
    constraint = FixedCombinations([cells.columns[at].name for at in pair])
    return Found(constraint, pair, len(cells), chance)


# Orders


def find_orders(cells: Cells) -> list[Found]:
    """Find A <= B and A < B between columns of one scale, all of them.

    The bound must be touched: that all men of a table weigh less kilograms than they have
    centimetres is no law. So the smallest difference must be small beside the usual one.
    """
    found = []
    ordered = [
        at for at in cells.searched if cells.scales[at] and cells.n_distinct(at) >= _MIN_ORDERED
    ]
    n_candidates = sum(
        cells.scales[a] == cells.scales[b] for a, b in itertools.permutations(ordered, 2)
    )
    values = np.array([cells.numbers(at, cells.sample) for at in ordered])  # (n_ordered, n_rows)
    for at, low in enumerate(ordered):
        gaps = values - values[at]
        n_known, n_below = (gaps == gaps).sum(axis=1), (gaps < 0).sum(axis=1)
        is_open = (n_below <= 2 * (1 - MIN_SHARE) * n_known) & (n_known >= MIN_TRIED / 2)
        for high in np.array(ordered)[is_open].tolist():
            if high == low or cells.scales[low] != cells.scales[high]:
                continue
            one = _order(cells, low, high, n_candidates)
            if one is not None:
                found.append(one)
    return found


def _order(cells: Cells, low: int, high: int, n_candidates: int) -> Found | None:
    lower, upper = cells.numbers(low), cells.numbers(high)
    if np.count_nonzero(lower > upper) > (1 - MIN_SHARE) * len(lower):
        return None
    known = np.flatnonzero(~np.isnan(lower) & ~np.isnan(upper))
    lower, upper = lower[known], upper[known]
    gaps = upper - lower
    n_known, broken = len(known), np.flatnonzero(gaps < 0)
    if n_known < MIN_TRIED or len(broken) > (1 - MIN_SHARE) * n_known:
        return None
    gap = _least_gap(cells, (low, high), lower, gaps)
    upper, gaps = upper - gap, gaps - gap
    # The usual value of the upper column (such as 0) is no evidence: that it leaves only 0 in the
    # other one would be an implication.
    counts = cells.counts[high].copy()
    usual = counts[cells.has_missing(high) :].argmax() + cells.has_missing(high)
    counts[usual] = 0
    n_tried = np.count_nonzero(cells.ranks[known, high] != usual)
    if n_tried < MIN_TRIED:
        return None
    share = share_ordered(cells.levels[low] + gap, cells.counts[low], cells.levels[high], counts)
    if not 0 < share < 1 or n_tried * (1 - share) < max(MIN_EXPECTED, 5 * len(broken)):
        return None
    log10 = n_tried * math.log10(share) + log10_choose(n_known, len(broken))
    chance = corrected(log10, n_candidates)
    step = max(cells.grid(low), cells.grid(high))
    is_strict = bool(np.abs(gaps).min() > 0.5 * step)  # no row has them equal
    is_evident = chance < _MAX_LOG10_OF_RARE_BOUND and not len(broken)
    least_close = 0.0 if is_evident else _MIN_CLOSE
    if chance >= MAX_LOG10_CHANCE or not _is_bound(
        lower, upper, gaps - step * (gaps > 0) * is_strict, least_close
    ):
        return None
    # although many have them next to each other
    n_next = int(((gaps > 0) & (gaps < 1.5 * step)).sum())
    is_strict = is_strict and n_next >= MIN_EXPECTED
    names = cells.columns[low].name, cells.columns[high].name
    constraint = Inequality(names[0], "<" if is_strict else "<=", names[1], gap)
    return Found(constraint, (low, high), n_known, chance, known[broken])


def _least_gap(cells: Cells, pair: tuple[int, int], lower: FloatArray, gaps: FloatArray) -> float:
    """Return the least difference of whole numbers where it is a wall, such as 18 years of age.

    Many rows stand at it, with different values; 0 where it is none.
    """
    least = float(gaps.min())
    if least < 2 or any(cells.scales[at] != "number" or cells.grid(at) != 1 for at in pair):
        return 0.0
    at_wall = lower[gaps == least]
    n_beside = np.count_nonzero(gaps == least + 1)
    is_wall = len(at_wall) >= max(n_beside / 2, _MIN_CLOSE * len(gaps), MIN_EXPECTED)
    return least if is_wall and len(np.unique(at_wall)) >= _MIN_AT_WALL else 0.0


def _is_bound(lower: FloatArray, upper: FloatArray, gaps: FloatArray, least_close: float) -> bool:
    """Whether rows come close to the bound, and few go beyond it beside those that come close.

    Close is meant beside the usual gap and, as large rows have large gaps, beside the value too.
    """
    inside, beyond = gaps >= 0, gaps < 0
    relative = gaps / np.maximum(np.maximum(np.abs(upper), np.abs(lower)), 1e-300)
    for sizes in (gaps, relative):
        usual = np.median(sizes[inside])
        if not sizes[inside].min() <= _CLOSE * usual:
            return False
        if np.mean(sizes[inside] <= _RATHER_CLOSE * usual) < least_close:
            return False
        if beyond.any():
            reach = float(np.median(-sizes[beyond]))
            n_close = np.count_nonzero(sizes[inside] <= reach)
            if n_close < 10 * np.count_nonzero(beyond) or (gaps == 0).mean() > 0.9:
                return False
    return True
