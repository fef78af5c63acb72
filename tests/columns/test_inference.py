from __future__ import annotations

import datetime
import decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterpoise.columns import Schema
from counterpoise.errors import SchemaError


def kind_of(cells: Any, dtype: Any = None) -> str:
    return Schema.infer(pd.DataFrame({"x": pd.Series(cells, dtype=dtype)}))[0].kind


@pytest.mark.parametrize(
    ("cells", "dtype", "kind"),
    [
        ([1, 2], "int64", "integer"),
        ([1, None], "Int8", "integer"),
        ([1.0, np.nan], "float64", "integer"),
        ([1.5], "float64", "decimal"),
        ([1.5, None], "Float64", "decimal"),
        ([True, False], "bool", "boolean"),
        ([True, None], "boolean", "boolean"),
        (["a", "b"], "category", "categorical"),
        ([1, 2], pd.CategoricalDtype([1, 2], ordered=True), "ordered"),
        (["2020-01-01"], "M8[ns]", "datetime"),
        ([datetime.timedelta(1)], "m8[s]", "duration"),
        ([pd.Period("2020-01", freq="M")], "period[M]", "categorical"),
        ([pd.Interval(0, 1)], "interval", "categorical"),
        (["a", None], object, "categorical"),
        ([1, 2, None], object, "integer"),
        ([1.0, 2.0], object, "decimal"),
        ([1, 2.5], object, "decimal"),
        ([True, None], object, "boolean"),
        ([True, 1], object, "categorical"),
        ([1, "1"], object, "categorical"),
        ([datetime.date(2020, 1, 1)], object, "datetime"),
        ([datetime.datetime(2020, 1, 1)], object, "datetime"),
        ([datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)], object, "categorical"),
        ([datetime.date(2020, 1, 1), "a"], object, "categorical"),
    ],
)
def test_dtypes_decide_first_and_values_next(cells: Any, dtype: Any, kind: str) -> None:
    assert kind_of(cells, dtype) == kind


SENTENCES = [f"the cat number {n} sat" for n in range(60)]
CODES = [f"C{n:05}" for n in range(60)]


@pytest.mark.parametrize("dtype", [object, "string"])
@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (SENTENCES, "text"),
        (CODES, "text"),
        (["x" * 20 + code for code in CODES] + ["y"] * 30, "text"),
        (CODES + ["C00000"] * 20, "categorical"),
        (SENTENCES[:50], "categorical"),
        (SENTENCES * 2, "categorical"),
        (["word"] * 60, "categorical"),
    ],
)
def test_text_is_mostly_different_and_long_or_nearly_all_different(
    cells: list[str], kind: str, dtype: Any
) -> None:
    assert kind_of(cells, dtype) == kind


@pytest.mark.parametrize(
    ("cells", "dtype", "match"),
    [
        ([np.inf, 1.0], "float64", "Replace infinite"),
        ([np.inf, 1.0], "Float32", "Replace infinite"),
        ([-np.inf, 1.0], object, "Replace infinite"),
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
