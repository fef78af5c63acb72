"""Whether synthetic rows could be real ones: marginals, associations, and who can tell them apart.

Each measure takes a frame of real rows and one of synthetic rows (or, where its name ends in
`_of`, a :class:`~counterpoise.evaluate.comparison.Comparison` of them).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from counterpoise.evaluate.association import associations_of
from counterpoise.evaluate.comparison import Comparison, compare
from counterpoise.evaluate.distance import FloatArray, IntArray, Rows, column_order, encode
from counterpoise.table import Schema

__all__ = ["alpha_precision", "association_error", "marginal_distances"]

N_LEVELS = 20


def marginal_distances(
    real: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema
) -> pd.Series[float]:
    """How far each synthetic column's distribution is from the real one's, in [0, 1], by name.

    Categories: the total variation distance, half the sum of the differences of their shares; a
    missing cell is a category. Numbers: the Kolmogorov-Smirnov distance, the largest difference of
    the two distribution functions; a missing cell counts as smaller than any number.
    """
    real_rows, sample = encode(schema, [real], [synthetic])
    names = [column.name for column in column_order(schema)]
    return pd.Series(marginal_distances_of(real_rows, sample), index=names, dtype=float)


def association_error(real: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema) -> float:
    """Mean absolute difference between real and synthetic associations of two columns.

    Over all pairs of columns, of the values of
    :func:`counterpoise.evaluate.association.association_matrix`; 0 where there is one column.
    """
    real_rows, sample = encode(schema, [real], [synthetic])
    return association_error_of(associations_of(real_rows), sample)


def alpha_precision(real: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema) -> float:
    """How well the synthetic rows fill the core of the real ones, in [0, 1] [1]_.

    For a share a, the core is where a row is as central as the a most central real rows, and the
    precision P(a) is the share of synthetic rows in the core. The measure is
    ``1 - sum |P(a) - a| / sum a`` over a = 1/20, ..., 1: low both where rows fall outside and
    where they crowd in the middle.

    NOTE[DIFF]: [1]_ measures how central a row is by its distance from the centre of an
    embedding. Rows of mixed types have no centre: here it is the mean distance to the real rows.

    References
    ----------
    .. [1] Alaa et al., "How faithful is your synthetic data?", ICML 2022.
    """
    return alpha_precision_of(compare(real, synthetic, schema))


def alpha_precision_of(comparison: Comparison) -> float:
    """As :func:`alpha_precision`."""
    levels = np.arange(1, N_LEVELS + 1) / N_LEVELS
    cores = np.quantile(comparison.real.eccentricities(), levels)
    eccentricities = comparison.to_real.mean(axis=0, dtype=np.float64)
    curve = np.array([(eccentricities <= core).mean() for core in cores])
    return float(1 - np.abs(curve - levels).sum() / levels.sum())


def association_error_of(real: FloatArray, sample: Rows) -> float:
    """As :func:`association_error`, given the associations of the real rows."""
    pairs = np.tril_indices(len(real), -1)
    if not len(pairs[0]):
        return 0.0
    return float(np.abs(real - associations_of(sample))[pairs].mean())


def marginal_distances_of(real: Rows, sample: Rows) -> FloatArray:
    """As :func:`marginal_distances`, in the order of `column_order`."""
    numeric = [
        _kolmogorov_smirnov(real.numbers[:, at], sample.numbers[:, at])
        for at in range(real.numbers.shape[1])
    ]
    others = [
        _total_variation(real.codes[:, at] + 1, sample.codes[:, at] + 1)
        for at in range(real.codes.shape[1])
    ]
    return np.array(numeric + others)


def _kolmogorov_smirnov(real: FloatArray, sample: FloatArray) -> float:
    one, other = (np.sort(np.where(np.isnan(part), -np.inf, part)) for part in (real, sample))
    values = np.concatenate([one, other])
    shares = [np.searchsorted(part, values, side="right") / len(part) for part in (one, other)]
    return float(np.abs(shares[0] - shares[1]).max())


def _total_variation(real: IntArray, sample: IntArray) -> float:
    n_values = int(max(real.max(), sample.max())) + 1
    shares = [np.bincount(part, minlength=n_values) / len(part) for part in (real, sample)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)
