"""Integers in a closed range, written with a sign and decimal digits.

Two ways to write the same numbers: at a fixed width (zero-padded, one digit a place, no point:
the column knows where it is), and plainly as a person would (no padding, a point before the
decimals, an end character). Both permit exactly the numbers from `low` to `high`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from counterpoise.grammar._automaton import (
    Automaton,
    Step,
    framed,
    from_sequences,
    from_steps,
    multiplied,
    union,
)


@dataclass(frozen=True, slots=True)
class _Prefix:
    """How far a number is written: places left, sign, and whether it still hugs a bound."""

    left: int
    sign: int
    at_low: bool
    at_high: bool


def _digits(low: int, high: int, sign: int, prefix: _Prefix) -> Iterable[tuple[int, _Prefix]]:
    """Yield each permitted next digit of a magnitude in ``[low, high]`` and what follows it."""
    power = 10 ** (prefix.left - 1)
    lowest = low // power % 10 if prefix.at_low else 0
    highest = high // power % 10 if prefix.at_high else 9
    for digit in range(lowest, highest + 1):
        yield (
            digit,
            _Prefix(
                prefix.left - 1,
                sign,
                prefix.at_low and digit == lowest,
                prefix.at_high and digit == highest,
            ),
        )


def _branches(low: int, high: int) -> dict[int, tuple[int, int]]:
    """Return the range of magnitudes for each sign: ``{1: (low, high), -1: ...}``."""
    branches = {}
    if high >= 0:
        branches[1] = (max(low, 0), high)
    if low < 0:
        branches[-1] = (max(-high, 1), -low)
    return branches


def width(low: int, high: int) -> int:
    """Return the number of digits that the longest number of the range needs."""
    return len(str(max(abs(low), abs(high))))


def fixed_number(low: int, high: int) -> Automaton:
    """Accept the integers of ``[low, high]``, zero-padded to the width of the longest.

    Symbols are ``("sign", "+" or "-")``, only where the range has negative numbers, then
    ``(place, digit)`` with place 0 for the units.
    """
    n_places = width(low, high)
    branches = _branches(low, high)
    signed = low < 0

    def steps(state: Hashable) -> Iterable[Step]:
        if state == "start":
            for sign in branches:
                symbol = ("sign", "+" if sign > 0 else "-")
                yield symbol, _Prefix(n_places, sign, True, True), 1, 0
            return
        assert isinstance(state, _Prefix)
        for digit, following in _digits(*branches[state.sign], state.sign, state):
            target = following if following.left else None
            yield (following.left, digit), target, 10, state.sign * digit

    return from_steps("start" if signed else _Prefix(n_places, 1, True, True), steps)


def fixed_numbers(multiples: range, step: int, exceptions: Mapping[int, str]) -> Automaton:
    """Accept multiples of `step`, divided by it, as `fixed_number` does, and exceptions as words.

    The symbol of an exception (code -> text) is ``("value", text)``.
    """
    words = {code: [("value", text)] for code, text in exceptions.items()}
    parts = [from_sequences(words)] if words else []
    if multiples:
        digits = fixed_number(multiples[0], multiples[-1])
        parts.insert(0, multiplied(digits, step))
    return union(*parts) if len(parts) > 1 else parts[0]


def fixed_number_symbols(code: int, low: int, high: int) -> list[Hashable]:
    """Return the symbols of `code` in ``fixed_number(low, high)``."""
    digits = str(abs(code)).zfill(width(low, high))
    places: list[Hashable] = [
        (len(digits) - 1 - position, int(digit)) for position, digit in enumerate(digits)
    ]
    return [("sign", "-" if code < 0 else "+"), *places] if low < 0 else places


def fixed_symbols(
    code: int, multiples: range, step: int, exceptions: Mapping[int, str]
) -> list[Hashable]:
    """Return the symbols of `code` in ``fixed_numbers(multiples, step, exceptions)``."""
    if code in exceptions or code % step:
        return [("value", exceptions.get(code))]
    return fixed_number_symbols(code // step, multiples[0], multiples[-1])


def plain_number(low: int, high: int, decimals: int, end: str) -> Automaton:
    """Accept the numbers of ``[low, high]``, in units of ``10**-decimals``, over characters.

    Each is written as an optional minus, the whole part without leading zeros, a point and
    exactly `decimals` decimals if there are any, and ``end``.
    """
    parts = []
    for sign, (smallest, largest) in _branches(low, high).items():
        for n_digits in range(decimals + 1, max(width(largest, largest), decimals + 1) + 1):
            first = max(smallest, 10 ** (n_digits - 1) if n_digits > decimals + 1 else 0)
            last = min(largest, 10**n_digits - 1)
            if first <= last:
                magnitudes = _plain_of_length(first, last, sign, n_digits, decimals, end)
                parts.append(framed(magnitudes, "-") if sign < 0 else magnitudes)
    return union(*parts)


def plain_numbers(
    multiples: range, step: int, exceptions: Sequence[int], decimals: int, end: str
) -> Automaton:
    """Accept multiples of `step` with as many decimals as they need, and exceptions with all.

    What is read is in units of ``10**-decimals``, whichever it is.
    """
    parts = [_plain_exactly(exceptions, decimals, end)] if exceptions else []
    if multiples:
        usual = plain_number(multiples[0], multiples[-1], decimals - exponent(step), end)
        parts.insert(0, multiplied(usual, step))
    return union(*parts) if len(parts) > 1 else parts[0]


def _plain_exactly(codes: Sequence[int], decimals: int, end: str) -> Automaton:
    texts = [plain_text(code, decimals) + end for code in codes]

    def steps(written: Hashable) -> Iterable[Step]:
        prefix = cast(str, written)
        following = {text[len(prefix)] for text in texts if text.startswith(prefix)}
        sign = -1 if prefix.startswith("-") else 1
        for mark in sorted(following):
            target = None if mark == end else prefix + mark
            scale, add = (10, sign * int(mark)) if mark.isdigit() else (1, 0)
            yield mark, target, scale, add

    return from_steps("", steps)


def exponent(step: int) -> int:
    """Return the exponent of a power of ten."""
    return len(str(step)) - 1


def _plain_of_length(
    low: int, high: int, sign: int, n_digits: int, decimals: int, end: str
) -> Automaton:
    def steps(state: Hashable) -> Iterable[Step]:
        if isinstance(state, _Prefix):
            for digit, rest in _digits(low, high, sign, state):
                target: Hashable = rest
                if rest.left == 0:
                    target = "end"
                elif rest.left == decimals:
                    target = ("point", rest)
                yield str(digit), target, 10, sign * digit
        elif state == "end":
            yield end, None, 1, 0
        else:
            yield ".", cast(tuple[str, _Prefix], state)[1], 1, 0

    return from_steps(_Prefix(n_digits, sign, True, True), steps)


def plain_text(code: int, decimals: int, step: int = 1) -> str:
    """Return `code` units of ``10**-decimals`` as `plain_numbers` writes it, ends aside."""
    if step > 1 and code % step == 0:
        return plain_text(code // step, decimals - exponent(step))
    digits = str(abs(code)).zfill(decimals + 1)
    whole, fraction = (digits[:-decimals], digits[-decimals:]) if decimals else (digits, "")
    return ("-" if code < 0 else "") + whole + ("." + fraction if decimals else "")
