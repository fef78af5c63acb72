"""A sample of rows beside the real ones: what the measures of diversity and realism work on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from counterpoise.columns._schema import Schema
from counterpoise.metrics._distance import FloatArray, IntArray, Rows, distances, encode

# Entropies of columns and of whole rows, estimated from counts; all in nats.


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


def binned_entropies(bins: IntArray) -> FloatArray:
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
    entropies = binned_entropies(bins)
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


_ROWS_A_GROUP = 10
_MOST_GROUPS = 10


@dataclass(frozen=True, eq=False)
class Reference:
    """The real rows that samples are held against, and what is worked out of them once.

    Attributes
    ----------
    rows : Rows
        The real rows.
    n_bins : int
        Bins of a numeric column where a measure counts values.
    bins : ndarray of shape (n_real, n_columns), int64
        Cells as values that can be counted.
    gaps : ndarray of shape (n_real, n_real), float32
        Distances between the real rows; infinite to itself.
    groups : ndarray of shape (n_real,), int64
        Which sub-group each belongs to: Ward linkage of the square roots of the distances (which
        are Euclidean), cut into a group for every ten rows, 2 to 10 of them.
    """

    rows: Rows
    n_bins: int = field(init=False)
    bins: IntArray = field(init=False)
    gaps: npt.NDArray[np.float32] = field(init=False)
    groups: IntArray = field(init=False)

    def __post_init__(self) -> None:
        n_rows = len(self.rows)
        if n_rows < 2:
            raise ValueError(f"at least 2 real rows are needed to compare with; got {n_rows}")
        gaps = distances(self.rows, self.rows)
        assign = object.__setattr__
        assign(self, "n_bins", n_bins_for(n_rows))
        assign(self, "bins", bin_rows(self.rows, self.rows, self.n_bins))
        assign(self, "groups", _groups(gaps))
        np.fill_diagonal(gaps, np.inf)
        assign(self, "gaps", gaps)

    def radii(self, k: int) -> npt.NDArray[np.float32]:
        """Distance of each real row to its `k`-th nearest other one (or to the farthest)."""
        k = min(k, len(self.rows) - 1)
        radii: npt.NDArray[np.float32] = np.partition(self.gaps, k - 1, axis=1)[:, k - 1]
        return radii

    def eccentricities(self) -> FloatArray:
        """Mean distance of each real row to the others."""
        finite = np.where(np.isinf(self.gaps), 0.0, self.gaps)
        means: FloatArray = finite.sum(axis=1, dtype=np.float64) / (len(self.rows) - 1)
        return means


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """A sample of rows beside the real ones.

    Attributes
    ----------
    real : Reference
        The real rows.
    sample : Rows
        The rows to be judged.
    bins : ndarray of shape (n_sample, n_columns), int64
        Their cells as values that can be counted.
    to_real : ndarray of shape (n_real, n_sample), float32
        Distances between the real rows and the sample's.
    gaps : ndarray of shape (n_sample, n_sample), float32
        Distances between the sample's rows; infinite to itself.
    """

    real: Reference
    sample: Rows
    bins: IntArray
    to_real: npt.NDArray[np.float32]
    gaps: npt.NDArray[np.float32]

    def take(self, indices: npt.NDArray[Any]) -> Comparison:
        """Return the comparison with some of the sample's rows only."""
        return Comparison(
            self.real,
            self.sample.take(indices),
            self.bins[indices],
            self.to_real[:, indices],
            self._gaps_of(indices),
        )

    def _gaps_of(self, indices: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        gaps: npt.NDArray[np.float32] = self.gaps[np.ix_(indices, indices)]
        # a row that was taken twice is two rows without distance
        same = indices[:, None] == indices[None, :]
        gaps[same] = 0.0
        np.fill_diagonal(gaps, np.inf)
        return gaps


def hold_against(real: Reference, sample: Rows) -> Comparison:
    """Compare `sample` with the real rows; both encoded together."""
    if len(sample) < 2:
        raise ValueError(f"at least 2 rows are needed to be compared; got {len(sample)}")
    gaps = distances(sample, sample)
    np.fill_diagonal(gaps, np.inf)
    return Comparison(
        real,
        sample,
        bin_rows(real.rows, sample, real.n_bins),
        distances(real.rows, sample),
        gaps,
    )


def compare(real: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema) -> Comparison:
    """Compare two frames; what each measure of two frames begins with.

    Parameters
    ----------
    real : DataFrame of shape (n_real, n_columns)
        Real rows, at least two.
    synthetic : DataFrame of shape (n_synthetic, n_columns)
        The rows to be judged, at least two.
    schema : Schema
        What the columns are.
    """
    real_rows, sample = encode(schema, [real], [synthetic])
    return hold_against(Reference(real_rows), sample)


def _groups(gaps: npt.NDArray[np.float32]) -> IntArray:
    n_groups = int(np.clip(len(gaps) // _ROWS_A_GROUP, 2, _MOST_GROUPS))
    condensed = squareform(np.sqrt(gaps, dtype=np.float64), checks=False)
    tree = hierarchy.linkage(condensed, method="ward")
    groups: IntArray = hierarchy.fcluster(tree, n_groups, criterion="maxclust").astype(np.int64)
    return groups - 1
