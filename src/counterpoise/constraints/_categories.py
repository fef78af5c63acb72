"""Categories held to a list."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import pandas as pd

from counterpoise.columns import Table
from counterpoise.columns._base import distinct
from counterpoise.constraints._base import (
    Constraint,
    feature_position,
    register_constraint,
    with_column,
)


@register_constraint
class Categories(Constraint):
    """Hold a categorical column to a list of categories, which need not have been observed.

    Real cells of other categories are not learned from. Missing cells stay possible.

    Parameters
    ----------
    column : str or other column label
    values : sequence
        The allowed categories.
    """

    def __init__(self, column: Hashable, values: Sequence[Any]) -> None:
        self.column = column
        self.values = values

    def overrides(self, X: pd.DataFrame) -> dict[Hashable, dict[str, Any]]:
        observed = distinct(X[self.column])[1] if self.column in X else []
        known = {(type(value), value) for value in self.values}
        others = [value for value in observed if (type(value), value) not in known]
        return {self.column: {"categories": [*self.values, *others]}}

    def restrict(self, table: Table) -> Table:
        at = feature_position(table.schema, self.column)
        column, kept = table.schema[at].restrict_categories(self.values)
        assert kept == list(range(len(kept))), "allowed categories come first, see `overrides`"
        return with_column(table, at, column, table.codes[:, at] < len(kept))
