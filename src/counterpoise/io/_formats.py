"""What the cells of a text file mean, and how values are spelled as such cells.

``007`` is a code and stays a text, ``1.50`` keeps its zero, and ``NA`` is missing in a column of
numbers or dates and a category elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype

_MISSING_SPELLINGS = ("", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "none", "?")
"""What stands for a missing cell in a column of numbers or dates, in lower case."""

_NUMBER = r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*"
_WHOLE_NUMBER = r"\s*[+-]?\d+\s*"
_CODE = r"\s*[+-]?0\d.*"
"""A number with leading zeros, which only a text keeps."""

_LARGEST_EXACT_FLOAT = 2**53

_DATE_FORMATS = {
    r"\d{4}-\d\d-\d\d": "%Y-%m-%d",
    r"\d{4}-\d\d-\d\d \d\d:\d\d": "%Y-%m-%d %H:%M",
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d": "%Y-%m-%d %H:%M:%S",
    r"\d{4}-\d\d-\d\dT\d\d:\d\d": "%Y-%m-%dT%H:%M",
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d": "%Y-%m-%dT%H:%M:%S",
}
"""The ISO spellings of a date, and of a date and a time: what they look like, and their format."""


def parse_column(
    text: pd.Series[Any], *, missing: Collection[str] = (), stays_text: bool = False
) -> pd.Series[Any]:
    """Return a column's values: numbers or dates where it holds nothing else, or its texts.

    Parameters
    ----------
    text
        The cells, all of them texts.
    missing
        What stands for a missing cell, beside the empty one; the usual spellings do so in a column
        that otherwise holds numbers or dates only.
    stays_text
        Whether the cells stay texts whatever they look like, the usual spellings among them.

    Returns
    -------
    pandas.Series
        int64, float64, datetime64 or the texts, with NaN or NaT for what is missing.

    Examples
    --------
    >>> parse_column(pd.Series(["1", "NA", "3"])).tolist()
    [1.0, nan, 3.0]
    >>> parse_column(pd.Series(["a", "NA", "3"])).tolist()
    ['a', 'NA', '3']
    """
    absent = (text == "") | text.isin(list(missing))
    no_value = absent | _looks_missing(text)
    if not stays_text and not no_value.all():
        for parse in (_numbers, _dates):
            values = parse(text, no_value)
            if values is not None:
                return values
    return text.mask(absent, np.nan).infer_objects()


def first_undated(text: pd.Series[Any], *, missing: Collection[str] = ()) -> str | None:
    """Return the first cell that keeps a column from being one of ISO dates; None if none does.

    Examples
    --------
    >>> first_undated(pd.Series(["2024-01-31", "NA", "2024-13-01"]))
    '2024-13-01'
    """
    present = text[~(text.isin(list(missing)) | _looks_missing(text))]
    n_alike = {pattern: present.str.fullmatch(pattern).sum() for pattern in _DATE_FORMATS}
    pattern = max(_DATE_FORMATS, key=lambda pattern: n_alike[pattern])
    dates = pd.to_datetime(present, format=_DATE_FORMATS[pattern], errors="coerce")
    undated = present[dates.isna() | ~present.str.fullmatch(pattern)]
    return None if undated.empty else str(undated.iloc[0])


def spell_like(values: pd.Series[Any], real: pd.Series[Any], text: pd.Series[Any]) -> list[str]:
    """Return the texts of `values`, spelled as a column of `real` values is in `text`.

    Examples
    --------
    >>> text = pd.Series(["1.50", "2.00", ""])
    >>> spell_like(pd.Series([2.5, None]), parse_column(text), text)
    ['2.50', '']
    """
    absent = text[real.isna()]
    missing = str(absent.mode().iloc[0]) if len(absent) else ""
    serialize = _speller(real, text[real.notna()])
    return [missing if pd.isna(value) else serialize(value) for value in values]


def _speller(real: pd.Series[Any], present: pd.Series[Any]) -> Callable[[Any], str]:
    """Return how a column spells a value that is there."""
    if present.empty:
        return str
    if is_numeric_dtype(real):
        return _number_speller(present)
    if is_datetime64_any_dtype(real):
        return _date_speller(present)
    return str


def _looks_missing(text: pd.Series[Any]) -> pd.Series[bool]:
    return text.str.strip().str.lower().isin(_MISSING_SPELLINGS)


def _numbers(text: pd.Series[Any], absent: pd.Series[bool]) -> pd.Series[Any] | None:
    """Return int64 or float64 values; None where there is no number, or neither is exact."""
    present = text[~absent]
    if not present.str.fullmatch(_NUMBER).all() or present.str.fullmatch(_CODE).any():
        return None
    if not present.str.fullmatch(_WHOLE_NUMBER).all():
        return text.mask(absent, "nan").astype(float)
    whole = [int(cell) for cell in present]
    largest = max(map(abs, whole))
    if not absent.any():
        return pd.Series(whole, index=text.index, dtype="int64") if largest < 2**63 else None
    if largest > _LARGEST_EXACT_FLOAT:
        return None
    return pd.Series(whole, index=present.index, dtype=float).reindex(text.index)


def _dates(text: pd.Series[Any], absent: pd.Series[bool]) -> pd.Series[Any] | None:
    date_format = _date_format(text[~absent])
    if date_format is None:
        return None
    dates = pd.to_datetime(text.mask(absent, np.nan), format=date_format, errors="coerce")
    return None if dates[~absent].isna().any() else dates


def _date_format(text: pd.Series[Any]) -> str | None:
    for pattern, date_format in _DATE_FORMATS.items():
        if text.str.fullmatch(pattern).all():
            return date_format
    return None


def _date_speller(text: pd.Series[Any]) -> Callable[[Any], str]:
    date_format = _date_format(text)
    assert date_format is not None, "the column was parsed as dates"
    # strftime pads no year to four digits on Linux
    return lambda date: str(date.strftime(date_format.replace("%Y", f"{date.year:04d}")))


def _number_speller(text: pd.Series[Any]) -> Callable[[Any], str]:
    """Return how a column spells its numbers: with a fixed number of decimals, or the shortest.

    An exponent is written only in a column that has one.
    """
    plain = text.str.strip()
    n_decimals = plain.str.partition(".")[2].str.len()
    has_exponent = plain.str.contains("e", case=False).any()
    is_fixed = n_decimals.nunique() == 1 and not has_exponent
    fixed = int(n_decimals.iloc[0]) if is_fixed else None
    trims_zero = not plain.str.contains(".", regex=False).all()

    def serialize(value: Any) -> str:
        if isinstance(value, int | np.integer):
            return str(value)
        number = float(value)
        if fixed is not None and float(f"{number:.{fixed}f}") == number:
            return f"{number:.{fixed}f}"
        shortest = repr(number) if has_exponent else np.format_float_positional(number, trim="0")
        return shortest.removesuffix(".0") if trims_zero else shortest

    return serialize
