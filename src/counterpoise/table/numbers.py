"""The numbers in a column's cells, out of and into each dtype that can hold them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.errors import SchemaError
from counterpoise.table import grid
from counterpoise.table.cells import MARKERS, distinct, is_object, is_string, present_types
from counterpoise.table.kind import ABSENT, Codes, Dtype
from counterpoise.table.numeral import read_numeral, write_numeral

__all__ = ["code_limits", "number_dtype", "read_numbers", "read_numerals", "write_numbers"]

_FLOAT_LIMIT: Final = 2**62
"""Codes of floats stay below this, so that no rounding takes them out of int64."""

_INT64_MAX: Final = int(np.iinfo(np.int64).max)


def number_dtype(dtype: Dtype) -> np.dtype[Any] | None:
    """Find the numpy dtype of the numbers in cells of `dtype`; None where they are no numbers."""
    numbers = getattr(dtype, "numpy_dtype", dtype)  # of nullable and Arrow dtypes
    if isinstance(numbers, np.dtype) and numbers.kind in "iuf" and numbers.itemsize <= 8:
        # An Arrow decimal calls itself a number too; its dtype has kind "O".
        return numbers if getattr(dtype, "kind", "O") in "iuf" else None
    return None


def code_limits(dtype: Dtype, decimals: int, is_whole: bool) -> tuple[int, int]:
    """Lowest and highest code that cells of `dtype` can restore."""
    numbers = number_dtype(dtype)
    if numbers is not None and numbers.kind != "f":
        limits = np.iinfo(numbers)
        return max(int(limits.min), ABSENT + 1), min(int(limits.max), _INT64_MAX)
    if is_string(dtype) or (is_object(dtype) and is_whole):
        return ABSENT + 1, _INT64_MAX
    largest = np.finfo(numbers or np.dtype(np.float64)).max
    limit = min(_FLOAT_LIMIT, int(float(largest)) * 10**decimals)
    return -limit, limit


def read_numbers(series: pd.Series[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Numbers of a column of a numeric or object dtype.

    Parameters
    ----------
    series : pandas.Series of shape (n_rows,)
        Cells of a numeric dtype, or Python ints and floats in an object column.

    Returns
    -------
    numbers : ndarray of shape (n_rows,), dtype int64 or one of the float dtypes
        The numbers, int64 wherever all are integers by type; 0 where missing.
    missing : ndarray of shape (n_rows,), dtype bool
        Which cells are missing.

    Raises
    ------
    SchemaError
        If a cell is no number, is infinite, or is an integer outside int64.
    """
    missing = series.isna().to_numpy(dtype=bool)
    if is_object(series.dtype):
        numbers = _object_numbers(series, missing)
    elif (dtype := number_dtype(series.dtype)) is not None:
        if isinstance(series.dtype, np.dtype):
            numbers = np.where(missing, dtype.type(0), series.to_numpy())
        else:
            numbers = series.array.to_numpy(dtype=dtype, na_value=0)
    else:
        raise SchemaError(
            f"Column {series.name!r} has dtype {series.dtype}, which holds no numbers that can be "
            "used. Convert it with `astype`, for instance to float.",
            column=series.name,
        )
    if numbers.dtype.kind != "f":
        return _within_int64(series, numbers), missing
    missing = missing | np.isnan(numbers)  # a nullable float can hold NaN beside its missing cells
    numbers = np.where(missing, numbers.dtype.type(0), numbers)
    if not (finite := np.isfinite(numbers)).all():
        raise SchemaError(
            f"Column {series.name!r} holds {numbers[~finite][0]} in row {int(finite.argmin())}. "
            "Replace infinite numbers by finite or missing ones.",
            column=series.name,
            value=float(numbers[~finite][0]),
        )
    return numbers, missing


def _object_numbers(
    series: pd.Series[Any], missing: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64] | npt.NDArray[np.float64]:
    is_whole = True
    for kind, rows in present_types(series).items():
        if not issubclass(kind, (int, float, np.integer, np.floating)) or kind is bool:
            raise SchemaError(
                f"Column {series.name!r} is numeric, but holds {series.iloc[int(rows[0])]!r}, a "
                f"{kind.__name__}. Convert it with `pandas.to_numeric`, or declare it categorical.",
                column=series.name,
                value=series.iloc[int(rows[0])],
            )
        is_whole &= issubclass(kind, (int, np.integer))
    cells = np.where(missing, 0, series.to_numpy(dtype=object))
    try:
        return cells.astype(np.int64) if is_whole else cells.astype(np.float64)
    except OverflowError as error:
        raise _too_large(series, max(cells, key=abs)) from error


def _within_int64(series: pd.Series[Any], numbers: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    if len(numbers):
        if numbers.dtype.kind == "u" and int(numbers.max()) > _INT64_MAX:
            raise _too_large(series, int(numbers.max()))
        if numbers.dtype.kind == "i" and int(numbers.min()) <= ABSENT:
            raise _too_large(series, int(numbers.min()))
    return numbers.astype(np.int64)


def _too_large(series: pd.Series[Any], value: int) -> SchemaError:
    return SchemaError(
        f"Column {series.name!r} holds {value}, which is outside -2**63 + 2 to 2**63 - 1. "
        "If it is an identifier, convert the column to strings with `astype(str)`; if it is a "
        "quantity, to floats with `astype(float)`.",
        column=series.name,
        value=value,
    )


def read_numerals(
    series: pd.Series[Any], decimals: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Codes of a string column's numerals, 0 where missing, and which cells are missing."""
    positions, texts = distinct(series)
    codes = [0] * (len(texts) + 1)  # the position of a missing cell is -1
    for position, text in enumerate(texts):
        code = read_numeral(str(text), decimals)
        if code is None:
            raise SchemaError(
                f"Column {series.name!r} is numeric, but holds {text!r}, which is not a number "
                f"written in the plain way, here with {decimals} decimals, so it could not be "
                "restored. Convert the column with `pandas.to_numeric`, or declare it categorical.",
                column=series.name,
                value=text,
            )
        if not ABSENT < code <= _INT64_MAX:
            raise _too_large(series, code)
        codes[position] = code
    return np.array(codes, dtype=np.int64)[positions], positions < 0


def write_numbers(
    codes: Codes,
    missing: npt.NDArray[np.bool_],
    dtype: Dtype,
    decimals: int,
    is_whole: bool,
    marker: str,
) -> Any:
    """Cells of `dtype` for an array of codes, which are not read where `missing` is True.

    Parameters
    ----------
    codes, missing : ndarray of shape (n_rows,), dtypes int64 and bool
        Grid units, and which cells are missing.
    dtype : numpy dtype or pandas ExtensionDtype
        Dtype of the cells.
    decimals : int
        Decimals of the grid.
    is_whole : bool
        Whether object cells are ints rather than floats.
    marker : str
        What an object column holds in a missing cell; see `MARKERS`.

    Returns
    -------
    ndarray or pandas ExtensionArray of shape (n_rows,)
    """
    codes = np.where(missing, 0, codes)
    if is_string(dtype):
        units, positions = np.unique(codes, return_inverse=True)
        texts = np.array([write_numeral(int(unit), decimals) for unit in units], dtype=object)
        cells = texts[positions].astype(object)
        cells[missing] = None
        return cells
    if is_object(dtype):
        cells = (codes if is_whole else grid.to_numbers(codes, decimals)).astype(object)
        cells[missing] = MARKERS[marker]
        return cells
    numbers = number_dtype(dtype)
    assert numbers is not None, dtype
    restored = codes if numbers.kind != "f" else grid.to_numbers(codes, decimals)
    restored = restored.astype(numbers)
    if isinstance(dtype, np.dtype):
        return np.where(missing, numbers.type(np.nan), restored) if missing.any() else restored
    extended: Any = pd.array(restored, dtype=dtype)  # type: ignore[call-overload]
    extended[missing] = pd.NA
    return extended
