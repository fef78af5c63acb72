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
    """Accept multiples of `step` as a sign, if any is negative, and ``(place, digit)`` symbols."""
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
    """Return `code` units of ``10**-decimals`` as `plain_numbers` has it, without the end."""
    if step > 1 and code % step == 0:
        return plain_text(code // step, decimals - exponent(step))
    text, sign = str(abs(code)).zfill(decimals + 1), "-" if code < 0 else ""
    return f"{sign}{text[:-decimals]}.{text[-decimals:]}" if decimals else sign + text


NANOSECONDS = {  # units of time, coarsest first
    "D": 86_400 * 10**9,
    "h": 3_600 * 10**9,
    "m": 60 * 10**9,
    "s": 10**9,
    "ms": 10**6,
    "us": 10**3,
    "ns": 1,
}

UNITS_PER_DAY = {unit: NANOSECONDS["D"] // size for unit, size in NANOSECONDS.items()}
_EPOCH = date(1970, 1, 1).toordinal()
_CLOCK = [("hour", 24), ("minute", 60), ("second", 60), *((f"fraction{i}", 10) for i in range(9))]


class _Fields(NamedTuple):
    """The fields so far: how many, and whether they equal those of either bound."""

    depth: int
    at_low: bool
    at_high: bool
    detail: int  # a year as long as this one, or the number of days of the month


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
    fields = [("year", date.max.year, 0), ("month", 12, 0), ("day", 31, per_day)]
    fields += _clock_fields(unit)
    lows, highs = instant_symbols(low, unit), instant_symbols(high, unit)

    def steps(prefix: _Fields) -> Iterable[Step[_Fields]]:
        depth, at_low, at_high, detail = prefix
        name, n_values, size = fields[depth]
        least = int(depth < 3)  # the clock begins with 0
        lowest = lows[depth][1] if at_low else least
        highest = (
            highs[depth][1] if at_high else (detail if name == "day" else n_values - 1 + least)
        )
        for value in range(lowest, highest + 1):
            offset, known = (value - least) * size, 0
            if name == "year":
                offset = (date(value, 1, 1).toordinal() - _EPOCH) * per_day
                known = 2000 if calendar.isleap(value) else 2001
            elif name == "month":
                offset = (date(detail, value, 1) - date(detail, 1, 1)).days * per_day
                known = calendar.monthrange(detail, value)[1]
            is_low, is_high = at_low and value == lowest, at_high and value == highest
            rest = _Fields(depth + 1, is_low, is_high, known)
            yield (name, value), None if depth + 1 == len(fields) else rest, 1, offset * factor

    return from_steps(_Fields(0, True, True, 0), steps)


def instant_symbols(code: int, unit: str) -> list[tuple[str, int]]:
    """Return the symbols of the instant `code`, in whole `unit` since 1970."""
    days, rest = divmod(code, UNITS_PER_DAY[unit])
    day = date.fromordinal(_EPOCH + days)
    symbols = [("year", day.year), ("month", day.month), ("day", day.day)]
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
