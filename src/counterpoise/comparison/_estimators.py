"""Classifiers and SMOTENC on tables as they are: numbers, categories, dates, missing cells."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC
from imblearn.over_sampling.base import BaseOverSampler
from imblearn.utils import check_target_type
from pandas.api.types import (
    is_bool_dtype,
    is_datetime64_any_dtype,
    is_integer_dtype,
    is_numeric_dtype,
)
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
from sklearn.utils.validation import check_is_fitted

from counterpoise.columns._frames import as_frame
from counterpoise.errors import needs_extra

CLASSIFIERS = ("xgboost", "hist-gradient-boosting", "logistic-regression", "random-forest")
"""Names of the classifiers that need no object."""

_MAX_CATEGORIES = 254
"""Histogram gradient boosting has 255 bins, one of them for missing values."""


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

    def fit(self, X: pd.DataFrame, y: Any) -> TableClassifier:
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
        weights = {}
        if self.class_weight is not None:
            weights["classifier__sample_weight"] = compute_sample_weight(self.class_weight, codes)
        self.pipeline_.fit(X, codes, **weights)
        return self

    def predict_proba(self, X: pd.DataFrame) -> npt.NDArray[np.float64]:
        check_is_fitted(self, "pipeline_")
        probability = self.pipeline_.predict_proba(X[self.columns_])
        return np.asarray(probability, dtype=np.float64)

    def predict(self, X: pd.DataFrame) -> npt.NDArray[Any]:
        predicted: npt.NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return predicted

    def probability_of(self, X: pd.DataFrame, class_: Any) -> npt.NDArray[np.float64]:
        """Return each row's probability of `class_`, shape (n_rows,)."""
        (position,) = np.nonzero(self.classes_ == class_)
        if len(position) == 0:
            raise ValueError(f"no class {class_!r} in training; there were {self.classes_}")
        return self.predict_proba(X)[:, position[0]]

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
            "The classifier xgboost needs the package of that name: "
            "pip install 'counterpoise[bench]'.",
        ):
            from xgboost import XGBClassifier
        types = ["c"] * len(categorical) + ["q"] * n_numeric
        return XGBClassifier(
            **{"n_jobs": 1, **arguments}, enable_categorical=True, feature_types=types
        )


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
        categories = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        numbers += [SimpleImputer(strategy="median", add_indicator=True), StandardScaler()]
    return ColumnTransformer(
        [
            ("categories", make_pipeline(FunctionTransformer(_as_text), categories), categorical),
            ("numbers", make_pipeline(*numbers), list(X.columns.drop(categorical))),
        ]
    )


def _as_text(frame: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Return categories as text, so that they can be sorted; NaN for what is missing."""
    text = frame.astype(object).map(str).to_numpy(dtype=object)
    return np.where(frame.isna().to_numpy(), np.nan, text)


def _as_numbers(frame: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return numbers, and dates as days since 1970; NaN for what is missing."""

    def days(column: pd.Series[Any]) -> pd.Series[Any]:
        if not is_datetime64_any_dtype(column):
            return column
        start = pd.Timestamp("1970-01-01", tz=getattr(column.dtype, "tz", None))
        return (column - start) / pd.Timedelta(days=1)

    return frame.apply(days).to_numpy(dtype=np.float64, na_value=np.nan)


class TableSMOTENC(BaseOverSampler):  # type: ignore[misc]
    """imbalanced-learn's SMOTENC, on a DataFrame of any dtypes.

    Without a categorical column it is SMOTE, without a numeric one SMOTEN: SMOTENC is not defined
    there. Missing numbers are the median while neighbours are sought, and synthetic rows have none,
    but in columns that are missing in every row.
    A class with too few rows for `k_neighbors` has fewer (``k_neighbors_``).
    """

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        k_neighbors: int = 5,
        categorical: Sequence[Any] | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy)
        self.k_neighbors = k_neighbors
        self.categorical = categorical
        self.random_state = random_state

    def _check_X_y(self, X: Any, y: Any) -> tuple[pd.DataFrame, Any, bool]:
        y, binarize_y = check_target_type(y, indicate_one_vs_all=True)
        return as_frame(X), y, binarize_y

    def _fit_resample(self, X: pd.DataFrame, y: Any) -> tuple[pd.DataFrame, npt.NDArray[Any]]:
        labels = np.asarray(y)
        n_real = {class_: int((labels == class_).sum()) for class_ in self.sampling_strategy_}
        wanted = {
            class_: n_real[class_] + int(n) for class_, n in self.sampling_strategy_.items() if n
        }
        if not wanted:
            return X, labels
        smallest = min(wanted, key=n_real.__getitem__)
        if n_real[smallest] < 2:
            raise ValueError(
                "SMOTE interpolates between rows of a class, and class "
                f"{str(smallest)!r} has a single row; leave it out with sampling_strategy"
            )
        self.k_neighbors_ = min(self.k_neighbors, n_real[smallest] - 1)
        categories = self._categories(X)
        sampler = self._number_sampler(X.columns.isin(list(categories)))
        sampler.set_params(sampling_strategy=wanted, random_state=self.random_state)
        rows, all_labels = sampler.fit_resample(_encode(X, categories), labels)
        empty = X.columns[X.isna().all()]
        numbers = np.asarray(rows, dtype=np.float64)[len(X) :]
        synthetic = _decode(numbers, X.dtypes, categories, empty)
        return pd.concat([X, synthetic], ignore_index=True).astype(X.dtypes), all_labels

    def _number_sampler(self, is_categorical: npt.NDArray[np.bool_]) -> Any:
        """Return the over-sampler of encoded rows."""
        if not is_categorical.any():
            return SMOTE(k_neighbors=self.k_neighbors_)
        if is_categorical.all():
            return SMOTEN(k_neighbors=self.k_neighbors_)
        return SMOTENC(np.flatnonzero(is_categorical).tolist(), k_neighbors=self.k_neighbors_)

    def _categories(self, X: pd.DataFrame) -> dict[Any, pd.Index[Any]]:
        """Return the values of each categorical column; None, for missing, comes last."""
        names = self.categorical
        if names is None:
            names = categorical_columns(X, with_dates=True)
        categories = {}
        for name in names:
            # `OrdinalEncoder` cannot sort values of mixed types
            known = sorted(X[name].dropna().unique().tolist(), key=str)
            missing = [None] if X[name].isna().any() else []
            categories[name] = pd.Index([*known, *missing], dtype=object)
        return categories


def _encode(X: pd.DataFrame, categories: dict[Any, pd.Index[Any]]) -> npt.NDArray[np.float64]:
    """Return the cells as numbers: positions of categories, the median for a missing number."""
    columns = []
    for name, column in X.items():
        if name in categories:
            values = pd.Index(column.astype(object).where(column.notna(), None), dtype=object)
            columns.append(categories[name].get_indexer(values).astype(float))
        else:
            numbers = column.astype(float)
            columns.append(numbers.fillna(numbers.median()).fillna(0.0).to_numpy())
    return np.column_stack(columns)


def _decode(
    rows: npt.NDArray[np.float64],
    dtypes: pd.Series[Any],
    categories: dict[Any, pd.Index[Any]],
    empty: Collection[Any],
) -> pd.DataFrame:
    """Return the rows as a table: the nearest category, whole numbers where all were whole.

    The columns `empty`, which have no value, have none here.
    """
    decoded = {}
    for numbers, (name, dtype) in zip(rows.T, dtypes.items(), strict=True):
        whole = np.rint(numbers)
        if name in categories:
            cells = pd.Series(categories[name].to_numpy()[whole.astype(int)], dtype=object)
        elif name in empty:
            cells = pd.Series(np.nan, index=range(len(numbers)))
        else:
            cells = pd.Series(whole if is_integer_dtype(dtype) else numbers)
        decoded[name] = cells.astype(dtype)
    return pd.DataFrame(decoded, columns=dtypes.index)
