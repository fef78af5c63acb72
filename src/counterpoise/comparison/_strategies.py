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
        categories = self._categories(X)
        sampler = self._number_sampler(X.columns.isin(list(categories)))
        sampler.set_params(sampling_strategy=wanted, random_state=self.random_state)
        rows, all_labels = sampler.fit_resample(_encode(X, categories), labels)
        synthetic = _decode(np.asarray(rows, dtype=np.float64)[len(X) :], X.dtypes, categories)
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
    rows: npt.NDArray[np.float64], dtypes: pd.Series[Any], categories: dict[Any, pd.Index[Any]]
) -> pd.DataFrame:
    """Return the rows as a table: the nearest category, whole numbers where all were whole."""
    decoded = {}
    for numbers, (name, dtype) in zip(rows.T, dtypes.items(), strict=True):
        whole = np.rint(numbers)
        if name in categories:
            cells = pd.Series(categories[name].to_numpy()[whole.astype(int)], dtype=object)
        else:
            cells = pd.Series(whole if is_integer_dtype(dtype) else numbers)
        decoded[name] = cells.astype(dtype)
    return pd.DataFrame(decoded, columns=dtypes.index)
