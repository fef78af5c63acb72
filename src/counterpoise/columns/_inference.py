"""What a column holds, judged by its dtype first and then by its values.

The rule for strings: a column is text rather than categorical where its cells are mostly
different, more than `TEXT_MIN_DISTINCT` distinct ones and more than `TEXT_DISTINCT_SHARE` of those
present, and they are long, `TEXT_MIN_LENGTH` characters or `TEXT_MIN_SPACES` white-space characters
on average. Short strings, such as identifiers, are text only where nearly every cell is different,
more than `IDENTIFIER_DISTINCT_SHARE`, so that new ones are written rather than old ones repeated.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from counterpoise.columns._base import Kind, distinct, is_object, is_string, present_types
from counterpoise.columns._categorical import CategoricalColumn
from counterpoise.columns._column import Column
from counterpoise.columns._datetime import DatetimeColumn, temporal_kind
from counterpoise.columns._number import NumericColumn
from counterpoise.columns._text import TextColumn
from counterpoise.errors import SchemaError

TEXT_MIN_DISTINCT: Final = 50
TEXT_DISTINCT_SHARE: Final = 0.5
TEXT_MIN_LENGTH: Final = 20.0
TEXT_MIN_SPACES: Final = 3.0
IDENTIFIER_DISTINCT_SHARE: Final = 0.9


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user wants of one column, in place of what its values say.

    Parameters
    ----------
    kind : Kind, default=None
        What the column holds.
    bounds : tuple, default=None
        Smallest and largest allowed value.
    margin : float, default=0.0
        Share of the observed span by which the range is widened where `bounds` is None.
    categories : sequence of Hashable, default=None
        All categories.
    decimals : int, default=None
        Number of decimals.
    """

    kind: Kind | None = None
    bounds: tuple[Any, Any] | None = None
    margin: float = 0.0
    categories: Sequence[Any] | None = None
    decimals: int | None = None


def infer_column(series: pd.Series[Any], wishes: Wishes) -> Column:
    """Make the column that describes a pandas column.

    Parameters
    ----------
    series : pandas.Series of shape (n_rows,)
        The column.
    wishes : Wishes
        What the user wants of it.

    Returns
    -------
    CategoricalColumn, NumericColumn, DatetimeColumn or TextColumn

    Raises
    ------
    SchemaError
        If the column is empty of values, holds something that is no value, or cannot be what
        the user wants.
    """
    if isinstance(series.dtype, pd.SparseDtype):
        raise SchemaError(
            f"Column {series.name!r} is sparse. Convert it with `series.sparse.to_dense()`.",
            column=series.name,
        )
    if series.isna().all():
        raise SchemaError(
            f"All cells of column {series.name!r} are missing, so nothing can be learnt about it. "
            "Drop the column.",
            column=series.name,
        )
    _reject_infinite(series)
    kind = wishes.kind or _kind_asked_for(series, wishes) or infer_kind(series)
    _check_wishes(series, wishes, kind)
    match kind:
        case Kind.CATEGORICAL | Kind.ORDERED | Kind.BOOLEAN:
            return CategoricalColumn.infer(series, kind, wishes.categories)
        case Kind.INTEGER | Kind.DECIMAL:
            return NumericColumn.infer(
                series,
                wishes.kind,
                decimals=wishes.decimals,
                bounds=wishes.bounds,
                margin=wishes.margin,
            )
        case Kind.DATETIME | Kind.DURATION:
            column = DatetimeColumn.infer(series, bounds=wishes.bounds, margin=wishes.margin)
            if column.kind is not kind:
                raise SchemaError(
                    f"Column {series.name!r} is declared {kind}, but holds {column.kind}s.",
                    column=series.name,
                )
            return column
        case Kind.TEXT:
            return TextColumn.infer(series)


def infer_kind(series: pd.Series[Any]) -> Kind:
    """Judge what a column holds; integer stands for any number."""
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return Kind.ORDERED if dtype.ordered else Kind.CATEGORICAL
    if isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype):
        return Kind.CATEGORICAL
    if is_string(dtype):
        return _kind_of_strings(series)
    if is_object(dtype):
        return _kind_of_objects(series)
    if (temporal := temporal_kind(dtype)) is not None:
        return temporal
    letter = getattr(dtype, "kind", "O")
    if letter == "b":
        return Kind.BOOLEAN
    if letter in "iuf":
        return Kind.INTEGER
    raise SchemaError(
        f"Column {series.name!r} has dtype {dtype}, which is not supported. Convert it with "
        "`astype` to numbers, strings, categories or times, or drop it.",
        column=series.name,
    )


def _kind_of_strings(series: pd.Series[Any]) -> Kind:
    _, values = distinct(series)
    n_distinct, n_present = len(values), int(series.notna().sum())
    if n_distinct <= max(TEXT_MIN_DISTINCT, TEXT_DISTINCT_SHARE * n_present):
        return Kind.CATEGORICAL
    texts = [str(value) for value in values]
    is_long = np.mean([len(text) for text in texts]) > TEXT_MIN_LENGTH
    is_wordy = np.mean([len(text.split()) - 1 for text in texts]) >= TEXT_MIN_SPACES
    is_identifier = n_distinct > IDENTIFIER_DISTINCT_SHARE * n_present
    return Kind.TEXT if is_long or is_wordy or is_identifier else Kind.CATEGORICAL


def _kind_of_objects(series: pd.Series[Any]) -> Kind:
    types = present_types(series)
    for kind, rows in types.items():
        if issubclass(kind, complex | np.complexfloating):
            raise SchemaError(
                f"Column {series.name!r} holds complex numbers, such as "
                f"{series.iloc[int(rows[0])]!r}. Split it into real and imaginary part.",
                column=series.name,
            )
        if kind.__name__ == "Decimal":
            raise SchemaError(
                f"Column {series.name!r} holds decimal.Decimal objects. Convert it with "
                "`astype(float)`, or declare it categorical.",
                column=series.name,
            )
    found = set(types)
    if found == {str}:
        return _kind_of_strings(series)
    if found <= {bool, np.bool_}:
        return Kind.BOOLEAN
    if all(issubclass(kind, int | float | np.integer | np.floating) for kind in found - {bool}):
        return Kind.CATEGORICAL if bool in found else Kind.INTEGER
    if found == {datetime.date}:
        return Kind.DATETIME
    if found == {datetime.datetime}:
        has_zone = any(moment.tzinfo is not None for moment in series.dropna())
        return Kind.CATEGORICAL if has_zone else Kind.DATETIME
    return Kind.CATEGORICAL


def _kind_asked_for(series: pd.Series[Any], wishes: Wishes) -> Kind | None:
    """Naming categories makes a column categorical."""
    if wishes.categories is None:
        return None
    is_ordered = isinstance(series.dtype, pd.CategoricalDtype) and series.dtype.ordered
    return Kind.ORDERED if is_ordered else Kind.CATEGORICAL


def _check_wishes(series: pd.Series[Any], wishes: Wishes, kind: Kind) -> None:
    """Raise a `SchemaError` for a wish that means nothing for the kind."""
    groups = {
        "categories": (wishes.categories, (Kind.CATEGORICAL, Kind.ORDERED, Kind.BOOLEAN)),
        "decimals": (wishes.decimals, (Kind.INTEGER, Kind.DECIMAL)),
        "ranges": (wishes.bounds, (Kind.INTEGER, Kind.DECIMAL, Kind.DATETIME, Kind.DURATION)),
    }
    for parameter, (wish, kinds) in groups.items():
        if wish is not None and kind not in kinds:
            raise SchemaError(
                f"Column {series.name!r} is {kind}, for which `{parameter}` means nothing. "
                f"Leave it out, or declare the column {kinds[0]}.",
                column=series.name,
            )


def _reject_infinite(series: pd.Series[Any]) -> None:
    """Raise a `SchemaError` for an infinite number, whatever the column is to be."""
    if is_object(series.dtype):
        floats = [kind for kind in present_types(series) if issubclass(kind, float | np.floating)]
        rows = [present_types(series)[kind] for kind in floats]
        infinite = any(
            np.isinf(series.iloc[positions].to_numpy(dtype=np.float64)).any() for positions in rows
        )
    elif getattr(series.dtype, "kind", "O") == "f" and not isinstance(
        series.dtype, pd.CategoricalDtype
    ):
        infinite = bool(np.isinf(series.to_numpy(dtype=np.float64, na_value=0.0)).any())
    else:
        return
    if infinite:
        raise SchemaError(
            f"Column {series.name!r} holds infinite numbers. Replace them by finite or missing "
            "ones, for instance with `series.replace([numpy.inf, -numpy.inf], numpy.nan)`.",
            column=series.name,
        )
