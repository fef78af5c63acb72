"""Columns that are missing as a whole."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from counterpoise.columns import ABSENT, MISSING, Schema, Table
from counterpoise.constraints._base import (
    BoolArray,
    Constraint,
    feature_position,
    listed,
    register_constraint,
)
from counterpoise.constraints._implication import refuse_broken
from counterpoise.constraints._restrictions import IS_MISSING, IS_PRESENT, Order, Restriction
from counterpoise.errors import SchemaError


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

    def __init__(self, columns: Sequence[Hashable]) -> None:
        self.columns = columns

    def validate(self, schema: Schema) -> None:
        self._positions(schema)

    def restrictions(self, schema: Schema) -> list[Restriction | Order]:
        first, *others = self._positions(schema)
        return [
            Restriction(first, codes, other, codes)
            for other in others
            for codes in (IS_MISSING, IS_PRESENT)
        ]

    def check_real_rows(self, table: Table, class_: Any) -> None:
        """Raise a SchemaError that shows three of the rows that break it, if any do."""
        refuse_broken(table, self, self.columns, class_)

    def accepts(self, table: Table) -> BoolArray:
        codes = table.codes[:, self._positions(table.schema)]
        is_missing, is_present = codes == MISSING, (codes != MISSING) & (codes != ABSENT)
        accepted: BoolArray = ~(is_missing.any(axis=1) & is_present.any(axis=1))
        return accepted

    @property
    def text(self) -> str:
        return f"{listed(self.columns)} are missing together"

    @property
    def reason(self) -> str:
        return f"not missing together: {', '.join(map(str, self.columns))}"

    def _positions(self, schema: Schema) -> list[int]:
        if isinstance(self.columns, str) or len(self.columns) < 2:
            raise SchemaError(
                f"MissingTogether takes a list of two or more column names, got {self.columns!r}."
            )
        positions = [feature_position(schema, name) for name in self.columns]
        if len(np.unique(positions)) < len(positions):
            raise SchemaError(f"{self!r} names a column twice.")
        return positions
