"""What a balanced table is worth: a classifier trained on it, scored on rows held out.

Over-sampling sees training rows only. A threshold is tuned on training rows too, out of fold: each
inner fold's training part is over-sampled anew, so that no synthetic row was written from a row
that it helps to judge. That costs as many more over-samplings as there are inner folds; there is no
cheaper way that is right for a generator that was trained on all rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold

from counterpoise.comparison._classifiers import TableClassifier

Resample = Callable[[pd.DataFrame, "pd.Series[Any]", int], "tuple[pd.DataFrame, pd.Series[Any]]"]
"""Takes training rows, their labels and a seed; returns the rows and labels to train on."""


def inner_folds(
    y: Any, n_folds: int, seed: int
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Return stratified folds: row numbers to train on, and those to judge.

    Never more folds than the smallest class has rows.

    Raises
    ------
    ValueError
        If a class has a single row: there is no fold with it on both sides.
    """
    labels = np.asarray(y)
    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() < 2:
        raise ValueError(
            f"class {str(classes[counts.argmin()])!r} has one row; a threshold needs two or more"
        )
    folds = StratifiedKFold(min(n_folds, int(counts.min())), shuffle=True, random_state=seed)
    return [(train, judged) for train, judged in folds.split(np.zeros(len(labels)), labels)]


@dataclass(frozen=True, slots=True)
class Fold:
    """An inner fold: what is trained on, over-sampled by itself, and which rows are judged.

    Attributes
    ----------
    X, y
        The training part with its synthetic rows.
    judged
        Numbers of the rows that are in neither.
    """

    X: pd.DataFrame
    y: pd.Series[Any]
    judged: npt.NDArray[np.int64]


def resample_folds(
    X: pd.DataFrame,
    y: pd.Series[Any],
    resample: Resample | None,
    *,
    n_folds: int = 3,
    random_state: int = 0,
) -> list[Fold]:
    """Cut training rows into folds and over-sample the training part of each by itself.

    Several classifiers can share the result: over-sampling is what costs.

    Parameters
    ----------
    X, y
        Training rows: real ones only.
    resample
        Over-samples, with a seed of its own for each fold; None for not at all.
    n_folds
        How many parts; fewer where the smallest class has fewer rows.
    random_state
        Seed of the folds and of the over-sampling.
    """
    folds = []
    seeds = np.random.default_rng(random_state).integers(2**31, size=n_folds)
    for (train, judged), seed in zip(inner_folds(y, n_folds, random_state), seeds, strict=False):
        X_part, y_part = X.iloc[train].reset_index(drop=True), y.iloc[train].reset_index(drop=True)
        if resample is not None:
            X_part, y_part = resample(X_part, y_part, int(seed))
        folds.append(Fold(X_part, y_part, judged))
    return folds


def predict_folds(
    classifier: TableClassifier, folds: list[Fold], X: pd.DataFrame, *, positive: Any
) -> npt.NDArray[np.float64]:
    """Return each row's probability of `positive` from a classifier that never saw it.

    Parameters
    ----------
    classifier
        What is trained; a clone of it, each time.
    folds
        Of `resample_folds`.
    X
        The rows that the folds are of.
    """
    probability = np.full(len(X), np.nan)
    for fold in folds:
        fitted = clone(classifier).fit(fold.X, fold.y)
        probability[fold.judged] = fitted.probability_of(X.iloc[fold.judged], positive)
    return probability


def out_of_fold_probability(
    classifier: TableClassifier,
    X: pd.DataFrame,
    y: pd.Series[Any],
    *,
    positive: Any,
    resample: Resample | None = None,
    n_folds: int = 3,
    random_state: int = 0,
) -> npt.NDArray[np.float64]:
    """Return each training row's probability of `positive` from a classifier that never saw it.

    `resample_folds` and `predict_folds` in one; see there.
    """
    folds = resample_folds(X, y, resample, n_folds=n_folds, random_state=random_state)
    return predict_folds(classifier, folds, X, positive=positive)
