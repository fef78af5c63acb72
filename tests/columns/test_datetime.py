from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterpoise.columns import (
    ABSENT,
    MISSING,
    DatetimeColumn,
    DurationColumn,
    Schema,
    Table,
)
from counterpoise.columns._frames import with_labels
from counterpoise.constraints import Inequality
from counterpoise.errors import SchemaError


def series_of(cells: list[Any], dtype: Any = "M8[ns]") -> pd.Series[Any]:
    series: pd.Series[Any] = pd.Series(cells, dtype=dtype, name="x")
    return series


@pytest.mark.parametrize(
    ("cells", "unit", "codes"),
    [
        (["1970-01-02", "1969-12-31"], "D", [1, -1]),
        (["1970-01-01 05:00", "1970-01-02"], "h", [5, 24]),
        (["1970-01-01 00:07"], "m", [7]),
        (["1970-01-01 00:00:09"], "s", [9]),
        (["1970-01-01 00:00:00.5"], "ms", [500]),
        (["1970-01-01 00:00:00.000002"], "us", [2]),
        (["1970-01-01 00:00:00.000000003"], "ns", [3]),
    ],
)
def test_the_unit_is_the_coarsest_that_is_exact(
    cells: list[str], unit: str, codes: list[int]
) -> None:
    series = series_of(cells)
    column = DatetimeColumn.infer(series)
    assert (column.kind, column.unit) == ("datetime", unit)
    assert column.encode(series).tolist() == codes
    assert (column.low, column.high) == (min(codes), max(codes))
    pd.testing.assert_series_equal(column.decode(column.encode(series)), series)


@pytest.mark.parametrize(
    "dtype",
    [
        *("M8[s]", "M8[ms]", "M8[us]", "M8[ns]", "datetime64[ns, UTC]"),
        *("datetime64[s, Europe/Paris]", "datetime64[us, America/St_Johns]"),
        *("datetime64[ns, UTC+05:30]", "timestamp[ms][pyarrow]", "date32[pyarrow]"),
        "timestamp[us, tz=Europe/Paris][pyarrow]",
    ],
)
def test_zone_and_resolution_are_restored(dtype: Any) -> None:
    if "pyarrow" in dtype:
        pytest.importorskip("pyarrow")
    cells = pd.Series(pd.to_datetime(["2020-10-25", "NaT", "2021-03-28"]), name="x")
    if "tz" in dtype or "," in dtype:
        cells = cells.dt.tz_localize("UTC")
    series = cells.astype(dtype)
    column = DatetimeColumn.infer(series)
    codes = column.encode(series)
    assert (column.unit, codes[1]) == ("D", MISSING)
    pd.testing.assert_series_equal(column.decode(codes), series)


def test_an_hour_that_a_zone_has_twice_is_two_instants() -> None:
    moments = pd.DatetimeIndex(["2020-10-25 00:30", "2020-10-25 01:30"]).tz_localize("UTC")
    series = pd.Series(moments.tz_convert("Europe/Paris"), name="x")
    column = DatetimeColumn.infer(series)
    assert column.unit == "m"
    pd.testing.assert_series_equal(column.decode(column.encode(series)), series)


def test_durations() -> None:
    series = series_of([datetime.timedelta(hours=-3), None, datetime.timedelta(days=1)], "m8[us]")
    column = DurationColumn.infer(series)
    assert (column.kind, column.unit, column.low, column.high) == ("duration", "h", -3, 24)
    pd.testing.assert_series_equal(column.decode(column.encode(series)), series)


def test_objects_come_back_as_the_same_objects() -> None:
    dates = series_of([datetime.date(2020, 1, 1), None, datetime.date(1, 1, 1)], object)
    column = DatetimeColumn.infer(dates)
    restored = column.decode(column.encode(dates))
    assert column.unit == "D"
    assert restored.tolist() == dates.tolist()
    assert type(restored[0]) is datetime.date
    moments = series_of([datetime.datetime(2020, 1, 1), datetime.datetime(2020, 1, 2)], object)
    column = DatetimeColumn.infer(moments)
    assert column.unit == "h"  # unit "D" would say that the objects are dates
    restored = column.decode(column.encode(moments))
    assert list(map(type, restored)) == [datetime.datetime] * 2
    with pytest.raises(SchemaError, match="'x'"):
        column.encode(dates.dropna())


@pytest.mark.parametrize(
    "cells",
    [
        [datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1)],
        [datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)],
        ["2020-01-01", "2020-1-32"],
    ],
)
def test_other_objects_are_rejected(cells: list[Any]) -> None:
    with pytest.raises(SchemaError, match="to_datetime"):
        DatetimeColumn.infer(series_of(cells, object))


def test_other_dtypes_are_rejected() -> None:
    with pytest.raises(SchemaError, match="holds no datetimes"):
        DatetimeColumn.infer(series_of([1], "int64"))


def test_margin_widens_instants_freely_and_durations_not_below_zero() -> None:
    column = DatetimeColumn.infer(series_of(["1970-01-02", "1970-01-12"])).widened(0.5)
    assert (column.low, column.high) == (-4, 16)
    spans = series_of([datetime.timedelta(1), datetime.timedelta(11)], "m8[s]")
    assert DurationColumn.infer(spans).widened(0.5).low == 0
    ends = series_of([datetime.date.min, datetime.date.max], object)
    assert DatetimeColumn.infer(ends).widened(1.0) == DatetimeColumn.infer(ends)
    extremes = series_of(["1677-09-22", "2262-04-11"])
    wide = DatetimeColumn.infer(extremes).widened(1.0)
    wide.decode(np.array([wide.low, wide.high]))


def test_ranges_are_read_by_pandas() -> None:
    series = series_of(["2020-02-01", "2020-03-01"])
    column = DatetimeColumn.infer(series).restrict_range("2020-01-01 12:00", "2020-12-31 12:00")
    ends = column.decode(np.array([column.low, column.high]))
    assert ends.astype(str).tolist() == ["2020-01-02", "2020-12-31"]
    zoned = series.dt.tz_localize("Europe/Paris")
    column = DatetimeColumn.infer(zoned).restrict_range("2020-01-01", "2021-01-01")
    assert str(column.decode(np.array([column.low]))[0]) == "2020-01-01 00:00:00+01:00"
    spans = series_of([datetime.timedelta(1)], "m8[s]")
    assert DurationColumn.infer(spans).restrict_range("0 days", "9 days").high == 9
    for bounds in [("2021-02-02", "2021-01-01"), ("x", "y"), (pd.Timestamp(0, tz="UTC"), 0)]:
        with pytest.raises(SchemaError, match="'x'"):
            DatetimeColumn.infer(series).restrict_range(*bounds)


def test_cells_outside_the_range_or_between_units_are_rejected() -> None:
    column = DatetimeColumn.infer(series_of(["2020-01-01", "2020-01-09"]))
    for cell in ("2020-01-10", "2019-12-31", "2020-01-02 01:00"):
        with pytest.raises(SchemaError, match="2020-01-01 00:00:00 to 2020-01-09"):
            column.encode(series_of([cell]))
    with pytest.raises(SchemaError, match="missing in row 0"):
        column.encode(series_of([None]))
    with pytest.raises(SchemaError, match="dtype"):
        column.encode(series_of(["2020-01-02"], "M8[s]"))


def test_only_codes_of_the_domain_decode() -> None:
    column = DatetimeColumn.infer(series_of(["1970-01-02", "1970-01-04"]))
    assert column.contains(np.array([0, 1, 3, 4, MISSING, ABSENT])).tolist() == [
        *(False, True, True, False, False, False)
    ]
    for code in (0, 4, MISSING, ABSENT):
        with pytest.raises(AssertionError):
            column.decode(np.array([code]))


def test_arrow_durations_are_placed_in_order() -> None:
    pytest.importorskip("pyarrow")
    series = series_of([datetime.timedelta(1), None], "duration[us][pyarrow]")
    floats = DurationColumn.infer(series).to_floats(series)
    np.testing.assert_array_equal(floats, [86_400e6, np.nan])


def local(zone: str, start: str, freq: str = "D", periods: int = 700) -> pd.Series[Any]:
    clocks = pd.date_range(start, periods=periods, freq=freq)
    is_first = np.ones(periods, dtype=bool)
    moments = clocks.tz_localize(zone, ambiguous=is_first, nonexistent="shift_forward")
    return pd.Series(moments, name="x")


@pytest.mark.parametrize(
    ("series", "unit"),
    [
        (local("Europe/Berlin", "2023-01-01"), "D"),
        (local("America/Sao_Paulo", "2017-01-01"), "D"),  # clocks went from 0:00 to 1:00
        (local("America/Havana", "2017-01-01"), "D"),  # and from 1:00 back to 0:00
        (local("Asia/Kolkata", "2023-01-01", "h"), "h"),
        (local("Asia/Kathmandu", "2023-01-01"), "D"),
        (local("Europe/Berlin", "2023-01-01").dt.as_unit("s"), "D"),
    ],
)
def test_midnights_of_a_zone_stay_midnights(series: pd.Series[Any], unit: str) -> None:
    series.iloc[3] = None
    column = DatetimeColumn.infer(series)
    assert (column.unit, column.is_local) == (unit, True)
    codes = column.encode(series)
    pd.testing.assert_series_equal(column.decode(codes), series)
    made = column.decode(np.arange(column.low, column.high + 1))
    assert set(made.dropna()) == set(series.dropna()) | {made[3]}
    assert column.code_of(series[5]) == column.low + 5
    with pytest.raises(SchemaError, match="range"):
        column.encode((series + pd.Timedelta("1min")).astype(series.dtype))


def test_midnights_of_an_arrow_zone_stay_midnights() -> None:
    pytest.importorskip("pyarrow")
    series = local("Europe/Berlin", "2023-01-01").astype("timestamp[us, tz=Europe/Berlin][pyarrow]")
    column = DatetimeColumn.infer(series)
    assert (column.unit, column.is_local) == ("D", True)
    pd.testing.assert_series_equal(column.decode(column.encode(series)), series)


def test_other_instants_of_a_zone_count_in_utc() -> None:
    for series in (
        pd.Series(
            pd.date_range("2023-01-01", periods=9000, freq="h", tz="Europe/Berlin"), name="x"
        ),
        local("UTC", "2023-01-01"),
        local("Europe/Berlin", "2023-01-01 00:00:01", "977s"),
    ):
        column = DatetimeColumn.infer(series)
        assert not column.is_local
        pd.testing.assert_series_equal(column.decode(column.encode(series)), series)


def test_a_range_of_midnights_is_read_in_the_zone() -> None:
    column = DatetimeColumn.infer(local("Europe/Berlin", "2023-01-01"))
    limited = column.restrict_range("2023-06-01", pd.Timestamp("2023-06-02 23:00", tz="UTC"))
    ends = limited.decode(np.array([limited.low, limited.high]))
    assert ends.astype(str).tolist() == ["2023-06-01 00:00:00+02:00", "2023-06-03 00:00:00+02:00"]


def test_midnights_are_compared_with_other_instants() -> None:
    days = local("Europe/Berlin", "2023-01-01")
    frame = pd.DataFrame({"day": days, "then": days + pd.to_timedelta(np.arange(700), "min")})
    table = Table.from_frame(frame, Schema.infer(frame))
    assert [column.is_local for column in table.schema] == [True, False]
    labelled = with_labels(table, np.zeros(700), None)
    assert Inequality("day", "<=", "then").accepts(labelled).all()
    assert Inequality("day", "<", "then").accepts(labelled).sum() == 699


@pytest.mark.parametrize("dtype", [None, "timestamp[us, tz=Europe/Berlin][pyarrow]"])
def test_a_value_without_a_zone_is_one_of_the_columns_zone(dtype: str | None) -> None:
    midnights = local("Europe/Berlin", "2023-01-01")
    hours = pd.Series(pd.date_range("2023-01-01", periods=9000, freq="h", tz="Europe/Berlin"))
    for series in (midnights, hours):
        column = DatetimeColumn.infer(series if dtype is None else series.astype(dtype))
        expected = column.code_of(pd.Timestamp("2023-06-01", tz="Europe/Berlin"))
        for value in ("2023-06-01", datetime.date(2023, 6, 1), datetime.datetime(2023, 6, 1)):
            assert column.code_of(value) == expected
        with pytest.raises(ValueError, match="has no 'x'"):
            column.code_of("x")


@pytest.mark.parametrize("kind", [datetime.date, datetime.datetime])
def test_a_value_of_a_column_of_objects_has_a_code(kind: type[datetime.date]) -> None:
    series = pd.Series([kind(2020, 1, 1), kind(2020, 1, 4), kind(2020, 3, 9)], dtype=object)
    column = DatetimeColumn.infer(series)
    for value, code in zip(series, column.encode(series), strict=True):
        assert column.code_of(value) == column.code_of(str(value)) == code
    with pytest.raises(ValueError, match="has no"):
        column.code_of(kind(2031, 1, 1))


@pytest.mark.parametrize("dtype", ["datetime64[ns]", "datetime64[us, Europe/Rome]", "str"])
def test_an_empty_value_is_a_missing_cell(dtype: str) -> None:
    series = pd.Series(["2020-01-01", None, "2020-03-09"], dtype=dtype)
    column = DatetimeColumn.infer(series)
    assert column.code_of("") == column.code_of(None) == column.encode(series)[1]
