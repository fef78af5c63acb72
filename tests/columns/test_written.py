"""Numbers and dates that strings and integers write: found, generated and written alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterpoise import LLMOverSampler
from counterpoise.columns import (
    MISSING,
    Column,
    DatetimeColumn,
    NumericColumn,
    Schema,
    Table,
)
from counterpoise.columns._written import DateNotation, NumberNotation, doubt
from counterpoise.errors import SchemaError
from counterpoise.metrics._distance import distances, encode

RNG = np.random.default_rng(0)
NUMBERS = np.round(RNG.lognormal(6, 2, 200), 2)
SIGNED = np.round(RNG.normal(0, 900, 200), 2)
MOMENTS = [
    datetime(2019, 3, 1) + timedelta(seconds=int(second)) for second in RNG.integers(0, 10**8, 200)
]


def column_of(cells: list[Any], dtype: Any = object) -> tuple[Column, pd.Series[Any]]:
    """Return the column of cells, which restores them, also from JSON."""
    series = pd.Series(cells, name="x", dtype=dtype)
    column = Schema.infer(series.to_frame())[0]
    frame = series.to_frame()
    pd.testing.assert_frame_equal(Table.from_frame(frame, Schema((column,))).to_frame(), frame)
    assert Column.from_dict(column.to_dict()) == column
    return column, series


def german(text: str) -> str:
    return text.translate(str.maketrans(",.", ".,"))


@pytest.mark.parametrize(
    ("numbers", "write", "notation"),
    [
        (NUMBERS, lambda v: f"{v:,.0f}", "1,234"),
        (NUMBERS, lambda v: f"{v:.2f}".replace(".", ","), "1234,00"),
        (NUMBERS, lambda v: f"${v:,.2f}", "$1,234.00"),
        (NUMBERS, lambda v: german(f"{v:,.2f} €"), "1.234,00 €"),
        (NUMBERS, lambda v: f"{v:,.2f}".replace(",", " ").replace(".", ","), "1 234,00"),
        (NUMBERS, lambda v: f"{v:,.2f}".replace(",", "\u202f"), "1\u202f234.00"),
        (NUMBERS, lambda v: f"CHF {v:,.2f}".replace(",", "'"), "CHF 1'234.00"),
        (NUMBERS, lambda v: f"{v:.1f}%", "1234.0%"),
        (NUMBERS, lambda v: f"{v:.0f} %", "1234 %"),
        (NUMBERS, lambda v: f"{v:g} kg", "1234.5 kg"),
        (SIGNED, lambda v: f"{v:.2f}", "1234.00"),
        (SIGNED, lambda v: f"{v:+,.2f}", "+1,234.00"),
        (SIGNED, lambda v: f"${v:,.2f}".replace("$-", "-$"), "$1,234.00"),
        (SIGNED, lambda v: f"${v:,.2f}", "$1,234.00;$-1,234.00"),
        (SIGNED, lambda v: f"({-v:,.2f})" if v < 0 else f"{v:,.2f}", "1,234.00;(1,234.00)"),
        (SIGNED, lambda v: f"{v:.2f}".replace("-", "\u2212"), "1234.00;\u22121234.00"),
        (np.append(SIGNED, 0), lambda v: f"{v:+}" if v else "0.0", "+1234.05;-1234.05;1234.05"),
    ],
)
def test_numbers_are_read_and_written_as_their_column_writes_them(
    numbers: np.ndarray, write: Callable[[float], str], notation: str
) -> None:
    cells = [write(number) for number in numbers]
    column, series = column_of(cells)
    assert isinstance(column, NumericColumn)
    assert column.notation == notation
    assert str(NumberNotation.parse(notation)) == notation
    values = column.to_floats(series)
    expected = [float(f"{number:g}") for number in numbers] if "kg" in notation else numbers
    np.testing.assert_allclose(values, expected, atol=0.5)
    low, high = column.code_range
    between = column.nearest(np.linspace(low, high, 50))
    made = column.decode(between)
    assert column.encode(made).tolist() == between.tolist()
    assert np.all(np.diff(column.to_floats(made)) >= 0)


@pytest.mark.parametrize(
    "form",
    [
        *("%d.%m.%Y", "%m/%d/%Y", "%-d/%-m/%Y", "%Y/%m/%d", "%Y-%m-%d", "%Y%m%d", "%d-%m-%y"),
        *("%d %b %Y", "%-d. %B %Y", "%b %d, %Y", "%A, %B %-d, %Y", "%d-%b-%y", "%B %Y", "%m/%Y"),
        *("%H:%M", "%H:%M:%S", "%I:%M %p", "%-I:%M:%S %P", "%d.%m.%Y %H:%M", "%Y-%m-%dT%H:%M:%SZ"),
        *("%a, %d %b %Y %H:%M:%S", "%m/%d/%Y, %-I:%M %p", "%Y%m%d%H%M%S"),
    ],
)
def test_dates_are_read_and_written_as_their_column_writes_them(form: str) -> None:
    column, series = column_of([DateNotation(form).write(moment) for moment in MOMENTS * 2])
    if series.nunique() <= 50:
        assert column.kind == "categorical"
        column = DatetimeColumn.infer(series, "datetime")
    assert isinstance(column, DatetimeColumn)
    assert column.notation == form
    low, high = column.code_range
    between = column.nearest(np.linspace(low, high, 50))
    assert column.encode(column.decode(between)).tolist() == between.tolist()
    assert column.contains(column.encode(series)).all()
    widened = column.widened(5.0)
    ends = np.array(widened.code_range)
    assert widened.encode(widened.decode(ends)).tolist() == ends.tolist()


def test_english_names_and_halves_of_a_day_are_read() -> None:
    assert DateNotation("%I:%M %p").read("12:05 AM") == datetime(1900, 1, 1, 0, 5)
    assert DateNotation("%I:%M %p").read("12:05 PM") == datetime(1900, 1, 1, 12, 5)
    assert DateNotation("%a, %d %b %y").read("Wed, 31 Jan 24") == datetime(2024, 1, 31)
    assert DateNotation("%a, %d %b %y").read("Tue, 31 Jan 24") is None
    assert DateNotation("%d.%m.%Y").read("31.02.2024") is None


@pytest.mark.parametrize("dtype", ["int64", "float64", "Int64", "int64[pyarrow]"])
def test_integers_made_of_the_digits_of_dates_are_dates(dtype: str) -> None:
    cells: list[Any] = [int(f"{moment:%Y%m%d}") for moment in MOMENTS]
    if dtype not in ("int64", "int64[pyarrow]"):
        cells[3] = None
    column, series = column_of(cells, dtype)
    assert isinstance(column, DatetimeColumn)
    low, high = column.code_range
    made = column.decode(np.arange(low, high + 1))
    assert made.dtype == series.dtype
    assert pd.to_datetime(made.astype("int64").astype(str), format="%Y%m%d").diff().max().days == 1
    assert column.code_of(20200229) == column.code_of("2020-02-29")


def test_other_integers_of_eight_digits_are_integers() -> None:
    assert column_of([20201301, 20200101, 20200102, 20200103])[0].kind == "integer"
    assert column_of([12345678, 23456789, 34567890], "int64")[0].kind == "integer"
    declared = Schema.infer(pd.DataFrame({"x": [20200101, 20200102]}), kinds={"x": "integer"})
    assert declared[0].kind == "integer"


@pytest.mark.parametrize("dtype", [object, "string", "string[pyarrow]"])
def test_missing_cells_and_the_dtype_come_back(dtype: Any) -> None:
    column, series = column_of([None, *(f"${number:,.2f}" for number in NUMBERS)], dtype)
    assert isinstance(column, NumericColumn)
    assert column.encode(series)[0] == MISSING
    column, _ = column_of([None, *(f"{moment:%d.%m.%Y}" for moment in MOMENTS)], dtype)
    assert isinstance(column, DatetimeColumn)


@pytest.mark.parametrize(
    "cells",
    [
        [f"AB-{number:.0f}" for number in NUMBERS * 10],
        [f"{number:.0f}" for number in NUMBERS * 10],
        [f"{number:05.0f}" for number in NUMBERS],
        [f"#{number:.0f}" for number in NUMBERS],
        [f"+49{number * 100 + 10**9:.0f}" for number in NUMBERS],
        [f"{number:.2f} €" if number < 500 else f"{number:.2f} $" for number in NUMBERS],
        ["99:00", *(f"{moment:%H:%M}" for moment in MOMENTS)],
        [f"{moment:%d.%m.%Y}" for moment in MOMENTS[:40]] * 5,
    ],
)
def test_identifiers_mixed_forms_and_few_strings_stay_text(cells: list[str]) -> None:
    assert column_of(cells)[0].kind in ("text", "categorical")


def test_one_cell_that_breaks_the_form_is_named() -> None:
    dates = [f"{moment:%d.%m.%Y}" for moment in MOMENTS]
    prices = [f"${number:,.2f}" for number in NUMBERS]
    frame = pd.DataFrame({"day": ["soon", *dates], "price": [*prices, "free"]})
    schema = Schema.infer(frame)
    assert {column.kind for column in schema} <= {"text", "categorical"}
    for name, other, notation in (("day", "soon", "%d.%m.%Y"), ("price", "free", "$1,234.00")):
        found = doubt(frame[name], "")
        assert found is not None
        assert repr(other) in found
        assert notation in found
    assert doubt(pd.Series(dates), "%d.%m.%Y") is None
    assert doubt(pd.Series([f"name {at}" for at in range(99)]), "") is None


def test_an_uncertain_order_of_day_and_month_is_stated_and_can_be_declared() -> None:
    days = [
        f"{day:02d}/{month:02d}/20{day + 9:02d}" for day in range(1, 13) for month in range(1, 8)
    ]
    frame = pd.DataFrame({"day": days})
    column = Schema.infer(frame)[0]
    assert isinstance(column, DatetimeColumn)
    assert column.notation == "%m/%d/%Y"
    assert "datetime:%d/%m/%Y" in str(doubt(frame["day"], column.notation))
    other = Schema.infer(frame, kinds={"day": "datetime:%d/%m/%Y"})[0]
    assert other.code_of("02/01/2012") - column.code_of("02/01/2012") == 1 - 31  # days
    certain = [*days, "31/12/2020"]
    assert doubt(pd.Series(certain), "%d/%m/%Y") is None


def test_a_notation_that_is_declared_decides() -> None:
    frame = pd.DataFrame({"x": ["1,234", "56,789", None]})
    whole = Schema.infer(frame, kinds={"x": "integer:1,234"})[0]
    parts = Schema.infer(frame, kinds={"x": "decimal:1234,5"})[0]
    assert whole.to_floats(frame["x"]).tolist()[:2] == [1234, 56789]
    assert parts.to_floats(frame["x"]).tolist()[:2] == [1.234, 56.789]
    for column in (whole, parts):
        assert column.restrict_range("1,234", None).code_range[0] == column.code_of("1,234")
    for kind in ("decimal:12", "datetime:%Q", "datetime:%d", "categorical:1,234", "decimal:$1,234"):
        with pytest.raises(SchemaError, match="'x'"):
            Schema.infer(frame, kinds={"x": kind})


def test_a_malformed_description_is_rejected() -> None:
    column, _ = column_of([f"${number:,.2f}" for number in NUMBERS])
    date, _ = column_of([f"{moment:%d.%m.%Y}" for moment in MOMENTS])
    for known, notation in ((column, "x"), (column, "1,234"), (date, "%"), (date, "%d%d")):
        with pytest.raises(SchemaError, match="'x'"):
            replace(known, notation=notation)  # type: ignore[call-arg]


def test_a_value_is_named_as_written_or_as_a_number() -> None:
    column, _ = column_of(["$12.50", *(f"${number:,.2f}" for number in NUMBERS)])
    assert column.code_of("$12.50") == column.code_of(12.5) == 1250
    with pytest.raises(ValueError, match="'x'"):
        column.code_of("12.50")


def test_distances_go_by_value() -> None:
    frame = pd.DataFrame({"x": [f"{number:,.0f} km" for number in range(900, 1100)]})
    (rows,) = encode(Schema.infer(frame), [frame])
    found = distances(rows, rows)[0]
    assert np.all(np.diff(found) > 0)


def test_synthetic_rows_are_written_like_the_real_ones(tmp_path: Path) -> None:
    n = 120
    net = np.round(np.random.default_rng(1).gamma(2, 400, n), 2)
    frame = pd.DataFrame(
        {
            "day": [f"{moment:%d.%m.%Y}" for moment in MOMENTS[:n]],
            "compact": [int(f"{moment:%Y%m%d}") for moment in MOMENTS[:n]],
            "net": [german(f"{number:,.2f} €") for number in net],
            "fee": [german(f"{number + 5:,.2f} €") for number in net],
        }
    )
    y = np.where(np.arange(n) % 4 == 0, "rare", "usual")
    sampler = LLMOverSampler(random_state=0)
    X, _ = sampler.fit_resample(frame, y)
    made = X.iloc[n:]
    assert len(made)
    loaded = LLMOverSampler.load(sampler.save(tmp_path / "saved") or tmp_path / "saved")
    for rows in (made, loaded.sample(20)[0]):
        assert rows.dtypes.tolist() == frame.dtypes.tolist()
        assert pd.to_datetime(rows["day"], format="%d.%m.%Y").notna().all()
        assert pd.to_datetime(rows["compact"].astype(str), format="%Y%m%d").notna().all()
        assert rows["net"].str.fullmatch(r"\d{1,3}(\.\d{3})*,\d\d €").all()
        # the relations of the values are found and kept
        values = [Schema.infer(frame)[at].to_floats(rows.iloc[:, at]) for at in (2, 3)]
        np.testing.assert_allclose(values[1] - values[0], 5)


def test_a_warning_names_the_column() -> None:
    n = 60
    frame = pd.DataFrame({"day": ["soon", *(f"{m:%d.%m.%Y}" for m in MOMENTS[1:n])], "a": range(n)})
    y = np.where(np.arange(n) % 4 == 0, "rare", "usual")
    sampler = LLMOverSampler(random_state=0, sampling_strategy={"rare": 16})
    with pytest.warns(UserWarning, match="'day'.*'soon'"):
        sampler.fit_resample(frame, y)


def test_a_table_is_restored() -> None:
    frame = pd.DataFrame({"t": [f"{m:%H:%M}" for m in MOMENTS], "v": [f"{v:,}" for v in NUMBERS]})
    schema = Schema.infer(frame)
    pd.testing.assert_frame_equal(Table.from_frame(frame, schema).to_frame(), frame)
