"""Whether a mean difference over the splits of one table is more than chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number by Holm's step-down procedure.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p)
    factors = np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * p[order]), 1.0)
    return [float(value) for value in adjusted]


def corrected_interval(
    differences: npt.ArrayLike, test_to_train: float = 0.0, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the confidence interval of a mean difference over splits of one table.

    Splits share training rows, so the plain variance of a mean is too small. Nadeau and Bengio
    (2003, "Inference for the generalization error") replace 1/n by 1/n + n_test/n_train.

    Parameters
    ----------
    differences : array-like of shape (n_splits,)
    test_to_train : float
        Number of test rows over that of training rows; 0 for independent units, where the
        interval is Student's.

    Returns
    -------
    low, high : float
        NaN with fewer than two differences.
    """
    values = np.asarray(differences, dtype=np.float64)
    n = len(values)
    if n < 2:
        return float("nan"), float("nan")
    half = stats.t.ppf((1 + confidence) / 2, n - 1) * np.sqrt(
        (1 / n + test_to_train) * values.var(ddof=1)
    )
    return float(values.mean() - half), float(values.mean() + half)


def corrected_p_value(differences: npt.ArrayLike, test_to_train: float = 0.0) -> float:
    """Return the two-sided p-value of no mean difference over splits of one table.

    The test that belongs to :func:`corrected_interval`, with the same parameters. 1 where all
    differences are nil; NaN with fewer than two.
    """
    values = np.asarray(differences, dtype=np.float64)
    n = len(values)
    if n < 2:
        return float("nan")
    if not values.any():
        return 1.0
    error = np.sqrt((1 / n + test_to_train) * values.var(ddof=1))
    if error == 0:
        return 0.0
    return float(2 * stats.t.sf(abs(values.mean() / error), n - 1))
