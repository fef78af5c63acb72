"""Whether synthetic rows give away the rows that the generator was trained on.

What a row has in common with a training row tells nothing by itself: rows of one kind resemble
each other. So each measure that can be is taken against a *holdout*: real rows that the generator
has not seen. A generator that has learned what the rows are like, and nothing of single rows, comes
as close to the holdout as to its training rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.errors import MissingDependencyError
from counterpoise.evaluate.distance import Rows, closest, encode, nearest
from counterpoise.evaluate.interval import Interval, auc_with_interval, share_with_interval
from counterpoise.table import Schema, TextColumn

__all__ = [
    "Estimate",
    "closer_to_training",
    "exact_copies",
    "membership_inference",
    "near_copies",
    "text_near_copies",
]

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
    :mod:`counterpoise.evaluate.distance`. About 5 % is to be expected of real rows. Exact copies
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
        if isinstance(column, TextColumn):
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
