"""Parameters of a classifier, tuned on inner folds of the training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.metrics import average_precision_score

from counterpoise.evaluate.classifiers import TableClassifier
from counterpoise.evaluate.utility import Fold, predict_folds

__all__ = ["GRIDS", "best_parameters"]

GRIDS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "xgboost": (
        {},
        {"max_depth": 3},
        {"learning_rate": 0.1, "n_estimators": 200},
        {"learning_rate": 0.1, "max_depth": 3},
        {"min_child_weight": 5, "subsample": 0.8},
        {"learning_rate": 0.1, "reg_lambda": 10.0},
    ),
    "hist-gradient-boosting": (
        {},
        {"max_leaf_nodes": 8},
        {"learning_rate": 0.05, "max_iter": 200},
        {"min_samples_leaf": 5},
        {"l2_regularization": 10.0},
    ),
    "logistic-regression": tuple({"C": c} for c in (1.0, 0.01, 0.1, 10.0)),
    "random-forest": (
        {},
        {"min_samples_leaf": 3},
        {"max_features": 0.5},
        {"n_estimators": 300, "min_samples_leaf": 2},
    ),
}
"""What is tried, the library's defaults first."""


def best_parameters(
    name: str,
    classifier: TableClassifier,
    folds: list[Fold],
    X: pd.DataFrame,
    y: pd.Series[Any],
    *,
    positive: Any,
) -> dict[str, Any]:
    """Return the parameters with the highest average precision out of fold.

    Every method's classifier is tuned on what that method makes of the inner folds: the balanced
    table that suits one setting may not suit another.

    Raises
    ------
    ValueError
        If there are no inner folds.
    """
    if not folds:
        raise ValueError("tuning needs inner folds: set threshold_folds to 2 or more")
    truth = (y == positive).to_numpy()

    def precision(parameters: Mapping[str, Any]) -> float:
        candidate = clone(classifier).set_params(parameters=dict(parameters))
        found = predict_folds(candidate, folds, X, positive=positive)
        return float(average_precision_score(truth, found))

    reached = [precision(parameters) for parameters in GRIDS[name]]
    return dict(GRIDS[name][int(np.argmax(reached))])
