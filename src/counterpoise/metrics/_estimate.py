"""A value with its 95 % interval, and how the intervals of shares and areas are computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import stats

Interval: TypeAlias = tuple[float, float]
_Z = float(stats.norm.ppf(0.975))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value, with a 95 % interval and the p-value of a test where there are such.

    `column` is the name of the column that it is about, None if it is about whole rows.
    """

    value: float
    interval: Interval | None = None
    p_value: float | None = None
    column: Any = None


def share_estimate(n_hits: float, n: float) -> Estimate:
    """Return a share with its Wilson score interval; scipy's takes whole numbers only."""
    share = n_hits / n
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return Estimate(float(share), (max(0.0, float(middle - half)), min(1.0, float(middle + half))))


def auc_estimate(
    positives: npt.ArrayLike, negatives: npt.ArrayLike, *, widened: float = 1.0
) -> Estimate:
    """Return the area under the ROC curve of scores, at least two each, with DeLong's interval.

    `widened` is a factor of its width, where scores are not independent. DeLong, DeLong and
    Clarke-Pearson, Biometrics 44 (1988).
    """
    high, low = np.asarray(positives, dtype=float), np.asarray(negatives, dtype=float)
    above = _placements(high, low)
    below = 1 - _placements(low, high)
    auc = float(above.mean())
    error = widened * np.sqrt(above.var(ddof=1) / len(high) + below.var(ddof=1) / len(low))
    return Estimate(auc, (max(0.0, float(auc - _Z * error)), min(1.0, float(auc + _Z * error))))


def _placements(scores: npt.NDArray[Any], others: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Share of `others` below each score, with half of those equal to it."""
    ordered = np.sort(others)
    left = np.searchsorted(ordered, scores, side="left")
    right = np.searchsorted(ordered, scores, side="right")
    placements: npt.NDArray[Any] = (left + right) / (2 * len(others))
    return placements
