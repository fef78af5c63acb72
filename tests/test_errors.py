from __future__ import annotations

import pickle

import pytest

from counterpoise.errors import (
    CounterpoiseError,
    DecodingError,
    MissingDependencyError,
    ModelError,
    SchemaError,
)


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (SchemaError("m", column="age", value=3), ValueError),
        (DecodingError("m", column="age", class_="yes"), RuntimeError),
        (ModelError("m", path="folder"), ValueError),
        (MissingDependencyError("m", extra="parquet"), ImportError),
    ],
)
def test_errors_are_builtin_errors_that_carry_their_context(
    error: CounterpoiseError, builtin: type[Exception]
) -> None:
    assert isinstance(error, CounterpoiseError)
    assert isinstance(error, builtin)
    assert str(error) == "m"
    restored = pickle.loads(pickle.dumps(error))
    assert type(restored) is type(error)
    assert str(restored) == "m"
    assert restored.context == error.context


def test_context_is_also_named() -> None:
    assert SchemaError("m").column is None
    assert SchemaError("m", column=3).column == 3
    error = DecodingError("m", column="age", class_="yes")
    assert (error.column, error.class_) == ("age", "yes")
    assert MissingDependencyError("m", extra="lora").extra == "lora"
