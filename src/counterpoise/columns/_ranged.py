"""Columns whose codes fill a range: numbers, instants and durations."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from counterpoise.columns._base import MISSING, Codes, Column, Mask
from counterpoise.errors import SchemaError


@dataclass(frozen=True)
class RangedColumn(Column):
    """A column whose codes lie in a range.

    Parameters
    ----------
    low, high : int
        Smallest and largest code, both allowed.
    """

    is_numeric = True
    stays_non_negative: ClassVar[bool] = True
    """Whether a range that is nowhere negative is not widened below 0."""

    low: int
    high: int

    @property
    def code_range(self) -> tuple[int, int]:
        """Lowest and highest code."""
        return self.low, self.high

    @property
    def n_values(self) -> float:
        """How many values a cell that is not missing can have."""
        return self.high - self.low + 1

    def contains(self, codes: Codes) -> Mask:
        """Whether each of an array of codes stands for a cell that this column can have."""
        inside = (codes >= self.low) & (codes <= self.high)
        return inside | (codes == MISSING) if self.has_missing else inside

    def nearest(self, codes: npt.NDArray[Any]) -> Codes:
        """Bring any numbers to the nearest codes that the column can have, shape kept."""
        if codes.dtype.kind == "f":
            codes = np.clip(np.rint(codes), self.low, self.high).astype(np.int64)
        # also after that: floats do not hold every long integer
        inside: Codes = np.clip(codes, self.low, self.high)
        return inside

    def typical_code(self, codes: Codes) -> int:
        """Return the mean of `codes`."""
        present = codes[codes != MISSING]
        return round(float(present.mean())) if len(present) else MISSING

    def _nearest_to(self, units: float) -> tuple[int | None, bool]:
        """Return the nearest code to a value read in units of the codes, and whether it is it."""
        if not math.isfinite(units):
            return None, False
        code = round(min(max(units, self.low), self.high))
        code = int(self.nearest(np.array([code]))[0])
        return code, abs(code - units) < 1e-6 * max(1.0, abs(units))

    def domain(self) -> str:
        """Say which values a cell can have."""
        ends = self.decode(np.array([self.low, self.high]))
        return f"{ends.iloc[0]} to {ends.iloc[1]}"

    def generated_values(self) -> str:
        """Say which values generated rows get."""
        return "any values in its range, and some may occur twice"

    def restrict_range(self, low: Any, high: Any) -> Self:
        """Return the column with another range, whatever was observed.

        Parameters
        ----------
        low, high : object
            Smallest and largest allowed value; None leaves that end as it is.

        Raises
        ------
        SchemaError
            If they are no values of this type, or the column has none between them.
        """
        try:
            lowest = self.low if low is None else self._code_above(low)
            highest = self.high if high is None else self._code_below(high)
        except (ArithmeticError, ValueError, TypeError) as error:
            raise self._error(
                f"was given the range {(low, high)!r}, which must be two finite numbers, two "
                "points in time or two durations."
            ) from error
        limited = self._between(lowest, highest)
        if limited is None:
            raise self._error(
                f"was given the range {(low, high)!r}, in which there is no {self._one_value}. "
                "Give the smaller end first."
            )
        return limited

    def widened(self, margin: float) -> Self:
        """Return the column with a range that is longer on both sides by a share of its span."""
        added = round(margin * (self.high - self.low))
        lowest, highest = self._limits()
        if self.stays_non_negative and self.low >= 0:
            lowest = 0
        widened = self._between(max(self.low - added, lowest), min(self.high + added, highest))
        assert widened is not None
        return widened

    def _between(self, low: int, high: int) -> Self | None:
        """Return the column with the codes from `low` to `high`; None if there are none."""
        return replace(self, low=low, high=high) if low <= high else None

    def _check_range(self) -> None:
        lowest, highest = self._limits()
        if not lowest <= self.low <= self.high <= highest:
            raise self._error(
                f"(dtype {self.dtype}) has the codes {self.low} to {self.high}; they must lie in "
                f"{lowest} to {highest}."
            )

    def _outside(self, value: Any) -> SchemaError:
        shown = repr(value) if isinstance(value, str) else str(value)
        return self._error(
            f"holds {shown}, which is outside its range {self._span()}. Infer the schema from a "
            "table with this value, or widen the range.",
            value,
        )

    @property
    @abstractmethod
    def _one_value(self) -> str:
        """What a value is, for messages."""

    @abstractmethod
    def _limits(self) -> tuple[int, int]:
        """Lowest and highest code that the dtype can restore."""

    @abstractmethod
    def _code_above(self, bound: Any) -> int:
        """Smallest code that is not below `bound`."""

    @abstractmethod
    def _code_below(self, bound: Any) -> int:
        """Largest code that is not above `bound`."""

    @abstractmethod
    def _span(self) -> str:
        """Say from where to where the range goes."""
