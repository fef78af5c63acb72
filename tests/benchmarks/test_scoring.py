import numpy as np
import pytest
from sklearn import metrics

from benchmarks._methods import build_method
from benchmarks._protocols import HONEST, PAPER, macro_scores, split_table
from benchmarks._run import perform
from tests.benchmarks.doubles import small_table


def test_the_threshold_tuned_out_of_fold_is_used_on_the_test_rows(tmp_path):
    table = small_table(tmp_path, 200)
    split = split_table(table, HONEST, 0)
    outcome = perform(build_method("none", {}, {}), table, split, HONEST, seed=0)
    found = outcome.report["classifiers"]["logistic-regression"]
    is_yes = outcome.predictions["label"] == "yes"
    called = outcome.predictions["logistic-regression"] >= found["threshold"]
    assert found["tuned_scores"]["recall"] == pytest.approx((called & is_yes).sum() / is_yes.sum())
    assert found["tuned_scores"]["pr_auc"] == found["scores"]["pr_auc"]


def test_without_inner_folds_nothing_is_tuned(tmp_path):
    table = small_table(tmp_path, 200)
    outcome = perform(
        build_method("none", {}, {}), table, split_table(table, PAPER, 0), PAPER, seed=0
    )
    (found,) = outcome.report["classifiers"].values()
    assert found["threshold"] is None
    assert found["tuned_scores"] is None


def test_macro_scores_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    truth = rng.choice(["a", "b", "c"], 60)
    probability = rng.dirichlet([1, 1, 1], 60)
    found = macro_scores(truth, probability, ["a", "b", "c"])
    called = np.array(["a", "b", "c"])[probability.argmax(axis=1)]
    assert found["macro_f1"] == pytest.approx(metrics.f1_score(truth, called, average="macro"))
    assert found["macro_roc_auc"] == pytest.approx(
        metrics.roc_auc_score(truth, probability, multi_class="ovr", average="macro")
    )
