"""Which columns are identifiers, and the values that synthetic rows get there."""

from __future__ import annotations

import re
import uuid
from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterpoise.columns._unlearned import UnlearnedColumn, is_identifier, unlearned_columns
from counterpoise.errors import SchemaError
from counterpoise.persistence._sampler import decode, encode

RNG = np.random.default_rng(0)
N = 200


def letters(n: int) -> str:
    return "".join(RNG.choice(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), n))


KEYS: dict[str, Any] = {
    "counts up": ("entry", np.arange(1, N + 1)),
    "counts up, of a sample": ("entry", RNG.choice(2 * N, N, replace=False) + 10**6),
    "sparse but named": ("CustomerID", RNG.choice(10**9, N, replace=False) + 10**9),
    "nullable": ("entry", pd.array(np.arange(N), dtype="Int64")),
    "arrow": ("entry", pd.array(np.arange(N), dtype="int64[pyarrow]")),
    "prefix": ("entry", [f"C{k:05d}" for k in RNG.permutation(N)]),
    "prefix, not padded": ("entry", [f"order-{k}" for k in range(1, N + 1)]),
    "mixed characters": ("entry", [f"{k + 1000}-{letters(5)}" for k in RNG.choice(8999, N, False)]),
    "UUID": ("entry", [str(uuid.UUID(bytes=RNG.bytes(16), version=4)) for _ in range(N)]),
    "hexadecimal": ("entry", [RNG.bytes(8).hex() for _ in range(N)]),
    "named text of several lengths": ("user_id", [f"u{letters(3 + k % 4)}{k}" for k in range(N)]),
    "named digits": ("account number", [f"{k:09d}" for k in RNG.choice(10**9, N, False)]),
}
NO_KEYS: dict[str, Any] = {
    "measurement": ("entry", RNG.normal(size=N)),
    "whole numbers as decimals": ("id", np.arange(N, dtype=float)),
    "income": ("income", RNG.choice(10**5, N, replace=False)),
    "population": ("entry", np.sort(RNG.choice(10**6, N, replace=False))),
    "years": ("entry", np.arange(1800, 1800 + N)),
    "rank": ("rank", np.arange(1, N + 1)),
    "time": ("time", np.arange(N)),
    "x": ("x", np.arange(N)),
    "repeated": ("id", np.arange(N) // 2),
    "with a gap": ("id", pd.array([None, *range(N - 1)], dtype="Int64")),
    "few rows": ("id", np.arange(19)),
    "booleans": ("id", RNG.random(N) < 0.5),
    "instants": ("id", pd.date_range("2020", periods=N)),
    "dates as text": ("id", [str(day.date()) for day in pd.date_range("2020", periods=N)]),
    "dates with letters": ("entry", [f"{d:%d-%b-%Y}" for d in pd.date_range("2020", periods=N)]),
    "instants as text": (
        "entry",
        [f"{d}Z" for d in pd.date_range("2020", periods=N, freq="37min")],
    ),
    "decimals as text": ("entry", [f"{k / 100:.2f}" for k in RNG.choice(10**4, N, False) + 10**4]),
    "digits as text": ("zip", [f"{k:05d}" for k in RNG.choice(10**5, N, False)]),
    "amounts": ("entry", [f"EUR{k}" for k in RNG.choice(10**6, N, False)]),
    "sizes": ("entry", [f"{k}cm" for k in range(100, 100 + N)]),
    "numbered days": ("entry", [f"day{k}" for k in range(N)]),
    "texts": ("id", [f"the note of visit {k}" for k in range(N)]),
    "names": ("entry", [letters(6) for _ in range(N)]),
    "categories": ("id", pd.Categorical([f"C{k}" for k in range(N)])),
}


@pytest.mark.parametrize("case", KEYS)
def test_keys_are_identifiers(case: str) -> None:
    name, values = KEYS[case]
    assert is_identifier(pd.Series(values, name=name))


@pytest.mark.parametrize("case", NO_KEYS)
def test_what_may_tell_classes_apart_is_none(case: str) -> None:
    name, values = NO_KEYS[case]
    assert not is_identifier(pd.Series(values, name=name))


@pytest.mark.parametrize("case", KEYS)
def test_new_identifiers_are_new_and_of_the_dtype(case: str) -> None:
    name, values = KEYS[case]
    real = pd.Series(values, name=name)
    column = UnlearnedColumn.identifier(real, 0)
    made = column.cells(0, 3000)
    assert made.dtype == real.dtype
    assert made.is_unique
    assert not made.isin(real).any()
    # those before `start` are not given again
    pd.testing.assert_series_equal(column.cells(1000, 50), made[1000:1050].reset_index(drop=True))
    assert decode(encode(column)) == column


@pytest.mark.parametrize(
    ("case", "pattern"),
    [
        ("prefix", r"C\d{5}"),
        ("mixed characters", "[0-9]{4}-[A-Z]{5}"),
        ("UUID", "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
        ("hexadecimal", "[0-9a-f]{16}"),
        ("sparse but named", "1[0-9]{9}|[2-9][0-9]{9}"),
        ("named digits", "[0-9]{9}"),
    ],
)
def test_new_identifiers_have_the_shape_of_the_real_ones(case: str, pattern: str) -> None:
    name, values = KEYS[case]
    made = UnlearnedColumn.identifier(pd.Series(values, name=name), 0).cells(0, 500)
    assert made.astype(str).str.fullmatch(pattern).all()


def test_numbers_that_count_up_are_continued() -> None:
    column = UnlearnedColumn.identifier(pd.Series(range(1, 101)), 0)
    assert column.cells(0, 3).tolist() == [101, 102, 103]
    column = UnlearnedColumn.identifier(pd.Series([f"P-{k:03d}" for k in range(998)]), 0)
    assert column.cells(0, 3).tolist() == ["P-998", "P-999", "P-1000"]


def test_texts_get_longer_where_all_of_their_shape_are_taken() -> None:
    real = [f"{one}{other}" for one in "abc" for other in "12"] + ["zzzz"]
    made = UnlearnedColumn.identifier(pd.Series(real), 0).cells(0, 200)
    assert made.is_unique
    assert not made.isin(real).any()
    assert made.str.len().max() > 4


def test_identifiers_of_several_shapes_and_with_gaps() -> None:
    real = pd.Series(["A-1", "B-2", "C-3", None, "somebody else"])
    column = UnlearnedColumn.identifier(real, 0)
    assert column.missing_share == 0.2
    assert all(re.fullmatch(r"[ABC]-[123]", text) for text in column.cells(0, 2))
    numbers = pd.Series([10.0, None, 99.0])
    assert UnlearnedColumn.identifier(numbers, 0).cells(0, 5).between(10, 99).all()


def test_a_dtype_without_room_is_refused() -> None:
    column = UnlearnedColumn.identifier(pd.Series(np.arange(100), dtype="int8", name="id"), 0)
    assert column.cells(0, 28).max() == 127
    with pytest.raises(SchemaError, match="'id' has dtype int8, which has no room for 29"):
        column.cells(0, 29)


@pytest.mark.parametrize("values", [[1.5, 2.5], [True, False], [(1, 2), (3, 4)]])
def test_what_has_no_shape_cannot_be_an_identifier(values: list[Any]) -> None:
    with pytest.raises(SchemaError, match=r"'a' cannot be an identifier.*passthrough_columns"):
        UnlearnedColumn.identifier(pd.Series(values, name="a"), 0)


@pytest.mark.parametrize(
    "dtype",
    ["int64", "bool", "float32", "object", "str", "category", "datetime64[ns, UTC]", "Int8"],
)
def test_columns_carried_along_are_missing_in_their_dtype(dtype: str) -> None:
    real = pd.Series([1, 2, 3]).astype(dtype)
    made = UnlearnedColumn.passthrough(real, 0).cells(5, 2)
    assert made.isna().all()
    nullable = {"int64": "Int64", "bool": "boolean"}.get(dtype, real.dtype)
    assert made.dtype == nullable


FRAME = pd.DataFrame({"id": range(N), "note": "x", "a": 1.5})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"id_columns": ["ID"]}, "id_columns names the column 'ID'; the columns are"),
        ({"passthrough_columns": ["b"]}, "passthrough_columns names the column 'b'"),
        (
            {"id_columns": ["id"], "passthrough_columns": ["id"]},
            "'id' is in id_columns and in passthrough_columns",
        ),
        ({"id_columns": ["id"], "described": {"id"}}, "'id' is in id_columns and in column_types"),
        ({"passthrough_columns": ["id", "note", "a"]}, "nothing can be learned"),
    ],
)
def test_contradictions_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        unlearned_columns(FRAME, **given)


def test_what_the_user_describes_is_no_identifier() -> None:
    def found(**given: Any) -> list[Any]:
        return [column.name for column in unlearned_columns(FRAME, **given)]

    assert found() == ["id"]
    assert found(id_columns=None) == []
    assert found(described={"id"}) == []
    assert found(constraints="Range('id', 1, 5)") == []
    assert found(constraints="Range('ideal', 1, 5)") == ["id"]
    assert found(passthrough_columns=["note", "a"]) == ["note", "a"]  # or nothing were learned
