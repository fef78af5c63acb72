"""A table as a matrix of numbers and back, for over-samplers that know nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import is_integer_dtype

__all__ = ["TableCodes"]


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
