"""Laws that hold for whole random tables: frame -> codes -> frame, schema -> JSON -> schema."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from counterpoise.columns import MISSING, CategoricalColumn, Schema, Table, TextColumn

pytestmark = pytest.mark.filterwarnings("error")

try:
    import pyarrow as pa
except ImportError:  # pragma: no cover
    pa = None

STRINGS = st.text(st.sampled_from(list("ab1 ,;\"'\n\t=é中😀")), max_size=6) | st.sampled_from(
    ["nan", "None", "", "NA", "<NA>", "True", "1", "1.0"]
)
NAMES = STRINGS | st.integers(-3, 3) | st.tuples(st.integers(0, 3), STRINGS)


def fill(dtype: Any, marker: Any = None) -> Callable[[list[Any]], pd.Series[Any]]:
    """Make a series of `dtype` whose missing cells are written as None in the list."""
    return lambda cells: pd.Series(
        [marker if cell is None else cell for cell in cells], dtype=dtype
    )


def objects(marker: Any) -> Callable[[list[Any]], pd.Series[Any]]:
    def make(cells: list[Any]) -> pd.Series[Any]:
        values = np.empty(len(cells), dtype=object)
        values[:] = [marker if cell is None else cell for cell in cells]
        return pd.Series(values, dtype=object)

    return make


def mixtures(marker: Any) -> Callable[[list[Any]], pd.Series[Any]]:
    """Make an object column that holds a string too: ints and floats alone are numbers."""

    def make(cells: list[Any]) -> pd.Series[Any]:
        first = next(at for at, cell in enumerate(cells) if cell is not None)
        return objects(marker)(["1" if at == first else cell for at, cell in enumerate(cells)])

    return make


def decimals(largest: int) -> st.SearchStrategy[float]:
    return st.builds(
        lambda units, places: units / 10**places, st.integers(-largest, largest), st.integers(0, 3)
    )


def moments(unit: Any) -> st.SearchStrategy[Any]:
    return st.integers(-(10**9), 10**9).map(lambda ticks: np.datetime64(ticks, unit))


def lengths(unit: Any) -> st.SearchStrategy[Any]:
    return st.integers(-(10**9), 10**9).map(lambda ticks: np.timedelta64(ticks, unit))


def categories(cells: list[Any], *, ordered: bool) -> pd.Series[Any]:
    """Make a categorical series, with a category that no cell has and in no sorted order."""
    dtype = pd.CategoricalDtype(["b", "unused", "", "a, b"], ordered=ordered)
    return pd.Series(cells, dtype=dtype)


def times(dtype: str) -> Callable[[list[Any]], pd.Series[Any]]:
    return lambda cells: pd.Series(np.array(cells, dtype=dtype))  # None becomes NaT


def zoned(zone: str) -> Callable[[list[Any]], pd.Series[Any]]:
    return lambda cells: pd.Series(
        pd.DatetimeIndex(np.array(cells, dtype="M8[us]")).tz_localize("UTC").tz_convert(zone)
    )


WHOLE = st.integers(-(2**63) + 2, 2**63 - 1)
MIXED = st.sampled_from([1, "1", True, 1.0, 0, False, "True", ("a", 1), b"1", 2.5])
KINDS: list[tuple[st.SearchStrategy[Any], Callable[[list[Any]], pd.Series[Any]], bool]] = [
    (WHOLE, fill("int64"), False),
    (st.integers(-128, 127), fill("int8"), False),
    (st.integers(0, 2**63 - 1), fill("uint64"), False),
    (WHOLE, fill("Int64"), True),
    (st.integers(0, 2**32 - 1), fill("UInt32"), True),
    (st.integers(-(2**53), 2**53).map(float), fill("float64", np.nan), True),
    (decimals(10**10), fill("float64", np.nan), True),
    (decimals(999).map(np.float32), fill("float32", np.nan), True),
    (decimals(10**10), fill("Float64"), True),
    (WHOLE, objects(None), True),
    (decimals(10**10), objects(np.nan), True),
    (st.booleans(), fill("bool"), False),
    (st.booleans(), fill("boolean"), True),
    (st.booleans(), objects(pd.NA), True),
    (STRINGS, fill("string"), True),
    (STRINGS, objects(None), True),
    (STRINGS, objects(np.nan), True),
    (MIXED, mixtures(None), True),
    (MIXED, mixtures(pd.NA), True),
    (
        st.sampled_from(["b", "", "a, b"]),
        lambda cells: categories(cells, ordered=True),
        True,
    ),
    (
        st.sampled_from(["b", "", "a, b"]),
        lambda cells: categories(cells, ordered=False),
        True,
    ),
    (moments("s"), times("M8[s]"), True),
    (moments("ns"), times("M8[ns]"), True),
    (moments("s"), zoned("Europe/Paris"), True),
    (moments("us"), zoned("America/St_Johns"), True),
    (lengths("ms"), times("m8[ms]"), True),
    (st.dates(), objects(None), True),
    (st.datetimes().map(lambda m: m.replace(fold=0)), objects(pd.NaT), True),
    (st.builds(pd.Interval, st.integers(0, 3), st.just(4)), fill("interval[int64, right]"), False),
    (st.integers(-9, 99).map(lambda n: pd.Period(ordinal=n, freq="D")), fill("period[D]"), True),
]
if pa is not None:
    KINDS += [
        (WHOLE, fill("int64[pyarrow]"), True),
        (decimals(10**10), fill("double[pyarrow]"), True),
        (STRINGS, fill(pd.StringDtype("pyarrow")), True),
        (STRINGS, fill(pd.ArrowDtype(pa.large_string())), True),
        (st.booleans(), fill("bool[pyarrow]"), True),
        (
            st.dates(datetime.date(1900, 1, 1), datetime.date(2200, 1, 1)),
            fill("date32[pyarrow]"),
            True,
        ),
        (
            st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2200, 1, 1)),
            fill("timestamp[us][pyarrow]"),
            True,
        ),
        (
            st.timedeltas(datetime.timedelta(-9), datetime.timedelta(9)),
            fill("duration[us][pyarrow]"),
            True,
        ),
    ]


@st.composite
def columns(draw: st.DrawFn, n_rows: int) -> pd.Series[Any]:
    values, make, may_miss = draw(st.sampled_from(KINDS))
    cells = draw(st.lists(values, min_size=n_rows, max_size=n_rows))
    if may_miss:
        misses = draw(st.lists(st.booleans(), min_size=n_rows, max_size=n_rows))
        misses[draw(st.integers(0, n_rows - 1))] = False
        cells = [None if miss else cell for cell, miss in zip(cells, misses, strict=True)]
    series: pd.Series[Any] = make(cells)
    return series


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    n_rows = draw(st.integers(1, 12))
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    frame = pd.DataFrame({at: draw(columns(n_rows)) for at in range(len(names))})
    frame.columns = pd.Index(names)
    return frame


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames())
def test_frame_to_codes_to_frame_is_the_identity(frame: pd.DataFrame) -> None:
    table = Table.from_frame(frame, Schema.infer(frame))
    assert not table.invalid_cells().any()
    restored = table.to_frame()
    pd.testing.assert_frame_equal(restored, frame, check_exact=True)
    for position in range(frame.shape[1]):
        before, after = frame.iloc[:, position], restored.iloc[:, position]
        if before.dtype == object:
            assert list(map(type, before)) == list(map(type, after))
            assert [repr(cell) for cell in before] == [repr(cell) for cell in after]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames(), st.floats(0, 2))
def test_schema_to_json_to_schema_is_the_identity(frame: pd.DataFrame, margin: float) -> None:
    schema = Schema.infer(frame, range_margin=margin)
    restored = Schema.from_dict(json.loads(json.dumps(schema.to_dict(), allow_nan=False)))
    assert restored == schema
    for before, after in zip(schema, restored, strict=True):
        assert type(before.name) is type(after.name)
        assert repr(before.dtype) == repr(after.dtype)
        if isinstance(before, CategoricalColumn):
            assert isinstance(after, CategoricalColumn)
            assert list(map(repr, before.categories)) == list(map(repr, after.categories))
    assert np.array_equal(
        Table.from_frame(frame, schema).codes, Table.from_frame(frame, restored).codes
    )


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames(), st.floats(0, 2), st.integers(0, 2**32 - 1))
@example(pd.DataFrame({"a sentinel beside whole numbers": [0.0, 1.0, -0.3, -0.3, -0.3]}), 0.0, 0)
def test_every_code_in_the_domain_decodes_and_codes_back_to_itself(
    frame: pd.DataFrame, margin: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    schema = Schema.infer(frame, range_margin=margin)
    observed = Table.from_frame(frame, schema)
    codes = np.empty((20, len(schema)), dtype=np.int64)
    for position, column in enumerate(schema):
        step, atoms = 1, ()
        if isinstance(column, CategoricalColumn):
            first, last = 0, len(column.categories) - 1
        elif isinstance(column, TextColumn):
            first, last = 0, len(observed.texts[position]) - 1
        else:
            step, atoms = column.step, column.atoms
            first, last = column.low // step, column.high // step
        if first <= last:
            codes[:, position] = step * random.integers(first, last, 20, endpoint=True)
            codes[:2, position] = step * first, step * last
        if atoms:
            n_atoms = 5 if first <= last else 20
            codes[-n_atoms:, position] = random.choice(atoms, n_atoms)
        if column.has_missing:
            codes[2:5, position] = MISSING
    table = Table(schema, codes, observed.texts)
    assert not table.invalid_cells().any()
    decoded = table.to_frame()
    assert decoded.dtypes.tolist() == frame.dtypes.tolist()
    again = Table.from_frame(decoded, schema)
    pd.testing.assert_frame_equal(again.to_frame(), decoded, check_exact=True)
    for position, column in enumerate(schema):
        if not isinstance(column, TextColumn) and np.abs(codes[:, position]).max() < 2**53:
            assert np.array_equal(again.codes[:, position], codes[:, position])
