"""A sample of rows beside the real ones: what the measures of diversity and realism work on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from counterpoise.evaluate.distance import FloatArray, IntArray, Rows, distances, encode
from counterpoise.evaluate.information import bin_rows, n_bins_for
from counterpoise.table import Schema

__all__ = ["Comparison", "Reference", "compare"]

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
