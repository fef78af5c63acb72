"""Which codes a cell can have, given the cells that its row has: constraints kept while decoding.

Before a cell is generated, what its row has already is followed through the constraints: a value
that would leave another cell none is left out too. `accepts` still tests every row: some chains of
constraints, and constraints beyond the limits here, are found out only then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from math import lcm
from operator import or_
from typing import NamedTuple

import numpy as np

from counterpoise.columns import ABSENT, MISSING, Schema
from counterpoise.constraints._base import IS_MISSING, IS_PRESENT, Order, Restriction
from counterpoise.grammar._codes import Codes, CodeSet, Reachable
from counterpoise.grammar._grammar import BoolArray, Grammar, IntArray

MAX_CLASSES = 256
"""Into so many classes restrictions can divide the values of a column; rows are rejected for
further restrictions."""
_MAX_STEPS = 200
"""Classes that are tried, at most, to find out whether a row can be completed."""
_MAX_KNOWN = 50_000
"""So many combinations of classes are remembered with what they leave."""
_LARGEST = 2**62
"""No code that is compared with another is larger, in their common unit."""
FREE = -1
"""In place of the number of a set of codes: the cell can be anything."""


class Limits(NamedTuple):
    """What the next cell of each row can be; each of shape (n_rows,)."""

    which: IntArray  # number of a set of codes, or FREE
    low: IntArray  # further bounds, of codes that are not MISSING
    high: IntArray

    @classmethod
    def none(cls, n_rows: int) -> Limits:
        info = np.iinfo(np.int64)
        return cls(*(np.full(n_rows, value) for value in (FREE, info.min, info.max)))


class RestrictedCells:
    """What decoding keeps of the constraints of one table, in the columns that are learned."""

    def __init__(
        self, restrictions: Sequence[Restriction | Order], grammar: Grammar, schema: Schema
    ) -> None:
        self._grammar = grammar
        columns = sorted({column for one in restrictions for column in _ends(one)})
        texts = [column for column in columns if schema[column].is_text]
        self._reachable = Reachable.of(grammar, columns, texts)
        edge_state = grammar.edge_key // grammar.n_tokens
        self._first_edge = np.searchsorted(edge_state, np.arange(len(grammar.column) + 1))
        self._sets = _Sets()
        self._groups: list[_Group] = []
        n_columns = len(grammar.first_state)
        self._group_of = np.full(n_columns, -1)
        self._place_in_group = np.zeros(n_columns, dtype=np.int64)
        for members in _connected_parts(columns, [_ends(one) for one in restrictions]):
            own = [one for one in restrictions if _ends(one)[0] in members]
            self._group_of[members] = len(self._groups)
            self._place_in_group[members] = np.arange(len(members))
            self._groups.append(_Group(members, own, self._reachable, self._sets))

    def open(self, codes: IntArray, columns: IntArray) -> Limits:
        """Return what the cell at ``columns[i]`` of each row can be; ABSENT ones are to come."""
        limits = Limits.none(len(codes))
        group_of = self._group_of[columns]
        for number in sorted(set(group_of.tolist()) - {-1}):
            rows, group = np.flatnonzero(group_of == number), self._groups[number]
            own = group.open(codes[rows][:, group.columns], self._place_in_group[columns[rows]])
            for whole, part in zip(limits, own, strict=True):
                whole[rows] = part
        return limits

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
        bounds = limits.low[run_row], limits.high[run_row]
        hits = self._sets.meet(limits.which[run_row], first, last, step, *bounds)
        is_open = np.zeros(len(edges), dtype=bool)
        is_open[run_edge[hits]] = True
        # further tokens of free text are of no column that is restricted
        is_open |= reach.offsets[edges] == reach.offsets[edges + 1]
        is_dead = np.ones(len(states), dtype=bool)
        is_dead[rows[is_open]] = False
        out = ~is_open & ~is_dead[rows]
        return rows[out], grammar.edge_key[edges[out]] % grammar.n_tokens, is_dead


class _Sets:
    """The sets of codes that cells are held to, by number."""

    def __init__(self) -> None:
        self._number: dict[CodeSet, int] = {}
        self._sets: list[CodeSet] = []
        self._as_arrays()

    def _as_arrays(self) -> None:
        """Bring what the sets are into arrays: the ends of those with one interval, and more."""
        present = [(codes & IS_PRESENT).intervals or ((1, 0),) for codes in self._sets]
        ends = [intervals[0] for intervals in present]
        self._ends = np.array(ends, dtype=np.int64).reshape(-1, 2)
        self._is_simple = np.array([len(intervals) == 1 for intervals in present], dtype=bool)
        self._has_missing = np.array([bool(one & IS_MISSING) for one in self._sets], dtype=bool)

    def number(self, codes: CodeSet) -> int:
        """Return the number of a set."""
        if codes not in self._number:
            self._number[codes] = len(self._sets)
            self._sets.append(codes)
        return self._number[codes]

    def meet(
        self,
        which: IntArray,
        first: IntArray,
        last: IntArray,
        step: IntArray,
        low: IntArray,
        high: IntArray,
    ) -> BoolArray:
        """Return whether ``first, first + step, ..., last`` has a code of a set within bounds.

        All are of shape (n,). MISSING is within all bounds.
        """
        if len(self._ends) < len(self._sets):
            self._as_arrays()
        ends = self._ends[which]
        start, stop = np.maximum(low, ends[:, 0]), np.minimum(high, ends[:, 1])
        hits = _first_from(start, first, step) <= np.minimum(last, stop)
        is_missing = first == MISSING
        hits[is_missing] = self._has_missing[which[is_missing]]
        several = np.flatnonzero(~self._is_simple[which])
        for number in set(which[several].tolist()):
            own = several[which[several] == number]
            parts = (part[own] for part in (first, last, step, low, high))
            hits[own] = _meets(self._sets[number], *parts)
        return hits


class _Pair:
    """Which classes of two columns can be together in a row; sets of classes are bits."""

    def __init__(self, ends: tuple[int, int], sizes: tuple[int, int]) -> None:
        self.ends = ends
        self._sizes = sizes
        # by class of either column: the classes of the other one
        self._partners = [[(1 << sizes[1]) - 1] * sizes[0], [(1 << sizes[0]) - 1] * sizes[1]]
        self._known: tuple[dict[int, int], dict[int, int]] = {}, {}

    def restrict(self, source: int, source_bits: int, target_bits: int) -> None:
        """Leave column `source` with classes of the first set only those of the second there."""
        side = self.ends.index(source)
        for place, partners in enumerate(self._partners[side]):
            if source_bits >> place & 1:
                self._partners[side][place] = partners & target_bits
        for place, partners in enumerate(self._partners[1 - side]):
            if not target_bits >> place & 1:
                self._partners[1 - side][place] = partners & ~source_bits

    def partners(self, side: int, classes: int) -> int:
        """Return the classes of the other column that can be with one of `classes`."""
        known = self._known[side]
        if classes not in known:
            own = enumerate(self._partners[side])
            known[classes] = reduce(or_, (one for at, one in own if classes >> at & 1), 0)
        return known[classes]

    def is_open(self, first: int, second: int) -> bool:
        """Return whether it still depends on one column what the other can be."""
        return any(second & ~one for at, one in enumerate(self._partners[0]) if first >> at & 1)


class _Group:
    """Columns that depend on each other.

    The values of each fall into classes, which restrictions treat alike; `possible`, of shape
    (n_rows, n_classes of all columns), says which classes are left.
    """

    def __init__(
        self,
        columns: Sequence[int],
        own: Sequence[Restriction | Order],
        reachable: Reachable,
        sets: _Sets,
    ) -> None:
        self.columns = list(columns)
        self._sets = sets
        self._at = {column: at for at, column in enumerate(columns)}
        self._reachable = [reachable.by_column[column] for column in columns]
        self._classes = [
            [part for part in (IS_PRESENT, IS_MISSING) if _is_possible(part, codes)]
            for codes in self._reachable
        ]
        kept = [one for one in own if isinstance(one, Restriction) and self._divide(one)]
        pairs: dict[tuple[int, int], _Pair] = {}
        for one in kept:
            source, target = self._at[one.source], self._at[one.target]
            ends = min(source, target), max(source, target)
            sizes = len(self._classes[ends[0]]), len(self._classes[ends[1]])
            pair = pairs.setdefault(ends, _Pair(ends, sizes))
            source_bits = self._bits(source, one.source_codes)
            pair.restrict(source, source_bits, self._bits(target, one.target_codes))
        self._pairs = list(pairs.values())
        self._pairs_of = [[p for p in self._pairs if at in p.ends] for at in range(len(columns))]
        offsets = np.cumsum([0, *map(len, self._classes)]).tolist()
        self._slices = [slice(*ends) for ends in pairwise(offsets)]
        self._intervals = [_labelled(classes) for classes in self._classes]
        # by column and what is possible: number of the set of codes, and what remains possible
        self._resolved: dict[tuple[int, bytes], tuple[int, BoolArray]] = {}
        orders = [one for one in own if isinstance(one, Order)]
        self._bounds = _Bounds(orders, self._at, self._reachable, self._classes)

    def open(self, cells: IntArray, opened: IntArray) -> Limits:
        """Return what the cells ``opened[i]`` of each row can be: places among the columns.

        `cells` are of shape (n_rows, n_columns of the group). Rows that cannot be completed are
        left free: they will be rejected.
        """
        bounds = self._bounds
        possible = self._possible(cells)
        low, high = bounds.of_rows(cells, possible, self._slices)
        if self._pairs:
            for at in bounds.scale:
                if self._pairs_of[at]:
                    is_within = bounds.has_within(at, low[:, at], high[:, at])
                    possible[:, self._slices[at]] &= is_within | (cells[:, at] != ABSENT)[:, None]
        which, resolved = self._resolve(possible, opened)
        if self._pairs and bounds.scale and (resolved != possible).any():
            low, high = bounds.of_rows(cells, resolved, self._slices)
        limits = Limits(which, *Limits.none(len(cells))[1:])
        for at in bounds.scale:
            rows = np.flatnonzero(opened == at)
            own = bounds.in_codes(at, low[rows, at], high[rows, at])
            limits.low[rows], limits.high[rows] = own
        return limits

    def _divide(self, one: Restriction) -> bool:
        """Divide classes until a restriction treats each as a whole; False if they are too many."""
        divided = {}
        for column, codes in ((one.source, one.source_codes), (one.target, one.target_codes)):
            at = self._at[column]
            parts = [part for old in self._classes[at] for part in (old & codes, old & ~codes)]
            divided[at] = [part for part in parts if _is_possible(part, self._reachable[at])]
        if max(map(len, divided.values())) > MAX_CLASSES:
            return False
        for at, classes in divided.items():
            self._classes[at] = classes
        return True

    def _bits(self, at: int, codes: CodeSet) -> int:
        return sum(1 << place for place, one in enumerate(self._classes[at]) if one & codes)

    def _possible(self, cells: IntArray) -> BoolArray:
        """Return the class of each cell that there is, and all classes where there is none yet."""
        possible = np.empty((len(cells), self._slices[-1].stop), dtype=bool)
        for at, own in enumerate(self._slices):
            lows, highs, labels = self._intervals[at]
            codes = cells[:, at]
            place = np.minimum(np.searchsorted(highs, codes), len(highs) - 1)
            label = np.where((lows[place] <= codes) & (codes <= highs[place]), labels[place], -1)
            is_own = label[:, None] == np.arange(own.stop - own.start)
            possible[:, own] = is_own | (codes == ABSENT)[:, None]
        return possible

    def _resolve(self, possible: BoolArray, opened: IntArray) -> tuple[IntArray, BoolArray]:
        """Return the number of the set of codes of each cell that is opened, and what is possible.

        Classes that contradict others are left out, and of the column that is opened those, too,
        with which a row cannot be completed.
        """
        packed = np.packbits(possible, axis=1)
        whole, width = packed.tobytes(), packed.shape[1]
        found = []
        for row, at in enumerate(opened.tolist()):
            key = at, whole[row * width : (row + 1) * width]
            if key not in self._resolved:
                if len(self._resolved) >= _MAX_KNOWN:
                    self._resolved.clear()
                left = self._resolve_one(possible[row], at)
                self._resolved[key] = self._set_of(left[self._slices[at]], at), left
            found.append(self._resolved[key])
        return np.array([number for number, _ in found]), np.array([left for _, left in found])

    def _set_of(self, left: BoolArray, at: int) -> int:
        """Return the number of the codes of the classes of a column that are `left`."""
        if not left.any() or (left.all() and at not in self._bounds.scale):
            return FREE
        chosen = [self._classes[at][place] for place in np.flatnonzero(left)]
        return self._sets.number(reduce(or_, chosen))

    def _resolve_one(self, possible: BoolArray, at: int) -> BoolArray:
        """Return which classes of one row remain; none if it cannot be completed."""
        if not self._pairs:
            return possible
        domains = [
            sum(1 << int(place) for place in np.flatnonzero(possible[own])) for own in self._slices
        ]
        result = np.zeros_like(possible)
        if not all(domains) or not self._propagate(domains, self._pairs):
            return result
        n_left, own = [_MAX_STEPS], 0
        for place in range(len(self._classes[at])):
            bit = domains[at] & (1 << place)
            if bit and self._can_complete(domains, at, bit, n_left):
                own |= bit
        domains[at] = own
        if not own or not self._propagate(domains, self._pairs_of[at]):
            return result
        for domain, part in zip(domains, self._slices, strict=True):
            result[part] = [bool(domain >> place & 1) for place in range(part.stop - part.start)]
        return result

    def _propagate(self, domains: list[int], pairs: Iterable[_Pair]) -> bool:
        """Follow `pairs`, and those of columns that change; False where a column has no class."""
        queue = list(pairs)
        while queue:
            pair = queue.pop()
            for side, at in enumerate(pair.ends):
                left = domains[at] & pair.partners(1 - side, domains[pair.ends[1 - side]])
                if left != domains[at]:
                    domains[at] = left
                    if not left:
                        return False
                    queue += (other for other in self._pairs_of[at] if other is not pair)
        return True

    def _can_complete(self, domains: list[int], at: int, bits: int, n_left: list[int]) -> bool:
        """Return whether column `at` can have the classes `bits`; True if that takes too long."""
        tried = domains.copy()
        tried[at] = bits
        if not self._propagate(tried, self._pairs_of[at]):
            return False
        n_left[0] -= 1
        if n_left[0] < 0:
            return True
        for pair in self._pairs:
            first, second = pair.ends
            if pair.is_open(tried[first], tried[second]):
                classes = (1 << place for place in range(tried[first].bit_length()))
                return any(
                    self._can_complete(tried, first, one, n_left)
                    for one in classes
                    if one & tried[first]
                )
        return True


class _Bounds:
    """The bounds that orders set to the cells of a group, in one unit for all of its columns.

    A cell that can still be missing hands no bound on.
    """

    def __init__(
        self,
        orders: Sequence[Order],
        at: dict[int, int],
        reachable: Sequence[tuple[Codes, ...]],
        classes: Sequence[Sequence[CodeSet]],
    ) -> None:
        self._reachable = reachable
        self._classes = classes
        edges = [(at[one.smaller], at[one.larger], one.is_strict, one.scales) for one in orders]
        self.scale = self._common_scale(edges)  # by column: codes are multiplied with it
        self._edges = [edge[:3] for edge in edges if edge[0] in self.scale]
        # in the order of the columns one pass is enough, if there is such an order
        rank, is_cyclic = self._ranks()
        self._edges.sort(key=lambda edge: rank[edge[0]])
        self._n_passes = len(self.scale) if is_cyclic else 1
        # by column: the least and the greatest code of each class, and the place of the missing one
        self._extents = {}
        self._missing = {}
        self._is_contiguous = {}
        for own, scale in self.scale.items():
            extents = [_extent(codes & IS_PRESENT, reachable[own]) for codes in classes[own]]
            nowhere = _LARGEST // scale, -(_LARGEST // scale)
            self._extents[own] = np.array([extent or nowhere for extent in extents]) * scale
            self._missing[own] = [place for place, extent in enumerate(extents) if extent is None]
            present = [codes for codes in reachable[own] if codes.first != MISSING]
            self._is_contiguous[own] = len(present) == 1 and present[0].step <= 1

    def _common_scale(
        self, edges: Sequence[tuple[int, int, bool, tuple[int, int]]]
    ) -> dict[int, int]:
        """Return the scales of the columns, without those whose codes would be too large."""
        scale: dict[int, int] = {}
        ends = [(smaller, larger) for smaller, larger, *_ in edges]
        for members in _connected_parts(dict.fromkeys(end for pair in ends for end in pair), ends):
            ratio = {members[0]: Fraction(1)}
            while len(ratio) < len(members):
                for smaller, larger, _, (own, other) in edges:
                    if smaller in ratio:
                        ratio.setdefault(larger, ratio[smaller] * other / own)
                    elif larger in ratio:
                        ratio[smaller] = ratio[larger] * own / other
            whole = lcm(*(value.denominator for value in ratio.values()))
            scales = {member: int(value * whole) for member, value in ratio.items()}
            largest = 0
            for member, value in scales.items():
                extent = _extent(IS_PRESENT, self._reachable[member]) or (0, 0)
                largest = max(largest, value, *(abs(end) * value for end in extent))
            if largest < _LARGEST // 4:
                scale |= scales
        return scale

    def _ranks(self) -> tuple[dict[int, int], bool]:
        """Return the columns' place in an order that has smaller ones first; whether none has."""
        rank = dict.fromkeys(self.scale, 0)
        for _ in self.scale:
            is_settled = True
            for smaller, larger, _strict in self._edges:
                if rank[larger] <= rank[smaller]:
                    rank[larger], is_settled = rank[smaller] + 1, False
            if is_settled:
                return rank, False
        return rank, bool(self.scale)

    def of_rows(
        self, cells: IntArray, possible: BoolArray, slices: Sequence[slice]
    ) -> tuple[IntArray, IntArray]:
        """Return the least and the greatest number that each cell can be, in the common unit.

        Both have the shape of `cells`; the first is above the second where there is none.
        """
        low, high = np.full(cells.shape, _LARGEST), np.full(cells.shape, -_LARGEST)
        hands_on = np.zeros(cells.shape, dtype=bool)
        is_open = cells == ABSENT
        for at, scale in self.scale.items():
            own, extents = possible[:, slices[at]], self._extents[at]
            low[:, at] = np.where(own, extents[:, 0], _LARGEST).min(axis=1)
            high[:, at] = np.where(own, extents[:, 1], -_LARGEST).max(axis=1)
            is_given = ~is_open[:, at] & (cells[:, at] != MISSING)
            low[is_given, at] = high[is_given, at] = cells[is_given, at] * scale
            hands_on[:, at] = ~own[:, self._missing[at]].any(axis=1) & own.any(axis=1)
        for _ in range(self._n_passes):
            for smaller, larger, is_strict in self._edges:
                bound = self._rounded(larger, low[:, smaller] + is_strict, up=True)
                rows = hands_on[:, smaller] & is_open[:, larger] & (bound > low[:, larger])
                low[rows, larger] = bound[rows]
            for smaller, larger, is_strict in reversed(self._edges):
                bound = self._rounded(smaller, high[:, larger] - is_strict, up=False)
                rows = hands_on[:, larger] & is_open[:, smaller] & (bound < high[:, smaller])
                high[rows, smaller] = bound[rows]
        return low, high

    def in_codes(self, at: int, low: IntArray, high: IntArray) -> tuple[IntArray, IntArray]:
        """Return bounds as codes of the column."""
        return -(-low // self.scale[at]), high // self.scale[at]

    def has_within(self, at: int, low: IntArray, high: IntArray) -> BoolArray:
        """Return which classes of a column have a code within the bounds; missing always is."""
        bounds = self.in_codes(at, low, high)
        inside = np.zeros((len(low), len(self._classes[at])), dtype=bool)
        inside[:, self._missing[at]] = True
        for place, codes in enumerate(self._classes[at]):
            if self._is_contiguous[at] and len((codes & IS_PRESENT).intervals) == 1:
                least, greatest = self._extents[at][place]
                inside[:, place] |= np.maximum(low, least) <= np.minimum(high, greatest)
                continue
            for own in self._reachable[at]:
                first, last, step = (np.full(len(low), value) for value in own[1:])
                inside[:, place] |= _meets(codes, first, last, step, *bounds)
        return inside

    def _rounded(self, at: int, numbers: IntArray, *, up: bool) -> IntArray:
        """Round to the next number that the column can have; beyond all if there is none."""
        scale, sign = self.scale[at], 1 if up else -1
        codes = -(-numbers // scale) if up else numbers // scale
        if self._is_contiguous[at]:
            return codes * scale  # beyond the last number, it is beyond the other bound
        found = np.full(len(codes), sign * _LARGEST)
        for _, first, last, step in self._reachable[at]:
            if first == MISSING:
                continue
            start, stop = (first, last) if up else (last, first)
            inside = np.maximum(codes, start) if up else np.minimum(codes, start)
            inside = inside + sign * (-np.abs(inside - start) % max(step, 1))
            is_there = inside <= stop if up else inside >= stop
            nearer = np.where(is_there, inside * scale, sign * _LARGEST)
            found = np.minimum(found, nearer) if up else np.maximum(found, nearer)
        return found


def _ends(one: Restriction | Order) -> tuple[int, int]:
    return (one.smaller, one.larger) if isinstance(one, Order) else (one.source, one.target)


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


def _is_possible(codes: CodeSet, reachable: Sequence[Codes]) -> bool:
    """Return whether one of `codes` can come."""
    return _extent(codes, reachable) is not None


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


def _labelled(classes: Sequence[CodeSet]) -> tuple[IntArray, IntArray, IntArray]:
    """Return the intervals of all classes in ascending order: ends, and the class of each."""
    parts = [(*ends, place) for place, codes in enumerate(classes) for ends in codes.intervals]
    lows, highs, labels = np.array(sorted(parts), dtype=np.int64).reshape(-1, 3).T
    return lows.copy(), highs.copy(), labels.copy()
