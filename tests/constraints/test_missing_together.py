"""Columns that are missing as a whole."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise import LLMOverSampler
from counterpoise.columns import ABSENT, MISSING, Table
from counterpoise.constraints import FixedCombinations, MissingTogether
from counterpoise.errors import SchemaError
from counterpoise.recipes import Recipe
from tests.untrained import constrained, untrained_rows

BLOCK = ["job", "wage", "since", "remark"]


def people(n_rows=80, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "wage": rng.integers(900, 4000, n_rows) / 4,
            "age": rng.integers(18, 80, n_rows),
            "job": rng.choice(["cook", "clerk", "nurse"], n_rows),
            "remark": ["note " + "x" * (at % 6) + str(at % 9) for at in range(n_rows)],
            "since": pd.Timestamp("2015-05-01")
            + pd.to_timedelta(rng.integers(0, 900, n_rows), "D"),
            "pets": rng.integers(0, 4, n_rows).astype(float),
        }
    )
    X.loc[rng.random(n_rows) < 0.4, BLOCK] = None
    X.loc[rng.random(n_rows) < 0.4, "pets"] = None
    return X


@given(st.permutations(BLOCK), st.integers(2, 4), st.booleans(), st.sampled_from(["all", "none"]))
@settings(max_examples=20)
def test_every_row_has_all_or_none_and_none_is_rejected(block, size, text, permutation):
    own = MissingTogether(block[:size])
    made, stats = untrained_rows(people(), [own], 40, text=text, permutation=permutation)
    assert made[block[:size]].isna().sum(axis=1).isin([0, size]).all()
    assert stats.n_rejected == 0
    assert made["pets"].isna().sum() > 0


def test_without_it_rows_have_some():
    made, _ = untrained_rows(people(), [], 40)
    assert not made[BLOCK].isna().sum(axis=1).isin([0, 4]).all()


def test_overlapping_blocks_and_combinations_are_kept_too():
    X = people()
    X["grade"] = np.where(X["job"].isna(), None, np.where(X["job"] == "cook", "a", "b"))
    constraints = [
        FixedCombinations(["job", "grade"]),
        MissingTogether(["wage", "job"]),
        MissingTogether(["since", "wage"]),
    ]
    made, stats = untrained_rows(X, constraints, 60)
    assert made[["wage", "job", "since", "grade"]].isna().sum(axis=1).isin([0, 4]).all()
    assert stats.n_rejected == 0


def test_a_column_that_never_is_missing_leaves_no_other_missing():
    own = [MissingTogether(["pets", "age"])]
    made, stats = untrained_rows(people(), own, 60, check=False, condition="label")
    assert made["pets"].notna().all()
    assert stats.n_rejected == 0


def test_real_rows_that_break_it_are_shown():
    X = people()
    first = X.index[X["job"].isna()][:1].tolist()
    X.loc[first, "wage"] = 250.0
    with pytest.raises(SchemaError, match=rf"1 of the 80 .*row {first[0]}: .*wage = 250.0"):
        constrained(X, [MissingTogether(BLOCK)])


@pytest.mark.parametrize(
    ("columns", "says"),
    [(["wage"], "two or more"), ("wage", "two or more"), (["wage", "wage"], "twice"),
     (["wage", "vage"], "vage")],
)  # fmt: skip
def test_mistakes_are_named_before_training(columns, says):
    with pytest.raises(SchemaError, match=says):
        constrained(people(), [MissingTogether(columns)])


def test_a_cell_that_is_not_there_breaks_nothing():
    own = MissingTogether(["wage", "job"])
    table = constrained(people(), [own]).table
    codes = np.full((4, len(table.schema)), ABSENT)
    codes[1, 1], codes[2, 3] = MISSING, MISSING
    codes[3, [1, 3]] = MISSING, 0
    assert own.accepts(Table(table.schema, codes)).tolist() == [True, True, True, False]


@pytest.mark.filterwarnings("ignore:class .* too few to hold any out")
def test_conditions_and_saved_samplers_keep_it(tmp_path):
    X = people(120).drop(columns="remark")
    y = np.where(np.arange(120) % 4 == 0, "rare", "usual")
    sampler = LLMOverSampler(
        recipe=Recipe(epochs=2, interpolation=None),
        constraints=[MissingTogether(["job", "wage", "since"])],
        random_state=0,
    ).fit(X, y)
    sampler.save(tmp_path / "saved")
    for one in (sampler, LLMOverSampler.load(tmp_path / "saved")):
        assert one.sample(30, class_="rare", condition={"job": None})[0]["wage"].isna().all()
        assert one.sample(30, class_="rare", condition={"job": "cook"})[0]["since"].notna().all()
        with pytest.raises(ValueError, match=r"condition: no row .*wage and since are missing"):
            one.sample(5, class_="rare", condition={"job": "cook", "wage": None})
