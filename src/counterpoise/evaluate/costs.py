"""What mistakes cost, and the threshold at which they cost least."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Costs"]


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
