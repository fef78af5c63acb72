"""Scores of a class against the rest, from probabilities; thresholds; costs of errors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)


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
        "f1": f1_score(truth, predicted, **weight),
        "precision": precision_score(truth, predicted, zero_division=0.0, **weight),
        "recall": recall_score(truth, predicted, **weight),
        "roc_auc": roc_auc_score(truth, p, **weight),
        "pr_auc": average_precision_score(truth, p, **weight),
        "balanced_accuracy": balanced_accuracy_score(truth, predicted, **weight),
        "brier": brier_score_loss(truth, p, **weight),
        "log_loss": log_loss(truth, p, labels=[False, True], **weight),
    }
    return {name: float(value) for name, value in found.items()}


def best_threshold(y_true: Any, probability: npt.ArrayLike, *, positive: Any) -> float:
    """Return the threshold with the highest F1 of `positive`; of equally good ones, the highest.

    It lies halfway between two probabilities, so that new rows close to either fall on the same
    side. Give it probabilities of rows that the classifier was not trained on.
    """
    truth, p = _by_falling_probability(y_true, probability, positive)
    f1 = 2 * np.cumsum(truth) / (np.arange(1, len(p) + 1) + truth.sum())
    return _best_cut(p, np.append(-1.0, f1))


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

    def best_threshold(self, y: Any, probability: npt.ArrayLike, *, positive: Any) -> float:
        """Return the threshold of least cost; of equally good ones, the highest.

        It is infinite where it is best to predict no row positive. Give it probabilities of rows
        that the classifier was not trained on.
        """
        truth, p = _by_falling_probability(y, probability, positive)
        cost = self.false_negative * truth.sum() + np.append(
            0.0, np.cumsum(np.where(truth, -self.false_negative, self.false_positive))
        )
        return _best_cut(p, -cost)


def _by_falling_probability(
    y: Any, probability: npt.ArrayLike, positive: Any
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    """Return whether rows are positive, and their probabilities, the likeliest first."""
    p = np.asarray(probability, dtype=np.float64)
    order = np.argsort(-p, kind="stable")
    return (np.asarray(y) == positive)[order], p[order]


def _best_cut(p: npt.NDArray[np.float64], value: npt.NDArray[np.float64]) -> float:
    """Return the best threshold; value[k] is the value of predicting the first k rows positive."""
    can_cut = np.concatenate([[True], p[1:] != p[:-1], [True]])
    n_predicted = int(np.argmax(np.where(can_cut, value, -np.inf)))
    if n_predicted == 0:
        return float("inf")
    below = p[n_predicted] if n_predicted < len(p) else 0.0
    return float((p[n_predicted - 1] + below) / 2)
