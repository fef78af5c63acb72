"""Every measure of synthetic rows at once, each beside what real and what repeated rows reach."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from counterpoise.columns._schema import Schema
from counterpoise.metrics import _diversity as diversity
from counterpoise.metrics import _fidelity as detection
from counterpoise.metrics import _fidelity as realism
from counterpoise.metrics._distance import IntArray, Rows, column_order, encode
from counterpoise.metrics._fidelity import associations_of
from counterpoise.metrics._intervals import Interval
from counterpoise.metrics._measure import ColumnQuality, Measure, Quality
from counterpoise.metrics._privacy import leakage_measures
from counterpoise.metrics._reference import Comparison, Reference, chow_liu_entropy, hold_against
from counterpoise.metrics._reference import binned_entropies as column_entropies

# The rows to be judged and the two anchors, as samples of equal size.


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """Rows of one origin, and the samples of them that measures are taken on.

    Attributes
    ----------
    whole : Comparison
        All the rows, held against the training rows.
    draws : tuple of ndarray of shape (n_compared,)
        Which rows each sample has; one sample where there are no more rows than it needs.
    """

    whole: Comparison
    draws: tuple[IntArray, ...]

    @classmethod
    def of(
        cls, real: Reference, rows: Rows, n_compared: int, n_draws: int, rng: np.random.Generator
    ) -> Arm:
        """Draw up to `n_draws` samples of `n_compared` of the rows, without replacement."""
        n = len(rows)
        draws = [
            rng.choice(n, n_compared, replace=False).astype(np.int64)
            for _ in range(n_draws if n > n_compared else 1)
        ]
        return cls(hold_against(real, rows), tuple(draws))

    def samples(self) -> Iterator[Comparison]:
        """Yield one comparison a sample."""
        return (self.whole.take(draw) for draw in self.draws)

    def measure(self, measure: Callable[[Comparison], float]) -> tuple[float, Interval | None]:
        """Return the mean over the samples, and where the middle 95 % of them lie."""
        values = np.array([measure(sample) for sample in self.samples()])
        if len(values) == 1:
            return float(values[0]), None
        low, high = np.quantile(values, [0.025, 0.975])
        return float(values.mean()), (float(low), float(high))


@dataclass(frozen=True, slots=True, eq=False)
class Arms:
    """The rows to be judged, beside the two anchors.

    Attributes
    ----------
    real : Reference
        The training rows.
    synthetic : Arm
        The rows to be judged.
    holdout : Arm or None
        Real rows that the generator has not seen; None where there are fewer than two.
    duplicates : Arm
        Training rows drawn at random with replacement, as many as there are synthetic rows.
    n_compared : int
        Rows of a sample.
    """

    real: Reference
    synthetic: Arm
    holdout: Arm | None
    duplicates: Arm
    n_compared: int

    @classmethod
    def of(
        cls,
        train: Rows,
        holdout: Rows | None,
        synthetic: Rows,
        n_draws: int,
        rng: np.random.Generator,
    ) -> Arms:
        """Bring the rows, all encoded together, to samples of equal size."""
        real = Reference(train)
        n_compared = min(len(synthetic), len(train) if holdout is None else len(holdout))
        repeated = train.take(rng.integers(len(train), size=len(synthetic)))
        synthetic_, duplicates = (
            Arm.of(real, rows, n_compared, n_draws, rng) for rows in (synthetic, repeated)
        )
        real_ = None if holdout is None else Arm.of(real, holdout, n_compared, n_draws, rng)
        return cls(real, synthetic_, real_, duplicates, n_compared)


# The measures of diversity and realism beside their anchors, and the figures by column.


@dataclass(frozen=True, slots=True)
class _Spec:
    """A measure of a sample, and how to read it."""

    name: str
    title: str
    function: Callable[[Comparison], float]
    direction: str
    meaning: str


_DIVERSITY = (
    _Spec(
        "column_entropy",
        "Entropy of the columns",
        lambda sample: float(column_entropies(sample.bins).mean()),
        "higher",
        "How evenly the values of a column are used, in nats, mean over the columns; numbers in "
        "bins.",
    ),
    _Spec(
        "joint_entropy",
        "Entropy of the rows",
        lambda sample: chow_liu_entropy(sample.bins),
        "higher",
        "Variety of whole rows, in nats, the strongest dependences between columns allowed for.",
    ),
    _Spec(
        "support_coverage",
        "Values covered",
        lambda sample: float(diversity.support_coverage_of(sample.real.bins, sample.bins).mean()),
        "higher",
        "Share of a column's real values (bins, for numbers) that occur, mean over the columns.",
    ),
    _Spec(
        "coverage",
        "Coverage",
        diversity.coverage_of,
        "higher",
        "Share of the training rows in whose neighbourhood a row was written.",
    ),
    _Spec(
        "density",
        "Density",
        diversity.density_of,
        "real",
        "In how many neighbourhoods of training rows a row lies; real rows reach about 1, and more "
        "is crowding where the training rows are densest.",
    ),
    _Spec(
        "beta_recall",
        "Beta-recall",
        diversity.beta_recall_of,
        "higher",
        "How evenly the core of the rows covers the training rows, in 0 to 1.",
    ),
    _Spec(
        "mean_pairwise_distance",
        "Distance between rows",
        diversity.mean_pairwise_distance_of,
        "real",
        "How far apart two rows are, in 0 to 1; less than real rows is sameness, more is noise.",
    ),
    _Spec(
        "subgroup_coverage",
        "Sub-groups covered",
        diversity.subgroup_coverage_of,
        "higher",
        "Share of the training rows' sub-groups (clusters) that get at least half of their share.",
    ),
)

_REALISM = (
    _Spec(
        "marginal_distance",
        "Distance of the columns",
        lambda sample: float(realism.marginal_distances_of(sample.real.rows, sample.sample).mean()),
        "lower",
        "Largest difference in the distribution of a column from the training rows, in 0 to 1, "
        "mean over the columns.",
    ),
    _Spec(
        "alpha_precision",
        "Alpha-precision",
        realism.alpha_precision_of,
        "higher",
        "How well the rows fill the core of the training rows, in 0 to 1.",
    ),
)


def _measured(arms: Arms, spec: _Spec, aspect: str) -> Measure:
    value, interval = arms.synthetic.measure(spec.function)
    return Measure(
        spec.name,
        aspect,
        spec.title,
        value,
        interval,
        None if arms.holdout is None else arms.holdout.measure(spec.function)[0],
        arms.duplicates.measure(spec.function)[0],
        spec.direction,
        spec.meaning,
    )


def diversity_measures(arms: Arms) -> list[Measure]:
    """Measure diversity on samples of equal size; distinct rows among all of them."""
    rates = [
        None if arm is None else diversity.distinct_row_rate_of(arm.whole.sample.keys())
        for arm in (arms.synthetic, arms.holdout, arms.duplicates)
    ]
    distinct = Measure(
        "distinct_row_rate",
        "diversity",
        "Distinct rows",
        rates[0] or 0.0,
        None,
        rates[1],
        rates[2],
        "higher",
        "Count of distinct rows by the number of all the rows written.",
    )
    return [distinct, *(_measured(arms, spec, "diversity") for spec in _DIVERSITY)]


def realism_measures(arms: Arms, rng: np.random.Generator) -> tuple[list[Measure], list[str]]:
    """Measure realism on samples of equal size, and by classifiers; say what was left out."""
    real = associations_of(arms.real.rows)
    association = _Spec(
        "association_error",
        "Error of the associations",
        lambda sample: realism.association_error_of(real, sample.sample),
        "lower",
        "Difference from the training rows in how strongly two columns go together, in 0 to 1, "
        "mean over all pairs.",
    )
    measures = [
        _measured(arms, spec, "realism") for spec in (_REALISM[0], association, _REALISM[1])
    ]
    smallest = min(len(arms.real.rows), len(arms.synthetic.whole.sample))
    if smallest < detection.SMALLEST_SAMPLE:
        return measures, [
            "No classifier was trained to tell synthetic rows: that takes "
            f"{detection.SMALLEST_SAMPLE} real and as many synthetic rows; there are {smallest}."
        ]
    return [*measures, *_detection(arms, rng)], []


def _detection(arms: Arms, rng: np.random.Generator) -> list[Measure]:
    measures = []
    for name, title, function, meaning in (
        (
            "two_sample_test",
            "Two-sample test",
            detection.two_sample_test_of,
            "Accuracy of a classifier that tells the rows from training rows; 0.5 is guessing.",
        ),
        (
            "detection_auc",
            "Detection AUC",
            detection.detection_auc_of,
            "Area under the ROC curve of a cross-validated classifier that tells the rows from "
            "training rows; 0.5 is guessing, and less is a sign of copies.",
        ),
    ):
        found: list[detection.Detection | None] = []
        for arm in (arms.synthetic, arms.holdout, arms.duplicates):
            rows = None if arm is None else arm.whole.sample
            if rows is None or len(rows) < detection.SMALLEST_SAMPLE:
                found.append(None)
            else:
                found.append(function(arms.real.rows, rows, rng))
        ours, real, repeated = found
        assert ours is not None
        measures.append(
            Measure(
                name,
                "realism",
                title,
                ours.value,
                ours.interval,
                None if real is None else real.value,
                None if repeated is None else repeated.value,
                "real",
                meaning,
                ours.p_value,
            )
        )
    return measures


def column_figures(arms: Arms) -> tuple[ColumnQuality, ...]:
    """Work out the figures by column, in the order of the schema."""
    schema = arms.real.rows.schema
    samples = list(arms.synthetic.samples())
    entropies = np.mean([column_entropies(sample.bins) for sample in samples], axis=0)
    covered = np.mean(
        [diversity.support_coverage_of(arms.real.bins, sample.bins) for sample in samples], axis=0
    )
    gaps = np.mean(
        [realism.marginal_distances_of(arms.real.rows, sample.sample) for sample in samples], axis=0
    )
    if arms.holdout is None:
        real = column_entropies(arms.real.bins)
    else:
        real = np.mean([column_entropies(part.bins) for part in arms.holdout.samples()], axis=0)
    order = column_order(schema)
    found = {
        column.name: ColumnQuality(
            str(column.name),
            column.kind,
            float(entropies[at]),
            float(real[at]),
            float(covered[at]),
            float(gaps[at]),
        )
        for at, column in enumerate(order)
    }
    return tuple(found[column.name] for column in schema)


ASPECTS = ("diversity", "realism", "leakage")


def measure_quality(
    train: pd.DataFrame,
    holdout: pd.DataFrame | None,
    synthetic: pd.DataFrame,
    schema: Schema,
    *,
    aspects: Collection[str] = ASPECTS,
    max_rows: int = 2000,
    n_draws: int = 40,
    random_state: Any = None,
) -> Quality:
    """Measure how varied, how real and how leaky synthetic rows of one class are.

    Each figure stands beside two anchors: what held-out real rows reach in place of the synthetic
    ones, and what training rows repeated at random reach.

    Parameters
    ----------
    train : DataFrame of shape (n_train, n_columns)
        Real rows of the class that the generator was trained on; at least two.
    holdout : DataFrame of shape (n_holdout, n_columns) or None
        Real rows of the class that it has not seen, drawn at random from where `train` is from.
        None (or fewer than two): the real anchors and two measures of leakage are left out.
    synthetic : DataFrame of shape (n_synthetic, n_columns)
        What the generator wrote; at least two rows.
    schema : Schema
        What the columns are. It may lack the label.
    aspects : collection of {"diversity", "realism", "leakage"}, default=all three
        What to measure.
    max_rows : int, default=2000
        Of each of the three frames, no more than this many rows are used, drawn at random: time
        and memory grow with the square of it.
    n_draws : int, default=40
        Samples that measures of diversity and realism are taken on.
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
    Many measures of diversity and realism depend on the number of rows. So they are taken on
    samples of equal size: as many rows as the holdout has (or as `train` has, without one), drawn
    from the synthetic rows without replacement, `n_draws` times. The value is the mean, the
    interval the middle 95 % of the samples. The held-out rows are one such sample of real rows: a
    real anchor outside of the interval is a difference that the draw of rows does not explain.
    Where there are too few synthetic rows for several samples, there is no interval. The distinct
    row rate is that of all the synthetic rows; the classifiers take as many rows as there are.
    Intervals of leakage are those of :mod:`counterpoise.metrics._privacy`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> real = pd.DataFrame({"a": rng.normal(size=90).round(2), "b": rng.choice(["x", "y"], 90)})
    >>> quality = measure_quality(
    ...     real[:60], real[60:], real[:60], Schema.infer(real), aspects=["leakage"], random_state=0
    ... )
    >>> quality["exact_copies"].value, quality["exact_copies"].real_anchor, quality.leaks
    (1.0, 0.0, True)
    """
    _check(train, synthetic, aspects)
    rng = np.random.default_rng(check_random_state(random_state).randint(2**31, size=4))
    n_holdout = 0 if holdout is None else len(holdout)
    has_holdout = n_holdout >= 2
    frames = [train, *([holdout] if holdout is not None and has_holdout else []), synthetic]
    frames = [_capped(frame, max_rows, rng) for frame in frames]
    rows = encode(schema, frames[:-1], frames[-1:])
    held = rows[1] if has_holdout else None
    measures: list[Measure] = []
    columns: tuple[ColumnQuality, ...] = ()
    warnings: list[str] = []
    notes = [] if has_holdout else ["There are no held-out rows, so nothing to anchor figures to."]
    n_compared = 0
    if "diversity" in aspects or "realism" in aspects:
        arms = Arms.of(rows[0], held, rows[-1], n_draws, rng)
        n_compared = arms.n_compared
        columns = column_figures(arms)
        if "diversity" in aspects:
            measures += diversity_measures(arms)
        if "realism" in aspects:
            found, notes_ = realism_measures(arms, rng)
            measures, notes = measures + found, notes + notes_
    if "leakage" in aspects:
        found, warnings, notes_ = leakage_measures(rows[0], held, rows[-1], frames, rng)
        measures, notes = measures + found, notes + notes_
    return Quality(
        len(train),
        n_holdout,
        len(synthetic),
        n_compared,
        tuple(measures),
        columns,
        tuple(warnings),
        tuple(notes),
    )


def _capped(frame: pd.DataFrame, max_rows: int, rng: np.random.Generator) -> pd.DataFrame:
    if len(frame) <= max_rows:
        return frame
    return frame.iloc[np.sort(rng.choice(len(frame), max_rows, replace=False))]


def _check(train: pd.DataFrame, synthetic: pd.DataFrame, aspects: Collection[str]) -> None:
    for name, frame in (("train", train), ("synthetic", synthetic)):
        if len(frame) < 2:
            raise ValueError(f"{name} must have at least 2 rows to be measured; got {len(frame)}")
    unknown = sorted(set(aspects) - set(ASPECTS))
    if unknown or not aspects:
        raise ValueError(f"aspects must be some of {ASPECTS}; got {list(aspects)!r}")
