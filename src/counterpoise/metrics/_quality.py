"""Every metric of synthetic rows at once, beside their anchors; and whether cells are possible."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype
from sklearn.utils import check_random_state

from counterpoise.columns import Schema
from counterpoise.errors import MissingDependencyError
from counterpoise.metrics import _diversity, _fidelity, _privacy  # noqa: F401 - register metrics
from counterpoise.metrics._metric import METRICS, Estimate, Measure, Metric, Sample, at_most

_COLUMN_FIGURES = (
    _diversity.column_entropies,
    _diversity.column_support_coverage,
    _fidelity.marginal_distances,
)
_Samples: TypeAlias = tuple[Sample, Sample, Sample | None]
"""The synthetic rows and their two anchors: repeated training rows, held-out real rows."""


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
        ``"diversity"``, ``"fidelity"``, ``"privacy"``, aspects of metrics of your own; or all.
    max_rows : int, default=2000
        Rows of each frame that are used, drawn at random: time grows with the square of it.
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
    Metrics that depend on the number of rows are measured on `n_draws` samples of synthetic rows,
    each of as many rows as the holdout has (or `train`, without one), drawn without replacement.
    The value is their mean, the interval the middle 95 % (None where there are too few rows for
    several). A real anchor outside it is a difference that the draw of rows does not explain.

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
    samples = _samples(train, holdout, synthetic, schema, max_rows, rng)
    ours, _, held_out = samples
    n_compared = 0
    draws: list[dict[str, list[Any]]] = []
    columns: dict[str, dict[str, float]] = {}
    if sampled := [metric for metric in metrics if metric.equal_size]:
        n_compared = min(len(ours), len(ours.real if held_out is None else held_out))
        draws = [_values_of_draws(sample, sampled, n_compared, n_draws) for sample in samples]
        figures = {f.__name__: np.mean(draws[0][f.__name__], axis=0) for f in _COLUMN_FIGURES}
        columns = {
            str(column.name): {name: float(figure[at]) for name, figure in figures.items()}
            for at, column in enumerate(ours.rows.columns)
        }
    measures, warnings, failures = [], [], []
    left_out: dict[str, list[str]] = {}
    for metric in metrics:
        if not metric.equal_size and (lack := metric.lack(ours)):
            left_out.setdefault(lack, []).append(metric.label)
            continue
        try:
            found, real, repeated = _estimates(metric, samples, draws)
        except MissingDependencyError as error:
            failures.append(str(error))
            continue
        if found is not None:
            measures.append(metric.beside(found, real, repeated))
            warnings.append(metric.warn(found, real))
    notes = [
        f"{' and '.join(labels)}: not measured, as that takes at least {lack}."
        for lack, labels in left_out.items()
    ]
    if held_out is None:
        notes.insert(0, "There are no held-out rows to compare the figures with.")
    return Quality(
        len(train),
        0 if holdout is None else len(holdout),
        len(synthetic),
        n_compared,
        tuple(measures),
        columns,
        tuple(warning for warning in warnings if warning is not None),
        (*notes, *failures),
    )


def _chosen(aspects: Collection[str] | None) -> list[Metric]:
    known = tuple(dict.fromkeys(metric.aspect for metric in METRICS.values()))
    chosen = known if aspects is None else aspects
    if not chosen or not set(chosen) <= set(known):
        raise ValueError(f"aspects must be some of {known}; got {list(chosen)!r}")
    return [metric for metric in METRICS.values() if metric.aspect in chosen]


def _samples(
    train: pd.DataFrame,
    holdout: pd.DataFrame | None,
    synthetic: pd.DataFrame,
    schema: Schema,
    max_rows: int,
    rng: np.random.Generator,
) -> _Samples:
    train = at_most(train, max_rows, rng)
    if holdout is not None:
        holdout = None if len(holdout) < 2 else at_most(holdout, max_rows, rng)
    synthetic = at_most(synthetic, max_rows, rng)
    ours = Sample.from_frames(train, synthetic, schema, holdout=holdout, random_state=rng)
    real, held = ours.real, ours.holdout
    copies = real.rows.take(rng.integers(len(real), size=len(ours)))
    repeated = Sample(copies, rng, real=real, holdout=held)
    return ours, repeated, None if held is None else Sample(held, rng, real=real)


def _values_of_draws(
    origin: Sample | None, metrics: Sequence[Metric], n_compared: int, n_draws: int
) -> dict[str, list[Any]]:
    """Values by name, for samples of `n_compared` rows; one sample if there are no more."""
    if origin is None:
        return {}
    functions: dict[str, Callable[[Sample], Any]] = {m.name: m.measure for m in metrics}
    functions |= {f.__name__: f for f in _COLUMN_FIGURES}
    n_draws = n_draws if len(origin) > n_compared else 1
    draws = [origin.rng.choice(len(origin), n_compared, replace=False) for _ in range(n_draws)]
    values: dict[str, list[Any]] = {name: [] for name in functions}
    for draw in draws:
        sample = origin.take(draw)
        for name, function in functions.items():
            values[name].append(function(sample))
    return values


def _estimates(
    metric: Metric, samples: _Samples, draws: Sequence[Mapping[str, Sequence[Any]]]
) -> tuple[Estimate | None, Estimate | None, Estimate | None]:
    """Value of a metric for the synthetic rows, for held-out ones and for repeated ones."""
    ours, repeated, held_out = samples
    if not metric.equal_size:
        return metric.measure(ours), metric.measure_real(ours, held_out), metric.measure(repeated)
    found, copied, real = (_mean_estimate(values.get(metric.name, [])) for values in draws)
    if metric.real_anchor is not None:
        real = metric.measure_real(ours, held_out)
    return found, real, copied


def _mean_estimate(estimates: Sequence[Estimate | None]) -> Estimate | None:
    """Mean over samples, with the range of the middle 95 % of them; None if one has no value."""
    values = [estimate.value for estimate in estimates if estimate is not None]
    if not values or len(values) < len(estimates):
        return None
    if len(values) == 1:
        return Estimate(values[0])
    low, high = np.quantile(values, [0.025, 0.975])
    return Estimate(float(np.mean(values)), (float(low), float(high)))


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
