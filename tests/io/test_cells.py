"""Cells of text files: what they mean, and generated values in the form of their column."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise import io as tables
from counterpoise.io import format_like, parse_cells


def parsed(*cells: str, missing: tuple[str, ...] = (), as_text: bool = False) -> list[object]:
    column = parse_cells(pd.Series(cells, dtype=object), missing=missing, as_text=as_text)
    return [None if pd.isna(value) else value for value in column]


def dtype_of(*cells: str) -> str:
    return str(parse_cells(pd.Series(cells, dtype=object)).dtype)


def formatted(values: list[float | None], *cells: str) -> list[str]:
    text = pd.Series(cells, dtype=object)
    return format_like(pd.Series(values), parse_cells(text), text)


def test_integers_stay_integers() -> None:
    assert parsed("1", "-2", "0") == [1, -2, 0]
    assert dtype_of("1", "-2", "0") == "int64"


def test_decimals_are_floats() -> None:
    assert parsed("1.5", "2", "1e-3", " .5 ") == [1.5, 2.0, 0.001, 0.5]
    assert dtype_of("1.5", "2") == "float64"


@pytest.mark.parametrize("cell", ["", "NA", "nan", "NULL", "None", "?", "n/a", " "])
def test_usual_words_are_missing_among_numbers(cell: str) -> None:
    assert parsed("1", cell, "3") == [1.0, None, 3.0]


@pytest.mark.parametrize("cell", ["NA", "nan", "NULL", "None", "?", "n/a", " "])
def test_usual_words_are_categories_among_categories(cell: str) -> None:
    assert parsed("red", cell, "3") == ["red", cell, "3"]


def test_cells_stay_text_where_the_user_says_so() -> None:
    assert parsed("1", "NA", "", "2.50", as_text=True) == ["1", "NA", None, "2.50"]
    assert parsed("1", "-9", missing=("-9",), as_text=True) == ["1", None]
    assert parsed("2024-01-31", as_text=True) == ["2024-01-31"]


def test_empty_cell_is_missing_anywhere() -> None:
    assert parsed("red", "", "blue") == ["red", None, "blue"]


def test_given_words_are_missing_anywhere() -> None:
    assert parsed("red", "-", "blue", missing=("-",)) == ["red", None, "blue"]
    assert parsed("1", "-9", missing=("-9",)) == [1.0, None]


@pytest.mark.parametrize("cells", [("", ""), ("", "-")])
def test_column_may_be_missing_throughout(cells: tuple[str, ...]) -> None:
    assert parsed(*cells, missing=("-",)) == [None, None]


@pytest.mark.parametrize(
    "cells",
    [
        ("007", "12"),  # zeros would be lost
        ("1,234", "5"),
        ("1_000", "2"),
        ("12345678901234567890", "2"),  # beyond int64
        ("9007199254740993", ""),  # beyond what a float holds exactly
        ("inf", "1"),
        ("2024-13-01", "2024-01-01"),
        ("2024-01-01", "2024-01-01 10:00"),
    ],
)
def test_cells_that_numbers_or_dates_cannot_keep_stay_text(cells: tuple[str, ...]) -> None:
    assert parsed(*cells) == [cell or None for cell in cells]


def test_large_integers_are_exact() -> None:
    assert parsed("9223372036854775807", "1") == [9223372036854775807, 1]


@pytest.mark.parametrize(
    "cells",
    [
        ("2024-02-29", "1999-12-31"),
        ("2024-02-29 23:59", "1999-12-31 00:00"),
        ("2024-02-29T23:59:01", "1999-12-31T00:00:00"),
    ],
)
def test_iso_dates_are_dates_and_written_alike(cells: tuple[str, ...]) -> None:
    text = pd.Series([*cells, "NA"], dtype=object)
    column = parse_cells(text)
    assert column.dtype.kind == "M"
    assert column[0] == pd.Timestamp(cells[0])
    assert format_like(column, column, text) == [*cells, "NA"]


def test_early_years_have_four_digits() -> None:
    text = pd.Series(["0999-01-01 10:00", "2024-02-29 00:00"], dtype=object)
    column = parse_cells(text)
    assert format_like(column, column, text) == text.tolist()


def test_format_of_dates_is_found_once_for_a_column(monkeypatch: pytest.MonkeyPatch) -> None:
    text = pd.Series(["2024-02-29"] * 20, dtype=object)
    column = parse_cells(text)
    n_calls = 0

    def counted(cells: pd.Series) -> str:
        nonlocal n_calls
        n_calls += 1
        return "%Y-%m-%d"

    monkeypatch.setattr(tables, "_find_date_format", counted)
    assert format_like(column, column, text) == text.tolist()
    assert n_calls == 1


def test_numbers_are_written_like_their_column() -> None:
    assert formatted([2.5, 3.0], "1.50", "2.00") == ["2.50", "3.00"]
    assert formatted([2.5, 3.0], "1.5", "2") == ["2.5", "3"]
    assert formatted([2.5, 3.0], "1.5", "2.25") == ["2.5", "3.0"]
    assert formatted([4.0], "1", "2") == ["4"]
    assert formatted([4.0, None], "1", "NA", "", "NA") == ["4", "NA"]
    assert formatted([1e-05, 2.0], "1e-3", "2.0") == ["1e-05", "2"]


def test_exponent_is_written_only_where_the_column_has_one() -> None:
    assert formatted([1e-05, 2.0, 1e16], "0.1", "0.00002") == [
        "0.00001",
        "2.0",
        "10000000000000000.0",
    ]
    assert formatted([1e-05], "0.1", "2E-5") == ["1E-05"]


def test_no_digit_is_lost_to_a_column_of_fewer_decimals() -> None:
    assert formatted([2.345], "1.5", "2.5") == ["2.345"]


def test_large_integers_are_written_exactly() -> None:
    text = pd.Series(["9223372036854775807"], dtype=object)
    column = parse_cells(text)
    assert format_like(column, column, text) == ["9223372036854775807"]


NUMBERS = st.decimals(-(10**6), 10**6, places=2).map(str) | st.integers(-(10**6), 10**6).map(str)


@given(st.lists(NUMBERS | st.sampled_from(["", "NA"]) | st.text(max_size=4), min_size=1))
def test_formatting_and_parsing_again_changes_no_value(cells: list[str]) -> None:
    text = pd.Series(cells, dtype=object)
    column = parse_cells(text)
    again = parse_cells(pd.Series(format_like(column, column, text), dtype=object))
    if column.dtype.kind == "f":
        np.testing.assert_array_equal(again.to_numpy(float), column.to_numpy())
    else:
        assert [str(value) for value in again] == [str(value) for value in column]


def test_signs_and_points_are_written_as_in_their_column() -> None:
    assert formatted([495.0, -3.0, 0.0], "+491", "+492", "-7") == ["+495", "-3", "+0"]
    assert formatted([5.0, 0.0], "+1", "0", "-1") == ["+5", "0"]
    assert formatted([5.0], "+1", "2") == ["5"]
    assert formatted([0.25, -0.5, 1.5], ".50", "-.25", "1.00") == [".25", "-.50", "1.50"]
    assert formatted([-1.0, 0.0], "-1", "-2") == ["-1", "0"]


def test_the_year_0_is_no_date() -> None:
    assert parsed("0000-01-01", "2024-01-31") == ["0000-01-01", "2024-01-31"]
