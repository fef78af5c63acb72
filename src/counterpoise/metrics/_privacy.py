"""Privacy: whether rows give away the rows that the generator was trained on.

What a row has in common with a training row says nothing by itself: rows of one kind resemble each
other. So each metric is compared with a *holdout*: real rows that the generator has not seen. A
generator that has learned the distribution, and nothing about single rows, comes as close to the
holdout as to its training rows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial

import numpy as np

from counterpoise.errors import needs_extra
from counterpoise.metrics._distance import Rows
from counterpoise.metrics._metric import (
    Estimate,
    MetricFunction,
    Sample,
    as_estimate,
    auc_estimate,
    register_metric,
    share_estimate,
)

_NEAR_QUANTILE = 0.05
"""A near copy is nearer to a training row than all but this share of training rows are."""
_SIMILAR = 90
"""Similarity, in percent, from which texts are near copies."""
_TEXTS_PER_CHUNK = 500
_MIN_HOLDOUT = 4
"""Held-out rows that can be cut in two: one half stands for the synthetic rows."""
_N_HALVINGS = 10
_privacy_metric = partial(register_metric, aspect="privacy", better="lower", equal_size=False)


def _held_out_or_training(
    function: MetricFunction, synthetic: Sample, held_out: Sample | None
) -> float | Estimate | None:
    """Anchor: held-out rows or, without any, training rows compared with the other ones."""
    return function(synthetic.real if held_out is None else held_out)


def _mean_over_halvings(
    function: MetricFunction,
    synthetic: Sample,  # noqa: ARG001
    held_out: Sample | None,
) -> float | None:
    """Anchor: random halves of the held-out rows, one of which stands for the synthetic rows."""
    if held_out is None or len(held_out) < _MIN_HOLDOUT:
        return None
    found = [as_estimate(function(held_out.halved())) for _ in range(_N_HALVINGS)]
    return float(np.mean([estimate.value for estimate in found if estimate is not None]))


def _texts_of_real_rows(
    function: MetricFunction, synthetic: Sample, held_out: Sample | None
) -> Estimate | None:
    """Anchor: held-out rows, in the column that the synthetic rows' share is of."""
    found = as_estimate(function(synthetic))
    if found is None or held_out is None:
        return None
    return _near_copies_by_column(held_out).get(found.column)


@_privacy_metric(
    "Exact copies",
    real_anchor=_held_out_or_training,
    warning="{value:.1%} of the synthetic rows equal a training row in every cell; of real rows "
    "that the generator has not seen, {real:.1%} do.",
)
def exact_copies(sample: Sample) -> Estimate:
    """Share of the rows that equal a training row in every cell.

    Numbers are compared to the column's decimals. Interval: Wilson's.
    """
    n_rows = Counter(sample.real.keys)
    n_own = int(sample is sample.real)  # a training row is no copy of itself
    return share_estimate(sum(n_rows[key] > n_own for key in sample.keys), len(sample))


@_privacy_metric(
    "Near copies",
    real_anchor=_held_out_or_training,
    warning="{value:.1%} of the synthetic rows are nearly equal to a training row; of real rows "
    "that the generator has not seen, {real:.1%} are.",
)
def near_copies(sample: Sample) -> Estimate:
    """Share of the rows nearer to a training row than 95 % of training rows are to each other.

    About 5 % is expected of real rows. Exact copies count. Interval: Wilson's.
    """
    radius = float(np.quantile(sample.real.radii(1), _NEAR_QUANTILE))
    nearest = sample.to_real.min(axis=0)
    return share_estimate(int(((nearest < radius) | (nearest == 0)).sum()), len(nearest))


@_privacy_metric(
    "Closer to training than to held-out rows",
    min_holdout=_MIN_HOLDOUT,
    real_anchor=_mean_over_halvings,
    chance=0.5,
    warning="{value:.1%} of the synthetic rows are closer to a training row than to a held-out "
    "one; without leakage half of them would be.",
)
def closer_to_training(sample: Sample) -> Estimate:
    """Share of the rows closer to a training row than to a held-out one; 0.5 without leakage.

    As if there were as many of both: of n training and h held-out rows, the closest one is a
    training row with probability ``n / (n + h)`` where the generator has not learned single rows,
    so the share p is converted to ``(p / n) / (p / n + (1 - p) / h)``. With copies only it is 1.
    A tie counts as that probability.

    Interval: Wilson's of the share, converted alike, where rows that share their closest real row
    count as one observation: ``(sum c)**2 / sum c**2`` observations for real rows that are the
    closest of c rows each. So it allows for the chance in which real rows were held out, which is
    the larger part where they are few.
    """
    n_train, n_holdout = len(sample.real), len(sample.to_holdout)
    chance = n_train / (n_train + n_holdout)
    to_train, to_holdout = sample.to_real.min(axis=0), sample.to_holdout.min(axis=0)
    closer = np.where(to_train == to_holdout, chance, (to_train < to_holdout).astype(float))
    closest_held_out = n_train + sample.to_holdout.argmin(axis=0)
    closest = np.where(to_train <= to_holdout, sample.to_real.argmin(axis=0), closest_held_out)
    sizes = np.bincount(closest).astype(float)
    n_effective = float(len(sample) ** 2 / (sizes @ sizes))
    found = share_estimate(float(closer.mean()) * n_effective, n_effective)
    assert found.interval is not None

    def as_if_equal(share: float) -> float:
        return share * (1 - chance) / (share * (1 - chance) + (1 - share) * chance)

    low, high = found.interval
    return Estimate(as_if_equal(found.value), (as_if_equal(low), as_if_equal(high)))


@_privacy_metric(
    "Membership inference",
    min_holdout=_MIN_HOLDOUT,
    real_anchor=_mean_over_halvings,
    chance=0.5,
    warning="An attacker who sees the synthetic rows can tell training rows from held-out ones, "
    "with an area under the ROC curve of {value:.2f}.",
)
def membership_inference(sample: Sample) -> Estimate:
    """How well an attacker tells training rows from held-out ones, as ROC AUC; 0.5 is guessing.

    The attacker sees the rows only, and takes a real row for a training row the sooner, the closer
    it is to one of them. A weak attack: a value near 0.5 does not prove that no better one
    succeeds. Interval: DeLong's.
    """
    return auc_estimate(-sample.to_real.min(axis=1), -sample.to_holdout.min(axis=1))


@_privacy_metric(
    "Near copies of texts",
    real_anchor=_texts_of_real_rows,
    warning="{value:.1%} of the texts in column {column!r} nearly equal the text of a training "
    "row.",
)
def text_near_copies(sample: Sample) -> Estimate | None:
    """Share of the texts that are at least 90 % similar to a training row's; highest column.

    By a normalised insertion-deletion similarity; missing cells are left out. None where the table
    has no text column. Interval: Wilson's.
    """
    shares = _near_copies_by_column(sample).values()
    return max(shares, key=lambda share: share.value, default=None)


def _near_copies_by_column(sample: Sample) -> dict[object, Estimate]:
    found = {}
    for at, column in enumerate(sample.rows.columns):
        if column.is_text:
            known, texts = _texts(sample.real.rows, at), _texts(sample.rows, at)
            if known and texts:
                share = share_estimate(_n_similar(texts, known), len(texts))
                found[column.name] = replace(share, column=column.name)
    return found


def _texts(rows: Rows, at: int) -> list[str]:
    at -= rows.numbers.shape[1]
    codes = rows.codes[:, at]
    return [str(rows.values[at][code]) for code in codes[codes >= 0]]


def _n_similar(texts: list[str], known: list[str]) -> int:
    """How many of the texts are similar to a known one."""
    with needs_extra(
        "text",
        "Comparing texts needs the package rapidfuzz. Install it with "
        "`pip install 'counterpoise[text]'`.",
    ):
        from rapidfuzz import fuzz, process
    distinct = set(known)
    others = [text for text in texts if text not in distinct]
    n_similar = len(texts) - len(others)
    for start in range(0, len(others), _TEXTS_PER_CHUNK):
        chunk = others[start : start + _TEXTS_PER_CHUNK]
        # similarities below the cutoff are 0
        found = process.cdist(chunk, list(distinct), scorer=fuzz.ratio, score_cutoff=_SIMILAR)
        n_similar += int((found.max(axis=1) > 0).sum())
    return n_similar
