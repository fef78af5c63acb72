"""Each recipe is the method that the table of the documentation says, and nothing else changes."""

import re
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from benchmarks._samplers import make_sampler
from counterpoise.columns import Table
from counterpoise.errors import DecodingError, MissingDependencyError
from counterpoise.generation import _rejection_sampling as rejection_sampling
from counterpoise.generation._scoring import Scorer
from counterpoise.generation._selection import SelectionClassifier, fit_labeller
from counterpoise.models import CompactModel, get_model
from counterpoise.models._language_model import resolve_device
from counterpoise.recipes import Recipe, get_recipe, recipe_names, register_recipe
from counterpoise.sampler import LLMOverSampler
from counterpoise.serialization import draw_orders, serialize, table_serializer
from counterpoise.training._loop import build_serializer
from counterpoise.training._rows import training_rows
from tests.small_models import labelled_table, mixed_frame

CPU = resolve_device("cpu", "float32")
RNG = np.random.default_rng
QUICK = {"model": "compact", "device": "cpu", "max_samples_seen": 64, "random_state": 0}
OWN = ("counterpoise", "ranking")
PUBLISHED = {"epochs": 50, "validation_fraction": 0.0, "temperature": 0.7}
pytestmark = pytest.mark.filterwarnings("ignore:class .* too few to hold any out")


def differences(one: Recipe, other: Recipe) -> dict[str, object]:
    """What `other` has that `one` has not."""
    theirs = other.get_params()
    return {k: theirs[k] for k, v in one.get_params().items() if v != theirs[k]}


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
        ("predllm", {"train_on": "all", "interpolation": None, "permutation": "label-last"}),
        (
            "taptap",
            {
                "train_on": "all",
                "interpolation": None,
                "permutation": "no-label",
                "condition": "any-feature",
                "digit_tokens": True,
            },
        ),
    ],
)
def test_a_recipe_differs_from_imbllm_in_what_its_name_says(name, expected):
    assert differences(get_recipe("imbllm"), get_recipe(name)) == expected


def test_the_default_is_for_true_rows_and_ranking_for_clear_cases():
    default, ranking = get_recipe("counterpoise"), get_recipe("ranking")
    assert LLMOverSampler().recipe == "counterpoise"
    assert (default.train_on, ranking.train_on) == ("all", "minority")
    assert (default.permutation, ranking.permutation) == ("condition-first", "label-first")
    assert (default.selection_rule, ranking.selection_rule) == ("calibrated", "likeliest")
    assert (default.refinement, ranking.refinement) == (None, "auto")
    for name in ("counterpoise", "ranking"):
        without = get_recipe(f"{name}-no-selection")
        assert differences(get_recipe(name).copy(refinement=None), without) == {"selection": None}


def test_only_our_own_recipes_look_for_relations_by_themselves():
    looking = {name for name in recipe_names() if get_recipe(name).relations}
    assert looking == {name for name in recipe_names() if name.startswith(OWN)}


def test_imbllm_is_the_published_method():
    published = get_recipe("imbllm")
    assert (published.train_on, published.interpolation) == ("minority", "smotenc")
    assert (published.permutation, published.condition) == ("label-first", "feature")
    assert published.labelled_by == "prompt"
    assert {name: getattr(published, name) for name in PUBLISHED} == PUBLISHED


@pytest.mark.parametrize(
    ("name", "labeller"),
    [
        ("great", "prompt"),
        ("taptap", "xgboost"),
        ("predllm", "model"),
        ("counterpoise", "prompt"),
        ("ranking", "prompt"),
    ],
)
def test_who_labels_the_rows(name, labeller):
    assert get_recipe(name).labelled_by == labeller


def test_predllm_writes_the_label_last_and_taptap_not_at_all():
    rng = np.random.default_rng(0)
    last = draw_orders(500, 7, get_recipe("predllm").permutation, rng)
    without = draw_orders(500, 7, get_recipe("taptap").permutation, rng)
    assert (last[:, -1] == 0).all()
    assert (np.sort(last, axis=1) == np.arange(7)).all()
    assert (np.sort(without, axis=1) == np.arange(1, 7)).all()
    assert all(len({tuple(order) for order in orders}) > 200 for orders in (last, without))


def test_condition_first_moves_one_feature_behind_the_label():
    orders = draw_orders(600, 7, "condition-first", np.random.default_rng(0))
    assert (orders[:, 0] == 0).all()
    assert (np.sort(orders, axis=1) == np.arange(7)).all()
    assert (np.diff(orders[:, 2:], axis=1) > 0).all(), "the others in the table's order"
    # each of 6 features comes 600/6 = 100 times in expectation, standard deviation 9.1: 6 of these
    # on either side fail by chance once in 80 million runs
    assert np.abs(np.bincount(orders[:, 1], minlength=7)[1:] - 100).max() < 6 * 9.2


def test_condition_first_works_with_a_single_feature():
    orders = draw_orders(5, 2, "condition-first", np.random.default_rng(0))
    assert orders.tolist() == [[0, 1]] * 5


def test_great_is_trained_on_every_row_and_writes_the_label_anywhere():
    table = labelled_table(*mixed_frame(100))
    rng = np.random.default_rng(0)
    rows = training_rows(table, {1: 60}, get_recipe("great"), rng, holds_out=False)
    np.testing.assert_array_equal(rows.corpus.codes, table.codes)
    orders = draw_orders(2000, 7, get_recipe("great").permutation, rng)
    place_of_label = np.argmax(orders == 0, axis=1)
    # each of 7 places has 2000/7 = 286 in expectation, standard deviation 15.6: 6 of these
    # on either side fail by chance once in 10 million runs
    assert np.abs(np.bincount(place_of_label, minlength=7) - 2000 / 7).max() < 6 * 15.7


def test_a_recipe_is_copied_with_changes():
    assert get_recipe("great").copy(interpolation=None) == get_recipe("great")
    changed = get_recipe("imbllm", interpolation=None, temperature=1.0)
    assert differences(get_recipe("imbllm"), changed) == {"interpolation": None, "temperature": 1.0}
    assert get_recipe("imbllm").temperature == 0.7, "the registered one is as it was"


def test_a_recipe_of_another_package_is_one_registration(churn):
    register_recipe("mine", Recipe(condition="label", interpolation=None, temperature=0.9))
    sampler = LLMOverSampler(recipe="mine", random_state=0).set_params(recipe__epochs=1)
    _, y = sampler.fit_resample(*churn)
    assert y.value_counts().to_dict() == {"no": 48, "yes": 48}
    assert sampler.recipe_ == get_recipe("mine", epochs=1)
    with pytest.raises(ValueError, match="temperature must be"):
        register_recipe("broken", Recipe(temperature=-1))


def test_single_values_of_a_named_recipe_and_model_can_be_set():
    sampler = LLMOverSampler(recipe="imbllm")
    sampler.set_params(recipe__temperature=0.5, model__batch_size=16)
    assert sampler.recipe == get_recipe("imbllm", temperature=0.5)
    assert sampler.model == CompactModel(batch_size=16)
    assert clone(sampler).recipe == sampler.recipe
    with pytest.raises(ValueError, match="'warmth'"):
        sampler.set_params(recipe__warmth=1)


def test_parameters_are_cloned_as_they_were_given():
    sampler = make_sampler(recipe="great", temperature=0.5)
    assert clone(sampler).get_params() == sampler.get_params()
    own = make_sampler(recipe=Recipe(condition="label"))
    assert clone(own).get_params() == own.get_params()


@pytest.fixture(scope="module")
def churn():
    return mixed_frame()


def test_the_default_is_what_explicit_parameters_give_bit_for_bit(churn):
    explicit = get_recipe("counterpoise", max_samples_seen=64).get_params()
    by_default = make_sampler(**QUICK)
    expected, _ = by_default.fit_resample(*churn)
    found, _ = make_sampler(**{**QUICK, **explicit}, recipe="great").fit_resample(*churn)
    pd.testing.assert_frame_equal(found, expected)
    assert by_default.recipe_ == get_recipe("counterpoise", max_samples_seen=64)


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_fills_the_table(churn, name):
    sampler = make_sampler(**QUICK, recipe=name)
    X, y = sampler.fit_resample(*churn)
    assert y.value_counts().to_dict() == {"no": 48, "yes": 48}
    pd.testing.assert_frame_equal(X.iloc[:60], churn[0])
    assert sampler.recipe_ == get_recipe(name, max_samples_seen=64)
    rejection_stats = sampler.rejection_stats_["yes"]
    is_kept = get_recipe(name).labelled_by == "prompt" and get_recipe(name).selection is None
    assert rejection_stats.n_rows == 36
    assert rejection_stats.n_drawn == 36 if is_kept else rejection_stats.n_drawn > 36
    more, labels = sampler.sample(3, class_="yes")
    assert (len(more), set(labels)) == (3, {"yes"})


def test_a_recipe_of_ones_own(churn):
    own = Recipe(condition="label", interpolation=None)
    sampler = make_sampler(**QUICK, recipe=own, temperature=0.5)
    sampler.fit_resample(*churn)
    assert sampler.recipe_ == own.copy(temperature=0.5, max_samples_seen=64)


def test_unknown_names_are_refused(churn):
    with pytest.raises(ValueError, match=r"recipe must be one of .*'great'.*got 'graet'"):
        make_sampler(recipe="graet").fit_resample(*churn)
    with pytest.raises(ValueError, match=r"permutation must be .*; got"):
        Recipe(permutation="label-second").validate()


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"epochs": 1.5},
        {"epochs": "many"},
        {"epochs": np.array([1, 2])},
        {"temperature": 0},
        {"temperature": True},
        {"temperature": "auto"},
        {"validation_fraction": 1.0},
        {"validation_fraction": None},
    ],
)
def test_a_recipe_checks_its_numbers(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"{name} must be .*; got {re.escape(repr(value))}"):
        Recipe(**wrong).validate()


def test_taptap_writes_numbers_digit_by_digit_in_text():
    table = labelled_table(*mixed_frame())
    backbone = get_model("compact").load("cpu")
    serializer = build_serializer(
        table, backbone.tokenizer, get_recipe("taptap", serialization="text")
    )
    entries = serializer.vocabulary
    written = [chr(entries[t].pieces[0]) for t in serializer.encode_cell(1, table.codes[0, 1])]
    age = str(mixed_frame()[0]["age"].iloc[0])
    assert "".join(written) == f" age is {' '.join(age)},"


def test_presentations_can_be_capped_whatever_the_epochs(churn):
    sampler = make_sampler(**QUICK, recipe="imbllm")
    sampler.fit_resample(*churn)
    assert 64 <= sampler.history_.n_samples_seen < 64 + 32, "a batch is never cut"


def test_taptap_keeps_the_rows_that_xgboost_calls_the_class(churn):
    sampler = make_sampler(**QUICK, recipe="taptap")
    X, _ = sampler.fit_resample(*churn)
    row_generator = sampler.generator_
    features = Table.from_frame(X.iloc[60:].reset_index(drop=True), sampler.schema_)
    codes = np.hstack([np.zeros((36, 1), dtype=np.int64), features.codes])
    synthetic = Table(row_generator.serializer.schema, codes)
    assert (row_generator.labeller.label(synthetic) == 1).all()
    assert sampler.rejection_stats_["yes"].n_drawn > 36


def test_xgboost_labels_the_rows_it_has_seen_almost_as_they_are():
    frame, _ = mixed_frame(300)
    frame["note"] = [f"a text of its own, {i}" for i in range(300)]
    labels = pd.Series(np.where(frame["age"] < 40, "young", "old"), name="t")
    table = labelled_table(frame, labels)
    labeller = fit_labeller(table, np.random.default_rng(0))
    assert (labeller.label(table) == table.codes[:, 0]).mean() > 0.99
    assert [table.schema[at].name for at in labeller.columns] == list(frame.columns[:-1])


def test_predllm_learns_what_the_label_depends_on():
    frame = pd.DataFrame({"a": ["x", "y", "z", "x", "y"] * 40, "b": range(200)})
    labels = pd.Series(np.where(frame["a"] == "z", "rare", "often"), name="t")
    sampler = make_sampler(**{**QUICK, "max_samples_seen": 1600}, recipe="predllm")
    X, _ = sampler.fit_resample(frame, labels)
    # all of them, had the model learned it perfectly; a fifth, had it learned nothing
    assert (X["a"].iloc[200:] == "z").mean() > 0.8


def test_every_class_that_lacks_rows_gets_its_own(churn):
    X, _ = churn
    y = pd.Series(["big"] * 36 + ["small"] * 14 + ["tiny"] * 10, name="churn")
    for name in ("predllm", "taptap"):
        sampler = make_sampler(**QUICK, recipe=name, temperature=1.0)
        _, found = sampler.fit_resample(X, y)
        assert found.value_counts().to_dict() == {"big": 36, "small": 36, "tiny": 36}
        assert {c: r.n_rows for c, r in sampler.rejection_stats_.items()} == {
            "small": 22,
            "tiny": 26,
        }


def test_a_class_that_never_comes_ends_in_an_error_that_says_so(churn, monkeypatch):
    monkeypatch.setattr(SelectionClassifier, "label", lambda self, table: table.codes[:, 0] * 0)
    monkeypatch.setattr(rejection_sampling, "DRAWS_PER_LABELLED_ROW", 2)
    monkeypatch.setattr(rejection_sampling, "MIN_DRAWS", 1)
    with pytest.raises(DecodingError, match=r"0 of 36 rows of class 'yes'.*labelled otherwise"):
        make_sampler(**QUICK, recipe="taptap").fit_resample(*churn)


def test_without_xgboost_the_extra_is_named(churn, monkeypatch):
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(MissingDependencyError, match=r"pip install xgboost"):
        make_sampler(**QUICK, recipe="taptap").fit_resample(*churn)


def test_the_scorer_counts_a_label_that_is_written():
    table = labelled_table(*mixed_frame())
    serializer = table_serializer(table)
    backbone = get_model("compact").load("cpu")
    model = backbone.build(serializer.vocabulary, 0)
    corpus = serialize(table, serializer)
    token_batch = corpus.token_batch(np.arange(60), draw_orders(60, 7, "label-last", RNG(0)))
    with_label, rows, _ = Scorer(model, serializer.grammar, CPU, scores_label=True).log_likelihood(
        token_batch
    )
    without, _, _ = Scorer(model, serializer.grammar, CPU).log_likelihood(token_batch)
    assert len(with_label) == len(without) + 60, "one more choice a row"
    assert np.bincount(rows).sum() == len(with_label)
