"""Which type describes a pandas column, and with what values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from counterpoise.columns._base import Column, column_type, column_types
from counterpoise.columns._categorical import CategoricalColumn
from counterpoise.columns._cells import column_error, is_object, present_types
from counterpoise.errors import SchemaError


def infer_column(
    series: pd.Series[Any],
    kind: str | None = None,
    *,
    margin: float = 0.0,
    categories: Sequence[Any] | None = None,
) -> Column:
    """Make the column that describes a pandas column, declared `kind` or not.

    Naming categories makes a column categorical. `margin` widens a range by a share of its span.

    Raises
    ------
    SchemaError
        If the column is empty of values, holds something that is no value, or cannot be what
        the user declared.
    """
    if isinstance(series.dtype, pd.SparseDtype):
        raise column_error(
            series.name,
            "is sparse. Convert it with `series.sparse.to_dense()`.",
        )
    if series.isna().all():
        raise SchemaError(
            f"All cells of column {series.name!r} are missing, so nothing can be learnt about it. "
            "Drop the column.",
            column=series.name,
        )
    _reject_infinite(series)
    if kind is not None:
        found = column_type(kind, series.name)
    else:
        found = infer_type(series) if categories is None else CategoricalColumn
    column = found.infer(series, kind)
    if categories is not None:
        column = column.with_categories(categories)
    return column.widened(margin)


def infer_type(series: pd.Series[Any]) -> type[Column]:
    """Return the first type, by priority, that recognizes the cells."""
    _reject_unusable_objects(series)
    for found in column_types():
        if found.recognizes(series):
            return found
    raise column_error(
        series.name,
        f"has dtype {series.dtype}, which is not supported. Convert it with "
        "`astype` to numbers, strings, categories or times, or drop it.",
    )


def _reject_unusable_objects(series: pd.Series[Any]) -> None:
    if not is_object(series.dtype):
        return
    for kind, rows in present_types(series).items():
        if issubclass(kind, complex | np.complexfloating):
            raise column_error(
                series.name,
                f"holds complex numbers, such as "
                f"{series.iloc[int(rows[0])]!r}. Split it into real and imaginary part.",
            )
        if kind.__name__ == "Decimal":
            raise column_error(
                series.name,
                "holds decimal.Decimal objects. Convert it with "
                "`astype(float)`, or declare it categorical.",
            )


def _reject_infinite(series: pd.Series[Any]) -> None:
    """Raise a `SchemaError` for an infinite number, whatever the column is to be."""
    if is_object(series.dtype):
        infinite = any(
            np.isinf(series.iloc[rows].to_numpy(dtype=np.float64)).any()
            for kind, rows in present_types(series).items()
            if issubclass(kind, float | np.floating)
        )
    elif getattr(series.dtype, "kind", "O") == "f":
        infinite = bool(np.isinf(series.to_numpy(dtype=np.float64, na_value=0.0)).any())
    else:
        return
    if infinite:
        raise column_error(
            series.name,
            "holds infinite numbers. Replace them by finite or missing "
            "ones, for instance with `series.replace([numpy.inf, -numpy.inf], numpy.nan)`.",
        )
