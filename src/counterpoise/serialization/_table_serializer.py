"""The table vocabulary: a token a column, a token a category, a token a digit.

Numbers are zero-padded to the width of their column, so that the rows of a batch stay in step. A
column's token is the cue of its cells: it takes no place in the sentence, which is thus as long as
the values are.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import cast

from counterpoise.columns._categorical import CategoricalColumn
from counterpoise.columns._column import Column
from counterpoise.columns._datetime import DatetimeColumn
from counterpoise.columns._table import Table
from counterpoise.columns._text import TextColumn
from counterpoise.grammar import _calendar as calendar
from counterpoise.grammar import _numbers as numbers
from counterpoise.grammar._automaton import Automaton, expand, from_sequences
from counterpoise.grammar._grammar import NO_TOKEN
from counterpoise.serialization._serializer import (
    MISSING_WORD,
    Cell,
    Serializer,
    TextParts,
    category_texts,
    compile_serializer,
    text_cell,
)
from counterpoise.serialization._tokenizer import CharacterTokenizer, Tokenizer, Vocabulary

SpellSymbols = Callable[[int], list[Hashable]]


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
        if isinstance(column, TextColumn):
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
    if isinstance(column, CategoricalColumn):
        texts = enumerate(category_texts(column))
        words = [(word((position, "category", code), text),) for code, text in texts]
        return Cell(from_sequences(dict(enumerate(words))), words.__getitem__)

    def of_symbol(symbol: Hashable) -> int:
        _, value = cast(tuple[Hashable, int | str], symbol)
        return word((position, symbol), str(value))

    described, serialize = _number_or_instant(column)
    tokens = {edge.symbol: of_symbol(edge.symbol) for out in described.edges for edge in out}
    automaton = expand(described, lambda symbol: (tokens[symbol],))
    return Cell(automaton, partial(_spell_symbols, serialize, tokens))


def _spell_symbols(
    serialize: SpellSymbols, tokens: Mapping[Hashable, int], code: int
) -> Sequence[int]:
    return [tokens.get(symbol, NO_TOKEN) for symbol in serialize(code)]


def _number_or_instant(column: Column) -> tuple[Automaton, SpellSymbols]:
    assert not isinstance(column, CategoricalColumn | TextColumn)
    low, high = column.low, column.high
    if isinstance(column, DatetimeColumn) and column.is_calendar:
        unit = column.unit
        return calendar.instants(low, high, unit), partial(calendar.spell_instant, unit=unit)
    if isinstance(column, DatetimeColumn):
        return numbers.fixed_number(low, high), partial(numbers.spell_fixed, low=low, high=high)
    exceptions = {code: numbers.spell_plain(code, column.decimals) for code in column.exceptions}
    serialize = partial(
        numbers.spell_fixed_numbers,
        multiples=column.multiples,
        step=column.step,
        exceptions=exceptions,
    )
    return numbers.fixed_numbers(column.multiples, column.step, exceptions), serialize
