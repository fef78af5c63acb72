"""Probabilities that mean something after training on rows whose class shares were changed.

A classifier trained on balanced rows expects the small class as often as it saw it there. Where the
rows of each class were left as they are, Bayes' rule takes that back exactly (prior shift, [1]_).
Where they were over-sampled with rows of another kind, only real rows can tell: probabilities out
of fold, of rows that no classifier and no generator had seen.

References
----------
.. [1] Saerens, Latinne, Decaestecker, "Adjusting the outputs of a classifier to new a priori
   probabilities", Neural Computation 14 (2002). For under-sampling: Elkan, IJCAI 2001.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted

_METHODS = ("prior", "sigmoid", "isotonic")


def shift_priors(
    probability: npt.ArrayLike, trained_on: npt.ArrayLike, wanted: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Return the probabilities that hold where classes have other shares.

    Parameters
    ----------
    probability : array-like of shape (n_rows, n_classes)
        What a classifier says.
    trained_on, wanted : array-like of shape (n_classes,)
        Shares of the classes where it was trained, and where it is used; each above 0.

    Returns
    -------
    ndarray of shape (n_rows, n_classes)
        Rows sum to 1.

    Examples
    --------
    >>> shift_priors([[0.5, 0.5]], [0.5, 0.5], [0.9, 0.1]).round(3)
    array([[0.9, 0.1]])
    """
    before, after = np.asarray(trained_on, dtype=float), np.asarray(wanted, dtype=float)
    if (before <= 0).any() or (after <= 0).any():
        raise ValueError(f"shares must be above 0; got {before.tolist()} and {after.tolist()}")
    shifted = np.asarray(probability, dtype=float) * (after / before)
    result: npt.NDArray[np.float64] = shifted / shifted.sum(axis=1, keepdims=True)
    return result


class RecalibratedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier trained on over-sampled rows, whose probabilities are those of real rows.

    Parameters
    ----------
    estimator : scikit-learn classifier
        What is trained; a clone of it.
    sampler : imbalanced-learn over-sampler
        Balances the training rows; a clone of it.
    method : {"sigmoid", "isotonic", "prior"}, default="sigmoid"
        ``"sigmoid"`` and ``"isotonic"`` learn from real rows out of fold how probabilities are to
        be bent, which costs `cv` more trainings of sampler and classifier. ``"prior"`` costs
        nothing and takes back the change of shares by Bayes' rule, which is right only if the
        synthetic rows are distributed as the real ones of their class.
    cv : int, default=3
        Folds that probabilities are gathered from, with all but ``"prior"``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from imblearn.over_sampling import RandomOverSampler
    >>> from sklearn.linear_model import LogisticRegression
    >>> X = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0] * 25})
    >>> y = np.where(np.arange(100) % 10 == 3, "yes", "no")
    >>> model = RecalibratedClassifier(LogisticRegression(), RandomOverSampler(), method="prior")
    >>> round(float(model.fit(X, y).predict_proba(X)[:, 1].mean()), 2)
    0.1
    """

    def __init__(
        self, estimator: Any, sampler: Any, *, method: str = "sigmoid", cv: int = 3
    ) -> None:
        self.estimator = estimator
        self.sampler = sampler
        self.method = method
        self.cv = cv

    def fit(self, X: Any, y: Any) -> RecalibratedClassifier:
        """Balance, train, and learn what the probabilities mean.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_features)
            Real rows.
        y : array-like of shape (n_rows,)
            Labels.

        Raises
        ------
        ValueError
            If the method is unknown.
        """
        if self.method not in _METHODS:
            raise ValueError(f"method must be one of {_METHODS}; got {self.method!r}")
        if self.method == "prior":
            self._fit_prior(X, y)
        else:
            self._fit_out_of_fold(X, y)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:
        """Return probabilities, shape (n_rows, n_classes), columns as in `classes_`."""
        check_is_fitted(self, "model_")
        probability = np.asarray(self.model_.predict_proba(X), dtype=np.float64)
        if self.method == "prior":
            return shift_priors(probability, self.trained_on_, self.shares_)
        return probability

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the likeliest class of each row, shape (n_rows,)."""
        likeliest: npt.NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return likeliest

    def _fit_prior(self, X: Any, y: Any) -> None:
        X_balanced, y_balanced = clone(self.sampler).fit_resample(X, y)
        self.model_ = clone(self.estimator).fit(X_balanced, y_balanced)
        self.shares_ = _shares(y, self.model_.classes_)
        self.trained_on_ = _shares(y_balanced, self.model_.classes_)

    def _fit_out_of_fold(self, X: Any, y: Any) -> None:
        from imblearn.pipeline import make_pipeline
        from sklearn.calibration import CalibratedClassifierCV

        # the pipeline over-samples in fit only: the rows that calibrate are real, and new to it
        whole = make_pipeline(clone(self.sampler), clone(self.estimator))
        self.model_ = CalibratedClassifierCV(whole, method=self.method, cv=self.cv, ensemble=False)
        self.model_.fit(X, y)


def _shares(y: Any, classes: Any) -> npt.NDArray[np.float64]:
    labels = np.asarray(y)
    return np.array([(labels == class_).mean() for class_ in classes])
