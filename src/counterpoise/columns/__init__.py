"""Column types: one file each, holding everything the package does with a column of that type."""

from __future__ import annotations

from counterpoise.columns._base import ABSENT, MISSING, Codes, Dtype, Kind
from counterpoise.columns._categorical import CategoricalColumn
from counterpoise.columns._column import Column
from counterpoise.columns._datetime import DatetimeColumn
from counterpoise.columns._number import NumericColumn
from counterpoise.columns._schema import Schema
from counterpoise.columns._table import Table
from counterpoise.columns._text import TextColumn

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
    "Schema",
    "Table",
    "TextColumn",
]
