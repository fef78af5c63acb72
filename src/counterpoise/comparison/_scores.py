"""Scores of a class against the rest, thresholds, costs; whether a difference is more than chance.

The test is the corrected resampled t-test of Nadeau and Bengio ("Inference for the generalization
error", Machine Learning 52, 2003): splits share training rows, so the plain variance of a mean is
too small, and 1/n is replaced by 1/n + n_test/n_train. With ``test_to_train=0``, for independent
units, it is Student's t-test. Intervals and p-values are NaN with fewer than two differences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats
from sklearn import metrics


def scores(
    y_true: Any,
    probability: npt.ArrayLike,
    threshold: float = 0.5,
    *,
    positive: Any,
    sample_weight: npt.ArrayLike | None = None,
) -> dict[str, float]:
    """Score predictions of the class `positive` against all the others.

    A row is predicted positive where its probability is not below the threshold, which ``f1``,
    ``precision``, ``recall`` and ``balanced_accuracy`` depend on. ``pr_auc`` is average precision,
    ``log_loss`` is in nats; of it and of ``brier``, less is better.
    """
    truth = np.asarray(y_true) == positive
    p = np.asarray(probability, dtype=np.float64)
    if truth.all() or not truth.any():
        raise ValueError(
            f"scores need rows of {positive!r} and others; {int(truth.sum())} of {len(truth)} are"
        )
    if p.shape != truth.shape or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(
            f"expected {len(truth)} probabilities between 0 and 1; got shape {p.shape}, "
            f"from {p.min()} to {p.max()}"
        )
    predicted = p >= threshold
    weight: dict[str, Any] = {"sample_weight": sample_weight}
    found = {
        "f1": metrics.f1_score(truth, predicted, **weight),
        "precision": metrics.precision_score(truth, predicted, zero_division=0.0, **weight),
        "recall": metrics.recall_score(truth, predicted, **weight),
        "roc_auc": metrics.roc_auc_score(truth, p, **weight),
        "pr_auc": metrics.average_precision_score(truth, p, **weight),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, predicted, **weight),
        "brier": metrics.brier_score_loss(truth, p, **weight),
        "log_loss": metrics.log_loss(truth, p, labels=[False, True], **weight),
    }
    return {name: float(value) for name, value in found.items()}


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of the two kinds of error, in any unit."""

    false_negative: float
    false_positive: float

    def __post_init__(self) -> None:
        both = (self.false_negative, self.false_positive)
        if not all(math.isfinite(cost) and cost >= 0 for cost in both) or not any(both):
            raise ValueError(
                "costs must be numbers from 0 up, and not both 0; got "
                f"false_negative={self.false_negative!r}, false_positive={self.false_positive!r}"
            )

    def of(self, y: Any, probability: npt.ArrayLike, threshold: float, *, positive: Any) -> float:
        """Return the mean cost per row of predicting positive from `threshold` on."""
        truth = np.asarray(y) == positive
        predicted = np.asarray(probability) >= threshold
        n_missed, n_false = int((truth & ~predicted).sum()), int((~truth & predicted).sum())
        total = self.false_negative * n_missed + self.false_positive * n_false
        return float(total / len(truth))


def best_threshold(
    y_true: Any, probability: npt.ArrayLike, *, positive: Any, costs: Costs | None = None
) -> float:
    """Return the threshold with the highest F1 of `positive` or, with `costs`, of least cost.

    Of equally good ones, it is the highest. It lies halfway between two probabilities, so that new
    rows close to either fall on the same side; it is infinite where it is best to predict no row
    positive. Give it probabilities of rows that the classifier was not trained on.
    """
    p = np.asarray(probability, dtype=np.float64)
    order = np.argsort(-p, kind="stable")
    p, truth = p[order], (np.asarray(y_true) == positive)[order]
    if costs is None:
        f1 = 2 * np.cumsum(truth) / (np.arange(1, len(p) + 1) + truth.sum())
        value = np.append(-1.0, f1)  # of predicting the first k rows positive, as below
    else:
        saved = np.cumsum(np.where(truth, costs.false_negative, -costs.false_positive))
        value = np.append(0.0, saved)
    can_cut = np.concatenate([[True], p[1:] != p[:-1], [True]])
    n_predicted = int(np.argmax(np.where(can_cut, value, -np.inf)))
    if n_predicted == 0:
        return float("inf")
    below = p[n_predicted] if n_predicted < len(p) else 0.0
    return float((p[n_predicted - 1] + below) / 2)


def corrected_interval(
    differences: npt.ArrayLike, test_to_train: float = 0.0, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the confidence interval of a mean difference."""
    mean, error, n = _mean_and_error(differences, test_to_train)
    half = stats.t.ppf((1 + confidence) / 2, n - 1) * error
    return float(mean - half), float(mean + half)


def corrected_p_value(differences: npt.ArrayLike, test_to_train: float = 0.0) -> float:
    """Return the two-sided p-value of no mean difference."""
    mean, error, n = _mean_and_error(differences, test_to_train)
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stats.t.sf(abs(mean / error), n - 1))


def _mean_and_error(differences: npt.ArrayLike, test_to_train: float) -> tuple[float, float, int]:
    """Return the mean, its corrected standard error, and the number of differences."""
    values = np.asarray(differences, dtype=np.float64)
    n = len(values)
    if n < 2:
        return float("nan"), float("nan"), n
    return values.mean(), np.sqrt((1 / n + test_to_train) * values.var(ddof=1)), n


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number by Holm's procedure, which scipy does not have."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]  # NaN comes last
    adjusted = np.full_like(p, np.nan)
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * p[order]), 1.0)
    return [float(value) for value in adjusted]
