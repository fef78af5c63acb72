"""Intervals and tests of shares and of areas under the ROC curve."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import stats

Interval: TypeAlias = tuple[float, float]
_Z = 1.959963984540054
"""Of a two-sided interval with 95 %."""


def share_with_interval(n_hits: float, n: float) -> tuple[float, Interval]:
    """Return a share and its Wilson score interval (95 %)."""
    share = n_hits / n
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return float(share), (max(0.0, float(middle - half)), min(1.0, float(middle + half)))


def auc_with_interval(
    positives: npt.ArrayLike, negatives: npt.ArrayLike, *, widened: float = 1.0
) -> tuple[float, Interval]:
    """Return the area under the ROC curve of scores, and its interval (95 %) after DeLong [1]_.

    Parameters
    ----------
    positives, negatives : array-like of shape (n_positives,), (n_negatives,)
        Scores; ties count half. At least two each.
    widened : float
        Factor of the interval's width, where scores are not independent.

    References
    ----------
    .. [1] DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988).
    """
    high, low = np.asarray(positives, dtype=float), np.asarray(negatives, dtype=float)
    above = _placements(high, low)
    below = 1 - _placements(low, high)
    auc = float(above.mean())
    error = widened * np.sqrt(above.var(ddof=1) / len(high) + below.var(ddof=1) / len(low))
    return auc, (max(0.0, float(auc - _Z * error)), min(1.0, float(auc + _Z * error)))


def _placements(scores: npt.NDArray[Any], others: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Share of `others` below each score, with half of those equal to it."""
    ordered = np.sort(others)
    left = np.searchsorted(ordered, scores, side="left")
    right = np.searchsorted(ordered, scores, side="right")
    placements: npt.NDArray[Any] = (left + right) / (2 * len(others))
    return placements


def binomial_p_value(n_hits: int, n: int, share: float = 0.5) -> float:
    """Return the exact probability of at least `n_hits` hits among `n`, each with `share`."""
    return float(stats.binomtest(n_hits, n, share, alternative="greater").pvalue)
