"""The cells of a text file: what they mean, and how generated values are written in their form.

``007`` is a code and stays text, ``1.50`` keeps its zero, and ``NA`` is missing in a column of
numbers or dates and a category elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype

# in lower case; missing in a column of numbers or dates
_MISSING = ("", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "none", "?")

_NUMBER = r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*"
_INTEGER = r"\s*[+-]?\d+\s*"
_CODE = r"\s*[+-]?0\d.*"  # leading zeros, which only text keeps
_LARGEST_EXACT_FLOAT = 2**53

_DATE_FORMATS = {  # pattern -> format of the ISO dates that are understood
    r"\d{4}-\d\d-\d\d": "%Y-%m-%d",
    r"\d{4}-\d\d-\d\d \d\d:\d\d": "%Y-%m-%d %H:%M",
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d": "%Y-%m-%d %H:%M:%S",
    r"\d{4}-\d\d-\d\dT\d\d:\d\d": "%Y-%m-%dT%H:%M",
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d": "%Y-%m-%dT%H:%M:%S",
}


def parse_cells(
    cells: pd.Series[Any], *, missing: Collection[str] = (), as_text: bool = False
) -> pd.Series[Any]:
    """Return a column's values: int64, float64, datetime64 or text, with NaN or NaT for missing.

    The empty cell and those in `missing` are missing anywhere. With `as_text`, all others are text.

    >>> parse_cells(pd.Series(["1", "NA", "3"])).tolist()
    [1.0, nan, 3.0]
    >>> parse_cells(pd.Series(["a", "NA", "3"])).tolist()
    ['a', 'NA', '3']
    """
    is_missing = (cells == "") | cells.isin(list(missing))
    has_no_value = is_missing | _is_missing_word(cells)
    if not as_text and not has_no_value.all():
        for parse in (_numbers, _dates):
            values = parse(cells, has_no_value)
            if values is not None:
                return values
    return cells.mask(is_missing, np.nan).infer_objects()


def first_invalid_date(cells: pd.Series[Any], *, missing: Collection[str] = ()) -> str | None:
    """Return the first cell that is not an ISO date in the form of the others; None if all are."""
    present = cells[~(cells.isin(list(missing)) | _is_missing_word(cells))]
    pattern = max(_DATE_FORMATS, key=lambda pattern: int(present.str.fullmatch(pattern).sum()))
    dates = pd.to_datetime(present, format=_DATE_FORMATS[pattern], errors="coerce")
    invalid = present[dates.isna() | ~present.str.fullmatch(pattern)]
    return None if invalid.empty else str(invalid.iloc[0])


def format_like(values: pd.Series[Any], column: pd.Series[Any], cells: pd.Series[Any]) -> list[str]:
    """Return `values` as cells in the form of a column, given its parsed values and its cells.

    >>> cells = pd.Series(["1.50", "2.00", ""])
    >>> format_like(pd.Series([2.5, None]), parse_cells(cells), cells)
    ['2.50', '']
    """
    missing, present = cells[column.isna()], cells[column.notna()]
    missing_cell = str(missing.mode().iloc[0]) if len(missing) else ""
    to_cell: Callable[[Any], str] = str
    if len(present) and is_numeric_dtype(column):
        to_cell = _number_format(present)
    elif len(present) and is_datetime64_any_dtype(column):
        to_cell = _date_format(present)
    return [missing_cell if pd.isna(value) else to_cell(value) for value in values]


def _is_missing_word(cells: pd.Series[Any]) -> pd.Series[bool]:
    return cells.str.strip().str.lower().isin(_MISSING)


def _numbers(cells: pd.Series[Any], missing: pd.Series[bool]) -> pd.Series[Any] | None:
    """Return int64 or float64 values; None unless all are numbers that one of them keeps."""
    present = cells[~missing]
    if not present.str.fullmatch(_NUMBER).all() or present.str.fullmatch(_CODE).any():
        return None
    if not present.str.fullmatch(_INTEGER).all():
        return cells.mask(missing, "nan").astype(float)
    integers = [int(cell) for cell in present]
    largest = max(map(abs, integers))
    if not missing.any():
        return pd.Series(integers, index=cells.index, dtype="int64") if largest < 2**63 else None
    if largest > _LARGEST_EXACT_FLOAT:
        return None
    return pd.Series(integers, index=present.index, dtype=float).reindex(cells.index)


def _dates(cells: pd.Series[Any], missing: pd.Series[bool]) -> pd.Series[Any] | None:
    date_format = _find_date_format(cells[~missing])
    if date_format is None:
        return None
    dates = pd.to_datetime(cells.mask(missing, np.nan), format=date_format, errors="coerce")
    return None if dates[~missing].isna().any() else dates


def _find_date_format(cells: pd.Series[Any]) -> str | None:
    matching = (f for pattern, f in _DATE_FORMATS.items() if cells.str.fullmatch(pattern).all())
    return next(matching, None)


def _date_format(cells: pd.Series[Any]) -> Callable[[Any], str]:
    date_format = _find_date_format(cells)
    assert date_format is not None, "the column was parsed as dates"
    # strftime does not pad years to four digits on Linux
    return lambda date: str(date.strftime(date_format.replace("%Y", f"{date.year:04d}")))


def _number_format(cells: pd.Series[Any]) -> Callable[[Any], str]:
    """Return how a column writes numbers: with a fixed number of decimals, or the shortest form."""
    cells = cells.str.strip()
    n_decimals = cells.str.partition(".")[2].str.len()
    has_exponent = cells.str.contains("e", case=False).any()
    fixed = int(n_decimals.iloc[0]) if n_decimals.nunique() == 1 and not has_exponent else None
    has_integers = not cells.str.contains(".", regex=False).all()

    def to_cell(value: Any) -> str:
        if isinstance(value, int | np.integer):
            return str(value)
        number = float(value)
        if fixed is not None and float(f"{number:.{fixed}f}") == number:
            return f"{number:.{fixed}f}"
        shortest = repr(number) if has_exponent else np.format_float_positional(number, trim="0")
        return shortest.removesuffix(".0") if has_integers else shortest

    return to_cell
