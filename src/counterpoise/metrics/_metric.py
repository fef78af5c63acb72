"""What a metric is: a function of a `Sample` of rows; its value; and the list of all metrics."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from counterpoise.columns import Schema
from counterpoise.metrics._distance import (
    Distances,
    FloatArray,
    IntArray,
    Rows,
    associations,
    distances,
    encode,
)

_MAX_BINS = 10
_MAX_PAIRED_COLUMNS = 64  # whose pairs are measured: time grows with their square
MIN_HOLDOUT = 4  # held-out rows that can be cut in two
_N_HALVINGS = 10
_SUSPICIOUS = 0.1  # how far above chance a value gives a warning
_Z = float(stats.norm.ppf(0.975))

Interval: TypeAlias = tuple[float, float]


class Sample:
    """The `rows` to measure, beside the `real` ones (a `Sample` too) that they are compared with.

    `holdout` are real rows that the generator has not seen, or None; `rng` is for what is drawn.
    What metrics have in common is computed when it is first used, and once.
    """

    def __init__(
        self,
        rows: Rows,
        rng: np.random.Generator,
        *,
        real: Sample | None = None,
        holdout: Rows | None = None,
    ) -> None:
        if len(rows) < 2:
            kind = "real rows" if real is None else "rows"
            raise ValueError(f"at least 2 {kind} are needed to be measured; got {len(rows)}")
        self.rows, self.rng, self.holdout = rows, rng, holdout
        self.real = self if real is None else real

    @classmethod
    def from_frames(
        cls,
        real: pd.DataFrame,
        synthetic: pd.DataFrame,
        schema: Schema,
        *,
        holdout: pd.DataFrame | None = None,
        random_state: int | np.random.Generator = 0,
    ) -> Sample:
        """Prepare frames, at least two rows each, to be measured.

        >>> frame = pd.DataFrame({"a": [1, 2, 3, 4], "b": ["x", "y", "x", "y"]})
        >>> METRICS["coverage"].function(Sample.from_frames(frame, frame, Schema.infer(frame)))
        1.0
        """
        rng = np.random.default_rng(random_state)
        reference = [real] if holdout is None else [real, holdout]
        rows = encode(schema, reference, [synthetic])
        held = None if holdout is None else rows[1]
        return cls(rows[-1], rng, real=cls(rows[0], rng), holdout=held)

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def distances(self) -> Distances:
        """Between these rows, shape (n_rows, n_rows); infinite from a row to itself."""
        matrix = distances(self.rows, self.rows)
        np.fill_diagonal(matrix, np.inf)
        return matrix

    @cached_property
    def to_real(self) -> Distances:
        """Distances of the real rows to these, shape (n_real, n_rows)."""
        return self.distances if self.real is self else distances(self.real.rows, self.rows)

    @cached_property
    def to_holdout(self) -> Distances:
        """Distances of the held-out rows to these, shape (n_holdout, n_rows)."""
        assert self.holdout is not None, "a metric of held-out rows has a `min_holdout`"
        return distances(self.holdout, self.rows)

    @cached_property
    def centrality(self) -> FloatArray:
        """Mean distance of each row to the other ones."""
        finite = np.where(np.isinf(self.distances), 0.0, self.distances)
        return np.asarray(finite.sum(axis=1, dtype=np.float64) / (len(self) - 1))

    @cached_property
    def bins(self) -> IntArray:
        """Cells as bins from 0 up, (n_rows, n_columns): numbers by quantiles, missing apart."""
        # about five real rows per cell of two columns
        n_bins = int(np.clip(np.sqrt(len(self.real) / 5), 2, _MAX_BINS))
        columns = []
        for real, numbers in zip(self.real.rows.numbers.T, self.rows.numbers.T, strict=True):
            known = real[~np.isnan(real)]
            values = np.unique(known)
            edges: FloatArray = (values[1:] + values[:-1]) / 2
            if len(values) > n_bins:
                edges = np.unique(np.quantile(known, np.arange(1, n_bins) / n_bins))
            bins = np.searchsorted(edges, numbers, side="right")
            columns.append(np.where(np.isnan(numbers), len(edges) + 1, bins))
        return np.column_stack([*columns, *(self.rows.codes.T + 1)]).astype(np.int64)

    @cached_property
    def keys(self) -> list[bytes]:
        """One key per row, equal for equal rows."""
        return self.rows.keys()

    @cached_property
    def paired_columns(self) -> IntArray:
        """Positions of the columns whose pairs are measured: all, or 64 evenly spaced ones."""
        n_columns = len(self.rows.columns)
        spaced = np.linspace(0, n_columns - 1, min(n_columns, _MAX_PAIRED_COLUMNS))
        return spaced.round().astype(np.int64)

    @cached_property
    def associations(self) -> FloatArray:
        """Association of each pair of `paired_columns`."""
        return associations(self.rows, self.paired_columns)

    @cached_property
    def groups(self) -> IntArray:
        """Sub-group of each row, from 0: Ward clusters, one for every ten rows, 2 to 10 of them."""
        n_groups = int(np.clip(len(self) // 10, 2, 10))
        # Ward's method needs Euclidean distances, which the square roots of these are
        condensed = squareform(np.sqrt(self.distances, dtype=np.float64), checks=False)
        tree = hierarchy.linkage(condensed, method="ward")
        groups: IntArray = hierarchy.fcluster(tree, n_groups, criterion="maxclust").astype(np.int64)
        return groups - 1

    def radii(self, k: int) -> Distances:
        """Distance of each row to its `k`-th nearest other one (or to the farthest)."""
        k = min(k, len(self) - 1)
        return np.asarray(np.partition(self.distances, k - 1, axis=1)[:, k - 1])

    def take(self, chosen: npt.NDArray[Any]) -> Sample:
        """Return a sample of some of the rows, by position; distances are not computed again."""
        part = Sample(self.rows.take(chosen), self.rng, real=self.real, holdout=self.holdout)
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
        return half


def at_most(frame: pd.DataFrame, n_rows: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return the frame, or `n_rows` of its rows drawn at random, in their order."""
    if len(frame) <= n_rows:
        return frame
    return frame.iloc[np.sort(rng.choice(len(frame), n_rows, replace=False))]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value, with a 95 % interval where there is one."""

    value: float
    interval: Interval | None = None
    column: Hashable = None  # name of the column that it is about; None for whole rows


@dataclass(frozen=True, slots=True)
class Measure:
    """The value of a metric (which the first five fields describe), and what to compare it with.

    `interval` is a 95 % interval. The anchors are the values of held-out real rows (None where
    there are too few), of training rows repeated at random, and of training rows whose columns
    were shuffled, each on its own: what rows without any relation between columns reach.
    """

    name: str
    label: str
    aspect: str
    better: str
    meaning: str
    value: float
    interval: Interval | None
    real_anchor: float | None
    duplicate_anchor: float | None
    shuffled_anchor: float | None


def share_estimate(n_hits: float, n: float) -> Estimate:
    """Return a share with its Wilson score interval; scipy's takes whole numbers only."""
    share = n_hits / n
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return Estimate(float(share), (max(0.0, float(middle - half)), min(1.0, float(middle + half))))


def auc_estimate(
    positives: npt.ArrayLike, negatives: npt.ArrayLike, *, widened: float = 1.0
) -> Estimate:
    """Return the ROC AUC with DeLong's interval (Biometrics 44, 1988), `widened` by a factor."""
    high, low = np.asarray(positives, dtype=float), np.asarray(negatives, dtype=float)
    ranks = stats.rankdata(np.concatenate([high, low]))
    # share of the others below each score, with half of those equal to it
    above = (ranks[: len(high)] - stats.rankdata(high)) / len(low)
    below = (ranks[len(high) :] - stats.rankdata(low)) / len(high)
    auc = float(above.mean())
    error = widened * np.sqrt(above.var(ddof=1) / len(high) + below.var(ddof=1) / len(low))
    return Estimate(auc, (max(0.0, float(auc - _Z * error)), min(1.0, float(auc + _Z * error))))


Value: TypeAlias = float | Estimate | FloatArray | Mapping[Hashable, Estimate] | None
MetricFunction: TypeAlias = Callable[[Sample], Value]
_Function = TypeVar("_Function", bound=Callable[..., Any])


def as_estimate(value: Value, column: Hashable = None) -> Estimate | None:
    """Return what a metric function returned as one value.

    An array has a value per column: their mean. A mapping has estimates by column: the highest, or
    that of `column` if given.
    """
    if isinstance(value, Mapping):
        if column is None:
            column = max(value, key=lambda name: value[name].value, default=None)
        found = value.get(column)
        return None if found is None else replace(found, column=column)
    if value is None or isinstance(value, Estimate):
        return value
    return Estimate(float(np.mean(value)))


@dataclass(frozen=True, slots=True)
class Metric:
    """A function of a sample of rows, and how to read its value."""

    name: str  # of the function
    meaning: str  # first line of the function's docstring
    function: MetricFunction  # see `as_estimate`; returns None where the metric does not apply
    label: str  # what reports call it
    aspect: str  # "diversity", "fidelity", "privacy", or an aspect of your own
    better: Literal["higher", "lower", "real"]  # "real": near the value of held-out real rows
    # True: the value depends on the number of rows, so samples of equal size are measured: their
    # mean is the value, the middle 95 % of them the interval. False: all rows are measured once.
    equal_size: bool = True
    min_rows: int = 2  # real and synthetic rows that it needs, each
    # held-out rows that it needs; real rows are then measured by halves of them, one of which
    # stands for the synthetic rows
    min_holdout: int = 0
    among_training: bool = False  # whether training rows stand for held-out ones if there are none
    # template, of `value`, `real` and `column`, of a warning where the interval is above that of
    # real rows or above `chance`, the value by 0.1
    warning: str | None = None
    chance: float | None = None  # value without leakage, where it is known

    def lack(self, sample: Sample) -> str:
        """Return which rows `sample` has too few of to be measured; "" if it has enough."""
        if min(len(sample), len(sample.real)) < self.min_rows:
            return f"{self.min_rows} training and as many synthetic rows"
        n_holdout = 0 if sample.holdout is None else len(sample.holdout)
        return f"{self.min_holdout} held-out rows" if n_holdout < self.min_holdout else ""

    def measure(self, sample: Sample) -> Value:
        """Return the value for `sample`; None if it has none, or too few rows."""
        return None if self.lack(sample) else self.function(sample)

    def measure_real(self, synthetic: Sample, held_out: Sample | None) -> Value:
        """Return the value of real rows in place of the synthetic ones."""
        if held_out is None:
            return self.measure(synthetic.real) if self.among_training else None
        if not self.min_holdout:
            return self.measure(held_out)
        if len(held_out) < MIN_HOLDOUT:
            return None
        halves = (as_estimate(self.function(held_out.halved())) for _ in range(_N_HALVINGS))
        return float(np.mean([half.value for half in halves if half is not None]))

    def warn(self, found: Estimate, real: Estimate | None) -> str | None:
        """Return a warning where the value is surely too high."""
        if self.warning is None or found.interval is None:
            return None
        if self.chance is not None:
            is_high = found.value >= self.chance + _SUSPICIOUS and found.interval[0] > self.chance
        else:
            is_high = found.interval[0] > (real.interval[1] if real and real.interval else 0.0)
        if not is_high:
            return None
        of_real = None if real is None else real.value
        return self.warning.format(value=found.value, real=of_real, column=found.column)


METRICS: dict[str, Metric] = {}
"""Every metric by name, in the order in which they are measured and shown."""


def register_metric(label: str, **attributes: Any) -> Callable[[_Function], _Function]:
    """Decorate a function to add it to what `measure_quality` measures and a report shows.

    `attributes` are those of a `Metric`; at least `aspect` and `better`.

    >>> @register_metric("Rows", aspect="size", better="real")
    ... def n_rows(sample):
    ...     "Number of rows."
    ...     return float(len(sample))
    >>> METRICS.pop("n_rows").meaning
    'Number of rows.'
    """

    def register(function: _Function) -> _Function:
        meaning = (inspect.getdoc(function) or "").partition("\n")[0]
        name = function.__name__
        METRICS[name] = Metric(name, meaning, function, label, **attributes)
        return function

    return register
