"""The automata of all columns, compiled once per table into flat arrays.

While a row is generated, its *state* is a place where there is a choice: states with a single edge
are contracted away, so that an edge is the chosen token, the *tail* of tokens that it forces, and
the next state. A generator then never scores a token that it has no choice about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from counterpoise.grammar._automaton import END, Automaton, Edge

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

NO_TOKEN = -2  # in place of the token of a symbol that has none: no grammar accepts it
NO_COLUMN_TOKEN = -1  # in place of a column token, whose embedding is added before a cell
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
    _edge_of: dict[int, int] = field(init=False, repr=False, compare=False)  # by key

    def __post_init__(self) -> None:
        edges = {key: edge for edge, key in enumerate(self.edge_key.tolist())}
        object.__setattr__(self, "_edge_of", edges)

    @property
    def n_tokens(self) -> int:
        return int(self.allowed.shape[1])

    def edges(self, states: IntArray, tokens: IntArray) -> IntArray:
        """Return the edge taken from each state by the token chosen there."""
        keys = states * self.n_tokens + tokens
        found = np.minimum(np.searchsorted(self.edge_key, keys), len(self.edge_key) - 1)
        assert (self.edge_key[found] == keys).all(), "a token was chosen that is not permitted"
        return found

    def states_along(self, column: int, tokens: Sequence[int]) -> list[int] | None:
        """Return the state each token of a cell is chosen in, or FORCED; None if not allowed."""
        opening = self.openings[column]
        n_forced = len(opening)
        if NO_TOKEN in tokens or list(tokens[:n_forced]) != opening.tolist():
            return None
        states = [FORCED] * n_forced
        state, at, n_tokens = int(self.first_state[column]), n_forced, self.n_tokens
        while state != END:
            if at >= len(tokens):
                return None
            edge = self._edge_of.get(state * n_tokens + tokens[at])
            if edge is None:
                return None
            tail = self.tails[edge].tolist()
            if list(tokens[at + 1 : at + 1 + len(tail)]) != tail:
                return None
            states += [state] + [FORCED] * len(tail)
            at += 1 + len(tail)
            state = int(self.edge_target[edge])
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
