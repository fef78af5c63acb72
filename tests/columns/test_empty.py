"""Columns that are missing in every row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterpoise.columns import Schema, Table
from counterpoise.errors import SchemaError
from counterpoise.serialization import serialize, table_serializer, text_serializer

DTYPES = [
    "float64",
    "float32",
    "object",
    "string",
    "category",
    "Int64",
    "boolean",
    "datetime64[ns]",
    "datetime64[us, Europe/Rome]",
    "timedelta64[s]",
    "int64[pyarrow]",
]


def table_with(cells: Any) -> pd.DataFrame:
    return pd.DataFrame({"a": [1, 2, 3], "empty": cells})


@pytest.mark.parametrize("dtype", DTYPES)
def test_empty_column_of_any_dtype_comes_back(dtype: str) -> None:
    frame = table_with(pd.Series([None] * 3, dtype=dtype))
    schema = Schema.infer(frame)
    assert (schema[1].kind, schema[1].n_values) == ("empty", 0)
    assert schema[1].domain() == "missing in every row"
    assert Schema.from_dict(schema.to_dict()) == schema
    table = Table.from_frame(frame, schema)
    assert not table.invalid_cells().any()
    pd.testing.assert_frame_equal(table.to_frame(), frame)


@pytest.mark.parametrize("marker", [None, float("nan"), pd.NA, pd.NaT], ids=repr)
def test_empty_column_of_objects_keeps_its_marker(marker: Any) -> None:
    frame = table_with(pd.Series([marker] * 3, dtype=object))
    back = Table.from_frame(frame, Schema.infer(frame)).to_frame()["empty"]
    assert back.dtype == object
    assert all(type(cell) is type(marker) for cell in back)


@pytest.mark.parametrize("make", [table_serializer, text_serializer])
def test_only_the_missing_cell_is_possible(make: Any) -> None:
    frame = pd.DataFrame({"label": ["x", "y", "x"], **table_with(np.nan)})
    table = Table.from_frame(frame, Schema.infer(frame))
    serializer = make(table)
    serialize(table, serializer)  # an error if the grammar does not allow a cell
    possible = [edge for edges in serializer.cells[2].automaton.edges for edge in edges]
    assert len(possible) == len(serializer.cells[2].missing)


def test_declarations_hold_for_values_only() -> None:
    """In a fold of a cross-validation, what is declared for the table may have no value."""
    declared = {"kinds": {"empty": "integer"}, "categories": {"empty": [1, 2]}, "range_margin": 0.5}
    column = Schema.infer(table_with(np.nan), **declared)[1]
    assert column == Schema.infer(table_with(np.nan))[1]
    assert column.restrict_range(0, 1) == column.restrict_categories([1]) == column
    with pytest.raises(SchemaError, match="no kind of column"):
        Schema.infer(table_with(np.nan), kinds={"empty": "number"})
    with pytest.raises(SchemaError, match="'a' is declared 'empty', but has values"):
        Schema.infer(table_with(np.nan), kinds={"a": "empty"})


def test_a_value_has_no_place_in_an_empty_column() -> None:
    schema = Schema.infer(table_with(np.nan))
    with pytest.raises(SchemaError, match=r"'empty' holds 2\.5, but was missing in every row"):
        Table.from_frame(table_with([np.nan, 2.5, np.nan]), schema)
    with pytest.raises(ValueError, match=r"'empty' has no 2\.5"):
        schema[1].code_of(2.5)


def test_a_table_of_empty_columns_is_rejected() -> None:
    with pytest.raises(SchemaError, match="Every column of the table is missing in every row"):
        Schema.infer(pd.DataFrame({"a": [None, None], "b": [np.nan, np.nan]}))
