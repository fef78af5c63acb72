from __future__ import annotations

import datetime
import decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterpoise.columns._base import Kind
from counterpoise.columns._schema import Schema
from counterpoise.errors import SchemaError


def kind_of(cells: Any, dtype: Any = None) -> Kind:
    return Schema.infer(pd.DataFrame({"x": pd.Series(cells, dtype=dtype)}))[0].kind


@pytest.mark.parametrize(
    ("cells", "dtype", "kind"),
    [
        ([1, 2], "int64", Kind.INTEGER),
        ([1, None], "Int8", Kind.INTEGER),
        ([1.0, np.nan], "float64", Kind.INTEGER),
        ([1.5], "float64", Kind.DECIMAL),
        ([1.5, None], "Float64", Kind.DECIMAL),
        ([True, False], "bool", Kind.BOOLEAN),
        ([True, None], "boolean", Kind.BOOLEAN),
        (["a", "b"], "category", Kind.CATEGORICAL),
        ([1, 2], pd.CategoricalDtype([1, 2], ordered=True), Kind.ORDERED),
        (["2020-01-01"], "M8[ns]", Kind.DATETIME),
        ([datetime.timedelta(1)], "m8[s]", Kind.DURATION),
        ([pd.Period("2020-01", freq="M")], "period[M]", Kind.CATEGORICAL),
        ([pd.Interval(0, 1)], "interval", Kind.CATEGORICAL),
        (["a", None], object, Kind.CATEGORICAL),
        ([1, 2, None], object, Kind.INTEGER),
        ([1.0, 2.0], object, Kind.DECIMAL),
        ([1, 2.5], object, Kind.DECIMAL),
        ([True, None], object, Kind.BOOLEAN),
        ([True, 1], object, Kind.CATEGORICAL),
        ([1, "1"], object, Kind.CATEGORICAL),
        ([datetime.date(2020, 1, 1)], object, Kind.DATETIME),
        ([datetime.datetime(2020, 1, 1)], object, Kind.DATETIME),
        ([datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)], object, Kind.CATEGORICAL),
        ([datetime.date(2020, 1, 1), "a"], object, Kind.CATEGORICAL),
    ],
)
def test_dtypes_decide_first_and_values_next(cells: Any, dtype: Any, kind: Kind) -> None:
    assert kind_of(cells, dtype) is kind


SENTENCES = [f"the cat number {n} sat" for n in range(60)]
CODES = [f"C{n:05}" for n in range(60)]


@pytest.mark.parametrize("dtype", [object, "string"])
@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (SENTENCES, Kind.TEXT),
        (CODES, Kind.TEXT),
        (["x" * 20 + code for code in CODES] + ["y"] * 30, Kind.TEXT),
        (CODES + ["C00000"] * 20, Kind.CATEGORICAL),
        (SENTENCES[:50], Kind.CATEGORICAL),
        (SENTENCES * 2, Kind.CATEGORICAL),
        (["word"] * 60, Kind.CATEGORICAL),
    ],
)
def test_text_is_mostly_different_and_long_or_nearly_all_different(
    cells: list[str], kind: Kind, dtype: Any
) -> None:
    assert kind_of(cells, dtype) is kind


@pytest.mark.parametrize(
    ("cells", "dtype", "match"),
    [
        ([None, None], object, "Drop the column"),
        ([np.nan], "float64", "Drop the column"),
        ([np.inf, 1.0], "float64", "Replace them"),
        ([np.inf, 1.0], "Float32", "Replace them"),
        ([-np.inf, 1.0], object, "Replace them"),
        ([np.inf, "a"], object, "Replace them"),
        ([1j, 2], "complex128", "not supported"),
        ([1j, 2], object, "complex"),
        ([decimal.Decimal(1)], object, "Decimal"),
        ([[1], [2]], object, "'x'"),
        ([{"a": 1}], object, "'x'"),
        ([1.0, 0.0], pd.SparseDtype("float64"), "to_dense"),
    ],
)
def test_what_cannot_be_described_is_rejected(cells: Any, dtype: Any, match: str) -> None:
    with pytest.raises(SchemaError, match=match) as caught:
        kind_of(cells, dtype)
    assert caught.value.column == "x"
    assert "'x'" in str(caught.value)


def test_arrow_types_without_a_kind_are_rejected() -> None:
    pa = pytest.importorskip("pyarrow")
    for cells, arrow in [
        ([decimal.Decimal("1.5")], pa.decimal128(5, 2)),
        ([[1]], pa.list_(pa.int64())),
        ([b"1"], pa.binary()),
    ]:
        with pytest.raises(SchemaError, match="not supported"):
            kind_of(cells, pd.ArrowDtype(arrow))
