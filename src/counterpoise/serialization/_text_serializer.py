"""The published sentence, ``age is 39, workclass is State-gov,``, in a model's own tokens.

Values that could be mistaken for something else (they contain a comma, a quotation mark or a
line break, begin or end with a space, or read ``missing``) are written as JSON strings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from counterpoise.columns._base import MISSING_WORD, TEXT_END, Column
from counterpoise.columns._table import Table
from counterpoise.errors import ModelError, SchemaError
from counterpoise.grammar._automaton import (
    AmbiguousSequencesError,
    Automaton,
    expand,
    from_sequences,
    lift,
)
from counterpoise.grammar._grammar import Grammar, Runs
from counterpoise.serialization._serializer import (
    Cell,
    SerializedTable,
    Serializer,
    TextParts,
    compile_serializer,
    text_cell,
)
from counterpoise.serialization._tokenizer import START, Tokenizer, Vocabulary

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
        if column.is_text:
            texts = (parts or table.texts)[position]
            cell = text_cell(texts, tokenizer, writer.part, writer.sign("end", _END_OF_TEXT))
            missing = [writer.sign(MISSING_WORD, " " + MISSING_WORD)]
        else:
            cell = _cell(column, writer)
            missing = writer.write(" " + MISSING_WORD) + writer.write(TEXT_END)
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
    end = writer.write(TEXT_END)
    if (choices := column.text_choices()) is not None:
        return _choice_cell(column, [writer.write(f" {text}") + end for text in choices])
    if writer.splits_numbers and (digits := column.digit_automaton()) is not None:
        return _split_number_cell(column, digits, writer, end)
    characters = column.text_automaton()
    alphabet = {str(edge.symbol) for edges in characters.edges for edge in edges}
    further = "".join(sorted(alphabet - {*_NUMERALS, TEXT_END}))
    pieces = writer.tokenizer.pieces_over(_NUMERALS + further)
    texts = {writer.token(piece, text): text for piece, text in pieces.items()}
    single = {text: token for token, text in texts.items() if len(text) == 1}
    lifted = lift(characters, {**texts, -1: TEXT_END})
    automaton = expand(lifted, lambda token: end if token == -1 else (token,))
    return Cell(automaton, _EncodeCharacters(column, automaton, writer, single, end))


def _choice_cell(column: Column, choices: list[list[int]]) -> Cell:
    try:
        return Cell(from_sequences(dict(enumerate(choices))), choices.__getitem__)
    except AmbiguousSequencesError as error:
        one, other = column.decode(np.array(error.codes)).tolist()
        raise SchemaError(
            f"the model's tokenizer writes the categories {one!r} and {other!r} of column "
            f"{column.name!r} alike; rename one of them, or use serialization='table'",
            column=column.name,
        ) from error


def _split_number_cell(column: Column, digits: Automaton, writer: _Writer, end: list[int]) -> Cell:
    """Write each character of a number behind a space."""
    tokens = {mark: tuple(writer.write(f" {mark}")) for mark in "-.0123456789"}
    tokens[TEXT_END] = tuple(end)
    automaton = expand(digits, lambda mark: tokens[str(mark)])
    return Cell(automaton, partial(_encode_split, column, tokens))


def _encode_split(
    column: Column, tokens: Mapping[str, tuple[int, ...]], code: int
) -> Sequence[int]:
    return [token for mark in column.text(code) + TEXT_END for token in tokens[mark]]


@dataclass(frozen=True, slots=True)
class _EncodeCharacters:
    """Write a value as the tokenizer does, if the grammar permits it so."""

    column: Column
    automaton: Automaton
    writer: _Writer
    single: Mapping[str, int]
    end: list[int]

    def __call__(self, code: int) -> Sequence[int]:
        text = " " + self.column.text(code)
        tokens = self.writer.write(text) + self.end
        if self.automaton.read(tokens) == code:
            return tokens
        try:  # the tokenizer adds or merges something: write character by character
            return [self.single[character] for character in text] + self.end
        except KeyError as error:
            raise ModelError(
                f"the model's tokenizer has no token for {error.args[0]!r}, which column "
                f"{self.column.name!r} needs; use serialization='table'"
            ) from None


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
