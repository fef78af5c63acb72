"""The strategies that `compare` tries: add one to `default_strategies`, and it is in the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC, RandomOverSampler
from imblearn.over_sampling.base import BaseOverSampler
from imblearn.utils import check_target_type
from pandas.api.types import is_integer_dtype
from sklearn.base import clone

from counterpoise.columns._frames import as_frame
from counterpoise.comparison._classifiers import categorical_columns

NOTHING = "nothing"
"""Name of the strategy that the others are compared with."""

XY = tuple[pd.DataFrame, "pd.Series[Any]"]
"""Features and labels."""

Resample = Callable[[pd.DataFrame, "pd.Series[Any]", int], XY]
"""Takes training rows, their labels and a seed; returns the rows and labels to train on."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to treat class imbalance: over-sampled training rows, or class weights."""

    name: str
    resample: Resample | None = None
    class_weight: str | None = None


def default_strategies(sampler: Any) -> tuple[Strategy, ...]:
    """Return the strategies, simplest first: of equally good ones, the verdict takes the first.

    Tuning the threshold is not one of them: it is done for all.
    """
    return (
        Strategy(NOTHING),
        Strategy("class weights", class_weight="balanced"),
        Strategy("random over-sampling", resample_with(RandomOverSampler())),
        Strategy("SMOTENC", resample_with(TableSMOTENC())),
        Strategy("counterpoise", resample_with(sampler)),
    )


def resample_with(sampler: Any) -> Resample:
    """Return what over-samples with a clone of `sampler`, seeded anew for each call."""

    def resample(X: pd.DataFrame, y: pd.Series[Any], seed: int) -> XY:
        seeded = clone(sampler)
        if "random_state" in seeded.get_params(deep=False):
            seeded.set_params(random_state=seed)
        X_balanced, y_balanced = seeded.fit_resample(X, y)
        return X_balanced.reset_index(drop=True), pd.Series(np.asarray(y_balanced), name=y.name)

    return resample


class TableSMOTENC(BaseOverSampler):  # type: ignore[misc]
    """imbalanced-learn's SMOTENC, on a DataFrame of any dtypes.

    Without a categorical column it is SMOTE, without a numeric one SMOTEN: SMOTENC is not defined
    there. Missing numbers are the median while neighbours are sought, and synthetic rows have none.
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
        codes = TableCodes.fit(X, self.categorical)
        sampler = self._number_sampler(codes.is_categorical)
        sampler.set_params(sampling_strategy=wanted, random_state=self.random_state)
        rows, all_labels = sampler.fit_resample(codes.encode(X), labels)
        synthetic = codes.decode(np.asarray(rows, dtype=np.float64)[len(X) :])
        return pd.concat([X, synthetic], ignore_index=True).astype(X.dtypes), all_labels

    def _number_sampler(self, is_categorical: npt.NDArray[np.bool_]) -> Any:
        """Return the over-sampler of encoded rows."""
        if not is_categorical.any():
            return SMOTE(k_neighbors=self.k_neighbors_)
        if is_categorical.all():
            return SMOTEN(k_neighbors=self.k_neighbors_)
        return SMOTENC(np.flatnonzero(is_categorical).tolist(), k_neighbors=self.k_neighbors_)


@dataclass(frozen=True, slots=True)
class TableCodes:
    """The columns of one table as numbers, and back.

    A category is its position among the column's sorted categories (`OrdinalEncoder` cannot sort
    mixed types), a missing category comes after the last. A missing number is the median.
    """

    template: pd.DataFrame  # no rows; the names and dtypes of the table
    categories: dict[Any, pd.Index[Any]]  # None, for missing, is the last if there is one
    medians: dict[Any, float]

    @classmethod
    def fit(cls, X: pd.DataFrame, categorical: Sequence[Any] | None = None) -> TableCodes:
        """By default the columns that are not numeric are categorical, and booleans."""
        if categorical is None:
            categorical = categorical_columns(X, with_dates=True)
        categories, medians = {}, {}
        for name, column in X.items():
            if name in categorical:
                known = sorted(column.dropna().unique().tolist(), key=str)
                missing = [None] if column.isna().any() else []
                categories[name] = pd.Index([*known, *missing], dtype=object)
            else:
                median = column.astype(float).median()
                medians[name] = 0.0 if np.isnan(median) else float(median)
        return cls(X.iloc[:0], categories, medians)

    @property
    def is_categorical(self) -> npt.NDArray[np.bool_]:
        return self.template.columns.isin(list(self.categories))

    def encode(self, X: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return the rows as numbers, shape (n_rows, n_columns)."""
        columns = []
        for name, column in X[self.template.columns].items():
            if name in self.categories:
                values = pd.Index(column.astype(object).where(column.notna(), None), dtype=object)
                columns.append(self.categories[name].get_indexer(values).astype(float))
            else:
                columns.append(column.astype(float).fillna(self.medians[name]).to_numpy())
        return np.column_stack(columns)

    def decode(self, codes: npt.NDArray[np.float64]) -> pd.DataFrame:
        """Return the rows of `codes`: the nearest category, whole numbers where all were whole."""
        decoded = {}
        for position, (name, dtype) in enumerate(self.template.dtypes.items()):
            numbers = codes[:, position]
            if name in self.categories:
                known = self.categories[name].to_numpy()
                nearest = np.clip(np.rint(numbers), 0, len(known) - 1).astype(int)
                decoded[name] = pd.Series(known[nearest], dtype=object).astype(dtype)
            else:
                whole = np.rint(numbers) if is_integer_dtype(dtype) else numbers
                decoded[name] = pd.Series(whole).astype(dtype)
        return pd.DataFrame(decoded, columns=self.template.columns)
