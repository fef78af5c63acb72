"""Probabilities after over-sampling: off without the wrapper, usable with it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss

from counterpoise.calibration import RecalibratedClassifier, shift_priors


def logistic_rows(n_rows: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Rows whose true probabilities are known: 8 in 100 are positive."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_rows, 2))
    truth = 1 / (1 + np.exp(-(1.5 * x[:, 0] - x[:, 1] - 3.6)))
    return pd.DataFrame(x, columns=["a", "b"]), (rng.random(n_rows) < truth).astype(int), truth


@pytest.mark.parametrize("method", ["prior", "sigmoid", "isotonic"])
def test_is_calibrated_where_balancing_alone_is_not(method: str) -> None:
    # 3,000 training rows: the balanced classifier says 0.3 on average where 0.08 are, a gap of more
    # than 20 standard errors; the corrected one is within 0.015 unless chance is 4 errors off
    X, y, _ = logistic_rows(3000, 0)
    X_new, y_new, truth = logistic_rows(4000, 1)
    sampler, estimator = RandomOverSampler(random_state=0), LogisticRegression()
    plain = make_pipeline(sampler, estimator).fit(X, y).predict_proba(X_new)[:, 1]
    mended = RecalibratedClassifier(estimator, sampler, method=method).fit(X, y)
    probability = mended.predict_proba(X_new)[:, 1]
    assert plain.mean() > 2 * truth.mean()
    assert probability.mean() == pytest.approx(truth.mean(), abs=0.015)
    assert brier_score_loss(y_new, probability) < 0.7 * brier_score_loss(y_new, plain)
    assert log_loss(y_new, probability) < 0.7 * log_loss(y_new, plain)
    assert np.abs(probability - truth).mean() < 0.025


def test_it_is_a_classifier() -> None:
    X, y, _ = logistic_rows(400, 0)
    labels = np.where(y == 1, "yes", "no")
    model = RecalibratedClassifier(
        LogisticRegression(), RandomOverSampler(random_state=0), method="prior"
    ).fit(X, labels)
    assert model.classes_.tolist() == ["no", "yes"]
    probability = model.predict_proba(X)
    assert probability.shape == (400, 2)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    assert set(model.predict(X)) <= {"no", "yes"}
    assert model.get_params()["method"] == "prior"


def test_prior_shift_undoes_what_weights_do_exactly() -> None:
    # for a logistic regression, repeating rows of a class shifts its log-odds by their ratio
    odds = np.array([[0.7, 0.3], [0.2, 0.8]])
    shifted = shift_priors(odds, [0.5, 0.5], [0.9, 0.1])
    expected = odds[:, 1] / odds[:, 0] / 9
    np.testing.assert_allclose(shifted[:, 1] / shifted[:, 0], expected)
    np.testing.assert_allclose(shift_priors(shifted, [0.9, 0.1], [0.5, 0.5]), odds)


def test_prior_shift_with_three_classes() -> None:
    probability = np.array([[0.2, 0.3, 0.5]])
    shifted = shift_priors(probability, [1 / 3] * 3, [0.6, 0.3, 0.1])
    np.testing.assert_allclose(shifted, [[0.12 / 0.26, 0.09 / 0.26, 0.05 / 0.26]])


def test_mistakes_are_refused() -> None:
    X, y, _ = logistic_rows(100, 0)
    with pytest.raises(ValueError, match="method must be"):
        RecalibratedClassifier(LogisticRegression(), RandomOverSampler(), method="x").fit(X, y)
    with pytest.raises(ValueError, match="above 0"):
        shift_priors([[0.5, 0.5]], [0.5, 0.5], [1.0, 0.0])
