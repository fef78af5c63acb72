import numpy as np
import pandas as pd
import pytest

from counterpoise._table_classifier import TableClassifier, probability_of
from counterpoise.comparison._cross_validation import predict_folds, resample_folds


def fit(fold):
    return TableClassifier("logistic-regression").fit(fold.X, fold.y)


def table(n=200, seed=0):
    rng = np.random.default_rng(seed)
    y = pd.Series(np.where(rng.random(n) < 0.2, "few", "many"))
    X = pd.DataFrame({"a": rng.normal(size=n) + (y == "few"), "row": np.arange(n, dtype=float)})
    return X, y


def test_no_row_is_scored_by_a_classifier_or_a_sampler_that_saw_it():
    X, y = table()
    seen = []

    def resample(X_part, y_part, seed):
        seen.append(set(X_part["row"]))
        return X_part, y_part

    folds = resample_folds(X, y, resample, n_folds=3)
    predict_folds(fit, folds, X, positive="few")
    assert len(seen) == 3
    for given, held_out in zip(seen, [set(fold.held_out) for fold in folds], strict=True):
        assert given.isdisjoint(held_out)
        assert given | held_out == set(range(200))


def test_noise_is_not_predicted_out_of_fold():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(120, 60)), columns=[f"c{i}" for i in range(60)])
    y = pd.Series(np.where(np.arange(120) % 3 == 0, "few", "many"))
    p = predict_folds(fit, resample_folds(X, y, None), X, positive="few")
    inside = probability_of(TableClassifier("logistic-regression").fit(X, y), X, "few")
    # the correlation of 120 pairs without any is beyond 0.3 with a chance under 0.001
    assert abs(np.corrcoef(p, y == "few")[0, 1]) < 0.3
    assert np.corrcoef(inside, y == "few")[0, 1] > 0.6


def test_a_tiny_class_has_fewer_folds_and_a_single_row_none():
    X = pd.DataFrame({"a": range(12)})
    assert len(resample_folds(X, pd.Series(["a"] * 10 + ["b"] * 2), None, n_folds=5)) == 2
    with pytest.raises(ValueError, match=r"'b'.* has one row"):
        resample_folds(X[:11], pd.Series(["a"] * 10 + ["b"]), None, n_folds=5)
