"""Shapes of texts: which there are, and that texts of them are told from others."""

import hashlib
import itertools
import random
import re
import uuid
from collections import Counter

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.columns import Column, Schema, TextColumn
from counterpoise.columns._text import MAX_SHAPES, example, learn_shapes, shape_automaton, split
from counterpoise.errors import SchemaError

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SHAPED = {
    r"AB-\d{6}": lambda r: f"AB-{r.randrange(10**6):06d}",
    r"\+49\d{10}": lambda r: f"+49{r.randrange(10**9, 10**10)}",
    r"[A-Z]\d[A-Z]-\d\d[A-Z]": lambda r: (
        f"{r.choice(LETTERS)}{r.randrange(10)}{r.choice(LETTERS)}"
        f"-{r.randrange(100):02d}{r.choice(LETTERS)}"
    ),
    r"[0-9a-f]{32}": lambda r: hashlib.md5(r.randbytes(8), usedforsecurity=False).hexdigest(),
    "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}": lambda r: str(
        uuid.UUID(int=r.getrandbits(128), version=4)
    ),
    r"\d{5}(-\d{4})?": lambda r: f"{r.randrange(10**5):05d}" + r.choice(["", "-0123", "-4567"]),
    r"(AB|CDE)-\d{4}(/7)?": lambda r: (
        f"{r.choice(['AB', 'CDE'])}-{r.randrange(10**4):04d}{r.choice(['', '/7'])}"
    ),
    r"(rare|common) note \d{1,5}": lambda r: (
        f"{r.choice(['rare', 'common'])} note {int(10 ** r.uniform(0, 5))}"
    ),
    r"INV-20(19|20|21)-(0[1-9]|1[0-2])-\d{4}": lambda r: (
        f"INV-{r.randrange(2019, 2022)}-{r.randrange(1, 13):02d}-{r.randrange(10**4):04d}"
    ),
}


def drawn(pattern, n, seed=0):
    r = random.Random(seed)
    return [SHAPED[pattern](r) for _ in range(n)]


def texts_of(shape, n, seed=0):
    """Walk through the automaton of a shape at random."""
    r, states = random.Random(seed), shape_automaton(shape).edges
    for _ in range(n):
        state, words = 0, []
        while state >= 0:
            edge = r.choice(states[state])
            words.append(edge.symbol)
            state = edge.target
        assert words[-1] == ""
        yield words[:-1]


@pytest.mark.parametrize("pattern", SHAPED)
def test_regular_strings_have_shapes_that_hold_for_new_texts(pattern):
    real = drawn(pattern, 400)
    shapes = learn_shapes(Counter(real))
    assert 1 <= len(shapes) <= MAX_SHAPES
    for text in [*real, *drawn(pattern, 2000, seed=1)]:
        assert "".join(split(text, shapes)[1]) == text
    for shape in shapes:
        for words in texts_of(shape, 200):
            assert re.fullmatch(pattern, "".join(words))
            assert split("".join(words), [shape]) == (0, words)


@pytest.mark.parametrize("n", [12, 40])
def test_of_few_strings_all_characters_of_a_kind_are_possible(n):
    (shape,) = learn_shapes(Counter(drawn(r"AB-\d{6}", n)))
    assert example(shape) == "AB-######"
    assert [len(field) for field in shape] == [1, 9, *[10] * 5] or shape[1][0] == "0"
    assert all(len(field) >= 9 for field in shape[1:])


def test_prose_names_and_too_few_strings_have_no_shape():
    r = random.Random(0)
    words = ["".join(r.choices(LETTERS, k=r.randint(2, 9))) for _ in range(300)]
    prose = [" ".join(r.choices(words, k=r.randint(3, 9))) for _ in range(400)]
    names = [" ".join(r.choices(words, k=2)) for _ in range(400)]
    for texts in prose, names, words, [f"AB-{i:06d}" for i in range(9)], ["a", ""]:
        assert learn_shapes(Counter(texts)) == ()


def test_a_rare_word_is_no_part_of_a_shape():
    texts = [f"{word} {i:04d}" for i in range(500) for word in ("red", "green")]
    shapes = learn_shapes(Counter([*texts, "Doe 1234"]))
    assert split("Doe 1234", shapes) is None
    assert all(split(text, shapes) for text in texts)


def test_a_frequent_value_has_a_shape_of_its_own():
    n_cells = Counter([*drawn(r"AB-\d{6}", 400), *["unknown"] * 30])
    assert sorted(map(example, learn_shapes(n_cells))) == ["AB-######", "unknown"]


@given(st.lists(st.text(alphabet="aB1-é ٣²", max_size=6), min_size=10, max_size=60))
def test_any_shape_found_takes_apart_what_its_automaton_puts_together(texts):
    shapes = learn_shapes(Counter(texts * 10))
    assert not shapes or sum(split(text, shapes) is not None for text in texts) >= 0.9 * len(texts)
    for shape in shapes:
        for words in texts_of(shape, 20):
            assert split("".join(words), [shape]) == (0, words)


def test_a_column_keeps_its_shapes_and_refuses_other_texts():
    series = pd.Series(drawn(r"\+49\d{10}", 100), name="phone")
    column = Schema.infer(series.to_frame())[0]
    assert isinstance(column, TextColumn)
    assert not column.has_others
    assert column.domain() == "text like +49##########"
    assert Column.from_dict(column.to_dict()) == column
    new = pd.Series(drawn(r"\+49\d{10}", 100, seed=1), name="phone")
    codes, texts = column.encode_texts(new)
    assert column.contains(codes, texts).all()
    assert not column.contains(codes[:1], ("+4912345",)).any()
    with pytest.raises(SchemaError, match=r"'\+4912345'.* like \+49####"):
        column.encode(pd.Series(["+4912345"], name="phone"))


def test_a_column_with_outliers_may_have_others():
    series = pd.Series([*drawn(r"\+49\d{10}", 100), "n/a"], name="phone")
    column = TextColumn.infer(series)
    assert column.has_others
    assert column.domain() == "text like +49##########, or others of up to 13 characters"
    assert column.can_be("+1")


@pytest.mark.parametrize(
    "shape", [[[]], [[""]], [["x" * 99]], [["a"]] * 101], ids=["empty", "none", "long", "many"]
)
def test_impossible_shapes_are_refused(shape):
    column = TextColumn.infer(pd.Series(drawn(r"\+49\d{10}", 100), name="phone"))
    record = column.to_dict()
    with pytest.raises(SchemaError, match="shape"):
        Column.from_dict({**record, "shapes": [shape]})


def test_a_forged_shape_takes_no_exponential_time():
    shape = (*itertools.repeat(("a", "aa"), 50), *itertools.repeat(("", "a"), 50))
    assert split("a" * 200 + "b", [shape]) is None
