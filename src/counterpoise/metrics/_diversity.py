"""How varied the rows are: entropies, coverage of the real rows, distances among themselves.

Each measure takes a frame of real rows and one of synthetic rows (or, where its name ends in `_of`,
a :class:`~counterpoise.metrics._reference.Comparison` of them).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from counterpoise.columns._schema import Schema
from counterpoise.metrics._distance import FloatArray, IntArray, column_order, encode
from counterpoise.metrics._reference import (
    Comparison,
    bin_rows,
    chow_liu_entropy,
    compare,
    n_bins_for,
)
from counterpoise.metrics._reference import binned_entropies as entropies_of_bins

N_NEIGHBORS = 5
N_LEVELS = 20


def column_entropies(
    real: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema
) -> pd.Series[float]:
    """Entropy of each synthetic column, in nats, by name.

    Numbers are counted in bins that hold equal shares of the real values (2 to 10 bins, by the
    number of real rows); a missing cell is a value of its own. Plug-in estimate with the
    correction of Miller and Madow.
    """
    bins, _ = _bins(synthetic, real, schema)
    return pd.Series(entropies_of_bins(bins), index=_names(schema), dtype=float)


def joint_entropy(real: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema) -> float:
    """Entropy of the synthetic rows, in nats: the tree estimate of Chow and Liu.

    Of the cells counted as in :func:`column_entropies`. See
    :func:`counterpoise.metrics._reference.chow_liu_entropy`: it takes the strongest dependences
    between columns into account, and is an upper bound of the entropy with all of them.
    """
    return chow_liu_entropy(_bins(synthetic, real, schema)[0])


def support_coverage(
    real: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema
) -> pd.Series[float]:
    """Share of each column's real values that occur among the synthetic ones, by name.

    Numbers are counted in bins as in :func:`column_entropies`; a missing cell is a value.
    """
    bins, real_bins = _bins(synthetic, real, schema)
    return pd.Series(support_coverage_of(real_bins, bins), index=_names(schema), dtype=float)


def distinct_row_rate(real: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema) -> float:
    """Count of distinct synthetic rows by the number of synthetic rows, in (0, 1].

    Two rows are the same if all their cells are, numbers to the column's decimals.
    """
    return distinct_row_rate_of(encode(schema, [real], [synthetic])[1].keys())


def density(
    real: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema, *, k: int = N_NEIGHBORS
) -> float:
    """How densely the real rows surround the synthetic ones [1]_; 1 for real rows, on average.

    Around each real row lies a ball that reaches to its `k`-th nearest other real row. The density
    is the mean number of balls that a synthetic row lies in, divided by `k`. It can exceed 1 where
    the synthetic rows keep to where the real ones are densest.

    References
    ----------
    .. [1] Naeem et al., "Reliable fidelity and diversity metrics for generative models", ICML
       2020.
    """
    return density_of(compare(real, synthetic, schema), k)


def coverage(
    real: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema, *, k: int = N_NEIGHBORS
) -> float:
    """Share of the real rows whose ball holds some synthetic row (see :func:`density`).

    It grows with the number of synthetic rows: with as many as there are real ones, and drawn
    from the same distribution, ``1 - 2**-k`` is to be expected.
    """
    return coverage_of(compare(real, synthetic, schema), k)


def beta_recall(
    real: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema, *, k: int = N_NEIGHBORS
) -> float:
    """How evenly the real rows are covered by the core of the synthetic ones, in [0, 1] [1]_.

    For a share b, the core is the b most central synthetic rows, and the recall R(b) is the share
    of real rows in whose ball (see :func:`density`) the nearest synthetic row lies and is in the
    core. The measure is ``1 - sum |R(b) - b| / sum b`` over b = 1/20, ..., 1.

    NOTE[DIFF]: [1]_ measures how central a row is by its distance from the centre of an
    embedding. Rows of mixed types have no centre: here it is the mean distance to all other
    synthetic rows.

    References
    ----------
    .. [1] Alaa et al., "How faithful is your synthetic data?", ICML 2022.
    """
    return beta_recall_of(compare(real, synthetic, schema), k)


def mean_pairwise_distance(real: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema) -> float:
    """Mean distance between two different synthetic rows (0: all the same).

    The distance is that of :mod:`counterpoise.metrics._distance`, ranks being those among the
    real rows. Two independent uniform numbers are 1/3 apart.
    """
    return mean_pairwise_distance_of(compare(real, synthetic, schema))


def subgroup_shares(real: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Share of the real and of the synthetic rows in each sub-group of the real ones.

    Sub-groups are clusters of the real rows (Ward linkage of the square roots of the distances; one
    for every ten rows, 2 to 10 of them); a synthetic row belongs to the group of the real row
    nearest to it.

    Returns
    -------
    DataFrame of shape (n_groups, 2)
        Columns ``real`` and ``synthetic``; each sums to 1.
    """
    shares = subgroup_shares_of(compare(real, synthetic, schema))
    return pd.DataFrame({"real": shares[0], "synthetic": shares[1]})


def subgroup_coverage(real: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema) -> float:
    """Share of the real rows' sub-groups that get at least half of their share, in [0, 1].

    See :func:`subgroup_shares`.
    """
    return subgroup_coverage_of(compare(real, synthetic, schema))


def density_of(comparison: Comparison, k: int = N_NEIGHBORS) -> float:
    radii = comparison.real.radii(k)
    within = comparison.to_real <= radii[:, None]
    return float(within.sum(axis=0).mean() / min(k, len(radii) - 1))


def coverage_of(comparison: Comparison, k: int = N_NEIGHBORS) -> float:
    nearest = comparison.to_real.min(axis=1)
    return float((nearest <= comparison.real.radii(k)).mean())


def beta_recall_of(comparison: Comparison, k: int = N_NEIGHBORS) -> float:
    n_sample = len(comparison.sample)
    others = np.where(np.isinf(comparison.gaps), 0.0, comparison.gaps)
    eccentricities = others.sum(axis=1, dtype=np.float64) / (n_sample - 1)
    nearest = comparison.to_real.argmin(axis=1)
    is_covered = comparison.to_real.min(axis=1) <= comparison.real.radii(k)
    levels = np.arange(1, N_LEVELS + 1) / N_LEVELS
    cores = np.quantile(eccentricities, levels)
    curve = np.array([(is_covered & (eccentricities[nearest] <= core)).mean() for core in cores])
    return float(1 - np.abs(curve - levels).sum() / levels.sum())


def mean_pairwise_distance_of(comparison: Comparison) -> float:
    n_sample = len(comparison.sample)
    gaps = comparison.gaps[~np.eye(n_sample, dtype=bool)]
    return float(gaps.mean(dtype=np.float64))


def subgroup_shares_of(comparison: Comparison) -> FloatArray:
    groups = comparison.real.groups
    n_groups = int(groups.max()) + 1
    of_sample = groups[comparison.to_real.argmin(axis=0)]
    shares = [np.bincount(part, minlength=n_groups) / len(part) for part in (groups, of_sample)]
    return np.array(shares)


def subgroup_coverage_of(comparison: Comparison) -> float:
    real, synthetic = subgroup_shares_of(comparison)
    return float((synthetic >= real / 2).mean())


def support_coverage_of(real_bins: IntArray, bins: IntArray) -> FloatArray:
    return np.array(
        [
            np.isin(np.unique(real), np.unique(sample)).mean()
            for real, sample in zip(real_bins.T, bins.T, strict=True)
        ]
    )


def distinct_row_rate_of(keys: list[bytes]) -> float:
    return len(set(keys)) / len(keys)


def _bins(synthetic: pd.DataFrame, real: pd.DataFrame, schema: Schema) -> tuple[IntArray, IntArray]:
    real_rows, sample = encode(schema, [real], [synthetic])
    n_bins = n_bins_for(len(real_rows))
    return bin_rows(real_rows, sample, n_bins), bin_rows(real_rows, real_rows, n_bins)


def _names(schema: Schema) -> list[object]:
    """Names of the columns in the order of `bin_rows`."""
    return [column.name for column in column_order(schema)]
