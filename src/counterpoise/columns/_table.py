"""A table of codes, and its passage from and to pandas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.columns._base import Codes, Column, Mask
from counterpoise.columns._schema import Schema
from counterpoise.columns._text import TextColumn
from counterpoise.errors import SchemaError


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
        if self.codes.ndim != 2 or self.codes.shape[1] != len(self.schema):
            raise ValueError(
                f"`codes` must have the shape (n_rows, {len(self.schema)}), got {self.codes.shape}."
            )
        if self.codes.dtype != np.int64:
            raise ValueError(f"`codes` must be of dtype int64, got {self.codes.dtype}.")
        expected = [at for at, column in enumerate(self.schema) if column.is_text]
        if not self.texts:
            object.__setattr__(self, "texts", dict.fromkeys(expected, ()))
        elif sorted(self.texts) != expected:
            raise ValueError(
                f"`texts` must have an entry for each text column, at {expected}, and for no "
                f"other, got {sorted(self.texts)}."
            )
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

    def _columns(self) -> Iterator[tuple[Column, Codes]]:
        return zip(self.schema, np.ascontiguousarray(self.codes.T), strict=True)

    def to_frame(self) -> pd.DataFrame:
        """Restore the rows, with a RangeIndex and the dtypes and columns of the schema."""
        cells = {}
        for position, (column, codes) in enumerate(self._columns()):
            if isinstance(column, TextColumn):
                cells[position] = column.decode(codes, self.texts[position])
            else:
                cells[position] = column.decode(codes)
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
        invalid = np.empty(self.codes.shape, dtype=bool)
        for position, (column, codes) in enumerate(self._columns()):
            if isinstance(column, TextColumn):
                invalid[:, position] = ~column.contains(codes, self.texts[position])
            else:
                invalid[:, position] = ~column.contains(codes)
        return invalid
