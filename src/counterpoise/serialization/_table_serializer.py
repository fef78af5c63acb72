"""The table vocabulary: a token a column, a token a category, a token a digit.

Numbers are zero-padded to the width of their column, so that the rows of a batch stay in step. A
column's token is the cue of its cells: it takes no place in the sentence, which is thus as long as
the values are.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from counterpoise.columns._base import MISSING_WORD, Column
from counterpoise.columns._table import Table
from counterpoise.grammar._automaton import expand
from counterpoise.grammar._grammar import NO_TOKEN
from counterpoise.serialization._serializer import (
    Cell,
    Serializer,
    TextParts,
    compile_serializer,
    text_cell,
)
from counterpoise.serialization._tokenizer import CharacterTokenizer, Tokenizer, Vocabulary


def table_serializer(
    table: Table,
    tokenizer: Tokenizer | None = None,
    parts: Mapping[int, TextParts] | None = None,
) -> Serializer:
    """Build the language with a vocabulary of the table's own.

    Parameters
    ----------
    table : Table
        The rows to be written, label first. Only the schema matters, and the strings of
        free-text columns (their parts are what new text is made of).
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
            cutter = tokenizer or CharacterTokenizer()
            end = word((position, "end"), "\n")
            cell = text_cell((parts or table.texts)[position], cutter, part, end)
        else:
            cell = _cell(position, column, word)
        if column.has_missing:
            cell = cell.or_missing((word((position, "missing"), MISSING_WORD),))
        cells.append(replace(cell, column_token=column_token))
    return compile_serializer(table.schema, vocabulary, cells)


def _cell(position: int, column: Column, word: Callable[[Hashable, str], int]) -> Cell:
    symbols = column.symbol_automaton()
    tokens = {
        edge.symbol: word((position, edge.symbol), column.symbol_text(edge.symbol))
        for edges in symbols.edges
        for edge in edges
    }
    automaton = expand(symbols, lambda symbol: (tokens[symbol],))
    return Cell(automaton, partial(_tokens_of, column, tokens))


def _tokens_of(column: Column, tokens: Mapping[Hashable, int], code: int) -> Sequence[int]:
    return [tokens.get(symbol, NO_TOKEN) for symbol in column.symbols(code)]
