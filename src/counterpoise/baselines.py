"""The rivals, behind one interface: imbalanced-learn's over-samplers, CTGAN and TVAE."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from imblearn.over_sampling.base import BaseOverSampler
from imblearn.utils import check_target_type
from pandas.api.types import is_bool_dtype, is_integer_dtype, is_numeric_dtype
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn_compat.utils.validation import validate_data

from counterpoise.columns._frames import as_frame
from counterpoise.errors import MissingDependencyError

# A table as a matrix of numbers and back, for over-samplers that know nothing else.


@dataclass(frozen=True, slots=True)
class TableCodes:
    """How the columns of one table are numbers.

    A category is its place among the column's sorted categories; a missing category is one more.
    A missing number is replaced by the median: what is interpolated between numbers has none.

    Attributes
    ----------
    frame : DataFrame
        The table that this was fitted on, none of its rows: names and types.
    categories : dict
        Column -> its categories in order; the last may be None, for missing.
    medians : dict
        Numeric column -> its median.
    """

    frame: pd.DataFrame
    categories: dict[Any, npt.NDArray[np.object_]]
    medians: dict[Any, float]

    @classmethod
    def fit(cls, X: pd.DataFrame, categorical: Sequence[Any]) -> TableCodes:
        """Read categories and medians off `X`."""
        categories, medians = {}, {}
        for name in X.columns:
            column = X[name]
            if name in set(categorical):
                known = sorted(column.dropna().unique().tolist(), key=lambda value: (str(value),))
                if column.isna().any():
                    known.append(None)
                values = np.empty(len(known), dtype=object)
                values[:] = known
                categories[name] = values
            else:
                median = column.astype(float).median()
                medians[name] = 0.0 if np.isnan(median) else float(median)
        return cls(X.iloc[:0], categories, medians)

    @property
    def is_categorical(self) -> npt.NDArray[np.bool_]:
        """Shape (n_columns,)."""
        return np.array([name in self.categories for name in self.frame.columns], dtype=bool)

    def encode(self, X: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return the rows as numbers, shape (n_rows, n_columns)."""
        columns = []
        for name in self.frame.columns:
            column = X[name]
            if name in self.categories:
                place = {value: code for code, value in enumerate(self.categories[name])}
                values = [None if pd.isna(value) else value for value in column.tolist()]
                columns.append(np.array([place[value] for value in values], dtype=float))
            else:
                columns.append(column.astype(float).fillna(self.medians[name]).to_numpy())
        return np.column_stack(columns)

    def decode(self, codes: npt.NDArray[np.float64]) -> pd.DataFrame:
        """Return the table of `codes`: nearest categories; whole numbers where they were."""
        decoded = {}
        for position, name in enumerate(self.frame.columns):
            numbers = codes[:, position]
            dtype = self.frame[name].dtype
            if name in self.categories:
                known = self.categories[name]
                nearest = np.clip(np.rint(numbers), 0, len(known) - 1).astype(int)
                decoded[name] = pd.Series(known[nearest], dtype=object).astype(dtype)
            else:
                whole = np.rint(numbers) if is_integer_dtype(dtype) else numbers
                decoded[name] = pd.Series(whole).astype(dtype)
        return pd.DataFrame(decoded, columns=self.frame.columns)


_INTERPOLATING = ("smote", "smotenc", "smoten", "adasyn")
_NEURAL = ("ctgan", "tvae")
BASELINES = ("none", "random", *_INTERPOLATING, *_NEURAL)
"""Names of the methods."""


class BaselineOverSampler(BaseOverSampler):  # type: ignore[misc]
    """Over-sample a table of numbers and categories with a method that is not a language model.

    What needs numbers gets ordinal codes, fitted on the rows given to `fit_resample`, and what it
    returns is mapped back: a code between two categories becomes the nearer one. Missing numbers
    are the median while neighbours are sought, and synthetic rows have none; a missing category
    is a category.

    Parameters
    ----------
    method : str, default="smotenc"
        ``"none"`` returns the rows as they are. ``"random"`` repeats rows. ``"smote"`` and
        ``"adasyn"`` interpolate all codes, categories too. ``"smotenc"`` interpolates numbers and
        votes on categories; without any category it is SMOTE, without any number SMOTEN, which
        it is not defined for. ``"smoten"`` votes on everything, a number counting as a category.
        ``"ctgan"`` and ``"tvae"`` train a network on each class that is filled (package ctgan,
        which is under the Business Source License and never imported unless asked for).
    sampling_strategy : float, str, dict or callable, default="auto"
        As everywhere in imbalanced-learn.
    k_neighbors : int, default=5
        Neighbours; where a class that is filled has `k_neighbors` rows or fewer, all its other
        rows are its neighbours (``k_neighbors_`` says how many).
    categorical : sequence of column names, default=None
        Columns of categories; None for those that are no numbers, and booleans.
    parameters : dict, default=None
        Further arguments of the library's class, such as ``{"epochs": 300}`` for CTGAN.
    random_state : int, default=None
        Seed.

    Attributes
    ----------
    sampling_strategy_ : dict
        Rows wanted for each class. ADASYN may make a few more or fewer.
    k_neighbors_ : int
        Neighbours used, by the methods that have them.

    Examples
    --------
    >>> X = pd.DataFrame({"age": range(20, 40), "plan": ["basic", "plus"] * 10})
    >>> y = pd.Series(["stays"] * 14 + ["leaves"] * 6)
    >>> X_balanced, y_balanced = BaselineOverSampler("smotenc", random_state=0).fit_resample(X, y)
    >>> y_balanced.value_counts().to_dict()
    {'stays': 14, 'leaves': 14}
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseOverSampler._parameter_constraints,
        "method": [StrOptions(set(BASELINES))],
        "k_neighbors": [Interval(Integral, 1, None, closed="left")],
        "categorical": ["array-like", None],
        "parameters": [dict, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        method: str = "smotenc",
        *,
        sampling_strategy: Any = "auto",
        k_neighbors: int = 5,
        categorical: Sequence[Any] | None = None,
        parameters: Mapping[str, Any] | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy)
        self.method = method
        self.k_neighbors = k_neighbors
        self.categorical = categorical
        self.parameters = parameters
        self.random_state = random_state

    def fit_resample(self, X: Any, y: Any, **params: Any) -> tuple[Any, Any]:
        """Fill the small classes.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_features)
        y : Series or array-like of shape (n_rows,)

        Returns
        -------
        X_resampled, y_resampled
            The rows as they were, then the synthetic ones.

        Raises
        ------
        ValueError
            If a class that is filled has one row only, or as the library raises.
        MissingDependencyError
            If the method's package is not installed.
        """
        return super().fit_resample(X, y, **params)  # type: ignore[no-any-return]

    def _check_X_y(self, X: Any, y: Any) -> tuple[pd.DataFrame, Any, bool]:
        frame = as_frame(X)
        y, binarize_y = check_target_type(y, indicate_one_vs_all=True)
        validate_data(self, X=X, y=y, reset=True, skip_check_array=True)
        check_consistent_length(frame, y)
        return frame, y, binarize_y

    def _fit_resample(self, X: pd.DataFrame, y: Any) -> tuple[Any, Any]:
        labels = np.asarray(y)
        wanted = {class_: n for class_, n in self.sampling_strategy_.items() if n > 0}
        if self.method == "none" or not wanted:
            return X, labels
        names = _categories(X) if self.categorical is None else list(self.categorical)
        codes = TableCodes.fit(X, names)
        if self.method == "random":
            made, made_labels = self._repeat(X, labels, wanted)
        elif self.method in _INTERPOLATING:
            made, made_labels = self._interpolate(X, labels, wanted, codes)
        else:
            made, made_labels = self._train(X, labels, wanted, codes)
        whole = pd.concat([X, made], ignore_index=True).astype(X.dtypes)
        return whole, np.concatenate([labels, made_labels])

    def _repeat(self, X: pd.DataFrame, labels: Any, wanted: Mapping[Any, int]) -> tuple[Any, Any]:
        from imblearn.over_sampling import RandomOverSampler

        sampler = RandomOverSampler(
            sampling_strategy=_totals(labels, wanted), random_state=self.random_state
        )
        rows = sampler.fit_resample(np.arange(len(X)).reshape(-1, 1), labels)[0][len(X) :, 0]
        return X.iloc[rows], labels[rows]

    def _interpolate(
        self, X: pd.DataFrame, labels: Any, wanted: Mapping[Any, int], codes: TableCodes
    ) -> tuple[Any, Any]:
        smallest = min(int((labels == class_).sum()) for class_ in wanted)
        if smallest < 2:
            raise ValueError(
                f"{self.method} interpolates between rows of a class, and one that is to be "
                "filled has a single row; leave it out with sampling_strategy, or take 'random'"
            )
        self.k_neighbors_ = min(self.k_neighbors, smallest - 1)
        sampler = self._library_sampler(codes, _totals(labels, wanted))
        encoded = codes.encode(X)
        whole, whole_labels = sampler.fit_resample(encoded, labels)
        made = np.asarray(whole, dtype=np.float64)[len(X) :]
        return codes.decode(made), whole_labels[len(X) :]

    def _library_sampler(self, codes: TableCodes, totals: Mapping[Any, int]) -> Any:
        from imblearn.over_sampling import ADASYN, SMOTE, SMOTEN, SMOTENC

        arguments: dict[str, Any] = {
            "sampling_strategy": dict(totals),
            "random_state": self.random_state,
            **(self.parameters or {}),
        }
        is_categorical = codes.is_categorical
        method = self.method
        if method == "smotenc" and not is_categorical.any():
            method = "smote"
        if method == "smotenc" and is_categorical.all():
            method = "smoten"
        if method == "adasyn":
            return ADASYN(n_neighbors=self.k_neighbors_, **arguments)
        if method == "smotenc":
            return SMOTENC(
                categorical_features=np.flatnonzero(is_categorical).tolist(),
                k_neighbors=self.k_neighbors_,
                **arguments,
            )
        kind = SMOTE if method == "smote" else SMOTEN
        return kind(k_neighbors=self.k_neighbors_, **arguments)

    def _train(
        self, X: pd.DataFrame, labels: Any, wanted: Mapping[Any, int], codes: TableCodes
    ) -> tuple[Any, Any]:
        """Train a network on each class by itself, as the paper does, and draw from it."""
        try:
            library = importlib.import_module("ctgan")
        except ImportError as error:
            raise MissingDependencyError(
                f"{self.method} needs the package ctgan (Business Source License): "
                "pip install 'counterpoise[ctgan]'.",
                extra="ctgan",
            ) from error
        kind = library.CTGAN if self.method == "ctgan" else library.TVAE
        seed = np.random.RandomState(self.random_state).randint(2**31)
        parts, part_labels = [], []
        for class_, n in wanted.items():
            # numbers are numbers, categories text (ctgan takes codes for numbers), none missing
            rows = pd.DataFrame(codes.encode(X[labels == class_]))
            rows.columns = [f"column_{i}" for i in range(rows.shape[1])]
            discrete = list(rows.columns[codes.is_categorical])
            rows[discrete] = rows[discrete].astype(int).astype(str)
            network = kind(**(self.parameters or {}))
            network.set_random_state(seed)
            network.fit(rows, discrete)
            made = network.sample(n).astype(float).to_numpy()
            parts.append(codes.decode(made))
            part_labels.append(np.full(n, class_, dtype=labels.dtype))
        return pd.concat(parts, ignore_index=True), np.concatenate(part_labels)


def _categories(X: pd.DataFrame) -> list[Any]:
    return [
        name
        for name in X.columns
        if is_bool_dtype(X[name].dtype) or not is_numeric_dtype(X[name].dtype)
    ]


def _totals(labels: Any, wanted: Mapping[Any, int]) -> dict[Any, int]:
    """Return how many rows each class is to have, as the library wants to be told."""
    return {class_: int((labels == class_).sum()) + int(n) for class_, n in wanted.items()}
