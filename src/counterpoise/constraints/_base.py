"""What a constraint can say, and when it is asked.

1. `overrides`: before the columns are inferred, what inference must allow beyond the real rows.
2. `restrict`: the columns, and with them the grammar: what is excluded here can't be generated.
3. `validate`: whether the constraint can be met by the columns as they are then.
4. `fit`: what it has to know of the real rows.
5. `check_real_rows`: of each class to be filled, before any training.
6. `accepts`: of generated rows; a rejected row is generated again.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise._parameters import Parameters
from counterpoise.columns._schema import Schema
from counterpoise.columns._table import Table

BoolArray = npt.NDArray[np.bool_]


class Constraint(Parameters):
    """Something that every synthetic row satisfies. A subclass overrides the methods it needs.

    Tables and schemas have the label in column 0 and the features of X behind it. A constraint is
    cloned before it is used, so `fit` may set attributes; those of a saved sampler are found again
    by calling `fit` with no rows.
    """

    def overrides(self, X: pd.DataFrame) -> dict[Hashable, dict[str, Any]]:  # noqa: ARG002
        """Return by column what inference must allow: ``categories`` or ``range_margin``."""
        return {}

    def restrict(self, table: Table) -> Table:
        """Return the table with smaller domains; cells outside of them are ``ABSENT``.

        Parameters
        ----------
        table : Table of shape (n_rows, 1 + n_features)

        Returns
        -------
        Table
            Of the same shape; the other cells keep their codes.

        Raises
        ------
        SchemaError
            If a column is unknown or of the wrong type, or nothing is left of its domain.
        """
        return table

    def validate(self, schema: Schema) -> None:
        """Raise a SchemaError if a column is unknown or the constraint can't be met."""

    def fit(self, table: Table, learned: Table) -> None:
        """Remember what is needed of the real rows.

        Parameters
        ----------
        table : Table of shape (n_rows, 1 + n_features)
            The real rows in the user's columns.
        learned : Table of shape (n_rows, 1 + n_learned_features)
            The same rows as the model learns them: fixed combinations are one column.
        """

    def check_real_rows(self, table: Table, class_: Any) -> None:
        """Warn, or raise a SchemaError, if real rows of a class break the constraint."""

    def accepts(self, table: Table) -> BoolArray:
        """Return for each generated row whether it satisfies the constraint, shape (n_rows,)."""
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


def feature_position(schema: Schema, name: Hashable) -> int:
    """Return the position of a feature in a schema whose label is in column 0."""
    return Schema(schema.columns[1:]).position(name) + 1
