"""Scores of a class against the rest, from probabilities; and the threshold they are taken at."""

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

DEFAULT_THRESHOLD = 0.5


def scores(
    y_true: Any,
    probability: npt.ArrayLike,
    threshold: float = DEFAULT_THRESHOLD,
    *,
    positive: Any,
    sample_weight: npt.ArrayLike | None = None,
) -> dict[str, float]:
    """Score predictions of one class, as a rule the minority, against all the others.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Labels. With more than two classes, what is not `positive` counts as one class: these are
        then scores of telling the positive class from the rest.
    probability : array-like of shape (n_rows,)
        Probability of `positive`.
    threshold : float
        A row is called positive where its probability is not less.
    positive : object
        The class that is scored.
    sample_weight : array-like of shape (n_rows,), optional
        How much each row counts: where test rows have other shares of the classes than the rows
        that a method is for, weights give them the right ones.

    Returns
    -------
    dict of str to float
        ``f1``, ``precision``, ``recall``, ``balanced_accuracy`` of the decisions at `threshold`;
        ``roc_auc`` and ``pr_auc`` (average precision) of the ranking; ``brier`` and ``log_loss``
        (nats) of the probabilities, where less is better.

    Raises
    ------
    ValueError
        If the rows hold only positives or none, or probabilities are not in [0, 1].

    Examples
    --------
    >>> found = scores(["a", "b", "b", "a"], [0.1, 0.9, 0.4, 0.2], positive="b")
    >>> found["recall"], found["precision"], found["pr_auc"]
    (0.5, 1.0, 1.0)
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
    called = p >= threshold
    weigh: dict[str, Any] = {"sample_weight": sample_weight}
    found = {
        "f1": f1_score(truth, called, **weigh),
        "precision": precision_score(truth, called, zero_division=0.0, **weigh),
        "recall": recall_score(truth, called, **weigh),
        "roc_auc": roc_auc_score(truth, p, **weigh),
        "pr_auc": average_precision_score(truth, p, **weigh),
        "balanced_accuracy": balanced_accuracy_score(truth, called, **weigh),
        "brier": brier_score_loss(truth, p, **weigh),
        "log_loss": log_loss(truth, p, labels=[False, True], **weigh),
    }
    return {name: float(value) for name, value in found.items()}


def best_threshold(y_true: Any, probability: npt.ArrayLike, *, positive: Any) -> float:
    """Return the threshold with the highest F1 of `positive` on these rows.

    It lies half way between the lowest probability that is called positive and the next one
    below, so that new rows close to either fall on the same side. Of equally good ones it is the
    highest. Give it probabilities of rows that the classifier was not trained on.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
    probability : array-like of shape (n_rows,)
        Probability of `positive`.

    Examples
    --------
    >>> best_threshold(["a", "a", "b", "b"], [0.1, 0.2, 0.3, 0.9], positive="b")
    0.25
    """
    truth = np.asarray(y_true) == positive
    p = np.asarray(probability, dtype=np.float64)
    order = np.argsort(-p, kind="stable")
    p, truth = p[order], truth[order]
    is_last_of_value = np.append(p[1:] != p[:-1], True)
    n_called = np.arange(1, len(p) + 1)
    f1 = 2 * np.cumsum(truth) / (n_called + truth.sum())
    best = int(np.argmax(np.where(is_last_of_value, f1, -1.0)))
    below = p[best + 1] if best + 1 < len(p) else 0.0
    return float((p[best] + below) / 2)


# What mistakes cost, and the threshold at which they cost least.


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of the two mistakes, in any unit.

    Parameters
    ----------
    false_negative
        Of a row of the positive class that is not called positive.
    false_positive
        Of another row that is.

    Raises
    ------
    ValueError
        If one is negative or no number, or both are nil.

    Examples
    --------
    >>> costs = Costs(false_negative=100, false_positive=5)
    >>> costs.of(["b", "a", "a", "a"], [0.2, 0.1, 0.6, 0.3], 0.5, positive="b")
    26.25
    >>> costs.best_threshold(["b", "a", "a", "a"], [0.2, 0.1, 0.6, 0.3], positive="b")
    0.15000000000000002
    """

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
        """Return the mean cost a row of calling positive from `threshold` on."""
        truth = np.asarray(y) == positive
        called = np.asarray(probability) >= threshold
        n_missed, n_false = int((truth & ~called).sum()), int((~truth & called).sum())
        total = self.false_negative * n_missed + self.false_positive * n_false
        return float(total / len(truth))

    def best_threshold(self, y: Any, probability: npt.ArrayLike, *, positive: Any) -> float:
        """Return the threshold of least cost on these rows; of equally good ones the highest.

        It lies half way between two probabilities that occur, below all of them (0: call every
        row positive) or above (infinity: call none). Give it probabilities of rows that the
        classifier was not trained on.
        """
        truth = np.asarray(y) == positive
        p = np.asarray(probability, dtype=np.float64)
        order = np.argsort(-p, kind="stable")
        p, truth = p[order], truth[order]
        # the cost of calling the first k rows, for k from 0 to all
        cost = self.false_negative * truth.sum() + np.append(
            0.0, np.cumsum(np.where(truth, -self.false_negative, self.false_positive))
        )
        can_cut = np.concatenate([[True], p[1:] != p[:-1], [True]])
        best = int(np.argmin(np.where(can_cut, cost, np.inf)))
        if best == 0:
            return float("inf")
        return float((p[best - 1] + (p[best] if best < len(p) else 0.0)) / 2)
