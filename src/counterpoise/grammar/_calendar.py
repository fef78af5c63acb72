"""Instants in a closed range as fields of the proleptic Gregorian calendar: year, month, ..."""

from __future__ import annotations

import calendar as _calendar
from collections.abc import Hashable, Iterable
from datetime import date
from typing import NamedTuple, cast

from counterpoise.grammar._automaton import Automaton, Step, from_steps

NANOSECONDS = {
    "D": 86_400 * 10**9,
    "h": 3_600 * 10**9,
    "m": 60 * 10**9,
    "s": 10**9,
    "ms": 10**6,
    "us": 10**3,
    "ns": 1,
}
"""Units of time, coarsest first."""

UNITS_PER_DAY = {unit: NANOSECONDS["D"] // size for unit, size in NANOSECONDS.items()}
_EPOCH = date(1970, 1, 1).toordinal()
_CLOCK = [("hour", 24), ("minute", 60), ("second", 60), *((f"fraction{i}", 10) for i in range(9))]


class _Prefix(NamedTuple):
    """The fields so far."""

    depth: int  # of the next field: 0 to 2 are year, month and day, then the clock's
    base: int | None  # first instant with these fields, where the range can still end among them
    detail: int  # whether the year is a leap year, or the number of days of the month


def _clock_fields(unit: str) -> list[tuple[str, int, int]]:
    """Return the fields below the day, longest first: name, number of values, units in each."""
    size = UNITS_PER_DAY[unit]
    fields = []
    for name, n_values in _CLOCK:
        if size > 1:
            size //= n_values
            fields.append((name, n_values, size))
    return fields


def covers(low: int, high: int, unit: str) -> bool:
    """Return whether the years of all instants from `low` to `high` are 1 to 9999."""
    per_day = UNITS_PER_DAY[unit]
    first, last = (_EPOCH + bound // per_day for bound in (low, high))
    return date.min.toordinal() <= first and last <= date.max.toordinal()


def instants(low: int, high: int, unit: str) -> Automaton:
    """Accept exactly the instants of ``[low, high]``, in whole `unit` since 1970.

    Symbols are ``(field, value)``: ``year``, ``month``, ``day``, ``hour`` ... ``fraction0`` ...
    """
    per_day = UNITS_PER_DAY[unit]
    clock = _clock_fields(unit)
    n_fields = 3 + len(clock)

    def children(prefix: _Prefix) -> Iterable[tuple[str, int, int, int, int]]:
        """Yield (field, value, offset, size, detail): offset and size in units."""
        depth, _, detail = prefix
        if depth == 0:
            first, last = (date.fromordinal(_EPOCH + end // per_day).year for end in (low, high))
            for year in range(first, last + 1):
                leap = int(_calendar.isleap(year))
                start = (date(year, 1, 1).toordinal() - _EPOCH) * per_day
                yield "year", year, start, (365 + leap) * per_day, leap
        elif depth == 1:
            start = 0
            for month in range(1, 13):
                n_days = _calendar.monthrange(2000 if detail else 2001, month)[1]
                yield "month", month, start * per_day, n_days * per_day, n_days
                start += n_days
        elif depth == 2:
            for day in range(detail):
                yield "day", day + 1, day * per_day, per_day, 0
        else:
            name, n_values, size = clock[depth - 3]
            for value in range(n_values):
                yield name, value, value * size, size, 0

    def steps(prefix: _Prefix) -> Iterable[Step[_Prefix]]:
        for field, value, offset, size, detail in children(prefix):
            base = None
            if prefix.base is not None:
                first, last = prefix.base + offset, prefix.base + offset + size - 1
                if first > high or last < low:
                    continue
                base = None if low <= first and last <= high else first
            depth = prefix.depth + 1
            target = None if depth == n_fields else _Prefix(depth, base, detail)
            yield (field, value), target, 1, offset

    return from_steps(_Prefix(0, 0, 0), steps)


def instant_symbols(code: int, unit: str) -> list[Hashable]:
    """Return the symbols of the instant `code`, in whole `unit` since 1970."""
    days, rest = divmod(code, UNITS_PER_DAY[unit])
    day = date.fromordinal(_EPOCH + days)
    symbols: list[Hashable] = [("year", day.year), ("month", day.month), ("day", day.day)]
    for name, _, size in _clock_fields(unit):
        value, rest = divmod(rest, size)
        symbols.append((name, value))
    return symbols


_BEFORE = {"month": "-", "day": "-", "hour": " ", "minute": ":", "second": ":", "fraction0": "."}


def iso_text(symbol: Hashable) -> str:
    """Write one ``(field, value)`` symbol as ISO 8601 does, with what separates it on its left."""
    field, value = cast(tuple[str, int], symbol)
    width = 4 if field == "year" else 1 if field.startswith("fraction") else 2
    return _BEFORE.get(field, "") + str(value).zfill(width)
