"""Whether a mean difference over the splits of one table is more than chance.

The corrected resampled t-test of Nadeau and Bengio ("Inference for the generalization error",
Machine Learning 52, 2003): splits share training rows, so the plain variance of a mean is too
small, and 1/n is replaced by 1/n + n_test/n_train. With ``test_to_train=0``, for independent units,
it is Student's t-test. All are NaN with fewer than two differences.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats


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
    """Return p-values adjusted for their number by Holm's procedure, which scipy does not have.

    NaN stays NaN, and does not count.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]  # NaN comes last
    adjusted = np.full_like(p, np.nan)
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * p[order]), 1.0)
    return [float(value) for value in adjusted]
