"""A column of a table: its name, what it holds, and the codes of its cells."""

from __future__ import annotations

from typing import Any, TypeAlias

from counterpoise.columns._base import MARKERS, Kind
from counterpoise.columns._categorical import CategoricalColumn
from counterpoise.columns._datetime import DatetimeColumn
from counterpoise.columns._json import tag_dtype, tag_value, untag_dtype, untag_value
from counterpoise.columns._number import NumericColumn
from counterpoise.columns._text import TextColumn
from counterpoise.errors import SchemaError

Column: TypeAlias = CategoricalColumn | NumericColumn | DatetimeColumn | TextColumn
"""Any column. All have `name`, `kind`, `dtype`, `has_missing`, `encode`, `decode`, `contains`."""


# One column as JSON and back.


def column_to_dict(column: Column) -> dict[str, Any]:
    """Describe a column with JSON types only; `column_from_dict` is the inverse."""
    record: dict[str, Any] = {
        "name": tag_value(column.name),
        "kind": str(column.kind),
        "dtype": tag_dtype(column.dtype),
        "has_missing": column.has_missing,
        "marker": column.marker,
    }
    match column:
        case CategoricalColumn():
            record["categories"] = [tag_value(category) for category in column.categories]
        case NumericColumn():
            record |= {"low": column.low, "high": column.high, "decimals": column.decimals}
            record |= {"step": column.step, "exceptions": list(column.exceptions)}
        case DatetimeColumn():
            record |= {"low": column.low, "high": column.high, "unit": column.unit}
        case TextColumn():
            record["max_length"] = column.max_length
    return record


def column_from_dict(record: Any) -> Column:
    """Make the column that `column_to_dict` described; a `SchemaError` if it is malformed."""
    try:
        return _read(record)
    except SchemaError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise SchemaError(
            f"The description of a column is malformed ({type(error).__name__}: {error}). "
            "Write it with `Schema.to_dict`."
        ) from error


def _read(record: Any) -> Column:
    kind = Kind(record["kind"])
    common: dict[str, Any] = {
        "name": untag_value(record["name"]),
        "kind": kind,
        "dtype": untag_dtype(record["dtype"]),
        "has_missing": _of_type(record["has_missing"], bool),
        "marker": _of_type(record["marker"], str),
    }
    if common["marker"] not in MARKERS:
        raise ValueError(f"unknown marker {common['marker']!r}")
    match kind:
        case Kind.CATEGORICAL | Kind.ORDERED | Kind.BOOLEAN:
            categories = tuple(map(untag_value, _of_type(record["categories"], list)))
            column = CategoricalColumn(**common, categories=categories)
            column.check_categories()
            return column
        case Kind.TEXT:
            return TextColumn(**common, max_length=_of_type(record["max_length"], int))
    low, high = _of_type(record["low"], int), _of_type(record["high"], int)
    if kind in (Kind.INTEGER, Kind.DECIMAL):
        decimals = _of_type(record["decimals"], int)
        step = _of_type(record["step"], int)
        exceptions = tuple(_of_type(code, int) for code in _of_type(record["exceptions"], list))
        return NumericColumn(
            **common, low=low, high=high, decimals=decimals, step=step, exceptions=exceptions
        )
    return DatetimeColumn(**common, low=low, high=high, unit=_of_type(record["unit"], str))


def _of_type(value: Any, expected: type) -> Any:
    if type(value) is not expected:
        raise TypeError(f"expected {expected.__name__}, got {value!r}")
    return value
