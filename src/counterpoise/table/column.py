"""A column of a table: its name, what it holds, and the codes of its cells."""

from __future__ import annotations

from typing import TypeAlias

from counterpoise.table.categorical import CategoricalColumn
from counterpoise.table.kind import ABSENT, MISSING, Codes, Dtype, Kind
from counterpoise.table.numeric import NumericColumn
from counterpoise.table.temporal import DatetimeColumn
from counterpoise.table.text import TextColumn

__all__ = [
    "ABSENT",
    "MISSING",
    "CategoricalColumn",
    "Codes",
    "Column",
    "DatetimeColumn",
    "Dtype",
    "Kind",
    "NumericColumn",
    "TextColumn",
]

Column: TypeAlias = CategoricalColumn | NumericColumn | DatetimeColumn | TextColumn
"""Any column. All have `name`, `kind`, `dtype`, `has_missing`, `encode`, `decode`, `contains`."""
