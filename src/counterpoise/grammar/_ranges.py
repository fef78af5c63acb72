"""Numbers and instants of a closed range: as digits, and as fields of the calendar.

Numbers have two notations. *Fixed* is zero-padded to one width, one symbol per place, no point: the
column knows where it is. *Plain* is as a person writes it, over characters: no padding, a point
before the decimals, an end character. Both permit exactly the multiples of a step in the range,
which are given divided by the step. Instants are year, month, day ... of the proleptic Gregorian
calendar.
"""

from __future__ import annotations

import calendar
from collections.abc import Hashable, Iterable
from datetime import date
from typing import NamedTuple, cast

from counterpoise.grammar._automaton import (
    Automaton,
    Step,
    expand,
    framed,
    from_steps,
    joined,
    single,
    union,
)


class _Digits(NamedTuple):
    """The digits so far: places left, and whether they equal those of either bound."""

    left: int
    at_low: bool
    at_high: bool


def digits(low: int, high: int, n_places: int, unit: int | None = None) -> Automaton:
    """Accept the magnitudes of ``[low, high]`` as ``(place, digit)``, with place 0 for the units.

    Each digit adds its value times `unit` to the code, or else itself to ten times the code.
    """

    def steps(prefix: _Digits) -> Iterable[Step[_Digits]]:
        left, power = prefix.left - 1, 10 ** (prefix.left - 1)
        lowest = low // power % 10 if prefix.at_low else 0
        highest = high // power % 10 if prefix.at_high else 9
        for digit in range(lowest, highest + 1):
            at_low, at_high = prefix.at_low and digit == lowest, prefix.at_high and digit == highest
            rest = _Digits(left, at_low, at_high) if left else None
            scale, add = (10, digit) if unit is None else (1, digit * power * unit)
            yield (left, digit), rest, scale, add

    return from_steps(_Digits(n_places, True, True), steps)


def _magnitudes(numbers: range) -> dict[int, tuple[int, int]]:
    """Return the lowest and highest magnitude for each sign: ``{1: (low, high), -1: ...}``."""
    ranges = {}
    if numbers and numbers[-1] >= 0:
        ranges[1] = (max(numbers[0], 0), numbers[-1])
    if numbers and numbers[0] < 0:
        ranges[-1] = (max(-numbers[-1], 1), -numbers[0])
    return ranges


def _width(numbers: range) -> int:
    """Return the number of digits that the longest of `numbers` needs."""
    return len(str(max(abs(numbers[0]), abs(numbers[-1])))) if numbers else 0


def exponent(step: int) -> int:
    """Return the exponent of a power of ten."""
    return len(str(step)) - 1


def fixed_numbers(multiples: range, step: int = 1) -> Automaton:
    """Accept multiples of `step`, zero-padded to the width of the longest.

    Symbols are ``("sign", "+" or "-")``, only where there are negative numbers, then
    ``(place, digit)``.
    """
    parts = []
    for sign, (low, high) in _magnitudes(multiples).items():
        before = [("sign", "+" if sign > 0 else "-")] if multiples[0] < 0 else []
        parts.append(framed(digits(low, high, _width(multiples), sign * step), before))
    return union(*parts)


def fixed_symbols(number: int, multiples: range) -> list[Hashable]:
    """Return the symbols in ``fixed_numbers(multiples, step)`` of `number` times the step."""
    symbols = digit_symbols(abs(number), _width(multiples))
    return [("sign", "-" if number < 0 else "+"), *symbols] if multiples[0] < 0 else symbols


def digit_symbols(number: int, n_places: int) -> list[Hashable]:
    return [(n_places - at, int(digit)) for at, digit in enumerate(f"{number:0{n_places}d}", 1)]


def plain_numbers(multiples: range, decimals: int, end: str, step: int = 1) -> Automaton:
    """Accept multiples of `step`, in units of ``10**-decimals``, with the decimals that they need.

    The symbols are the characters of an optional minus, the whole part without leading zeros, a
    point and the decimals if there are any, and `end`.
    """
    n_shown = decimals - exponent(step)

    def text(symbol: tuple[int, int]) -> str:
        place, digit = symbol
        return f".{digit}" if place == n_shown - 1 else str(digit)

    parts = []
    for sign, (low, high) in _magnitudes(multiples).items():
        for n_digits in range(n_shown + 1, max(_width(multiples), n_shown + 1) + 1):
            first = max(low, 10 ** (n_digits - 1) if n_digits > n_shown + 1 else 0)
            last = min(high, 10**n_digits - 1)
            if first <= last:
                number = expand(digits(first, last, n_digits), text)
                parts.append(
                    joined(single("-" if sign < 0 else ""), number, single(end, sign * step))
                )
    return union(*parts)


def plain_text(code: int, decimals: int, step: int = 1) -> str:
    """Return `code` units of ``10**-decimals`` as `plain_numbers` has it, without the end.

    >>> plain_text(-50, 2), plain_text(7, 0), plain_text(2100, 3, step=100)
    ('-0.50', '7', '2.1')
    """
    if step > 1 and code % step == 0:
        return plain_text(code // step, decimals - exponent(step))
    text, sign = str(abs(code)).zfill(decimals + 1), "-" if code < 0 else ""
    return f"{sign}{text[:-decimals]}.{text[-decimals:]}" if decimals else sign + text


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


class _Fields(NamedTuple):
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


def instants(low: int, high: int, unit: str, factor: int = 1) -> Automaton:
    """Accept exactly the instants of ``[low, high]``, in whole `unit` since 1970.

    The codes are `factor` times as large. Symbols are ``(field, value)``: ``year``, ``month``,
    ``day``, ``hour`` ... ``fraction0`` ...
    """
    per_day = UNITS_PER_DAY[unit]
    clock = _clock_fields(unit)
    n_fields = 3 + len(clock)

    def children(prefix: _Fields) -> Iterable[tuple[str, int, int, int, int]]:
        """Yield (field, value, offset, size, detail): offset and size in units."""
        depth, _, detail = prefix
        if depth == 0:
            first, last = (date.fromordinal(_EPOCH + end // per_day).year for end in (low, high))
            for year in range(first, last + 1):
                leap = int(calendar.isleap(year))
                start = (date(year, 1, 1).toordinal() - _EPOCH) * per_day
                yield "year", year, start, (365 + leap) * per_day, leap
        elif depth == 1:
            start = 0
            for month in range(1, 13):
                n_days = calendar.monthrange(2000 if detail else 2001, month)[1]
                yield "month", month, start * per_day, n_days * per_day, n_days
                start += n_days
        elif depth == 2:
            for day in range(detail):
                yield "day", day + 1, day * per_day, per_day, 0
        else:
            name, n_values, size = clock[depth - 3]
            for value in range(n_values):
                yield name, value, value * size, size, 0

    def steps(prefix: _Fields) -> Iterable[Step[_Fields]]:
        for field, value, offset, size, detail in children(prefix):
            base = None
            if prefix.base is not None:
                first, last = prefix.base + offset, prefix.base + offset + size - 1
                if first > high or last < low:
                    continue
                base = None if low <= first and last <= high else first
            depth = prefix.depth + 1
            target = None if depth == n_fields else _Fields(depth, base, detail)
            yield (field, value), target, 1, offset * factor

    return from_steps(_Fields(0, 0, 0), steps)


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
