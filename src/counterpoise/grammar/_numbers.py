"""Integers in a closed range, as a sign and decimal digits.

Two notations. *Fixed* is zero-padded to one width, one symbol per place, no point: the column knows
where it is. *Plain* is as a person writes it, over characters: no padding, a point before the
decimals, an end character. Both permit exactly the multiples of a step in the range, which are
given divided by the step, and exceptions beside them.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import NamedTuple

from counterpoise.grammar._automaton import (
    Automaton,
    Step,
    expand,
    framed,
    from_sequences,
    from_steps,
    multiplied,
    union,
)


class _Prefix(NamedTuple):
    """The digits so far: places left, and whether they equal those of either bound."""

    left: int
    at_low: bool
    at_high: bool


def _digits(low: int, high: int, n_places: int, sign: int) -> Automaton:
    """Accept the magnitudes of ``[low, high]`` as ``(place, digit)``, with place 0 for the units.

    The codes are `sign` times as large.
    """

    def steps(prefix: _Prefix) -> Iterable[Step[_Prefix]]:
        left, power = prefix.left - 1, 10 ** (prefix.left - 1)
        lowest = low // power % 10 if prefix.at_low else 0
        highest = high // power % 10 if prefix.at_high else 9
        for digit in range(lowest, highest + 1):
            at_low, at_high = prefix.at_low and digit == lowest, prefix.at_high and digit == highest
            rest = _Prefix(left, at_low, at_high) if left else None
            yield (left, digit), rest, 10, sign * digit

    return from_steps(_Prefix(n_places, True, True), steps)


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


def fixed_numbers(multiples: range, step: int, exceptions: Mapping[int, str]) -> Automaton:
    """Accept multiples of `step`, zero-padded to the width of the longest, and exceptions as words.

    Symbols are ``("sign", "+" or "-")``, only where there are negative numbers, then
    ``(place, digit)``; that of an exception (code -> text) is ``("value", text)``.
    """
    parts = []
    for sign, (low, high) in _magnitudes(multiples).items():
        before = [("sign", "+" if sign > 0 else "-")] if multiples[0] < 0 else []
        digits = _digits(low, high, _width(multiples), sign)
        parts.append(multiplied(framed(digits, before), step))
    if exceptions:
        parts.append(from_sequences({code: [("value", t)] for code, t in exceptions.items()}))
    return union(*parts)


def fixed_symbols(
    code: int, multiples: range, step: int, exceptions: Mapping[int, str]
) -> list[Hashable]:
    """Return the symbols of `code` in ``fixed_numbers(multiples, step, exceptions)``."""
    if code in exceptions or code % step:
        return [("value", exceptions.get(code))]
    digits = str(abs(code // step)).zfill(_width(multiples))
    places = range(len(digits) - 1, -1, -1)
    symbols: list[Hashable] = list(zip(places, map(int, digits), strict=True))
    return [("sign", "-" if code < 0 else "+"), *symbols] if multiples[0] < 0 else symbols


def plain_numbers(
    multiples: range, decimals: int, end: str, step: int = 1, exceptions: Collection[int] = ()
) -> Automaton:
    """Accept multiples of `step` with as many decimals as they need, and exceptions with all.

    Codes are in units of ``10**-decimals``. The symbols are the characters of an optional minus,
    the whole part without leading zeros, a point and the decimals if there are any, and `end`.
    """
    parts = _plain_numbers(multiples, decimals - exponent(step), end, step)
    for code in exceptions:
        parts += _plain_numbers(range(code, code + 1), decimals, end, 1)
    return union(*parts)


def _plain_numbers(numbers: range, decimals: int, end: str, factor: int) -> list[Automaton]:
    """Return the automata of `numbers` with exactly `decimals` decimals, by sign and length."""

    def text(symbol: tuple[int, int]) -> str:
        place, digit = symbol
        return f".{digit}" if place == decimals - 1 else str(digit)

    parts = []
    for sign, (low, high) in _magnitudes(numbers).items():
        for n_digits in range(decimals + 1, max(_width(numbers), decimals + 1) + 1):
            first = max(low, 10 ** (n_digits - 1) if n_digits > decimals + 1 else 0)
            last = min(high, 10**n_digits - 1)
            if first <= last:
                digits = expand(_digits(first, last, n_digits, sign), text)
                parts.append(multiplied(framed(digits, "-" if sign < 0 else "", end), factor))
    return parts


def plain_text(code: int, decimals: int, step: int = 1) -> str:
    """Return `code` units of ``10**-decimals`` as `plain_numbers` has it, without the end.

    >>> plain_text(-50, 2), plain_text(7, 0), plain_text(2100, 3, step=100)
    ('-0.50', '7', '2.1')
    """
    if step > 1 and code % step == 0:
        return plain_text(code // step, decimals - exponent(step))
    digits, sign = str(abs(code)).zfill(decimals + 1), "-" if code < 0 else ""
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}" if decimals else sign + digits
