"""The measures of diversity and realism beside their anchors, and the figures by column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from counterpoise.evaluate import detection, diversity, realism
from counterpoise.evaluate.arms import Arms
from counterpoise.evaluate.association import associations_of
from counterpoise.evaluate.comparison import Comparison
from counterpoise.evaluate.distance import column_order
from counterpoise.evaluate.information import chow_liu_entropy, column_entropies
from counterpoise.evaluate.measure import ColumnQuality, Measure

__all__ = ["column_figures", "diversity_measures", "realism_measures"]


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
            str(column.kind),
            float(entropies[at]),
            float(real[at]),
            float(covered[at]),
            float(gaps[at]),
        )
        for at, column in enumerate(order)
    }
    return tuple(found[column.name] for column in schema)
