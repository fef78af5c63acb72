"""Each recipe is the method that the table of the documentation says, and nothing else changes."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from counterpoise import LLMOverSampler
from counterpoise.language.sentences import draw_orders
from counterpoise.oversample.recipe import AS_RECIPE, CHANGEABLE, RECIPES, Recipe, as_recipe
from counterpoise.oversample.rows import training_rows
from tests.models import labelled_table, mixed_frame

QUICK = {"model": "compact", "device": "cpu", "max_presentations": 64, "random_state": 0}
PUBLISHED = {"epochs": 50, "validation_fraction": 0.0, "temperature": 0.7}
pytestmark = pytest.mark.filterwarnings("ignore:class .* too few to hold any out")


def differences(one: Recipe, other: Recipe) -> dict[str, object]:
    """What `other` has that `one` has not."""
    theirs = dataclasses.asdict(other)
    return {k: theirs[k] for k, v in dataclasses.asdict(one).items() if v != theirs[k]}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("imbllm-no-interpolation", {"interpolation": None}),
        ("imbllm-no-permutation", {"permutation": "none"}),
        ("imbllm-no-condition", {"condition": "label"}),
        (
            "imbllm-none",
            {"interpolation": None, "permutation": "none", "condition": "label"},
        ),
        (
            "great",
            {"train_on": "all", "interpolation": None, "permutation": "all", "condition": "label"},
        ),
    ],
)
def test_a_recipe_differs_from_imbllm_in_what_its_name_says(name, expected):
    assert differences(RECIPES["imbllm"], RECIPES[name]) == expected


def test_imbllm_is_the_published_method():
    published = RECIPES["imbllm"]
    assert (published.train_on, published.interpolation) == ("minority", "smotenc")
    assert (published.permutation, published.condition) == ("label-first", "feature")
    assert published.labelled_by == "prompt"
    assert {name: getattr(published, name) for name in PUBLISHED} == PUBLISHED


def test_great_is_trained_on_every_row_and_writes_the_label_anywhere():
    table = labelled_table(*mixed_frame(100))
    rng = np.random.default_rng(0)
    rows = training_rows(table, {1: 60}, RECIPES["great"], lambda n_rows: 0.0, rng)
    np.testing.assert_array_equal(rows.corpus.codes, table.codes)
    orders = draw_orders(2000, 7, RECIPES["great"].permutation, rng)
    place_of_label = np.argmax(orders == 0, axis=1)
    # each of 7 places has 2000/7 = 286 in expectation, standard deviation 15.6: 6 of these
    # on either side fail by chance once in 10 million runs
    assert np.abs(np.bincount(place_of_label, minlength=7) - 2000 / 7).max() < 6 * 15.7


def test_a_parameter_that_says_recipe_leaves_the_recipe_as_it_is():
    unset = dict.fromkeys(CHANGEABLE, AS_RECIPE)
    for name, recipe in RECIPES.items():
        assert as_recipe(name, **unset) == recipe
    assert as_recipe("great", **unset).changed(interpolation=None) == RECIPES["great"]
    changed = as_recipe("imbllm", **{**unset, "interpolation": None, "temperature": 1.0})
    assert differences(RECIPES["imbllm"], changed) == {"interpolation": None, "temperature": 1.0}


def test_every_changeable_thing_is_a_parameter_whose_default_is_the_recipe():
    parameters = LLMOverSampler().get_params()
    assert {name: parameters[name] for name in CHANGEABLE} == dict.fromkeys(CHANGEABLE, AS_RECIPE)
    assert parameters["recipe"] == "counterpoise"


def test_parameters_are_cloned_as_they_were_given():
    sampler = LLMOverSampler(recipe="great", temperature=0.5)
    assert clone(sampler).get_params() == sampler.get_params()
    own = LLMOverSampler(recipe=Recipe(condition="label"))
    assert clone(own).get_params() == own.get_params()


@pytest.fixture(scope="module")
def churn():
    return mixed_frame()


def test_the_default_is_what_explicit_parameters_give_bit_for_bit(churn):
    spelled_out = dataclasses.asdict(RECIPES["counterpoise"])
    explicit = {name: spelled_out[name] for name in CHANGEABLE}
    by_default = LLMOverSampler(**QUICK)
    expected, _ = by_default.fit_resample(*churn)
    found, _ = LLMOverSampler(**QUICK, recipe="great", **explicit).fit_resample(*churn)
    pd.testing.assert_frame_equal(found, expected)
    assert by_default.recipe_ == RECIPES["counterpoise"]


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_fills_the_table(churn, name):
    sampler = LLMOverSampler(**QUICK, recipe=name)
    X, y = sampler.fit_resample(*churn)
    assert y.value_counts().to_dict() == {"no": 48, "yes": 48}
    pd.testing.assert_frame_equal(X.iloc[:60], churn[0])
    assert sampler.recipe_ == RECIPES[name]


def test_a_recipe_of_ones_own(churn):
    own = Recipe(condition="label", interpolation=None)
    sampler = LLMOverSampler(**QUICK, recipe=own, temperature=0.5)
    sampler.fit_resample(*churn)
    assert sampler.recipe_ == dataclasses.replace(own, temperature=0.5)


def test_unknown_names_are_refused(churn):
    with pytest.raises(ValueError, match=r"recipe must be one of .*'great'.*got 'graet'"):
        LLMOverSampler(recipe="graet").fit_resample(*churn)
    with pytest.raises(ValueError, match="permutation must be one of"):
        Recipe(permutation="label-second")


def test_presentations_can_be_capped_whatever_the_epochs(churn):
    sampler = LLMOverSampler(**QUICK, recipe="imbllm")
    sampler.fit_resample(*churn)
    assert 64 <= sampler.history_.n_presentations < 64 + 32, "a batch is never cut"
