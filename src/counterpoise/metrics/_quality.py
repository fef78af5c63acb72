"""Every metric of synthetic rows at once, beside their anchors; and whether cells are possible."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype
from sklearn.utils import check_random_state

from counterpoise.columns._schema import Schema
from counterpoise.errors import MissingDependencyError
from counterpoise.metrics import _diversity, _fidelity, _privacy  # noqa: F401 - register metrics
from counterpoise.metrics._distance import encode
from counterpoise.metrics._metric import METRICS, Estimate, Interval, Metric, Sample, at_most

_COLUMN_FIGURES = (
    _diversity.column_entropies,
    _diversity.column_support_coverage,
    _fidelity.marginal_distances,
)
_Estimates = tuple[Estimate, Estimate | None, Estimate | None]
"""Of the synthetic rows, of held-out real ones and of repeated training rows."""


@dataclass(frozen=True, slots=True)
class Measure:
    """The value of a metric for synthetic rows, and what to compare it with.

    The first five fields are those of the `Metric`; `interval` is a 95 % interval (see
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
    """Diversity, fidelity and privacy of synthetic rows."""

    n_train: int  # rows given, as the next two
    n_holdout: int  # 0 where there was no holdout
    n_synthetic: int
    n_compared: int  # rows per sample of equal size
    measures: tuple[Measure, ...]  # in the order in which metrics are registered
    # by column: the mean over samples of `column_entropies` (in nats), `column_support_coverage`
    # and `marginal_distances`; empty where only metrics of all rows were asked for
    columns: dict[str, dict[str, float]]
    warnings: tuple[str, ...]  # signs of leakage in plain words; none where there is no sign of any
    notes: tuple[str, ...]  # what was not measured, and why

    def __iter__(self) -> Iterator[Measure]:
        return iter(self.measures)

    def __getitem__(self, name: str) -> Measure:
        """Return the measure called `name`; KeyError if it was not taken."""
        return {measure.name: measure for measure in self.measures}[name]

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

    def to_json(self, *, indent: int | None = None) -> str:
        """Return the figures as JSON; a value that is not finite becomes null."""
        record = json_types(asdict(self)) | {"leaks": self.leaks}
        return json.dumps(record, indent=indent, allow_nan=False)


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

    Raises
    ------
    ValueError
        If there are too few rows, a frame lacks a column, or an aspect is unknown.

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
    real = Sample(rows[0], rng)
    repeated = rows[0].take(rng.integers(len(real), size=len(rows[-1])))
    origins = _Origins(
        Sample(rows[-1], rng, real=real, holdout=held),
        Sample(repeated, rng, real=real, holdout=held),
        None if held is None else Sample(held, rng, real=real),
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
    lacking = [
        f"{' and '.join(labels)}: not measured, as that takes at least {lack}."
        for lack, labels in left_out.items()
    ]
    return lacking + notes


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
    n, rng = len(origin), origin.rng
    n_draws = n_draws if n > n_compared else 1
    draws = [rng.choice(n, n_compared, replace=False) for _ in range(n_draws)]
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
    return Measure(
        metric.name,
        metric.label,
        metric.aspect,
        metric.better,
        metric.meaning,
        value=ours.value,
        interval=ours.interval,
        real_anchor=None if real is None else real.value,
        duplicate_anchor=None if repeated is None else repeated.value,
        p_value=ours.p_value,
    )


def check_validity(synthetic: pd.DataFrame, real: pd.DataFrame) -> pd.DataFrame:
    """Compare every cell of `synthetic` with the column of `real` that has its name.

    A category must be one that the real column holds. A number must be within the real column's
    range, and have no more decimals than the real column's longest; a date must be within the
    range. A missing value must be in a column that has some. A generator's own schema is not used:
    the check can disagree with one.

    Returns
    -------
    DataFrame of bool, with the index and columns of `synthetic`
        Whether each cell is possible.

    Raises
    ------
    ValueError
        If the two tables do not have the same columns, or `real` has no row.

    Examples
    --------
    >>> real = pd.DataFrame({"price": [1.5, 2.25, 9.0], "colour": ["red", "blue", "red"]})
    >>> made = pd.DataFrame({"price": [2.0, 3.333], "colour": ["blue", "red"]})
    >>> check_validity(made, real).all(axis="columns").tolist()
    [True, False]
    """
    if set(synthetic.columns) != set(real.columns):
        differing = sorted(map(str, set(synthetic.columns) ^ set(real.columns)))
        raise ValueError(f"The tables differ in their columns: only one has {differing}.")
    if real.empty:
        raise ValueError("The real table has no row to compare with.")
    cells = {name: _valid_cells(synthetic[name], real[name]) for name in synthetic.columns}
    return pd.DataFrame(cells, index=synthetic.index, columns=synthetic.columns)


def _valid_cells(synthetic: pd.Series[Any], real: pd.Series[Any]) -> npt.NDArray[np.bool_]:
    missing = synthetic.isna().to_numpy()
    valid = np.full(len(synthetic), bool(real.isna().any()))
    present, known = synthetic[~missing], real.dropna()
    if is_numeric_dtype(real) and not is_bool_dtype(real):
        valid[~missing] = _possible_numbers(present, known)
    elif is_datetime64_any_dtype(real):
        valid[~missing] = present.between(known.min(), known.max()).to_numpy(dtype=bool)
    else:
        valid[~missing] = present.isin(set(known)).to_numpy(dtype=bool)
    return valid


def _possible_numbers(synthetic: pd.Series[Any], real: pd.Series[Any]) -> npt.NDArray[np.bool_]:
    if real.empty:
        return np.zeros(len(synthetic), dtype=bool)
    numbers = pd.to_numeric(synthetic, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    known = real.to_numpy(dtype=float)
    within = (numbers >= known.min()) & (numbers <= known.max())
    n_decimals = max(_n_decimals(value) for value in real.unique())
    tolerance = 10.0 ** -(n_decimals + 4)
    fits = np.isclose(numbers, numbers.round(n_decimals), rtol=1e-12, atol=tolerance)
    valid: npt.NDArray[np.bool_] = within & fits
    return valid


def _n_decimals(value: object) -> int:
    """Return how many decimals the shortest text of a number has.

    Examples
    --------
    >>> [_n_decimals(value) for value in (12, 0.25, 3.0, 1e-05, np.float32(0.1))]
    [0, 2, 0, 5, 1]
    """
    exponent = Decimal(str(value)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
