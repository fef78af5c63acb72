"""Classifiers on tables of numbers and categories; what encodes is fitted on training rows only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import check_is_fitted

from counterpoise.errors import MissingDependencyError

_MOST_CATEGORIES_OF_BINS = 254
"""Histogram gradient boosting has 255 bins, one of them for missing values."""


def categorical_columns(X: pd.DataFrame) -> list[Any]:
    """Return the columns that hold no numbers and no dates; booleans are categories."""
    return [
        name
        for name, column in X.items()
        if not is_datetime64_any_dtype(column)
        and (is_bool_dtype(column) or not is_numeric_dtype(column))
    ]


class TableClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier that takes a table as it is: numbers, categories, dates, missing cells.

    Encoders are fitted in `fit`, on the rows given there. A category that these rows do not show
    is treated as missing (trees) or as none of the known ones (one-hot).

    Parameters
    ----------
    classifier : str or scikit-learn classifier, default="hist-gradient-boosting"
        ``"xgboost"`` (needs the package xgboost; categories as such, missing as such),
        ``"hist-gradient-boosting"`` (the same; columns of more than 254 categories as ordered
        codes), ``"random-forest"`` (ordinal codes), ``"logistic-regression"`` (one-hot, numbers
        scaled, missing numbers the median and a column that tells). Any other scikit-learn
        classifier gets the latter encoding, but for a `Pipeline`, which gets the table itself.
    categorical : sequence of column names, default=None
        Columns of categories; None for those that hold neither numbers nor dates.
    class_weight : {"balanced", None}, default=None
        ``"balanced"`` weighs rows by the inverse of their class's share.
    parameters : dict, default=None
        Arguments of the named classifier that differ from its library's defaults.
    random_state : int, default=None
        Seed of the classifier.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.
    pipeline_ : Pipeline
        Fitted encoder and classifier; the latter knows labels as 0 .. n_classes - 1.

    Examples
    --------
    >>> X = pd.DataFrame({"a": [1.0, 2.0, None, 4.0] * 10, "b": ["x", "y", "x", None] * 10})
    >>> y = ["no", "yes", "no", "yes"] * 10
    >>> model = TableClassifier("logistic-regression").fit(X, y)
    >>> model.predict(pd.DataFrame({"a": [2.0, 1.0], "b": ["y", "unseen"]})).tolist()
    ['yes', 'no']
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

    def fit(self, X: pd.DataFrame, y: Any) -> TableClassifier:
        """Fit encoders and classifier.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_features)
        y : array-like of shape (n_rows,)
            Labels, of two classes or more.

        Raises
        ------
        ValueError
            If the classifier has no such name, or `y` holds one class only.
        MissingDependencyError
            If the classifier's package is not installed.
        """
        self.classes_, codes = np.unique(np.asarray(y), return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y must hold at least two classes; got only {self.classes_.tolist()}")
        self.columns_ = list(X.columns)
        given = categorical_columns(X) if self.categorical is None else self.categorical
        categorical = [name for name in self.columns_ if name in set(given)]
        self.pipeline_ = self._build(X, categorical)
        weights = {}
        if self.class_weight is not None:
            weights["classifier__sample_weight"] = compute_sample_weight(self.class_weight, codes)
        self.pipeline_.fit(X, codes, **weights)
        return self

    def predict_proba(self, X: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return probabilities, shape (n_rows, n_classes), columns as in `classes_`."""
        check_is_fitted(self, "pipeline_")
        probability = self.pipeline_.predict_proba(X[self.columns_])
        return np.asarray(probability, dtype=np.float64)

    def predict(self, X: pd.DataFrame) -> npt.NDArray[Any]:
        """Return the likeliest class of each row, shape (n_rows,)."""
        likeliest: npt.NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return likeliest

    def probability_of(self, X: pd.DataFrame, class_: Any) -> npt.NDArray[np.float64]:
        """Return each row's probability of `class_`, shape (n_rows,).

        Raises
        ------
        ValueError
            If there was no such class in training.
        """
        (position,) = np.nonzero(self.classes_ == class_)
        if len(position) == 0:
            raise ValueError(f"no class {class_!r} in training; there were {self.classes_}")
        return self.predict_proba(X)[:, position[0]]

    def _build(self, X: pd.DataFrame, categorical: list[Any]) -> Pipeline:
        if not isinstance(self.classifier, str):
            if not is_classifier(self.classifier):
                raise ValueError(
                    f"classifier must be one of {', '.join(CLASSIFIERS)} or a scikit-learn "
                    f"classifier; got {self.classifier!r}"
                )
            is_pipeline = isinstance(self.classifier, Pipeline)
            encoder = "passthrough" if is_pipeline else _one_hot(X, categorical)
            return Pipeline([("encoder", encoder), ("classifier", clone(self.classifier))])
        if self.classifier not in CLASSIFIERS:
            raise ValueError(
                f"classifier must be one of {', '.join(CLASSIFIERS)} or a scikit-learn "
                f"classifier; got {self.classifier!r}"
            )
        build = CLASSIFIERS[self.classifier]
        return build(X, categorical, self.random_state, self.parameters or {})


def _xgboost(
    X: pd.DataFrame, categorical: list[Any], seed: int | None, parameters: dict[str, Any]
) -> Pipeline:
    try:
        from xgboost import XGBClassifier
    except ImportError as error:
        raise MissingDependencyError(
            "The classifier xgboost needs the package of that name: "
            "pip install 'counterpoise[bench]'.",
            extra="bench",
        ) from error
    types = ["c"] * len(categorical) + ["q"] * (X.shape[1] - len(categorical))
    classifier = XGBClassifier(
        **{"random_state": seed, "n_jobs": 1, **parameters},
        enable_categorical=True,
        feature_types=types,
    )
    return Pipeline([("encoder", _ordinal(X, categorical)), ("classifier", classifier)])


def _hist_gradient_boosting(
    X: pd.DataFrame, categorical: list[Any], seed: int | None, parameters: dict[str, Any]
) -> Pipeline:
    from sklearn.ensemble import HistGradientBoostingClassifier

    few = [X[name].nunique() <= _MOST_CATEGORIES_OF_BINS for name in categorical]
    is_categorical = np.array(few + [False] * (X.shape[1] - len(categorical)), dtype=bool)
    classifier = HistGradientBoostingClassifier(
        **{"random_state": seed, **parameters}, categorical_features=is_categorical
    )
    return Pipeline([("encoder", _ordinal(X, categorical)), ("classifier", classifier)])


def _random_forest(
    X: pd.DataFrame, categorical: list[Any], seed: int | None, parameters: dict[str, Any]
) -> Pipeline:
    from sklearn.ensemble import RandomForestClassifier

    classifier = RandomForestClassifier(**{"random_state": seed, **parameters})
    return Pipeline([("encoder", _ordinal(X, categorical)), ("classifier", classifier)])


def _logistic_regression(
    X: pd.DataFrame, categorical: list[Any], seed: int | None, parameters: dict[str, Any]
) -> Pipeline:
    from sklearn.linear_model import LogisticRegression

    classifier = LogisticRegression(**{"random_state": seed, "max_iter": 1000, **parameters})
    return Pipeline([("encoder", _one_hot(X, categorical)), ("classifier", classifier)])


_Builder = Callable[[pd.DataFrame, list[Any], int | None, dict[str, Any]], Pipeline]

CLASSIFIERS: dict[str, _Builder] = {
    "xgboost": _xgboost,
    "hist-gradient-boosting": _hist_gradient_boosting,
    "logistic-regression": _logistic_regression,
    "random-forest": _random_forest,
}
"""Name -> what builds the untrained pipeline of encoder and classifier."""


def _ordinal(X: pd.DataFrame, categorical: list[Any]) -> Any:
    """Categories first, as codes; then the numbers; NaN for what is missing or unknown."""
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

    codes = Pipeline(
        [
            ("text", FunctionTransformer(_as_text)),
            (
                "codes",
                OrdinalEncoder(
                    handle_unknown="use_encoded_value",
                    unknown_value=np.nan,
                    encoded_missing_value=np.nan,
                ),
            ),
        ]
    )
    numeric = [name for name in X.columns if name not in set(categorical)]
    return ColumnTransformer(
        [
            ("categories", codes, categorical),
            ("numbers", FunctionTransformer(_as_numbers), numeric),
        ],
    )


def _one_hot(X: pd.DataFrame, categorical: list[Any]) -> Any:
    """One column a category and one for missing; numbers scaled, missing ones the median."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    categories = Pipeline(
        [
            ("text", FunctionTransformer(_as_text)),
            ("one_hot", OneHotEncoder(handle_unknown="ignore")),
        ]
    )
    numbers = Pipeline(
        [
            ("numbers", FunctionTransformer(_as_numbers)),
            (
                "impute",
                SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
            ),
            ("scale", StandardScaler()),
        ]
    )
    numeric = [name for name in X.columns if name not in set(categorical)]
    return ColumnTransformer(
        [("categories", categories, categorical), ("numbers", numbers, numeric)],
        sparse_threshold=0.0,
    )


def _as_text(frame: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Return categories as text, so that they can be sorted; NaN for what is missing."""
    text = frame.astype(object).map(str).to_numpy(dtype=object)
    return np.where(frame.isna().to_numpy(), np.nan, text)


def _as_numbers(frame: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return numbers, and dates as days, NaN for what is missing."""
    columns = {}
    for name, column in frame.items():
        if is_datetime64_any_dtype(column):
            start = pd.Timestamp("1970-01-01", tz=getattr(column.dtype, "tz", None))
            columns[name] = (column - start) / pd.Timedelta(days=1)
        else:
            columns[name] = column
    numbers = pd.DataFrame(columns, index=frame.index)
    return numbers.to_numpy(dtype=np.float64, na_value=np.nan)
