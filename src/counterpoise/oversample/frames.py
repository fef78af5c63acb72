"""The caller's own types: what X and y came in as, and how to give the same back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from counterpoise.errors import SchemaError
from counterpoise.table import Schema, Table


@dataclass(frozen=True, slots=True)
class CallerTypes:
    """Types of the X and y of a fit.

    Attributes
    ----------
    columns : pandas.Index or None
        Column labels where X is a DataFrame.
    array_dtype : numpy.dtype or None
        Element type where X is an array.
    target_name, target_dtype : object
        Name and element type of y, where it has them.
    is_series : bool
        Whether y is a Series.
    """

    columns: pd.Index[Any] | None
    array_dtype: Any
    target_name: Any
    target_dtype: Any
    is_series: bool

    @classmethod
    def of(cls, X: Any, y: Any) -> CallerTypes:
        """Remember the types of `X` and `y`."""
        is_frame = isinstance(X, pd.DataFrame)
        return cls(
            columns=X.columns if is_frame else None,
            array_dtype=X.dtype if isinstance(X, np.ndarray) else None,
            target_name=getattr(y, "name", None),
            target_dtype=getattr(y, "dtype", None),
            is_series=isinstance(y, pd.Series),
        )

    def X(self, frame: pd.DataFrame) -> Any:
        """Return `frame` as X came in."""
        if self.columns is not None:
            return frame.set_axis(self.columns, axis=1)
        return frame.to_numpy(dtype=self.array_dtype)

    def y(self, series: pd.Series[Any]) -> Any:
        """Return `series` as y came in."""
        if self.target_dtype is not None:
            series = series.astype(self.target_dtype)
        return series.rename(self.target_name) if self.is_series else series.to_numpy()


def as_frame(X: Any) -> pd.DataFrame:
    """Return `X` as a DataFrame.

    Raises
    ------
    TypeError
        If `X` is sparse.
    SchemaError
        If a column name occurs twice, or there are no rows or no columns.
    """
    if sparse.issparse(X):
        raise TypeError(
            "sparse input is not supported: a row is written as a sentence of all its cells; "
            "pass a dense array or a DataFrame"
        )
    frame = X if isinstance(X, pd.DataFrame) else pd.DataFrame(X).infer_objects()
    if not frame.columns.is_unique:
        name = frame.columns[frame.columns.duplicated()][0]
        raise SchemaError(f"column name {name!r} occurs more than once; rename one", column=name)
    if frame.shape[0] == 0 or frame.shape[1] == 0:
        n_rows, n_columns = frame.shape
        raise SchemaError(f"the table is empty: it has {n_rows} rows and {n_columns} columns")
    return frame


def with_labels(features: Table, labels: Any, name: Any, *, is_named: bool = True) -> Table:
    """Put the labels in front of the features, as column 0.

    `is_named` says that `name` and the names of the features are the user's own, so that one that
    occurs twice is a mistake; names that were made up give way.

    Raises
    ------
    SchemaError
        If a feature has the name of the target.
    """
    names = [feature.name for feature in features.schema]
    if is_named and name is not None and name in names:
        raise SchemaError(f"the target {name!r} is also a column of X; drop it there", column=name)
    target = "class" if name is None else name
    while target in names:
        target = f"{target}_"
    column = pd.DataFrame({target: labels})
    schema = Schema.infer(column, kinds={target: "categorical"})
    return Table(
        Schema((*schema.columns, *features.schema.columns)),
        np.hstack([Table.from_frame(column, schema).codes, features.codes]),
        {position + 1: texts for position, texts in features.texts.items()},
    )
