"""Entropies of columns and of whole rows, estimated from counts; all in nats."""

from __future__ import annotations

import numpy as np

from counterpoise.evaluate.distance import FloatArray, IntArray, Rows

__all__ = ["bin_rows", "chow_liu_entropy", "column_entropies", "entropy_of_codes", "n_bins_for"]

_MOST_BINS = 10


def n_bins_for(n_rows: int) -> int:
    """How many bins a numeric column gets: about five rows a cell of a pair, 2 to 10 bins."""
    return int(np.clip(np.sqrt(n_rows / 5), 2, _MOST_BINS))


def bin_rows(real: Rows, rows: Rows, n_bins: int) -> IntArray:
    """Give the cells of every column codes from 0 up, numbers by quantiles of the real rows.

    Returns
    -------
    ndarray of shape (n_rows, n_columns), int64
        The numeric columns, then the others; a missing cell is a value of its own.
    """
    columns = []
    shares = np.arange(1, n_bins) / n_bins
    for at in range(real.numbers.shape[1]):
        known = real.numbers[:, at]
        known = known[~np.isnan(known)]
        edges = np.unique(np.quantile(known, shares)) if len(known) else np.empty(0)
        values = np.unique(known)
        if len(values) <= n_bins:
            edges = (values[1:] + values[:-1]) / 2
        numbers = rows.numbers[:, at]
        bins = np.searchsorted(edges, numbers, side="right")
        columns.append(np.where(np.isnan(numbers), len(edges) + 1, bins))
    columns += [rows.codes[:, at] + 1 for at in range(rows.codes.shape[1])]
    return np.column_stack(columns).astype(np.int64)


def entropy_of_codes(codes: IntArray) -> float:
    """Entropy of the distribution that codes, shape (n_rows,), were drawn from.

    The plug-in estimate with the correction of Miller and Madow: ``(values seen - 1) / 2 n`` for
    what a sample of n rows leaves out.
    """
    counts = np.bincount(codes)
    return _entropy_of_counts(counts[counts > 0].astype(float))


def column_entropies(bins: IntArray) -> FloatArray:
    """Entropy of each column of `bins`, shape (n_columns,)."""
    return np.array([entropy_of_codes(column) for column in bins.T])


def chow_liu_entropy(bins: IntArray) -> float:
    """Entropy of the closest distribution whose dependences form a tree over the columns [1]_.

    The sum of the columns' entropies less the mutual information along the tree that has most of
    it. An upper bound of the joint entropy (dependences beyond the tree are not subtracted), and
    equal to it where the dependences are a tree. Unlike the count of distinct rows, it can be
    estimated from far fewer rows than there are possible ones.

    References
    ----------
    .. [1] C. K. Chow and C. N. Liu, "Approximating discrete probability distributions with
       dependence trees", IEEE Transactions on Information Theory 14 (1968).
    """
    entropies = column_entropies(bins)
    n_columns = len(entropies)
    information = np.zeros((n_columns, n_columns))
    for one in range(n_columns):
        n_values = int(bins[:, one].max()) + 1
        for other in range(one):
            joint = entropy_of_codes(bins[:, one] + n_values * bins[:, other])
            shared = max(0.0, entropies[one] + entropies[other] - joint)
            information[one, other] = information[other, one] = shared
    return float(entropies.sum() - _heaviest_tree(information))


def _entropy_of_counts(counts: FloatArray) -> float:
    n_rows = counts.sum()
    if n_rows == 0:
        return float("nan")
    shares = counts / n_rows
    return float(-(shares * np.log(shares)).sum() + (len(counts) - 1) / (2 * n_rows))


def _heaviest_tree(weights: FloatArray) -> float:
    """Sum of the edges of the spanning tree with the largest sum (Prim's algorithm)."""
    n_nodes = len(weights)
    inside = np.zeros(n_nodes, dtype=bool)
    inside[0] = True
    best = weights[0].copy()
    total = 0.0
    for _ in range(n_nodes - 1):
        node = int(np.where(inside, -np.inf, best).argmax())
        total += float(best[node])
        inside[node] = True
        best = np.maximum(best, weights[node])
    return total
