"""Numbers as people read them, alike in every form of a report."""

from __future__ import annotations

import math

__all__ = ["count", "figure", "interval", "p_value", "percent", "signed"]

_NONE = "-"
_NOTHING = 1e-9
"""What is smaller is left over from rounding."""


def count(number: int) -> str:
    """Write a whole number.

    Examples
    --------
    >>> count(12345)
    '12,345'
    """
    return f"{number:,}"


def figure(number: float | None) -> str:
    """Write a number with three digits that mean something.

    Examples
    --------
    >>> [figure(number) for number in (0.61234, 12345.6, 17.25, 0.0, 2e-5, None)]
    ['0.612', '12,346', '17.2', '0', '2e-05', '-']
    """
    if number is None or math.isnan(number):
        return _NONE
    size = abs(number)
    if size < _NOTHING:
        return "0"
    if size < 5e-4:
        return f"{number:.0e}"
    n_decimals = 3 if size < 1 else 2 if size < 10 else 1 if size < 100 else 0
    return f"{number:,.{n_decimals}f}"


def interval(ends: tuple[float, float] | None, *, is_difference: bool = False) -> str:
    """Write an interval.

    Examples
    --------
    >>> interval((0.5, 1.25)), interval((-0.25, 0.5), is_difference=True), interval(None)
    ('0.500 to 1.25', '-0.250 to +0.500', '-')
    """
    if ends is None or any(math.isnan(end) for end in ends):
        return _NONE
    write = signed if is_difference else figure
    return f"{write(ends[0])} to {write(ends[1])}"


def signed(number: float | None) -> str:
    """Write a difference.

    Examples
    --------
    >>> signed(0.0421), signed(-3.0), signed(0.0)
    ('+0.042', '-3.00', '0')
    """
    if number is None or math.isnan(number):
        return _NONE
    sign = "+" if number > 0 else "-" if number < 0 else ""
    return f"{sign}{figure(abs(number))}"


def percent(share: float | None) -> str:
    """Write a share.

    Examples
    --------
    >>> percent(0.1234), percent(0.5), percent(0.0004), percent(0.0)
    ('12%', '50%', '0.04%', '0%')
    """
    if share is None or math.isnan(share):
        return _NONE
    hundred = 100 * share
    if hundred and abs(hundred) < 1:
        return f"{hundred:.1g}%"
    return f"{hundred:.0f}%"


def p_value(p: float | None) -> str:
    """Write the p-value of a test.

    Examples
    --------
    >>> p_value(0.0321), p_value(0.00001), p_value(1.0)
    ('0.032', '< 0.001', '1.000')
    """
    if p is None or math.isnan(p):
        return _NONE
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
