"""The automata of all columns, compiled once per table into flat arrays.

While a row is generated, its *state* is a place where there is a choice: states with a single edge
are contracted away, so that an edge is the chosen token, the *tail* of tokens that it forces, and
the next state. A generator then never scores a token that it has no choice about.

To hold a cell to a set of codes (`CodeSet`) while its tokens are chosen, an edge is permitted if
one of the set can still be reached behind it (`Reachable`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from counterpoise.grammar._automaton import END, Automaton, Edge

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

NO_TOKEN = -2  # in place of the token of a symbol that has none: no grammar accepts it
NO_COLUMN_TOKEN = -1  # in place of a column token, whose embedding is added before a cell
_LOWEST, _HIGHEST = int(np.iinfo(np.int64).min), int(np.iinfo(np.int64).max)
FORCED = -1  # in place of a state: the token there is forced, nothing is chosen


@dataclass(frozen=True, slots=True)
class Runs:
    """Token sequences laid end to end: run i is ``tokens[offsets[i]:offsets[i + 1]]``."""

    tokens: IntArray
    offsets: IntArray

    @classmethod
    def of(cls, runs: Sequence[Sequence[int]]) -> Runs:
        lengths = [len(run) for run in runs]
        tokens = np.fromiter((t for run in runs for t in run), np.int64, sum(lengths))
        return cls(tokens, np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> IntArray:
        return self.tokens[self.offsets[index] : self.offsets[index + 1]]

    def lists(self) -> list[list[int]]:
        tokens, offsets = self.tokens.tolist(), self.offsets.tolist()
        return [tokens[start:end] for start, end in itertools.pairwise(offsets)]

    def lengths(self, indices: IntArray) -> IntArray:
        """Return the lengths of the runs `indices`, in their shape."""
        return np.asarray(self.offsets[indices + 1] - self.offsets[indices])

    def flat(self, indices: IntArray) -> IntArray:
        """Return where the tokens of the runs `indices` lie in ``tokens``, run after run."""
        lengths = self.lengths(indices)
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return np.asarray(np.repeat(self.offsets[indices], lengths) + within)


@dataclass(frozen=True, slots=True)
class Grammar:
    """What may follow what, for every column of one table."""

    # By column: the tokens before its first choice (its name where names are written, and whatever
    # all its values begin with), the state there (END for a single value) and the code so far.
    openings: Runs
    first_state: IntArray
    first_code: IntArray
    # By column: the token whose embedding is added to that of the token before the cell.
    column_tokens: IntArray
    # By state: its column, and the row of `allowed` (n_sets, n_tokens) with the permitted tokens.
    column: IntArray
    allowed_set: IntArray
    allowed: BoolArray
    # By edge, ascending by key (state * n_tokens + token): the next state (END at the end of the
    # cell), code = code * scale + add, and the tokens forced after the chosen one.
    edge_key: IntArray
    edge_target: IntArray
    edge_scale: IntArray
    edge_add: IntArray
    tails: Runs
    # by key: the next state and the tokens forced
    _steps: dict[int, tuple[int, list[int]]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        tails = zip(self.edge_target.tolist(), self.tails.lists(), strict=True)
        steps = dict(zip(self.edge_key.tolist(), tails, strict=True))
        object.__setattr__(self, "_steps", steps)

    @property
    def n_tokens(self) -> int:
        return int(self.allowed.shape[1])

    def edges(self, states: IntArray, tokens: IntArray) -> IntArray:
        """Return the edge taken from each state by the token chosen there."""
        keys = states * self.n_tokens + tokens
        found = np.minimum(np.searchsorted(self.edge_key, keys), len(self.edge_key) - 1)
        assert (self.edge_key[found] == keys).all(), "a token was chosen that is not permitted"
        return found

    def states_along(self, column: int, tokens: list[int]) -> list[int] | None:
        """Return the state each token of a cell is chosen in, or FORCED; None if not allowed."""
        opening = self.openings[column].tolist()
        at, n_tokens = len(opening), self.n_tokens
        if NO_TOKEN in tokens or tokens[:at] != opening:
            return None
        states = [FORCED] * at
        state = int(self.first_state[column])
        while state != END:
            step = self._steps.get(state * n_tokens + tokens[at]) if at < len(tokens) else None
            if step is None:
                return None
            target, tail = step
            end = at + 1 + len(tail)
            if tail and tokens[at + 1 : end] != tail:
                return None
            states += [state] + [FORCED] * len(tail)
            state, at = target, end
        return states if at == len(tokens) else None


def _settle(automaton: Automaton, state: int) -> tuple[list[int], int, int, int]:
    """Follow single edges from `state`: (forced tokens, next choice or END, scale, add)."""
    forced: list[int] = []
    scale, add = 1, 0
    while state != END and len(automaton.edges[state]) == 1:
        (edge,) = automaton.edges[state]
        forced.append(_token(edge))
        state, scale, add = edge.target, scale * edge.scale, add * edge.scale + edge.add
    return forced, state, scale, add


def _as_array(values: Sequence[int]) -> IntArray:
    """Return `values` as int64, modulo 2**64."""
    # Where a choice forces many digits, scales have more than 64 bits; the code that comes out
    # fits, and arithmetic modulo 2**64 gives it exactly.
    wrapped = [(value + 2**63) % 2**64 - 2**63 for value in values]
    return np.asarray(wrapped, dtype=np.int64)


def _token(edge: Edge) -> int:
    assert isinstance(edge.symbol, int), "a grammar is compiled from automata over tokens"
    return edge.symbol


def compile_grammar(
    names: Sequence[Sequence[int]],
    column_tokens: Sequence[int],
    automata: Sequence[Automaton],
    n_tokens: int,
) -> Grammar:
    """Compile the automaton over tokens, the name and the column token of each column."""
    openings, tails = list[list[int]](), list[list[int]]()
    first_state, first_code, column = list[int](), list[int](), list[int]()
    keys, targets, scales, adds = list[int](), list[int](), list[int](), list[int]()
    sets: dict[tuple[int, ...], int] = {}
    allowed_set = list[int]()
    for which, (name, automaton) in enumerate(zip(names, automata, strict=True)):
        number: dict[int, int] = {}  # state of the automaton -> state of the grammar
        forced, start, _, code = _settle(automaton, 0)
        openings.append([*name, *forced])
        first_code.append(code)
        queue = [] if start == END else [start]
        if queue:
            number[start] = len(column)
            column.append(which)
        first_state.append(number.get(start, END))
        for state in queue:  # grows while it is walked
            out = sorted(automaton.edges[state], key=_token)
            allowed = tuple(_token(edge) for edge in out)
            allowed_set.append(sets.setdefault(allowed, len(sets)))
            for edge in out:
                tail, target, scale, add = _settle(automaton, edge.target)
                if target != END and target not in number:
                    number[target] = len(column)
                    column.append(which)
                    queue.append(target)
                keys.append(number[state] * n_tokens + _token(edge))
                targets.append(number.get(target, END))
                scales.append(edge.scale * scale)
                adds.append(edge.add * scale + add)
                tails.append(tail)
    mask = np.zeros((len(sets), n_tokens), dtype=bool)
    for tokens, row in sets.items():
        mask[row, list(tokens)] = True
    return Grammar(
        openings=Runs.of(openings),
        column_tokens=_as_array(column_tokens),
        first_state=_as_array(first_state),
        first_code=_as_array(first_code),
        column=_as_array(column),
        allowed=mask,
        allowed_set=_as_array(allowed_set),
        edge_key=_as_array(keys),
        edge_target=_as_array(targets),
        edge_scale=_as_array(scales),
        edge_add=_as_array(adds),
        tails=Runs.of(tails),
    )


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
