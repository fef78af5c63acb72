"""The published sentence, ``age is 39, workclass is State-gov,``, in a model's own tokens.

Values that could be mistaken for something else (they contain a comma, a quotation mark or a
line break, begin or end with a space, or read ``missing``) are written as JSON strings.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from counterpoise.columns._categorical import CategoricalColumn
from counterpoise.columns._column import Column
from counterpoise.columns._datetime import DatetimeColumn
from counterpoise.columns._number import NumericColumn
from counterpoise.columns._table import Table
from counterpoise.columns._text import TextColumn
from counterpoise.errors import ModelError, SchemaError
from counterpoise.grammar import _calendar as calendar
from counterpoise.grammar import _numbers as numbers
from counterpoise.grammar._automaton import (
    AmbiguousSequencesError,
    Automaton,
    expand,
    framed,
    from_sequences,
    lift,
)
from counterpoise.grammar._grammar import Grammar, Runs
from counterpoise.serialization._serializer import (
    MISSING_WORD,
    Cell,
    SerializedTable,
    Serializer,
    TextParts,
    category_texts,
    compile_serializer,
    text_cell,
)
from counterpoise.serialization._tokenizer import START, Tokenizer, Vocabulary

_END = ","
_END_OF_TEXT = "\n"
_NUMERALS = " -.:0123456789"


def text_serializer(
    table: Table,
    tokenizer: Tokenizer,
    number_style: str = "plain",
    parts: Mapping[int, TextParts] | None = None,
) -> Serializer:
    """Build the language of the published sentence, in the pieces of `tokenizer`.

    Parameters
    ----------
    table : Table
        The rows to be written, label first. Only the schema matters, and the strings of
        free-text columns (their parts are what new text is made of).
    tokenizer : Tokenizer
        The model's own.
    number_style : {"plain", "digits"}
        ``"plain"``: as the tokenizer cuts them, ``is 12.5,``. ``"digits"``: a space before each
        digit, point and sign, ``is 1 2 . 5,``, so that each is a token of its own.
    parts : mapping of int to TextParts, optional
        By position of each column of free text, what takes the place of its strings.

    Raises
    ------
    SchemaError
        If the tokenizer writes two categories of a column alike.
    ModelError
        If the tokenizer has no pieces for digits.
    """
    writer = _Writer(Vocabulary(), tokenizer, splits_numbers=number_style == "digits")
    start = tokenizer.start
    writer.vocabulary.token("start", "", () if start is None else (start,))
    cells = []
    for position, column in enumerate(table.schema):
        if isinstance(column, TextColumn):
            texts = (parts or table.texts)[position]
            cell = text_cell(texts, tokenizer, writer.part, writer.sign("end", _END_OF_TEXT))
            missing = [writer.sign(MISSING_WORD, " " + MISSING_WORD)]
        else:
            cell = _cell(column, writer)
            missing = writer.write(" " + MISSING_WORD) + writer.write(_END)
        cell = replace(cell, name=tuple(writer.write(f" {column.name} is")))
        cells.append(cell.or_missing(missing) if column.has_missing else cell)
    return compile_serializer(table.schema, writer.vocabulary, cells, tokenizer)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Text to tokens, numbering the tokenizer's pieces as they are first needed."""

    vocabulary: Vocabulary
    tokenizer: Tokenizer
    splits_numbers: bool = False

    def token(self, piece: int, text: str = "") -> int:
        return self.vocabulary.token(piece, text, (piece,))

    def write(self, text: str) -> list[int]:
        return [self.token(piece) for piece in self.tokenizer.encode(text)]

    def sign(self, key: str, text: str) -> int:
        """Return a token of its own that starts from what the pieces of `text` mean."""
        return self.vocabulary.token(("sign", key), text, tuple(self.tokenizer.encode(text)))

    def part(self, text: str, pieces: tuple[int, ...]) -> int:
        """Return the token of a part of free text, apart from those of everything else."""
        return self.vocabulary.token(("part", text), text, pieces)


def _cell(column: Column, writer: _Writer) -> Cell:
    if isinstance(column, CategoricalColumn):
        return _category_cell(column, writer)
    if writer.splits_numbers and isinstance(column, NumericColumn):
        return _split_number_cell(column, writer)
    described, of_code = _number_or_instant(column)
    pieces = writer.tokenizer.pieces_over(_NUMERALS)
    texts = {writer.token(piece, text): text for piece, text in pieces.items()}
    single = {text: token for token, text in texts.items() if len(text) == 1}
    end = writer.write(_END)
    lifted = lift(described, {**texts, -1: _END})
    automaton = expand(lifted, lambda token: end if token == -1 else (token,))
    return Cell(automaton, _SpellNumeral(column.name, automaton, of_code, writer, single, end))


def _split_number_cell(column: NumericColumn, writer: _Writer) -> Cell:
    """Write each character of a number behind a space."""
    described = _plain_numbers(column)
    end = writer.write(_END)
    tokens = {mark: tuple(writer.write(f" {mark}")) for mark in "-.0123456789"} | {_END: tuple(end)}
    automaton = expand(described, lambda mark: tokens[str(mark)])
    serialize = partial(numbers.spell_plain, decimals=column.decimals, step=column.step)
    return Cell(automaton, partial(_spell_split, serialize=serialize, tokens=tokens))


def _plain_numbers(column: NumericColumn) -> Automaton:
    return numbers.plain_numbers(
        column.multiples, column.step, column.exceptions, column.decimals, _END
    )


def _spell_split(
    code: int, *, serialize: Callable[[int], str], tokens: Mapping[str, tuple[int, ...]]
) -> Sequence[int]:
    text = serialize(code) + _END
    return [token for mark in text for token in tokens[mark]]


@dataclass(frozen=True, slots=True)
class _SpellNumeral:
    """Write a number or an instant as the tokenizer does, if the grammar permits it so."""

    column: Hashable
    automaton: Automaton
    of_code: Callable[[int], str]
    writer: _Writer
    single: Mapping[str, int]
    end: list[int]

    def __call__(self, code: int) -> Sequence[int]:
        text = " " + self.of_code(code)
        tokens = self.writer.write(text) + self.end
        if self.automaton.read(tokens) == code:
            return tokens
        try:  # the tokenizer adds or merges something: write character by character
            return [self.single[character] for character in text] + self.end
        except KeyError as error:
            raise ModelError(
                f"the model's tokenizer has no token for {error.args[0]!r}, which column "
                f"{self.column!r} needs to write numbers; use serialization='table'"
            ) from None


def _category_cell(column: CategoricalColumn, writer: _Writer) -> Cell:
    end = writer.write(_END)
    words = [writer.write(" " + text) + end for text in written_categories(column)]
    try:
        return Cell(from_sequences(dict(enumerate(words))), words.__getitem__)
    except AmbiguousSequencesError as error:
        one, other = (column.categories[code] for code in error.codes)
        raise SchemaError(
            f"the model's tokenizer writes the categories {one!r} and {other!r} of column "
            f"{column.name!r} alike; rename one of them, or use serialization='table'",
            column=column.name,
        ) from error


def _number_or_instant(column: Column) -> tuple[Automaton, Callable[[int], str]]:
    """Return the automaton over characters, the end mark included, and how a code is written."""
    assert not isinstance(column, CategoricalColumn | TextColumn)
    low, high = column.low, column.high
    if isinstance(column, DatetimeColumn) and column.is_calendar:
        unit = column.unit
        instants = expand(calendar.instants(low, high, unit), calendar.iso_text)
        return framed(instants, " ", _END), partial(_iso, unit=unit)
    if isinstance(column, DatetimeColumn):
        whole = framed(numbers.plain_number(low, high, 0, _END), " ")
        return whole, partial(numbers.spell_plain, decimals=0)
    serialize = partial(numbers.spell_plain, decimals=column.decimals, step=column.step)
    return framed(_plain_numbers(column), " "), serialize


def _iso(code: int, unit: str) -> str:
    return "".join(map(calendar.iso_text, calendar.spell_instant(code, unit)))


def written_categories(column: CategoricalColumn) -> list[str]:
    """Return each category as it stands in a sentence."""
    return [_quoted(text) for text in category_texts(column)]


def _quoted(text: str) -> str:
    """Return `text` as it is, or as a JSON string where it could be mistaken."""
    printable = text.isprintable()
    plain = printable and text == text.strip() and text not in ("", MISSING_WORD)
    if plain and not any(character in text for character in ',"'):
        return text
    return json.dumps(text, ensure_ascii=not printable)


# Sentences without a grammar: anything may follow anything.


def with_every_piece(serializer: Serializer, tokenizer: Tokenizer) -> Serializer:
    """Return `language` with all pieces of the model's own vocabulary, used or not.

    What a sentence of the table looks like stays as it was.
    """
    for piece in tokenizer.pieces():
        serializer.vocabulary.token(piece, "", (piece,))
    return compile_serializer(
        serializer.schema, serializer.vocabulary, serializer.cells, serializer.tokenizer
    )


def anything(serializer: Serializer) -> Grammar:
    """Return a grammar of one state, in which every token but the start may be chosen.

    It is for training and scoring: it does not know where a cell ends.
    """
    allowed = np.ones((1, len(serializer.vocabulary)), dtype=bool)
    allowed[0, START] = False
    one = np.ones(1, dtype=np.int64)  # no column of the label, whose tokens may go unscored
    return replace(serializer.grammar, column=one, allowed=allowed, allowed_set=one - 1)


def all_chosen(corpus: SerializedTable) -> SerializedTable:
    """Return `corpus` with every token, names and punctuation too, chosen in that one state."""
    states = Runs(np.zeros_like(corpus.states.tokens), corpus.states.offsets)
    return replace(corpus, states=states)
