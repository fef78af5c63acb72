"""The table vocabulary: a token per column, per category, per digit.

Numbers are zero-padded to the width of their column, so that the rows of a batch stay in step. The
name of a column takes no place in the row: the embedding of its column token is added to that of
the token before the cell.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from counterpoise.columns._base import MISSING_WORD, Column
from counterpoise.columns._table import Table
from counterpoise.grammar._automaton import expand
from counterpoise.grammar._grammar import NO_TOKEN
from counterpoise.serialization._serializer import Cell, Serializer, TextParts, text_cell
from counterpoise.serialization._tokenizer import CharacterTokenizer, Tokenizer, Vocabulary


def table_serializer(
    table: Table,
    tokenizer: Tokenizer | None = None,
    parts: Mapping[int, TextParts] | None = None,
) -> Serializer:
    """Build the serializer with a vocabulary of the table's own.

    Parameters
    ----------
    table : Table
        The rows, label first. Only the schema matters, and the strings of free-text columns.
    tokenizer : Tokenizer, optional
        The pre-trained model's, to know which of its embeddings each new token starts from.
    parts : mapping of int to TextParts, optional
        By position of each column of free text, what takes the place of its strings.
    """
    vocabulary = Vocabulary()
    start = None if tokenizer is None else tokenizer.start
    vocabulary.token("start", "", () if start is None else (start,))

    def word(key: Hashable, text: str) -> int:
        pieces = () if tokenizer is None else tuple(tokenizer.encode(" " + text))
        return vocabulary.token(key, text, pieces)

    def part(text: str, pieces: tuple[int, ...]) -> int:
        return vocabulary.token(("part", text), text, () if tokenizer is None else pieces)

    cells = []
    for position, column in enumerate(table.schema):
        column_token = word((position, "name"), str(column.name))
        if column.is_text:
            end = word((position, "end"), "\n")
            texts = (parts or table.texts)[position]
            cell = text_cell(texts, tokenizer or CharacterTokenizer(), part, end)
        else:
            cell = _symbol_cell(position, column, word)
        if column.has_missing:
            cell = cell.or_missing((word((position, "missing"), MISSING_WORD),))
        cells.append(replace(cell, column_token=column_token))
    return Serializer.compile(table.schema, vocabulary, cells)


def _symbol_cell(position: int, column: Column, word: Callable[[Hashable, str], int]) -> Cell:
    automaton = column.symbol_automaton()
    tokens = {s: word((position, s), column.symbol_text(s)) for s in automaton.symbols}
    encode = partial(_encode_symbols, column, tokens)
    return Cell(expand(automaton, lambda symbol: (tokens[symbol],)), encode)


def _encode_symbols(column: Column, tokens: Mapping[Hashable, int], code: int) -> Sequence[int]:
    return [tokens.get(symbol, NO_TOKEN) for symbol in column.symbols(code)]
