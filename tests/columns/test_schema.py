from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterpoise.columns import (
    CategoricalColumn,
    DatetimeColumn,
    NumericColumn,
    Schema,
    TextColumn,
)
from counterpoise.errors import SchemaError


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "age": [31, 47, 5],
            "fare": [7.25, np.nan, 71.0],
            "class": pd.Series(["a", "b", "a"], dtype="string"),
            "day": pd.to_datetime(["2020-01-01", "2020-01-03", "NaT"]),
            3: pd.Series(["x y", "z", "w"], dtype="string"),
            ("a", 1): [True, False, True],
        }
    )


def test_columns_keep_order_and_names(frame: pd.DataFrame) -> None:
    schema = Schema.infer(frame)
    assert len(schema) == 6
    assert [column.name for column in schema] == ["age", "fare", "class", "day", 3, ("a", 1)]
    assert schema[schema.position(3)].name == 3
    assert schema.position(("a", 1)) == 5
    with pytest.raises(SchemaError, match="no column 'sex'"):
        schema.position("sex")


def test_overrides(frame: pd.DataFrame) -> None:
    schema = Schema.infer(
        frame,
        kinds={"age": "categorical", 3: "text", "class": "ordered"},
        categories={"class": ["b", "a", "c"]},
    )
    age, fare, class_, day, text, _ = schema
    assert isinstance(age, CategoricalColumn)
    assert age.decode(age.encode(frame["age"])).dtype == np.int64
    assert isinstance(fare, NumericColumn)
    assert (fare.low, fare.high, fare.decimals) == (725, 7100, 2)
    assert isinstance(class_, CategoricalColumn)
    assert (class_.kind, class_.categories) == ("ordered", ("b", "a", "c"))
    assert isinstance(day, DatetimeColumn)
    assert day.high - day.low == 2
    assert isinstance(text, TextColumn)


def test_the_margin_widens_every_range(frame: pd.DataFrame) -> None:
    schema = Schema.infer(frame, range_margin=0.5)
    age, fare = schema[0], schema[1]
    assert isinstance(age, NumericColumn)
    assert isinstance(fare, NumericColumn)
    assert (age.low, age.high) == (0, 47 + 21)
    assert (fare.low, fare.high) == (0, 7100 + 3188)


@pytest.mark.parametrize(
    ("overrides", "column", "match"),
    [
        ({"kinds": {"sex": "text"}}, "sex", "no column 'sex'"),
        ({"categories": {"sex": ["f"]}}, "sex", "no column 'sex'"),
        ({"kinds": {"age": "number"}}, "age", "no kind of column"),
        ({"kinds": {"class": "integer"}}, "class", "to_numeric"),
        ({"kinds": {"class": "datetime"}}, "class", "to_datetime"),
        ({"kinds": {"class": "duration"}}, "class", "to_timedelta|to_datetime"),
        ({"kinds": {"day": "duration"}}, "day", "declared duration"),
        ({"kinds": {"day": "integer"}}, "day", "astype"),
        ({"kinds": {"age": "datetime"}}, "age", "to_datetime"),
        ({"kinds": {"age": "text"}}, "age", "int"),
        ({"kinds": {"age": "boolean"}}, "age", "3 distinct"),
        ({"kinds": {"fare": "integer"}}, "fare", "declared integer"),
        ({"categories": {"class": ["a"]}}, "class", "'b'"),
        ({"categories": {"age": [31, 47, 5]}, "kinds": {"age": "integer"}}, "age", "no categories"),
        ({"range_margin": -0.1}, None, "range_margin"),
        ({"range_margin": float("nan")}, None, "range_margin"),
    ],
)
def test_overrides_that_do_not_fit_are_rejected(
    frame: pd.DataFrame, overrides: dict[str, Any], column: Any, match: str
) -> None:
    with pytest.raises(SchemaError, match=match) as caught:
        Schema.infer(frame, **overrides)
    assert caught.value.column == column
    assert column is None or repr(column) in str(caught.value)


def test_tables_without_rows_or_columns_or_with_repeated_names_are_rejected() -> None:
    with pytest.raises(SchemaError, match="missing in every row"):
        Schema.infer(pd.DataFrame({"a": []}))
    for empty in (pd.DataFrame(), pd.DataFrame(index=[1, 2])):
        with pytest.raises(SchemaError, match="at least one"):
            Schema.infer(empty)
    with pytest.raises(SchemaError, match="'a'") as caught:
        Schema.infer(pd.DataFrame([[1, 2, 3]], columns=["a", "b", "a"]))
    assert caught.value.column == "a"
    with pytest.raises(SchemaError, match="at least one"):
        Schema(())


def test_a_schema_travels_through_json_and_pickle(frame: pd.DataFrame) -> None:
    schema = Schema.infer(frame, kinds={3: "text", "age": "categorical"}, range_margin=0.1)
    assert Schema.from_dict(json.loads(json.dumps(schema.to_dict()))) == schema
    assert pickle.loads(pickle.dumps(schema)) == schema
    assert copy.deepcopy(schema) == schema


def edits() -> list[tuple[str, Any]]:
    """Return paths into the record of the fixture's schema, with what to put there."""
    return [
        ("columns", {}),
        ("columns", []),
        ("columns.0", None),
        ("columns.0", []),
        ("columns.0.kind", "number"),
        ("columns.0.kind", "categorical"),
        ("columns.0.kind", "datetime"),
        ("columns.0.low", "1"),
        ("columns.0.low", True),
        ("columns.0.low", 10**30),
        ("columns.0.high", 0),
        ("columns.0.decimals", 1),
        ("columns.0.marker", "nil"),
        ("columns.0.has_missing", 1),
        ("columns.0.name", {"eval": "1"}),
        ("columns.0.name", "age"),
        ("columns.0.name", {"tuple": [{"list": []}]}),
        ("columns.0.dtype", {"numpy": "no"}),
        ("columns.0.dtype", {"name": "__import__('os')"}),
        ("columns.0.dtype", {"numpy": "O"}),
        ("columns.0.dtype", {"numpy": "<U3"}),
        ("columns.0.dtype", {}),
        ("columns.0.dtype", {"unit": "ns", "zone": {"name": "No/Where"}}),
        ("columns.0.dtype", {"unit": "ns", "zone": {"name": "../../etc/passwd"}}),
        ("columns.2.categories", []),
        ("columns.2.categories", "ab"),
        ("columns.2.categories", [{"int": 1}]),
        ("columns.2.categories", [{"str": "a"}, {"str": "a"}]),
        ("columns.2.dtype", {"numpy": "<f8"}),
        ("columns.3.unit", "weeks"),
        ("columns.3.unit", None),
        ("columns.3.dtype", {"numpy": "<m8[ns]"}),
        ("columns.4.dtype", {"storage": "disk", "missing": "na"}),
        ("columns.5.name", {"int": 3}),
    ]


@pytest.mark.parametrize(("path", "value"), edits(), ids=lambda part: str(part)[:30])
def test_malformed_records_are_rejected(frame: pd.DataFrame, path: str, value: Any) -> None:
    record = Schema.infer(frame).to_dict()
    target: Any = record
    *parents, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    for key in parents:
        target = target[key]
    target[last] = value
    if path == "columns.0.dtype" and value == {"numpy": "O"}:
        assert Schema.from_dict(record)[0].dtype == object
        return
    with pytest.raises(SchemaError):
        Schema.from_dict(record)


@pytest.mark.parametrize("record", [{}, [], None, "x", {"format": 1}])
def test_records_of_something_else_are_rejected(record: Any) -> None:
    with pytest.raises(SchemaError, match="no description of a schema"):
        Schema.from_dict(record)


def test_each_missing_key_is_noticed(frame: pd.DataFrame) -> None:
    record = Schema.infer(frame).to_dict()
    for position, column in enumerate(record["columns"]):
        for key in column:
            damaged = copy.deepcopy(record)
            del damaged["columns"][position][key]
            with pytest.raises(SchemaError):
                Schema.from_dict(damaged)
