"""A row as tokens, and back.

A serialized row is the start token and, for each cell in turn, a *segment* of tokens. Segments are
self-contained, so that the columns can come in any order. Two serializers:

- `table_serializer`, the default: one token per column, category and digit. ``age = 39`` is the
  tokens ``3 9``; which column they belong to is told by the embedding of the column token, which is
  added to that of the token before the cell.
- `text_serializer`: the published text, ``age is 39,``, in the pieces of a model's own tokenizer.

Building one asks each column for an automaton of its possible values, gives each symbol a token,
and compiles the automata into one `Grammar`. `serialize` then encodes each distinct cell of a table
once (`SerializedTable`), from which `token_batch` assembles rows as arrays (`TokenBatch`).
Decoding is left to the grammar: the tokens chosen in a cell add up to its code, and the column
decodes that. A missing cell is one token of its column's own; as text, the word ``missing``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from counterpoise.columns import ABSENT, MISSING, Column, Schema, Table, TextColumn
from counterpoise.columns._base import MISSING_WORD, TEXT_END
from counterpoise.columns._text import Shape, shape_automaton, split
from counterpoise.errors import ModelError, SchemaError
from counterpoise.grammar import Automaton, expand, framed, from_sequences
from counterpoise.grammar._automaton import AmbiguousSequencesError, lift, repeat, union
from counterpoise.grammar._grammar import (
    FORCED,
    NO_COLUMN_TOKEN,
    NO_TOKEN,
    Grammar,
    IntArray,
    Runs,
    compile_grammar,
)

__all__ = [
    "CharacterTokenizer",
    "Entry",
    "SerializedTable",
    "Serializer",
    "TokenBatch",
    "Tokenizer",
    "serialize",
    "table_serializer",
    "text_serializer",
]

_NUMERALS = " -.:0123456789"

Encode = Callable[[Any], Sequence[int]]
"""From a cell's code, or its text, to the tokens of its value; of module functions: it pickles."""


START = 0  # the token that begins every row


@dataclass(frozen=True, slots=True)
class Entry:
    """One token of a table."""

    text: str
    pieces: tuple[int, ...] = ()  # of a pre-trained vocabulary: it starts from their mean embedding


class Tokenizer(Protocol):
    """What a serializer asks of a model's tokenizer; pieces are ids of the model's vocabulary."""

    @property
    def start(self) -> int | None:
        """The piece that begins a text, or None where the tokenizer has none."""

    def encode(self, text: str) -> list[int]:
        """Return the pieces of `text`, without any special ones."""

    def cut(self, text: str) -> list[tuple[str, tuple[int, ...]]]:
        """Return `text` in consecutive parts, each with the pieces that it consists of.

        The parts join to exactly `text`; a character that takes several pieces is one part.
        """

    def pieces_over(self, alphabet: str) -> dict[int, str]:
        """Return the pieces whose text has only characters of `alphabet`, with the text of each."""

    def pieces(self) -> list[int]:
        """Return every piece that a model may generate by itself."""

    def decode(self, pieces: Sequence[int]) -> str:
        """Return the text of `pieces`; special ones have none."""


class CharacterTokenizer:
    """One piece per character, its code point: for models that are trained from scratch."""

    start = None

    def encode(self, text: str) -> list[int]:
        return [ord(character) for character in text]

    def cut(self, text: str) -> list[tuple[str, tuple[int, ...]]]:
        return [(character, (ord(character),)) for character in text]

    def pieces_over(self, alphabet: str) -> dict[int, str]:
        return {ord(character): character for character in alphabet}

    def pieces(self) -> list[int]:
        return []  # a model from scratch knows the characters of its table, and no others

    def decode(self, pieces: Sequence[int]) -> str:
        return "".join(map(chr, pieces))


@dataclass(frozen=True, slots=True)
class TextParts:
    """What new strings of a free-text column are made of, apart from those that have a shape."""

    parts: tuple[tuple[str, tuple[int, ...]], ...]  # by first appearance, with the pieces of each
    shortest: int  # length of a string, in characters
    longest: int


@dataclass(frozen=True, slots=True)
class Cell:
    """How the cells of one column are encoded, and which token sequences are possible."""

    automaton: Automaton
    encode_value: Encode
    missing: tuple[int, ...] = ()  # tokens of a missing cell
    name: tuple[int, ...] = ()
    column_token: int = NO_COLUMN_TOKEN
    parts: TextParts | None = None

    def or_missing(self, tokens: Sequence[int]) -> Cell:
        """Return the cell with `tokens` as a further value, with the code ``MISSING``."""
        either = union(self.automaton, from_sequences({MISSING: tokens}))
        return replace(self, automaton=either, missing=tuple(tokens))

    def encode(self, value: int | str) -> Sequence[int]:
        """Return the tokens of a code, or of a string of free text."""
        return self.missing if value == MISSING else self.encode_value(value)


def _text_cell(
    column: Column, at: int, texts: Sequence[str] | TextParts, encoder: _Encoder, end: int
) -> Cell:
    """Accept texts of the shapes of a column, or else any of the parts of the strings seen.

    What is made of parts is no shorter or longer in all than the other strings in `texts`. Where
    there is more than one way, its number comes first, as one token. Parts and what stands in the
    fields of shapes have tokens apart from those of everything else.
    """
    assert isinstance(column, TextColumn)
    shapes, cut = column.shapes, encoder.tokenizer.cut
    if not isinstance(texts, TextParts):
        others = [text for text in texts if split(text, shapes) is None]
        distinct = dict.fromkeys(part for text in others for part in cut(text))
        lengths = [len(text) for text in others] or [0]
        texts = TextParts(tuple(distinct), min(lengths), max(lengths))

    def part(text: str) -> int:
        return encoder.token(("part", text), text, [piece for _, own in cut(text) for piece in own])

    fields = {word: part(word) for shape in shapes for field in shape for word in field if word}
    fields[""] = end
    ways = [expand(shape_automaton(shape), lambda word: (fields[word],)) for shape in shapes]
    tokens = {text: encoder.token(("part", text), text, pieces) for text, pieces in texts.parts}
    if tokens or column.has_others or not shapes:  # without parts, it is the empty text
        sizes: dict[Hashable, int] = {token: len(part) for part, token in tokens.items()}
        ways.append(repeat(sizes, end, texts.shortest, texts.longest))
    longest = max(map(len, tokens), default=0)
    encode = partial(_encode_parts, encoder.tokenizer, tokens, longest, end)
    numbers: list[list[int]] = [[]]
    if len(ways) > 1:
        numbers = [[encoder.token(("shape", at, which), "", ())] for which in range(len(ways))]
        ways = [union(*map(framed, ways, numbers))]
    return Cell(ways[0], partial(_encode_text, shapes, fields, numbers, encode), parts=texts)


def _encode_text(
    shapes: Sequence[Shape],
    fields: Mapping[str, int],
    numbers: Sequence[Sequence[int]],
    encode_other: Encode,
    text: str,
) -> Sequence[int]:
    found = split(text, shapes)
    if found is None:
        return [*numbers[-1], *encode_other(text)]
    return [*numbers[found[0]], *(fields[word] for word in found[1]), fields[""]]


def _encode_parts(
    tokenizer: Tokenizer, tokens: Mapping[str, int], longest: int, end: int, text: str
) -> Sequence[int]:
    parts = [part for part, _ in tokenizer.cut(text)]
    if not tokens.keys() >= set(parts):
        # a generated text, which the tokenizer cuts in other parts: the fewest known ones
        cuts: dict[int, list[str]] = {0: []}  # by number of characters
        for at in range(1, len(text) + 1):
            starts = [n for n in range(max(0, at - longest), at) if n in cuts]
            ways = [[*cuts[n], text[n:at]] for n in starts if text[n:at] in tokens]
            if ways:
                cuts[at] = min(ways, key=len)
        parts = cuts.get(len(text), parts)
    return [*(tokens.get(part, NO_TOKEN) for part in parts), end]


@dataclass(frozen=True)
class Serializer:
    """Encodes the rows of one table as tokens."""

    schema: Schema  # the label first
    vocabulary: list[Entry]  # of every token that can occur, and of no other
    cells: tuple[Cell, ...]  # by column
    tokenizer: Tokenizer | None = None  # the model's own, where rows are published text

    @cached_property
    def grammar(self) -> Grammar:
        """What the tokens of a row can be, compiled from the cells."""
        return compile_grammar(
            [cell.name for cell in self.cells],
            [cell.column_token for cell in self.cells],
            [cell.automaton for cell in self.cells],
            len(self.vocabulary),
        )

    def encode_cell(self, column: int, value: int | str) -> list[int]:
        """Return the tokens of a cell, its name first, from its code, or string if free text."""
        cell = self.cells[column]
        return [*cell.name, *cell.encode(value)]

    def decode_text(self, tokens: Iterable[int]) -> str:
        """Return the string of a free-text cell from its tokens, without the end token."""
        return "".join(self.vocabulary[token].text for token in tokens)

    def unconstrained_grammar(self) -> Grammar:
        """Return a grammar of one state, for training and scoring: any token but the start."""
        allowed = np.ones((1, len(self.vocabulary)), dtype=bool)
        allowed[0, START] = False
        one = np.ones(1, dtype=np.int64)  # not the column of the label, which may go unscored
        return replace(self.grammar, column=one, allowed=allowed, allowed_set=one - 1)


@dataclass(frozen=True, slots=True)
class _Encoder:
    """Numbers the tokens of a table as they are first needed."""

    tokenizer: Tokenizer
    is_pretrained: bool  # whether a model has embeddings of the tokenizer's pieces
    vocabulary: list[Entry] = field(default_factory=list)
    numbers: dict[Hashable, int] = field(default_factory=dict)  # of the tokens, by key

    def __post_init__(self) -> None:
        start = self.tokenizer.start
        self.token("start", "", () if start is None else (start,))

    def token(self, key: Hashable, text: str, pieces: Sequence[int]) -> int:
        """Return the token of `key`, adding it when it is new."""
        if key not in self.numbers:
            self.numbers[key] = len(self.vocabulary)
            self.vocabulary.append(Entry(text, tuple(pieces) if self.is_pretrained else ()))
        return self.numbers[key]

    def word(self, key: Hashable, text: str, meaning: str) -> int:
        """Return a token of its own that starts from what the pieces of `meaning` mean."""
        return self.token(key, text, self.tokenizer.encode(meaning))

    def piece(self, piece: int, text: str = "") -> int:
        return self.token(piece, text, (piece,))

    def encode(self, text: str) -> list[int]:
        return [self.piece(piece) for piece in self.tokenizer.encode(text)]


def table_serializer(
    table: Table, tokenizer: Tokenizer | None = None, parts: Mapping[int, TextParts] | None = None
) -> Serializer:
    """Build the serializer with a vocabulary of the table's own: per column, category and digit.

    Of `table`, label first, only the schema matters, and the strings of free-text columns, whose
    place `parts` can take, by position. Each new token starts from the embeddings that a
    pre-trained model has of its text in the pieces of `tokenizer`.
    """
    encoder = _Encoder(tokenizer or CharacterTokenizer(), tokenizer is not None)
    cells = []
    for position, column in enumerate(table.schema):

        def word(key: Hashable, text: str, position: int = position) -> int:
            return encoder.word((position, key), text, " " + text)

        column_token = word("name", str(column.name))
        if column.is_text:
            texts, end = (parts or table.texts)[position], word("end", "\n")
            cell = _text_cell(column, position, texts, encoder, end)
        else:
            automaton = column.symbol_automaton()
            tokens: dict[Hashable, Sequence[int]] = {
                s: (word(s, column.symbol_text(s)),) for s in automaton.symbols
            }
            encode = partial(_encode_symbols, column.symbols, tokens, ())
            cell = Cell(expand(automaton, tokens.__getitem__), encode)
        if column.has_missing:
            cell = cell.or_missing((word("missing", MISSING_WORD),))
        cells.append(replace(cell, column_token=column_token))
    return Serializer(table.schema, encoder.vocabulary, tuple(cells))


def _encode_symbols(
    spell: Callable[[int], Iterable[Hashable]],
    tokens: Mapping[Hashable, Sequence[int]],
    end: tuple[Hashable, ...],
    code: int,
) -> Sequence[int]:
    symbols = (*spell(code), *end)
    return [token for symbol in symbols for token in tokens.get(symbol, (NO_TOKEN,))]


def text_serializer(
    table: Table,
    tokenizer: Tokenizer | None = None,
    *,
    digit_tokens: bool = False,
    unconstrained: bool = False,
    parts: Mapping[int, TextParts] | None = None,
) -> Serializer:
    """Build the serializer of the published text, ``age is 39, workclass is State-gov,``.

    Values that could be mistaken for something else (they contain a comma, a quotation mark or a
    line break, begin or end with a space, or read ``missing``) are written as JSON strings.

    `table` and `parts` are as in `table_serializer`; `tokenizer` is the model's own, None for
    single characters. With `digit_tokens` numbers have a space before each digit, point and sign,
    ``is 1 2 . 5,``, so that each is a token of its own. `unconstrained`: the vocabulary has all
    pieces, used or not.

    A SchemaError or ModelError says what the tokenizer encodes alike or has no pieces for.
    """
    tokenizer = tokenizer or CharacterTokenizer()
    encoder = _Encoder(tokenizer, is_pretrained=True)
    cells = []
    for position, column in enumerate(table.schema):
        if column.is_text:
            end = encoder.word(("sign", "end"), "\n", "\n")
            texts = (parts or table.texts)[position]
            cell = _text_cell(column, position, texts, encoder, end)
            word = " " + MISSING_WORD
            missing = [encoder.word(("sign", MISSING_WORD), word, word)]
        else:
            cell = _value_cell(column, encoder, digit_tokens)
            missing = encoder.encode(" " + MISSING_WORD) + encoder.encode(TEXT_END)
        cell = replace(cell, name=tuple(encoder.encode(f" {column.name} is")))
        cells.append(cell.or_missing(missing) if column.has_missing else cell)
    if unconstrained:
        for piece in tokenizer.pieces():
            encoder.piece(piece)
    return Serializer(table.schema, encoder.vocabulary, tuple(cells), tokenizer)


def _value_cell(column: Column, encoder: _Encoder, digit_tokens: bool) -> Cell:
    if (choices := column.text_choices()) is not None:  # each is encoded as a whole
        end = encoder.encode(TEXT_END)
        encoded = [encoder.encode(f" {text}") + end for text in choices]
        try:
            return Cell(from_sequences(dict(enumerate(encoded))), encoded.__getitem__)
        except AmbiguousSequencesError as error:
            one, other = column.decode(np.array(error.symbols)).tolist()
            raise SchemaError(
                f"the model's tokenizer encodes the categories {one!r} and {other!r} of column "
                f"{column.name!r} alike; rename one of them, or use serialization='table'",
                column=column.name,
            ) from error
    if digit_tokens and (digits := column.digit_automaton()) is not None:
        # each character of a number is encoded apart, behind a space
        tokens: dict[Hashable, Sequence[int]] = {TEXT_END: encoder.encode(TEXT_END)}
        tokens |= {mark: encoder.encode(f" {mark}") for mark in "-.0123456789"}
        encode = partial(_encode_symbols, column.text, tokens, (TEXT_END,))
        return Cell(expand(digits, tokens.__getitem__), encode)
    return _character_cell(column, encoder)


def _character_cell(column: Column, encoder: _Encoder) -> Cell:
    """Encode a value in whatever pieces its characters can be cut into."""
    characters = column.text_automaton()
    further = sorted(set(map(str, characters.symbols)) - {*_NUMERALS, TEXT_END})
    pieces = encoder.tokenizer.pieces_over(_NUMERALS + "".join(further))
    texts = {encoder.piece(piece, text): text for piece, text in pieces.items()}
    end = encoder.encode(TEXT_END)
    single = {text: token for token, text in texts.items() if len(text) == 1}
    lifted = lift(characters, {**texts, -1: TEXT_END})
    automaton = expand(lifted, lambda token: end if token == -1 else (token,))
    return Cell(automaton, partial(_encode_characters, column, automaton, encoder, single, end))


def _encode_characters(
    column: Column,
    automaton: Automaton,
    encoder: _Encoder,
    single: Mapping[str, int],
    end: list[int],
    code: int,
) -> Sequence[int]:
    text = " " + column.text(code)
    pieces = encoder.tokenizer.encode(text)  # that are no tokens yet cannot become any now
    tokens = [encoder.numbers.get(piece, NO_TOKEN) for piece in pieces] + end
    if automaton.read(tokens) == code:
        return tokens
    try:  # the tokenizer adds or merges something: encode character by character
        return [single[character] for character in text] + end
    except KeyError as error:
        raise ModelError(
            f"the model's tokenizer has no token for {error.args[0]!r}, which column "
            f"{column.name!r} needs; use serialization='table'"
        ) from None


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """A batch of serialized rows, padded at the end; shapes (n_rows, longest)."""

    tokens: IntArray  # each row begins with the start token; the padding has no meaning
    # whose embedding is added to each token's: the column whose cell follows, or NO_COLUMN_TOKEN
    column_tokens: IntArray
    states: IntArray  # that each token is chosen in; FORCED without a choice and in the padding
    lengths: IntArray  # (n_rows,): number of tokens, the start token included


@dataclass(frozen=True, slots=True)
class SerializedTable:
    """The rows of a table, each distinct cell encoded once as a *segment* of tokens."""

    segments: IntArray  # (n_rows, n_columns); -1 where the cell is not part of the row
    tokens: Runs  # of each segment
    states: Runs  # that they are chosen in
    column_tokens: IntArray  # (n_columns,): added to the token before the cells of a column

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

    A `SchemaError` is raised if the grammar does not allow a cell: the table has other categories
    or ranges than the one the serializer was built for.
    """
    segments = np.full(table.codes.shape, -1, dtype=np.int64)
    tokens, states = list[list[int]](), list[list[int]]()
    for column in range(len(serializer.schema)):
        codes, inverse = np.unique(table.codes[:, column], return_inverse=True)
        numbers = np.full(len(codes), -1, dtype=np.int64)
        for position, code in enumerate(codes.tolist()):
            if code == ABSENT:
                continue
            is_string = column in table.texts and code != MISSING
            value = table.texts[column][code] if is_string else code
            encoded = serializer.encode_cell(column, value)
            chosen_in = serializer.grammar.states_along(column, encoded)
            if chosen_in is None:
                name = serializer.schema[column].name
                problem = f"column {name!r}: its grammar does not allow a cell"
                raise SchemaError(problem, column=name)
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
    """Draw the order of the columns for each row (n_rows, n_columns); column 0 is the label.

    ``"label-first"``: the label, then the features shuffled (as published). ``"label-last"``:
    behind them; ``"no-label"``: without it, one column less. ``"all"``: everything shuffled.
    ``"none"``: the order of the table. ``"condition-first"``: the same, but for one feature, drawn
    at random, that follows the label.
    """
    in_table_order = np.tile(np.arange(n_columns), (n_rows, 1))
    if permutation == "none":
        return in_table_order
    if permutation == "condition-first":
        keys = in_table_order.astype(np.float64)
        keys[np.arange(n_rows), rng.integers(1, n_columns, n_rows)] = 0.5
        return order_of(keys, "label-first")
    return order_of(rng.random((n_rows, n_columns)), permutation)


def order_of(keys: npt.NDArray[np.float64], permutation: str) -> IntArray:
    """Return columns by ascending key, the label where it belongs; changes the label's keys."""
    place = {"label-first": -np.inf, "label-last": np.inf, "no-label": -np.inf}.get(permutation)
    if place is not None:
        keys[:, 0] = place
    orders = np.argsort(keys, axis=1, kind="stable")
    return orders[:, 1:] if permutation == "no-label" else orders


def label_is_given(permutation: str) -> bool:
    """Whether the label comes before everything else, so that there is nothing to learn of it."""
    return permutation in ("label-first", "condition-first", "none")
