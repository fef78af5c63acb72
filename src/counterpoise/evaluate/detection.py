"""Whether a classifier can tell synthetic rows from real ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold

from counterpoise.evaluate.distance import FloatArray, IntArray, Rows, encode
from counterpoise.evaluate.interval import (
    Interval,
    auc_with_interval,
    binomial_p_value,
    share_with_interval,
)
from counterpoise.table import Schema

__all__ = ["SMALLEST_SAMPLE", "Detection", "classifier_two_sample_test", "detection_auc"]

SMALLEST_SAMPLE = 10
"""Rows of each kind below which there is nothing to learn from."""
_N_FOLDS = 5
_N_TREES = 50
_WIDENED = float(np.sqrt(1 + _N_FOLDS / (_N_FOLDS - 1)))
_MOST_CATEGORIES = 30
"""Categories of a column that get an indicator each; rarer ones share one."""


@dataclass(frozen=True, slots=True)
class Detection:
    """How well a classifier tells synthetic rows from real ones.

    Attributes
    ----------
    value : float
        The accuracy or the area under the ROC curve, in [0, 1]; 0.5 is guessing.
    interval : tuple of two floats
        95 % interval of the value.
    p_value : float or None
        Probability of so high an accuracy if the rows could not be told apart.
    n : int
        Rows that were classified.
    """

    value: float
    interval: Interval
    p_value: float | None
    n: int


def classifier_two_sample_test(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    schema: Schema,
    *,
    rng: np.random.Generator | None = None,
) -> Detection:
    """Test whether real and synthetic rows can come from one distribution [1]_.

    A random forest learns on half of the rows to tell the two apart; its accuracy on the other
    half is the value. Equal numbers of both are used. If the two come from one distribution, each
    row of the second half is classified rightly with probability 1/2, which gives an exact
    binomial test. Interval: Wilson's.

    Parameters
    ----------
    real, synthetic : DataFrame of shape (n_real, n_columns), (n_synthetic, n_columns)
        At least ten rows each.
    schema : Schema
        What the columns are.
    rng : numpy.random.Generator, default=None
        Draws the halves and the forest; None starts one from 0.

    References
    ----------
    .. [1] Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", ICLR 2017.
    """
    rows = encode(schema, [real], [synthetic])
    return two_sample_test_of(rows[0], rows[1], rng or np.random.default_rng(0))


def detection_auc(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    schema: Schema,
    *,
    rng: np.random.Generator | None = None,
) -> Detection:
    """Area under the ROC curve of a classifier that tells synthetic rows from real ones.

    Of a random forest, by five-fold stratified cross-validation: every row is scored by a forest
    that has not seen it. Equal numbers of both are used. 0.5: cannot be told apart; 1: always.
    Values below 0.5 are a sign of copies: a copy is classified as its original in the other
    folds. Interval: DeLong's, one and a half times as wide, which is Nadeau and Bengio's correction
    [1]_ for five folds: forests that learn from overlapping rows make their errors together.

    Parameters
    ----------
    real, synthetic, schema, rng
        As in :func:`classifier_two_sample_test`.

    References
    ----------
    .. [1] Nadeau and Bengio, "Inference for the generalization error", Machine Learning 52
       (2003).
    """
    rows = encode(schema, [real], [synthetic])
    return detection_auc_of(rows[0], rows[1], rng or np.random.default_rng(0))


def two_sample_test_of(real: Rows, sample: Rows, rng: np.random.Generator) -> Detection:
    """As :func:`classifier_two_sample_test`."""
    X, y = _balanced(real, sample, rng)
    n_learned = len(y) // 4  # of each kind
    learned = np.concatenate([rng.permutation(np.flatnonzero(y == k))[:n_learned] for k in (0, 1)])
    is_learned = np.zeros(len(y), dtype=bool)
    is_learned[learned] = True
    scores = _scores(X[is_learned], y[is_learned], X[~is_learned], rng)
    n = int((~is_learned).sum())
    # a score of exactly one half is decided by lot, so that guessing is right half the time
    decided = scores + rng.choice([-1e-9, 1e-9], n) > 0.5
    n_right = int((decided == (y[~is_learned] == 1)).sum())
    value, interval = share_with_interval(n_right, n)
    return Detection(value, interval, binomial_p_value(n_right, n), n)


def detection_auc_of(real: Rows, sample: Rows, rng: np.random.Generator) -> Detection:
    """As :func:`detection_auc`."""
    X, y = _balanced(real, sample, rng)
    folds = StratifiedKFold(_N_FOLDS, shuffle=True, random_state=int(rng.integers(2**31)))
    scores = np.empty(len(y))
    for learned, scored in folds.split(X, y):
        scores[scored] = _scores(X[learned], y[learned], X[scored], rng)
    value, interval = auc_with_interval(scores[y == 1], scores[y == 0], widened=_WIDENED)
    return Detection(value, interval, None, len(y))


def _balanced(real: Rows, sample: Rows, rng: np.random.Generator) -> tuple[FloatArray, IntArray]:
    """Draw as many real as synthetic rows; features and 1 for synthetic."""
    n = min(len(real), len(sample))
    if n < SMALLEST_SAMPLE:
        raise ValueError(
            f"at least {SMALLEST_SAMPLE} real and as many synthetic rows are needed to train a "
            f"classifier on; got {len(real)} and {len(sample)}"
        )
    parts = [rows.take(rng.choice(len(rows), n, replace=False)) for rows in (real, sample)]
    X = _features(parts[0], parts[1])
    return X, np.repeat(np.array([0, 1], dtype=np.int64), n)


def _features(real: Rows, sample: Rows) -> FloatArray:
    """Ranks of numbers (NaN where missing, which a forest splits on), an indicator a category."""
    numbers = np.vstack([real.positions, sample.positions])
    codes = np.vstack([real.codes, sample.codes])
    indicators = []
    for column in codes.T:
        values, counts = np.unique(column, return_counts=True)
        common = values[np.argsort(-counts, kind="stable")[:_MOST_CATEGORIES]]
        indicators.append(column[:, None] == common[None, :])
    return np.hstack([numbers, *indicators]).astype(np.float32)


def _scores(
    X: FloatArray, y: IntArray, X_scored: FloatArray, rng: np.random.Generator
) -> FloatArray:
    forest = RandomForestClassifier(
        _N_TREES, min_samples_leaf=2, random_state=int(rng.integers(2**31))
    )
    scores: FloatArray = forest.fit(X, y).predict_proba(X_scored)[:, 1]
    return scores
