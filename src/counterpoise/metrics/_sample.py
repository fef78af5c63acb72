"""Rows to measure beside the real rows: what every metric is a function of."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from counterpoise.columns._schema import Schema
from counterpoise.metrics._associations import associations
from counterpoise.metrics._distance import (
    Distances,
    FloatArray,
    IntArray,
    Rows,
    distances,
    encode,
)

_MAX_BINS = 10
_ROWS_PER_GROUP = 10
_MAX_GROUPS = 10
_MAX_PAIRED_COLUMNS = 64
"""Columns of which all pairs are measured: time grows with the square of their number."""


class RealRows:
    """Real rows that samples are compared with, and what is computed from them once."""

    def __init__(self, rows: Rows) -> None:
        if len(rows) < 2:
            raise ValueError(f"at least 2 real rows are needed to compare with; got {len(rows)}")
        self.rows = rows
        # about five rows per cell of two columns
        self.n_bins = int(np.clip(np.sqrt(len(rows) / 5), 2, _MAX_BINS))

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def distances(self) -> Distances:
        """Between the rows, shape (n_real, n_real); infinite from a row to itself."""
        matrix = distances(self.rows, self.rows)
        np.fill_diagonal(matrix, np.inf)
        return matrix

    @cached_property
    def bins(self) -> IntArray:
        """Cells as bins, as `bin_rows` returns them."""
        return bin_rows(self.rows, self.rows, self.n_bins)

    @cached_property
    def keys(self) -> list[bytes]:
        """One key per row, equal for equal rows."""
        return self.rows.keys()

    @cached_property
    def groups(self) -> IntArray:
        """Sub-group of each row, from 0: Ward clusters, one for every ten rows, 2 to 10 of them."""
        n_groups = int(np.clip(len(self) // _ROWS_PER_GROUP, 2, _MAX_GROUPS))
        # Ward's method needs Euclidean distances, which the square roots of these are
        condensed = squareform(np.sqrt(self.distances, dtype=np.float64), checks=False)
        tree = hierarchy.linkage(condensed, method="ward")
        groups: IntArray = hierarchy.fcluster(tree, n_groups, criterion="maxclust").astype(np.int64)
        return groups - 1

    @cached_property
    def associations(self) -> FloatArray:
        """Association of each pair of `paired_columns`."""
        return associations(self.rows, self.paired_columns)

    @cached_property
    def paired_columns(self) -> IntArray:
        """Positions of the columns whose pairs are measured: all, or 64 evenly spaced ones."""
        n_columns = len(self.rows.columns)
        spaced = np.linspace(0, n_columns - 1, min(n_columns, _MAX_PAIRED_COLUMNS))
        return spaced.round().astype(np.int64)

    def radii(self, k: int) -> Distances:
        """Distance of each row to its `k`-th nearest other one (or to the farthest)."""
        k = min(k, len(self) - 1)
        radii: Distances = np.partition(self.distances, k - 1, axis=1)[:, k - 1]
        return radii


class Sample:
    """Rows to measure, beside the real rows that they are compared with.

    Attributes
    ----------
    real : RealRows
        The real rows that the generator was trained on.
    rows : Rows
        The rows to measure: synthetic ones or, for comparison, real ones.
    holdout : Rows or None
        Real rows that the generator has not seen.
    rng : numpy.random.Generator
        For what is drawn at random.
    """

    def __init__(
        self, real: RealRows, rows: Rows, holdout: Rows | None, rng: np.random.Generator
    ) -> None:
        if len(rows) < 2:
            raise ValueError(f"at least 2 rows are needed to be measured; got {len(rows)}")
        self.real = real
        self.rows = rows
        self.holdout = holdout
        self.rng = rng

    @classmethod
    def from_frames(
        cls,
        real: pd.DataFrame,
        synthetic: pd.DataFrame,
        schema: Schema,
        *,
        holdout: pd.DataFrame | None = None,
        random_state: int = 0,
    ) -> Sample:
        """Prepare frames, at least two rows each, to be measured.

        Parameters
        ----------
        real, synthetic : DataFrame of shape (n_real, n_columns), (n_synthetic, n_columns)
            Rows that the generator was trained on, and rows that it generated.
        schema : Schema
            The columns.
        holdout : DataFrame of shape (n_holdout, n_columns), default=None
            Real rows that the generator has not seen.
        random_state : int, default=0
            Seed of `rng`.

        Examples
        --------
        >>> from counterpoise.metrics import coverage
        >>> frame = pd.DataFrame({"a": [1, 2, 3, 4], "b": ["x", "y", "x", "y"]})
        >>> coverage(Sample.from_frames(frame, frame, Schema.infer(frame)))
        1.0
        """
        reference = [real] if holdout is None else [real, holdout]
        rows = encode(schema, reference, [synthetic])
        held = None if holdout is None else rows[1]
        return cls(RealRows(rows[0]), rows[-1], held, np.random.default_rng(random_state))

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def bins(self) -> IntArray:
        """Cells as bins, as `bin_rows` returns them."""
        return bin_rows(self.real.rows, self.rows, self.real.n_bins)

    @cached_property
    def to_real(self) -> Distances:
        """Distances of the real rows to these, shape (n_real, n_rows)."""
        return distances(self.real.rows, self.rows)

    @cached_property
    def to_holdout(self) -> Distances:
        """Distances of the held-out rows to these, shape (n_holdout, n_rows)."""
        if self.holdout is None:
            raise ValueError("this metric takes held-out rows; there are none")
        return distances(self.holdout, self.rows)

    @cached_property
    def distances(self) -> Distances:
        """Between these rows, shape (n_rows, n_rows); infinite from a row to itself."""
        matrix = distances(self.rows, self.rows)
        np.fill_diagonal(matrix, np.inf)
        return matrix

    def training_rows(self) -> Sample:
        """Return the training rows as a sample, each compared with the other ones."""
        sample = Sample(self.real, self.real.rows, self.holdout, self.rng)
        sample.to_real = sample.distances = self.real.distances
        return sample

    def take(self, chosen: npt.NDArray[Any]) -> Sample:
        """Return a sample of some of the rows, by position; distances are not computed again."""
        part = Sample(self.real, self.rows.take(chosen), self.holdout, self.rng)
        part.bins = self.bins[chosen]
        part.to_real = self.to_real[:, chosen]
        part.distances = self.distances[np.ix_(chosen, chosen)]
        # a row that was taken twice is two rows without distance
        part.distances[chosen[:, None] == chosen[None, :]] = 0.0
        np.fill_diagonal(part.distances, np.inf)
        return part

    def halved(self) -> Sample:
        """Return a random half of the rows, with the other half for its held-out rows."""
        other, chosen = np.array_split(self.rng.permutation(len(self)), 2)
        half = self.take(chosen)
        half.holdout = self.rows.take(other)
        half.to_holdout = self.distances[np.ix_(other, chosen)]
        return half


def bin_rows(real: Rows, rows: Rows, n_bins: int) -> IntArray:
    """Give the cells of every column bins from 0 up, numbers by quantiles of the real rows.

    Returns
    -------
    ndarray of shape (n_rows, n_columns), int64
        Columns in the order of ``rows.columns``; a missing cell is a bin of its own.
    """
    columns = []
    shares = np.arange(1, n_bins) / n_bins
    for real_numbers, numbers in zip(real.numbers.T, rows.numbers.T, strict=True):
        known = real_numbers[~np.isnan(real_numbers)]
        values = np.unique(known)
        if len(values) <= n_bins:
            edges: FloatArray = (values[1:] + values[:-1]) / 2
        else:
            edges = np.unique(np.quantile(known, shares))
        bins = np.searchsorted(edges, numbers, side="right")
        columns.append(np.where(np.isnan(numbers), len(edges) + 1, bins))
    columns += list(rows.codes.T + 1)
    return np.column_stack(columns).astype(np.int64)


def at_most(frame: pd.DataFrame, n_rows: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return the frame, or `n_rows` of its rows drawn at random, in their order."""
    if len(frame) <= n_rows:
        return frame
    return frame.iloc[np.sort(rng.choice(len(frame), n_rows, replace=False))]
