"""Whether synthetic rows give away the rows that the generator was trained on.

What a row has in common with a training row tells nothing by itself: rows of one kind resemble
each other. So each measure that can be is taken against a *holdout*: real rows that the generator
has not seen. A generator that has learned what the rows are like, and nothing of single rows, comes
as close to the holdout as to its training rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.columns._schema import Schema
from counterpoise.errors import MissingDependencyError
from counterpoise.metrics._distance import Rows, closest, encode, nearest
from counterpoise.metrics._intervals import Interval, auc_with_interval, share_with_interval
from counterpoise.metrics._measure import Measure

_NEAR = 0.05
"""Near is nearer than this share of training rows are to another training row."""
_SIMILAR = 0.9
"""Texts are near copies from this normalised similarity on."""
_ROWS_A_CHUNK = 500

Gaps = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share or an area under a curve, with its interval.

    Attributes
    ----------
    value : float
        In [0, 1].
    interval : tuple of two floats
        95 % interval.
    """

    value: float
    interval: Interval


def exact_copies(train: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema) -> Estimate:
    """Share of the synthetic rows that equal a training row in every cell.

    Numbers are compared to the column's decimals. Interval: Wilson's.
    """
    rows, sample = encode(schema, [train], [synthetic])
    return exact_copies_of(rows, sample)


def near_copies(train: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema) -> Estimate:
    """Share of the synthetic rows that are as good as equal to a training row.

    Nearer to one than 95 % of the training rows are to any other: distances as in
    :mod:`counterpoise.metrics._distance`. About 5 % is to be expected of real rows. Exact copies
    count. Interval: Wilson's.

    Parameters
    ----------
    train : DataFrame of shape (n_train, n_columns)
        What the generator was trained on, at least two rows.
    synthetic : DataFrame of shape (n_synthetic, n_columns)
        What it wrote.
    schema : Schema
        What the columns are.
    """
    rows, sample = encode(schema, [train], [synthetic])
    return near_copies_of(near_radius(rows), nearest(sample, rows)[:, 0])


def closer_to_training(
    train: pd.DataFrame, holdout: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema
) -> Estimate:
    """Share of the synthetic rows whose closest real row is a training row, not a holdout row.

    As if there were as many of both: of n training and h holdout rows, the closest one is a
    training row with probability ``n / (n + h)`` where the generator has not learned single rows,
    so from the share p the value ``(p / n) / (p / n + (1 - p) / h)`` is made. Without leakage it
    is 0.5, with copies only it is 1. A tie counts as chance has it.

    Interval: Wilson's (95 %) of the share, made into the value's, where synthetic rows that have
    one closest real row between them count as the one observation that they are:
    ``(sum c)**2 / sum c**2`` observations for real rows that are the closest of c rows each. So
    it allows for the chance in which real rows were held out, which is the larger part where they
    are few.

    Parameters
    ----------
    train, holdout : DataFrame of shape (n_train, n_columns), (n_holdout, n_columns)
        Real rows that the generator has seen, and has not seen; drawn at random.
    synthetic : DataFrame of shape (n_synthetic, n_columns)
        What it wrote.
    schema : Schema
        What the columns are.
    """
    rows, held, sample = encode(schema, [train, holdout], [synthetic])
    return closer_to_training_of(rows, held, sample)


def membership_inference(
    train: pd.DataFrame, holdout: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema
) -> Estimate:
    """Area under the ROC curve of an attacker who tells training rows from holdout rows.

    The attacker has the synthetic rows only, and takes a real row for a training row the sooner,
    the closer it is to a synthetic one. 0.5: learns nothing. A weak attack: a value near 0.5 does
    not prove that no better one succeeds. Interval: DeLong's.

    Parameters
    ----------
    train, holdout, synthetic, schema
        As in :func:`closer_to_training`; at least two rows of each.
    """
    rows, held, sample = encode(schema, [train, holdout], [synthetic])
    return membership_inference_of(rows, held, sample)


def text_near_copies(
    train: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema
) -> dict[object, Estimate]:
    """For each text column, the share of synthetic texts that nearly equal a training text.

    From a normalised insertion-deletion similarity of 0.9 on. Missing cells are left out.
    Interval: Wilson's.

    Returns
    -------
    dict
        Name -> share; empty where the table has no text column.

    Raises
    ------
    MissingDependencyError
        If the table has a text column and rapidfuzz is not installed.
    """
    found = {}
    for column in schema:
        if column.is_text:
            known, texts = (_texts(frame[column.name]) for frame in (train, synthetic))
            if known and texts:
                hits = _most_similar(texts, known) >= _SIMILAR
                found[column.name] = Estimate(*share_with_interval(int(hits.sum()), len(texts)))
    return found


def exact_copies_of(train: Rows, sample: Rows) -> Estimate:
    """As :func:`exact_copies`."""
    known = set(train.keys())
    n_copies = sum(key in known for key in sample.keys())  # noqa: SIM118
    return Estimate(*share_with_interval(n_copies, len(sample)))


def near_radius(train: Rows) -> float:
    """Below which distance to a training row a row is a near copy of it."""
    return float(np.quantile(nearest(train, train, exclude_self=True)[:, 0], _NEAR))


def near_copies_of(radius: float, closest: Gaps) -> Estimate:
    """As :func:`near_copies`, given each synthetic row's distance to its closest training row."""
    n_near = int(((closest < radius) | (closest == 0)).sum())
    return Estimate(*share_with_interval(n_near, len(closest)))


def closer_to_training_of(train: Rows, holdout: Rows, sample: Rows) -> Estimate:
    """As :func:`closer_to_training`."""
    chance = len(train) / (len(train) + len(holdout))
    (gap, at), (other_gap, other_at) = (closest(sample, rows) for rows in (train, holdout))
    closer = np.where(gap == other_gap, chance, (gap < other_gap).astype(float))
    sizes = np.bincount(np.where(gap <= other_gap, at, len(train) + other_at)).astype(float)
    n_effective = float(len(sample) ** 2 / (sizes @ sizes))
    share, (low, high) = share_with_interval(float(closer.mean()) * n_effective, n_effective)

    def as_if_equal(share: float) -> float:
        return share * (1 - chance) / (share * (1 - chance) + (1 - share) * chance)

    return Estimate(as_if_equal(share), (as_if_equal(low), as_if_equal(high)))


def membership_inference_of(train: Rows, holdout: Rows, sample: Rows) -> Estimate:
    """As :func:`membership_inference`."""
    closeness = [-nearest(rows, sample)[:, 0] for rows in (train, holdout)]
    return Estimate(*auc_with_interval(closeness[0], closeness[1]))


def _texts(series: pd.Series[Any]) -> list[str]:
    return [str(text) for text in series.dropna()]


def _most_similar(texts: Sequence[str], known: Sequence[str]) -> npt.NDArray[Any]:
    """Similarity of each text to the most similar known one, in [0, 1]."""
    try:
        from rapidfuzz import fuzz, process
    except ImportError as error:
        raise MissingDependencyError(
            "Comparing texts needs the package rapidfuzz. Install it with "
            "`pip install 'counterpoise[text]'`.",
            extra="text",
        ) from error
    best = np.empty(len(texts))
    for start in range(0, len(texts), _ROWS_A_CHUNK):
        chunk = texts[start : start + _ROWS_A_CHUNK]
        best[start : start + len(chunk)] = process.cdist(
            chunk, known, scorer=fuzz.ratio, score_cutoff=100 * _SIMILAR
        ).max(axis=1)
    return best / 100


# The measures of leakage beside their anchors, and the warnings that follow from them.


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
        found += _text_measures(train, frames)
    except MissingDependencyError as error:
        notes.append(str(error))
    warnings = [warning for _, warning in found if warning is not None]
    return [measure for measure, _ in found], warnings, notes


_Found = list[tuple[Measure, str | None]]


def _copies(train: Rows, holdout: Rows | None, synthetic: Rows, repeated: Rows) -> _Found:
    radius = near_radius(train)
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
    return exact_copies_of(train, rows)


def _near(train: Rows, rows: Rows, radius: float) -> Estimate:
    return near_copies_of(radius, nearest(rows, train)[:, 0])


def _copies_within(train: Rows) -> Estimate:
    """Share of training rows that equal another one."""
    keys = train.keys()
    counts: dict[bytes, int] = {}
    for key in keys:
        counts[key] = counts.get(key, 0) + 1
    return Estimate(*share_with_interval(sum(counts[key] > 1 for key in keys), len(keys)))


def _near_within(train: Rows, radius: float) -> Estimate:
    return near_copies_of(radius, nearest(train, train, exclude_self=True)[:, 0])


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
        return closer_to_training_of(train, held, rows)

    def attack(held: Rows, rows: Rows) -> Estimate:
        return membership_inference_of(train, held, rows)

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


def _text_measures(train: Rows, frames: Sequence[pd.DataFrame]) -> _Found:
    schema = train.schema
    ours = text_near_copies(frames[0], frames[-1], schema)
    if not ours:
        return []
    name = max(ours, key=lambda column: ours[column].value)
    real = text_near_copies(frames[0], frames[1], schema).get(name) if frames[2:] else None
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
