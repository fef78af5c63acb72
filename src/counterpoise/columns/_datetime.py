"""Columns of instants and of durations."""

from __future__ import annotations

import datetime
from abc import abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
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
    column_error,
    distinct,
    is_object,
    is_string,
    marker_of,
    present_types,
    register_column_type,
)
from counterpoise.columns._json import Dtype
from counterpoise.columns._ranged import RangedColumn, are_few, shared
from counterpoise.columns._written import (
    DateNotation,
    kind_and_notation,
    written_values,
)
from counterpoise.errors import SchemaError
from counterpoise.grammar import Automaton, expand, framed
from counterpoise.grammar import _ranges as ranges
from counterpoise.grammar._automaton import union
from counterpoise.grammar._ranges import NANOSECONDS

_PYTHON_TYPES: Final[dict[type, str]] = {datetime.date: "D", datetime.datetime: "us"}
"""Resolution of what an object column can hold."""

_FREQUENCIES: Final = {"m": "min"}
"""Units of numpy that have another name in pandas."""

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
        if not self._has_possible_dtype:
            raise self._wrong_dtype(self.name, self.dtype)
        if self.unit not in NANOSECONDS or self._factor < 1 or self._usual_unit is None:
            raise self._error(f"has dtype {self.dtype}, which has no unit {self.unit!r}.")
        self._check_range()

    @classmethod
    def recognizes(cls, series: pd.Series[Any]) -> bool:
        return cls._can_be(series.dtype)

    @property
    def _has_possible_dtype(self) -> bool:
        return self._can_be(self.dtype)

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
        if not cls._can_be(series.dtype):
            raise cls._wrong_dtype(series.name, series.dtype)
        ticks, missing, resolution = cls._read_ticks(series)
        units = list(NANOSECONDS)[: list(NANOSECONDS).index(resolution) + 1]
        if is_object(series.dtype) and resolution != "D":
            units.remove("D")  # unit "D" says that the objects are dates

        def coarsest(ticks: Codes) -> str:
            return next(unit for unit in units if not (ticks % _ratio(unit, resolution)).any())

        values, counts = np.unique(ticks[~missing], return_counts=True)
        unit = coarsest(values)
        codes = values // _ratio(unit, resolution)
        if kind is None and are_few(codes, counts, 1):
            grid = {"low": 1, "high": 0, "atoms": tuple(codes.tolist())}
        else:
            is_atom = shared(codes, counts)
            low, high = codes[~is_atom][[0, -1]].tolist()
            can_differ = cls.letter == "M" and ranges.covers(int(codes[0]), int(codes[-1]), unit)
            usual = coarsest(values[~is_atom]) if can_differ else unit
            step, atoms = _ratio(usual, unit), tuple(codes[is_atom].tolist())
            grid = {"low": low, "high": high, "step": step, "atoms": atoms}
        return cls.describing(series, kind or cls.kinds[0], unit=unit, **grid)

    @classmethod
    @abstractmethod
    def _read_ticks(cls, series: pd.Series[Any]) -> Ticks: ...

    def encode(self, series: pd.Series[Any]) -> Codes:
        self.check_dtype(series)
        ticks, missing, resolution = self._read_ticks(series)
        factor = _ratio(self.unit, resolution)
        codes = ticks // max(factor, 1)
        is_other = (resolution == "D") != (is_object(self.dtype) and self.unit == "D")
        low, high = self.code_range
        outside = (codes < low) | (codes > high) | (codes * factor != ticks) | is_other
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
    def _usual_unit(self) -> str | None:
        """Unit of the ordinary values; None if there is no such unit."""
        size = NANOSECONDS[self.unit] * self.step
        return next((unit for unit, known in NANOSECONDS.items() if known == size), None)

    @property
    def _is_calendar(self) -> bool:
        """Whether the calendar can name all values."""
        return self.letter == "M" and ranges.covers(*self.code_range, self.unit)

    @property
    def _instants(self) -> Automaton:
        low, high = self.low // self.step, self.high // self.step
        return ranges.instants(low, high, str(self._usual_unit), self.step)

    def _ordinary_automaton(self) -> Automaton:
        return self._instants if self._is_calendar else ranges.fixed_numbers(self.multiples)

    def _ordinary_symbols(self, code: int) -> list[Hashable]:
        if self._is_calendar:
            return ranges.instant_symbols(code // self.step, str(self._usual_unit))
        return ranges.fixed_symbols(code, self.multiples)

    def text_automaton(self) -> Automaton:
        parts = []
        for code in self._own_atoms:
            if self._is_calendar:
                one = ranges.instants(code, code, self.unit)
                parts.append(framed(expand(one, ranges.iso_text), " ", TEXT_END))
            else:
                one = ranges.plain_numbers(range(code, code + 1), 0, TEXT_END)
                parts.append(framed(one, " "))
        if self.has_ordinary and self._is_calendar:
            parts.append(framed(expand(self._instants, ranges.iso_text), " ", TEXT_END))
        elif self.has_ordinary:
            parts.append(framed(ranges.plain_numbers(self.multiples, 0, TEXT_END), " "))
        return union(*parts)

    def text(self, code: int) -> str:
        if not self._is_calendar:
            return ranges.plain_text(code, 0)
        if self._is_ordinary(code):
            return "".join(map(ranges.iso_text, self._ordinary_symbols(code)))
        return "".join(map(ranges.iso_text, ranges.instant_symbols(code, self.unit)))

    def _units_of_text(self, text: str) -> float:
        if not self._is_calendar:
            return super()._units_of_text(text)
        instant = np.datetime64(text, self.unit)  # type: ignore[call-overload]
        return float("nan") if np.isnat(instant) else float(instant.astype(np.int64))

    @property
    def unit_size(self) -> float:
        return 1.0 / ranges.UNITS_PER_DAY[self.unit]

    @property
    def measure(self) -> Hashable:
        return self.kind, _zone(self.dtype) is None

    def common_scales(self, other: Column) -> tuple[int, int] | None:
        if not isinstance(other, TimeColumn) or self.measure != other.measure:
            return None
        if self._clock != other._clock:
            return None
        finest = min(self.unit, other.unit, key=NANOSECONDS.__getitem__)
        return _ratio(self.unit, finest), _ratio(other.unit, finest)

    def to_floats(self, series: pd.Series[Any]) -> npt.NDArray[np.float64]:
        times = pd.Index(self._parsed(series)).as_unit("us")
        return np.where(times.isna(), np.nan, times.asi8.astype(float))

    @property
    def _clock(self) -> datetime.tzinfo | str | None:
        """The zone that codes count in; None for UTC, and where there are no zones."""
        return None

    @abstractmethod
    def _parsed(self, series: pd.Series[Any]) -> Any:
        """Return cells of any dtype as pandas reads them, NaT where it cannot."""


@register_column_type
@dataclass(frozen=True)
class DatetimeColumn(TimeColumn):
    """A column of instants, with or without a time zone.

    An object column holds `datetime.date` where the unit is "D", and naive `datetime.datetime`
    where it is finer, unless it holds strings in a `notation`. So can columns of strings, and of
    numbers such as 20240131.
    """

    kinds = ("datetime",)
    stays_non_negative = False
    letter = "M"
    converter = "to_datetime"

    is_local: bool = field(default=False, kw_only=True)
    """Whether codes count in the column's zone, by whose clocks the values are whole units."""
    notation: str = field(default="", kw_only=True)
    """How cells that are text, or numbers made of a date's digits, write it: see `DateNotation`."""

    @property
    def _has_possible_dtype(self) -> bool:
        if not self.notation:
            return super()._has_possible_dtype
        try:
            DateNotation.parse(self.notation)
        except ValueError as error:
            raise self._error(f"has a notation that cannot be read: {error}.") from error
        return _holds_text(self.dtype) and not self.is_local

    @classmethod
    def infer(cls, series: pd.Series[Any], kind: str | None = None) -> Self:
        kind, form = kind_and_notation(kind)
        types = set(present_types(series)) if is_object(series.dtype) else {str}
        if _holds_text(series.dtype) and types == {str}:
            return cls._infer_written(series, kind, form)
        if form:
            raise cls._wrong_dtype(series.name, series.dtype)
        column = super().infer(series, kind)
        zone = _zone(series.dtype)
        if zone is None or not column.has_ordinary:
            return column
        moments = _moments(series)
        size = NANOSECONDS[column.unit] * column.step
        # Rounded down, for where there is no midnight: clocks are put forward from 0:00 to 1:00
        for unit in [unit for unit in NANOSECONDS if NANOSECONDS[unit] > size] + [moments.unit]:
            local = moments.tz_convert(zone).tz_localize(None).floor(_FREQUENCIES.get(unit, unit))
            if _in_zone(local, zone).equals(moments.tz_convert(zone)):
                naive = super().infer(pd.Series(local, name=series.name), kind)
                if NANOSECONDS[naive.unit] * naive.step > size:
                    return replace(naive, dtype=series.dtype, is_local=True)
        return column

    @classmethod
    def _infer_written(cls, series: pd.Series[Any], kind: str | None, form: str) -> Self:
        _, texts = _texts(series)
        try:
            declared = DateNotation.parse(form).padded_as(texts) if form else None
        except ValueError as error:
            raise column_error(series.name, f"is declared with a notation: {error}.") from error
        found = [declared] if form else DateNotation.found(texts)
        if not found or found[0] is None:
            if not form and getattr(series.dtype, "kind", "O") in "iuf":
                raise cls._wrong_dtype(series.name, series.dtype)
            raise column_error(
                series.name,
                f"is declared datetime, but its values, such as {texts[0]!r}, are not all "
                f"{f'written as {form}' if form else 'dates in one notation that is known'}. Say "
                "which it is, as in 'datetime:%d.%m.%Y', or convert it with `pandas.to_datetime`.",
                texts[0],
            )
        notation = found[0]
        column = super().infer(_times(series, notation), kind)
        if notation.has_only_months and column.has_ordinary:
            first, last = np.array(column.code_range, f"M8[{column.unit}]").astype("M8[M]")
            months = np.arange(first, last + 1).astype(f"M8[{column.unit}]").astype(np.int64)
            column = replace(column, low=1, high=0, step=1, atoms=tuple(months.tolist()))
        return replace(column, dtype=series.dtype, marker=marker_of(series), notation=str(notation))

    @cached_property
    def _naive(self) -> Self:
        """The column of what clocks in the zone show, or of what the text says."""
        dtype = np.dtype(f"M8[{self._resolution}]")
        return replace(self, dtype=dtype, is_local=False, notation="")

    @cached_property
    def _notation(self) -> DateNotation:
        return DateNotation(self.notation)

    @property
    def _resolution(self) -> str:
        return self._notation.resolution if self.notation else super()._resolution

    def _limits(self) -> tuple[int, int]:
        if not self.notation:
            return super()._limits()
        low, high = np.array(self._notation.ends, f"M8[{self.unit}]").astype(np.int64).tolist()
        return low, high

    def encode(self, series: pd.Series[Any]) -> Codes:
        if self.notation:
            self.check_dtype(series)
            times = _times(series, self._notation)
            is_other = times.isna().to_numpy() & series.notna().to_numpy()
            if is_other.any():
                value = series.iloc[int(is_other.argmax())]
                raise self._error(
                    f"holds {value!r}, which is no date or time written as {self.notation}.", value
                )
            return self._naive.encode(times)
        zone = _zone(self.dtype)
        if not self.is_local or zone is None:
            return super().encode(series)
        self.check_dtype(series)
        moments = _moments(series).tz_convert(zone)
        local = moments.tz_localize(None).floor(_FREQUENCIES.get(self.unit, self.unit))
        is_missing = np.asarray(moments.isna())
        is_off = np.asarray(_in_zone(local, zone) != moments)
        codes = self._naive.encode(pd.Series(local, name=self.name))
        return self._placed(series, codes, is_missing, is_off)

    def decode(self, codes: Codes) -> pd.Series[Any]:
        if self.notation:
            return self._as_written(codes)
        zone = _zone(self.dtype)
        if not self.is_local or zone is None:
            return super().decode(codes)
        local = pd.DatetimeIndex(self._naive.decode(codes))
        return pd.Series(_in_zone(local, zone), name=self.name).astype(self.dtype)

    def _as_written(self, codes: Codes) -> pd.Series[Any]:
        found, positions = np.unique(codes, return_inverse=True)
        times = self._naive.decode(found)
        is_text = is_object(self.dtype) or is_string(self.dtype)
        marker = MARKERS[self.marker] if is_object(self.dtype) else None
        cells = np.full(len(found), marker, dtype=object)
        for at, time in enumerate(times.to_numpy().astype("M8[us]").tolist()):
            if time is not None:
                text = self._notation.write(time)
                cells[at] = text if is_text else int(text)
        return pd.Series(cells[positions], name=self.name, dtype=object).astype(self.dtype)

    @classmethod
    def recognizes(cls, series: pd.Series[Any]) -> bool:
        if not is_object(series.dtype):
            is_time = super().recognizes(series)
            return is_time or bool(DateNotation.found(written_values(series)))
        types = set(present_types(series))
        if types == {datetime.datetime}:
            return all(moment.tzinfo is None for moment in series.dropna())
        return types == {datetime.date} or bool(DateNotation.found(written_values(series)))

    @classmethod
    def _can_be(cls, dtype: Dtype) -> bool:
        return is_object(dtype) or super()._can_be(dtype)

    @classmethod
    def _read_ticks(cls, series: pd.Series[Any]) -> Ticks:
        missing = series.isna().to_numpy(dtype=bool)
        if is_object(series.dtype):
            return cls._read_objects(series, missing)
        return np.asarray(_moments(series).asi8), missing, _resolution_of(series.dtype)

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
        cells[missing] = np.datetime64("NaT", "us")  # NumPy means to end NaT without a unit
        return cells.astype(f"M8[{resolution}]").view(np.int64), missing, resolution

    def code_of(self, value: Any) -> int:
        if pd.isna(value) is True:
            return super().code_of(value)
        if self.notation:
            return self._naive.code_of(self._meant(value))
        try:
            moment = self._in_own_zone(pd.Timestamp(value))
        except (TypeError, ValueError) as error:
            raise self._no_value(value) from error
        return super().code_of(moment)

    def _meant(self, value: Any) -> Any:
        """Return what a cell or another value of the user's stands for."""
        if not self.notation:
            return value
        is_number = isinstance(value, int | float | np.number)
        return self._notation.read(str(int(value)) if is_number else str(value)) or value

    def _in_own_zone(self, moment: pd.Timestamp) -> pd.Timestamp:
        """Return a moment without a zone as clocks in the column's zone show it."""
        zone = _zone(self.dtype)
        if zone is None or moment.tz is not None:
            return moment
        return _in_zone(pd.DatetimeIndex([moment]), zone)[0]

    def _time(self, bound: Any) -> pd.Timestamp:
        moment = self._in_own_zone(pd.Timestamp(self._meant(bound)))
        zone = _zone(self.dtype)
        if (zone is None) != (moment.tz is None):
            raise ValueError(f"{bound!r} has a zone, and the column has none")
        return moment.tz_convert(zone).tz_localize(None) if self.is_local else moment

    @property
    def _clock(self) -> datetime.tzinfo | str | None:
        return _zone(self.dtype) if self.is_local else None

    @property
    def measure(self) -> Hashable:
        if self.notation and not self._notation.has_date:
            return "time of day"
        return super().measure

    def _parsed(self, series: pd.Series[Any]) -> Any:
        if not self.notation:
            if super()._can_be(series.dtype):  # pandas 3.0 leaves Arrow's times as they are
                series = pd.Series(_moments(series))
            return pd.to_datetime(series, errors="coerce", utc=True)
        if getattr(series.dtype, "kind", "O") == "M":
            return series
        return _times(series, self._notation)

    def label(self, number: float) -> str:
        if self.notation:
            return self._notation.write(pd.Timestamp(number, unit="us").to_pydatetime())
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


def _moments(series: pd.Series[Any]) -> pd.DatetimeIndex:
    """Return the cells of a dtype of instants, in UTC if it has a zone."""
    zone = "" if _zone(series.dtype) is None else ", UTC"
    dtype: Any = f"datetime64[{_resolution_of(series.dtype)}{zone}]"
    return pd.DatetimeIndex(series.astype(dtype))


def _in_zone(local: pd.DatetimeIndex, zone: datetime.tzinfo | str) -> pd.DatetimeIndex:
    """Return the instants at which clocks show `local`: the first of two, the next if none does."""
    is_first = np.ones(len(local), dtype=bool)
    return local.tz_localize(zone, ambiguous=is_first, nonexistent="shift_forward")


def _holds_text(dtype: Dtype) -> bool:
    """Whether cells can write dates: strings, or numbers made of a date's digits."""
    return is_object(dtype) or is_string(dtype) or getattr(dtype, "kind", "O") in "iuf"


def _texts(series: pd.Series[Any]) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Return which text each cell is (-1 if missing), and these; a number is its digits."""
    positions, values = distinct(series)
    is_whole = [isinstance(value, int | float) and value % 1 == 0 for value in values]
    pairs = zip(values, is_whole, strict=True)
    return positions, [str(int(value) if whole else value) for value, whole in pairs]  # type: ignore[call-overload]


def _times(series: pd.Series[Any], notation: DateNotation) -> pd.Series[Any]:
    """Return what cells stand for; NaT unless they are written exactly so."""
    positions, texts = _texts(series)
    times = notation.moments([*texts, ""])  # the last is NaT, of missing cells
    return pd.Series(times[positions], name=series.name)
