"""Columns of instants, and what they share with columns of durations."""

from __future__ import annotations

import datetime
from abc import abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.columns._base import (
    ABSENT,
    MISSING,
    TEXT_END,
    Codes,
    Column,
    Mask,
    register_column_type,
)
from counterpoise.columns._cells import (
    MARKERS,
    Dtype,
    column_error,
    is_object,
    present_types,
)
from counterpoise.columns._ranged import RangedColumn
from counterpoise.grammar import _calendar as calendar
from counterpoise.grammar import _numbers as numbers
from counterpoise.grammar._automaton import Automaton, expand, framed
from counterpoise.grammar._calendar import NANOSECONDS

_PYTHON_TYPES: Final[dict[type, str]] = {datetime.date: "D", datetime.datetime: "us"}
"""Resolution of what an object column can hold."""

Ticks = tuple[npt.NDArray[np.int64], Mask, str]
"""Integers that cells stand for (any where missing), which are missing, and their unit."""


@dataclass(frozen=True)
class TimeColumn(RangedColumn):
    """A column of instants or durations, in whole units of time.

    Parameters
    ----------
    unit : {"D", "h", "m", "s", "ms", "us", "ns"}
        The code of an instant is its number of whole units since 1970-01-01, in UTC for a
        column with a zone; that of a duration is its number of whole units.
    """

    priority = 40
    letter: ClassVar[str]
    """Of numpy's dtypes: "M" for instants, "m" for durations."""
    converter: ClassVar[str]
    """The function of pandas that makes other cells such ones."""

    unit: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self._can_be(self.dtype):
            raise self._error(
                f"has dtype {self.dtype}, which cannot be {self.kind}. Convert it with "
                f"`pandas.{self.converter}`."
            )
        if self.unit not in NANOSECONDS or self._factor < 1:
            raise self._error(f"has dtype {self.dtype}, which has no unit {self.unit!r}.")
        self._check_range()

    @classmethod
    def recognizes(cls, series: pd.Series[Any]) -> bool:
        """Whether the dtype is of such times."""
        return getattr(series.dtype, "kind", "O") == cls.letter

    @classmethod
    def _can_be(cls, dtype: Dtype) -> bool:
        return getattr(dtype, "kind", "O") == cls.letter

    @classmethod
    def infer(cls, series: pd.Series[Any], kind: str | None = None) -> Self:
        """Take range and unit from the cells: the coarsest unit that represents all of them."""
        kind = kind or cls.kinds[0]
        if not cls._can_be(series.dtype):
            raise column_error(
                series.name,
                f"is declared {kind}, but has dtype {series.dtype}, which "
                f"holds no {kind}s. Convert it with `pandas.{cls.converter}`.",
            )
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
    def _read_ticks(cls, series: pd.Series[Any]) -> Ticks:
        """Return the integers that the cells of a column of such times stand for."""

    # Cells and codes

    def encode(self, series: pd.Series[Any]) -> Codes:
        """Code each cell: its number of whole units.

        Raises
        ------
        SchemaError
            If a cell lies outside the range or between two units, or is missing where no cell
            may be.
        """
        self.check_dtype(series)
        ticks, missing, resolution = self._read_ticks(series)
        self.check_missing(missing)
        is_date = is_object(self.dtype) and self.unit == "D"
        if (resolution == "D") != is_date and not missing.all():
            raise self._outside(series[~missing].iloc[0])
        factor = _ratio(self.unit, resolution)
        codes = ticks // factor
        outside = (codes < self.low) | (codes > self.high) | (ticks % factor != 0)
        if (outside := outside & ~missing).any():
            raise self._outside(series.iloc[int(outside.argmax())])
        return np.where(missing, MISSING, codes)

    def decode(self, codes: Codes) -> pd.Series[Any]:
        """Restore the cells of an array of codes, shape (n_rows,), in the column's dtype."""
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

    # Domain

    @property
    def _resolution(self) -> str:
        """Unit of the integers that cells of this column's dtype keep."""
        if is_object(self.dtype):
            return "D" if self.unit == "D" else "us"
        return resolution_of(self.dtype)

    @property
    def _factor(self) -> int:
        return _ratio(self.unit, self._resolution)

    @property
    def _one_value(self) -> str:
        return f"whole {self.unit!r}"

    def _span(self) -> str:
        ends = np.array([self.low, self.high]).astype(f"{self.letter}8[{self.unit}]")
        return f"{ends[0]} to {ends[1]} (in whole {self.unit!r})"

    def _limits(self) -> tuple[int, int]:
        if is_object(self.dtype):
            years = np.array(["0001-01-01", "9999-12-31"], dtype=f"M8[{self.unit}]")
            return int(years.astype(np.int64)[0]), int(years.astype(np.int64)[1])
        return -(-(ABSENT + 1) // self._factor), int(np.iinfo(np.int64).max) // self._factor

    def _code_above(self, bound: Any) -> int:
        return -(-self._nanoseconds(bound) // NANOSECONDS[self.unit])

    def _code_below(self, bound: Any) -> int:
        return self._nanoseconds(bound) // NANOSECONDS[self.unit]

    @abstractmethod
    def _nanoseconds(self, bound: Any) -> int:
        """Exact nanoseconds, since the epoch or long, of a bound that the user gave."""

    # Grammar: the number of units, where the values are no instants that the calendar can name

    def symbol_automaton(self) -> Automaton:
        """Accept numbers of units, zero-padded."""
        return numbers.fixed_number(self.low, self.high)

    def symbols(self, code: int) -> list[Hashable]:
        """Return sign and digits of the number of units."""
        return numbers.fixed_number_symbols(code, self.low, self.high)

    def text_automaton(self) -> Automaton:
        """Accept a space, the number of units and a comma."""
        return framed(numbers.plain_number(self.low, self.high, 0, TEXT_END), " ")

    def text(self, code: int) -> str:
        """Return the number of units."""
        return numbers.plain_text(code, 0)

    def read_text(self, text: str) -> tuple[int | None, bool]:
        """Return the code of a time as text; one outside the range is put to its nearest end."""
        try:
            units = self._units_of_text(text)
        except ValueError:
            return ABSENT, False
        return self._nearest_to(units)

    def _units_of_text(self, text: str) -> float:
        return float(text.replace(" ", ""))

    # Distances

    @property
    def unit_size(self) -> float:
        """By how many days the values of two neighbouring codes differ."""
        return 1.0 / calendar.UNITS_PER_DAY[self.unit]

    def common_scales(self, other: Column) -> tuple[int, int] | None:
        """Return the factors that bring both columns' codes to one unit of time."""
        is_alike = type(other) is type(self) and (_zone(self.dtype) is None) == (
            _zone(other.dtype) is None
        )
        if not is_alike:
            return None
        assert isinstance(other, TimeColumn)
        finest = min(self.unit, other.unit, key=NANOSECONDS.__getitem__)
        return _ratio(self.unit, finest), _ratio(other.unit, finest)

    def to_floats(self, series: pd.Series[Any]) -> npt.NDArray[np.float64]:
        """Return the times in microseconds; NaN for a cell that is missing or no time."""
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
        """Whether the cells are instants, by dtype or by Python type."""
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
        resolution = resolution_of(series.dtype)
        zone = _zone(series.dtype)
        dtype: Any = np.dtype(f"M8[{resolution}]") if zone is None else series.dtype
        if isinstance(zone, str):
            dtype = f"datetime64[{resolution}, {zone}]"
        moments = pd.DatetimeIndex(series.astype(dtype))
        return np.asarray(moments.asi8), missing, resolution

    @classmethod
    def _read_objects(cls, series: pd.Series[Any], missing: Mask) -> Ticks:
        types = present_types(series)
        resolution = next((_PYTHON_TYPES.get(kind) for kind in types), "us")
        if resolution is None or len(types) > 1:
            names = ", ".join(kind.__name__ for kind in types)
            raise column_error(
                series.name,
                f"holds objects of type {names}; a column of times must "
                "hold datetime.date or datetime.datetime throughout. Convert it with "
                "`pandas.to_datetime`.",
            )
        if any(getattr(cell, "tzinfo", None) is not None for cell in series[~missing]):
            raise column_error(
                series.name,
                "holds datetime objects with time zones. Convert it with `pandas.to_datetime`.",
            )
        cells = series.to_numpy(dtype=object, copy=True)
        cells[missing] = np.datetime64("NaT")
        return cells.astype(f"M8[{resolution}]").view(np.int64), missing, resolution

    def code_of(self, value: Any) -> int:
        """Return the code of an instant, or of what `pandas.Timestamp` reads as one."""
        return super().code_of(value if pd.isna(value) else pd.Timestamp(value))

    def _nanoseconds(self, bound: Any) -> int:
        moment = pd.Timestamp(bound)
        zone = _zone(self.dtype)
        if zone is not None and moment.tz is None:
            moment = moment.tz_localize(zone)
        if (zone is None) != (moment.tz is None):
            raise ValueError(f"{bound!r} has a zone, and the column has none")
        return int(moment.to_datetime64().astype(np.int64)) * NANOSECONDS[moment.unit]

    @property
    def _is_calendar(self) -> bool:
        """Whether the calendar can name all values."""
        return calendar.covers(self.low, self.high, self.unit)

    def symbol_automaton(self) -> Automaton:
        """Accept year, month, day, hour, ..., down to the unit."""
        if not self._is_calendar:
            return super().symbol_automaton()
        return calendar.instants(self.low, self.high, self.unit)

    def symbols(self, code: int) -> list[Hashable]:
        """Return year, month, day, hour, ..., down to the unit."""
        if not self._is_calendar:
            return super().symbols(code)
        return calendar.instant_symbols(code, self.unit)

    def text_automaton(self) -> Automaton:
        """Accept instants as ISO 8601 has them, a space between date and time."""
        if not self._is_calendar:
            return super().text_automaton()
        return framed(expand(self.symbol_automaton(), calendar.iso_text), " ", TEXT_END)

    def text(self, code: int) -> str:
        """Return the instant as ISO 8601 has it."""
        if not self._is_calendar:
            return super().text(code)
        return "".join(map(calendar.iso_text, self.symbols(code)))

    def _units_of_text(self, text: str) -> float:
        if not self._is_calendar:
            return super()._units_of_text(text)
        instant = np.datetime64(text, self.unit)  # type: ignore[call-overload]
        return float("nan") if np.isnat(instant) else float(instant.astype(np.int64))

    def _parsed(self, series: pd.Series[Any]) -> Any:
        return pd.to_datetime(series, errors="coerce", utc=True)

    def label(self, number: float) -> str:
        """Write an instant as its day."""
        return f"{pd.Timestamp(number, unit='us'):%Y-%m-%d}"


def _ratio(unit: str, resolution: str) -> int:
    """Ticks of `resolution` in one `unit`; 0 where the unit is the finer of the two."""
    return NANOSECONDS[unit] // NANOSECONDS[resolution]


def resolution_of(dtype: Dtype) -> str:
    """Name the unit of the integers that cells of a dtype of times keep."""
    if isinstance(dtype, pd.DatetimeTZDtype):
        return dtype.unit
    native: Any = getattr(dtype, "numpy_dtype", dtype)
    return np.datetime_data(native)[0]


def _zone(dtype: Dtype) -> datetime.tzinfo | str | None:
    """Zone of a dtype; an Arrow dtype keeps its name."""
    if isinstance(dtype, pd.DatetimeTZDtype):
        return dtype.tz
    zone: str | None = getattr(getattr(dtype, "pyarrow_dtype", None), "tz", None)
    return zone
