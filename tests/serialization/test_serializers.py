"""Both serializers: a row to tokens and back."""

import functools
import string

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterpoise.columns import ABSENT, MISSING, Schema, Table, TextColumn
from counterpoise.errors import SchemaError
from counterpoise.grammar._grammar import FORCED, NO_COLUMN_TOKEN
from counterpoise.models._huggingface import HuggingFaceTokenizer
from counterpoise.serialization import (
    START,
    CharacterTokenizer,
    serialize,
    table_serializer,
    text_serializer,
)
from tests.small_models import byte_pair_tokenizer, labelled_table, mixed_frame

SERIALIZERS = {
    "table": lambda table: table_serializer(table),
    "table, pre-trained": lambda table: table_serializer(table, byte_pairs()),
    "text, characters": lambda table: text_serializer(table, CharacterTokenizer()),
    "text, byte pairs": lambda table: text_serializer(table, byte_pairs()),
    "text, split numbers": lambda table: text_serializer(table, byte_pairs(), digit_tokens=True),
}


@functools.cache
def byte_pairs():
    return HuggingFaceTokenizer(byte_pair_tokenizer())


def read_row(serializer, tokens, column_tokens, order):
    """Read a row back to codes, knowing nothing but the cells' names and automata."""
    assert tokens[0] == START
    codes = {}
    rest = tokens[1:].tolist()
    for column in order:
        cell = serializer.cells[column]
        before = len(tokens) - len(rest) - 1
        assert column_tokens[before] == cell.column_token
        assert (cell.column_token == NO_COLUMN_TOKEN) == (len(cell.name) > 0)
        assert tuple(rest[: len(cell.name)]) == cell.name
        rest = rest[len(cell.name) :]
        for end in range(1, len(rest) + 1):
            code = cell.automaton.read(rest[:end])
            if code is not None:
                break
        else:
            raise AssertionError(f"no value of column {column} begins {rest}")
        codes[column] = (code, rest[:end])
        rest = rest[end:]
    assert not rest
    return codes


nasty = st.one_of(
    st.sampled_from(
        ["a, b", "a", "a,", " is ", '"', '"a"', "", " ", "missing", "\n", "\\n", "\\", "1", "-1.5"]
    ),
    st.text(max_size=6).filter(lambda t: "\0" not in t),
)


@st.composite
def frames(draw):
    n_rows = draw(st.integers(2, 12))
    rows = st.lists

    def column(values):
        return draw(rows(values, min_size=n_rows, max_size=n_rows))

    frame = pd.DataFrame(
        {
            "words, is": pd.Series(column(st.none() | nasty), dtype=object),
            "whole": pd.Series(column(st.none() | st.integers(-(2**40), 2**40)), dtype="Int64"),
            "part": column(st.integers(-9999, 9999).map(lambda i: i / 100)),
            7: column(st.booleans()),
            "day": pd.to_datetime(column(st.dates(pd.Timestamp("1950-01-01").date()))),
        }
    )
    if frame["words, is"].isna().all():
        frame["words, is"] = "a"
    if frame["whole"].isna().all():
        frame["whole"] = pd.Series([5] * n_rows, dtype="Int64")
    labels = pd.Series(column(st.sampled_from(["yes", "no"])), name="y")
    return frame, labels


@pytest.mark.parametrize("name", SERIALIZERS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=frames(), seed=st.integers(0, 99))
def test_rows_read_back_as_they_were(name, data, seed):
    table = labelled_table(*data)
    serializer = SERIALIZERS[name](table)
    n_rows, n_columns = table.codes.shape
    orders = np.argsort(np.random.default_rng(seed).random((n_rows, n_columns)), axis=1)
    token_batch = serialize(table, serializer).token_batch(np.arange(n_rows), orders)
    for row in range(n_rows):
        length = token_batch.lengths[row]
        tokens, column_tokens = token_batch.tokens[row, :length], token_batch.column_tokens[row]
        found = read_row(serializer, tokens, column_tokens, orders[row])
        assert (column_tokens != NO_COLUMN_TOKEN).sum() == sum(
            cell.column_token != NO_COLUMN_TOKEN for cell in serializer.cells
        )
        assert [found[column][0] for column in range(n_columns)] == table.codes[row].tolist()


@pytest.mark.parametrize("name", SERIALIZERS)
def test_choices_are_marked_where_the_automaton_has_a_choice(name):
    table = labelled_table(*mixed_frame())
    serializer = SERIALIZERS[name](table)
    corpus = serialize(table, serializer)
    for column, cell in enumerate(serializer.cells):
        for segment in np.unique(corpus.segments[:, column]):
            tokens, states = corpus.tokens[segment], corpus.states[segment]
            state = 0
            for token, chosen_in in zip(
                tokens[len(cell.name) :], states[len(cell.name) :], strict=True
            ):
                out = cell.automaton.edges[state]
                assert (chosen_in == FORCED) == (len(out) == 1)
                if chosen_in != FORCED:
                    allowed = serializer.grammar.allowed[serializer.grammar.allowed_set[chosen_in]]
                    assert set(np.flatnonzero(allowed)) == {edge.symbol for edge in out}
                state = cell.automaton.follow(state, [token]).target


@pytest.mark.parametrize("name", SERIALIZERS)
def test_absent_cells_are_left_out(name):
    table = labelled_table(*mixed_frame(8))
    serializer = SERIALIZERS[name](table)
    codes = table.codes.copy()
    codes[:, 2:] = ABSENT
    corpus = serialize(Table(table.schema, codes, table.texts), serializer)
    orders = np.tile(np.arange(table.codes.shape[1]), (8, 1))
    token_batch = corpus.token_batch(np.arange(8), orders)
    for row in range(8):
        expected = [
            START,
            *serializer.encode_cell(0, codes[row, 0]),
            *serializer.encode_cell(1, codes[row, 1]),
        ]
        assert token_batch.tokens[row, : token_batch.lengths[row]].tolist() == expected


@pytest.mark.parametrize("name", SERIALIZERS)
def test_what_is_outside_the_table_cannot_be_written(name):
    table = labelled_table(*mixed_frame())
    serializer = SERIALIZERS[name](table)
    age, price = serializer.schema[1], serializer.schema[2]
    bad = [(1, age.low - 1), (1, age.high + 1), (2, price.high + 1)]
    for column, code in bad:
        cell = serializer.cells[column]
        try:
            written = list(cell.encode(code))
        except (KeyError, IndexError):
            continue
        assert cell.automaton.read(written) is None
    assert serializer.cells[1].automaton.read(list(serializer.cells[2].encode(MISSING))) is None
    codes = table.codes.copy()
    codes[0, 1] = age.high + 1
    wrong = Table(table.schema, codes, table.texts)
    with pytest.raises(SchemaError, match="age"):
        serialize(wrong, serializer)


@pytest.mark.parametrize("name", SERIALIZERS)
@given(texts=st.lists(st.text(string.printable + "é🙂", max_size=30), min_size=2, max_size=6))
@settings(max_examples=25, deadline=None)
def test_free_text_reads_back(name, texts):
    frame = pd.DataFrame({"note": [*texts, None]})
    schema = Schema.infer(frame, kinds={"note": "text"})
    assert isinstance(schema[0], TextColumn)
    table = Table.from_frame(frame, schema)
    serializer = SERIALIZERS[name](table)
    cell = serializer.cells[0]
    for text in table.texts[0]:
        written = list(cell.encode(text))
        assert cell.automaton.read(written) is not None
        assert serializer.decode_text(written[:-1]) == text
    assert cell.automaton.read(list(cell.encode(MISSING))) == MISSING


def test_a_number_in_pieces_that_the_grammar_lacks_is_encoded_by_characters():
    class Merging(CharacterTokenizer):
        def encode(self, text):
            return [ord("\u4e00")] if text.strip().isdigit() else super().encode(text)

    table = labelled_table(pd.DataFrame({"age": [39, 50]}), pd.Series(["n", "y"], name="t"))
    serializer = text_serializer(table, Merging())
    serialize(table, serializer)
    assert "".join(map(chr, serialized(serializer, 1, 39))) == " age is 39,"
    assert len(serializer.vocabulary) == serializer.grammar.n_tokens, "no token is added"


@pytest.mark.parametrize("name", SERIALIZERS)
def test_the_texts_of_another_table_are_encoded_as_they_are_there(name):
    """As those of generated rows are, which the model is trained further on."""
    texts = pd.Series(["a red house", "the old barn", "a red barn", "old red doors"], name="note")
    schema = Schema.infer(texts.to_frame(), kinds={"note": "text"})
    serializer = SERIALIZERS[name](Table.from_frame(texts.to_frame(), schema))
    parts, joined = [text for text, _ in serializer.cells[0].parts.parts], ""
    for part in reversed(parts):  # which the tokenizer would cut in other places
        joined += part if len(joined + part) <= 12 else ""
    strings = ("old red doors", joined, "a red barn")
    other = Table(schema, np.array([[2], [0], [1], [0]]), {0: strings})
    corpus = serialize(other, serializer)
    n_name = len(serializer.cells[0].name)
    for row, code in enumerate([2, 0, 1, 0]):
        written = corpus.tokens[corpus.segments[row, 0]].tolist()[n_name:]
        assert serializer.decode_text(written[:-1]) == strings[code]
    unknown = Table(schema, np.array([[0]]), {0: ("a rëd house",)})
    with pytest.raises(SchemaError, match="note"):
        serialize(unknown, serializer)


def test_categories_that_look_alike_are_told_apart():
    frame = pd.DataFrame({"code": pd.Series([1, "1", True, "True"] * 2, dtype=object)})
    table = Table.from_frame(frame, Schema.infer(frame))
    for build in SERIALIZERS.values():
        serializer = build(table)
        serialized = {tuple(serializer.encode_cell(0, code)) for code in range(4)}
        assert len(serialized) == 4


def test_the_published_text():
    frame = pd.DataFrame({"age": [39, 50], "workclass": ["State-gov", "Private, big"]})
    table = labelled_table(frame, pd.Series([">50K", "<=50K"], name="income"))
    serializer = text_serializer(table, CharacterTokenizer())
    token_batch = serialize(table, serializer).token_batch(np.arange(2), np.tile([0, 1, 2], (2, 1)))
    texts = [
        "".join(chr(serializer.vocabulary[token].pieces[0]) for token in row[1:length])
        for row, length in zip(token_batch.tokens, token_batch.lengths, strict=True)
    ]
    assert texts == [
        " income is >50K, age is 39, workclass is State-gov,",
        ' income is <=50K, age is 50, workclass is "Private, big",',
    ]


@pytest.mark.parametrize("tokenizer", [CharacterTokenizer(), byte_pairs()])
def test_split_numbers_have_a_token_for_each_digit(tokenizer):
    frame = pd.DataFrame({"price": [1.25, -30.5], "name": ["12", "b"]})
    table = labelled_table(frame, pd.Series(["n", "y"], name="t"))
    serializer = text_serializer(table, tokenizer, digit_tokens=True)
    for code, number in zip(table.codes[:, 1], ("1.25", "-30.50"), strict=True):
        parts = [" price is", *(f" {mark}" for mark in number), ","]
        assert serialized(serializer, 1, code) == [
            p for part in parts for p in tokenizer.encode(part)
        ]
    plain = text_serializer(table, tokenizer)
    assert serialized(serializer, 2, 0) == serialized(plain, 2, 0), "categories are as they were"


def serialized(serializer, column, code):
    """The pieces of a cell."""
    entries = serializer.vocabulary
    return [
        piece for token in serializer.encode_cell(column, code) for piece in entries[token].pieces
    ]


@pytest.mark.parametrize("name", SERIALIZERS)
def test_a_mean_that_gaps_were_filled_with_is_written_beside_short_numbers(name):
    values = [0.2, -0.5, 1.1, 12.8, 2.4] * 5 + [2.01350433] * 20 + [None]
    frame = pd.DataFrame({"filled": values, "other": list(range(46))})
    table = labelled_table(frame, pd.Series(["yes", "no"] * 23, name="y"))
    column, cell = table.schema[1], SERIALIZERS[name](table).cells[1]
    lengths = {}
    for code in np.unique(table.codes[:, 1]).tolist():
        written = list(cell.encode(code))
        assert cell.automaton.read(written) == code
        lengths[code] = len(written)
    assert lengths[column.atoms[0]] == 1 or not name.startswith("table")
    assert lengths[240_000_000] <= 6, "no trailing zeros"
    assert cell.automaton.read(list(cell.encode(240_000_001))) is None
