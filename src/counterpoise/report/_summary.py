"""What a report says, as plain values: every page and file is made from a `Summary` alone."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from counterpoise.metrics import Quality
from counterpoise.metrics._quality import json_types

FORMAT: Final = 1
"""Version of what `Summary.to_dict` returns."""

Matrix: TypeAlias = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class ClassCount:
    """Number of rows of a class."""

    name: str
    n_real: int
    n_synthetic: int


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """A column as it was understood."""

    name: str
    kind: str
    domain: str  # the values that a cell can have, in words
    missing_share: float  # of the real rows, in [0, 1]


@dataclass(frozen=True, slots=True)
class Share:
    """How often a value, or a range of them, occurs: shares of the rows of the class."""

    label: str
    real: float
    synthetic: float


@dataclass(frozen=True, slots=True)
class ColumnComparison:
    """One column in the real rows of a class and in the synthetic ones."""

    name: str
    is_ordered: bool  # whether the shares are those of consecutive values or ranges
    shares: tuple[Share, ...]  # without values that no row has
    # total variation distance between the two distributions over these values and ranges, in
    # [0, 1]: the share of synthetic rows that would have to change to match the real ones
    gap: float
    expected_gap: float  # mean `gap` of as many rows drawn from the real distribution


@dataclass(frozen=True, slots=True)
class Association:
    """Association of each pair of columns in [-1, 1], see `metrics._distance.associations`."""

    names: tuple[str, ...]
    real: Matrix  # (n_columns, n_columns)
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
    """One group of rows on the map; `points` may be some of the `n_rows` only."""

    name: str
    n_rows: int
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class RowMap:
    """Rows in two dimensions, and the shares of the real rows' variance along the two axes."""

    layers: tuple[Layer, ...]  # real of the class, synthetic, real of other classes
    explained: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Origin:
    """Rows whose prompt held a value of `column` (``""``: the class alone)."""

    column: str
    n_rows: int
    mean_log_likelihood: float | None  # in nats, given the prompt; None where it is not known


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
    """How the rows were generated."""

    model: str
    model_reason: str  # why this model was chosen
    parameters: dict[str, str]  # of the sampler, those that differ from the default first
    versions: dict[str, str]  # of the packages that the rows depend on
    seconds: dict[str, float]  # by stage
    made_at: str  # ISO 8601, UTC


@dataclass(frozen=True, slots=True)
class StrategyResult:
    """Scores of one strategy with one classifier."""

    name: str
    scores: dict[str, float]  # mean of each score over the splits, by name
    value: float  # mean of the score that the verdict is about
    # of that score from doing nothing, and its 95 % interval; of a cost, what is saved. None for
    # doing nothing itself; there is no interval with fewer than two splits.
    difference: float | None
    interval: tuple[float, float] | None
    p_value: float | None  # of no difference, adjusted for the number of strategies and classifiers
    seconds: float  # mean time to balance, train and tune the threshold


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do, and the evidence for it; `counterpoise.comparison` fills it in."""

    decision: str  # "use", "don't" or "can't tell"
    strategy: str | None  # the strategy to use; None unless the decision is to use one
    sentence: str  # the verdict in one sentence
    reasons: tuple[str, ...]  # the evidence in plain words, one paragraph each
    score: str  # name of the score that the verdict is about
    smallest_difference: float  # in that score, that matters
    results: dict[str, tuple[StrategyResult, ...]]  # by classifier; the verdict is about the first
    method: str  # how it was found: splits, tests, intervals


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything that a report says."""

    title: str  # name of the table
    target: str  # name of the column that was balanced
    classes: tuple[ClassCount, ...]  # all classes, the largest first
    facts: tuple[ColumnFacts, ...]
    sections: tuple[ClassSection, ...]  # one for each class with synthetic rows
    run: Run
    verdict: Verdict | None = None  # where strategies were compared
    notes: tuple[str, ...] = ()  # what to know before using the rows, and warnings of the run

    def to_dict(self) -> dict[str, Any]:
        """Return the summary in JSON types only; a number that is not finite becomes None."""
        return {"format": FORMAT, **json_types(dataclasses.asdict(self))}
