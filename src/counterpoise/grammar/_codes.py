"""Sets of codes, and which codes a cell can still become from a state of a grammar.

This is what it takes to hold a cell to a set of codes while its tokens are chosen: an edge is
permitted if one of the set can still be reached behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np

from counterpoise.grammar._automaton import END
from counterpoise.grammar._grammar import BoolArray, Grammar, IntArray

_LOWEST, _HIGHEST = int(np.iinfo(np.int64).min), int(np.iinfo(np.int64).max)


@dataclass(frozen=True)
class CodeSet:
    """A set of codes as closed intervals, ascending and apart from each other."""

    intervals: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, codes: Iterable[int]) -> Self:
        """Return the set of single `codes`."""
        return cls._joined((code, code) for code in codes)

    @classmethod
    def between(cls, low: int, high: int) -> Self:
        """Return the set of the codes from `low` to `high`, both included."""
        return cls(((low, high),) if low <= high else ())

    @classmethod
    def _joined(cls, intervals: Iterable[tuple[int, int]]) -> Self:
        joined: list[tuple[int, int]] = []
        for low, high in sorted(intervals):
            if joined and low <= joined[-1][1] + 1:
                joined[-1] = joined[-1][0], max(high, joined[-1][1])
            else:
                joined.append((low, high))
        return cls(tuple(joined))

    def __bool__(self) -> bool:
        return bool(self.intervals)

    def __or__(self, other: CodeSet) -> CodeSet:
        return self._joined([*self.intervals, *other.intervals])

    def __and__(self, other: CodeSet) -> CodeSet:
        both = []
        mine, others = list(self.intervals), list(other.intervals)
        while mine and others:
            low, high = max(mine[0][0], others[0][0]), min(mine[0][1], others[0][1])
            if low <= high:
                both.append((low, high))
            (mine if mine[0][1] <= others[0][1] else others).pop(0)
        return CodeSet(tuple(both))

    def __invert__(self) -> CodeSet:
        """Return all other integers of 64 bits."""
        starts = [_LOWEST, *(high + 1 for _, high in self.intervals)]
        stops = [*(low - 1 for low, _ in self.intervals), _HIGHEST]
        gaps = zip(starts, stops, strict=True)
        return CodeSet(tuple((start, stop) for start, stop in gaps if start <= stop))

    @cached_property
    def ends(self) -> tuple[IntArray, IntArray]:
        """The lowest and the highest code of each interval."""
        ends = np.array(self.intervals, dtype=np.int64).reshape(-1, 2)
        return ends[:, 0].copy(), ends[:, 1].copy()

    def contains(self, codes: IntArray) -> BoolArray:
        """Return for each of `codes` whether it is one of these."""
        lows, highs = self.ends
        if not len(lows):
            return np.zeros(codes.shape, dtype=bool)
        at = np.minimum(np.searchsorted(highs, codes), len(highs) - 1)
        return np.asarray((lows[at] <= codes) & (codes <= highs[at]))


class Codes(NamedTuple):
    """Codes that a cell can still become: ``code * scale + first``, ``+ step``, ... ``+ last``.

    `code` is the cell's code so far. A single one has the step 0.
    """

    scale: int
    first: int
    last: int
    step: int = 0


def _wrapped(scale: int, first: int, last: int, step: int) -> Codes:
    """Return codes modulo 2**64, as a grammar has its scales; see `compile_grammar`."""
    scale, first, last = ((value - _LOWEST) % 2**64 + _LOWEST for value in (scale, first, last))
    return Codes(scale, first, last, step)


def _merged(parts: Iterable[Codes]) -> tuple[Codes, ...]:
    """Return as few as possible that stand for exactly the same codes."""
    merged: list[Codes] = []
    for part in sorted(set(parts)):
        # the lowest integer is no number: a missing cell has it
        if merged and merged[-1].scale == part.scale and merged[-1].first != _LOWEST:
            scale, first, last, step = merged[-1]
            gap = part.first - last
            if part.step and step == part.step and gap <= 0 and gap % step == 0:
                merged[-1] = Codes(scale, first, max(last, part.last), step)
                continue
            if gap <= 0 and not part.step and step and gap % step == 0:
                continue  # one of them already
            if gap > 0 and {step, part.step} <= {0, gap}:
                merged[-1] = Codes(scale, first, part.last, gap)
                continue
        merged.append(part)
    return tuple(merged)


@dataclass(frozen=True, slots=True, eq=False)
class Reachable:
    """By edge of a grammar, the codes that the cell can still become once it was taken.

    Only edges of the columns that were asked for have any. Those of edge ``e`` are at
    ``offsets[e]:offsets[e + 1]`` of the other arrays; see `Codes`.
    """

    offsets: IntArray
    scale: IntArray
    first: IntArray
    last: IntArray
    step: IntArray
    by_column: dict[int, tuple[Codes, ...]]  # before the first choice: all codes, with scale 0

    @classmethod
    def of(cls, grammar: Grammar, columns: Sequence[int], texts: Sequence[int]) -> Self:
        """Find the codes that cells of `columns` can become.

        Of free text, the columns `texts`, only the first choice counts: missing, or with the code
        0 for any string.
        """
        edge_state = grammar.edge_key // grammar.n_tokens
        n_edges = len(grammar.edge_key)
        bounds = np.searchsorted(edge_state, np.arange(len(grammar.column) + 1)).tolist()
        targets, scales = grammar.edge_target.tolist(), grammar.edge_scale.tolist()
        adds = grammar.edge_add.tolist()
        of_edge: dict[int, tuple[Codes, ...]] = {}
        of_state: dict[int, tuple[Codes, ...]] = {END: (Codes(1, 0, 0),)}
        by_column = {}
        for column in columns:
            start, code = int(grammar.first_state[column]), int(grammar.first_code[column])
            if column in texts:
                if start != END:
                    edges = range(bounds[start], bounds[start + 1])
                    for edge in edges:
                        is_missing = targets[edge] == END and not scales[edge]
                        code_there = adds[edge] if is_missing else 0
                        of_edge[edge] = (Codes(0, code_there, code_there),)
                    of_state[start] = _merged(c for edge in edges for c in of_edge[edge])
            else:
                for state in _leaves_first(start, bounds, targets):
                    found = []
                    for edge in range(bounds[state], bounds[state + 1]):
                        of_edge[edge] = of_state[targets[edge]]
                        for scale, first, last, step in of_edge[edge]:
                            add = adds[edge] * scale
                            found.append(
                                _wrapped(scales[edge] * scale, add + first, add + last, step)
                            )
                    of_state[state] = _merged(found)
            by_column[column] = _merged(
                _wrapped(0, code * scale + first, code * scale + last, step)
                for scale, first, last, step in of_state[start]
            )
        flat = [of_edge.get(edge, ()) for edge in range(n_edges)]
        parts = np.array([c for own in flat for c in own], dtype=np.int64).reshape(-1, 4)
        offsets = np.concatenate([[0], np.cumsum([len(own) for own in flat], dtype=np.int64)])
        scale, first, last, step = np.ascontiguousarray(parts.T)
        return cls(offsets, scale, first, last, step, by_column)


def _leaves_first(start: int, bounds: Sequence[int], targets: Sequence[int]) -> list[int]:
    """Return the states that can be reached from `start`, each behind all that follow it."""
    found: dict[int, None] = {}
    stack = [] if start == END else [(start, False)]
    while stack:
        state, is_done = stack.pop()
        if is_done:
            found[state] = None
        elif state not in found:
            stack.append((state, True))
            following = dict.fromkeys(targets[bounds[state] : bounds[state + 1]])
            stack += [
                (target, False) for target in following if target not in found and target != END
            ]
    return list(found)
