"""The columns of a table, which type describes each, and the cells as codes."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise._parameters import shown
from counterpoise.columns._base import (
    Codes,
    Column,
    Mask,
    column_error,
    column_type,
    recognized_type,
)
from counterpoise.columns._categorical import CategoricalColumn
from counterpoise.columns._datetime import DatetimeColumn
from counterpoise.columns._number import NumericColumn
from counterpoise.columns._text import TextColumn
from counterpoise.columns._written import kind_and_notation
from counterpoise.errors import SchemaError


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
        names = pd.Index([column.name for column in self.columns], tupleize_cols=False)
        if not names.is_unique:
            repeated = names[names.duplicated()][0]
            raise SchemaError(
                f"Several columns are called {repeated!r}. Give each its own name.", column=repeated
            )

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
        raise SchemaError(
            f"There is no column {shown(name)}; the columns are {names}.", column=name
        )

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
            ``"decimal"``, ``"scientific"``, ``"datetime"``, ``"duration"``, ``"text"``, or a kind
            of a registered type. Numbers and times that are named can have any value in their
            range, where others keep exactly their few distinct values. A column that is missing
            in every row is ``"empty"`` whatever it is declared.
        range_margin : float, default=0.0
            Share of the observed span by which the range of every number, instant and duration
            is widened on both sides. Numbers and durations that are nowhere negative stay so.
        categories : mapping of name to sequence, default=None
            All categories, in order; observed ones must be among them, others may be. A column
            named here is categorical unless `kinds` says otherwise.
        """
        if not (math.isfinite(range_margin) and range_margin >= 0):
            raise SchemaError(f"`range_margin` must be a number from 0 up, got {range_margin!r}.")
        kinds, categories = kinds or {}, categories or {}
        columns = [
            _infer_column(frame.iloc[:, at], kinds.get(name), range_margin, categories.get(name))
            for at, name in enumerate(frame.columns)
        ]
        schema = cls(tuple(columns))
        if all(column.kind == "empty" for column in columns):
            raise SchemaError(
                "Every column of the table is missing in every row, so nothing can be learned. "
                "Give at least one column with values."
            )
        for name in {**kinds, **categories}:
            schema.position(name)  # an error if there is none
        return schema

    def to_dict(self) -> dict[str, Any]:
        """Describe the schema with JSON types only; `from_dict` is its inverse."""
        return {"columns": [column.to_dict() for column in self.columns]}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Schema:
        """Make the schema that `to_dict` described; a `SchemaError` if it is malformed."""
        try:
            records = list(record["columns"])
        except (KeyError, TypeError) as error:
            raise SchemaError("This is no description of a schema: it has no columns.") from error
        return cls(tuple(Column.from_dict(item) for item in records))


def _infer_column(
    series: pd.Series[Any], kind: str | None, margin: float, categories: Sequence[Any] | None
) -> Column:
    if isinstance(series.dtype, pd.SparseDtype):
        raise column_error(series.name, "is sparse. Convert it with `series.sparse.to_dense()`.")
    if series.isna().all():
        if kind is not None:
            column_type(kind_and_notation(kind)[0] or "", series.name)  # an error if there is none
        return CategoricalColumn.infer(series)
    if kind is None and categories is None:
        found = recognized_type(series)
    else:
        found = column_type(kind_and_notation(kind)[0] or "categorical", series.name)
    if kind is not None and ":" in kind and not issubclass(found, NumericColumn | DatetimeColumn):
        raise column_error(
            series.name, f"is declared {kind!r}: only numbers and dates are written."
        )
    column = found.infer(series, kind)
    if categories is not None:
        column = column.with_categories(categories)
    return column.widened(margin)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Rows of codes, with the schema that gives them meaning.

    >>> frame = pd.DataFrame({"age": [31, 47], "class": ["b", "a"]})
    >>> table = Table.from_frame(frame, Schema.infer(frame))
    >>> table.codes
    array([[31,  1],
           [47,  0]])
    >>> table.take(np.array([1])).to_frame()
       age class
    0   47     a
    """

    schema: Schema
    codes: Codes  # (n_rows, n_columns), in C order
    # by position of each text column, the strings that its codes point into; or empty
    texts: Mapping[int, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape, dtype, n_columns = self.codes.shape, self.codes.dtype, len(self.schema)
        if len(shape) != 2 or shape[1] != n_columns or dtype != np.int64:
            raise ValueError(
                f"`codes` must be int64 of shape (n_rows, {n_columns}), got {dtype} of {shape}."
            )
        expected = [at for at, column in enumerate(self.schema) if column.is_text]
        if not self.texts:
            object.__setattr__(self, "texts", dict.fromkeys(expected, ()))
        elif sorted(self.texts) != expected:
            raise ValueError(f"`texts` must be for {expected}, got them for {sorted(self.texts)}.")
        object.__setattr__(self, "codes", np.ascontiguousarray(self.codes))

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, schema: Schema) -> Table:
        """Encode the rows of a table, which has the columns and dtypes of `schema`, in its order.

        A `SchemaError` is raised if it has not, or if a cell is outside its column's domain.
        """
        names = [column.name for column in schema]
        if list(frame.columns) != names:
            raise SchemaError(
                f"The table has the columns {list(frame.columns)!r}, and its schema {names!r}. "
                "Select them in this order with `frame[[...]]`."
            )
        codes = np.empty((len(frame), len(schema)), dtype=np.int64)
        texts: dict[int, tuple[str, ...]] = {}
        for position, column in enumerate(schema):
            series = frame.iloc[:, position]
            if isinstance(column, TextColumn):
                codes[:, position], texts[position] = column.encode_texts(series)
            else:
                codes[:, position] = column.encode(series)
        return cls(schema, codes, texts)

    def _columns(self) -> Iterator[tuple[Any, tuple[Any, ...]]]:
        """Return each column and what its methods take: its codes, and the strings of text."""
        for position, codes in enumerate(np.ascontiguousarray(self.codes.T)):
            texts = self.texts.get(position)
            yield self.schema[position], (codes,) if texts is None else (codes, texts)

    def to_frame(self) -> pd.DataFrame:
        """Restore the rows, with a RangeIndex and the dtypes and columns of the schema."""
        cells = {at: column.decode(*codes) for at, (column, codes) in enumerate(self._columns())}
        frame = pd.DataFrame(cells, index=pd.RangeIndex(len(self)))
        frame.columns = pd.Index([column.name for column in self.schema])
        return frame

    def take(self, indices: npt.ArrayLike) -> Table:
        """Select rows, by position or by a mask, in the order given and as often as given."""
        chosen = np.asarray(indices)
        if not chosen.size:
            chosen = chosen.astype(np.intp)  # an empty list has no dtype of its own
        return Table(self.schema, self.codes[chosen], self.texts)

    @classmethod
    def concat(cls, tables: Sequence[Table]) -> Table:
        """Stack tables of one schema, at least one, each with strings of its own."""
        schema = tables[0].schema
        parts = [tables[0].codes]
        texts = {column: list(strings) for column, strings in tables[0].texts.items()}
        for table in tables[1:]:
            codes = table.codes
            for column, strings in table.texts.items():
                if strings == tables[0].texts[column]:
                    continue  # they share their strings, as selections of one table do
                codes = codes.copy() if codes is table.codes else codes
                codes[codes[:, column] >= 0, column] += len(texts[column])
                texts[column].extend(strings)
            parts.append(codes)
        frozen = {column: tuple(strings) for column, strings in texts.items()}
        return cls(schema, np.concatenate(parts), frozen)

    def invalid_cells(self) -> Mask:
        """Whether each code is outside its column's domain; ABSENT always is."""
        return np.column_stack([~column.contains(*codes) for column, codes in self._columns()])
