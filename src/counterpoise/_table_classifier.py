"""Classifiers on tables as they are: numbers, categories, dates, missing cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from counterpoise.errors import needs_extra

CLASSIFIERS = ("xgboost", "hist-gradient-boosting", "logistic-regression", "random-forest")
"""Names of the classifiers that need no object."""

_MAX_CATEGORIES = 254  # gradient boosting has 255 bins, one for missing values; one-hot, no more


def categorical_columns(X: pd.DataFrame, *, with_dates: bool = False) -> list[Any]:
    """Return the columns of booleans and of what is neither a number nor, by default, a date."""
    return [
        name
        for name, dtype in X.dtypes.items()
        if is_bool_dtype(dtype)
        or not (is_numeric_dtype(dtype) or (is_datetime64_any_dtype(dtype) and not with_dates))
    ]


class TableClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier that takes a DataFrame as it is: numbers, categories, dates, missing cells.

    ``"xgboost"`` and ``"hist-gradient-boosting"`` get categories and missing values as such,
    ``"random-forest"`` ordinal codes. ``"logistic-regression"`` and any scikit-learn classifier
    get one-hot categories, scaled numbers, and the median with an indicator for missing numbers. A
    `Pipeline` gets the table itself. `parameters` are those of a named classifier.

    A category that is not in the training rows is treated as missing (trees) or as none of the
    known ones (one-hot). A column without any value in the training rows is left out.
    """

    def __init__(
        self,
        classifier: Any = "hist-gradient-boosting",
        *,
        categorical: Sequence[Any] | None = None,
        class_weight: str | None = None,
        parameters: dict[str, Any] | None = None,
        random_state: int | None = None,
    ) -> None:
        self.classifier = classifier
        self.categorical = categorical
        self.class_weight = class_weight
        self.parameters = parameters
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, y: Any, sample_weight: Any = None) -> TableClassifier:
        check_classifier(self.classifier)
        self.classes_, codes = np.unique(np.asarray(y), return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y must hold at least two classes; got only {self.classes_.tolist()}")
        is_pipeline = isinstance(self.classifier, Pipeline)
        self.columns_ = [name for name in X.columns if is_pipeline or X[name].notna().any()]
        X = X[self.columns_]
        given = categorical_columns(X) if self.categorical is None else self.categorical
        categorical = [name for name in self.columns_ if name in set(given)]
        is_named = isinstance(self.classifier, str)
        classifier = self._named_classifier(X, categorical) if is_named else clone(self.classifier)
        one_hot = not is_named or self.classifier == "logistic-regression"
        encoder = "passthrough" if is_pipeline else _encoder(X, categorical, one_hot=one_hot)
        self.pipeline_ = Pipeline([("encoder", encoder), ("classifier", classifier)])
        if self.class_weight is not None:
            balance = compute_sample_weight(self.class_weight, codes)
            sample_weight = balance if sample_weight is None else balance * sample_weight
        weights = {}
        if sample_weight is not None:
            name = weight_argument(self.pipeline_)
            if name is None:
                raise TypeError(f"{self.classifier!r} takes no weights of rows (sample_weight)")
            weights[name] = sample_weight
        self.pipeline_.fit(X, codes, **weights)
        return self

    def predict_proba(self, X: pd.DataFrame) -> npt.NDArray[np.float64]:
        check_is_fitted(self, "pipeline_")
        probability = self.pipeline_.predict_proba(X[self.columns_])
        return np.asarray(probability, dtype=np.float64)

    def predict(self, X: pd.DataFrame) -> npt.NDArray[Any]:
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])

    def _named_classifier(self, X: pd.DataFrame, categorical: list[Any]) -> Any:
        arguments = {"random_state": self.random_state, **(self.parameters or {})}
        n_numeric = X.shape[1] - len(categorical)
        if self.classifier == "logistic-regression":
            return LogisticRegression(**{"max_iter": 1000, **arguments})
        if self.classifier == "random-forest":
            return RandomForestClassifier(**arguments)
        if self.classifier == "hist-gradient-boosting":
            # a column of more categories than that is used as ordered codes
            has_few = [X[name].nunique() <= _MAX_CATEGORIES for name in categorical]
            is_categorical = np.array(has_few + [False] * n_numeric, dtype=bool)
            return HistGradientBoostingClassifier(**arguments, categorical_features=is_categorical)
        with needs_extra(
            "bench",
            "The classifier xgboost needs the package of that name: run `pip install xgboost`.",
        ):
            from xgboost import XGBClassifier
        types = ["c"] * len(categorical) + ["q"] * n_numeric
        return XGBClassifier(
            **{"n_jobs": 1, **arguments}, enable_categorical=True, feature_types=types
        )


def weight_argument(classifier: Any) -> str | None:
    """Return by which name `fit` takes the weights of rows, also in a pipeline; None if it can't.

    >>> weight_argument(make_pipeline(StandardScaler(), LogisticRegression()))
    'logisticregression__sample_weight'
    """
    if isinstance(classifier, TableClassifier):
        given = classifier.classifier
        return "sample_weight" if isinstance(given, str) or weight_argument(given) else None
    if isinstance(classifier, Pipeline):
        name, last = classifier.steps[-1]
        inner = weight_argument(last)
        return inner and f"{name}__{inner}"
    return "sample_weight" if has_fit_parameter(classifier, "sample_weight") else None


def seeded(classifier: Any, seed: int) -> Any:
    """Return a clone of `classifier`, in which every `random_state` that is not set is `seed`."""
    own = clone(classifier)
    unset = [name for name, value in own.get_params().items() if value is None]
    names = [name for name in unset if name.rpartition("__")[2] == "random_state"]
    return own.set_params(**dict.fromkeys(names, seed))


def probability_of(classifier: Any, X: pd.DataFrame, class_: Any) -> npt.NDArray[np.float64]:
    """Return each row's probability of `class_` by a fitted classifier, shape (n_rows,)."""
    (position,) = np.nonzero(classifier.classes_ == class_)
    if len(position) == 0:
        raise ValueError(f"no class {class_!r} in training; there were {classifier.classes_}")
    return np.asarray(classifier.predict_proba(X)[:, position[0]])


def check_classifier(classifier: Any) -> None:
    """Refuse what `TableClassifier` cannot train."""
    is_named = isinstance(classifier, str)
    if not (classifier in CLASSIFIERS if is_named else is_classifier(classifier)):
        raise ValueError(
            f"classifier must be one of {', '.join(CLASSIFIERS)} or a scikit-learn classifier; "
            f"got {classifier!r}"
        )


def _encoder(X: pd.DataFrame, categorical: list[Any], *, one_hot: bool) -> ColumnTransformer:
    """Return the encoder, which puts the categories before the numbers.

    One-hot, a missing category is one more. As codes, NaN is what is missing or unknown.
    """
    categories: Any = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan
    )
    numbers: list[Any] = [FunctionTransformer(_as_numbers)]
    if one_hot:
        categories = OneHotEncoder(
            handle_unknown="ignore", max_categories=_MAX_CATEGORIES, sparse_output=False
        )
        numbers += [SimpleImputer(strategy="median", add_indicator=True), StandardScaler()]
    return ColumnTransformer(
        [
            ("categories", make_pipeline(FunctionTransformer(_as_text), categories), categorical),
            ("numbers", make_pipeline(*numbers), list(X.columns.drop(categorical))),
        ]
    )


def _as_text(frame: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Return categories as text, so that they can be sorted; NaN for what is missing."""
    text = np.vectorize(str, otypes=[object])(frame.astype(object).to_numpy(dtype=object))
    return np.where(frame.isna().to_numpy(), np.nan, text)


def _as_numbers(frame: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return numbers, and dates as days since 1970; NaN for what is missing."""

    def days(column: pd.Series[Any]) -> pd.Series[Any]:
        if not is_datetime64_any_dtype(column):
            return column
        start = pd.Timestamp("1970-01-01", tz=getattr(column.dtype, "tz", None))
        return (column - start) / pd.Timedelta(days=1)

    return frame.apply(days).to_numpy(dtype=np.float64, na_value=np.nan)
