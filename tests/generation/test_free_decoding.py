"""The published way: free text, parsed and repaired."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks._samplers import make_sampler
from counterpoise.columns import ABSENT, MISSING, Schema, Table
from counterpoise.errors import DecodingError
from counterpoise.generation import _rejection_sampling as rejection_sampling
from counterpoise.generation._free_decoding import (
    UNPARSABLE,
    FreeTextParser,
    free_decoding_stats,
    parse_sentence,
)
from counterpoise.generation._rejection_sampling import RejectionStats
from counterpoise.serialization import (
    START,
    CharacterTokenizer,
    Entry,
    draw_orders,
    serialize,
    text_serializer,
)
from tests.small_models import labelled_table, mixed_frame

QUICK = {
    "model": "compact",
    "device": "cpu",
    "serialization": "text",
    "decoding": "free",
    "random_state": 0,
}
pytestmark = pytest.mark.filterwarnings("ignore:class .* too few to hold any out")
AGE, FEE, PLAN, SINCE = 1, 2, 3, 4
WHOLE = "left is yes, age is 40, fee is 3.25, plan is big one, since is 2020-01-03,"


@pytest.fixture(scope="module")
def members():
    frame = pd.DataFrame(
        {
            "age": [20, 30, 40, 60],
            "fee": [1.25, 2.25, np.nan, 3.25],
            "plan": ["basic", "plus", "plus", "big one"],
            "since": pd.to_datetime(["2020-01-01", "2020-01-03", "2020-01-05", "2020-01-07"]),
        }
    )
    return labelled_table(frame, pd.Series(["no", "no", "yes", "no"], name="left"))


@pytest.fixture(scope="module")
def parser(members):
    serializer = text_serializer(members, CharacterTokenizer())
    return FreeTextParser(serializer, members, 100)


def read(parser, text, given=None):
    """(codes of the row that `text` says, number of invalid cells)."""
    entries = [*parser.serializer.vocabulary, *(Entry(c, (ord(c),)) for c in text)]
    parser = replace(parser, serializer=replace(parser.serializer, vocabulary=entries))
    tokens = [START, *range(len(entries) - len(text), len(entries))]
    codes = np.full((1, 5), ABSENT)
    for position, code in (given or {0: 1}).items():
        codes[0, position] = code
    table, n_invalid = parser.parse(np.array([tokens]), Table(parser.serializer.schema, codes))
    return table.codes[0].tolist(), int(n_invalid[0])


def test_a_possible_row_is_read_as_it_is(parser, members):
    codes, n_invalid = read(parser, WHOLE)
    frame = Table(members.schema, np.array([codes])).to_frame()
    assert frame.iloc[0].tolist() == ["yes", 40, 3.25, "big one", pd.Timestamp("2020-01-03")]
    assert n_invalid == 0


def test_what_a_real_row_says_is_read_back(parser, members):
    corpus = serialize(members, parser.serializer)
    orders = draw_orders(4, 5, "all", np.random.default_rng(0))
    token_batch = corpus.token_batch(np.arange(4), orders)
    nothing = Table(members.schema, np.full((4, 5), ABSENT))
    table, n_invalid = parser.parse(token_batch.tokens, nothing)
    np.testing.assert_array_equal(table.codes, members.codes)
    assert not n_invalid.any()


@pytest.mark.parametrize(
    ("before", "after", "position", "expected"),
    [
        ("age is 40, ", "", AGE, 38),  # the mean of 20, 30, 40, 60 is 37.5
        ("fee is 3.25", "fee is inf", FEE, 225),
        ("plan is big one, ", "", PLAN, 2),  # "plus" is the most frequent
        ("big one", "bigger", PLAN, 2),
        (", since is 2020-01-03", "", SINCE, 18265),  # the mean of the days is 2020-01-04
        ("age is 40", "age is 400", AGE, 60),
        ("age is 40", "age is 41.2", AGE, 41),
    ],
)
def test_what_is_not_possible_is_filled_in_and_counted(parser, before, after, position, expected):
    whole, _ = read(parser, WHOLE)
    codes, n_invalid = read(parser, WHOLE.replace(before, after))
    assert codes[position] == expected
    assert n_invalid == 1
    assert [c for at, c in enumerate(codes) if at != position] == [
        c for at, c in enumerate(whole) if at != position
    ]


@pytest.mark.parametrize(
    ("before", "after", "position"),
    [("age is 40", "age is forty", AGE), ("2020-01-03", "2020-13-03", SINCE)],
)
def test_an_unparsable_number_drops_its_row(parser, before, after, position):
    codes, _ = read(parser, WHOLE.replace(before, after))
    assert codes[position] == ABSENT


def test_missing_is_possible_where_the_column_has_missing_cells(parser):
    codes, n_invalid = read(parser, WHOLE.replace("fee is 3.25", "fee is missing"))
    assert (codes[FEE], n_invalid) == (MISSING, 0)
    codes, _ = read(parser, WHOLE.replace("age is 40", "age is missing"))
    assert codes[AGE] == ABSENT, "elsewhere it is an unparsable number"


def test_split_numbers_are_put_together(parser):
    codes, n_invalid = read(parser, WHOLE.replace("3.25", "3 . 2 5"))
    assert (codes[FEE], n_invalid) == (325, 0)


def test_the_first_value_of_a_column_counts_and_the_prompt_stays(parser):
    assert parse_sentence("a is 1, b is x, a is 2, c is 3", ["a", "b"]) == {"a": "1", "b": "x"}
    codes, _ = read(parser, WHOLE, given={0: 0, AGE: 30})
    assert codes[:2] == [0, 30], "whatever the text says"


def test_a_label_that_cannot_be_read_is_not_made_up(parser):
    codes, n_invalid = read(parser, WHOLE.replace("left is yes, ", ""), given={AGE: 30})
    assert (codes[0], n_invalid) == (ABSENT, 1)


def test_a_text_longer_than_any_is_filled_in():
    frame = pd.DataFrame({"left": ["yes", "no", "no"], "note": ["so", "as it is", "so"]})
    table = Table.from_frame(frame, Schema.infer(frame, kinds={"note": "text"}))
    parser = FreeTextParser(text_serializer(table, CharacterTokenizer()), table, 100)
    for text, note, expected in (("as is", "as is", 0), ("as it is not", "so", 1)):
        entries = [
            *parser.serializer.vocabulary,
            *(Entry(c, (ord(c),)) for c in f"note is {text},"),
        ]
        wide = replace(parser, serializer=replace(parser.serializer, vocabulary=entries))
        tokens = np.arange(len(parser.serializer.vocabulary) - 1, len(entries))[None]
        parsed, n_invalid = wide.parse(tokens, Table(table.schema, np.array([[0, ABSENT]])))
        assert (parsed.to_frame()["note"].tolist(), n_invalid.tolist()) == ([note], [expected])


def test_stats_are_shares_of_the_rows_drawn():
    rejection_stats = RejectionStats(
        n_rows=30, n_drawn=100, rejected={UNPARSABLE: 20, "labelled otherwise": 30}
    )
    shares = free_decoding_stats(np.array([0] * 6 + [1] * 24), [rejection_stats])
    assert shares == pytest.approx(
        {"valid as generated": 0.1, "repaired": 0.4, "dropped": 0.2, "rejected otherwise": 0.3}
    )


@pytest.fixture(scope="module")
def simple():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.choice(["x", "y"], 60), "b": rng.integers(1, 5, 60)})
    return frame, pd.Series(["no"] * 45 + ["yes"] * 15, name="t")


def filled(simple, n_samples_seen):
    """A sampler that has filled the table, after checks that hold whatever it learned."""
    sampler = make_sampler(**QUICK, recipe="imbllm", max_samples_seen=n_samples_seen)
    X, y = sampler.fit_resample(*simple)
    assert y.value_counts().to_dict() == {"no": 45, "yes": 45}
    assert set(X["a"]) <= {"x", "y"}
    assert X["b"].between(1, 4).all()
    return sampler


def test_as_many_rows_as_asked_for_and_what_became_of_those_generated(simple):
    sampler = filled(simple, 64)
    assert sum(sampler.free_decoding_stats_.values()) == pytest.approx(1.0)
    kept = (sampler.provenance_["invalid_cells"] == 0).mean()
    rejection_stats = sampler.rejection_stats_["yes"]
    dropped = rejection_stats.rejected[UNPARSABLE] / rejection_stats.n_drawn
    assert sampler.free_decoding_stats_["dropped"] == pytest.approx(dropped)
    assert sampler.free_decoding_stats_["valid as generated"] == pytest.approx(kept * (1 - dropped))
    assert sampler.free_decoding_stats_["valid as generated"] < 0.5, (
        "it has hardly learned to write"
    )


@pytest.mark.slow
def test_a_trained_model_generates_possible_rows(simple):
    assert filled(simple, 2400).free_decoding_stats_["valid as generated"] > 0.5


def test_rows_labelled_in_the_text_end_in_an_error_where_no_label_comes(simple, monkeypatch):
    monkeypatch.setattr(rejection_sampling, "DRAWS_PER_LABELLED_ROW", 2)
    monkeypatch.setattr(rejection_sampling, "MIN_DRAWS", 1)
    sampler = make_sampler(**QUICK, recipe="predllm", max_samples_seen=32)
    with pytest.raises(DecodingError, match="train for longer, or use decoding='grammar'"):
        sampler.fit_resample(*simple)


def test_it_needs_text():
    with pytest.raises(ValueError, match="decoding='free' parses text"):
        make_sampler(decoding="free").fit_resample(*mixed_frame())
