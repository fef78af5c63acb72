"""The language of one table: how a row is written as a sentence, and what may be written.

A sentence is the start token and, for each cell in turn, a *segment*: the column's name and the
cell's value. Segments are self-contained, so that a permutation of the columns is a permutation
of segments. A name is either written, as tokens before the value, or it is a *cue*: one token that
takes no place of its own, because its embedding is added to that of the token before the cell.
Two serialisations build a :class:`Language`: `table_language` (cues) and `text_language` (names).
"""

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

Serialize = Callable[[int], Sequence[int]]
"""From a cell's code to the tokens of its value."""


@dataclass(frozen=True, slots=True)
class TextParts:
    """What is known of a column of free text: what new text is made of, and how long it may be.

    Attributes
    ----------
    parts : tuple of (str, tuple of int)
        The parts that its strings are cut into, by first appearance, with the pieces of each.
    shortest, longest : int
        Length of its strings, in characters.
    """

    parts: tuple[tuple[str, tuple[int, ...]], ...]
    shortest: int
    longest: int


@dataclass(frozen=True, slots=True)
class Cell:
    """How the cells of one column are written: name or cue, what may follow, and spelling."""

    automaton: Automaton
    serialize: Serialize
    name: tuple[int, ...] = ()
    column_token: int = NO_COLUMN_TOKEN
    parts: TextParts | None = None

    def or_missing(self, word: Sequence[int]) -> Cell:
        """Return the cell with `word` as a further way to fill it, with the code ``MISSING``."""
        written = tuple(word)
        either = union(self.automaton, from_sequences({MISSING: written}))
        return replace(
            self, automaton=either, serialize=partial(_spell_or_missing, self.serialize, written)
        )


@dataclass(frozen=True, slots=True)
class Serializer:
    """The language of one table.

    Attributes
    ----------
    schema : Schema
        The columns, the label first.
    vocabulary : Vocabulary
        Every token that can occur, and no other.
    cells : tuple of Cell
        How each column is written.
    grammar : Grammar
        What may follow what, compiled from the cells.
    tokenizer : Tokenizer or None
        The model's own, where rows are written with it.
    """

    schema: Schema
    vocabulary: Vocabulary
    cells: tuple[Cell, ...]
    grammar: Grammar
    tokenizer: Tokenizer | None = None

    def segment(self, column: int, code: int) -> list[int]:
        """Return the tokens of one cell, its name first where names are written.

        For free text the code is the position of the string among ``Table.texts[column]`` of the
        table that the language was built for.
        """
        cell = self.cells[column]
        return [*cell.name, *cell.serialize(code)]

    def read_text(self, tokens: Iterable[int]) -> str:
        """Return the string that the value tokens of a free-text cell write, end mark aside."""
        return "".join(self.vocabulary.entries[token].text for token in tokens)


def compile_serializer(
    schema: Schema,
    vocabulary: Vocabulary,
    cells: Sequence[Cell],
    tokenizer: Tokenizer | None = None,
) -> Serializer:
    """Compile `cells`, one a column of `schema`, into a language."""
    grammar = compile_grammar(
        [cell.name for cell in cells],
        [cell.column_token for cell in cells],
        [cell.automaton for cell in cells],
        len(vocabulary),
    )
    return Serializer(schema, vocabulary, tuple(cells), grammar, tokenizer)


def text_cell(
    texts: Sequence[str] | TextParts,
    tokenizer: Tokenizer,
    token: Callable[[str, tuple[int, ...]], int],
    end: int,
) -> Cell:
    """Write free text: any of the parts seen in `texts`, no shorter or longer than they are.

    `token` numbers a part, given its text and its pieces; `end` is a token apart from all of them,
    so that the end of a cell cannot be mistaken. Where only the parts of the texts are known, no
    code can be spelled.
    """
    written = []
    if isinstance(texts, TextParts):
        known = texts
    else:
        cut = [tokenizer.cut(text) for text in texts]
        distinct = dict.fromkeys(part for parts in cut for part in parts)
        known = TextParts(tuple(distinct), min(map(len, texts)), max(map(len, texts)))
        written = [[*(token(part, pieces) for part, pieces in parts), end] for parts in cut]
    lengths: dict[Hashable, int] = {token(part, pieces): len(part) for part, pieces in known.parts}
    automaton = repeat(lengths, end, known.shortest, known.longest)
    return Cell(automaton, written.__getitem__, parts=known)


# Spelling is by functions of modules and their arguments, not by closures: a language pickles.


def _spell_or_missing(serialize: Serialize, missing: tuple[int, ...], code: int) -> Sequence[int]:
    return missing if code == MISSING else serialize(code)


# Rows as token arrays: every cell spelled once, then rows assembled by indexing.


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """A batch of sentences, padded at the end.

    Attributes
    ----------
    tokens : ndarray of shape (n_rows, longest), int64
        Each begins with the start token; what lies past a row's length has no meaning.
    cues : ndarray of shape (n_rows, longest), int64
        The token added to each token: the name of the column whose cell follows, else ``NO_CUE``.
    states : ndarray of shape (n_rows, longest), int64
        The grammar's state that each token was chosen in, ``FORCED`` where there was no choice
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
    """The cells of a table, spelled: each row is a list of segments, each a run of tokens.

    Attributes
    ----------
    segments : ndarray of shape (n_rows, n_columns), int64
        Which run each cell is; -1 where the cell is not in the sentence.
    tokens, states : Runs
        The tokens of each segment and the states they are chosen in.
    cues : ndarray of shape (n_columns,), int64
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
        """The most tokens that a sentence of any of the spelled cells can have."""
        return 1 + int(self.lengths(self.segments).max(axis=0, initial=0).sum())

    @property
    def longest_row(self) -> int:
        """The most tokens that the sentence of a row has."""
        return 1 + int(self.lengths(self.segments).sum(axis=1).max(initial=0))

    def take(self, rows: IntArray) -> SerializedTable:
        """Return the corpus of `rows` (indices), sharing the spelled cells."""
        return replace(self, segments=self.segments[rows])

    def token_batch(self, rows: IntArray, orders: IntArray) -> TokenBatch:
        """Assemble `rows`, row i with its columns in the order ``orders[i]``.

        Parameters
        ----------
        rows : ndarray of shape (n,)
            Indices of rows.
        orders : ndarray of shape (n, n_columns)
            A permutation of the columns for each; absent cells are left out.
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
    """Spell every distinct cell of `table` once.

    Raises
    ------
    SchemaError
        If the grammar would not allow a cell to be written: the table has other categories or
        ranges than the one the language was built for.
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
            written = serializer.segment(column, code)
            chosen_in = serializer.grammar.states_along(column, written)
            if chosen_in is None:
                name = serializer.schema[column].name
                raise SchemaError(f"column {name!r}: a cell cannot be written", column=name)
            numbers[position] = len(tokens)
            tokens.append(written)
            states.append(chosen_in)
        segments[:, column] = numbers[inverse]
    return SerializedTable(
        segments, Runs.of(tokens), Runs.of(states), serializer.grammar.column_tokens
    )


def draw_orders(
    n_rows: int, n_columns: int, permutation: str, rng: np.random.Generator
) -> IntArray:
    """Draw the order of the columns for each of `n_rows` sentences; column 0 is the label.

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
    keys = rng.random((n_rows, n_columns))
    return order_of(keys, permutation)


def order_of(keys: npt.NDArray[np.float64], permutation: str) -> IntArray:
    """Return the columns by ascending key, and the label (column 0) where `permutation` has it.

    Parameters
    ----------
    keys : ndarray of shape (n_rows, n_columns)
        The label's are changed.
    """
    place = {"label-first": -np.inf, "label-last": np.inf, "no-label": -np.inf}.get(permutation)
    if place is not None:
        keys[:, 0] = place
    orders = np.argsort(keys, axis=1, kind="stable")
    return orders[:, 1:] if permutation == "no-label" else orders


def label_is_given(permutation: str) -> bool:
    """Whether the label stands before everything else, so that there is nothing to learn of it."""
    return permutation in ("label-first", "none")
