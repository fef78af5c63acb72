"""Numbers, dates and durations held to a range, and categories to a list."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import pandas as pd

from counterpoise.columns import ABSENT, MISSING, Column, Schema, Table
from counterpoise.columns._base import distinct
from counterpoise.constraints._base import (
    BoolArray,
    Constraint,
    feature_position,
    register_constraint,
)


@register_constraint
class Range(Constraint):
    """Hold a column of numbers, dates or durations to a range, which can be open at an end.

    A wider range than the observed one lets more be generated, a narrower one less: the real rows
    stay as they are, and their cells outside are not learned from. Missing cells stay possible.

    Parameters
    ----------
    column : str or other column label
    low, high : number, date or duration, default=None
        Smallest and largest allowed value, ends included. None leaves an end as it was observed.
    """

    def __init__(self, column: Hashable, low: Any = None, high: Any = None) -> None:
        self.column = column
        self.low = low
        self.high = high

    def restrict(self, table: Table) -> Table:
        at = feature_position(table.schema, self.column)
        column = table.schema[at].restrict_range(self.low, self.high)
        return _with_column(table, at, column, column.contains(table.codes[:, at]))


@register_constraint
class RangeMargin(Constraint):
    """Widen the observed range of every column of numbers, dates or durations.

    Columns that are nowhere negative stay so, and those that keep exactly their few values too.

    Parameters
    ----------
    share : float
        By how much on each side, as a share of the observed range; 0 or more.
    """

    def __init__(self, share: float) -> None:
        self.share = share

    def overrides(self, X: pd.DataFrame) -> dict[Hashable, dict[str, Any]]:
        return {name: {"range_margin": self.share} for name in X.columns}


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
        column = table.schema[at].restrict_categories(self.values)  # which `overrides` put first
        return _with_column(table, at, column, table.codes[:, at] < len(self.values))


def _with_column(table: Table, at: int, column: Column, is_inside: BoolArray) -> Table:
    """Return the table with another column; cells neither inside nor missing become ABSENT."""
    columns, codes = list(table.schema), table.codes.copy()
    columns[at] = column
    codes[~is_inside & (codes[:, at] != MISSING), at] = ABSENT
    return Table(Schema(tuple(columns)), codes, table.texts)
