"""The cells of one pandas column: what dtype they have, and which distinct values there are."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.extensions import ExtensionDtype

from counterpoise.errors import SchemaError

Dtype: TypeAlias = np.dtype[Any] | ExtensionDtype
"""A dtype that a pandas column can have."""

MARKERS: Final[dict[str, Any]] = {"nan": float("nan"), "none": None, "na": pd.NA, "nat": pd.NaT}
"""What an object column can hold in place of a value, by the name that a schema gives it."""

_ARROW_STRINGS = ("string[pyarrow]", "large_string[pyarrow]", "string_view[pyarrow]")


def column_error(name: Hashable, problem: str, value: Any = None) -> SchemaError:
    """Return an error that begins with the name of its column."""
    return SchemaError(f"Column {name!r} {problem}", column=name, value=value)


def is_object(dtype: Dtype) -> bool:
    """Whether cells of `dtype` are any Python objects."""
    return isinstance(dtype, np.dtype) and dtype.kind == "O"


def is_string(dtype: Dtype) -> bool:
    """Whether `dtype` is one of pandas' string dtypes, Arrow's included."""
    return isinstance(dtype, pd.StringDtype) or (
        not isinstance(dtype, np.dtype) and str(dtype) in _ARROW_STRINGS
    )


def missing_marker(series: pd.Series[Any]) -> str:
    """Name of the first missing marker of an object column ("nan" where there is none)."""
    missing = series.isna().to_numpy()
    if not is_object(series.dtype) or not missing.any():
        return "nan"
    marker = series.iloc[int(missing.argmax())]
    return next((name for name, value in MARKERS.items() if marker is value), "nan")


def present_types(series: pd.Series[Any]) -> dict[type, npt.NDArray[np.intp]]:
    """Rows of the cells that are not missing in an object column, by exact Python type."""
    rows = np.flatnonzero(series.notna().to_numpy())
    types = np.frompyfunc(type, 1, 1)(series.to_numpy(dtype=object)[rows])
    codes, found = pd.factorize(types)
    return {kind: rows[codes == position] for position, kind in enumerate(found)}


def distinct(series: pd.Series[Any]) -> tuple[npt.NDArray[np.int64], list[Hashable]]:
    """Return the distinct values of a column, and which of them each cell is.

    Values of different Python types are different, also where they compare equal: an object
    column can hold 1, 1.0 and True.

    Returns
    -------
    positions : ndarray of shape (n_rows,), dtype int64
        Position of each cell's value in `values`, -1 for a missing cell.
    values : list
        The distinct values, as Python objects, by first appearance.

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
            raise column_error(
                series.name,
                f"holds a {kind.__name__}, {cells[rows[0]]!r}, which cannot "
                "be compared as one value. Spread it over columns of its own, or drop it.",
            ) from error
        positions[rows] = codes + len(values)
        values.extend(found)
    present = positions >= 0
    positions[present], order = pd.factorize(positions[present])
    return positions, [values[position] for position in order]


def _python_values(found: Any) -> list[Hashable]:
    """Python objects for an array of one dtype; short floats stay short (0.1 in float32)."""
    dtype = getattr(found.dtype, "numpy_dtype", found.dtype)
    if isinstance(dtype, np.dtype) and dtype.kind == "f" and dtype.itemsize < 8:
        return [float(str(number)) for number in np.asarray(found, dtype=dtype)]
    values: list[Hashable] = list(pd.Series(found).tolist())
    return values
