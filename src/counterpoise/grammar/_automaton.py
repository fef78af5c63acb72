"""Small immutable automata over what a cell can be as a sequence of symbols.

An :class:`Automaton` is a deterministic, acyclic transducer: it accepts the values of one column,
and reading one accumulates the cell's integer code. No accepted sequence is a prefix of another.
Symbols are any hashable values: characters or fields while a column is described, integer tokens
once its grammar is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

END = -1  # target of the edge that completes a cell


class Edge(NamedTuple):
    """One permitted symbol: where it leads, and ``code = code * scale + add``."""

    symbol: Hashable
    target: int
    scale: int = 1
    add: int = 0


@dataclass(frozen=True, slots=True)
class Automaton:
    """Edges by state; state 0 is the start, ``END`` the only accepting target."""

    edges: tuple[tuple[Edge, ...], ...]

    @property
    def symbols(self) -> dict[Hashable, None]:
        """The symbols on its edges, each once, in the order of the states."""
        return dict.fromkeys(edge.symbol for edges in self.edges for edge in edges)

    def follow(self, state: int, symbols: Iterable[Hashable]) -> Edge | None:
        """Return where `symbols` lead from `state`, as one edge; None if they are not permitted."""
        scale, add = 1, 0
        for symbol in symbols:
            out = self.edges[state] if state != END else ()
            edge = next((edge for edge in out if edge.symbol == symbol), None)
            if edge is None:
                return None
            state, scale, add = edge.target, scale * edge.scale, add * edge.scale + edge.add
        return Edge(None, state, scale, add)

    def read(self, symbols: Iterable[Hashable]) -> int | None:
        """Return the code of the value `symbols`, or None if they are not a complete value."""
        edge = self.follow(0, symbols)
        return edge.add if edge is not None and edge.target == END else None


State = TypeVar("State", bound=Hashable)
Step = tuple[Hashable, State | None, int, int]
"""(symbol, next state or None for the end, scale, add): an edge while states are still keys."""


def from_steps(start: State, steps: Callable[[State], Iterable[Step[State]]]) -> Automaton:
    """Build the automaton of the states reachable from `start` by `steps`."""
    index = {start: 0}
    queue = [start]
    edges: list[tuple[Edge, ...]] = []
    for state in queue:  # grows while it is walked
        out = []
        for symbol, target, scale, add in steps(state):
            if target is None:
                out.append(Edge(symbol, END, scale, add))
                continue
            if target not in index:
                index[target] = len(queue)
                queue.append(target)
            out.append(Edge(symbol, index[target], scale, add))
        edges.append(tuple(out))
    return Automaton(tuple(edges))


class AmbiguousSequencesError(ValueError):
    """Of two symbols, one's sequence equals the other's or is a prefix of it."""

    def __init__(self, first: Hashable, second: Hashable) -> None:
        super().__init__(f"the sequences of {first!r} and {second!r} cannot be told apart")
        self.symbols = (first, second)


def expand(automaton: Automaton, replacement: Callable[[Any], Sequence[Hashable]]) -> Automaton:
    """Replace each symbol by a sequence, sharing common prefixes.

    An `AmbiguousSequencesError` is raised if a sequence is empty, equals another one that is
    possible in the same state, or is a prefix of it.
    """
    # a tree of sequences per state; by node and symbol: the first edge that passes there, and the
    # next node (None where its sequence ends)
    nodes: list[dict[Hashable, tuple[Edge, int | None]]] = []
    roots: dict[int, int] = {}

    def root(state: int) -> int:
        if state not in roots:
            roots[state] = len(nodes)
            nodes.append({})
            for edge in automaton.edges[state]:
                plant(edge, roots[state])
        return roots[state]

    def plant(edge: Edge, node: int | None) -> None:
        sequence = replacement(edge.symbol)
        if not sequence:
            raise AmbiguousSequencesError(edge.symbol, edge.symbol)
        for n_left, symbol in zip(range(len(sequence) - 1, -1, -1), sequence, strict=True):
            assert node is not None
            if symbol not in nodes[node]:
                nodes[node][symbol] = edge, len(nodes) if n_left else None
                nodes.extend([{}] if n_left else [])
            first, child = nodes[node][symbol]
            if first is not edge and (child is None or not n_left):
                raise AmbiguousSequencesError(first.symbol, edge.symbol)
            node = child

    def steps(node: int) -> Iterable[Step[int]]:
        for symbol, (edge, child) in nodes[node].items():
            if child is not None:
                yield symbol, child, 1, 0
            else:
                target = None if edge.target == END else root(edge.target)
                yield symbol, target, edge.scale, edge.add

    return from_steps(root(0), steps)


def from_sequences(sequences: Mapping[int, Sequence[Hashable]]) -> Automaton:
    """Build the prefix tree of `sequences` (code -> symbols), whose leaves yield the codes."""
    codes = Automaton((tuple(Edge(code, END, 0, code) for code in sequences),))
    return expand(codes, sequences.__getitem__)


def union(*automata: Automaton) -> Automaton:
    """Accept what any of `automata` accepts (subset construction).

    Where several permit the same symbol after a shared prefix, their edges must add the same to
    the code, and they must not end together.
    """
    Members = tuple[tuple[int, int], ...]  # (which automaton, its state)

    def steps(members: Members) -> Iterable[Step[Members]]:
        merged: dict[Hashable, list[tuple[int, Edge]]] = {}
        for which, state in members:
            for edge in automata[which].edges[state]:
                merged.setdefault(edge.symbol, []).append((which, edge))
        for symbol, options in merged.items():
            first = options[0][1]
            same = all((e.scale, e.add) == (first.scale, first.add) for _, e in options)
            ends = any(e.target == END for _, e in options)
            assert same and (not ends or len(options) == 1), "ambiguous union"
            target = None if ends else tuple((which, e.target) for which, e in options)
            yield symbol, target, first.scale, first.add

    return from_steps(tuple((which, 0) for which in range(len(automata))), steps)


def without(automaton: Automaton, sequences: Iterable[Sequence[Hashable]]) -> Automaton:
    """Accept what `automaton` accepts, apart from some of its `sequences`."""
    n_accepted = {END: 1}  # by state

    def count(state: int) -> int:
        if state not in n_accepted:
            n_accepted[state] = sum(count(edge.target) for edge in automaton.edges[state])
        return n_accepted[state]

    At = tuple[int, tuple[tuple[Hashable, ...], ...]]  # a state, and what must not follow

    def steps(at: At) -> Iterable[Step[At]]:
        state, excluded = at
        for edge in automaton.edges[state]:
            rest = tuple(sequence[1:] for sequence in excluded if sequence[0] == edge.symbol)
            if len(rest) < count(edge.target):
                target = None if edge.target == END else (edge.target, rest)
                yield edge.symbol, target, edge.scale, edge.add

    return from_steps((0, tuple(map(tuple, sequences))), steps)


def joined(*automata: Automaton) -> Automaton:
    """Accept a value of each of `automata`, one after the other."""
    parts = [automaton for automaton in automata if automaton.edges]
    edges: list[tuple[Edge, ...]] = []
    for left, part in zip(range(len(parts) - 1, -1, -1), parts, strict=True):
        first, end = len(edges), len(edges) + len(part.edges) if left else END
        edges += [
            tuple(e._replace(target=end if e.target == END else first + e.target) for e in out)
            for out in part.edges
        ]
    return Automaton(tuple(edges))


def single(symbols: Sequence[Hashable], scale: int = 1) -> Automaton:
    """Accept just `symbols`, which at last multiply the code."""
    chain = [(Edge(symbol, at),) for at, symbol in enumerate(symbols[:-1], start=1)]
    return Automaton((*chain, *((Edge(symbol, END, scale),) for symbol in symbols[-1:])))


def framed(
    automaton: Automaton, before: Sequence[Hashable] = (), after: Sequence[Hashable] = ()
) -> Automaton:
    """Accept what `automaton` accepts, between `before` and `after`."""
    return joined(single(before), automaton, single(after))


def lift(automaton: Automaton, tokens: Mapping[int, str]) -> Automaton:
    """Turn an automaton over characters into one over tokens (token -> its text, all different)."""

    def steps(state: int) -> Iterable[Step[int]]:
        for token, text in tokens.items():
            if (edge := automaton.follow(state, text)) is not None:
                yield token, None if edge.target == END else edge.target, edge.scale, edge.add

    return from_steps(0, steps)


def repeat(
    lengths: Mapping[Hashable, int], end: Hashable, shortest: int, longest: int
) -> Automaton:
    """Accept any of the symbols (symbol -> its length, at least 1) in any order, then `end`.

    What is accepted is `shortest` to `longest` long in all, the end aside.
    """
    # by length so far: whether the end can be reached
    can_end, sizes = [False] * (longest + 1), set(lengths.values())
    for n in range(longest, -1, -1):
        can_end[n] = n >= shortest or any(
            n + length <= longest and can_end[n + length] for length in sizes
        )

    def steps(n: int) -> Iterable[Step[int]]:
        for symbol, length in lengths.items():
            if n + length <= longest and can_end[n + length]:
                yield symbol, n + length, 1, 0
        if n >= shortest:
            yield end, None, 1, 0

    return from_steps(0, steps)
