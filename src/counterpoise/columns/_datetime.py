"""Columns of instants and of durations."""

from __future__ import annotations

import datetime
from abc import abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar, Final, Self, TypeAlias

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
    column_error,
    distinct,
    is_object,
    is_string,
    present_types,
    register_column_type,
)
from counterpoise.columns._json import Dtype
from counterpoise.columns._ranged import RangedColumn, kept_exactly
from counterpoise.columns._written import DateNotation, kind_and_notation, written_values
from counterpoise.errors import SchemaError
from counterpoise.grammar import Automaton, expand, framed
from counterpoise.grammar import _ranges as ranges
from counterpoise.grammar._automaton import union
from counterpoise.grammar._ranges import NANOSECONDS

_PYTHON_TYPES: Final[dict[type, str]] = {datetime.date: "D", datetime.datetime: "us"}
"""Resolution of what an object column can hold."""

Times: TypeAlias = npt.NDArray[Any]
"""Instants or durations of one resolution, NaT where missing; instants are in UTC if in a zone."""


@dataclass(frozen=True)
class TimeColumn(RangedColumn):
    """Instants or durations; a code counts whole units, since 1970-01-01 (in UTC if in a zone)."""

    priority = 40
    letter: ClassVar[str]  # of numpy's dtypes
    advice: ClassVar[str]  # what to do with other cells

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
        return getattr(series.dtype, "kind", "O") == cls.letter

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
            f"{cls.advice}.",
        )

    @classmethod
    def infer(cls, series: pd.Series[Any], kind: str | None = None) -> Self:
        if not cls._can_be(series.dtype):
            raise cls._wrong_dtype(series.name, series.dtype)
        return cls._fit(series, kind, cls._times(series))

    @classmethod
    def _fit(cls, series: pd.Series[Any], kind: str | None, times: Times, **more: Any) -> Self:
        """Make the column whose cells stand for `times`, with `more` fields."""
        resolution = np.datetime_data(times.dtype)[0]
        units = list(NANOSECONDS)[: list(NANOSECONDS).index(resolution) + 1]
        if is_object(series.dtype) and resolution != "D" and not more:
            units.remove("D")  # unit "D" says that the objects are dates

        def coarsest(ticks: Codes) -> str:
            return next(unit for unit in units if not (ticks % _ratio(unit, resolution)).any())

        values, counts = np.unique(times[~np.isnat(times)].astype(np.int64), return_counts=True)
        unit = coarsest(values)
        codes = values // _ratio(unit, resolution)
        is_atom = kept_exactly(codes, counts, 1, kind is None)
        grid: dict[str, Any] = {"low": 1, "high": 0, "atoms": tuple(codes[is_atom].tolist())}
        if not is_atom.all():
            grid["low"], grid["high"] = codes[~is_atom][[0, -1]].tolist()
            can_differ = cls.letter == "M" and ranges.covers(int(codes[0]), int(codes[-1]), unit)
            grid["step"] = _ratio(coarsest(values[~is_atom]) if can_differ else unit, unit)
        return cls.describing(series, kind or cls.kinds[0], unit=unit, **grid, **more)

    @classmethod
    @abstractmethod
    def _times(cls, series: pd.Series[Any]) -> Times:
        """Return what the cells of a column of times hold."""

    def _counted(self, series: pd.Series[Any]) -> tuple[Times, Mask | bool]:
        """Return the times whose units are codes, and which cells stand for none of them."""
        return self._times(series), False

    def encode(self, series: pd.Series[Any]) -> Codes:
        self.check_dtype(series)
        times, is_off = self._counted(series)
        factor = _ratio(self.unit, np.datetime_data(times.dtype)[0])
        ticks = times.astype(np.int64)
        codes = ticks // max(factor, 1)
        return self._placed(series, codes, np.isnat(times), is_off | (codes * factor != ticks))

    def decode(self, codes: Codes) -> pd.Series[Any]:
        assert self.contains(codes).all(), f"codes outside the domain of column {self.name!r}"
        is_missing = codes == MISSING
        ticks = np.where(is_missing, MISSING, np.where(is_missing, 0, codes) * self._factor)
        return self._cells(ticks.view(f"{self.letter}8[{self._resolution}]"))

    def _cells(self, times: Times) -> pd.Series[Any]:
        """Return cells that stand for what is counted."""
        return pd.Series(times, name=self.name).astype(self.dtype)

    @property
    def _resolution(self) -> str:
        """Unit of the integers that cells of this column's dtype keep."""
        return _resolution_of(self.dtype)

    @property
    def _factor(self) -> int:
        return _ratio(self.unit, self._resolution)

    def _limits(self) -> tuple[int, int]:
        return -(-(ABSENT + 1) // self._factor), int(np.iinfo(np.int64).max) // self._factor

    def _units(self, bound: Any) -> Fraction:
        time = self._time(bound)
        nanoseconds = int(time.asm8.astype(np.int64)) * NANOSECONDS[time.unit]
        return Fraction(nanoseconds, NANOSECONDS[self.unit])

    def code_of(self, value: Any) -> int:
        try:
            if pd.isna(value) is True or pd.isna(self._time(value)):  # also of ""
                return super().code_of(None)
            units = self._units(value)
        except (ArithmeticError, ValueError, TypeError) as error:
            raise self._no_value(value) from error
        low, high = self.code_range
        if units % 1 == 0 and low <= units <= high and self.contains(np.array([int(units)]))[0]:
            return int(units)
        raise self._no_value(value)

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
            return list(ranges.instant_symbols(code // self.step, str(self._usual_unit)))
        return ranges.fixed_symbols(code, self.multiples)

    def text_automaton(self) -> Automaton:
        if not self._is_calendar:
            spans = [range(code, code + 1) for code in self._own_atoms]
            spans += [self.multiples] if self.has_ordinary else []
            parts = [ranges.plain_numbers(span, 0, TEXT_END) for span in spans]
            return framed(union(*parts), " ")
        parts = [ranges.instants(code, code, self.unit) for code in self._own_atoms]
        parts += [self._instants] if self.has_ordinary else []
        return union(*(framed(expand(part, ranges.iso_text), " ", TEXT_END) for part in parts))

    def text(self, code: int) -> str:
        if not self._is_calendar:
            return ranges.plain_text(code, 0)
        is_ordinary = self._is_ordinary(code)
        symbols = (
            self._ordinary_symbols(code) if is_ordinary else ranges.instant_symbols(code, self.unit)
        )
        return "".join(map(ranges.iso_text, symbols))

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
    advice = "Convert it with `pandas.to_datetime`"

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
    def _can_be(cls, dtype: Dtype) -> bool:
        return is_object(dtype) or super()._can_be(dtype)

    @classmethod
    def recognizes(cls, series: pd.Series[Any]) -> bool:
        types = set(present_types(series)) if is_object(series.dtype) else set()
        if types == {datetime.datetime}:
            return all(moment.tzinfo is None for moment in series.dropna())
        is_time = types == {datetime.date} or super().recognizes(series)
        return is_time or bool(DateNotation.found(written_values(series)))

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
            local = _local(moments, zone, unit)
            if _in_zone(local, zone).equals(moments.tz_convert(zone)):
                found = cls._fit(series, kind, local.to_numpy(), is_local=True)
                if NANOSECONDS[found.unit] * found.step > size:
                    return found
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
            one = form or "%Y-%m-%d"
            other = next((t for t in texts if not DateNotation(one).padded_as([t])), texts[0])
            raise column_error(
                series.name,
                f"is declared datetime, but its values, such as {other!r}, are not all "
                f"{f'written as {form}' if form else 'dates in one notation that is known'}. Say "
                "which it is, as in 'datetime:%d.%m.%Y', or convert it with `pandas.to_datetime`.",
                other,
            )
        notation = found[0]
        column = cls._fit(series, kind, _moments_of(series, notation), notation=str(notation))
        if notation.has_only_months and column.has_ordinary:
            first, last = np.array(column.code_range, f"M8[{column.unit}]").astype("M8[M]")
            months = np.arange(first, last + np.timedelta64(1, "M"))
            months = months.astype(f"M8[{column.unit}]").astype(np.int64)
            column = replace(column, low=1, high=0, step=1, atoms=tuple(months.tolist()))
        return column

    @cached_property
    def _notation(self) -> DateNotation:
        return DateNotation(self.notation)

    @property
    def _resolution(self) -> str:
        if self.notation:
            return self._notation.resolution
        if is_object(self.dtype):
            return "D" if self.unit == "D" else "us"
        return super()._resolution

    def _limits(self) -> tuple[int, int]:
        if not (self.notation or is_object(self.dtype)):
            return super()._limits()
        ends = self._notation.ends if self.notation else ("0001-01-01", "9999-12-31")
        low, high = np.array(ends, f"M8[{self.unit}]").astype(np.int64).tolist()
        return low, high

    @classmethod
    def _times(cls, series: pd.Series[Any]) -> Times:
        if not is_object(series.dtype):
            return np.asarray(_moments(series).tz_localize(None))
        missing, types = series.isna().to_numpy(dtype=bool), set(present_types(series))
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
        return cells.astype(f"M8[{resolution}]")

    def _counted(self, series: pd.Series[Any]) -> tuple[Times, Mask | bool]:
        if self.notation:
            times = _moments_of(series, self._notation)
            is_other = np.isnat(times) & series.notna().to_numpy()
            if is_other.any():
                value = series.iloc[int(is_other.argmax())]
                raise self._error(
                    f"holds {value!r}, which is no date or time written as {self.notation}.", value
                )
            return times, False
        zone = _zone(self.dtype)
        if self.is_local and zone is not None:
            moments = _moments(series)
            local = _local(moments, zone, self.unit)
            return local.to_numpy(), np.asarray(_in_zone(local, zone) != moments.tz_convert(zone))
        times = self._times(series)
        # a date is no datetime at midnight
        is_off = is_object(self.dtype) and (times.dtype == "M8[D]") != (self.unit == "D")
        return times, is_off

    def _cells(self, times: Times) -> pd.Series[Any]:
        if self.notation:
            found, positions = np.unique(times, return_inverse=True)
            is_text = is_object(self.dtype) or is_string(self.dtype)
            cells = np.full(len(found), self.missing_cell, dtype=object)
            for at, time in enumerate(found.astype("M8[us]").tolist()):
                if time is not None:
                    text = self._notation.write(time)
                    cells[at] = text if is_text else int(text)
            return pd.Series(cells[positions], name=self.name, dtype=object).astype(self.dtype)
        if is_object(self.dtype):
            return self.restored(times.astype(object), np.isnat(times))
        zone, moments = _zone(self.dtype), pd.DatetimeIndex(times)
        if zone is not None and self.is_local:
            moments = _in_zone(moments, zone)
        elif zone is not None:
            moments = moments.tz_localize("UTC").tz_convert(zone)
        return pd.Series(moments, name=self.name).astype(self.dtype)

    def _time(self, bound: Any) -> pd.Timestamp:
        if self.notation:
            is_number = isinstance(bound, int | float | np.number)
            bound = self._notation.read(str(int(bound)) if is_number else str(bound)) or bound
        moment, zone = pd.Timestamp(bound), _zone(self.dtype)
        if zone is not None and moment.tz is None:  # as clocks in the column's zone show it
            moment = _in_zone(pd.DatetimeIndex([moment]), zone)[0]
        if zone is None and moment.tz is not None:
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
        if getattr(series.dtype, "kind", "O") == "M":  # pandas leaves Arrow's times as they are
            return _moments(series)
        if self.notation:
            return _moments_of(series, self._notation)
        return pd.to_datetime(series, errors="coerce", utc=True)

    def label(self, number: float) -> str:
        moment = pd.Timestamp(number, unit="us").to_pydatetime()
        return (self._notation if self.notation else DateNotation("%Y-%m-%d")).write(moment)


@register_column_type
@dataclass(frozen=True)
class DurationColumn(TimeColumn):
    """A column of durations, generated as numbers of whole units."""

    kinds = ("duration",)
    letter = "m"
    advice = "Convert it with `pandas.to_timedelta`, or write it as a number"

    @classmethod
    def _times(cls, series: pd.Series[Any]) -> Times:
        lengths = series.astype(np.dtype(f"m8[{_resolution_of(series.dtype)}]"))
        return np.asarray(pd.TimedeltaIndex(lengths))

    def _time(self, bound: Any) -> pd.Timedelta:
        return pd.Timedelta(bound)

    def _parsed(self, series: pd.Series[Any]) -> Any:
        if self._can_be(series.dtype):  # pandas leaves Arrow's durations as they are
            return self._times(series)
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


def _local(moments: pd.DatetimeIndex, zone: datetime.tzinfo | str, unit: str) -> pd.DatetimeIndex:
    """Return what clocks in a zone show, rounded down to whole units."""
    return moments.tz_convert(zone).tz_localize(None).floor("min" if unit == "m" else unit)


def _holds_text(dtype: Dtype) -> bool:
    """Whether cells can write dates: strings, or numbers made of a date's digits."""
    return is_object(dtype) or is_string(dtype) or getattr(dtype, "kind", "O") in "iuf"


def _texts(series: pd.Series[Any]) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Return which text each cell is (-1 if missing), and these; a number is its digits."""
    positions, values = distinct(series)
    is_whole = [isinstance(value, int | float) and value % 1 == 0 for value in values]
    pairs = zip(values, is_whole, strict=True)
    return positions, [str(int(value) if whole else value) for value, whole in pairs]  # type: ignore[call-overload]


def _moments_of(series: pd.Series[Any], notation: DateNotation) -> Times:
    """Return what cells stand for; NaT unless they are written exactly so."""
    positions, texts = _texts(series)
    return notation.moments([*texts, ""])[positions]  # the last is NaT, of missing cells
