"""What a constraint can say, and when it is asked."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise._parameters import Parameters
from counterpoise.columns import ABSENT, MISSING, Column, Schema, Table

BoolArray = npt.NDArray[np.bool_]


class Constraint(Parameters):
    """Something that every synthetic row satisfies. A subclass overrides the methods it needs.

    They are called in the order in which they stand here, the last for rows as they are generated.
    Tables and schemas have the label in column 0 and the features of X behind it. A constraint is
    cloned before it is used, so `fit` may set attributes; those of a saved sampler are found again
    by calling `fit` with no rows.
    """

    def overrides(self, X: pd.DataFrame) -> dict[Hashable, dict[str, Any]]:  # noqa: ARG002
        """Return by column what inference must allow beyond the real rows of `X`.

        That is ``categories`` or ``range_margin``.
        """
        return {}

    def restrict(self, table: Table) -> Table:
        """Return the table with smaller domains; cells outside of them are ``ABSENT``.

        The grammar has nothing else, and other cells keep their codes. Raises a SchemaError if a
        column is unknown or of the wrong type, or nothing is left of its domain.
        """
        return table

    def validate(self, schema: Schema) -> None:
        """Raise a SchemaError if a column is unknown or the constraint can't be met."""

    def fit(self, table: Table, learned: Table) -> None:
        """Remember what is needed of the real rows, in the user's columns and as they are learned.

        In `learned`, fixed combinations are one column.
        """

    def check_real_rows(self, table: Table, class_: Any) -> None:
        """Warn, or raise a SchemaError, if real rows of a class break the constraint."""

    def accepts(self, table: Table) -> BoolArray:
        """Return for each generated row whether it is accepted, and not generated again."""
        return np.ones(len(table), dtype=bool)

    @property
    def rejects(self) -> bool:
        """Whether `accepts` can reject a row."""
        return type(self).accepts is not Constraint.accepts

    @property
    def reason(self) -> str:
        """Why a row was rejected, for `rejection_stats_` and messages."""
        return f"not {self!r}"

    def advice(self, label: int) -> str:  # noqa: ARG002
        """Return what the user can do if too few rows of the class with this code are accepted."""
        return f"leave out {self!r}"


_CONSTRAINTS: dict[str, type[Constraint]] = {}


def register_constraint(cls: type[Constraint]) -> type[Constraint]:
    """Make a constraint class known by its name, so that a sampler that has one can be saved."""
    _CONSTRAINTS[cls.__name__] = cls
    return cls


def with_column(table: Table, at: int, column: Column, is_inside: BoolArray) -> Table:
    """Return the table with another column; cells neither inside nor missing become ABSENT."""
    columns, codes = list(table.schema), table.codes.copy()
    columns[at] = column
    codes[~is_inside & (codes[:, at] != MISSING), at] = ABSENT
    return Table(Schema(tuple(columns)), codes, table.texts)


def feature_position(schema: Schema, name: Hashable) -> int:
    """Return the position of a feature in a schema whose label is in column 0."""
    return Schema(schema.columns[1:]).position(name) + 1
