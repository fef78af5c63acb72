"""The combinations of values that several columns have in the real rows."""

from __future__ import annotations

from collections.abc import Container, Hashable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
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
        known, given = (np.zeros(len(rows), dtype=np.int64) for rows in (self.codes, codes))
        is_known = np.ones(len(codes), dtype=bool)
        for of_known, of_given in zip(self.codes.T, codes.T, strict=True):
            # number the combinations of the columns so far, in the order of their codes
            values, place = np.unique(of_known, return_inverse=True)
            at, is_value = _places(values, of_given)
            numbers, known = np.unique(known * len(values) + place, return_inverse=True)
            given, is_number = _places(numbers, given * len(values) + at)
            is_known &= is_value & is_number
        joined = np.full(len(codes), ABSENT, dtype=np.int64)
        joined[is_known] = np.argsort(known)[given[is_known]]
        return joined

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


def _places(values: IntArray, of: IntArray) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    """Return where numbers are among sorted `values`, and which are."""
    if not len(values):
        return np.zeros(len(of), dtype=np.int64), np.zeros(len(of), dtype=bool)
    at = np.searchsorted(values, of).clip(max=len(values) - 1)
    return at, values[at] == of


def _unlike(text: str, taken: Container[Hashable]) -> str:
    """Return `text`, with as many marks behind it as make it differ from what is `taken`."""
    while text in taken:
        text = f"{text}'"
    return text
