"""The measures of leakage beside their anchors, and the warnings that follow from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from counterpoise.errors import MissingDependencyError
from counterpoise.evaluate import leakage
from counterpoise.evaluate.distance import Rows, nearest
from counterpoise.evaluate.interval import share_with_interval
from counterpoise.evaluate.leakage import Estimate
from counterpoise.evaluate.measure import Measure

__all__ = ["leakage_measures"]

_SMALLEST_HOLDOUT = 4
"""Held-out rows that can be halved: one half plays the synthetic rows."""
_N_HALVINGS = 10
_CONSPICUOUS = 0.6
"""A share or area that is 0.5 without leakage is warned of from here on, if surely above 0.5."""

_MEANINGS = {
    "exact_copies": ("Exact copies", "Share of the rows that equal a training row in every cell."),
    "near_copies": (
        "Near copies",
        "Share of the rows nearer to a training row than 95 % of training rows are to each other.",
    ),
    "closer_to_training": (
        "Closer to training than to held-out rows",
        "Share of the rows whose closest real row is a training row, among as many held-out rows; "
        "0.5 without leakage.",
    ),
    "membership_inference": (
        "Membership inference",
        "How well an attacker who sees the rows tells training rows from held-out ones, as area "
        "under the ROC curve; 0.5 is guessing.",
    ),
    "text_near_copies": (
        "Near copies of texts",
        "Share of the texts that are at least 90 % alike to a training row's text; highest column.",
    ),
}


def leakage_measures(
    train: Rows,
    holdout: Rows | None,
    synthetic: Rows,
    frames: Sequence[pd.DataFrame],
    rng: np.random.Generator,
) -> tuple[list[Measure], list[str], list[str]]:
    """Measure leakage.

    Parameters
    ----------
    train, holdout, synthetic : Rows
        Encoded together; `holdout` may be None.
    frames : sequence of DataFrame
        The same rows as they came: training, held-out ones if there are any, synthetic.
    rng : numpy.random.Generator
        Draws the anchors.

    Returns
    -------
    measures : list of Measure
    warnings : list of str
        What was found.
    notes : list of str
        What could not be measured.
    """
    repeated = train.take(rng.integers(len(train), size=len(synthetic)))
    found = _copies(train, holdout, synthetic, repeated)
    notes = []
    if holdout is not None and len(holdout) >= _SMALLEST_HOLDOUT:
        found += _against_holdout(train, holdout, synthetic, repeated, rng)
    else:
        notes.append(
            "Whether rows are closer to training than to held-out rows, and whether training rows "
            f"can be told by them, was not measured: that takes {_SMALLEST_HOLDOUT} held-out rows."
        )
    try:
        found += _texts(train, frames)
    except MissingDependencyError as error:
        notes.append(str(error))
    warnings = [warning for _, warning in found if warning is not None]
    return [measure for measure, _ in found], warnings, notes


_Found = list[tuple[Measure, str | None]]


def _copies(train: Rows, holdout: Rows | None, synthetic: Rows, repeated: Rows) -> _Found:
    radius = leakage.near_radius(train)
    exact, near = (
        [
            function(train, rows, radius)
            for rows in (synthetic, holdout, repeated)
            if rows is not None
        ]
        for function in (_exact, _near)
    )
    if holdout is None:
        exact.insert(1, _copies_within(train))
        near.insert(1, _near_within(train, radius))
    return [
        _against_real("exact_copies", exact, "equal a training row in every cell"),
        _against_real("near_copies", near, "are as good as equal to a training row"),
    ]


def _exact(train: Rows, rows: Rows, _: float) -> Estimate:
    return leakage.exact_copies_of(train, rows)


def _near(train: Rows, rows: Rows, radius: float) -> Estimate:
    return leakage.near_copies_of(radius, nearest(rows, train)[:, 0])


def _copies_within(train: Rows) -> Estimate:
    """Share of training rows that equal another one."""
    keys = train.keys()
    counts: dict[bytes, int] = {}
    for key in keys:
        counts[key] = counts.get(key, 0) + 1
    return Estimate(*share_with_interval(sum(counts[key] > 1 for key in keys), len(keys)))


def _near_within(train: Rows, radius: float) -> Estimate:
    return leakage.near_copies_of(radius, nearest(train, train, exclude_self=True)[:, 0])


def _against_real(
    name: str, estimates: Sequence[Estimate], what: str
) -> tuple[Measure, str | None]:
    ours, real, repeated = estimates
    warning = None
    if ours.interval[0] > real.interval[1]:
        warning = (
            f"{ours.value:.1%} of the synthetic rows {what}; of real rows that the generator has "
            f"not seen, {real.value:.1%} do."
        )
    return _measure(name, ours, real.value, repeated.value), warning


def _against_holdout(
    train: Rows, holdout: Rows, synthetic: Rows, repeated: Rows, rng: np.random.Generator
) -> _Found:
    def share(held: Rows, rows: Rows) -> Estimate:
        return leakage.closer_to_training_of(train, held, rows)

    def attack(held: Rows, rows: Rows) -> Estimate:
        return leakage.membership_inference_of(train, held, rows)

    halves = [np.array_split(rng.permutation(len(holdout)), 2) for _ in range(_N_HALVINGS)]

    def measured(name: str, function: Callable[[Rows, Rows], Estimate], warning: str) -> _Found:
        ours = function(holdout, synthetic)
        real = [function(holdout.take(half), holdout.take(other)).value for half, other in halves]
        is_sure = ours.interval[0] > 0.5 and ours.value >= _CONSPICUOUS
        measure = _measure(name, ours, float(np.mean(real)), function(holdout, repeated).value)
        return [(measure, warning.format(ours.value) if is_sure else None)]

    return [
        *measured(
            "closer_to_training",
            share,
            "{:.1%} of the synthetic rows are closer to a training row than to a held-out one; "
            "without leakage half of them would be.",
        ),
        *measured(
            "membership_inference",
            attack,
            "Whoever sees the synthetic rows can tell training rows from held-out ones, with an "
            "area under the ROC curve of {:.2f}.",
        ),
    ]


def _texts(train: Rows, frames: Sequence[pd.DataFrame]) -> _Found:
    schema = train.schema
    ours = leakage.text_near_copies(frames[0], frames[-1], schema)
    if not ours:
        return []
    name = max(ours, key=lambda column: ours[column].value)
    real = leakage.text_near_copies(frames[0], frames[1], schema).get(name) if frames[2:] else None
    warning = None
    if ours[name].interval[0] > (0.0 if real is None else real.interval[1]):
        warning = (
            f"{ours[name].value:.1%} of the texts in column {name!r} nearly equal the text of a "
            "training row."
        )
    anchor = None if real is None else real.value
    return [(_measure("text_near_copies", ours[name], anchor, 1.0), warning)]


def _measure(name: str, estimate: Estimate, real: float | None, repeated: float | None) -> Measure:
    title, meaning = _MEANINGS[name]
    return Measure(
        name,
        "leakage",
        title,
        estimate.value,
        estimate.interval,
        real,
        repeated,
        "lower",
        meaning,
    )
