"""Implications: what they say of rows, and that every row keeps them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from counterpoise import LLMOverSampler
from counterpoise.columns import ABSENT, Table
from counterpoise.constraints import Implication
from counterpoise.errors import SchemaError
from counterpoise.recipes import Recipe
from tests.untrained import constrained, untrained_rows


def phones(n_rows=80, seed=0):
    rng = np.random.default_rng(seed)
    plan = rng.choice(["no", "basic", "full", None], n_rows)
    has_none = pd.isna(plan) | (plan == "no")
    return pd.DataFrame(
        {
            "plan": plan,
            "messages": np.where(has_none, 0, rng.integers(1, 90, n_rows)),
            "fee": np.where(plan == "full", rng.integers(80, 160, n_rows) / 4, 5.0),
            "until": pd.Timestamp("2024-03-01") + pd.to_timedelta(rng.integers(0, 99, n_rows), "D"),
            "note": [f"n{'o' * (at % 4)}" if at % 3 else None for at in range(n_rows)],
        }
    )


def accepted(constraint, X):
    ready = constrained(phones(), [constraint], check=False)
    return constraint.accepts(Table.from_frame(X.assign(**{"class": "rare"})[
        ["class", *X.columns]], ready.constraints.layout.schema)).tolist()  # fmt: skip


def test_it_speaks_only_of_the_rows_that_have_the_values():
    X = phones().iloc[:4].assign(plan=["no", "no", "basic", None], messages=[0, 7, 0, 0])
    assert accepted(Implication("plan", ["no"], "messages", [0]), X) == [True, False, True, True]
    assert accepted(Implication("plan", [None, "basic"], "messages", [7]), X) == [
        *(True, True),
        *(False, False),
    ]
    assert accepted(Implication("messages", [0], "plan", [None, "no"]), X) == [
        *(True, True),
        *(False, True),
    ]


def test_ranges_of_numbers_and_dates_include_their_ends_and_no_missing_cell():
    days = pd.to_datetime(["2024-03-09", "2024-03-10", "2024-04-01", "2024-03-31"])
    X = phones().iloc[:4].assign(until=days, fee=[5.0, 20.25, 21.5, 5.0], plan="no")
    march = ("range", pd.Timestamp("2024-03-10"), "2024-03-31")
    assert accepted(Implication("plan", ["no"], "until", march), X) == [False, True, False, True]
    assert accepted(Implication("fee", ("range", None, 5.2), "until", march), X) == [
        *(False, True),
        *(True, True),
    ]
    assert accepted(Implication("note", [None], "fee", ["range", 5.1, None]), X) == [
        *(False, True),
        *(True, False),
    ]


def test_a_cell_that_is_not_there_breaks_nothing():
    own = Implication("plan", ["no"], "messages", [0])
    table = constrained(phones(), [own]).table
    row = table.codes[[0]].copy()
    row[0, 1:] = ABSENT
    assert own.accepts(Table(table.schema, row)).all()


@pytest.mark.parametrize(
    ("constraint", "says"),
    [
        (Implication("plam", ["no"], "messages", [0]), "plam"),
        (Implication("plan", ["none"], "messages", [0]), "'plan' has no 'none'"),
        (Implication("plan", ["no"], "messages", [1000]), "'messages' has no 1000"),
        (Implication("plan", "no", "messages", [0]), "`values` is a list of values"),
        (Implication("plan", ["no"], "messages", 0), "`allowed` is a list of values"),
        (Implication("plan", [], "messages", [0]), "`values` is empty"),
        (Implication("plan", ["no"], "plan", ["basic"]), "twice"),
        (Implication("plan", ("range", 1, 2), "messages", [0]), "'plan'.*no range"),
        (Implication("plan", ["no"], "messages", ("range", 5, 1)), "smaller end first"),
        (Implication("note", ["no"], "messages", [0]), "'note' holds free text"),
    ],
)
def test_mistakes_are_named_before_training(constraint, says):
    with pytest.raises(SchemaError, match=says):
        constrained(phones(), [constraint], note="text")


def test_real_rows_that_break_it_are_shown():
    X = phones()
    X.loc[[4, 8, 15, 16], ["plan", "messages"]] = ["no", 23]
    with pytest.raises(
        SchemaError, match=r"4 of the 80 .*'rare'.*row 4: .*row 8: .*row 15"
    ) as info:
        constrained(X, [Implication("plan", ["no"], "messages", [0])])
    assert "plan = no, messages = 23" in str(info.value)
    assert "row 16" not in str(info.value)


@st.composite
def implications(draw):
    """A table of four columns, and some random implications between them."""
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    n_rows = 60
    X = pd.DataFrame(
        {
            "colour": rng.choice(["red", "green", "blue", None], n_rows),
            "size": rng.integers(0, 12, n_rows),
            "price": rng.integers(-20, 40, n_rows) / 4,
            "day": pd.Timestamp("2024-02-20") + pd.to_timedelta(rng.integers(0, 30, n_rows), "D"),
        }
    )
    X.loc[rng.random(n_rows) < 0.3, "price"] = np.nan
    found = []
    for _ in range(draw(st.integers(1, 4))):
        column, then = draw(st.permutations(X.columns.tolist()))[:2]
        parts = []
        for name in (column, then):
            values = X[name].dropna().drop_duplicates().sort_values().tolist()
            if name != "colour" and draw(st.booleans()):
                low, high = sorted(draw(st.lists(st.sampled_from(values), min_size=2, max_size=2)))
                parts.append(("range", low, high))
            else:
                values += [None] * int(X[name].isna().any())
                parts.append(draw(st.lists(st.sampled_from(values), min_size=1, unique=True)))
        found.append(Implication(column, parts[0], then, parts[1]))
    return X, found


@given(implications(), st.sampled_from([False, True]), st.sampled_from(["label-first", "none"]))
@settings(max_examples=25)
def test_random_implications_hold_in_every_row_and_none_is_rejected(given, text, permutation):
    X, found = given
    ready = constrained(X, found, check=False)
    assume(np.all([c.accepts(ready.constraints.real_rows) for c in found], axis=0).any())
    made, stats = untrained_rows(
        X, found, 40, text=text, permutation=permutation, check=False, condition="label"
    )
    labelled = made.assign(**{"class": "rare"})[["class", *X.columns]]
    table = Table.from_frame(labelled, ready.constraints.layout.schema)
    assert all(c.accepts(table).all() for c in found)
    assert stats.n_rejected == 0


@pytest.fixture(scope="module")
def fitted():
    X = phones(160)
    y = np.where(np.arange(160) % 5 == 0, "rare", "usual")
    sampler = LLMOverSampler(
        recipe=Recipe(epochs=2, interpolation=None),
        constraints=[
            Implication("plan", ["no", None], "messages", [0]),
            Implication("plan", ["full"], "fee", ("range", 20, 39.75)),
        ],
        random_state=0,
    )
    return sampler, sampler.fit_resample(X.drop(columns="note"), y)[0].iloc[160:]


def is_kept(X):
    without = X["plan"].isna() | (X["plan"] == "no")
    return ((~without | (X["messages"] == 0)) & ((X["plan"] != "full") | (X["fee"] >= 20))).all()


@pytest.mark.filterwarnings("ignore:class .* too few to hold any out")
def test_generated_rows_keep_it_also_after_a_round_trip(fitted, tmp_path):
    sampler, made = fitted
    assert is_kept(made)
    assert sampler.rejection_stats_["rare"].n_rejected == 0
    sampler.save(tmp_path / "saved")
    loaded = LLMOverSampler.load(tmp_path / "saved")
    assert loaded.constraints_ == sampler.constraints_
    rows = [one.sample(50, random_state=1)[0] for one in (sampler, loaded)]
    assert is_kept(rows[0])
    pd.testing.assert_frame_equal(*rows)


def test_a_condition_leaves_the_other_column_what_fits_or_is_an_error(fitted):
    sampler, _ = fitted
    assert set(sampler.sample(40, condition={"messages": 5})[0]["plan"]) <= {"basic", "full"}
    assert set(sampler.sample(40, condition={"plan": "no"})[0]["messages"]) == {0}
    with pytest.raises(ValueError, match=r"condition: no row .*plan is no or missing, mess"):
        sampler.sample(5, condition={"messages": 5, "plan": "no"})
    assert len(sampler.sample(5, condition={"messages": 5, "plan": "full"})[0]) == 5
