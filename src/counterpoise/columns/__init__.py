"""Column types: one file each, holding everything the package does with a column of that type.

Start with ``_base``: the class `Column`, and how to register a type of your own.

- ``_categorical`` (empty columns too), ``_number``, ``_scientific``, ``_datetime`` (durations
  too), ``_text``: the types; ``_ranged``: those whose values have an order.
- ``_table``: the columns of a table, which type describes each, and the cells as codes.
- ``_frames``: what X and y came in as, and how to return the same.
- ``_json``: names, categories and dtypes as JSON.
"""

from __future__ import annotations

from counterpoise.columns._base import ABSENT, MISSING, Codes, Column, register_column_type
from counterpoise.columns._categorical import CategoricalColumn
from counterpoise.columns._datetime import DatetimeColumn, DurationColumn
from counterpoise.columns._number import NumericColumn
from counterpoise.columns._scientific import ScientificColumn
from counterpoise.columns._table import Schema, Table
from counterpoise.columns._text import TextColumn

__all__ = [
    "ABSENT",
    "MISSING",
    "CategoricalColumn",
    "Codes",
    "Column",
    "DatetimeColumn",
    "DurationColumn",
    "NumericColumn",
    "Schema",
    "ScientificColumn",
    "Table",
    "TextColumn",
    "register_column_type",
]
