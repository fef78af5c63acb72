"""What a report says, as plain values, and their wording, which is the same in every form."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from counterpoise.metrics import Measure, Quality
from counterpoise.metrics._quality import as_json

FORMAT: Final = 1  # version of what `Summary.to_dict` returns
Matrix: TypeAlias = tuple[tuple[float, ...], ...]

ALL_ROWS = "all rows"  # name of the one class where the rows are not told apart
UNTESTED = "Nothing here says that balancing helps: use counterpoise compare to find out."
NOTES = (  # what every user of synthetic rows must know
    "Train on these rows, and never test on them: scores on synthetic rows say nothing about "
    "real ones. Balance after you have split off the test rows.",
    "A classifier trained on balanced rows expects the small class far too often: its "
    "probabilities are too high. Decide by a threshold that was tuned on real rows, or "
    "recalibrate (counterpoise.calibration.RecalibratedClassifier).",
    "Synthetic rows are not anonymous: treat them as you treat the real ones.",
)

_MAX_NAMED = 3  # relations that are named, of those that do not hold in every row
_BROKEN = 0.2  # difference of an association that a summary mentions
_CERTAIN = 0.999
_UNKNOWN = "-"
_ROUNDING_ERROR = 1e-9


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
    n_rows: tuple[int, int]  # real and synthetic ones that they are of

    def widest_gaps(self, n: int = 5) -> list[tuple[str, str, float, float]]:
        """Return the `n` pairs of columns that differ most: two names, real, synthetic."""
        pairs = [
            (one, other, self.real[row][at], self.synthetic[row][at])
            for row, one in enumerate(self.names)
            for at, other in enumerate(self.names[:row])
        ]
        return sorted(pairs, key=lambda pair: -abs(pair[2] - pair[3]))[:n]

    def broken(self) -> tuple[str, str, float, float] | None:
        """Return the pair that differs most, if by more than 0.2 and beyond chance."""
        one, other, real, synthetic = self.widest_gaps(1)[0]
        # Fisher's transformation has a variance of 1 / (n - 3); 4 of its standard deviations, as
        # the widest of up to 276 gaps is looked at
        likely = 4 * math.sqrt(sum(1 / max(1, n - 3) for n in self.n_rows))
        low, high = (math.atanh(max(-_CERTAIN, min(_CERTAIN, r))) for r in (real, synthetic))
        is_broken = abs(real - synthetic) > _BROKEN and abs(high - low) > likely
        return (one, other, real, synthetic) if is_broken else None


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
class RelationShares:
    """A relation between columns, with the shares of the rows in which it holds."""

    text: str
    kind: str  # as of a `Relation`
    status: str  # "kept", "declared" (and kept), "not kept" or "nearly true" (and not kept)
    n_rows: int  # real rows that support it
    # shares in [0, 1]; None where there are no rows, or none of which it can be told
    real: float | None  # of the real rows of all classes that the generator was trained on
    holdout: float | None
    synthetic: float | None
    n_exceptions: int  # real rows that break it
    exceptions: tuple[int, ...]  # the first of these, counted from 0

    @property
    def is_kept(self) -> bool:
        """Return whether synthetic rows were held to it."""
        return self.status in ("kept", "declared")


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


@dataclass(frozen=True, slots=True, repr=False)
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

    def __repr__(self) -> str:
        return f"<Verdict: {self.sentence}>"


@dataclass(frozen=True, slots=True, repr=False)
class Summary:
    """Everything that a report says."""

    title: str  # name of the table
    target: str  # name of the column that was balanced; "" where rows are not told apart
    classes: tuple[ClassCount, ...]  # all classes, the largest first
    facts: tuple[ColumnFacts, ...]
    sections: tuple[ClassSection, ...]  # one for each class with synthetic rows
    run: Run
    verdict: Verdict | None = None  # where strategies were compared
    notes: tuple[str, ...] = ()  # what to know before using the rows, and warnings of the run
    relations: tuple[RelationShares, ...] = ()  # declared and found; nearly true ones last

    def __repr__(self) -> str:
        return f"<Summary of {self.title}: {lead(self)}>"

    def to_dict(self) -> dict[str, Any]:
        """Return the summary in JSON types only; a number that is not finite becomes None."""
        return {"format": FORMAT, **as_json(self)}


def count(number: int) -> str:
    """Format a whole number: 12,345."""
    return f"{number:,}"


def figure(number: float | None) -> str:
    """Format a number with three significant digits: 0.612, 12,346, 17.2, 2e-05."""
    if number is None or math.isnan(number):
        return _UNKNOWN
    size = abs(number)
    if size < _ROUNDING_ERROR:
        return "0"
    if size < 5e-4:
        return f"{number:.0e}"
    n_decimals = 3 if size < 1 else 2 if size < 10 else 1 if size < 100 else 0
    return f"{number:,.{n_decimals}f}"


def interval(ends: tuple[float, float] | None, *, is_difference: bool = False) -> str:
    """Format an interval: 0.500 to 1.25; of a difference, -0.250 to +0.500."""
    if ends is None or any(math.isnan(end) for end in ends):
        return _UNKNOWN
    write = signed if is_difference else figure
    return f"{write(ends[0])} to {write(ends[1])}"


def signed(number: float | None) -> str:
    """Format a difference: +0.042, -3.00."""
    text = figure(number)
    return f"+{text}" if number is not None and number > 0 else text


def percent(share: float | None) -> str:
    """Format a share: 12%, 0.04%."""
    if share is None or math.isnan(share):
        return _UNKNOWN
    hundred = 100 * share
    if hundred and abs(hundred) < 1:
        return f"{hundred:.1g}%"
    return f"{hundred:.0f}%"


def share_text(share: float | None) -> str:
    """Format a share so that only all rows are 100%, and only no row is 0%: 99.96%, 51.5%."""
    if share is None:
        return _UNKNOWN
    if share in (0, 1):
        return f"{share:.0%}"
    n_decimals = 1
    while n_decimals < 6 and float(f"{100 * share:.{n_decimals}f}") in (0, 100):
        n_decimals += 1
    return f"{100 * share:.{n_decimals}f}%"


def p_value(p: float | None) -> str:
    """Format a p-value: 0.032, < 0.001."""
    if p is None or math.isnan(p):
        return _UNKNOWN
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def lead(summary: Summary) -> str:
    """Say in one or two sentences what the report is about."""
    real = f"{sum(class_.n_real for class_ in summary.classes):,} real rows"
    if not summary.target:
        n_made = sum(class_.n_synthetic for class_ in summary.classes)
        return f"{real} and {n_made:,} synthetic rows."
    parts = [
        f"{c.n_synthetic:,} of the class {c.name!r} (which has {c.n_real:,} real ones)"
        for c in summary.classes
        if c.n_synthetic
    ]
    made = f"Synthetic rows: {'; '.join(parts)}." if parts else "No synthetic rows."
    return f"{real} in {len(summary.classes)} classes of {summary.target!r}. {made}"


def findings(summary: Summary) -> list[tuple[str, str]]:
    """Say what was found, on relations and fidelity first: names and sentences."""
    text = relation_finding(summary.relations) if summary.sections else None
    found = [] if text is None else [("Relations.", text)]
    for section in summary.sections:
        of = f" (class {section.name})" if len(summary.sections) > 1 else ""
        found += [(f"{name}{of}.", text) for name, text in _findings(section)]
    return found


def relation_finding(relations: Sequence[RelationShares]) -> str | None:
    """Say in which rows the relations hold that hold in every real row, or were declared."""
    always = [one for one in relations if one.real == 1 or one.is_kept]
    n_near = sum(one.status == "nearly true" for one in relations)
    if not always and not n_near:
        return None
    broken = [one for one in always if not one.real == one.synthetic == 1]
    n_held = len(always) - len(broken)
    sentences = []
    if n_held:
        hold = "relation between columns holds" if n_held == 1 else "relations between columns hold"
        sentences.append(f"{n_held:,} {hold} in every real row and in every synthetic row.")
    for one in broken[:_MAX_NAMED]:
        real = "every real row" if one.real == 1 else f"{share_text(one.real)} of the real rows"
        sentences.append(
            f"\u201c{one.text}\u201d holds in {real} and in {share_text(one.synthetic)} of the "
            "synthetic ones."
        )
    if len(broken) > _MAX_NAMED:
        sentences.append(f"So it is with {len(broken) - _MAX_NAMED:,} more.")
    if n_near:
        verb = "relation holds" if n_near == 1 else "relations hold"
        sentences.append(f"{n_near:,} {verb} in nearly all real rows: look at the exceptions.")
    return " ".join(sentences)


def _findings(section: ClassSection) -> Iterator[tuple[str, str]]:
    quality = section.quality
    if quality is not None and "detection_auc" in quality:
        yield "Fidelity", _fidelity(quality["detection_auc"])
    if section.association is not None and (pair := section.association.broken()) is not None:
        one, other, real, synthetic = pair
        yield (
            "Associations",
            f"The association of {one} with {other} differs most: it is {real:.2f} in the real "
            f"rows and {synthetic:.2f} in the synthetic ones (1 is perfect, 0 is none).",
        )
    if quality is not None:
        if "coverage" in quality:
            yield "Diversity", _diversity(quality["coverage"])
        yield "Leakage", _leakage(quality)
    if section.columns:
        widest = section.columns[0]
        yield (
            "Columns",
            f"{widest.name} differs most from the real rows: {percent(widest.gap)} of the "
            f"synthetic rows would have to change to match them; "
            f"{percent(widest.expected_gap)} is expected by chance.",
        )


def _fidelity(detection: Measure) -> str:
    reached = [
        f"{who} {figure(value)}"
        for who, value in (
            ("other real rows reach", detection.real_anchor),
            ("rows with each column shuffled", detection.shuffled_anchor),
        )
        if value is not None
    ]
    return (
        "A gradient boosting classifier tells synthetic rows from real ones with an AUC of "
        f"{figure(detection.value)}{'; ' if reached else ''}{', '.join(reached)} (0.5 is guessing, "
        "1 is certain)."
    )


def _diversity(coverage: Measure) -> str:
    text = f"{percent(coverage.value)} of the real rows have a synthetic row close to them"
    if (anchor := coverage.real_anchor) is not None:
        text += f"; with as many held-out real rows it is {percent(anchor)}"
        if coverage.interval is not None:
            low, high = coverage.interval
            explains = "explains" if low <= anchor <= high else "does not explain"
            text += f", a difference that chance {explains}"
    return f"{text}."


def _leakage(quality: Quality) -> str:
    if quality.warnings:
        return " ".join(quality.warnings)
    if not quality.of("privacy"):
        return "Not measured."
    if not quality.n_holdout:
        return "No sign in copies and near copies; more can only be said with held-out rows."
    return "No sign that the synthetic rows give away the training rows."


def result_row(result: StrategyResult, scores: Iterable[str]) -> list[str]:
    """Return the cells of a strategy in a table of the comparison, with the `scores` named."""
    return [
        result.name,
        *(figure(result.scores[name]) for name in scores),
        signed(result.difference),
        interval(result.interval, is_difference=True),
        p_value(result.p_value),
        figure(result.seconds),
    ]
