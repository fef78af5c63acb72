"""Instants and durations in cells of each dtype, as integers of the dtype's own resolution."""

from __future__ import annotations

import datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.errors import SchemaError
from counterpoise.table.cells import is_object, present_types
from counterpoise.table.kind import Dtype, Kind

__all__ = ["UNITS", "ratio", "read_ticks", "resolution_of", "temporal_kind", "zone_of"]

UNITS: Final = {
    "D": 86_400_000_000_000,
    "h": 3_600_000_000_000,
    "m": 60_000_000_000,
    "s": 1_000_000_000,
    "ms": 1_000_000,
    "us": 1_000,
    "ns": 1,
}
"""Units of time, coarsest first, in nanoseconds."""

_PYTHON_TYPES: Final[dict[type, str]] = {datetime.date: "D", datetime.datetime: "us"}
"""Resolution of what an object column can hold."""


def temporal_kind(dtype: Dtype) -> Kind | None:
    """Kind of a column of `dtype`, None where its cells are neither instants nor durations."""
    kind = getattr(dtype, "kind", "O")
    if isinstance(dtype, pd.CategoricalDtype | pd.PeriodDtype | pd.IntervalDtype):
        return None
    return {"M": Kind.DATETIME, "m": Kind.DURATION}.get(kind)


def ratio(unit: str, resolution: str) -> int:
    """Ticks of `resolution` in one `unit`; 0 where the unit is the finer of the two."""
    return UNITS[unit] // UNITS[resolution]


def resolution_of(dtype: Dtype) -> str:
    """Name the unit of the integers that cells of a temporal dtype keep."""
    if isinstance(dtype, pd.DatetimeTZDtype):
        return dtype.unit
    native: Any = getattr(dtype, "numpy_dtype", dtype)
    return np.datetime_data(native)[0]


def zone_of(dtype: Dtype) -> datetime.tzinfo | str | None:
    """Zone of a dtype; an Arrow dtype keeps its name."""
    if isinstance(dtype, pd.DatetimeTZDtype):
        return dtype.tz
    zone: str | None = getattr(getattr(dtype, "pyarrow_dtype", None), "tz", None)
    return zone


def read_ticks(series: pd.Series[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], str]:
    """Integers that the cells stand for (any where missing), which are missing, and their unit."""
    missing = series.isna().to_numpy(dtype=bool)
    if is_object(series.dtype):
        types = present_types(series)
        resolution = next((_PYTHON_TYPES.get(kind) for kind in types), "us")
        if resolution is None or len(types) > 1:
            names = ", ".join(kind.__name__ for kind in types)
            raise SchemaError(
                f"Column {series.name!r} holds objects of type {names}; a column of times must "
                "hold datetime.date or datetime.datetime throughout. Convert it with "
                "`pandas.to_datetime`.",
                column=series.name,
            )
        cells = series.to_numpy(dtype=object, copy=True)
        cells[missing] = np.datetime64("NaT")
        if any(getattr(cell, "tzinfo", None) is not None for cell in series[~missing]):
            raise SchemaError(
                f"Column {series.name!r} holds datetime objects with time zones. "
                "Convert it with `pandas.to_datetime`.",
                column=series.name,
            )
        return cells.astype(f"M8[{resolution}]").view(np.int64), missing, resolution
    resolution = resolution_of(series.dtype)
    if temporal_kind(series.dtype) is Kind.DURATION:
        lengths = pd.TimedeltaIndex(series.astype(np.dtype(f"m8[{resolution}]")))
        return np.asarray(lengths.asi8), missing, resolution
    if (zone := zone_of(series.dtype)) is None:
        moments = pd.DatetimeIndex(series.astype(np.dtype(f"M8[{resolution}]")))
    else:
        zoned: Any = f"datetime64[{resolution}, {zone}]" if isinstance(zone, str) else series.dtype
        moments = pd.DatetimeIndex(series.astype(zoned))
    return np.asarray(moments.asi8), missing, resolution
