import numpy as np
import pandas as pd
import pytest

from counterpoise.comparison._classifiers import TableClassifier
from counterpoise.comparison._utility import inner_folds, out_of_fold_probability

CLASSIFIER = TableClassifier("logistic-regression")


def table(n=200, seed=0):
    rng = np.random.default_rng(seed)
    y = pd.Series(np.where(rng.random(n) < 0.2, "few", "many"))
    X = pd.DataFrame({"a": rng.normal(size=n) + (y == "few"), "row": np.arange(n, dtype=float)})
    return X, y


def test_no_row_is_judged_by_a_classifier_or_a_sampler_that_saw_it():
    X, y = table()
    seen = []

    def resample(X_part, y_part, seed):
        seen.append(set(X_part["row"]))
        return X_part, y_part

    folds = [set(judged) for _, judged in inner_folds(y, 3, 0)]
    out_of_fold_probability(CLASSIFIER, X, y, positive="few", resample=resample, n_folds=3)
    assert len(seen) == 3
    for given, judged in zip(seen, folds, strict=True):
        assert given.isdisjoint(judged)
        assert given | judged == set(range(200))


def test_noise_is_not_predicted_out_of_fold():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(120, 60)), columns=[f"c{i}" for i in range(60)])
    y = pd.Series(np.where(np.arange(120) % 3 == 0, "few", "many"))
    p = out_of_fold_probability(TableClassifier("logistic-regression"), X, y, positive="few")
    inside = TableClassifier("logistic-regression").fit(X, y).probability_of(X, "few")
    # the correlation of 120 pairs without any is beyond 0.3 with a chance under 0.001
    assert abs(np.corrcoef(p, y == "few")[0, 1]) < 0.3
    assert np.corrcoef(inside, y == "few")[0, 1] > 0.6


def test_a_tiny_class_has_fewer_folds_and_a_single_row_none():
    assert len(inner_folds(["a"] * 10 + ["b"] * 2, 5, 0)) == 2
    with pytest.raises(ValueError, match=r"'b'.* has one row"):
        inner_folds(["a"] * 10 + ["b"], 5, 0)
