"""Columns that are missing as a whole."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from counterpoise.columns import ABSENT, MISSING, Schema, Table
from counterpoise.constraints._base import (
    IS_MISSING,
    IS_PRESENT,
    BoolArray,
    Constraint,
    Order,
    Restriction,
    column_names,
    listed,
    refuse_rows,
    register_constraint,
)


@register_constraint
class MissingTogether(Constraint):
    """In each row, have all of some columns missing or none of them.

    While a row is generated, the first of them decides for the others.

    Parameters
    ----------
    columns : sequence of str or other column labels
        Two or more, of any types.

    Raises
    ------
    SchemaError
        From a fit, before training: if a column is unknown, or a real row of a class to be filled
        has only some of the columns missing (three of these rows are shown).
    """

    kind = "missing"
    takes_text = True

    def __init__(self, columns: Sequence[Hashable]) -> None:
        self.columns = columns

    @property
    def related(self) -> tuple[Hashable, ...]:
        return column_names(self, self.columns)

    def restrictions(self, schema: Schema) -> list[Restriction | Order]:
        first, *others = self.positions(schema)
        return [
            Restriction(first, codes, other, codes)
            for other in others
            for codes in (IS_MISSING, IS_PRESENT)
        ]

    def check_real_rows(self, table: Table, class_: Any) -> None:
        refuse_rows(table, ~self.accepts(table), self, class_)

    def accepts(self, table: Table) -> BoolArray:
        codes = table.codes[:, self.positions(table.schema)]
        is_missing, is_present = codes == MISSING, codes > ABSENT
        accepted: BoolArray = ~(is_missing.any(axis=1) & is_present.any(axis=1))
        return accepted

    @property
    def text(self) -> str:
        return f"{listed(self.columns)} are missing together"
