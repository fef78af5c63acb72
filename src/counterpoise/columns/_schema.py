"""The columns of a table, and which type describes each."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from counterpoise.columns._base import (
    Column,
    column_error,
    column_type,
    column_types,
    is_object,
    present_types,
)
from counterpoise.errors import SchemaError

_FORMAT: Final = 1
"""Version of what `Schema.to_dict` returns."""


@dataclass(frozen=True)
class Schema:
    """The columns of a table: at least one, each with a name of its own.

    >>> frame = pd.DataFrame({"age": [31, 47], "fare": [7.25, 71.0], "class": ["a", "b"]})
    >>> schema = Schema.infer(frame)
    >>> [(column.name, column.kind) for column in schema]
    [('age', 'integer'), ('fare', 'decimal'), ('class', 'categorical')]
    >>> schema[0].low, schema[0].high, schema[schema.position("fare")].decimals
    (31, 47, 2)
    """

    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        if not self.columns:
            raise SchemaError("A table needs at least one column, got none.")
        _check_unique(pd.Index([column.name for column in self.columns], tupleize_cols=False))

    def __len__(self) -> int:
        return len(self.columns)

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __getitem__(self, position: int) -> Column:
        return self.columns[position]

    def position(self, name: Hashable) -> int:
        """Return the position of the column called `name`; a `SchemaError` if there is none."""
        for position, column in enumerate(self.columns):
            if column.name == name:
                return position
        names = ", ".join(repr(column.name) for column in self.columns)
        raise SchemaError(f"There is no column {name!r}; the columns are {names}.", column=name)

    @classmethod
    def infer(
        cls,
        frame: pd.DataFrame,
        *,
        kinds: Mapping[Hashable, str] | None = None,
        range_margin: float = 0.0,
        categories: Mapping[Hashable, Sequence[Any]] | None = None,
    ) -> Schema:
        """Find out what each column of a table holds, by its dtype and its values.

        A `SchemaError` is raised for a table or a column that cannot be described, and for an
        override that names no column or does not fit its values.

        Parameters
        ----------
        frame : pandas.DataFrame of shape (n_rows, n_columns)
            The table.
        kinds : mapping of name to str, default=None
            What columns hold: ``"categorical"``, ``"ordered"``, ``"boolean"``, ``"integer"``,
            ``"decimal"``, ``"datetime"``, ``"duration"``, ``"text"``, or a kind of a registered
            type.
        range_margin : float, default=0.0
            Share of the observed span by which the range of every number, instant and duration
            is widened on both sides. Numbers and durations that are nowhere negative stay so.
        categories : mapping of name to sequence, default=None
            All categories, in order; observed ones must be among them, others may be. A column
            named here is categorical unless `kinds` says otherwise.
        """
        if not len(frame.columns) or not len(frame):
            n_rows, n_columns = frame.shape
            raise SchemaError(
                f"The table has {n_rows} rows and {n_columns} columns, and needs at least one each."
            )
        _check_unique(frame.columns)
        if not (math.isfinite(range_margin) and range_margin >= 0):
            raise SchemaError(f"`range_margin` must be a number from 0 up, got {range_margin!r}.")
        kinds, categories = kinds or {}, categories or {}
        _check_known({"kinds": kinds, "categories": categories}, list(frame.columns))
        columns = [
            _infer_column(frame.iloc[:, at], kinds.get(name), range_margin, categories.get(name))
            for at, name in enumerate(frame.columns)
        ]
        return cls(tuple(columns))

    def to_dict(self) -> dict[str, Any]:
        """Describe the schema with JSON types only; `from_dict` is its inverse."""
        return {"format": _FORMAT, "columns": [column.to_dict() for column in self.columns]}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Schema:
        """Make the schema that `to_dict` described; a `SchemaError` if it is malformed.

        Nothing in it is ever executed.
        """
        try:
            version, records = record["format"], record["columns"]
        except (KeyError, TypeError) as error:
            problem = "This is no description of a schema: it needs 'format' and 'columns'."
            raise SchemaError(problem) from error
        if version != _FORMAT:
            raise SchemaError(
                f"The schema has format {version!r}, this version of counterpoise reads {_FORMAT}."
            )
        if not isinstance(records, list):
            raise SchemaError(f"'columns' must be a list, got {type(records).__name__}.")
        return cls(tuple(Column.from_dict(item) for item in records))


def _check_unique(names: pd.Index[Any]) -> None:
    if not names.is_unique:
        repeated = names[names.duplicated()][0]
        raise SchemaError(
            f"Several columns are called {repeated!r}. Give each its own name.", column=repeated
        )


def _check_known(overrides: Mapping[str, Mapping[Hashable, Any]], names: list[Hashable]) -> None:
    for parameter, override in overrides.items():
        for name in override:
            if name not in names:
                raise SchemaError(
                    f"`{parameter}` names the column {name!r}, which the table does not have; its "
                    f"columns are {', '.join(map(repr, names))}.",
                    column=name,
                )


def _infer_column(
    series: pd.Series[Any], kind: str | None, margin: float, categories: Sequence[Any] | None
) -> Column:
    if isinstance(series.dtype, pd.SparseDtype):
        raise column_error(series.name, "is sparse. Convert it with `series.sparse.to_dense()`.")
    if series.isna().all():
        raise column_error(
            series.name, "is missing in every row, so nothing can be learnt. Drop the column."
        )
    _reject_infinite(series)
    if kind is None and categories is None:
        found = _infer_type(series)
    else:
        found = column_type(kind or "categorical", series.name)
    column = found.infer(series, kind)
    if categories is not None:
        column = column.with_categories(categories)
    return column.widened(margin)


def _infer_type(series: pd.Series[Any]) -> type[Column]:
    if is_object(series.dtype):
        _reject_unusable_objects(series)
    for found in column_types():
        if found.recognizes(series):
            return found
    raise column_error(
        series.name,
        f"has dtype {series.dtype}, which is not supported. Convert it with `astype` to numbers, "
        "strings, categories or times, or drop it.",
    )


def _reject_unusable_objects(series: pd.Series[Any]) -> None:
    for kind, rows in present_types(series).items():
        if issubclass(kind, complex | np.complexfloating):
            raise column_error(
                series.name,
                f"holds complex numbers, such as {series.iloc[int(rows[0])]!r}. "
                "Split it into real and imaginary part.",
            )
        if kind.__name__ == "Decimal":
            raise column_error(
                series.name,
                "holds decimal.Decimal objects. Convert it with `astype(float)`, or declare it "
                "categorical.",
            )


def _reject_infinite(series: pd.Series[Any]) -> None:
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
            "holds infinite numbers. Replace them by finite or missing ones, for instance with "
            "`series.replace([numpy.inf, -numpy.inf], numpy.nan)`.",
        )
