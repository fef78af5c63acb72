"""What cells can be so that the numbers computed from them are in range: interval arithmetic.

HC4-revise (Benhamou, Goualard, Granvilliers and Puget, ICLP 1999): from the ranges of the cells up
to that of the result, and from the allowed results down to what each cell can be beside the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, reduce
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from counterpoise.grammar._grammar import BoolArray

Interval: TypeAlias = npt.NDArray[np.float64]
"""The least and the greatest number of each row, shape (2, n_rows), or (2, 1) for all rows."""

_PRECISION = 1e-12
"""Error of the results, at most, as a share of the numbers from which they are computed."""


@dataclass(frozen=True, eq=False)
class Computed:
    """A number from `low` to `high`: a cell, a constant, or computed from `parts`."""

    operation: str  # "cell", "constant", "+", "*", "/", or "rounded": held to the range
    low: float = -np.inf
    high: float = np.inf
    parts: tuple[Computed, ...] = ()
    column: int = -1  # of a cell
    units: int = 1  # of a code of the cell's column, per one
    can_miss: bool = False
    half: float = 0.0  # by how much rounding changes it at most

    @classmethod
    def constant(cls, number: Fraction) -> Computed:
        return cls("constant", float(number), float(number))

    def __add__(self, other: Computed) -> Computed:
        return Computed("+", parts=(self, other))

    def __mul__(self, other: Computed) -> Computed:
        return Computed("*", parts=(self, other))

    def __truediv__(self, other: Computed) -> Computed:
        return Computed("/", parts=(self, other))

    def within(self, low: float, high: float, half: float = 0.0) -> Computed:
        """Return this number once it is rounded by `half` at most, and in range."""
        slack = half + _PRECISION * self._size
        return Computed("rounded", low, high, parts=(self,), half=slack)

    @property
    def _size(self) -> float:
        """How large the numbers are of which it is computed."""
        sizes = [part._size for part in self.parts]
        if self.operation == "/":
            low, high = abs(self.parts[1].low), abs(self.parts[1].high)
            return sizes[0] / (min(low, high) or 1.0) if np.isfinite(low + high) else sizes[0]
        own = max(abs(self.low), abs(self.high)) if np.isfinite(self.high - self.low) else 0.0
        return max(own, float(np.prod(sizes)) if self.operation == "*" else sum(sizes))

    @cached_property
    def cells(self) -> dict[int, Computed]:
        """The cells from which it is computed, by column."""
        own = {self.column: self} if self.operation == "cell" else {}
        return own | {at: cell for part in self.parts for at, cell in part.cells.items()}

    @property
    def ends(self) -> tuple[int, ...]:
        return tuple(self.cells)

    @property
    def may_divide_by_zero(self) -> bool:
        ranges = {at: np.array([[cell.low], [cell.high]]) for at, cell in self.cells.items()}
        known: dict[Computed, Interval] = {}
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            self._forward(ranges, known)
        divisors = [known[one.parts[1]] for one in known if one.operation == "/"]
        return any(low <= 0 <= high for low, high in divisors)

    def at(self, positions: Mapping[int, int]) -> Computed:
        """Return the same of other positions."""
        parts = tuple(part.at(positions) for part in self.parts)
        return replace(self, parts=parts, column=positions.get(self.column, -1))

    def narrow(self, ranges: dict[int, Interval]) -> BoolArray:
        """Leave out of the `ranges` of cells, by column, numbers that give no result in range.

        Returns the rows in which there are none; their ranges mean nothing.
        """
        known: dict[Computed, Interval] = {}
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            self._forward(ranges, known)
            return self._narrow(np.array([[self.low], [self.high]]), ranges, known)

    def _forward(self, ranges: Mapping[int, Interval], known: dict[Computed, Interval]) -> Interval:
        """Return the range of the result; `known` takes that of each part."""
        own = np.array([[self.low], [self.high]])
        parts = [part._forward(ranges, known) for part in self.parts]
        match self.operation:
            case "cell":
                own = ranges[self.column]
            case "+":
                own = _sum(*parts)
            case "*":
                own = _product(*parts)
            case "/":
                own = _product(parts[0], _inverse(parts[1]))
            case "rounded":
                own = _common(own, _widened(parts[0], self.half))
        known[self] = own
        return own

    def _narrow(
        self, result: Interval, ranges: dict[int, Interval], known: Mapping[Computed, Interval]
    ) -> BoolArray:
        """Narrow the ranges of the cells to those whose result is in the range `result`."""
        wanted: list[Interval] = []
        parts = [known[part] for part in self.parts]
        match self.operation:
            case "cell":
                ranges[self.column] = result = _common(ranges[self.column], result)
            case "+":
                wanted = [_sum(result, -parts[1][::-1]), _sum(result, -parts[0][::-1])]
            case "*":
                wanted = [_factor(result, parts[1]), _factor(result, parts[0])]
            case "/":
                signed = _with_sign(result, known[self])
                wanted = [_product(result, parts[1]), _factor(parts[0], signed)]
            case "rounded":
                result = _common(result, np.array([[self.low], [self.high]]))
                wanted = [_widened(result, self.half)]
        is_empty = result[0] > result[1]
        below = (
            part._narrow(own, ranges, known) for part, own in zip(self.parts, wanted, strict=True)
        )
        return reduce(np.logical_or, below, is_empty)


def _common(one: Interval, other: Interval) -> Interval:
    return np.stack([np.maximum(one[0], other[0]), np.minimum(one[1], other[1])])


def _with_sign(one: Interval, known: Interval) -> Interval:
    """Return a range without numbers below or above 0 where there are none in `known`."""
    low = np.where(known[0] >= 0, np.maximum(one[0], 0), one[0])
    return np.stack([low, np.where(known[1] <= 0, np.minimum(one[1], 0), one[1])])


def _widened(one: Interval, by: float) -> Interval:
    wider: Interval = one + np.array([[-by], [by]])
    return wider


def _sum(one: Interval, other: Interval) -> Interval:
    ends = one + other  # of infinities with different signs: anything
    return np.where(np.isnan(ends), [[-np.inf], [np.inf]], ends)


def _product(one: Interval, other: Interval) -> Interval:
    every = np.stack(np.broadcast_arrays(*(a * b for a in one for b in other)))
    every = np.where(np.isnan(every), 0, every)  # 0 times an infinity that is not reached
    return np.stack([every.min(axis=0), every.max(axis=0)])


def _inverse(one: Interval) -> Interval:
    """Return the range of 1 divided by numbers in a range, without 0."""
    low, high = one
    has_both = (low < 0) & (high > 0)
    least = np.where(has_both | (high == 0), -np.inf, 1 / high)
    return np.stack([least, np.where(has_both | (low == 0), np.inf, 1 / low)])


def _factor(product: Interval, other: Interval) -> Interval:
    """Return the range of numbers that give a product in a range with one in the range `other`."""
    has_zero = (other[0] <= 0) & (other[1] >= 0)
    is_any = has_zero & (product[0] <= 0) & (product[1] >= 0)
    is_none = (other[0] == 0) & (other[1] == 0) & ~is_any
    factor = np.where(is_none, [[np.inf], [-np.inf]], _product(product, _inverse(other)))
    return np.where(is_any, [[-np.inf], [np.inf]], factor)
