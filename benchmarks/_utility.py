"""Scores of classifiers that were trained on a balanced table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    roc_auc_score,
)

from counterpoise.comparison._classifiers import TableClassifier
from counterpoise.comparison._scores import best_threshold, scores


@dataclass(frozen=True, slots=True)
class Utility:
    """What came of one classifier on one split.

    Attributes
    ----------
    scores
        Of the positive class at 0.5, by name; see `counterpoise.comparison._scores.scores`.
    tuned_scores
        The same at `threshold`; None if none was tuned.
    threshold
        The threshold that was best out of fold on the training rows; None if none was tuned.
    probability
        Shape (n_test,): each test row's probability of the positive class.
    """

    scores: dict[str, float]
    tuned_scores: dict[str, float] | None
    threshold: float | None
    probability: npt.NDArray[np.float64]


def measure_utility(
    classifier: TableClassifier,
    balanced: tuple[pd.DataFrame, pd.Series[Any]],
    test: tuple[pd.DataFrame, pd.Series[Any]],
    *,
    positive: Any,
    out_of_fold: tuple[Any, npt.NDArray[np.float64]] | None = None,
    test_weight: npt.ArrayLike | None = None,
) -> Utility:
    """Train on a balanced table and score on test rows.

    Parameters
    ----------
    classifier
        What is trained; a clone of it.
    balanced, test
        Features and labels.
    positive
        The class that is scored against the rest.
    out_of_fold
        Labels of the training rows and what `out_of_fold_probability` gave for them: the threshold
        is tuned there.
    test_weight
        How much each test row counts.
    """
    fitted = clone(classifier).fit(*balanced)
    probability = fitted.probability_of(test[0], positive)
    threshold = None
    tuned = None
    if out_of_fold is not None:
        threshold = best_threshold(*out_of_fold, positive=positive)
        tuned = scores(
            test[1], probability, threshold, positive=positive, sample_weight=test_weight
        )
    plain = scores(test[1], probability, positive=positive, sample_weight=test_weight)
    return Utility(plain, tuned, threshold, probability)


def macro_scores(y_true: Any, probability: npt.ArrayLike, classes: Any) -> dict[str, float]:
    """Score predictions of all classes alike: each class against the rest, then the mean.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Labels; each class must occur.
    probability : array-like of shape (n_rows, n_classes)
        Probabilities, columns as in `classes`; a row is given its likeliest class.
    classes : array-like of shape (n_classes,)

    Returns
    -------
    dict of str to float
        ``macro_f1``, ``macro_roc_auc`` (one against the rest), ``macro_pr_auc`` (likewise),
        ``balanced_accuracy``.
    """
    truth, p, names = np.asarray(y_true), np.asarray(probability), np.asarray(classes)
    called = names[p.argmax(axis=1)]
    each = [(truth == name, p[:, i]) for i, name in enumerate(names)]
    return {
        "macro_f1": float(f1_score(truth, called, labels=names, average="macro", zero_division=0)),
        "macro_roc_auc": float(np.mean([roc_auc_score(is_it, score) for is_it, score in each])),
        "macro_pr_auc": float(
            np.mean([average_precision_score(is_it, score) for is_it, score in each])
        ),
        "balanced_accuracy": float(balanced_accuracy_score(truth, called)),
    }
