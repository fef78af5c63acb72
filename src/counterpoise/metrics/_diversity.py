"""Diversity: entropies, coverage of the real rows, distances among the rows."""

from __future__ import annotations

import numpy as np
from scipy.sparse.csgraph import minimum_spanning_tree

from counterpoise.metrics._distance import FloatArray, IntArray
from counterpoise.metrics._metric import Sample, register_metric

LEVELS = np.arange(1, 21) / 20
"""Shares of the rows that are in the core, in `beta_recall` and `alpha_precision`."""
_N_NEIGHBORS = 5


@register_metric("Distinct rows", aspect="diversity", better="higher", equal_size=False)
def distinct_row_rate(sample: Sample) -> float:
    """Share of distinct rows among all rows."""
    return len(set(sample.keys)) / len(sample)


@register_metric("Entropy of the columns", aspect="diversity", better="higher")
def column_entropy(sample: Sample) -> float:
    """Mean over the columns of how evenly values are used, in nats; numbers in bins."""
    return float(column_entropies(sample).mean())


@register_metric("Entropy of the rows", aspect="diversity", better="higher")
def joint_entropy(sample: Sample) -> float:
    """Variety of whole rows, in nats, given the strongest dependences between columns.

    Of at most 64 columns, evenly spaced.
    """
    return chow_liu_entropy(sample.bins[:, sample.real.paired_columns])


@register_metric("Values covered", aspect="diversity", better="higher")
def support_coverage(sample: Sample) -> float:
    """Share of a column's real values (bins, for numbers) that occur; mean over columns."""
    return float(column_support_coverage(sample).mean())


@register_metric("Coverage", aspect="diversity", better="higher")
def coverage(sample: Sample, k: int = _N_NEIGHBORS) -> float:
    """Share of the training rows that have a synthetic row in their neighbourhood.

    It grows with the number of rows: with as many as there are real ones, and drawn from the same
    distribution, ``1 - 2**-k`` is expected.
    """
    return float((sample.to_real.min(axis=1) <= sample.real.radii(k)).mean())


@register_metric("Density", aspect="diversity", better="real")
def density(sample: Sample, k: int = _N_NEIGHBORS) -> float:
    """Neighbourhoods of training rows that a row lies in; about 1 for real rows, more is crowding.

    Around each real row lies a ball that reaches to its `k`-th nearest other real row. The density
    is the mean number of balls that a row lies in, divided by `k` (Naeem et al., "Reliable
    fidelity and diversity metrics for generative models", ICML 2020).
    """
    within = sample.to_real <= sample.real.radii(k)[:, None]
    return float(within.sum(axis=0).mean() / min(k, len(sample.real) - 1))


@register_metric("Beta-recall", aspect="diversity", better="higher")
def beta_recall(sample: Sample, k: int = _N_NEIGHBORS) -> float:
    """How evenly the core of the rows covers the training rows, in 0 to 1.

    For a share b, the core is the b most central rows of the sample, and the recall R(b) is the
    share of real rows in whose ball (see `density`) the nearest row lies and is in the core. The
    metric is ``1 - sum |R(b) - b| / sum b`` over b = 1/20, ..., 1.

    NOTE[DIFF]: Alaa et al. ("How faithful is your synthetic data?", ICML 2022) measure how central
    a row is by its distance from the centre of an embedding. Rows of mixed types have no centre:
    here it is the mean distance to the other rows.
    """
    centrality = sample.centrality
    nearest = sample.to_real.argmin(axis=1)
    is_covered = sample.to_real.min(axis=1) <= sample.real.radii(k)
    cores = np.quantile(centrality, LEVELS)
    recall = np.array([(is_covered & (centrality[nearest] <= core)).mean() for core in cores])
    return float(1 - np.abs(recall - LEVELS).sum() / LEVELS.sum())


@register_metric("Distance between rows", aspect="diversity", better="real")
def mean_pairwise_distance(sample: Sample) -> float:
    """Mean distance between two rows, in 0 to 1; below real rows: too alike, above: noise."""
    off_diagonal = ~np.eye(len(sample), dtype=bool)
    return float(sample.distances[off_diagonal].mean(dtype=np.float64))


@register_metric("Sub-groups covered", aspect="diversity", better="higher")
def subgroup_coverage(sample: Sample) -> float:
    """Share of the training rows' clusters that get at least half of their share.

    A row belongs to the cluster of the real row nearest to it, see `Sample.groups`.
    """
    real = sample.real.groups
    n_real = np.bincount(real)
    n_rows = np.bincount(real[sample.to_real.argmin(axis=0)], minlength=len(n_real))
    return float((n_rows / len(sample) >= n_real / len(real) / 2).mean())


def column_entropies(sample: Sample) -> FloatArray:
    """Entropy of each column, in nats; numbers in bins, and a missing cell is a value."""
    return np.array([entropy(column) for column in sample.bins.T])


def column_support_coverage(sample: Sample) -> FloatArray:
    """Share of each column's real values, numbers in bins, that occur."""
    shares = []
    for real, bins in zip(sample.real.bins.T, sample.bins.T, strict=True):
        shares.append(np.isin(np.unique(real), bins).mean())
    return np.array(shares)


def entropy(codes: IntArray) -> float:
    """Entropy, in nats, of what codes of shape (n_rows,) were drawn from.

    The plug-in estimate with the correction of Miller and Madow; scipy's takes ten times as long.
    """
    counts = np.bincount(codes)
    counts = counts[counts > 0]
    shares = counts / len(codes)
    return float(-(shares * np.log(shares)).sum() + (len(counts) - 1) / (2 * len(codes)))


def chow_liu_entropy(bins: IntArray) -> float:
    """Entropy of the closest distribution whose dependences form a tree over the columns.

    An upper bound of the joint entropy, which can be estimated from far fewer rows than there are
    possible ones. Chow and Liu, IEEE Transactions on Information Theory 14 (1968).
    """
    entropies = np.array([entropy(column) for column in bins.T])
    information = np.zeros((len(entropies), len(entropies)))
    for one in range(len(entropies)):
        n_values = int(bins[:, one].max()) + 1
        for other in range(one):
            joint = entropy(bins[:, one] + n_values * bins[:, other])
            information[one, other] = max(0.0, entropies[one] + entropies[other] - joint)
    # the heaviest tree; pairs without information may be left out of it, as they add nothing
    return float(entropies.sum() + minimum_spanning_tree(-information).sum())
