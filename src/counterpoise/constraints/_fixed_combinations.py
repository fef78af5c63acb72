"""Columns whose combinations of values are held to those that the table shows.

Inside, such columns are a single one, whose categories are the observed combinations; nothing else
has to know. Rows are joined before training and split again once generated.
"""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from counterpoise.columns import ABSENT, CategoricalColumn, Column, Schema, Table
from counterpoise.constraints._base import Constraint, feature_position, register_constraint
from counterpoise.errors import SchemaError
from counterpoise.grammar._grammar import IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Combination:
    """One joint column."""

    members: tuple[int, ...]  # positions of its columns in the user's table (the label is at 0)
    codes: IntArray  # the observed combinations, shape (n_combinations, n_members), by joint code

    def column(self, schema: Schema) -> CategoricalColumn:
        """Return the joint column, whose categories are the combinations as text."""
        columns = [schema[member] for member in self.members]
        names = {column.name for column in schema}
        name = _unlike(" and ".join(str(column.name) for column in columns), names)
        parts = []
        for column, codes in zip(columns, self.codes.T, strict=True):
            cells = column.decode(codes.copy()).tolist()
            parts.append(["missing" if pd.isna(cell) is True else str(cell) for cell in cells])
        categories: dict[str, None] = {}
        for texts in zip(*parts, strict=True):
            categories[_unlike(", ".join(texts), categories)] = None
        return CategoricalColumn(name, "categorical", np.dtype(object), False, tuple(categories))

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
    """From the user's table (label first) to the one that is learned, and back."""

    schema: Schema  # the user's columns
    combinations: tuple[Combination, ...] = ()  # disjoint; each takes its first member's place

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
            combination, own = self.combination(members[0]), table.codes[:, position]
            codes[:, members] = own[:, None] if combination is None else combination.codes[own]
            if position in table.texts:
                texts[members[0]] = table.texts[position]
        return Table(self.schema, codes, texts)


@register_constraint
class FixedCombinations(Constraint):
    """Allow only those combinations of values that some real row has, such as state and city.

    Inside, the columns are one, whose categories are the observed combinations.

    Parameters
    ----------
    columns : sequence of str or other column labels
        Two or more; a column can be in one fixed combination only.
    """

    def __init__(self, columns: Sequence[Hashable]) -> None:
        self.columns = columns

    def combination(self, table: Table) -> Combination:
        """Return the joint column of the rows of `table`; a SchemaError where there is none."""
        if isinstance(self.columns, str) or len(self.columns) < 2:
            raise SchemaError(
                f"FixedCombinations takes a list of two or more column names, got {self.columns!r}."
            )
        members = tuple(feature_position(table.schema, name) for name in self.columns)
        if len(set(members)) < len(members):
            raise SchemaError(f"{self!r} names a column twice.")
        for member in members:
            column = table.schema[member]
            if column.is_text:
                raise SchemaError(
                    f"{self!r} names the column {column.name!r}, which holds free text. Leave it "
                    "out, or declare it categorical.",
                    column=column.name,
                )
        observed = np.unique(table.codes[:, members], axis=0)
        observed = observed[(observed != ABSENT).all(axis=1)]
        if not len(observed):
            raise SchemaError(
                f"No row has a combination of {tuple(self.columns)!r} that the other constraints "
                "leave. Relax them."
            )
        return Combination(members, np.ascontiguousarray(observed))


def build_layout(table: Table, constraints: Iterable[Constraint]) -> Layout:
    """Return the layout of `table` (label first) with the columns of each combination joined."""
    combinations = [c.combination(table) for c in constraints if isinstance(c, FixedCombinations)]
    taken = [member for combination in combinations for member in combination.members]
    for member in taken:
        if taken.count(member) > 1:
            raise SchemaError(
                f"Two FixedCombinations name the column {table.schema[member].name!r}. Put columns "
                "that share one into a single combination."
            )
    return Layout(table.schema, tuple(combinations))


def _unlike(text: str, taken: Container[Hashable]) -> str:
    """Return `text`, with as many marks behind it as make it differ from what is `taken`."""
    while text in taken:
        text = f"{text}'"
    return text
