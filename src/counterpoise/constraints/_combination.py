"""The combinations of values that several columns have in the real rows."""

from __future__ import annotations

from collections.abc import Container, Hashable
from dataclasses import dataclass
from functools import cached_property

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
        codes = np.unique(table.codes[:, members], axis=0)
        return cls(members, np.ascontiguousarray(codes[(codes != ABSENT).all(axis=1)]))

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

    @cached_property
    def _positions(self) -> dict[bytes, int]:
        return {row.tobytes(): at for at, row in enumerate(np.ascontiguousarray(self.codes))}

    def join(self, codes: IntArray) -> IntArray:
        """Return the joint code of each row of the members' `codes`; ABSENT where there is none."""
        known = self._positions
        joined = [known.get(row.tobytes(), ABSENT) for row in np.ascontiguousarray(codes)]
        return np.array(joined, dtype=np.int64)

    def split(self, joined: IntArray) -> IntArray:
        """Return the members' codes of each joint code; ABSENT where that is."""
        codes = np.full((len(joined), len(self.members)), ABSENT, dtype=np.int64)
        codes[joined != ABSENT] = self.codes[joined[joined != ABSENT]]
        return codes


def _unlike(text: str, taken: Container[Hashable]) -> str:
    """Return `text`, with as many marks behind it as make it differ from what is `taken`."""
    while text in taken:
        text = f"{text}'"
    return text
