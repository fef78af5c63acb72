"""Probabilities out of fold, on which a threshold is tuned without looking at the test rows.

Every inner fold's training part is over-sampled by itself, so no synthetic row comes from a row
that it helps to score. That takes one over-sampling per inner fold; there is no cheaper way that is
right for a generator that was trained on all rows.
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

XY = tuple[pd.DataFrame, "pd.Series[Any]"]
"""Features and labels."""

Resample = Callable[[pd.DataFrame, "pd.Series[Any]", int], XY]
"""Takes training rows, their labels and a seed; returns the rows and labels to train on."""


@dataclass(frozen=True, slots=True)
class Fold:
    """An inner fold: the over-sampled rows to train on, and the positions of the held-out rows."""

    X: pd.DataFrame
    y: pd.Series[Any]
    held_out: npt.NDArray[np.int64]


def inner_folds(
    y: Any, n_folds: int, seed: int
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Return stratified folds, at most one per row of the smallest class: train, held out."""
    labels = np.asarray(y)
    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() < 2:
        raise ValueError(
            f"class {str(classes[counts.argmin()])!r} has one row; a threshold needs two or more"
        )
    folds = StratifiedKFold(min(n_folds, int(counts.min())), shuffle=True, random_state=seed)
    return list(folds.split(np.zeros(len(labels)), labels))


def resample_folds(
    X: pd.DataFrame,
    y: pd.Series[Any],
    resample: Resample | None,
    *,
    n_folds: int = 3,
    random_state: int = 0,
) -> list[Fold]:
    """Over-sample the training part of each inner fold, with a seed of its own."""
    folds = []
    seeds = np.random.default_rng(random_state).integers(2**31, size=n_folds)
    for (train, held_out), seed in zip(inner_folds(y, n_folds, random_state), seeds, strict=False):
        X_train, y_train = take_rows(X, y, train)
        if resample is not None:
            X_train, y_train = resample(X_train, y_train, int(seed))
        folds.append(Fold(X_train, y_train, held_out))
    return folds


def predict_folds(
    classifier: TableClassifier, folds: list[Fold], X: pd.DataFrame, *, positive: Any
) -> npt.NDArray[np.float64]:
    """Return each row's probability of `positive` by a classifier that was not trained on it."""
    probability = np.full(len(X), np.nan)
    for fold in folds:
        fitted = clone(classifier).fit(fold.X, fold.y)
        probability[fold.held_out] = fitted.probability_of(X.iloc[fold.held_out], positive)
    return probability


def take_rows(X: pd.DataFrame, y: pd.Series[Any], rows: Any) -> XY:
    """Return the rows at the positions `rows`, numbered from 0."""
    return X.iloc[rows].reset_index(drop=True), y.iloc[rows].reset_index(drop=True)
