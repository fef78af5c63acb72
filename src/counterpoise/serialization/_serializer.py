"""What a serializer is, and rows as arrays of tokens."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from counterpoise.columns._base import ABSENT, MISSING
from counterpoise.columns._schema import Schema
from counterpoise.columns._table import Table
from counterpoise.errors import SchemaError
from counterpoise.grammar._automaton import Automaton, from_sequences, repeat, union
from counterpoise.grammar._grammar import (
    FORCED,
    NO_COLUMN_TOKEN,
    Grammar,
    IntArray,
    Runs,
    compile_grammar,
)
from counterpoise.serialization._tokenizer import START, Tokenizer, Vocabulary

Encode = Callable[[int], Sequence[int]]
"""From a cell's code to the tokens of its value; of module functions, so that it pickles."""


@dataclass(frozen=True, slots=True)
class TextParts:
    """What new strings of a free-text column are made of."""

    parts: tuple[tuple[str, tuple[int, ...]], ...]  # by first appearance, with the pieces of each
    shortest: int  # length of a string, in characters
    longest: int


@dataclass(frozen=True, slots=True)
class Cell:
    """How the cells of one column are encoded, and which token sequences are possible."""

    automaton: Automaton
    encode: Encode
    name: tuple[int, ...] = ()
    column_token: int = NO_COLUMN_TOKEN
    parts: TextParts | None = None

    def or_missing(self, tokens: Sequence[int]) -> Cell:
        """Return the cell with `tokens` as a further value, with the code ``MISSING``."""
        either = union(self.automaton, from_sequences({MISSING: tuple(tokens)}))
        encode = partial(_encode_or_missing, self.encode, tuple(tokens))
        return replace(self, automaton=either, encode=encode)


def _encode_or_missing(encode: Encode, missing: tuple[int, ...], code: int) -> Sequence[int]:
    return missing if code == MISSING else encode(code)


def text_cell(
    texts: Sequence[str] | TextParts,
    tokenizer: Tokenizer,
    token: Callable[[str, tuple[int, ...]], int],
    end: int,
) -> Cell:
    """Accept any of the parts seen in `texts`, no shorter or longer in all than these are.

    `token` numbers a part, given its text and its pieces; `end` differs from all of them, so that
    the end of a cell cannot be mistaken. Where only the parts are known, no code can be encoded.
    """
    encoded = []
    if isinstance(texts, TextParts):
        known = texts
    else:
        cut = [tokenizer.cut(text) for text in texts]
        distinct = dict.fromkeys(part for parts in cut for part in parts)
        known = TextParts(tuple(distinct), min(map(len, texts)), max(map(len, texts)))
        encoded = [[*(token(part, pieces) for part, pieces in parts), end] for parts in cut]
    lengths: dict[Hashable, int] = {token(part, pieces): len(part) for part, pieces in known.parts}
    automaton = repeat(lengths, end, known.shortest, known.longest)
    return Cell(automaton, encoded.__getitem__, parts=known)


@dataclass(frozen=True, slots=True)
class Serializer:
    """Encodes the rows of one table as tokens.

    Attributes
    ----------
    schema : Schema
        The columns, the label first.
    vocabulary : Vocabulary
        Every token that can occur, and no other.
    cells : tuple of Cell
        How each column is encoded.
    grammar : Grammar
        What may follow what, compiled from the cells.
    tokenizer : Tokenizer or None
        The model's own, where rows are published text.
    """

    schema: Schema
    vocabulary: Vocabulary
    cells: tuple[Cell, ...]
    grammar: Grammar
    tokenizer: Tokenizer | None = None

    @classmethod
    def compile(
        cls,
        schema: Schema,
        vocabulary: Vocabulary,
        cells: Sequence[Cell],
        tokenizer: Tokenizer | None = None,
    ) -> Serializer:
        """Compile the grammar of `cells`, one per column."""
        grammar = compile_grammar(
            [cell.name for cell in cells],
            [cell.column_token for cell in cells],
            [cell.automaton for cell in cells],
            len(vocabulary),
        )
        return cls(schema, vocabulary, tuple(cells), grammar, tokenizer)

    def encode_cell(self, column: int, code: int) -> list[int]:
        """Return the tokens of one cell, its name first where names are written.

        For free text the code is the position of the string among ``Table.texts[column]`` of the
        table that the serializer was built for.
        """
        cell = self.cells[column]
        return [*cell.name, *cell.encode(code)]

    def decode_text(self, tokens: Iterable[int]) -> str:
        """Return the string of a free-text cell from its tokens, without the end token."""
        return "".join(self.vocabulary.entries[token].text for token in tokens)

    def unconstrained_grammar(self) -> Grammar:
        """Return a grammar of one state, in which every token but the start may be chosen.

        It is for training and scoring: it does not know where a cell ends.
        """
        allowed = np.ones((1, len(self.vocabulary)), dtype=bool)
        allowed[0, START] = False
        one = np.ones(1, dtype=np.int64)  # not the column of the label, which may go unscored
        return replace(self.grammar, column=one, allowed=allowed, allowed_set=one - 1)


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """A batch of serialized rows, padded at the end.

    Attributes
    ----------
    tokens : ndarray of shape (n_rows, longest), int64
        Each row begins with the start token; what lies past its length has no meaning.
    column_tokens : ndarray of shape (n_rows, longest), int64
        The token whose embedding is added to each token's: the column whose cell follows, else
        ``NO_COLUMN_TOKEN``.
    states : ndarray of shape (n_rows, longest), int64
        The grammar's state that each token is chosen in, ``FORCED`` where there is no choice
        and in the padding.
    lengths : ndarray of shape (n_rows,), int64
        Number of tokens of each row, the start token included.
    """

    tokens: IntArray
    column_tokens: IntArray
    states: IntArray
    lengths: IntArray


@dataclass(frozen=True, slots=True)
class SerializedTable:
    """The rows of a table, each distinct cell encoded once as a *segment* of tokens.

    Attributes
    ----------
    segments : ndarray of shape (n_rows, n_columns), int64
        Which segment each cell is; -1 where the cell is not part of the row.
    tokens, states : Runs
        The tokens of each segment and the states they are chosen in.
    column_tokens : ndarray of shape (n_columns,), int64
        By column: the token added to the token before its cells.
    """

    segments: IntArray
    tokens: Runs
    states: Runs
    column_tokens: IntArray

    def __len__(self) -> int:
        return len(self.segments)

    def lengths(self, segments: IntArray) -> IntArray:
        """Return the number of tokens of each of `segments`; 0 for cells that are absent."""
        return np.where(segments >= 0, self.tokens.lengths(segments), 0)

    @property
    def longest(self) -> int:
        """The most tokens that a row of any of these cells can have."""
        return 1 + int(self.lengths(self.segments).max(axis=0, initial=0).sum())

    @property
    def longest_row(self) -> int:
        """The most tokens that one of these rows has."""
        return 1 + int(self.lengths(self.segments).sum(axis=1).max(initial=0))

    def take(self, rows: IntArray) -> SerializedTable:
        """Select rows, by position."""
        return replace(self, segments=self.segments[rows])

    def unconstrained(self) -> SerializedTable:
        """Return the rows with every token, names too, chosen in the one unconstrained state."""
        return replace(self, states=Runs(np.zeros_like(self.states.tokens), self.states.offsets))

    def token_batch(self, rows: IntArray, orders: IntArray) -> TokenBatch:
        """Assemble `rows` (positions), each with its columns in the order of its row of `orders`.

        `orders` has the shape (n_rows, n_columns). Absent cells are left out.
        """
        segments = np.take_along_axis(self.segments[rows], orders, axis=1)
        present = segments >= 0
        lengths = self.lengths(segments)
        n_tokens = 1 + lengths.sum(axis=1)
        tokens = np.full((len(rows), n_tokens.max()), START, dtype=np.int64)
        states = np.full_like(tokens, FORCED)
        filled = np.arange(tokens.shape[1]) < n_tokens[:, None]
        filled[:, 0] = False  # the start token
        flat = self.tokens.flat(segments[present])
        tokens[filled] = self.tokens.tokens[flat]
        states[filled] = self.states.tokens[flat]
        column_tokens = np.full_like(tokens, NO_COLUMN_TOKEN)
        row, position = np.nonzero(present)
        before = (np.cumsum(lengths, axis=1) - lengths)[row, position]
        column_tokens[row, before] = self.column_tokens[orders[row, position]]
        return TokenBatch(tokens, column_tokens, states, n_tokens)


def serialize(table: Table, serializer: Serializer) -> SerializedTable:
    """Encode the rows of a table.

    Raises
    ------
    SchemaError
        If the grammar does not allow a cell: the table has other categories or ranges than the
        one the serializer was built for.
    """
    segments = np.full(table.codes.shape, -1, dtype=np.int64)
    tokens: list[list[int]] = []
    states: list[list[int]] = []
    for column in range(len(serializer.schema)):
        codes, inverse = np.unique(table.codes[:, column], return_inverse=True)
        numbers = np.full(len(codes), -1, dtype=np.int64)
        for position, code in enumerate(codes.tolist()):
            if code == ABSENT:
                continue
            encoded = serializer.encode_cell(column, code)
            chosen_in = serializer.grammar.states_along(column, encoded)
            if chosen_in is None:
                name = serializer.schema[column].name
                raise SchemaError(
                    f"column {name!r}: its grammar does not allow a cell", column=name
                )
            numbers[position] = len(tokens)
            tokens.append(encoded)
            states.append(chosen_in)
        segments[:, column] = numbers[inverse]
    return SerializedTable(
        segments, Runs.of(tokens), Runs.of(states), serializer.grammar.column_tokens
    )


def draw_orders(
    n_rows: int, n_columns: int, permutation: str, rng: np.random.Generator
) -> IntArray:
    """Draw the order of the columns for each of `n_rows` rows; column 0 is the label.

    Parameters
    ----------
    permutation : {"label-first", "label-last", "no-label", "all", "none"}
        ``"label-first"``: the label, then the features shuffled (as published). ``"label-last"``:
        behind them; ``"no-label"``: without it. ``"all"``: everything shuffled. ``"none"``: the
        order of the table.

    Returns
    -------
    ndarray of shape (n_rows, n_columns), int64
        One column less with ``"no-label"``.
    """
    if permutation == "none":
        return np.tile(np.arange(n_columns), (n_rows, 1))
    return order_of(rng.random((n_rows, n_columns)), permutation)


def order_of(keys: npt.NDArray[np.float64], permutation: str) -> IntArray:
    """Return the columns by ascending key, and the label (column 0) where `permutation` has it.

    `keys` has the shape (n_rows, n_columns); those of the label are changed.
    """
    place = {"label-first": -np.inf, "label-last": np.inf, "no-label": -np.inf}.get(permutation)
    if place is not None:
        keys[:, 0] = place
    orders = np.argsort(keys, axis=1, kind="stable")
    return orders[:, 1:] if permutation == "no-label" else orders


def label_is_given(permutation: str) -> bool:
    """Whether the label comes before everything else, so that there is nothing to learn of it."""
    return permutation in ("label-first", "none")
