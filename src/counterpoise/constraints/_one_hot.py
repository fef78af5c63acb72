"""Groups of columns of which one is set in each row."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from counterpoise.columns import (
    ABSENT,
    MISSING,
    CategoricalColumn,
    Column,
    NumericColumn,
    Schema,
    Table,
)
from counterpoise.constraints._base import BoolArray, listed, refuse_rows, register_constraint
from counterpoise.constraints._combination import Combination
from counterpoise.constraints._fixed_combinations import FixedCombinations
from counterpoise.errors import SchemaError


@register_constraint
class OneHot(FixedCombinations):
    """Hold columns of zeros and ones, or of truth values, to exactly one that is set in each row.

    Inside, the columns are one, whose categories are the observed combinations. A real row in which
    one of the cells is missing satisfies the constraint.

    Parameters
    ----------
    columns : sequence of str or other column labels
        Two or more. They can be in no other such group or fixed combination.
    at_most_one : bool, default=False
        Allow rows in which none is set.
    """

    def __init__(self, columns: Sequence[Hashable], at_most_one: bool = False) -> None:
        super().__init__(columns)
        self.at_most_one = at_most_one

    def validate(self, schema: Schema) -> None:
        for position in self.positions(schema):
            column = schema[position]
            is_right = column.kind == "boolean"
            if isinstance(column, NumericColumn):
                is_right = column.low >= 0 and column.high <= 1 and not column.decimals
            if not is_right:
                raise SchemaError(
                    f"{self!r} names the column {column.name!r}, which is {column.kind} "
                    f"({column.domain()}): it takes columns of zeros and ones, or of truth values.",
                    column=column.name,
                )

    def observe(self, table: Table) -> Combination:
        """Remember the observed combinations; a SchemaError shows rows that break the rule."""
        positions = self.positions(table.schema)
        refuse_rows(table, np.flatnonzero(~self.accepts(table)), self, positions)
        return super().observe(table)

    def accepts(self, table: Table) -> BoolArray:
        positions = self.positions(table.schema)
        codes = table.codes[:, positions]
        is_set = np.empty(codes.shape, dtype=bool)
        for at, position in enumerate(positions):
            is_set[:, at] = codes[:, at] == _code_of_set(table.schema[position])
        n_set = is_set.sum(axis=1)
        accepted: BoolArray = (n_set == 1) | ((n_set == 0) & self.at_most_one)
        return accepted | np.isin(codes, [MISSING, ABSENT]).any(axis=1)

    @property
    def text(self) -> str:
        which = "at most one" if self.at_most_one else "exactly one"
        return f"{which} of {listed(self.columns)} is 1"

    @property
    def rejects(self) -> bool:
        """No row: only observed combinations are generated."""
        return False


def _code_of_set(column: Column) -> int:
    """Return the code of 1 or True, which the column need not have."""
    if isinstance(column, CategoricalColumn):
        return [*column.categories, True].index(True)
    return 1
