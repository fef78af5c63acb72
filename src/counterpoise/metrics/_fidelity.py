"""Fidelity: marginals, associations, and whether a classifier can tell rows from real ones."""

from __future__ import annotations

import numpy as np
from scipy import stats

from counterpoise.metrics._distance import FloatArray, IntArray
from counterpoise.metrics._diversity import LEVELS
from counterpoise.metrics._metric import (
    Estimate,
    Sample,
    auc_estimate,
    register_metric,
    share_estimate,
)

_MIN_ROWS = 10
_N_FOLDS = 5
_N_TREES = 50
_WIDENED = float(np.sqrt(1 + _N_FOLDS / (_N_FOLDS - 1)))
_MAX_INDICATORS = 30
"""Categories of a column that get an indicator each; rarer ones share none."""


@register_metric("Distance of the columns", aspect="fidelity", better="lower")
def marginal_distance(sample: Sample) -> float:
    """Largest difference of a column's distribution, in 0 to 1; mean over the columns."""
    return float(marginal_distances(sample).mean())


@register_metric("Error of the associations", aspect="fidelity", better="lower")
def association_error(sample: Sample) -> float:
    """Difference in how strongly two columns are associated, in 0 to 1; mean over pairs.

    Over all pairs of columns (of at most 64, evenly spaced); 0 where there is one column.
    """
    differences = sample.real.associations - sample.associations
    if len(differences) < 2:
        return 0.0
    return float(np.abs(differences)[np.tril_indices(len(differences), -1)].mean())


@register_metric("Alpha-precision", aspect="fidelity", better="higher")
def alpha_precision(sample: Sample) -> float:
    """How well the rows fill the core of the training rows, in 0 to 1.

    For a share a, the core is where a row is as central as the a most central real rows, and the
    precision P(a) is the share of the sample's rows in the core. The metric is
    ``1 - sum |P(a) - a| / sum a`` over a = 1/20, ..., 1: low both where rows fall outside and
    where they crowd in the middle.

    NOTE[DIFF]: as in `beta_recall`, it is the mean distance to the real rows that says how central
    a row is.
    """
    cores = np.quantile(sample.real.centrality, LEVELS)
    centrality = sample.to_real.mean(axis=0, dtype=np.float64)
    precision = np.array([(centrality <= core).mean() for core in cores])
    return float(1 - np.abs(precision - LEVELS).sum() / LEVELS.sum())


@register_metric(
    "Two-sample test", aspect="fidelity", better="real", equal_size=False, min_rows=_MIN_ROWS
)
def two_sample_test(sample: Sample) -> Estimate:
    """Accuracy of a classifier that tells the rows from training rows; 0.5 is guessing.

    A random forest learns on half of the rows to tell the two apart; its accuracy on the other
    half is the value. Equal numbers of both are used. If the two come from one distribution, each
    row of the second half is classified correctly with probability 1/2, which gives an exact
    binomial test (Lopez-Paz and Oquab, ICLR 2017). Interval: Wilson's.
    """
    X, y = _balanced(sample)
    n_train = len(y) // 4  # of each kind
    train = [sample.rng.permutation(np.flatnonzero(y == kind))[:n_train] for kind in (0, 1)]
    is_train = np.isin(np.arange(len(y)), np.concatenate(train))
    scores = _forest_scores(X[is_train], y[is_train], X[~is_train], sample.rng)
    n = int((~is_train).sum())
    # a score of exactly one half is decided at random, so that guessing is right half the time
    predicted = scores + sample.rng.choice([-1e-9, 1e-9], n) > 0.5
    n_correct = int((predicted == (y[~is_train] == 1)).sum())
    found = share_estimate(n_correct, n)
    test = stats.binomtest(n_correct, n, alternative="greater")
    return Estimate(found.value, found.interval, float(test.pvalue))


@register_metric(
    "Detection AUC", aspect="fidelity", better="real", equal_size=False, min_rows=_MIN_ROWS
)
def detection_auc(sample: Sample) -> Estimate:
    """ROC AUC of a classifier that tells the rows from training rows; less than 0.5: copies.

    Of a random forest, by five-fold stratified cross-validation: every row is scored by a forest
    that has not seen it. Equal numbers of both are used. 0.5: cannot be told apart; 1: always.
    Values below 0.5 are a sign of copies: a copy is classified as its original in the other
    folds. Interval: DeLong's, one and a half times as wide, which is the correction of Nadeau and
    Bengio (Machine Learning 52, 2003) for five folds: the errors of forests that learn from
    overlapping rows are correlated.
    """
    from sklearn.model_selection import StratifiedKFold

    X, y = _balanced(sample)
    folds = StratifiedKFold(_N_FOLDS, shuffle=True, random_state=int(sample.rng.integers(2**31)))
    scores = np.empty(len(y))
    for train, test in folds.split(X, y):
        scores[test] = _forest_scores(X[train], y[train], X[test], sample.rng)
    return auc_estimate(scores[y == 1], scores[y == 0], widened=_WIDENED)


def marginal_distances(sample: Sample) -> FloatArray:
    """How far each column's distribution is from the real one's, in [0, 1]; missing is a value."""
    real, rows = sample.real.rows, sample.rows
    found = list(map(_kolmogorov_smirnov, real.numbers.T, rows.numbers.T))
    found += list(map(_total_variation, real.codes.T, rows.codes.T))
    return np.array(found)


def _kolmogorov_smirnov(real: FloatArray, numbers: FloatArray) -> float:
    """Own code: scipy's also computes a p-value, which takes ten times as long."""
    parts = [np.sort(np.where(np.isnan(part), -np.inf, part)) for part in (real, numbers)]
    values = np.concatenate(parts)
    shares = [np.searchsorted(part, values, side="right") / len(part) for part in parts]
    return float(np.abs(shares[0] - shares[1]).max())


def _total_variation(real: IntArray, codes: IntArray) -> float:
    n_values = int(max(real.max(), codes.max())) + 2
    shares = [np.bincount(part + 1, minlength=n_values) / len(part) for part in (real, codes)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def _balanced(sample: Sample) -> tuple[FloatArray, IntArray]:
    """Draw as many real rows as rows of the sample; return features, and 1 for the sample."""
    n = min(len(sample.real), len(sample))
    if n < _MIN_ROWS:
        raise ValueError(
            f"at least {_MIN_ROWS} real and as many synthetic rows are needed to train a "
            f"classifier; got {len(sample.real)} and {len(sample)}"
        )
    parts = [
        rows.take(sample.rng.choice(len(rows), n, replace=False))
        for rows in (sample.real.rows, sample.rows)
    ]
    # ranks of numbers (a forest splits on NaN too), and an indicator per category
    features = [np.vstack([part.positions for part in parts])]
    for column in np.vstack([part.codes for part in parts]).T:
        values, counts = np.unique(column, return_counts=True)
        common = values[np.argsort(-counts, kind="stable")[:_MAX_INDICATORS]]
        features.append((column[:, None] == common).astype(np.float32))
    return np.hstack(features), np.repeat(np.array([0, 1], dtype=np.int64), n)


def _forest_scores(
    X: FloatArray, y: IntArray, X_test: FloatArray, rng: np.random.Generator
) -> FloatArray:
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(
        _N_TREES, min_samples_leaf=2, random_state=int(rng.integers(2**31))
    )
    return np.asarray(forest.fit(X, y).predict_proba(X_test)[:, 1])
