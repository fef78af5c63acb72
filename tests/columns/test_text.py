from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterpoise.columns import ABSENT, MISSING, TextColumn
from counterpoise.columns._text import MAX_LENGTH
from counterpoise.errors import SchemaError


@pytest.mark.parametrize("dtype", [object, "string", "str"])
def test_texts_are_interned_once_each(dtype: Any) -> None:
    series = pd.Series(["one 😀", None, "", "one 😀"], dtype=dtype, name="x")
    if dtype == "str":
        series = pd.Series(["one 😀", None, "", "one 😀"], name="x")
    column = TextColumn.infer(series)
    assert (column.kind, column.max_length, column.has_missing) == ("text", 5, True)
    codes, texts = column.encode_texts(series)
    assert texts == ("one 😀", "")
    assert codes.tolist() == column.encode(series).tolist() == [0, MISSING, 1, 0]
    pd.testing.assert_series_equal(column.decode(codes, texts), series)


def test_other_objects_and_dtypes_are_rejected() -> None:
    with pytest.raises(SchemaError, match="int"):
        TextColumn.infer(pd.Series(["a", 1], dtype=object, name="x"))
    with pytest.raises(SchemaError, match="'x'"):
        TextColumn.infer(pd.Series([1, 2], name="x"))
    with pytest.raises(SchemaError, match="cannot hold any text"):
        TextColumn.infer(pd.Series(["a"], dtype="category", name="x"))


def test_longer_or_missing_texts_are_rejected() -> None:
    column = TextColumn.infer(pd.Series(["abc"], dtype="string", name="x"))
    with pytest.raises(SchemaError, match="4 characters"):
        column.encode(pd.Series(["abcd"], dtype="string"))
    with pytest.raises(SchemaError, match="missing"):
        column.encode(pd.Series([None], dtype="string"))


def test_only_codes_of_the_domain_decode() -> None:
    column = TextColumn.infer(pd.Series(["abc"], dtype="string", name="x"))
    codes = np.array([-1, 0, 1, 2, MISSING, ABSENT])
    assert column.contains(codes, ("ab", "abcd")).tolist() == [False, True, *[False] * 4]
    assert not column.contains(np.array([0])).any()
    with pytest.raises(AssertionError):
        column.decode(np.array([1]), ("ab",))


def test_long_texts_are_cut_at_the_bound() -> None:
    series = pd.Series(["a " * 3000, "b"], name="x")
    column = TextColumn.infer(series)
    assert column.max_length == MAX_LENGTH
    codes, texts = column.encode_texts(series)
    assert texts == ("a " * (MAX_LENGTH // 2), "b")
    assert column.contains(codes, texts).all()
    assert not column.can_be("a " * 3000)
