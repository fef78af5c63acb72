"""Columns whose combinations of values are held to those that the table shows."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from counterpoise.columns import Schema, Table
from counterpoise.constraints._base import Constraint, feature_positions, register_constraint
from counterpoise.constraints._combination import Combination
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

    def __init__(self, columns: Sequence[Hashable]) -> None:
        self.columns = columns

    def validate(self, schema: Schema) -> None:
        self.positions(schema)

    def positions(self, schema: Schema) -> tuple[int, ...]:
        """Return the positions of the columns; a SchemaError where they can't be combined."""
        return feature_positions(schema, self.columns, self, fewest=2)

    def observe(self, table: Table) -> Combination:
        observed = Combination.observed(table, self.positions(table.schema))
        if not len(observed.codes):
            raise SchemaError(
                f"No row has a combination of {tuple(self.columns)!r} that the other constraints "
                "leave. Relax them."
            )
        return observed
