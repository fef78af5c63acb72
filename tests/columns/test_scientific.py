"""Numbers over many magnitudes: significant digits and an exponent."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from counterpoise import LLMOverSampler
from counterpoise.columns import NumericColumn, Schema, ScientificColumn, Table
from counterpoise.constraints import Inequality
from counterpoise.errors import SchemaError
from counterpoise.recipes import get_recipe
from tests.grammar.test_automaton import accepted

RNG = np.random.default_rng(0)
WIDE: dict[str, Any] = {
    "p-values": 10 ** RNG.uniform(-12, 0, 400),
    "lognormal": np.exp(RNG.normal(0, 6, 400)),
    "both signs": np.exp(RNG.normal(0, 6, 400)) * RNG.choice([-1, 1], 400),
    "small beside large": RNG.uniform(1, 9, 400) * RNG.choice([1e-10, 1e10], 400),
    "with zeros": np.where(RNG.random(400) < 0.3, 0, 10 ** RNG.uniform(-12, 0, 400)),
    "one zero": np.r_[0, 10 ** RNG.uniform(-12, 0, 400)],
    "with a shared value": np.where(RNG.random(400) < 0.3, 1 / 3, 10 ** RNG.uniform(-12, 0, 400)),
    "some missing": np.where(RNG.random(400) < 0.3, np.nan, 10 ** RNG.uniform(-12, 0, 400)),
    "nullable": pd.Series(10 ** RNG.uniform(-12, 0, 400))
    .astype("Float64")
    .mask(RNG.random(400) < 0.3),
    "Python floats": pd.Series(10 ** RNG.uniform(-12, 0, 400), dtype=object),
    "float32": (10 ** RNG.uniform(-12, 0, 400)).astype("float32"),
    "large": 10 ** RNG.uniform(200, 300, 400),
    "tiny": 10 ** RNG.uniform(-320, -250, 400),
    "two cells": [1e30, 1.5],
}


def infer(cells: Any, **overrides: Any) -> Any:
    return Schema.infer(pd.DataFrame({"x": cells}), **overrides)[0]


@pytest.mark.parametrize("cells", WIDE.values(), ids=WIDE)
def test_every_number_keeps_six_digits(cells: Any) -> None:
    frame = pd.DataFrame({"x": cells})
    schema = Schema.infer(frame)
    assert isinstance(schema[0], ScientificColumn)
    table = Table.from_frame(frame, schema)
    restored = table.to_frame()
    assert restored.dtypes.tolist() == frame.dtypes.tolist()
    assert restored["x"].isna().equals(frame["x"].isna())
    real, kept = (f["x"].dropna().to_numpy(float) for f in (frame, restored))
    np.testing.assert_allclose(kept, real, rtol=1e-5, atol=5e-324)
    assert real.min() <= kept.min()
    assert kept.max() <= real.max()
    assert ((kept == 0) == (real == 0)).all()
    assert np.array_equal(Table.from_frame(restored, schema).codes, table.codes)
    assert Schema.from_dict(schema.to_dict()) == schema


def test_a_shared_value_is_exact() -> None:
    cells = pd.Series(WIDE["with a shared value"])
    column = infer(cells)
    assert (column.decode(column.encode(cells)) == 1 / 3).equals(cells == 1 / 3)


def test_digits_that_are_enough_are_not_exceeded() -> None:
    cells = RNG.integers(1, 100, 400) / 10 * 10.0 ** RNG.integers(-200, 200, 400)
    cells = np.array([float(f"{cell:.1e}") for cell in cells])
    column = infer(cells)
    assert column.digits == 2
    assert np.array_equal(column.decode(column.encode(pd.Series(cells))), cells)


@pytest.mark.parametrize(
    "cells",
    [
        RNG.normal(size=400),
        np.exp(RNG.normal(size=400)),
        RNG.uniform(0, 1e9, 400),
        [0.000001, 123456.5],
        [1, 10**18],
    ],
    ids=["normal", "lognormal", "uniform", "exact", "integers"],
)
def test_other_numbers_keep_their_decimals(cells: Any) -> None:
    assert isinstance(infer(cells), NumericColumn)


def test_a_declared_kind_decides() -> None:
    assert isinstance(infer(WIDE["p-values"], kinds={"x": "decimal"}), NumericColumn)
    assert isinstance(infer([0.5, 0.25], kinds={"x": "scientific"}), ScientificColumn)
    for cells in (["a", "b"], pd.to_datetime(["2020-01-01"]), [1, 2]):
        with pytest.raises(SchemaError, match="'x'"):
            infer(cells, kinds={"x": "scientific"})


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=20))
def test_codes_have_the_order_of_the_numbers(cells: list[float]) -> None:
    column = infer(cells, kinds={"x": "scientific"})
    codes = column.encode(pd.Series(sorted(cells), name="x"))
    assert (np.diff(codes) >= 0).all()


small = st.integers(-400, 400)


@given(small, small, st.sets(small, max_size=4), st.sampled_from([1, 2]), st.booleans())
def test_both_notations_permit_each_code_once(
    low: int, high: int, atoms: set[int], digits: int, has_zero: bool
) -> None:
    low, high = sorted((low, high))
    atoms = {*atoms, 0} if has_zero else atoms
    assume((low or 1) <= (high or -1))
    column = ScientificColumn(
        *("x", "scientific", np.dtype(float), False, low or 1, high or -1, digits),
        atoms=tuple(sorted(atoms)),
    )
    everything = np.arange(column.code_range[0], column.code_range[1] + 1)
    codes = everything[column.contains(everything)].tolist()
    assert column.n_values == len(codes)
    assert accepted(column.symbol_automaton()) == {tuple(column.symbols(c)): c for c in codes}
    texts = {"".join(map(str, k)): c for k, c in accepted(column.text_automaton()).items()}
    assert texts == {f" {column.text(c)},": c for c in codes}
    assert column.contains(column.nearest(everything)).all()


def test_ranges_are_rounded_inwards() -> None:
    column = infer(WIDE["p-values"]).restrict_range(1e-9, 0.5)
    ends = column.decode(np.array(column.code_range))
    assert ends.tolist() == [1e-9, 0.5]
    column = column.restrict_range(1.0000001e-9, None)
    assert column.decode(np.array([column.low]))[0] == 1.00001e-9
    positive = infer(WIDE["both signs"]).restrict_range(0, None)
    assert positive.low == 1
    wide = infer(WIDE["p-values"]).widened(1.0)
    assert wide.decode(np.array([wide.low]))[0] > 0
    for ends in [(2, 1), ("a", 1), (float("nan"), 1)]:
        with pytest.raises(SchemaError, match="'x'"):
            column.restrict_range(*ends)


@pytest.mark.parametrize(
    "changes", [{"digits": 0}, {"digits": 9}, {"dtype": np.dtype("int64")}, {"high": 10**18}]
)
def test_columns_that_cannot_be_are_rejected(changes: dict[str, Any]) -> None:
    with pytest.raises(SchemaError, match="'x'"):
        dataclasses.replace(infer(WIDE["p-values"]), **changes)


def test_text_is_read() -> None:
    column = infer(WIDE["p-values"])
    assert column.text(column.code_of(1.25e-7)) == "1.25000e-7"
    assert column.read_text("1.25e-07") == (column.code_of(1.25e-7), True)
    assert column.read_text("7") == (column.high, False)
    assert column.read_text("inf") == (None, False)


@pytest.mark.parametrize("serialization", ["table", "text"])
def test_magnitudes_are_learned(serialization: str) -> None:
    n = 300
    X = pd.DataFrame({"p": 10 ** RNG.uniform(-12, -6, n), "limit": RNG.uniform(0.2, 1, n).round(2)})
    y = np.where(np.arange(n) < 90, "rare", "usual")
    sampler = LLMOverSampler(
        recipe=get_recipe("imbllm", epochs=4, serialization=serialization),
        constraints=[Inequality("p", "<", "limit")],
        model="compact",
        random_state=0,
    )
    made = sampler.fit_resample(X, y)[0].iloc[n:]
    assert made["p"].between(X["p"].min(), X["p"].max()).all()
    assert made["p"].lt(1e-9).mean() > 0.1  # half of the real ones; six decimals would make it 0
