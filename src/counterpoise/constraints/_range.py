"""Numbers, dates and durations held to a range."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pandas as pd

from counterpoise.columns import Table
from counterpoise.constraints._base import (
    Constraint,
    feature_position,
    register_constraint,
    with_column,
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
        return with_column(table, at, column, column.contains(table.codes[:, at]))


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
