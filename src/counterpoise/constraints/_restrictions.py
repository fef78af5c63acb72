"""What constraints demand of the cells of one row, in a form that decoding keeps token by token."""

from __future__ import annotations

from dataclasses import dataclass

from counterpoise.columns import MISSING
from counterpoise.grammar._codes import CodeSet

IS_MISSING = CodeSet.of([MISSING])
IS_PRESENT = ~IS_MISSING


@dataclass(frozen=True)
class Restriction:
    """Where one cell has one of some codes, another has one of some: whichever is written first.

    Positions are those of the user's table, with the label at 0.
    """

    source: int
    source_codes: CodeSet
    target: int
    target_codes: CodeSet


@dataclass(frozen=True)
class Order:
    """One cell is at most another, or less, unless one of them is missing.

    Codes are compared once multiplied with `scales`: those of the smaller and of the larger column.
    """

    smaller: int
    larger: int
    is_strict: bool
    scales: tuple[int, int]
