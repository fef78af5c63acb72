"""Which codes a cell can have, given the cells that its row has: constraints kept while decoding.

Before a cell is generated, what its row has already is followed through the constraints: a value
that would leave another cell none is left out too. `accepts` still tests every row: some chains of
constraints, and constraints beyond the limits here, are found out only then.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from itertools import count, pairwise
from math import lcm
from typing import NamedTuple

import numpy as np

from counterpoise.columns import ABSENT, MISSING, Schema
from counterpoise.constraints._base import (
    IS_MISSING,
    IS_PRESENT,
    Order,
    Restriction,
    Sum,
    units_per_one,
)
from counterpoise.constraints._intervals import Computed
from counterpoise.grammar._grammar import BoolArray, Codes, CodeSet, Grammar, IntArray, Reachable

MAX_CLASSES = 256
"""Into so many classes restrictions can divide the values of a column; rows are rejected for
further restrictions."""
_MAX_STEPS = 200
"""Times that classes are tried, at most, to find out whether rows can be completed."""
_LARGEST = 2**62
"""No code that is compared with another is larger, in their common unit."""
FREE, _ANY = -1, 0
"""In place of the number of a set of codes: the cell can be anything; anything within bounds."""


class Limits(NamedTuple):
    """What the next cell of each row can be; each of shape (n_rows,)."""

    which: IntArray  # number of a set of codes, or FREE
    low: IntArray  # further bounds, of codes that are not MISSING
    high: IntArray
    factor: IntArray  # in the set are such codes times `factor`, and `shift`
    shift: IntArray

    @classmethod
    def none(cls, n_rows: int) -> Limits:
        info = np.iinfo(np.int64)
        return cls(*(np.full(n_rows, value) for value in (FREE, info.min, info.max, 1, 0)))


class RestrictedCells:
    """What decoding keeps of the constraints of one table, in the columns that are learned."""

    def __init__(
        self,
        restrictions: Sequence[Restriction | Order | Computed | Sum],
        grammar: Grammar,
        schema: Schema,
    ) -> None:
        self._grammar = grammar
        columns = sorted({column for one in restrictions for column in one.ends})
        numbers = [one for one in restrictions if isinstance(one, Computed)]
        pairs = [one for one in restrictions if isinstance(one, Restriction | Order)]
        texts = [column for column in columns if schema[column].is_text]
        self._reachable = Reachable.of(grammar, columns, texts)
        edge_state = grammar.edge_key // grammar.n_tokens
        self._first_edge = np.searchsorted(edge_state, np.arange(len(grammar.column) + 1))
        self._sets: list[CodeSet] = [IS_MISSING | IS_PRESENT]
        self._sums: list[tuple[Sum, int]] = []  # and the number of its set of codes
        for one in restrictions:
            if isinstance(one, Sum):
                self._sums.append((one, len(self._sets)))
                self._sets.append(one.codes | IS_MISSING)
        self._computed: list[list[Computed]] = []  # those that depend on each other
        ends = [(one.ends[0], end) for one in numbers for end in one.ends]
        for part in _connected_parts({end for one in numbers for end in one.ends}, ends):
            self._computed.append([one for one in numbers if one.ends[0] in part])
        self._groups: list[_Group] = []
        n_columns = len(grammar.first_state)
        self._group_of = np.full(n_columns, -1)
        self._place_in_group = np.zeros(n_columns, dtype=np.int64)
        paired = sorted({column for one in pairs for column in one.ends})
        for members in _connected_parts(paired, [one.ends for one in pairs]):
            own = [one for one in pairs if one.ends[0] in members]
            self._group_of[members] = len(self._groups)
            self._place_in_group[members] = np.arange(len(members))
            self._groups.append(_Group(members, own, self._reachable, schema, self._sets))

    def open(self, codes: IntArray, columns: IntArray) -> Limits:
        """Return what the cell at ``columns[i]`` of each row can be; ABSENT ones are to come."""
        limits = Limits.none(len(codes))
        group_of = self._group_of[columns]
        for number in sorted(set(group_of.tolist()) - {-1}):
            rows, group = np.flatnonzero(group_of == number), self._groups[number]
            own = group.open(codes[rows][:, group.columns], self._place_in_group[columns[rows]])
            for whole, part in zip(limits, own, strict=True):
                whole[rows] = part
        for numbers in self._computed:
            self._bound(numbers, codes, columns, limits)
        for one, number in self._sums:  # the last of its cells decides
            cells = codes[:, one.ends]
            is_last = np.isin(columns, one.ends) & ((cells == ABSENT).sum(axis=1) == 1)
            is_last &= (cells != MISSING).all(axis=1) & (limits.which <= _ANY)
            rows = np.flatnonzero(is_last)
            factors = np.array(list(one.factors.values()))
            known = np.where(cells[rows] == ABSENT, 0, cells[rows])
            limits.which[rows] = number
            limits.factor[rows] = [one.factors[column] for column in columns[rows].tolist()]
            limits.shift[rows] = known @ factors + one.added
        return limits

    def _bound(
        self, numbers: Sequence[Computed], codes: IntArray, columns: IntArray, limits: Limits
    ) -> None:
        """Narrow the limits of cells from which numbers are computed: these are in range then."""
        cells = {at: cell for one in numbers for at, cell in one.cells.items()}
        rows = np.flatnonzero(np.isin(columns, list(cells)))
        if not len(rows):
            return
        opened, ranges, can_miss, is_open = columns[rows], {}, {}, {}
        for at, cell in cells.items():
            own = codes[rows, at]
            is_open[at] = own == ABSENT
            can_miss[at] = np.where(is_open[at], cell.can_miss & (opened != at), own == MISSING)
            ranges[at] = np.where(is_open[at], [[cell.low], [cell.high]], own / cell.units)
        is_empty = np.zeros(len(rows), dtype=bool)
        # what one leaves of a cell can matter for another
        again = [one for one in numbers if np.isin(one.ends, opened).any()]
        for one in [*numbers, *again]:
            is_kept = reduce(operator.or_, (is_open[at] for at in one.ends))
            is_kept &= ~reduce(operator.or_, (can_miss[at] for at in one.ends))
            kept = np.flatnonzero(is_kept)
            if len(kept):
                own_ranges = {at: ranges[at][:, kept] for at in one.ends}
                is_empty[kept] |= one.narrow(own_ranges)
                for at, narrowed in own_ranges.items():
                    ranges[at][:, kept] = narrowed
        for at, cell in cells.items():
            places = np.flatnonzero(opened == at)
            own = rows[places]
            ends = np.clip(ranges[at][:, places] * cell.units, -_LARGEST, _LARGEST)
            slack = 1e-6 + 1e-12 * np.abs(ends)  # of floats
            bounds = (
                np.ceil(ends[0] - slack[0]).astype(np.int64),
                np.floor(ends[1] + slack[1]).astype(np.int64),
            )
            limits.low[own] = np.maximum(limits.low[own], bounds[0])
            limits.high[own] = np.minimum(limits.high[own], bounds[1])
            limits.which[own] = np.maximum(limits.which[own], _ANY)
        limits.low[rows[is_empty]] = _LARGEST

    def barred(
        self, states: IntArray, codes: IntArray, limits: Limits
    ) -> tuple[IntArray, IntArray, BoolArray]:
        """Return the tokens that lead to no code within the limits: row and token of each.

        `states`, and the `codes` so far, are of shape (n_rows,). The third array says which rows
        have no other tokens; none is barred there.
        """
        reach, first_edge = self._reachable, self._first_edge
        rows, edges = _spread(first_edge[states], first_edge[states + 1])
        run_edge, runs = _spread(reach.offsets[edges], reach.offsets[edges + 1])
        run_row = rows[run_edge]
        grammar = self._grammar
        after = codes[rows] * grammar.edge_scale[edges] + grammar.edge_add[edges]
        base = after[run_edge] * reach.scale[runs]
        first, last, step = base + reach.first[runs], base + reach.last[runs], reach.step[runs]
        low, high = limits.low[run_row], limits.high[run_row]
        is_moved = (limits.factor != 1) | (limits.shift != 0)
        moved = np.flatnonzero(is_moved[run_row] & (first != MISSING))
        if len(moved):
            factor, shift = limits.factor[run_row[moved]], limits.shift[run_row[moved]]
            starts, stops = first[moved], last[moved]
            within = low[moved].clip(starts, stops + 1), high[moved].clip(starts - 1, stops)
            ends = np.stack([starts, stops, *within]) * factor + shift
            ends = np.where(factor > 0, ends, ends[[1, 0, 3, 2]])
            first[moved], last[moved], low[moved], high[moved] = ends
            step[moved] *= np.abs(factor)
        runs_of = first, last, step, low, high
        is_open = np.zeros(len(edges), dtype=bool)
        which = limits.which[run_row]
        for number in np.unique(which).tolist():
            own = np.flatnonzero(which == number)
            hits = _meets(self._sets[number], *(part[own] for part in runs_of))
            is_open[run_edge[own[hits]]] = True
        # further tokens of free text are of no column that is restricted
        is_open |= reach.offsets[edges] == reach.offsets[edges + 1]
        is_dead = np.ones(len(states), dtype=bool)
        is_dead[rows[is_open]] = False
        out = ~is_open & ~is_dead[rows]
        return rows[out], grammar.edge_key[edges[out]] % grammar.n_tokens, is_dead


class _Group:
    """Columns that depend on each other.

    The values of each fall into classes, which restrictions treat alike; `possible`, of shape
    (n_rows, n_classes of all columns), says which classes are left. Orders bound numbers, in one
    unit for the columns that they connect; a cell that can still be missing hands no bound on.
    """

    def __init__(
        self,
        columns: list[int],
        own: Sequence[Restriction | Order],
        reachable: Reachable,
        schema: Schema,
        sets: list[CodeSet],
    ) -> None:
        self.columns = columns
        self._at = {column: at for at, column in enumerate(columns)}
        self._reachable = [reachable.by_column[column] for column in columns]
        self._classes = [
            [part for part in (IS_PRESENT, IS_MISSING) if _extent(part, codes)]
            for codes in self._reachable
        ]
        kept = [one for one in own if isinstance(one, Restriction) and self._divide(one)]
        sizes = [len(classes) for classes in self._classes]
        self._slices = [slice(*ends) for ends in pairwise(np.cumsum([0, *sizes]).tolist())]
        self._column = np.repeat(np.arange(len(columns)), sizes)  # of each class
        self._is_missing = np.array([one == IS_MISSING for one in self._flat()])
        # which classes of different columns cannot be together, and which classes can
        self._excluded = np.zeros((len(self._column), len(self._column)), dtype=np.float32)
        for one in kept:
            excluded = self._places(one.target, ~one.target_codes)
            self._excluded[np.ix_(self._places(one.source, one.source_codes), excluded)] = 1
        self._excluded = np.maximum(self._excluded, self._excluded.T)
        is_own = self._column[:, None] == self._column
        self._partners = np.where(is_own, np.eye(len(is_own)), 1 - self._excluded)
        self._partners = self._partners.astype(np.float32)
        pairs = {tuple(self._column[pair].tolist()) for pair in np.argwhere(self._excluded)}
        parts = _connected_parts(range(len(columns)), list(pairs))
        self._is_forest = len(pairs) / 2 == len(columns) - len(parts)
        self._sets = sets
        self._number: dict[tuple[int, bytes], int] = {}  # of a set, by column and its classes
        orders = [one for one in own if isinstance(one, Order)]
        self._scale = self._common_scale(orders, schema)  # by column: codes are multiplied with it
        edges = [(*(self._at[end] for end in one.ends), one.is_strict) for one in orders]
        self._edges = [edge for edge in edges if edge[0] in self._scale]
        nowhere = _LARGEST, -_LARGEST
        self._extents = np.full((len(self._column), 2), nowhere)  # of classes, in that unit
        for place, (at, codes) in enumerate(zip(self._column.tolist(), self._flat(), strict=True)):
            extent = _extent(codes & IS_PRESENT, self._reachable[at])
            if extent is not None and at in self._scale:
                self._extents[place] = np.array(extent) * self._scale[at]

    def _flat(self) -> list[CodeSet]:
        return [codes for classes in self._classes for codes in classes]

    def _divide(self, one: Restriction) -> bool:
        """Divide classes until a restriction treats each as a whole; False if they are too many."""
        divided = {}
        for column, codes in ((one.source, one.source_codes), (one.target, one.target_codes)):
            at = self._at[column]
            parts = [part for old in self._classes[at] for part in (old & codes, old & ~codes)]
            divided[at] = [part for part in parts if _extent(part, self._reachable[at])]
        if max(map(len, divided.values())) > MAX_CLASSES:
            return False
        for at, classes in divided.items():
            self._classes[at] = classes
        return True

    def _places(self, column: int, codes: CodeSet) -> list[int]:
        """Return which of all classes are those of a column that have some of `codes`."""
        at = self._at[column]
        first = self._slices[at].start
        return [first + place for place, one in enumerate(self._classes[at]) if one & codes]

    def _common_scale(self, orders: Sequence[Order], schema: Schema) -> dict[int, int]:
        """Return what brings codes to one unit, without columns whose codes would be too large."""
        scale: dict[int, int] = {}
        ends = [one.ends for one in orders]
        for members in _connected_parts({end for pair in ends for end in pair}, ends):
            units = [units_per_one(schema[member]) for member in members]
            own = {self._at[m]: lcm(*units) // n for m, n in zip(members, units, strict=True)}
            extents = [_extent(IS_PRESENT, self._reachable[at]) or (0, 0) for at in own]
            largest = [max(1, -low, high) for low, high in extents]
            if max(map(operator.mul, own.values(), largest)) < _LARGEST // 4:
                scale |= own
        return scale

    def open(self, cells: IntArray, opened: IntArray) -> Limits:
        """Return what the cells ``opened[i]`` of each row can be: places among the columns.

        `cells` are of shape (n_rows, n_columns of the group). Rows that cannot be completed are
        left free: they will be rejected.
        """
        possible = np.repeat(cells == ABSENT, [len(classes) for classes in self._classes], axis=1)
        for place, codes in enumerate(self._flat()):
            given = ~possible[:, place]
            possible[given, place] = codes.contains(cells[given, self._column[place]])
        low, high = self._bounds(cells, possible)
        if self._excluded.any():
            ends = self._extents.T
            is_within = np.maximum(low[:, self._column], ends[0]) <= np.minimum(
                high[:, self._column], ends[1]
            )
            is_free = self._is_missing | ~np.isin(self._column, list(self._scale))
            possible &= is_within | is_free | (cells != ABSENT)[:, self._column]
            possible = self._completed(possible, opened)
            low, high = self._bounds(cells, possible)
        limits = Limits.none(len(cells))
        for row, at in enumerate(opened.tolist()):
            left = possible[row, self._slices[at]]
            if left.any() and (at in self._scale or not left.all()):
                limits.which[row] = _ANY if left.all() else self._set_of(at, left)
        for at, scale in self._scale.items():
            rows = np.flatnonzero(opened == at)
            limits.low[rows], limits.high[rows] = (
                -(-low[rows, at] // scale),
                high[rows, at] // scale,
            )
        return limits

    def _set_of(self, at: int, left: BoolArray) -> int:
        """Return the number of the set of the codes of the classes of a column that are `left`."""
        key = at, left.tobytes()
        if key not in self._number:
            self._number[key] = len(self._sets)
            self._sets.append(reduce(operator.or_, itertools.compress(self._classes[at], left)))
        return self._number[key]

    # Restrictions

    def _completed(self, possible: BoolArray, opened: IntArray) -> BoolArray:
        """Return what is possible without classes that contradict others.

        Of the column that is opened, those are left out, too, with which a row cannot be completed.
        No class is left in a row that cannot be.
        """
        keys = np.column_stack([opened, np.packbits(possible, axis=1)])
        _, first, which = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        left = self._propagated(possible[first])
        if not self._is_forest:
            is_opened = left & (self._column == opened[first][:, None])
            for place in np.flatnonzero(is_opened.any(axis=0)).tolist():
                rows = np.flatnonzero(is_opened[:, place])
                chosen = self._with(left[rows], np.full(len(rows), place))
                left[rows, place] = self._can_complete(chosen, count())
            left = self._propagated(left)
        return left[which.ravel()]

    def _propagated(self, possible: BoolArray) -> BoolArray:
        """Leave out classes that can be together with none of another column, until all can."""
        while True:
            left: BoolArray = possible
            for own in self._slices:
                is_met = left[:, own].astype(np.float32) @ self._partners[own] > 0
                left = left & is_met
            if (left == possible).all():
                return left
            possible = left

    def _with(self, possible: BoolArray, places: IntArray) -> BoolArray:
        """Return what is possible if each row has the class at its place."""
        chosen: BoolArray = possible & (self._column != self._column[places][:, None])
        chosen[np.arange(len(places)), places] = True
        return chosen

    def _can_complete(self, possible: BoolArray, steps: Iterator[int]) -> BoolArray:
        """Return whether rows can be completed; also True where that takes too many steps."""
        possible = self._propagated(possible)
        completes = np.asarray(possible.any(axis=1))
        conflicts = possible & (possible.astype(np.float32) @ self._excluded > 0)
        rows = np.flatnonzero(conflicts.any(axis=1))
        if len(rows) and next(steps) < _MAX_STEPS:
            places = conflicts[rows].argmax(axis=1)
            completes[rows] = self._can_complete(self._with(possible[rows], places), steps)
            others = ~completes[rows]
            rows, places = rows[others], places[others]
            if len(rows):
                possible[rows, places] = False
                completes[rows] = self._can_complete(possible[rows], steps)
        return completes

    # Orders

    def _bounds(self, cells: IntArray, possible: BoolArray) -> tuple[IntArray, IntArray]:
        """Return the least and the greatest number that each cell can be, in the common unit.

        Both have the shape of `cells`; the first is above the second where there is none.
        """
        low, high = np.full(cells.shape, _LARGEST), np.full(cells.shape, -_LARGEST)
        hands_on = np.zeros(cells.shape, dtype=bool)
        is_open = cells == ABSENT
        for at, scale in self._scale.items():
            own, ends = possible[:, self._slices[at]], self._extents[self._slices[at]]
            low[:, at] = np.where(own, ends[:, 0], _LARGEST).min(axis=1)
            high[:, at] = np.where(own, ends[:, 1], -_LARGEST).max(axis=1)
            is_given = ~is_open[:, at] & (cells[:, at] != MISSING)
            low[is_given, at] = high[is_given, at] = cells[is_given, at] * scale
            can_miss = (own & self._is_missing[self._slices[at]]).any(axis=1)
            hands_on[:, at] = own.any(axis=1) & ~can_miss
        for _ in self._scale:
            is_settled = True
            for sign, ends in ((1, low), (-1, high)):
                for smaller, larger, is_strict in self._edges:
                    source, target = (smaller, larger)[::sign]
                    bound = ends[:, source] + sign * is_strict
                    is_bounded = hands_on[:, source] & is_open[:, target]
                    rows = np.flatnonzero(is_bounded & (sign * bound > sign * ends[:, target]))
                    if len(rows):
                        ends[rows, target] = self._next(target, bound[rows], sign)
                        is_settled = False
            if is_settled:
                break
        return low, high

    def _next(self, at: int, numbers: IntArray, sign: int) -> IntArray:
        """Return the next number up (1) or down (-1) that a column can have; beyond all if none."""
        scale = self._scale[at]
        codes = -(-sign * numbers // scale)
        found = np.full(len(codes), _LARGEST)
        for _, first, last, step in self._reachable[at]:
            if first != MISSING:
                start, stop = sorted((sign * first, sign * last))
                inside = np.maximum(codes, start)
                inside += -(inside - start) % max(step, 1)
                found = np.minimum(found, np.where(inside <= stop, inside * scale, _LARGEST))
        return sign * found


def _connected_parts(members: Iterable[int], pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return the members that are connected by pairs, part by part."""
    part = {member: [member] for member in members}
    for one, other in pairs:
        if part[one] is not part[other]:
            part[one] += part[other]
            part |= dict.fromkeys(part[other], part[one])
    return list({id(own): own for own in part.values()}.values())


def _spread(start: IntArray, stop: IntArray) -> tuple[IntArray, IntArray]:
    """Return the numbers ``start[i]`` to ``stop[i] - 1`` for each i, and the i of each."""
    lengths = stop - start
    which = np.repeat(np.arange(len(start)), lengths)
    within = np.arange(len(which)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return which, start[which] + within


def _first_from(low: IntArray, first: IntArray, step: IntArray) -> IntArray:
    """Return the first of ``first, first + step, ...`` from `low` on."""
    start = np.maximum(low, first)
    rows = np.flatnonzero(step > 1)
    if len(rows):
        steps = step[rows].astype(np.uint64)
        behind = (start[rows] - first[rows]).astype(np.uint64) % steps
        start[rows] += np.where(behind > 0, (steps - behind).astype(np.int64), 0)
    return start


def _meets(
    codes: CodeSet, first: IntArray, last: IntArray, step: IntArray, low: IntArray, high: IntArray
) -> BoolArray:
    """Return whether ``first, first + step, ..., last`` has one of `codes` from `low` to `high`.

    All are of one shape, (n,). MISSING is within all bounds.
    """
    lows, highs = codes.ends
    found = np.zeros(len(first), dtype=bool)
    is_missing = first == MISSING
    start = np.where(is_missing, first, np.maximum(first, low))
    stop = np.where(is_missing, last, np.minimum(last, high))
    left = np.flatnonzero(start <= stop) if len(lows) else np.empty(0, dtype=np.int64)
    while len(left):
        at = _first_from(start[left], first[left], step[left])
        interval = np.searchsorted(highs, at)
        is_known = interval < len(highs)
        begin = lows[np.minimum(interval, len(highs) - 1)]
        found[left] = is_known & (begin <= at) & (at <= stop[left])
        start[left] = np.maximum(at, begin)
        left = left[is_known & (begin > at) & (begin <= stop[left])]
    return found


def _extent(codes: CodeSet, reachable: Sequence[Codes]) -> tuple[int, int] | None:
    """Return the least and the greatest of `codes` that can come; None if none can."""
    ends: list[int] = []
    for low, high in codes.intervals:
        for _, first, last, step in reachable:
            up, down = max(first, low), min(last, high)
            up += -(up - first) % max(step, 1)
            down -= (down - first) % max(step, 1)
            if first <= up <= down <= last:
                ends += [up, down]
    return (min(ends), max(ends)) if ends else None
