"""Every metric of synthetic rows at once, beside their anchors; and whether cells are possible."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype
from sklearn.utils import check_random_state

from counterpoise.columns import Schema
from counterpoise.errors import MissingDependencyError
from counterpoise.metrics import _builtin  # noqa: F401 - registers metrics
from counterpoise.metrics._metric import (
    METRICS,
    Estimate,
    Measure,
    Metric,
    Sample,
    Value,
    as_estimate,
    at_most,
)


@dataclass(frozen=True, slots=True)
class Quality:
    """Diversity, fidelity and privacy of synthetic rows."""

    n_train: int  # rows given, as the next two
    n_holdout: int  # 0 where there was no holdout
    n_synthetic: int
    n_compared: int  # rows per sample of equal size
    measures: tuple[Measure, ...]  # in the order in which metrics are registered
    # by column: the mean over samples of each metric that has a value per column, by its name
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
        record = as_json(self) | {"leaks": self.leaks}
        return json.dumps(record, indent=indent, allow_nan=False)


def as_json(record: Any) -> dict[str, Any]:
    """Return a dataclass in JSON types only; a number that is not finite becomes None."""
    text = json.dumps(msgspec.to_builtins(record, str_keys=True))
    plain: dict[str, Any] = json.loads(text, parse_constant=lambda _: None)
    return plain


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

    Each value stands beside three anchors, see `Measure`.

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
        Samples of synthetic rows, as many in each as in the holdout (or else `train`), that
        metrics which depend on the number of rows are measured on: their mean is the value, the
        middle 95 % the interval.
    random_state : int, RandomState instance or None, default=None
        Draws the samples.

    Raises
    ------
    ValueError
        If there are too few rows, a frame lacks a column, or an aspect is unknown.

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
    known = tuple(dict.fromkeys(metric.aspect for metric in METRICS.values()))
    chosen = known if aspects is None else aspects
    if not chosen or not set(chosen) <= set(known):
        raise ValueError(f"aspects must be some of {known}; got {list(chosen)!r}")
    metrics = [metric for metric in METRICS.values() if metric.aspect in chosen]
    rng = np.random.default_rng(check_random_state(random_state).randint(2**31, size=4))
    n_given = len(train), 0 if holdout is None else len(holdout), len(synthetic)
    train = at_most(train, max_rows, rng)
    holdout = at_most(holdout, max_rows, rng) if holdout is not None and len(holdout) > 1 else None
    synthetic = at_most(synthetic, max_rows, rng)
    ours = Sample.from_frames(train, synthetic, schema, holdout=holdout, random_state=rng)
    real, held = ours.real, ours.holdout
    held_out = None if held is None else Sample(held, rng, real=real)
    of_equal_size = [metric for metric in metrics if metric.equal_size]
    n_compared = min(len(ours), len(held_out or real)) if of_equal_size else 0
    repeated_rows = real.rows.take(rng.integers(len(real), size=len(ours)))
    repeated = Sample(repeated_rows, rng, real=real, holdout=held)
    shuffled_rows = real.rows.shuffled(max(len(real), n_compared), rng)
    shuffled = Sample(shuffled_rows, rng, real=real, holdout=held)
    drawn = [
        _values_of_draws(sample, of_equal_size, n_compared, n_draws)
        for sample in (ours, repeated, shuffled, held_out)
    ]
    by_column = {name: np.mean(v, axis=0) for name, v in drawn[0].items() if np.ndim(v[0])}
    columns = {
        str(column.name): {name: float(figures[at]) for name, figures in by_column.items()}
        for at, column in enumerate(ours.rows.columns)
        if by_column
    }
    measures, warnings, failures = [], [], []
    left_out: dict[str, list[str]] = {}
    for metric in metrics:
        name = metric.name
        if not metric.equal_size and (lack := metric.lack(ours)):
            left_out.setdefault(lack, []).append(metric.label)
            continue
        try:
            if metric.equal_size:
                found, copied, unrelated, anchor = (_mean_estimate(v.get(name, [])) for v in drawn)
            else:
                found = as_estimate(metric.measure(ours))
                column = None if found is None else found.column
                anchor = as_estimate(metric.measure_real(ours, held_out), column)
                copied = as_estimate(metric.measure(repeated))
                unrelated = as_estimate(metric.measure(shuffled))
        except MissingDependencyError as error:
            failures.append(str(error))
            continue
        if found is not None:
            described = name, metric.label, metric.aspect, metric.better, metric.meaning
            others = anchor, copied, unrelated
            anchors = [None if one is None else one.value for one in others]
            measures.append(Measure(*described, found.value, found.interval, *anchors))
            warnings.append(metric.warn(found, anchor))
    notes = [
        f"{' and '.join(labels)}: not measured, as that takes at least {lack}."
        for lack, labels in left_out.items()
    ]
    if held_out is None:
        notes.insert(0, "There are no held-out rows to compare the figures with.")
    told = tuple(warning for warning in warnings if warning is not None)
    return Quality(*n_given, n_compared, tuple(measures), columns, told, (*notes, *failures))


def _values_of_draws(
    origin: Sample | None, metrics: Sequence[Metric], n_compared: int, n_draws: int
) -> dict[str, list[Any]]:
    """Values by name, for samples of `n_compared` rows; one sample if there are no more."""
    values: dict[str, list[Any]] = {metric.name: [] for metric in metrics}
    if origin is None or not metrics:
        return {}
    n_draws = n_draws if len(origin) > n_compared else 1
    draws = [origin.rng.choice(len(origin), n_compared, replace=False) for _ in range(n_draws)]
    for draw in draws:
        sample = origin.take(draw)
        for metric in metrics:
            values[metric.name].append(metric.measure(sample))
    return values


def _mean_estimate(values: Sequence[Value]) -> Estimate | None:
    """Mean over samples, with the range of the middle 95 % of them; None if one has no value."""
    found = [estimate.value for value in values if (estimate := as_estimate(value)) is not None]
    if not found or len(found) < len(values):
        return None
    if len(found) == 1:
        return Estimate(found[0])
    low, high = np.quantile(found, [0.025, 0.975])
    return Estimate(float(np.mean(found)), (float(low), float(high)))


def check_validity(synthetic: pd.DataFrame, real: pd.DataFrame) -> pd.DataFrame:
    """Compare every cell of `synthetic` with the column of `real` that has its name.

    A category must be one that the real column holds, a number or date within its range, a number
    without more decimals than its longest, and a missing value in a column that has some. A
    generator's own schema is not used.

    Returns
    -------
    DataFrame of bool, with the index and columns of `synthetic`
        Whether each cell is possible. A ValueError says that the columns are not the same ones, or
        that `real` has no row.

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
    if is_numeric_dtype(real) and not is_bool_dtype(real) and len(known):
        numbers = pd.to_numeric(present, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        n_decimals = max(map(_n_decimals, known.unique()))
        tolerance = 10.0 ** -(n_decimals + 4)
        fits = np.isclose(numbers, numbers.round(n_decimals), rtol=1e-12, atol=tolerance)
        valid[~missing] = fits & (numbers >= float(known.min())) & (numbers <= float(known.max()))
    elif is_datetime64_any_dtype(real):
        valid[~missing] = present.between(known.min(), known.max()).to_numpy(dtype=bool)
    else:
        valid[~missing] = present.isin(set(known)).to_numpy(dtype=bool)
    return valid


def _n_decimals(value: object) -> int:
    """Return how many decimals the shortest text of a number has.

    >>> [_n_decimals(value) for value in (12, 0.25, 3.0, 1e-05, np.float32(0.1))]
    [0, 2, 0, 5, 1]
    """
    exponent = Decimal(str(value)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
