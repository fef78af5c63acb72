"""One figure beside its anchors, and all of them as one summary."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from counterpoise.metrics._intervals import Interval


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure, and what it is to be held against.

    Attributes
    ----------
    name : str
        What is measured, as an identifier: ``"coverage"``.
    aspect : {"diversity", "realism", "leakage"}
        What it is a measure of.
    title : str
        What is measured, for people: ``"Coverage"``.
    value : float
        Of the synthetic rows.
    interval : tuple of two floats or None
        95 % interval; how it was made depends on the measure (see `measure_quality`).
    real_anchor : float or None
        What held-out real rows reach; None where there are none, or too few.
    duplicate_anchor : float or None
        What training rows repeated at random reach.
    direction : {"higher", "lower", "real"}
        Which values are good: high ones, low ones, or those near the real anchor.
    meaning : str
        What a value says, in one sentence.
    p_value : float or None
        Where a test belongs to the measure.
    """

    name: str
    aspect: str
    title: str
    value: float
    interval: Interval | None
    real_anchor: float | None
    duplicate_anchor: float | None
    direction: str
    meaning: str
    p_value: float | None = None


@dataclass(frozen=True, slots=True)
class ColumnQuality:
    """One column's figures; at equal numbers of rows, so that they can be compared.

    Attributes
    ----------
    name : str
        The column.
    kind : str
        What it holds.
    entropy, real_entropy : float
        Of the synthetic rows and of held-out real ones (training rows where there is no holdout),
        in nats.
    support_coverage : float
        Share of the training rows' values (bins, for numbers) that the synthetic rows have.
    marginal_distance : float
        Total variation (categories) or Kolmogorov-Smirnov distance (numbers) from the training
        rows.
    """

    name: str
    kind: str
    entropy: float
    real_entropy: float
    support_coverage: float
    marginal_distance: float


@dataclass(frozen=True, slots=True)
class Quality:
    """How varied, how real and how leaky synthetic rows are.

    Attributes
    ----------
    n_train, n_holdout, n_synthetic : int
        Rows given; `n_holdout` is 0 where there was no holdout.
    n_compared : int
        Rows a sample that measures of diversity and realism were taken on.
    measures : tuple of Measure
        The figures, diversity first, then realism and leakage.
    columns : tuple of ColumnQuality
        By column, in the schema's order; none where neither diversity nor realism was asked for.
    warnings : tuple of str
        What leakage was found, in plain words; none where there is no sign of any.
    notes : tuple of str
        What was not measured, and why.
    """

    n_train: int
    n_holdout: int
    n_synthetic: int
    n_compared: int
    measures: tuple[Measure, ...]
    columns: tuple[ColumnQuality, ...]
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

    def of(self, aspect: str) -> tuple[Measure, ...]:
        """Return the measures of one aspect."""
        return tuple(measure for measure in self.measures if measure.aspect == aspect)

    def to_frame(self) -> pd.DataFrame:
        """Return the measures as a table, one row each, named by its index."""
        return pd.DataFrame([asdict(measure) for measure in self.measures]).set_index("name")

    def to_dict(self) -> dict[str, Any]:
        """Describe the summary with JSON types only; a value that is no number becomes None."""
        record: dict[str, Any] = _plain(asdict(self))
        return record | {"leaks": self.leaks}

    def to_json(self, *, indent: int | None = None) -> str:
        """Write :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
