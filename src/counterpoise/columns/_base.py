"""What a column holds, and the two codes that stand for no value."""

from __future__ import annotations

from collections.abc import Hashable
from enum import StrEnum
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.extensions import ExtensionDtype

from counterpoise.errors import SchemaError

MISSING: Final[int] = int(np.iinfo(np.int64).min)
"""Code of a missing cell."""

ABSENT: Final[int] = MISSING + 1
"""Code of a cell that is not in the sentence, or is still to be generated."""

Codes: TypeAlias = npt.NDArray[np.int64]
"""Codes of cells: any int64 array, MISSING and ABSENT among them."""

Dtype: TypeAlias = np.dtype[Any] | ExtensionDtype
"""A dtype that a pandas column can have."""


class Kind(StrEnum):
    """What the values of a column are."""

    CATEGORICAL = "categorical"
    ORDERED = "ordered"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DATETIME = "datetime"
    DURATION = "duration"
    TEXT = "text"


# The cells of one pandas column: which are missing, and which distinct values there are.


MARKERS: dict[str, Any] = {"nan": float("nan"), "none": None, "na": pd.NA, "nat": pd.NaT}
"""What an object column can hold in place of a value, by the name a schema gives it."""


def is_object(dtype: Dtype) -> bool:
    """Whether cells of `dtype` are any Python objects."""
    return isinstance(dtype, np.dtype) and dtype.kind == "O"


def is_string(dtype: Dtype) -> bool:
    """Whether `dtype` is one of pandas' string dtypes, Arrow's included."""
    return isinstance(dtype, pd.StringDtype) or (
        not isinstance(dtype, np.dtype) and str(dtype) in _ARROW_STRINGS
    )


_ARROW_STRINGS = ("string[pyarrow]", "large_string[pyarrow]", "string_view[pyarrow]")


def check_dtype(series: pd.Series[Any], dtype: Dtype, name: Hashable) -> None:
    """Raise a `SchemaError` unless `series` has exactly the dtype of its column."""
    if series.dtype != dtype:
        raise SchemaError(
            f"Column {name!r} has dtype {series.dtype}, but the schema was made from {dtype}. "
            "Convert it with `frame.astype(...)`, or infer the schema from this table.",
            column=name,
        )


def check_missing(missing: npt.NDArray[np.bool_], has_missing: bool, name: Hashable) -> None:
    """Raise a `SchemaError` if a cell is missing in a column that has none missing."""
    if not has_missing and missing.any():
        raise SchemaError(
            f"Column {name!r} is missing in row {int(missing.argmax())}, but was never missing in "
            "the table that the schema was made from. Fill it, or infer the schema anew.",
            column=name,
        )


def missing_marker(series: pd.Series[Any]) -> str:
    """Name of the first missing marker of an object column ("nan" where there is none)."""
    missing = series.isna().to_numpy()
    if not is_object(series.dtype) or not missing.any():
        return "nan"
    marker = series.iloc[int(missing.argmax())]
    if marker is None:
        return "none"
    if marker is pd.NA:
        return "na"
    return "nat" if marker is pd.NaT else "nan"


def present_types(series: pd.Series[Any]) -> dict[type, npt.NDArray[np.intp]]:
    """Rows of the cells that are not missing in an object column, by exact Python type."""
    rows = np.flatnonzero(series.notna().to_numpy())
    types = np.frompyfunc(type, 1, 1)(series.to_numpy(dtype=object)[rows])
    codes, found = pd.factorize(types)
    return {kind: rows[codes == position] for position, kind in enumerate(found)}


def distinct(series: pd.Series[Any]) -> tuple[npt.NDArray[np.int64], list[Hashable]]:
    """Give each distinct value of a column a number, by first appearance.

    Values of different Python types are different, also where they compare equal: an object
    column can hold 1, 1.0 and True.

    Parameters
    ----------
    series : pandas.Series of shape (n_rows,)
        A column of any dtype.

    Returns
    -------
    positions : ndarray of shape (n_rows,), dtype int64
        Position of each cell's value in `values`, -1 for a missing cell.
    values : list
        The distinct values, as Python objects.

    Raises
    ------
    SchemaError
        If a cell holds an unhashable value, such as a list.
    """
    if not is_object(series.dtype):
        is_numpy = isinstance(series.dtype, np.dtype)
        codes, found = pd.factorize(series.to_numpy() if is_numpy else series.array)
        return codes.astype(np.int64), _python_values(found)
    cells = series.to_numpy(dtype=object)
    positions = np.full(len(cells), -1, dtype=np.int64)
    values: list[Hashable] = []
    for kind, rows in present_types(series).items():
        try:
            codes, found = pd.factorize(cells[rows])
        except TypeError as error:
            raise SchemaError(
                f"Column {series.name!r} holds a {kind.__name__}, {cells[rows[0]]!r}, which cannot "
                "be compared as one value. Spread it over columns of its own, or drop it.",
                column=series.name,
            ) from error
        positions[rows] = codes + len(values)
        values.extend(found)
    return _by_appearance(positions, values)


def _by_appearance(
    positions: npt.NDArray[np.int64], values: list[Hashable]
) -> tuple[npt.NDArray[np.int64], list[Hashable]]:
    """Renumber so that the values come in the order of their first cells."""
    present = np.flatnonzero(positions >= 0)[::-1]
    first = np.zeros(len(values), dtype=np.int64)
    first[positions[present]] = present  # written backwards, so the first cell is written last
    order = np.argsort(first, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    numbered = np.where(positions >= 0, rank[positions] if len(values) else -1, -1)
    return numbered, [values[position] for position in order]


def _python_values(found: Any) -> list[Hashable]:
    """Python objects for an array of one dtype; short floats stay short (0.1 in float32)."""
    dtype = getattr(found.dtype, "numpy_dtype", found.dtype)
    if isinstance(dtype, np.dtype) and dtype.kind == "f" and dtype.itemsize < 8:
        return [float(str(number)) for number in np.asarray(found, dtype=dtype)]
    values: list[Hashable] = list(pd.Series(found).tolist())
    return values
