"""Integers in a closed range, as a sign and decimal digits.

Two notations. *Fixed* is zero-padded to one width, one symbol per place, no point: the column knows
where it is. *Plain* is as a person writes it, over characters: no padding, a point before the
decimals, an end character. Both permit exactly the numbers from `low` to `high`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from counterpoise.grammar._automaton import (
    Automaton,
    Step,
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


def _digits(low: int, high: int, prefix: _Prefix) -> Iterable[tuple[int, _Prefix]]:
    """Yield each permitted next digit of a magnitude in ``[low, high]`` and what follows it."""
    power = 10 ** (prefix.left - 1)
    lowest = low // power % 10 if prefix.at_low else 0
    highest = high // power % 10 if prefix.at_high else 9
    for digit in range(lowest, highest + 1):
        at_low, at_high = prefix.at_low and digit == lowest, prefix.at_high and digit == highest
        yield digit, _Prefix(prefix.left - 1, at_low, at_high)


def _magnitudes(low: int, high: int) -> dict[int, tuple[int, int]]:
    """Return the range of magnitudes for each sign: ``{1: (low, high), -1: ...}``."""
    ranges = {}
    if high >= 0:
        ranges[1] = (max(low, 0), high)
    if low < 0:
        ranges[-1] = (max(-high, 1), -low)
    return ranges


def width(low: int, high: int) -> int:
    """Return the number of digits that the longest number of the range needs."""
    return len(str(max(abs(low), abs(high))))


def exponent(step: int) -> int:
    """Return the exponent of a power of ten."""
    return len(str(step)) - 1


def fixed_number(low: int, high: int) -> Automaton:
    """Accept the integers of ``[low, high]``, zero-padded to the width of the longest.

    Symbols are ``("sign", "+" or "-")``, only where the range has negative numbers, then
    ``(place, digit)`` with place 0 for the units.
    """
    ranges = _magnitudes(low, high)
    start = _Prefix(width(low, high), True, True)

    def steps(state: tuple[int, _Prefix]) -> Iterable[Step[tuple[int, _Prefix]]]:
        sign, prefix = state
        if not sign:
            for sign in ranges:
                yield ("sign", "+" if sign > 0 else "-"), (sign, prefix), 1, 0
            return
        for digit, rest in _digits(*ranges[sign], prefix):
            yield (rest.left, digit), ((sign, rest) if rest.left else None), 10, sign * digit

    return from_steps((0 if low < 0 else 1, start), steps)


def fixed_number_symbols(code: int, low: int, high: int) -> list[Hashable]:
    """Return the symbols of `code` in ``fixed_number(low, high)``."""
    digits = str(abs(code)).zfill(width(low, high))
    places = range(len(digits) - 1, -1, -1)
    symbols: list[Hashable] = list(zip(places, map(int, digits), strict=True))
    return [("sign", "-" if code < 0 else "+"), *symbols] if low < 0 else symbols


def fixed_numbers(multiples: range, step: int, exceptions: Mapping[int, str]) -> Automaton:
    """Accept multiples of `step`, divided by it, as `fixed_number` does, and exceptions as words.

    The symbol of an exception (code -> text) is ``("value", text)``.
    """
    parts = []
    if multiples:
        parts.append(multiplied(fixed_number(multiples[0], multiples[-1]), step))
    if exceptions:
        parts.append(from_sequences({code: [("value", t)] for code, t in exceptions.items()}))
    return union(*parts) if len(parts) > 1 else parts[0]


def fixed_symbols(
    code: int, multiples: range, step: int, exceptions: Mapping[int, str]
) -> list[Hashable]:
    """Return the symbols of `code` in ``fixed_numbers(multiples, step, exceptions)``."""
    if code in exceptions or code % step:
        return [("value", exceptions.get(code))]
    return fixed_number_symbols(code // step, multiples[0], multiples[-1])


def plain_number(low: int, high: int, decimals: int, end: str) -> Automaton:
    """Accept the numbers of ``[low, high]``, in units of ``10**-decimals``, over characters.

    Each is an optional minus, the whole part without leading zeros, a point and exactly `decimals`
    decimals if there are any, and `end`.
    """
    parts = []
    for sign, (smallest, largest) in _magnitudes(low, high).items():
        for n_digits in range(decimals + 1, max(width(0, largest), decimals + 1) + 1):
            first = max(smallest, 10 ** (n_digits - 1) if n_digits > decimals + 1 else 0)
            last = min(largest, 10**n_digits - 1)
            if first <= last:
                numbers = _plain_of_length(first, last, sign, n_digits, decimals, end)
                parts.append(framed(numbers, "-") if sign < 0 else numbers)
    return union(*parts)


def _plain_of_length(
    low: int, high: int, sign: int, n_digits: int, decimals: int, end: str
) -> Automaton:
    def steps(state: tuple[str, _Prefix]) -> Iterable[Step[tuple[str, _Prefix]]]:
        place, prefix = state
        if place == "point":
            yield ".", ("digit", prefix), 1, 0
        elif not prefix.left:
            yield end, None, 1, 0
        else:
            for digit, rest in _digits(low, high, prefix):
                place = "point" if decimals and rest.left == decimals else "digit"
                yield str(digit), (place, rest), 10, sign * digit

    return from_steps(("digit", _Prefix(n_digits, True, True)), steps)


def plain_numbers(
    multiples: range, step: int, exceptions: Sequence[int], decimals: int, end: str
) -> Automaton:
    """Accept multiples of `step` with as many decimals as they need, and exceptions with all.

    Both are read in units of ``10**-decimals``.
    """
    parts = []
    if multiples:
        usual = plain_number(multiples[0], multiples[-1], decimals - exponent(step), end)
        parts.append(multiplied(usual, step))
    if exceptions:
        parts.append(_plain_exactly([plain_text(c, decimals) + end for c in exceptions], end))
    return union(*parts) if len(parts) > 1 else parts[0]


def _plain_exactly(texts: Sequence[str], end: str) -> Automaton:
    """Accept `texts`, digit by digit, so that it can be united with `plain_number`."""

    def steps(prefix: str) -> Iterable[Step[str]]:
        sign = -1 if prefix.startswith("-") else 1
        for mark in sorted({text[len(prefix)] for text in texts if text.startswith(prefix)}):
            scale, add = (10, sign * int(mark)) if mark.isdigit() else (1, 0)
            yield mark, (None if mark == end else prefix + mark), scale, add

    return from_steps("", steps)


def plain_text(code: int, decimals: int, step: int = 1) -> str:
    """Return `code` units of ``10**-decimals`` as `plain_numbers` has it, without the end.

    >>> plain_text(-50, 2), plain_text(7, 0), plain_text(2100, 3, step=100)
    ('-0.50', '7', '2.1')
    """
    if step > 1 and code % step == 0:
        return plain_text(code // step, decimals - exponent(step))
    digits = str(abs(code)).zfill(decimals + 1)
    whole, fraction = (digits[:-decimals], digits[-decimals:]) if decimals else (digits, "")
    return ("-" if code < 0 else "") + whole + ("." + fraction if decimals else "")
