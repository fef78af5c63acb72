"""SMOTENC on tables as they are: numbers, categories, dates, missing cells."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC
from imblearn.over_sampling.base import BaseOverSampler
from imblearn.utils import check_target_type
from pandas.api.types import is_integer_dtype

from counterpoise._table_classifier import categorical_columns
from counterpoise.columns._frames import as_frame


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
    """Return rows as a table: nearest categories, whole numbers where all were, `empty` columns."""
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
