"""Columns whose combinations of values are held to those that the table shows."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from counterpoise.columns import ABSENT, CategoricalColumn, NumericColumn, Schema, Table
from counterpoise.constraints._base import (
    BoolArray,
    Constraint,
    column_names,
    listed,
    refuse_rows,
    register_constraint,
)
from counterpoise.constraints._layout import Combination
from counterpoise.errors import SchemaError


@register_constraint
class FixedCombinations(Constraint):
    """Allow only those combinations of values that some real row has, such as state and city.

    Inside, the columns are one, whose categories are the observed combinations.

    Parameters
    ----------
    columns : sequence of str or other column labels
        Two or more; a column can be in one fixed combination only.
    """

    kind = "combination"
    rejects = False  # only observed combinations are generated

    def __init__(self, columns: Sequence[Hashable]) -> None:
        self.columns = columns

    @property
    def related(self) -> tuple[Hashable, ...]:
        return column_names(self, self.columns)

    def observe(self, table: Table) -> Combination:
        observed = Combination.observed(table, self.positions(table.schema))
        if not len(observed.codes):
            raise SchemaError(
                f"No row has a combination of {tuple(self.columns)!r} that the other constraints "
                "leave. Relax them."
            )
        self._observed = observed
        return observed

    def accepts(self, table: Table) -> BoolArray:
        codes = table.codes[:, self.positions(table.schema)]
        is_absent = (codes == ABSENT).any(axis=1)
        return np.asarray(is_absent | (self._observed.join(codes) != ABSENT))

    @property
    def text(self) -> str:
        return f"{listed(self.columns)} go together as observed"


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

    kind = "one-hot"

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
        refuse_rows(table, ~self.accepts(table), self)
        return super().observe(table)

    def accepts(self, table: Table) -> BoolArray:
        positions = self.positions(table.schema)
        codes = table.codes[:, positions]
        columns = [table.schema[position] for position in positions]
        # the code of 1 or True, which the column need not have
        code_of_set = [
            [*c.categories, True].index(True) if isinstance(c, CategoricalColumn) else 1
            for c in columns
        ]
        n_set = (codes == code_of_set).sum(axis=1)
        accepted: BoolArray = (n_set == 1) | ((n_set == 0) & self.at_most_one)
        return accepted | (codes <= ABSENT).any(axis=1)

    @property
    def text(self) -> str:
        which = "at most one" if self.at_most_one else "exactly one"
        return f"{which} of {listed(self.columns)} is 1"
