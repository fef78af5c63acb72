"""From the user's table to the one that the model learns, and back.

Columns whose combinations are held to the observed ones are a single column there, and columns that
are computed from others are left out; nothing else has to know. Rows are joined before training,
and split again once generated.
"""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from counterpoise.columns import ABSENT, CategoricalColumn, Column, Schema, Table
from counterpoise.constraints._base import Constraint, refuse_rows
from counterpoise.errors import SchemaError
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


class Derivation(NamedTuple):
    """A column that is computed."""

    position: int  # in the user's table, as those of the columns that it is computed from
    sources: tuple[int, ...]
    constraint: Constraint  # which computes it


@dataclass(frozen=True, eq=False)
class Layout:
    """From the user's table (label first) to the one that is learned, and back."""

    schema: Schema  # the user's columns
    combinations: tuple[Combination, ...] = ()  # disjoint; each takes its first member's place
    derived: tuple[Derivation, ...] = ()  # each behind those that it is computed from
    observed: tuple[Combination, ...] = ()  # what constraints must know of the real rows

    @cached_property
    def members(self) -> list[tuple[int, ...]]:
        """By position in the learned table: the positions in the user's that it stands for."""
        joined = {c.members[0]: c.members for c in self.combinations}
        left_out = {member for c in self.combinations for member in c.members[1:]}
        left_out |= {derivation.position for derivation in self.derived}
        return [
            joined.get(position, (position,))
            for position in range(len(self.schema))
            if position not in left_out
        ]

    def combination(self, position: int) -> Combination | None:
        """Return the combination that has the user's column at `position`, if there is one."""
        return next((c for c in self.combinations if position in c.members), None)

    def join(self, table: Table) -> Table:
        """Return the rows of the user's table as they are learned."""
        if not self.combinations and not self.derived:
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
        """Return generated rows as the user's table; a computed cell without a code is ABSENT."""
        if not self.combinations and not self.derived:
            return table
        codes = np.full((len(table), len(self.schema)), ABSENT, dtype=np.int64)
        texts: dict[int, tuple[str, ...]] = {}
        for position, members in enumerate(self.members):
            combination, own = self.combination(members[0]), table.codes[:, position]
            codes[:, members] = own[:, None] if combination is None else combination.split(own)
            if position in table.texts:
                texts[members[0]] = table.texts[position]
        return self._computed(Table(self.schema, codes, texts))

    def as_generated(self, table: Table) -> Table:
        """Return real rows with computed cells as `split` has them, however they were rounded."""
        if not self.derived:
            return table
        codes = self._computed(table).codes
        return Table(self.schema, np.where(codes == ABSENT, table.codes, codes), table.texts)

    def _computed(self, table: Table) -> Table:
        codes = table.codes.copy()
        computed = Table(self.schema, codes, table.texts)
        for position, _, constraint in self.derived:
            codes[:, position] = constraint.derive(computed)  # also seen by those that follow
        return Table(self.schema, codes, table.texts)


def build_layout(table: Table, constraints: Iterable[Constraint]) -> Layout:
    """Return the layout of `table` under validated constraints; SchemaError if these contradict."""
    constraints = list(constraints)
    derived = _in_order(table.schema, constraints)
    positions = {derivation.position for derivation in derived}
    every = [(constraint, constraint.observe(table)) for constraint in constraints]
    for *_, constraint in derived:
        refuse_rows(table, ~constraint.agrees(table), constraint)
    combinations: list[Combination] = []
    for constraint, combination in every:
        if combination is None or constraint.derived(table.schema) is not None:
            continue
        taken = positions.union(*(other.members for other in combinations))
        for name in [table.schema[at].name for at in combination.members if at in taken]:
            raise SchemaError(
                f"Two FixedCombinations, or OneHots, name the column {name!r}, or it is computed "
                "from others. Put columns that share one into a single combination, and leave "
                "those that are computed out.",
                column=name,
            )
        combinations.append(combination)
    for _, sources, constraint in derived:
        determinants = constraint.joined_sources(table.schema)
        taken = positions.union(*(other.members for other in combinations))
        if determinants is not None and not taken.intersection(sources):
            combinations.append(determinants)
    observed = tuple(combination for _, combination in every if combination is not None)
    return Layout(table.schema, tuple(combinations), derived, observed)


def _in_order(schema: Schema, constraints: Sequence[Constraint]) -> tuple[Derivation, ...]:
    """Return what is computed, each behind those that it is computed from."""
    waiting: dict[int, Derivation] = {}
    for constraint in constraints:
        position = constraint.derived(schema)
        if position is None:
            continue
        if position in waiting:
            raise SchemaError(
                f"{waiting[position].constraint!r} and {constraint!r} compute the same column. "
                "Leave one out.",
                column=schema[position].name,
            )
        waiting[position] = Derivation(position, constraint.sources(schema), constraint)
    ordered: list[Derivation] = []
    while waiting:
        ready = [one for one in waiting.values() if not waiting.keys() & set(one.sources)]
        if not ready:
            circle = ", ".join(repr(one.constraint) for one in waiting.values())
            raise SchemaError(f"Columns are computed in a circle: {circle}. Leave one out.")
        for derivation in ready:
            del waiting[derivation.position]
        ordered += ready
    return tuple(ordered)
