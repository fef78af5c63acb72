"""What a table is: the kinds of its columns, their domains, and frames in and out."""

from __future__ import annotations

from counterpoise.table.column import (
    ABSENT,
    MISSING,
    CategoricalColumn,
    Codes,
    Column,
    DatetimeColumn,
    Dtype,
    Kind,
    NumericColumn,
    TextColumn,
)
from counterpoise.table.restriction import restrict, with_observed
from counterpoise.table.schema import Schema
from counterpoise.table.table import Table

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
    "restrict",
    "with_observed",
]
