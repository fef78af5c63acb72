"""The scores of arXiv 2510.09783 as its own program takes them, flaws and all.

For comparison with the paper's tables only; `counterpoise.evaluate` has the sound ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
from sklearn.preprocessing import label_binarize

from counterpoise.errors import MissingDependencyError

__all__ = ["published_scores", "share_of_wrong_codes"]


def published_scores(
    balanced: tuple[pd.DataFrame, pd.Series[Any]],
    test: tuple[pd.DataFrame, pd.Series[Any]],
    categorical: Sequence[str],
    seed: int,
) -> dict[str, float]:
    """Train XGBoost on a balanced table and take the paper's scores.

    Parameters
    ----------
    balanced, test
        Features and labels.
    categorical
        Features that are no numbers.
    seed
        Of XGBoost.

    Returns
    -------
    dict of str to float
        ``published_f1``: of the class that sorts second, or with more than two classes the average
        weighted by their sizes. ``published_auc``: of hard predictions, each class against the
        rest, averaged. ``published_accuracy``.
    """
    try:
        from xgboost import XGBClassifier
    except ImportError as error:
        raise MissingDependencyError(
            "The paper's protocol needs the package xgboost: pip install 'counterpoise[bench]'.",
            extra="bench",
        ) from error
    names = list(balanced[0].columns)
    types = ["c" if name in set(categorical) else "q" for name in names]
    classes, codes = np.unique(balanced[1].to_numpy(), return_inverse=True)
    truth = np.searchsorted(classes, test[1].to_numpy())
    classifier = XGBClassifier(
        random_state=seed, n_jobs=1, enable_categorical=True, feature_types=types
    )
    classifier.fit(_codes_of_its_own(balanced[0], categorical), codes)
    called = classifier.predict(_codes_of_its_own(test[0], categorical))
    every = np.arange(len(classes))
    return {
        "published_f1": float(
            f1_score(truth, called, average="binary" if len(classes) == 2 else "weighted")
        ),
        "published_auc": float(
            roc_auc_score(
                label_binarize(truth, classes=every),
                label_binarize(called, classes=every),
                average="macro",
            )
        ),
        "published_accuracy": float(accuracy_score(truth, called)),
    }


def _codes_of_its_own(X: pd.DataFrame, categorical: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return the features as numbers; categories are numbered by what is in *these* rows."""
    columns = []
    for name in X:
        if name in set(categorical):
            codes = pd.Categorical(X[name]).codes.astype(float)
            columns.append(np.where(codes < 0, np.nan, codes))
        else:
            columns.append(X[name].to_numpy(dtype=float, na_value=np.nan))
    return np.column_stack(columns)


def share_of_wrong_codes(
    X_train: pd.DataFrame, X_test: pd.DataFrame, categorical: Sequence[str]
) -> float:
    """Return the share of the test rows' categorical cells that get another code than in training.

    Examples
    --------
    >>> train, test = pd.DataFrame({"a": ["x", "y", "z"]}), pd.DataFrame({"a": ["y", "z"]})
    >>> share_of_wrong_codes(train, test, ["a"])
    1.0
    """
    wrong = n = 0
    for name in categorical:
        known = {value: code for code, value in enumerate(pd.Categorical(X_train[name]).categories)}
        given = pd.Categorical(X_test[name])
        own = dict(enumerate(given.categories))
        counts = pd.Series(given.codes).value_counts()
        n += int(counts[counts.index >= 0].sum())
        wrong += sum(
            int(count)
            for code, count in counts.items()
            if code in own and known.get(own[code]) != code
        )
    return wrong / n if n else 0.0
