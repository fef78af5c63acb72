"""The combinations of values that several columns have in the real rows."""

from __future__ import annotations

from collections.abc import Container, Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from counterpoise.columns import ABSENT, CategoricalColumn, Schema, Table
from counterpoise.grammar._grammar import IntArray


@dataclass(frozen=True, eq=False)
class Combination:
    """Observed combinations of codes; as a joint column, each of them is one category."""

    members: tuple[int, ...]  # positions of the columns in the user's table (the label is at 0)
    codes: IntArray  # distinct combinations, shape (n_combinations, n_members), by joint code

    @classmethod
    def observed(cls, table: Table, members: tuple[int, ...]) -> Combination:
        """Return the combinations in the rows of `table` that have all the cells."""
        codes = table.codes[:, members]
        return cls(members, distinct_rows(codes[(codes != ABSENT).all(axis=1)])[0])

    def column(self, schema: Schema) -> CategoricalColumn:
        """Return the joint column, whose categories are the combinations as text."""
        columns = [schema[member] for member in self.members]
        others = {column.name for at, column in enumerate(schema) if (at,) != self.members}
        name = _unlike(" and ".join(str(column.name) for column in columns), others)
        parts = []
        for column, codes in zip(columns, self.codes.T, strict=True):
            cells = column.decode(codes.copy()).tolist()
            parts.append(["missing" if pd.isna(cell) is True else str(cell) for cell in cells])
        categories: dict[str, None] = {}
        for texts in zip(*parts, strict=True):
            categories[_unlike(", ".join(texts), categories)] = None
        return CategoricalColumn(name, "categorical", np.dtype(object), False, tuple(categories))

    def join(self, codes: IntArray) -> IntArray:
        """Return the joint code of each row of the members' `codes`; ABSENT where there is none."""
        known, given = (pd.MultiIndex.from_arrays(list(rows.T)) for rows in (self.codes, codes))
        joined = known.get_indexer(given)
        return np.where(joined < 0, ABSENT, joined)

    def split(self, joined: IntArray) -> IntArray:
        """Return the members' codes of each joint code; ABSENT where that is."""
        codes = np.full((len(joined), len(self.members)), ABSENT, dtype=np.int64)
        codes[joined != ABSENT] = self.codes[joined[joined != ABSENT]]
        return codes


def distinct_rows(codes: IntArray) -> tuple[IntArray, IntArray]:
    """Return the distinct rows in ascending order, and how often each occurs."""
    ordered = np.ascontiguousarray(codes[np.lexsort(codes.T[::-1])])
    is_first = np.ones(len(codes), dtype=bool)
    is_first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    first = np.flatnonzero(is_first)
    return ordered[first], np.diff(first, append=len(codes))


def _unlike(text: str, taken: Container[Hashable]) -> str:
    """Return `text`, with as many marks behind it as make it differ from what is `taken`."""
    while text in taken:
        text = f"{text}'"
    return text
