import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from benchmarks._utility import macro_scores, measure_utility
from counterpoise.comparison._classifiers import TableClassifier
from counterpoise.comparison._out_of_fold import predict_folds, resample_folds
from counterpoise.comparison._scores import best_threshold

CLASSIFIER = TableClassifier("logistic-regression")


def table(n=200, seed=0):
    rng = np.random.default_rng(seed)
    y = pd.Series(np.where(rng.random(n) < 0.2, "few", "many"))
    X = pd.DataFrame({"a": rng.normal(size=n) + (y == "few"), "row": np.arange(n, dtype=float)})
    return X, y


def test_the_threshold_given_is_used_on_the_test_rows():
    X, y = table()
    p = predict_folds(CLASSIFIER, resample_folds(X, y, None), X, positive="few")
    found = measure_utility(CLASSIFIER, (X, y), table(seed=1), positive="few", out_of_fold=(y, p))
    assert found.threshold == best_threshold(y, p, positive="few")
    assert found.tuned_scores is not None
    called = (found.probability >= found.threshold) & (table(seed=1)[1] == "few").to_numpy()
    assert found.tuned_scores["recall"] == pytest.approx(
        called.sum() / (table(seed=1)[1] == "few").sum()
    )
    assert found.tuned_scores["pr_auc"] == found.scores["pr_auc"]


def test_without_out_of_fold_rows_nothing_is_tuned():
    X, y = table()
    found = measure_utility(CLASSIFIER, (X, y), (X, y), positive="few")
    assert found.threshold is None
    assert found.tuned_scores is None


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
