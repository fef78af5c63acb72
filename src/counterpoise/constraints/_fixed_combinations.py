"""Columns whose combinations of values are held to those that the table shows.

Inside, such columns are a single one, whose categories are the observed combinations; nothing else
has to know. Rows are joined before training and split again when they are written.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from counterpoise.columns._base import ABSENT, Column
from counterpoise.columns._categorical import CategoricalColumn
from counterpoise.columns._schema import Schema
from counterpoise.columns._table import Table
from counterpoise.errors import SchemaError
from counterpoise.grammar._grammar import IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Combination:
    """One joint column.

    Attributes
    ----------
    members : tuple of int
        Positions of the columns that it joins, in the user's table (the label is at 0).
    codes : ndarray of shape (n_combinations, n_members), int64
        The observed combinations; a row's position is its code in the joint column.
    """

    members: tuple[int, ...]
    codes: IntArray

    def column(self, schema: Schema) -> CategoricalColumn:
        """Return the joint column."""
        columns = [schema[member] for member in self.members]
        parts = [_texts(column, self.codes[:, at].copy()) for at, column in enumerate(columns)]
        name = _unlike(" and ".join(str(column.name) for column in columns), _names(schema))
        categories: list[str] = []
        seen: set[Hashable] = set()
        for texts in zip(*parts, strict=True):
            categories.append(_unlike(", ".join(texts), seen))
            seen.add(categories[-1])
        dtype = np.dtype(object)
        return CategoricalColumn(name, "categorical", dtype, False, tuple(categories))

    def join(self, codes: IntArray) -> IntArray:
        """Return the joint code of each row of the members' `codes`; ABSENT where one is."""
        known = {row.tobytes(): at for at, row in enumerate(self.codes)}
        joined = [known.get(row.tobytes(), ABSENT) for row in np.ascontiguousarray(codes)]
        return np.array(joined, dtype=np.int64)

    def matching(self, fixed: Mapping[int, int]) -> IntArray:
        """Return the joint codes with the codes that `fixed` has at the positions of members."""
        matches = np.ones(len(self.codes), dtype=bool)
        for at, member in enumerate(self.members):
            if member in fixed:
                matches &= self.codes[:, at] == fixed[member]
        return np.flatnonzero(matches)


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """From the user's table (label first) to the one that is learned, and back.

    Attributes
    ----------
    schema : Schema
        The user's columns, label first.
    combinations : tuple of Combination
        Disjoint; each takes the place of its first member.
    """

    schema: Schema
    combinations: tuple[Combination, ...] = ()

    @property
    def members(self) -> list[tuple[int, ...]]:
        """By position in the joined table: the positions in the user's that it stands for."""
        joined = {c.members[0]: c.members for c in self.combinations}
        inside = {member for c in self.combinations for member in c.members[1:]}
        return [
            joined.get(position, (position,))
            for position in range(len(self.schema))
            if position not in inside
        ]

    def combination(self, position: int) -> Combination | None:
        """Return the combination that has the user's column at `position`, if there is one."""
        return next((c for c in self.combinations if position in c.members), None)

    def join(self, table: Table) -> Table:
        """Return the rows of the user's table as they are learned."""
        if not self.combinations:
            return table
        columns: list[Column] = []
        codes: list[IntArray] = []
        texts: dict[int, tuple[str, ...]] = {}
        for members in self.members:
            combination = self.combination(members[0])
            if combination is None:
                if members[0] in table.texts:
                    texts[len(columns)] = table.texts[members[0]]
                columns.append(self.schema[members[0]])
                codes.append(table.codes[:, members[0]])
            else:
                columns.append(combination.column(self.schema))
                codes.append(combination.join(table.codes[:, members]))
        return Table(Schema(tuple(columns)), np.column_stack(codes), texts)

    def split(self, table: Table) -> Table:
        """Return generated rows as the user's table has them."""
        if not self.combinations:
            return table
        codes = np.empty((len(table), len(self.schema)), dtype=np.int64)
        texts = {}
        for position, members in enumerate(self.members):
            combination = self.combination(members[0])
            written = table.codes[:, position]
            codes[:, members] = (
                written[:, None] if combination is None else combination.codes[written]
            )
            if position in table.texts:
                texts[members[0]] = table.texts[position]
        return Table(self.schema, codes, texts)


def build_layout(table: Table, fixed_combinations: Iterable[Sequence[Any]]) -> Layout:
    """Return the layout of `table` (label first) with the columns of each combination joined.

    Raises
    ------
    SchemaError
        If a combination names fewer than two columns, an unknown one, one twice or one of free
        text, or if no row is left that has all of its values.
    """
    taken: set[int] = set()
    combinations = []
    for names in fixed_combinations:
        if isinstance(names, str) or len(names) < 2:
            raise SchemaError(
                f"`fixed_combinations` must hold tuples of two or more column names, got {names!r}."
            )
        members = tuple(_member(table.schema, name) for name in names)
        if taken & set(members) or len(set(members)) < len(members):
            raise SchemaError(
                f"`fixed_combinations` names a column twice: {tuple(names)!r}. Put columns that "
                "share one into a single combination."
            )
        taken |= set(members)
        observed = np.unique(table.codes[:, members], axis=0)
        observed = observed[(observed != ABSENT).all(axis=1)]
        if not len(observed):
            raise SchemaError(
                f"No row has a combination of {tuple(names)!r} that `ranges` and `categories` "
                "leave. Relax them."
            )
        combinations.append(Combination(members, np.ascontiguousarray(observed)))
    return Layout(table.schema, tuple(combinations))


def _member(schema: Schema, name: Any) -> int:
    position = Schema(schema.columns[1:]).position(name) + 1
    if schema[position].is_text:
        raise SchemaError(
            f"`fixed_combinations` names the column {name!r}, which holds free text. Leave it "
            "out, or declare it categorical.",
            column=name,
        )
    return position


def _texts(column: Column, codes: IntArray) -> list[str]:
    cells = column.decode(codes).tolist()
    return ["missing" if pd.isna(cell) is True else str(cell) for cell in cells]


def _names(schema: Schema) -> set[Hashable]:
    return {column.name for column in schema}


def _unlike(text: str, taken: set[Hashable]) -> str:
    """Return `text`, with as many marks behind it as make it differ from what is `taken`."""
    while text in taken:
        text = f"{text}'"
    return text
