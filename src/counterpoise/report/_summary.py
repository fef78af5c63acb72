"""What a report says, as plain values: every page and file is made from this object alone."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from counterpoise.metrics import Quality
from counterpoise.report._verdict import Verdict

FORMAT: Final = 1
"""Version of what `Summary.to_dict` returns."""

Matrix: TypeAlias = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class ClassCount:
    """How many rows of a class there are."""

    name: str
    n_real: int
    n_synthetic: int


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """A column as it was understood.

    Attributes
    ----------
    name, kind
        What it is called and what it holds.
    domain
        The values that a cell can have, for people.
    missing_share
        Share of the real rows without a value, in [0, 1].
    """

    name: str
    kind: str
    domain: str
    missing_share: float


@dataclass(frozen=True, slots=True)
class Share:
    """How often a value, or a range of them, occurs.

    Attributes
    ----------
    label
        The value or range.
    real, synthetic
        Shares of the rows of the class, in [0, 1].
    """

    label: str
    real: float
    synthetic: float


@dataclass(frozen=True, slots=True)
class ColumnComparison:
    """One column in the real rows of a class and in the synthetic ones.

    Attributes
    ----------
    name
        The column.
    is_ordered
        Whether the shares are those of consecutive ranges (or values) of an ordered column.
    shares
        Values or ranges, those without a row in both tables left out.
    gap
        Total-variation distance between the two distributions over these values and ranges, in
        [0, 1]: the share of synthetic rows that would have to change to make them alike.
    expected_gap
        What `gap` would be, on average, for as many rows drawn anew from the real ones.
    """

    name: str
    is_ordered: bool
    shares: tuple[Share, ...]
    gap: float
    expected_gap: float


@dataclass(frozen=True, slots=True)
class Association:
    """How strongly each pair of columns goes together, in [-1, 1]; see `association_matrix`.

    Attributes
    ----------
    names
        The columns.
    real, synthetic
        Shape (n_columns, n_columns).
    """

    names: tuple[str, ...]
    real: Matrix
    synthetic: Matrix

    def widest_gaps(self, n: int = 5) -> list[tuple[str, str, float, float]]:
        """Return the `n` pairs of columns that differ most: two names, real, synthetic."""
        pairs = [
            (one, other, self.real[row][at], self.synthetic[row][at])
            for row, one in enumerate(self.names)
            for at, other in enumerate(self.names[:row])
        ]
        return sorted(pairs, key=lambda pair: -abs(pair[2] - pair[3]))[:n]


@dataclass(frozen=True, slots=True)
class Layer:
    """One group of rows on the map."""

    name: str
    n_rows: int
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class RowMap:
    """Rows in two dimensions.

    Attributes
    ----------
    layers
        Groups of rows, those drawn first at the front.
    explained
        Shares of the variance of the real rows along the two axes.
    """

    layers: tuple[Layer, ...]
    explained: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Origin:
    """How many rows were prompted with a column, and what they are like.

    Attributes
    ----------
    column
        The column whose value the prompt held; ``""`` for the class alone.
    n_rows
        How many rows.
    mean_log_likelihood
        In nats under the model, given the prompt; None where it is not known.
    """

    column: str
    n_rows: int
    mean_log_likelihood: float | None


@dataclass(frozen=True, slots=True)
class ClassSection:
    """The synthetic rows of one class, beside the real ones."""

    name: str
    n_real: int
    n_synthetic: int
    columns: tuple[ColumnComparison, ...]
    association: Association | None
    map: RowMap | None
    quality: Quality | None
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """How the rows were made.

    Attributes
    ----------
    model, model_reason
        What wrote them, and why it was taken.
    parameters
        Of the sampler, those that differ from the default first.
    versions
        Of the packages that the rows depend on.
    seconds
        By stage.
    made_at
        ISO 8601, UTC.
    """

    model: str
    model_reason: str
    parameters: dict[str, str]
    versions: dict[str, str]
    seconds: dict[str, float]
    made_at: str


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything that a report says.

    Attributes
    ----------
    title
        Name of the table.
    target
        Name of the column that was balanced.
    classes
        All classes, the largest first.
    facts
        The columns as understood.
    sections
        One for each class with synthetic rows.
    verdict
        Where the comparison was made.
    run
        How the rows were made.
    notes
        What the reader must know, such as the warnings of the run.
    """

    title: str
    target: str
    classes: tuple[ClassCount, ...]
    facts: tuple[ColumnFacts, ...]
    sections: tuple[ClassSection, ...]
    run: Run
    verdict: Verdict | None = None
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Return the summary in JSON types only; what is not a number is None."""
        record: dict[str, Any] = {"format": FORMAT, **_plain(dataclasses.asdict(self))}
        return record


def _plain(value: Any) -> Any:
    """Return `value` in types that every JSON reader knows."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
