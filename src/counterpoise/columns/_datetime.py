"""Columns of instants and of durations."""

from __future__ import annotations

import datetime
from abc import abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.columns._base import (
    ABSENT,
    MARKERS,
    MISSING,
    TEXT_END,
    Codes,
    Column,
    Mask,
    RangedColumn,
    column_error,
    is_object,
    present_types,
    register_column_type,
)
from counterpoise.columns._json import Dtype
from counterpoise.errors import SchemaError
from counterpoise.grammar import Automaton, expand, framed
from counterpoise.grammar import _ranges as ranges
from counterpoise.grammar._ranges import NANOSECONDS

_PYTHON_TYPES: Final[dict[type, str]] = {datetime.date: "D", datetime.datetime: "us"}
"""Resolution of what an object column can hold."""

Ticks = tuple[Codes, Mask, str]
"""Integers that cells stand for (any where missing), which are missing, and their unit."""


@dataclass(frozen=True)
class TimeColumn(RangedColumn):
    """A column of instants or durations.

    A code is a number of whole units: since 1970-01-01, in UTC for a column with a zone, or long.
    """

    priority = 40
    letter: ClassVar[str]  # of numpy's dtypes
    converter: ClassVar[str]  # the function of pandas that makes other cells such ones

    unit: str  # of NANOSECONDS

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self._can_be(self.dtype):
            raise self._wrong_dtype(self.name, self.dtype)
        if self.unit not in NANOSECONDS or self._factor < 1:
            raise self._error(f"has dtype {self.dtype}, which has no unit {self.unit!r}.")
        self._check_range()

    @classmethod
    def recognizes(cls, series: pd.Series[Any]) -> bool:
        return cls._can_be(series.dtype)

    @classmethod
    def _can_be(cls, dtype: Dtype) -> bool:
        return getattr(dtype, "kind", "O") == cls.letter

    @classmethod
    def _wrong_dtype(cls, name: Hashable, dtype: Dtype) -> SchemaError:
        return column_error(
            name,
            f"is declared {cls.kinds[0]}, but has dtype {dtype}, which holds no {cls.kinds[0]}s. "
            f"Convert it with `pandas.{cls.converter}`.",
        )

    @classmethod
    def infer(cls, series: pd.Series[Any], kind: str | None = None) -> Self:
        kind = kind or cls.kinds[0]
        if not cls._can_be(series.dtype):
            raise cls._wrong_dtype(series.name, series.dtype)
        ticks, missing, resolution = cls._read_ticks(series)
        present = ticks[~missing]
        units = list(NANOSECONDS)[: list(NANOSECONDS).index(resolution) + 1]
        if is_object(series.dtype) and resolution != "D":
            units.remove("D")  # unit "D" says that the objects are dates
        unit = next(unit for unit in units if not (present % _ratio(unit, resolution)).any())
        low, high = (int(end) // _ratio(unit, resolution) for end in (present.min(), present.max()))
        return cls.describing(series, kind, low=low, high=high, unit=unit)

    @classmethod
    @abstractmethod
    def _read_ticks(cls, series: pd.Series[Any]) -> Ticks: ...

    def encode(self, series: pd.Series[Any]) -> Codes:
        self.check_dtype(series)
        ticks, missing, resolution = self._read_ticks(series)
        factor = _ratio(self.unit, resolution)
        codes = ticks // max(factor, 1)
        is_other = (resolution == "D") != (is_object(self.dtype) and self.unit == "D")
        outside = (codes < self.low) | (codes > self.high) | (codes * factor != ticks) | is_other
        return self._placed(series, codes, missing, outside)

    def decode(self, codes: Codes) -> pd.Series[Any]:
        assert self.contains(codes).all(), f"codes outside the domain of column {self.name!r}"
        missing = codes == MISSING
        ticks = np.where(missing, MISSING, np.where(missing, 0, codes) * self._factor)
        times = ticks.view(f"{self.letter}8[{self._resolution}]")  # the smallest int64 is NaT
        if is_object(self.dtype):
            cells = times.astype(object)
            cells[missing] = MARKERS[self.marker]
            return pd.Series(cells, name=self.name, dtype=object)
        restored = pd.Series(times, name=self.name)
        if (zone := _zone(self.dtype)) is not None:
            restored = restored.dt.tz_localize("UTC").dt.tz_convert(zone)
        return restored.astype(self.dtype)

    @property
    def _resolution(self) -> str:
        """Unit of the integers that cells of this column's dtype keep."""
        if is_object(self.dtype):
            return "D" if self.unit == "D" else "us"
        return _resolution_of(self.dtype)

    @property
    def _factor(self) -> int:
        return _ratio(self.unit, self._resolution)

    def _limits(self) -> tuple[int, int]:
        if is_object(self.dtype):
            years = np.array(["0001-01-01", "9999-12-31"], dtype=f"M8[{self.unit}]")
            return int(years.astype(np.int64)[0]), int(years.astype(np.int64)[1])
        return -(-(ABSENT + 1) // self._factor), int(np.iinfo(np.int64).max) // self._factor

    def _units(self, bound: Any) -> Fraction:
        time = self._time(bound)
        nanoseconds = int(time.asm8.astype(np.int64)) * NANOSECONDS[time.unit]
        return Fraction(nanoseconds, NANOSECONDS[self.unit])

    @abstractmethod
    def _time(self, bound: Any) -> pd.Timestamp | pd.Timedelta: ...

    # The grammar is of calendar fields, or of the number of units where there are none

    @property
    def _is_calendar(self) -> bool:
        """Whether the calendar can name all values."""
        return self.letter == "M" and ranges.covers(self.low, self.high, self.unit)

    def symbol_automaton(self) -> Automaton:
        if self._is_calendar:
            return ranges.instants(self.low, self.high, self.unit)
        return ranges.fixed_numbers(range(self.low, self.high + 1), 1, {})

    def symbols(self, code: int) -> list[Hashable]:
        if self._is_calendar:
            return ranges.instant_symbols(code, self.unit)
        return ranges.fixed_symbols(code, range(self.low, self.high + 1), 1, {})

    def text_automaton(self) -> Automaton:
        if self._is_calendar:
            return framed(expand(self.symbol_automaton(), ranges.iso_text), " ", TEXT_END)
        return framed(ranges.plain_numbers(range(self.low, self.high + 1), 0, TEXT_END), " ")

    def text(self, code: int) -> str:
        if self._is_calendar:
            return "".join(map(ranges.iso_text, self.symbols(code)))
        return ranges.plain_text(code, 0)

    def _units_of_text(self, text: str) -> float:
        if not self._is_calendar:
            return super()._units_of_text(text)
        instant = np.datetime64(text, self.unit)  # type: ignore[call-overload]
        return float("nan") if np.isnat(instant) else float(instant.astype(np.int64))

    @property
    def unit_size(self) -> float:
        return 1.0 / ranges.UNITS_PER_DAY[self.unit]

    def common_scales(self, other: Column) -> tuple[int, int] | None:
        if not isinstance(other, TimeColumn) or type(other) is not type(self):
            return None
        if (_zone(self.dtype) is None) != (_zone(other.dtype) is None):
            return None
        finest = min(self.unit, other.unit, key=NANOSECONDS.__getitem__)
        return _ratio(self.unit, finest), _ratio(other.unit, finest)

    def to_floats(self, series: pd.Series[Any]) -> npt.NDArray[np.float64]:
        times = pd.Index(self._parsed(series)).as_unit("us")
        return np.where(times.isna(), np.nan, times.asi8.astype(float))

    @abstractmethod
    def _parsed(self, series: pd.Series[Any]) -> Any:
        """Return cells of any dtype as pandas reads them, NaT where it cannot."""


@register_column_type
@dataclass(frozen=True)
class DatetimeColumn(TimeColumn):
    """A column of instants, with or without a time zone.

    An object column holds `datetime.date` where the unit is "D", and naive `datetime.datetime`
    where it is finer.
    """

    kinds = ("datetime",)
    stays_non_negative = False
    letter = "M"
    converter = "to_datetime"

    @classmethod
    def recognizes(cls, series: pd.Series[Any]) -> bool:
        if not is_object(series.dtype):
            return super().recognizes(series)
        types = set(present_types(series))
        if types == {datetime.datetime}:
            return all(moment.tzinfo is None for moment in series.dropna())
        return types == {datetime.date}

    @classmethod
    def _can_be(cls, dtype: Dtype) -> bool:
        return is_object(dtype) or super()._can_be(dtype)

    @classmethod
    def _read_ticks(cls, series: pd.Series[Any]) -> Ticks:
        missing = series.isna().to_numpy(dtype=bool)
        if is_object(series.dtype):
            return cls._read_objects(series, missing)
        resolution = _resolution_of(series.dtype)
        zone = "" if _zone(series.dtype) is None else ", UTC"
        dtype: Any = f"datetime64[{resolution}{zone}]"
        moments = pd.DatetimeIndex(series.astype(dtype))
        return np.asarray(moments.asi8), missing, resolution

    @classmethod
    def _read_objects(cls, series: pd.Series[Any], missing: Mask) -> Ticks:
        types = set(present_types(series))
        has_zones = any(getattr(cell, "tzinfo", None) is not None for cell in series[~missing])
        if len(types) > 1 or not types <= _PYTHON_TYPES.keys() or has_zones:
            raise column_error(
                series.name,
                "holds objects that are not all dates, nor all datetimes without a time zone. "
                "Convert it with `pandas.to_datetime`.",
            )
        resolution = _PYTHON_TYPES[types.pop()] if types else "us"
        cells = series.to_numpy(dtype=object, copy=True)
        cells[missing] = np.datetime64("NaT")
        return cells.astype(f"M8[{resolution}]").view(np.int64), missing, resolution

    def code_of(self, value: Any) -> int:
        return super().code_of(value if pd.isna(value) else pd.Timestamp(value))

    def _time(self, bound: Any) -> pd.Timestamp:
        moment = pd.Timestamp(bound)
        zone = _zone(self.dtype)
        if zone is not None and moment.tz is None:
            moment = moment.tz_localize(zone)
        if (zone is None) != (moment.tz is None):
            raise ValueError(f"{bound!r} has a zone, and the column has none")
        return moment

    def _parsed(self, series: pd.Series[Any]) -> Any:
        return pd.to_datetime(series, errors="coerce", utc=True)

    def label(self, number: float) -> str:
        return f"{pd.Timestamp(number, unit='us'):%Y-%m-%d}"


@register_column_type
@dataclass(frozen=True)
class DurationColumn(TimeColumn):
    """A column of durations, generated as numbers of whole units."""

    kinds = ("duration",)
    letter = "m"
    converter = "to_timedelta"

    @classmethod
    def _read_ticks(cls, series: pd.Series[Any]) -> Ticks:
        resolution = _resolution_of(series.dtype)
        lengths = pd.TimedeltaIndex(series.astype(np.dtype(f"m8[{resolution}]")))
        return np.asarray(lengths.asi8), series.isna().to_numpy(dtype=bool), resolution

    def _time(self, bound: Any) -> pd.Timedelta:
        return pd.Timedelta(bound)

    def _parsed(self, series: pd.Series[Any]) -> Any:
        if self._can_be(series.dtype):  # pandas leaves Arrow's durations as they are
            series = series.astype(np.dtype(f"m8[{_resolution_of(series.dtype)}]"))
        return pd.to_timedelta(series, errors="coerce")

    def label(self, number: float) -> str:
        return str(pd.Timedelta(microseconds=number))


def _ratio(unit: str, resolution: str) -> int:
    """Ticks of `resolution` in one `unit`; 0 where the unit is the finer of the two."""
    return NANOSECONDS[unit] // NANOSECONDS[resolution]


def _resolution_of(dtype: Dtype) -> str:
    """Name the unit of the integers that cells of a dtype of times keep."""
    native: Any = getattr(dtype, "numpy_dtype", dtype)  # of Arrow's dtypes
    return np.datetime_data(native.base)[0]


def _zone(dtype: Dtype) -> datetime.tzinfo | str | None:
    """Zone of a dtype; an Arrow dtype keeps its name."""
    if isinstance(dtype, pd.DatetimeTZDtype):
        return dtype.tz
    zone: str | None = getattr(getattr(dtype, "pyarrow_dtype", None), "tz", None)
    return zone
