"""Numbers kept as strings: a string column that is declared to be numeric."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

__all__ = ["count_decimals", "read_numeral", "write_numeral"]

_NUMERAL: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?", re.ASCII)


def count_decimals(texts: Sequence[str]) -> int | None:
    """Count the decimals that all texts are written with, or None where they differ."""
    counts = {len(text.partition(".")[2]) for text in texts}
    return counts.pop() if len(counts) == 1 else None


def read_numeral(text: str, decimals: int) -> int | None:
    """Code of a number as `write_numeral` writes it, or None for any other text.

    Examples
    --------
    >>> read_numeral("-0.50", 2), read_numeral("007", 0), read_numeral("1.5", 2)
    (-50, None, None)
    """
    if not _NUMERAL.fullmatch(text):
        return None
    code = int(text.replace(".", ""))
    return code if write_numeral(code, decimals) == text else None


def write_numeral(code: int, decimals: int) -> str:
    """Write ``code / 10**decimals`` with exactly that many decimals.

    Examples
    --------
    >>> write_numeral(-50, 2), write_numeral(7, 0)
    ('-0.50', '7')
    """
    digits = str(abs(code)).rjust(decimals + 1, "0")
    sign = "-" if code < 0 else ""
    whole, fraction = digits[: len(digits) - decimals], digits[len(digits) - decimals :]
    return f"{sign}{whole}.{fraction}" if decimals else f"{sign}{whole}"
