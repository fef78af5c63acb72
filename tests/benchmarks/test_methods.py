from dataclasses import replace

import numpy as np
import pytest

from benchmarks._methods import build_method
from benchmarks._protocols import HONEST, PAPER
from tests.benchmarks.doubles import small_table


def balance(method, table, protocol=HONEST):
    cut = (table.X.iloc[:5], table.y.iloc[:5])
    return method.resample(table.X, table.y, 0, table=table, protocol=protocol, cut=cut)


@pytest.fixture
def table(tmp_path):
    return small_table(tmp_path)


def test_a_recipe_is_a_method_with_what_all_language_models_get():
    method = build_method("imbllm", {}, {"model": "compact", "max_samples_seen": 9})
    assert method.arguments == {"model": "compact", "max_samples_seen": 9, "recipe": "imbllm"}
    assert method.recipe["epochs"] == 50
    assert build_method("smote", {}, {"model": "compact"}).arguments == {}


def test_a_method_of_ones_own():
    defined = {"cool": {"recipe": "imbllm", "temperature": 0.5}, "k3": {"method": "smote"}}
    cool, k3 = (build_method(name, defined, {"model": "compact"}) for name in defined)
    assert cool.recipe["temperature"] == 0.5
    assert (k3.kind, dict(k3.arguments)) == ("smote", {})


def test_an_unknown_method_is_named():
    with pytest.raises(ValueError, match="no method 'magic'; there are none, class-weights"):
        build_method("magic", {}, {})


def test_full_adds_what_was_cut_and_class_weights_add_nothing(table):
    assert len(balance(build_method("full", {}, {}), table).X) == len(table.X) + 5
    weights = build_method("class-weights", {}, {})
    assert len(balance(weights, table).X) == len(table.X)
    assert weights.class_weight == "balanced"


def test_methods_with_a_teacher_change_no_rows(table):
    for name in ("soft-labels", "distilled", "teacher"):
        method = build_method(name, {}, {})
        balanced = balance(method, table)
        assert (balanced.n_synthetic, len(balanced.X)) == (0, len(table.X))
        assert method.learn is not None
    assert build_method("none", {}, {}).learn is None


def test_with_several_classes_the_paper_lets_smote_fill_all_of_them(table):
    y = table.y.where(table.X["age"] > 30, "young")
    several = replace(table, y=y)
    smote = build_method("smote", {}, {})
    honest, paper = (balance(smote, several, each).y.value_counts() for each in (HONEST, PAPER))
    most = y.value_counts().max()
    assert (paper == most).all()
    assert honest["yes"] == most
    assert honest["young"] == (y == "young").sum()


def test_a_language_model_fills_the_class_and_says_what_it_cost(table):
    overrides = {"model": "compact", "max_samples_seen": 32, "width": 32, "selection": None}
    balanced = balance(build_method("counterpoise", {}, overrides), table)
    assert balanced.y.value_counts().nunique() == 1
    assert 0 < balanced.figures["n_samples_seen"] < 1000
    assert balanced.figures["model"] == "compact"
    assert np.isfinite(balanced.sampler.score_samples(table.X, table.y)).any()
