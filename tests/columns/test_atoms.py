"""Values that are one symbol each: few distinct ones, those that many cells share, sentinels."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise import LLMOverSampler
from counterpoise.columns import (
    MISSING,
    DatetimeColumn,
    DurationColumn,
    NumericColumn,
    Schema,
    Table,
)
from counterpoise.columns._ranged import RangedColumn, are_few, shared
from counterpoise.errors import SchemaError
from counterpoise.recipes import get_recipe
from tests.grammar.test_automaton import accepted

RNG = np.random.default_rng(0)
DAY = np.datetime64("2020-01-01", "s")
RATES = np.array([1.8, 3.1, 3.2, 3.6, 5.3, 8.9], dtype="float32").astype("float64")


def infer(cells: Any, *, is_exact: bool = True, **overrides: Any) -> RangedColumn:
    """Return the column of some cells, which come back bit for bit if `is_exact`."""
    frame = pd.DataFrame({"x": cells})
    schema = Schema.infer(frame, **overrides)
    restored = Table.from_frame(frame, schema).to_frame()
    if is_exact:
        pd.testing.assert_frame_equal(restored, frame, check_exact=True)
    assert Schema.from_dict(schema.to_dict()) == schema
    column = schema[0]
    assert isinstance(column, RangedColumn)
    return column


def values(column: RangedColumn) -> list[Any]:
    return column.decode(np.array(column.atoms, dtype=np.int64)).tolist()


# --- few distinct values -----------------------------------------------------------------------

FEW: dict[str, Any] = {
    "codes": RNG.choice([3, 17, 99, 1001], 200),
    "codes of many values": RNG.choice(RNG.integers(0, 10**6, 80), 2400),
    "nullable integers": pd.Series(RNG.choice([3, 17, 99, None], 200), dtype="Int64"),
    "origin in float32": RNG.choice(RATES, 200),
    "float32": RNG.choice(RATES, 200).astype("float32"),
    "full precision": RNG.choice(RNG.normal(size=8), 200),
    "close to each other": RNG.choice([1.0, 1.0 + 2**-50, 1 / 3], 200),
    "few and far": RNG.choice([1.0, 2.0, 1e30], 200),
    "many magnitudes": RNG.choice([0.0, 1e-12, 1 / 3, 1e12], 200),
    "halves, some missing": RNG.choice([0.5, 1.5, 2.5, np.nan], 200),
    "Python floats": pd.Series(RNG.choice([0.5, 1.5], 200), dtype=object),
    "month ends": RNG.choice(pd.date_range("2020-01-31", periods=9, freq="ME").to_numpy(), 200),
    "instants of a zone": RNG.choice(pd.date_range("2020", periods=4, tz="Asia/Tokyo"), 200),
    "dates": RNG.choice([datetime.date(2020, 1, 1), datetime.date(2021, 7, 1)], 200),
    "durations": RNG.choice(np.array([30, 60, 90], dtype="m8[D]").astype("m8[s]"), 200),
}


@pytest.mark.parametrize("cells", FEW.values(), ids=FEW)
def test_few_distinct_values_are_kept_exactly(cells: Any) -> None:
    column = infer(cells)
    assert not column.has_ordinary
    assert values(column) == sorted(set(pd.Series(cells).dropna().tolist()))
    assert column.n_values == len(column.atoms)
    assert column.widened(0.5) == column
    for code in column.atoms:
        assert len(column.symbols(code)) == 1


@pytest.mark.parametrize(
    ("cells", "kind"),
    [(FEW["codes"], "integer"), (FEW["origin in float32"], "decimal")],
)
def test_a_declared_column_can_have_any_number_in_its_range(cells: Any, kind: str) -> None:
    column = infer(cells, kinds={"x": kind})
    assert column.has_ordinary
    ends = column.decode(np.array(column.code_range))
    assert (ends[0], ends[1]) == (cells.min(), cells.max())


def test_too_few_cells_say_nothing_about_other_values() -> None:
    assert infer(np.repeat([3, 17, 99, 1001], 19)).has_ordinary
    assert not are_few(np.arange(51), np.full(51, 20), 1)
    assert are_few(np.arange(51) * 20, np.full(51, 20), 1)
    assert not are_few(np.array([*np.arange(50), 10**9]), np.full(51, 20), 1)  # one outlier


def test_a_value_is_named_as_it_was_before_float32() -> None:
    column = infer(FEW["origin in float32"])
    assert column.decode(np.array([column.code_of(1.8)]))[0] == RATES[0] != 1.8
    with pytest.raises(ValueError, match="no 1"):
        column.code_of(1.9)


def test_other_values_come_from_a_wider_range_only() -> None:
    column = infer(FEW["codes"])
    assert column.restrict_range(10, 100).atoms == (17, 99)
    assert column.restrict_range(10, None).atoms == (17, 99, 1001)
    wider = column.restrict_range(0, None)
    assert (wider.low, wider.high, wider.atoms) == (0, 1001, column.atoms)
    for ends in [(18, 98), (99, 17)]:
        with pytest.raises(SchemaError, match="no value"):
            column.restrict_range(*ends)


def test_cells_between_them_are_rejected() -> None:
    column = infer(FEW["codes"])
    for cell in (2, 4, 1000, 1002):
        with pytest.raises(SchemaError, match="between its values"):
            column.encode(pd.Series([cell], name="x"))
    assert column.nearest(np.array([-5, 9, 11, 500, 2000])).tolist() == [3, 3, 17, 99, 1001]


# --- values that many cells share --------------------------------------------------------------


def some(share: float, value: Any, others: Any) -> Any:
    return np.where(RNG.random(len(others)) < share, value, others)


AMOUNTS = RNG.integers(20, 90, 400) * 100
DECIMALS = RNG.beta(5, 2, 400).round(4)
DAYS = DAY + RNG.integers(0, 300, 400).astype("m8[D]")
NOISE = -0.1234567890123
SHARED: dict[str, tuple[Any, list[Any]]] = {
    "sentinel": (some(0.3, -999, AMOUNTS), [-999]),
    "rare sentinel": (np.r_[AMOUNTS + np.arange(400), [-999] * 4], [-999]),
    "two sentinels": (some(0.2, -999, some(0.2, -998, AMOUNTS)), [-999, -998]),
    "zeros": (some(0.5, 0, RNG.lognormal(6, 1, 400).round(2)), [0]),
    "cap": (np.minimum(RNG.lognormal(6, 1, 400).round(2), 700), [700]),
    "value in the middle": (some(0.4, 0.8, DECIMALS), [0.8]),
    "mean that filled gaps": (some(0.2, 1 / 3, DECIMALS), [1 / 3]),
    "full precision": (some(0.3, NOISE, RNG.normal(size=400)), [NOISE]),
    "fill value of netCDF": (some(0.2, 9.969209968386869e36, DECIMALS), [9.969209968386869e36]),
    "large fill value": (some(0.2, 1e30, AMOUNTS.astype(float)), [1e30]),
    "large fill values": (some(0.2, -1e36, some(0.2, 1e36, DECIMALS)), [-1e36, 1e36]),
    "float32": (some(0.3, 0.8, DECIMALS).astype("float32"), [np.float32(0.8)]),
    "last day of the calendar": (some(0.5, np.datetime64("9999-12-31", "s"), DAYS), ["9999-12-31"]),
    "first instant": (some(0.2, np.datetime64("1900-01-01", "s"), DAYS), ["1900-01-01"]),
    "last second": (
        some(0.3, np.datetime64("9999-12-31T23:59:59", "s"), DAYS),
        ["9999-12-31 23:59:59"],
    ),
    "durations": (some(0.3, np.timedelta64(-1, "s"), (DAYS - DAY)), ["-1s"]),
}


@pytest.mark.parametrize(("cells", "expected"), SHARED.values(), ids=SHARED)
def test_shared_values_are_one_symbol_beside_the_others(cells: Any, expected: list[Any]) -> None:
    column = infer(cells, is_exact=expected != [NOISE])
    found = pd.Series(expected)
    if column.kind in ("datetime", "duration"):
        found = found.map(pd.Timestamp if column.kind == "datetime" else pd.Timedelta)
    assert values(column) == found.tolist()
    rest = column.encode(pd.Series(cells, name="x"))
    rest = rest[~np.isin(rest, column.atoms)]
    assert (column.low, column.high) == (rest.min(), rest.max())
    assert all(len(column.symbols(code)) == 1 for code in column.atoms)


def test_a_sentinel_does_not_give_other_instants_its_seconds() -> None:
    column = infer(SHARED["last second"][0])
    assert isinstance(column, DatetimeColumn)
    assert (column.unit, column.step) == ("s", 86_400)
    midnights = column.decode(np.arange(column.low, column.high + 1, column.step))
    assert (midnights == midnights.dt.normalize()).all()


@pytest.mark.parametrize(
    "cells",
    [
        np.round(RNG.normal(40, 12, 2000)),
        RNG.poisson(30, 500),
        RNG.geometric(0.02, 2000),
        RNG.normal(size=2000),
        np.r_[RNG.integers(0, 100, 2000), 10**6],  # an outlier, but of one cell
    ],
    ids=["rounded normal", "counts", "geometric", "normal", "outlier"],
)
def test_nothing_stands_out_of_a_smooth_column(cells: Any) -> None:
    column = infer(cells, is_exact=cells.dtype.kind == "i")
    assert isinstance(column, NumericColumn)
    assert (column.has_ordinary, column.atoms) == (True, ())


def test_at_most_sixteen_values_are_shared() -> None:
    counts = np.ones(400, dtype=np.int64)
    counts[::20] = np.arange(100, 120)
    found = np.flatnonzero(shared(np.arange(400), counts))
    assert found.tolist() == list(range(80, 400, 20))


# --- one code has one sequence -----------------------------------------------------------------

atoms = st.sets(st.integers(-40, 140), max_size=8).map(lambda codes: tuple(sorted(codes)))


def check_notations(column: RangedColumn) -> None:
    """Both notations permit exactly the column's codes, each in one way."""
    everything = np.arange(column.code_range[0], column.code_range[1] + 1)
    codes = everything[column.contains(everything)].tolist()
    assert column.n_values == len(codes)
    assert accepted(column.symbol_automaton()) == {tuple(column.symbols(c)): c for c in codes}
    assert accepted(column.text_automaton()) == {(*f" {column.text(c)},",): c for c in codes}
    assert [column.read_text(column.text(code))[0] for code in codes] == codes


@given(st.integers(-30, 30), st.integers(0, 90), st.sampled_from([1, 10]), atoms)
def test_numbers_have_one_sequence_each(
    low: int, span: int, step: int, atoms: tuple[int, ...]
) -> None:
    low, high = low // step * step, (low + span) // step * step
    dtype = np.dtype(float)
    check_notations(
        NumericColumn("x", "decimal", dtype, False, low, high, 1, step=step, atoms=atoms)
    )


@given(atoms.filter(bool))
def test_atoms_alone_have_one_sequence_each(atoms: tuple[int, ...]) -> None:
    check_notations(NumericColumn("x", "decimal", np.dtype(float), True, 1, 0, 2, atoms=atoms))
    for column in (DatetimeColumn, DurationColumn):
        dtype = np.dtype(f"{column.letter}8[s]")
        check_notations(column("x", column.kinds[0], dtype, True, 1, 0, "h", atoms=atoms))


@given(st.integers(0, 90), st.integers(0, 90), st.sampled_from([1, 24]), atoms)
def test_instants_have_one_sequence_each(
    low: int, span: int, step: int, atoms: tuple[int, ...]
) -> None:
    low, high = low // step * step, (low + span) // step * step
    dtype = np.dtype("M8[s]")
    check_notations(
        DatetimeColumn("x", "datetime", dtype, False, low, high, "h", step=step, atoms=atoms)
    )
    check_notations(DurationColumn("x", "duration", np.dtype("m8[s]"), False, low, high, "h"))


@given(st.integers(-30, 30), st.integers(0, 90), atoms, st.lists(st.integers(-99, 199), min_size=1))
def test_the_nearest_code_is_possible_and_none_is_nearer(
    low: int, span: int, atoms: tuple[int, ...], codes: list[int]
) -> None:
    column = NumericColumn(
        "x", "integer", np.dtype("int64"), False, low, low + span, 0, atoms=atoms
    )
    everything = np.arange(-99, 200)
    possible = everything[column.contains(everything)]
    found = column.nearest(np.array(codes))
    assert column.contains(found).all()
    distances = np.abs(np.array(codes)[:, None] - possible).min(axis=1)
    assert (abs(found - codes) == distances).all()


# --- from end to end ---------------------------------------------------------------------------


@pytest.mark.parametrize("serialization", ["table", "text"])
def test_generated_cells_are_like_real_ones(serialization: str) -> None:
    n = 400
    X = pd.DataFrame(
        {
            "income": SHARED["sentinel"][0],
            "code": RNG.choice([3, 17, 99, 1001], n),
            "rate": RNG.choice(RATES, n),
            "until": SHARED["last second"][0],
        }
    )
    X.loc[::7, "rate"] = np.nan
    y = np.where(np.arange(n) < 100, "rare", "usual")
    sampler = LLMOverSampler(
        recipe=get_recipe("imbllm", epochs=2, serialization=serialization),
        model="compact",
        random_state=0,
    )
    made = sampler.fit_resample(X, y)[0].iloc[n:]
    assert made["income"].isin([-999]).any()
    assert (made["income"].eq(-999) | made["income"].between(2000, 8900)).all()
    assert made["code"].isin([3, 17, 99, 1001]).all()
    assert made["rate"].dropna().isin(RATES).all()
    midnight = made["until"] == made["until"].dt.normalize()
    assert (midnight & (made["until"].dt.year == 2020) | (made["until"].dt.year == 9999)).all()
    assert MISSING not in sampler.schema_[1].atoms
