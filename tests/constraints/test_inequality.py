"""Inequalities that decoding keeps: numbers of different decimals, dates, chains, missing cells."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise import LLMOverSampler
from counterpoise.constraints import Inequality, Range
from counterpoise.errors import SchemaError
from counterpoise.recipes import Recipe
from tests.untrained import untrained_rows

COMPARE = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}


def ascending(kinds, n_rows=60, seed=0):
    """Columns c0 < c1 < ... of numbers, dates or durations, each with its own precision."""
    rng = np.random.default_rng(seed)
    steps = rng.integers(2, 30, (n_rows, len(kinds)))
    numbers = steps.cumsum(axis=1) - 25
    X = pd.DataFrame()
    for at, kind in enumerate(kinds):
        column = numbers[:, at]
        if kind == "quarters":
            column = column + rng.integers(0, 4, n_rows) / 4
        elif kind == "thousandths":
            column = column + rng.integers(0, 1000, n_rows) / 1000
        elif kind in ("days", "minutes"):
            column = pd.Timestamp("2024-02-01") + pd.to_timedelta(column, "D")
            if kind == "minutes":
                column += pd.to_timedelta(rng.integers(0, 1440, n_rows), "min")
        elif kind == "long":
            column = column * 10**16
        X[f"c{at}"] = column
    return X


kinds = st.one_of(
    st.lists(st.sampled_from(["whole", "quarters", "thousandths"]), min_size=2, max_size=4),
    st.lists(st.sampled_from(["days", "minutes"]), min_size=2, max_size=3),
)


@given(kinds, st.data(), st.booleans(), st.sampled_from(["label-first", "none"]))
@settings(max_examples=25)
def test_chains_hold_in_every_row_and_none_is_rejected(kinds, data, text, permutation):
    X = ascending(kinds, seed=data.draw(st.integers(0, 9)))
    names = X.columns.tolist()
    pairs = [(a, b) for at, a in enumerate(names) for b in names[at + 1 :]]
    chosen = data.draw(st.lists(st.sampled_from(pairs), min_size=1, unique=True))
    may_miss = data.draw(st.sets(st.sampled_from(names)))
    rng = np.random.default_rng(0)
    for name in may_miss:
        X.loc[rng.random(len(X)) < 0.3, name] = None
    found = []
    for a, b in chosen:
        operator = data.draw(st.sampled_from(["<", "<="]))
        turned = data.draw(st.booleans())
        found.append(Inequality(b, operator.replace("<", ">"), a) if turned
                     else Inequality(a, operator, b))  # fmt: skip
    X = X[data.draw(st.permutations(names))]
    made, stats = untrained_rows(X, found, 40, text=text, permutation=permutation)
    for one in found:
        known = made[[one.left, one.right]].dropna()
        assert COMPARE[one.operator](known[one.left], known[one.right]).all()
    assert stats.n_rejected == 0


def test_without_it_rows_break_it():
    made, _ = untrained_rows(ascending(["whole", "quarters"]), [], 60)
    assert 0.2 < (made["c0"] < made["c1"]).mean() < 0.95


def test_bounds_leave_every_value_within_them_possible():
    X = pd.DataFrame({"a": [0, 30, 9] * 6, "b": [30, 30, 20] * 6})
    own = [Inequality("a", "<=", "b")]
    made, stats = untrained_rows(X, own, 400, fixed={"a": 19})
    assert set(made["b"]) == {*range(20, 31)}
    assert stats.n_rejected == 0
    made, _ = untrained_rows(X, own, 400, fixed={"b": 23})
    assert set(made["a"]) == {*range(24)}


def test_narrowed_ranges_bound_the_other_column():
    X = ascending(["whole", "whole"])
    constraints = [Inequality("c0", "<", "c1"), Range("c1", high=5)]
    made, stats = untrained_rows(X, constraints, 60)
    assert (made["c0"] < made["c1"]).all()
    assert made["c0"].max() < 5
    assert stats.n_rejected < 60 * 50  # conditions of real rows can be above the range


def test_codes_too_large_for_one_unit_are_kept_by_rejection():
    X = ascending(["long", "thousandths"], 40)
    X = pd.DataFrame({"b": X["c0"], "a": X["c1"].clip(upper=0) - 1.5})[X["c0"] > 0]
    X.loc[X.index[0], "b"], X.loc[X.index[0], "a"] = -9, -9.125
    made, stats = untrained_rows(X, [Inequality("a", "<", "b")], 40)
    assert (made["a"] < made["b"]).all()
    assert stats.n_drawn >= 40


@pytest.mark.parametrize(
    "own", [Inequality("a", "<=", "b", gap=2.5), Inequality("b", ">", "a", gap=2.4)]
)
def test_a_gap_is_kept_and_named(own):
    X = pd.DataFrame({"a": [1.5, 3.0, 7.5] * 12, "b": [4.0, 9.0, 10.0] * 12})
    made, stats = untrained_rows(X, [own], 60)
    assert (made["b"] - made["a"] >= 2.5).all()
    assert stats.n_rejected > 0  # decoding keeps only the order
    assert own.text in ("a + 2.5 <= b", "b > a + 2.4")
    with pytest.raises(SchemaError, match="real rows of class"):
        untrained_rows(X, [own.copy().set_params(gap=3)], 60)


def test_a_gap_that_is_negative_or_between_dates_is_refused():
    X = ascending(["whole", "whole", "days", "days"])
    for own in (Inequality("c0", "<", "c1", gap=-1), Inequality("c2", "<", "c3", gap=1)):
        with pytest.raises(SchemaError, match="`gap` is 0 or more, and of columns of numbers"):
            untrained_rows(X, [own], 10)


def test_numbers_with_a_mean_between_them_are_bounded_too():
    rng = np.random.default_rng(0)
    a = np.append(np.repeat(1.234567, 30), rng.integers(0, 40, 200) / 10)
    X = pd.DataFrame({"a": a, "b": np.ceil(a) + rng.integers(0, 3, 230)})
    made, stats = untrained_rows(X, [Inequality("a", "<=", "b")], 300)
    assert (made["a"] <= made["b"]).all()
    assert (made["a"] == 1.234567).any()
    assert stats.n_rejected == 0


@pytest.mark.filterwarnings("ignore:class .* too few to hold any out")
def test_a_fitted_sampler_rejects_no_row_and_refuses_conditions_that_break_it():
    X = ascending(["whole", "quarters", "whole"], 120)
    y = np.where(np.arange(120) % 4 == 0, "rare", "usual")
    sampler = LLMOverSampler(
        recipe=Recipe(epochs=2, interpolation=None),
        constraints=[Inequality("c0", "<=", "c1"), Inequality("c2", ">", "c1")],
        random_state=0,
    )
    made = sampler.fit_resample(X, y)[0].iloc[120:]
    assert ((made["c0"] <= made["c1"]) & (made["c1"] < made["c2"])).all()
    assert sampler.rejection_stats_["rare"].n_rejected == 0
    assert (sampler.sample(20, class_="rare", condition={"c1": 10.25})[0]["c2"] > 10.25).all()
    with pytest.raises(ValueError, match=r"condition: no row .*not c0 <= c1"):
        sampler.sample(5, class_="rare", condition={"c0": 4, "c1": 3.25})
