"""The published text, ``age is 39, workclass is State-gov,``, in a model's own tokens.

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
from counterpoise.serialization._serializer import Cell, Serializer, TextParts, text_cell
from counterpoise.serialization._tokenizer import Tokenizer, Vocabulary

_END_OF_FREE_TEXT = "\n"
_NUMERALS = " -.:0123456789"


def text_serializer(
    table: Table,
    tokenizer: Tokenizer,
    *,
    digit_tokens: bool = False,
    unconstrained: bool = False,
    parts: Mapping[int, TextParts] | None = None,
) -> Serializer:
    """Build the serializer of the published text, in the pieces of `tokenizer`.

    Parameters
    ----------
    table : Table
        The rows, label first. Only the schema matters, and the strings of free-text columns.
    tokenizer : Tokenizer
        The model's own.
    digit_tokens : bool, default=False
        Whether numbers have a space before each digit, point and sign, ``is 1 2 . 5,``, so that
        each is a token of its own, rather than being cut by the tokenizer, ``is 12.5,``.
    unconstrained : bool, default=False
        Whether the vocabulary has all pieces of the model's own, used or not.
    parts : mapping of int to TextParts, optional
        By position of each column of free text, what takes the place of its strings.

    Raises
    ------
    SchemaError
        If the tokenizer encodes two categories of a column alike.
    ModelError
        If the tokenizer has no pieces for a character that is needed.
    """
    encoder = _Encoder(Vocabulary(), tokenizer)
    start = tokenizer.start
    encoder.vocabulary.token("start", "", () if start is None else (start,))
    cells = []
    for position, column in enumerate(table.schema):
        if column.is_text:
            texts = (parts or table.texts)[position]
            end = encoder.sign("end", _END_OF_FREE_TEXT)
            cell = text_cell(texts, tokenizer, encoder.part, end)
            missing = [encoder.sign(MISSING_WORD, " " + MISSING_WORD)]
        else:
            cell = _cell(column, encoder, digit_tokens)
            missing = encoder.encode(" " + MISSING_WORD) + encoder.encode(TEXT_END)
        cell = replace(cell, name=tuple(encoder.encode(f" {column.name} is")))
        cells.append(cell.or_missing(missing) if column.has_missing else cell)
    if unconstrained:
        for piece in tokenizer.pieces():
            encoder.token(piece)
    return Serializer.compile(table.schema, encoder.vocabulary, cells, tokenizer)


@dataclass(frozen=True, slots=True)
class _Encoder:
    """Text to tokens, numbering the tokenizer's pieces as they are first needed."""

    vocabulary: Vocabulary
    tokenizer: Tokenizer

    def token(self, piece: int, text: str = "") -> int:
        return self.vocabulary.token(piece, text, (piece,))

    def encode(self, text: str) -> list[int]:
        return [self.token(piece) for piece in self.tokenizer.encode(text)]

    def sign(self, key: str, text: str) -> int:
        """Return a token of its own that starts from what the pieces of `text` mean."""
        return self.vocabulary.token(("sign", key), text, tuple(self.tokenizer.encode(text)))

    def part(self, text: str, pieces: tuple[int, ...]) -> int:
        """Return the token of a part of free text, apart from those of everything else."""
        return self.vocabulary.token(("part", text), text, pieces)


def _cell(column: Column, encoder: _Encoder, digit_tokens: bool) -> Cell:
    if (choices := column.text_choices()) is not None:
        return _choice_cell(column, encoder, choices)
    if digit_tokens and (digits := column.digit_automaton()) is not None:
        return _digit_cell(column, encoder, digits)
    return _character_cell(column, encoder)


def _choice_cell(column: Column, encoder: _Encoder, choices: Sequence[str]) -> Cell:
    """Encode each value as a whole."""
    end = encoder.encode(TEXT_END)
    encoded = [encoder.encode(f" {text}") + end for text in choices]
    try:
        return Cell(from_sequences(dict(enumerate(encoded))), encoded.__getitem__)
    except AmbiguousSequencesError as error:
        one, other = column.decode(np.array(error.codes)).tolist()
        raise SchemaError(
            f"the model's tokenizer encodes the categories {one!r} and {other!r} of column "
            f"{column.name!r} alike; rename one of them, or use serialization='table'",
            column=column.name,
        ) from error


def _digit_cell(column: Column, encoder: _Encoder, digits: Automaton) -> Cell:
    """Encode each character of a number apart, behind a space."""
    end = encoder.encode(TEXT_END)
    tokens = {mark: tuple(encoder.encode(f" {mark}")) for mark in "-.0123456789"}
    tokens[TEXT_END] = tuple(end)
    automaton = expand(digits, lambda mark: tokens[str(mark)])
    return Cell(automaton, partial(_encode_digits, column, tokens))


def _encode_digits(
    column: Column, tokens: Mapping[str, tuple[int, ...]], code: int
) -> Sequence[int]:
    return [token for mark in column.text(code) + TEXT_END for token in tokens[mark]]


def _character_cell(column: Column, encoder: _Encoder) -> Cell:
    """Encode a value in whatever pieces its characters can be cut into."""
    characters = column.text_automaton()
    further = sorted(set(map(str, characters.symbols)) - {*_NUMERALS, TEXT_END})
    pieces = encoder.tokenizer.pieces_over(_NUMERALS + "".join(further))
    texts = {encoder.token(piece, text): text for piece, text in pieces.items()}
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
    tokens = encoder.encode(text) + end
    if automaton.read(tokens) == code:
        return tokens
    try:  # the tokenizer adds or merges something: encode character by character
        return [single[character] for character in text] + end
    except KeyError as error:
        raise ModelError(
            f"the model's tokenizer has no token for {error.args[0]!r}, which column "
            f"{column.name!r} needs; use serialization='table'"
        ) from None
