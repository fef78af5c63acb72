"""Columns of instants and of durations."""

from __future__ import annotations

import datetime
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.columns._base import (
    ABSENT,
    MARKERS,
    MISSING,
    Codes,
    Dtype,
    Kind,
    check_dtype,
    check_missing,
    is_object,
    missing_marker,
    present_types,
)
from counterpoise.errors import SchemaError
from counterpoise.grammar._calendar import covers

# Instants and durations in cells of each dtype, as integers of the dtype's own resolution.


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


@dataclass(frozen=True, slots=True)
class DatetimeColumn:
    """A column of instants or of durations, in whole units of time.

    Parameters
    ----------
    name : Hashable
        Name of the column.
    kind : {Kind.DATETIME, Kind.DURATION}
        Whether the values are instants or durations.
    dtype : numpy dtype or pandas ExtensionDtype
        Dtype of the pandas column, with its zone and resolution. An object column holds
        `datetime.date` where the unit is "D", and naive `datetime.datetime` where it is finer.
    has_missing : bool
        Whether cells may be missing.
    low, high : int
        Smallest and largest code, both allowed.
    unit : {"D", "h", "m", "s", "ms", "us", "ns"}
        The code of an instant is its number of whole units since 1970-01-01, in UTC for a
        column with a zone; that of a duration is its number of whole units.
    marker : {"nan", "none", "na", "nat"}, default="nan"
        What an object column holds in a missing cell.
    """

    name: Hashable
    kind: Kind
    dtype: Dtype
    has_missing: bool
    low: int
    high: int
    unit: str
    marker: str = "nan"

    def __post_init__(self) -> None:
        fits = (
            self.kind is Kind.DATETIME
            if is_object(self.dtype)
            else (self.kind is temporal_kind(self.dtype))
        )
        if not fits:
            raise SchemaError(
                f"Column {self.name!r} has dtype {self.dtype}, which cannot be {self.kind}. "
                "Convert it with `pandas.to_datetime` or `pandas.to_timedelta`.",
                column=self.name,
            )
        if self.unit not in UNITS or self._factor() < 1:
            raise SchemaError(
                f"Column {self.name!r} has dtype {self.dtype}, which has no unit {self.unit!r}.",
                column=self.name,
            )
        lowest, highest = self._limits()
        if not lowest <= self.low <= self.high <= highest:
            raise SchemaError(
                f"Column {self.name!r} (dtype {self.dtype}) has the range {self.low} to "
                f"{self.high} in units of {self.unit!r}; it must lie in {lowest} to {highest}.",
                column=self.name,
            )

    @classmethod
    def infer(
        cls,
        series: pd.Series[Any],
        *,
        bounds: tuple[Any, Any] | None = None,
        margin: float = 0.0,
    ) -> DatetimeColumn:
        """Take unit and range from a column's cells.

        Parameters
        ----------
        series : pandas.Series of shape (n_rows,)
            The column; some cell is not missing.
        bounds : tuple, default=None
            Earliest and latest allowed value, as `pandas.Timestamp` or `pandas.Timedelta` read
            them; the observed values must lie within. An instant without a zone is taken in the
            column's own.
        margin : float, default=0.0
            Share of the observed span by which the range is widened on both sides.

        Returns
        -------
        DatetimeColumn

        Raises
        ------
        SchemaError
            If the cells are neither instants nor durations, or lie outside `bounds`.
        """
        kind = Kind.DATETIME if is_object(series.dtype) else temporal_kind(series.dtype)
        if kind is None:
            raise SchemaError(
                f"Column {series.name!r} has dtype {series.dtype}, which holds no times. "
                "Convert it with `pandas.to_datetime` or `pandas.to_timedelta`.",
                column=series.name,
            )
        ticks, missing, resolution = read_ticks(series)
        present = ticks[~missing]
        units = list(UNITS)[: list(UNITS).index(resolution) + 1]
        if is_object(series.dtype) and resolution != "D":
            units.remove("D")  # unit "D" says that the objects are dates
        unit = next(unit for unit in units if not (present % ratio(unit, resolution)).any())
        factor = ratio(unit, resolution)
        column = cls(
            name=series.name,
            kind=kind,
            dtype=series.dtype,
            has_missing=bool(missing.any()),
            low=int(present.min()) // factor,
            high=int(present.max()) // factor,
            unit=unit,
            marker=missing_marker(series),
        )
        return column._widened(margin) if bounds is None else column._within(bounds)

    def encode(self, series: pd.Series[Any]) -> Codes:
        """Code each cell.

        Parameters
        ----------
        series : pandas.Series of shape (n_rows,)
            Cells of this column's dtype.

        Returns
        -------
        ndarray of shape (n_rows,), dtype int64
            Whole units, MISSING for a missing cell.

        Raises
        ------
        SchemaError
            If a cell lies outside the range or between two units, or is missing where no cell
            may be.
        """
        check_dtype(series, self.dtype, self.name)
        ticks, missing, resolution = read_ticks(series)
        check_missing(missing, self.has_missing, self.name)
        is_date = is_object(self.dtype) and self.unit == "D"
        if (resolution == "D") != is_date and not missing.all():
            raise self._outside(series[~missing].iloc[0])
        factor = ratio(self.unit, resolution)
        codes = ticks // factor
        outside = (codes < self.low) | (codes > self.high) | (ticks % factor != 0)
        if (outside := outside & ~missing).any():
            raise self._outside(series.iloc[int(outside.argmax())])
        return np.where(missing, MISSING, codes)

    def decode(self, codes: Codes) -> pd.Series[Any]:
        """Restore the cells of an array of codes, shape (n_rows,), in the column's dtype."""
        assert self.contains(codes).all(), f"codes outside the domain of column {self.name!r}"
        missing = codes == MISSING
        resolution = self._resolution()
        ticks = np.where(missing, MISSING, np.where(missing, 0, codes) * self._factor())
        letter = "m" if self.kind is Kind.DURATION else "M"
        times = ticks.view(f"{letter}8[{resolution}]")  # the smallest int64 is NaT
        if is_object(self.dtype):
            cells = times.astype(object)
            cells[missing] = MARKERS[self.marker]
            return pd.Series(cells, name=self.name, dtype=object)
        restored = pd.Series(times, name=self.name)
        if (zone := zone_of(self.dtype)) is not None:
            restored = restored.dt.tz_localize("UTC").dt.tz_convert(zone)
        return restored.astype(self.dtype)

    def contains(self, codes: Codes) -> npt.NDArray[np.bool_]:
        """Whether each of an array of codes stands for a cell that this column can have."""
        inside = (codes >= self.low) & (codes <= self.high)
        return inside | (codes == MISSING) if self.has_missing else inside

    @property
    def is_calendar(self) -> bool:
        """Whether the values are instants that the calendar can name."""
        return self.kind is Kind.DATETIME and covers(self.low, self.high, self.unit)

    def _resolution(self) -> str:
        """Find the unit of the integers that cells of this column's dtype keep."""
        if is_object(self.dtype):
            return "D" if self.unit == "D" else "us"
        return resolution_of(self.dtype)

    def _factor(self) -> int:
        return ratio(self.unit, self._resolution())

    def _limits(self) -> tuple[int, int]:
        """Lowest and highest code that the dtype can restore."""
        if is_object(self.dtype):
            years = np.array(["0001-01-01", "9999-12-31"], dtype=f"M8[{self.unit}]")
            return int(years.astype(np.int64)[0]), int(years.astype(np.int64)[1])
        factor = self._factor()
        return -(-(ABSENT + 1) // factor), int(np.iinfo(np.int64).max) // factor

    def _widened(self, margin: float) -> DatetimeColumn:
        """Widen the range on both sides by a share of its span; durations not below 0."""
        added = round(margin * (self.high - self.low))
        lowest, highest = self._limits()
        if self.kind is Kind.DURATION and self.low >= 0:
            lowest = 0
        return replace(
            self, low=max(self.low - added, lowest), high=min(self.high + added, highest)
        )

    def limited(self, bounds: tuple[Any, Any]) -> DatetimeColumn:
        """Return the column with another range, whatever was observed.

        Parameters
        ----------
        bounds : tuple
            Earliest and latest, or shortest and longest, allowed value; None leaves that end as
            it is.

        Raises
        ------
        SchemaError
            If they are no times, or the column has no value between them.
        """
        size = UNITS[self.unit]
        try:
            low = self.low if bounds[0] is None else -(-self._nanoseconds(bounds[0]) // size)
            high = self.high if bounds[1] is None else self._nanoseconds(bounds[1]) // size
        except (ValueError, TypeError) as error:
            raise SchemaError(
                f"The range of column {self.name!r} must be two points in time or two durations, "
                f"got {bounds!r}.",
                column=self.name,
            ) from error
        if low > high:
            raise SchemaError(
                f"Column {self.name!r} was given the range {bounds!r}, in which there is no whole "
                f"{self.unit!r}. Give the smaller end first.",
                column=self.name,
            )
        return replace(self, low=low, high=high)

    def _within(self, bounds: tuple[Any, Any]) -> DatetimeColumn:
        """Take the bounds that the user gave, which must include what was observed."""
        limited = self.limited(bounds)
        if limited.low > self.low or limited.high < self.high:
            raise SchemaError(
                f"Column {self.name!r} was given the range {bounds!r}, which leaves out observed "
                "values. Widen the range, or drop those rows.",
                column=self.name,
            )
        return limited

    def _nanoseconds(self, bound: Any) -> int:
        """Exact nanoseconds, since the epoch or long, of a bound that the user gave."""
        if self.kind is Kind.DURATION:
            length = pd.Timedelta(bound)
            return int(length.to_timedelta64().astype(np.int64)) * UNITS[length.unit]
        moment = pd.Timestamp(bound)
        zone = zone_of(self.dtype)
        if zone is not None and moment.tz is None:
            moment = moment.tz_localize(zone)
        if (zone is None) != (moment.tz is None):
            raise ValueError(f"{bound!r} has a zone, and the column has none")
        return int(moment.to_datetime64().astype(np.int64)) * UNITS[moment.unit]

    def _outside(self, value: object) -> SchemaError:
        edges = np.array([self.low, self.high]).astype(
            f"{'m' if self.kind is Kind.DURATION else 'M'}8[{self.unit}]"
        )
        return SchemaError(
            f"Column {self.name!r} holds {value}, which is not a whole {self.unit!r} from "
            f"{edges[0]} to {edges[1]}. Infer the schema from a table with this value, or widen "
            "its range with `ranges`.",
            column=self.name,
            value=value,
        )
