"""Calibrated probabilities after training on rows whose class shares were changed.

Where the rows of each class were left as they are, Bayes' rule corrects that exactly (Saerens,
Latinne, Decaestecker, Neural Computation 14, 2002). Where they were over-sampled with other rows,
only real rows can tell: out-of-fold probabilities of rows that neither classifier nor generator has
seen.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted

from counterpoise._parameters import check_parameter


def shift_priors(
    probability: npt.ArrayLike, trained_on: npt.ArrayLike, wanted: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Convert probabilities, shape (n_rows, n_classes), to those where classes have other shares.

    >>> shift_priors([[0.5, 0.5]], [0.5, 0.5], [0.9, 0.1]).round(3)
    array([[0.9, 0.1]])
    """
    before, after = np.asarray(trained_on, dtype=float), np.asarray(wanted, dtype=float)
    if (before <= 0).any() or (after <= 0).any():
        raise ValueError(f"shares must be above 0; got {before.tolist()} and {after.tolist()}")
    shifted = np.asarray(probability, dtype=float) * (after / before)
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


class RecalibratedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier trained on over-sampled rows, with probabilities that hold for real rows.

    Parameters
    ----------
    estimator : scikit-learn classifier
        Trained as a clone.
    sampler : imbalanced-learn over-sampler
        Balances the training rows, as a clone.
    method : {"sigmoid", "isotonic", "prior"}, default="sigmoid"
        ``"sigmoid"`` and ``"isotonic"`` calibrate on out-of-fold probabilities of real rows, which
        takes `cv` more trainings of sampler and classifier. ``"prior"`` takes none: it corrects
        the change of shares by Bayes' rule, which is right only if the synthetic rows are
        distributed as the real ones of their class.
    cv : int, default=3
        Number of folds, unless the method is ``"prior"``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)

    Examples
    --------
    >>> import numpy as np, pandas as pd
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
        """Balance, train and calibrate, on real rows; a ValueError if the method is unknown.

        `X` has shape (n_rows, n_features), `y` has shape (n_rows,).
        """
        from imblearn.pipeline import make_pipeline
        from sklearn.calibration import CalibratedClassifierCV

        check_parameter("method", self.method, "prior", "sigmoid", "isotonic")
        # the pipeline over-samples in fit only: rows to calibrate with are real, and new to it
        pipeline = make_pipeline(clone(self.sampler), clone(self.estimator))
        if self.method == "prior":
            X_balanced, y_balanced = pipeline[0].fit_resample(X, y)
            self.model_ = pipeline[-1].fit(X_balanced, y_balanced)
            self.shares_, self.trained_on_ = (
                np.array([(np.asarray(labels) == class_).mean() for class_ in self.model_.classes_])
                for labels in (y, y_balanced)
            )
        else:
            self.model_ = CalibratedClassifierCV(
                pipeline, method=self.method, cv=self.cv, ensemble=False
            ).fit(X, y)
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
        """Return the most probable class of each row, shape (n_rows,)."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])
