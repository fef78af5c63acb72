"""Every metric of synthetic rows at once, each beside what real and what repeated rows reach."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from counterpoise.columns._schema import Schema
from counterpoise.errors import MissingDependencyError
from counterpoise.metrics import _privacy  # noqa: F401 - registers its metrics
from counterpoise.metrics._distance import encode
from counterpoise.metrics._diversity import column_entropies, column_support_coverage
from counterpoise.metrics._estimate import Estimate, Interval
from counterpoise.metrics._fidelity import marginal_distances
from counterpoise.metrics._metric import METRICS, Metric
from counterpoise.metrics._sample import RealRows, Sample, at_most

_SHOWN = ("name", "label", "aspect", "better", "meaning")
_COLUMN_FIGURES = (column_entropies, column_support_coverage, marginal_distances)


@dataclass(frozen=True, slots=True)
class Measure:
    """The value of a metric for synthetic rows, and what to compare it with.

    `name` to `meaning` are those of the `Metric`; `interval` is a 95 % interval (see
    `measure_quality`). The anchors are the values of held-out real rows (None where there are none,
    or too few) and of training rows repeated at random.
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
    p_value: float | None = None


@dataclass(frozen=True, slots=True)
class Quality:
    """Diversity, fidelity and privacy of synthetic rows.

    Attributes
    ----------
    n_train, n_holdout, n_synthetic : int
        Rows given; `n_holdout` is 0 where there was no holdout.
    n_compared : int
        Rows per sample of equal size.
    measures : tuple of Measure
        In the order in which metrics are registered.
    columns : dict of str to dict of str to float
        By column: the mean over samples of `column_entropies` (in nats), `column_support_coverage`
        and `marginal_distances`. None where only metrics of all rows were asked for.
    warnings : tuple of str
        Signs of leakage in plain words; none where there is no sign of any.
    notes : tuple of str
        What was not measured, and why.
    """

    n_train: int
    n_holdout: int
    n_synthetic: int
    n_compared: int
    measures: tuple[Measure, ...]
    columns: dict[str, dict[str, float]]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    def __iter__(self) -> Iterator[Measure]:
        return iter(self.measures)

    def __getitem__(self, name: str) -> Measure:
        """Return the measure called `name`; KeyError if it was not taken."""
        for measure in self.measures:
            if measure.name == name:
                return measure
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return any(measure.name == name for measure in self.measures)

    @property
    def leaks(self) -> bool:
        """Whether there is a sign of leakage; `warnings` says which."""
        return bool(self.warnings)

    @property
    def aspects(self) -> tuple[str, ...]:
        """Aspects that were measured, in their order."""
        return tuple(dict.fromkeys(measure.aspect for measure in self.measures))

    def of(self, aspect: str) -> tuple[Measure, ...]:
        """Return the measures of one aspect."""
        return tuple(measure for measure in self.measures if measure.aspect == aspect)

    def to_frame(self) -> pd.DataFrame:
        """Return the measures as a table, one per row, indexed by name."""
        return pd.DataFrame([asdict(measure) for measure in self.measures]).set_index("name")

    def to_dict(self) -> dict[str, Any]:
        """Return the figures in JSON types only; a value that is not finite becomes None."""
        record: dict[str, Any] = json_types(asdict(self))
        return record | {"leaks": self.leaks}

    def to_json(self, *, indent: int | None = None) -> str:
        """Return :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)


def json_types(value: Any) -> Any:
    """Return `value` in types that JSON has: keys as strings, None for what is not finite."""
    if isinstance(value, dict):
        return {str(key): json_types(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_types(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def measure_quality(
    train: pd.DataFrame,
    holdout: pd.DataFrame | None,
    synthetic: pd.DataFrame,
    schema: Schema,
    *,
    aspects: Collection[str] | None = None,
    max_rows: int = 2000,
    n_draws: int = 40,
    random_state: Any = None,
) -> Quality:
    """Measure the diversity, fidelity and privacy of synthetic rows of one class.

    Each value stands beside two anchors: that of held-out real rows in place of the synthetic
    ones, and that of training rows repeated at random.

    Parameters
    ----------
    train : DataFrame of shape (n_train, n_columns)
        Real rows of the class that the generator was trained on; at least two.
    holdout : DataFrame of shape (n_holdout, n_columns) or None
        Real rows of the class that it has not seen, drawn at random from where `train` is from.
        None (or fewer than two): the real anchors and two metrics of privacy are left out.
    synthetic : DataFrame of shape (n_synthetic, n_columns)
        Generated rows; at least two.
    schema : Schema
        The columns. It may lack the label.
    aspects : collection of str, default=None
        Which metrics to measure: ``"diversity"``, ``"fidelity"``, ``"privacy"``, and aspects of
        metrics of your own; all by default.
    max_rows : int, default=2000
        Of each of the three frames, no more than this many rows are used, drawn at random: time
        and memory grow with the square of it.
    n_draws : int, default=40
        Number of samples of equal size.
    random_state : int, RandomState instance or None, default=None
        Draws the samples.

    Returns
    -------
    Quality
        The figures.

    Raises
    ------
    ValueError
        If there are fewer than two training or synthetic rows, a frame lacks a column, or an
        aspect is unknown.

    Notes
    -----
    Many metrics depend on the number of rows. They are measured on samples of equal size: as many
    rows as the holdout has (or as `train` has, without one), drawn from the synthetic rows without
    replacement. The value is the mean, the interval the middle 95 % of `n_draws` samples (None
    where there are too few rows for several). The held-out rows are one such sample of real rows: a
    real anchor outside the interval is a difference that the draw of rows does not explain. Other
    metrics are measured on all rows.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> real = pd.DataFrame({"a": rng.normal(size=90).round(2), "b": rng.choice(["x", "y"], 90)})
    >>> quality = measure_quality(
    ...     real[:60], real[60:], real[:60], Schema.infer(real), aspects=["privacy"], random_state=0
    ... )
    >>> quality["exact_copies"].value, quality["exact_copies"].real_anchor, quality.leaks
    (1.0, 0.0, True)
    """
    metrics = _chosen(aspects)
    for name, frame in (("train", train), ("synthetic", synthetic)):
        if len(frame) < 2:
            raise ValueError(f"{name} must have at least 2 rows to be measured; got {len(frame)}")
    rng = np.random.default_rng(check_random_state(random_state).randint(2**31, size=4))
    has_holdout = holdout is not None and len(holdout) >= 2
    frames = [train, *([holdout] if holdout is not None and has_holdout else []), synthetic]
    frames = [at_most(frame, max_rows, rng) for frame in frames]
    rows = encode(schema, frames[:-1], frames[-1:])
    held = rows[1] if has_holdout else None
    real = RealRows(rows[0])
    repeated = rows[0].take(rng.integers(len(rows[0]), size=len(rows[-1])))
    origins = _Origins(
        Sample(real, rows[-1], held, rng),
        Sample(real, repeated, held, rng),
        None if held is None else Sample(real, held, None, rng),
    )
    found: dict[str, _Estimates] = {}
    n_compared = 0
    columns: dict[str, dict[str, float]] = {}
    if sampled := [metric for metric in metrics if metric.equal_size]:
        n_compared = min(len(rows[-1]), len(rows[0] if held is None else held))
        columns = _measure_samples(origins, sampled, n_compared, n_draws, found)
    notes = [] if has_holdout else ["There are no held-out rows to compare the figures with."]
    notes += _measure_all_rows(origins, [m for m in metrics if not m.equal_size], found)
    kept = [(metric, *found[metric.name]) for metric in metrics if metric.name in found]
    warnings = [metric.warn(ours, held_out) for metric, ours, held_out, _ in kept]
    return Quality(
        len(train),
        0 if holdout is None else len(holdout),
        len(synthetic),
        n_compared,
        tuple(_as_measure(*metric_and_estimates) for metric_and_estimates in kept),
        columns,
        tuple(warning for warning in warnings if warning is not None),
        tuple(notes),
    )


def _chosen(aspects: Collection[str] | None) -> list[Metric]:
    known = tuple(dict.fromkeys(metric.aspect for metric in METRICS.values()))
    chosen = known if aspects is None else aspects
    if not chosen or not set(chosen) <= set(known):
        raise ValueError(f"aspects must be some of {known}; got {list(chosen)!r}")
    return [metric for metric in METRICS.values() if metric.aspect in chosen]


_Estimates = tuple[Estimate, Estimate | None, Estimate | None]
"""Of the synthetic rows, of held-out real ones and of repeated training rows."""


@dataclass(frozen=True, slots=True)
class _Origins:
    """The synthetic rows and their two anchors."""

    synthetic: Sample
    repeated: Sample
    held_out: Sample | None


def _measure_all_rows(
    origins: _Origins, metrics: Sequence[Metric], found: dict[str, _Estimates]
) -> list[str]:
    """Add metrics of all rows to `found`; return notes on those that cannot be measured."""
    notes = []
    left_out: dict[str, list[str]] = {}
    for metric in metrics:
        if lack := metric.lack(origins.synthetic):
            left_out.setdefault(lack, []).append(metric.label)
            continue
        try:
            ours = metric.measure(origins.synthetic)
            if ours is not None:
                real = metric.measure_real(origins.synthetic, origins.held_out)
                found[metric.name] = ours, real, metric.measure(origins.repeated)
        except MissingDependencyError as error:
            notes.append(str(error))
    return [
        *(
            f"{' and '.join(labels)}: not measured, as that takes at least {lack}."
            for lack, labels in left_out.items()
        ),
        *notes,
    ]


def _measure_samples(
    origins: _Origins,
    metrics: Sequence[Metric],
    n_compared: int,
    n_draws: int,
    found: dict[str, _Estimates],
) -> dict[str, dict[str, float]]:
    """Add metrics of samples of equal size to `found`; return the figures by column."""
    functions: dict[str, Callable[[Sample], Any]] = {m.name: m.measure for m in metrics}
    functions |= {f.__name__: f for f in _COLUMN_FIGURES}
    values, repeated, held = (
        {} if origin is None else _values_of_draws(origin, functions, n_compared, n_draws)
        for origin in (origins.synthetic, origins.repeated, origins.held_out)
    )
    for metric in metrics:
        ours = _mean_estimate(values[metric.name])
        if ours is not None:
            real = _mean_estimate(held.get(metric.name, []))
            if metric.real_anchor is not None:
                real = metric.measure_real(origins.synthetic, origins.held_out)
            found[metric.name] = ours, real, _mean_estimate(repeated[metric.name])
    figures = {f.__name__: np.mean(values[f.__name__], axis=0) for f in _COLUMN_FIGURES}
    return {
        str(column.name): {name: float(figure[at]) for name, figure in figures.items()}
        for at, column in enumerate(origins.synthetic.rows.columns)
    }


def _values_of_draws(
    origin: Sample,
    functions: Mapping[str, Callable[[Sample], Any]],
    n_compared: int,
    n_draws: int,
) -> dict[str, list[Any]]:
    """Value of each function for samples of `n_compared` rows; one sample if there are no more."""
    n = len(origin)
    draws = [
        origin.rng.choice(n, n_compared, replace=False)
        for _ in range(n_draws if n > n_compared else 1)
    ]
    values: dict[str, list[Any]] = {name: [] for name in functions}
    for draw in draws:
        sample = origin.take(draw)
        for name, function in functions.items():
            values[name].append(function(sample))
    return values


def _mean_estimate(estimates: Sequence[Estimate | None]) -> Estimate | None:
    """Mean over samples, with the range of the middle 95 % of them; None if one has no value."""
    values = [estimate.value for estimate in estimates if estimate is not None]
    if not values or len(values) < len(estimates):
        return None
    if len(values) == 1:
        return Estimate(values[0])
    low, high = np.quantile(values, [0.025, 0.975])
    return Estimate(float(np.mean(values)), (float(low), float(high)))


def _as_measure(
    metric: Metric, ours: Estimate, real: Estimate | None, repeated: Estimate | None
) -> Measure:
    shown = {name: getattr(metric, name) for name in _SHOWN}
    return Measure(
        **shown,
        value=ours.value,
        interval=ours.interval,
        real_anchor=None if real is None else real.value,
        duplicate_anchor=None if repeated is None else repeated.value,
        p_value=ours.p_value,
    )
