"""Columns of numbers, whole or with a fixed number of decimals."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.errors import SchemaError
from counterpoise.table import grid
from counterpoise.table.cells import (
    check_dtype,
    check_missing,
    is_object,
    is_string,
    missing_marker,
)
from counterpoise.table.fit import check_whole, fit_cells
from counterpoise.table.kind import MISSING, Codes, Dtype, Kind
from counterpoise.table.numbers import (
    code_limits,
    number_dtype,
    read_numbers,
    read_numerals,
    write_numbers,
)

__all__ = ["NumericColumn"]


@dataclass(frozen=True, slots=True)
class NumericColumn:
    """A column of numbers on a decimal grid.

    Parameters
    ----------
    name : Hashable
        Name of the column.
    kind : {Kind.INTEGER, Kind.DECIMAL}
        Whether all values are whole. A float column can be of kind integer.
    dtype : numpy dtype or pandas ExtensionDtype
        Dtype of the pandas column. An object column of kind integer holds Python ints, one of
        kind decimal Python floats; a string column holds numerals with `decimals` decimals.
    has_missing : bool
        Whether cells may be missing.
    low, high : int
        Smallest and largest code, both allowed.
    decimals : int
        The code of a value is its multiple of ``10**-decimals``; 0 for kind integer.
    marker : {"nan", "none", "na", "nat"}, default="nan"
        What an object column holds in a missing cell.
    step : int, default=1
        A power of ten. Codes are its multiples, apart from the exceptions.
    exceptions : tuple of int, default=()
        Further codes, ascending, that are no multiples of `step`.
    """

    name: Hashable
    kind: Kind
    dtype: Dtype
    has_missing: bool
    low: int
    high: int
    decimals: int
    marker: str = "nan"
    step: int = 1
    exceptions: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in (Kind.INTEGER, Kind.DECIMAL):
            raise SchemaError(f"Column {self.name!r} cannot be {self.kind}.", column=self.name)
        numbers = number_dtype(self.dtype)
        if numbers is None and not is_object(self.dtype) and not is_string(self.dtype):
            raise SchemaError(
                f"Column {self.name!r} has dtype {self.dtype}, which holds no numbers. "
                "Convert it with `astype`.",
                column=self.name,
            )
        is_whole = self.kind is Kind.INTEGER or _holds_integers(self.dtype)
        most = 0 if is_whole else grid.MAX_DECIMALS
        if not 0 <= self.decimals <= most:
            raise SchemaError(
                f"Column {self.name!r} (kind {self.kind}, dtype {self.dtype}) has "
                f"{self.decimals} decimals, and can have 0 to {most}.",
                column=self.name,
            )
        lowest, highest = code_limits(self.dtype, self.decimals, is_whole)
        if not lowest <= self.low <= self.high <= highest:
            raise SchemaError(
                f"Column {self.name!r} (dtype {self.dtype}) has the range {self.low} to "
                f"{self.high} in units of 10**-{self.decimals}; it must lie "
                f"in {lowest} to {highest}.",
                column=self.name,
            )
        self._check_step()

    def _check_step(self) -> None:
        most = min(self.decimals, grid.LARGEST_POWER)
        is_right = (
            self.step in [10**power for power in range(most + 1)]
            and list(self.exceptions) == sorted(set(self.exceptions))
            and all(code % self.step for code in self.exceptions)
            and self.contains(np.array([self.low, self.high, *self.exceptions])).all()
        )
        if not is_right:
            raise SchemaError(
                f"Column {self.name!r} has the step {self.step} with the exceptions "
                f"{self.exceptions}: the step must be a power of ten up to 10**{self.decimals}, "
                "the exceptions ascending codes within the range that are no multiples of it, and "
                "both ends of the range must be possible.",
                column=self.name,
            )

    @property
    def usual_decimals(self) -> int:
        """Decimals of all values but the exceptions."""
        return self.decimals - (len(str(self.step)) - 1)

    @property
    def multiples(self) -> range:
        """The multiples of `step` that are codes, each divided by it; an empty range if none."""
        return self._multiples(self.low, self.high)

    def _multiples(self, low: int, high: int) -> range:
        return range(-(-low // self.step), high // self.step + 1)

    @property
    def n_values(self) -> int:
        """How many values a cell that is not missing can have."""
        steps = self.multiples  # of which there can be more than `len` counts
        return max(0, steps.stop - steps.start) + len(self.exceptions)

    @classmethod
    def infer(
        cls,
        series: pd.Series[Any],
        kind: Kind | None = None,
        *,
        decimals: int | None = None,
        bounds: tuple[Any, Any] | None = None,
        margin: float = 0.0,
    ) -> NumericColumn:
        """Take grid and range from a column's cells.

        Parameters
        ----------
        series : pandas.Series of shape (n_rows,)
            The column; some cell is not missing.
        kind : {Kind.INTEGER, Kind.DECIMAL}, default=None
            None chooses integer where all values are whole.
        decimals : int, default=None
            None finds the smallest number that represents all values.
        bounds : tuple of two numbers, default=None
            Smallest and largest allowed value; the observed values must lie within.
        margin : float, default=0.0
            Share of the observed span by which the range is widened on both sides.

        Notes
        -----
        Where nearly all values have far fewer decimals than a few that repeat, such as a mean
        that gaps were filled with, and `decimals` is not given, these become `exceptions`.

        Returns
        -------
        NumericColumn

        Raises
        ------
        SchemaError
            If the values are not numbers, not finite, too large, or not of the kind asked for.
        """
        fit = fit_cells(series, kind, decimals)
        fitted = cls(
            name=series.name,
            kind=kind or (Kind.INTEGER if fit.is_whole else Kind.DECIMAL),
            dtype=series.dtype,
            has_missing=fit.has_missing,
            low=fit.low,
            high=fit.high,
            decimals=fit.decimals,
            marker=missing_marker(series),
        )
        if decimals is None and fitted.decimals >= grid.FEWEST_SAVED:
            codes = fitted.encode(series)
            step, exceptions = grid.coarsen(codes[codes != MISSING], fitted.decimals)
            fitted = replace(fitted, step=step, exceptions=exceptions)
        return fitted._widened(margin) if bounds is None else fitted._within(bounds)

    def encode(self, series: pd.Series[Any]) -> Codes:
        """Code each cell.

        Parameters
        ----------
        series : pandas.Series of shape (n_rows,)
            Cells of this column's dtype.

        Returns
        -------
        ndarray of shape (n_rows,), dtype int64
            Multiples of ``10**-decimals``, brought to the nearest that the column can have;
            MISSING for a missing cell.

        Raises
        ------
        SchemaError
            If a cell is no number, lies one grid unit or more outside the range, or is missing
            where no cell may be.
        """
        check_dtype(series, self.dtype, self.name)
        if is_string(self.dtype):
            codes, missing = read_numerals(series, self.decimals)
            outside = (codes < self.low) | (codes > self.high)
        else:
            numbers, missing = read_numbers(series)
            check_whole(series, self.kind, numbers)
            codes, outside = self._place(numbers)
        check_missing(missing, self.has_missing, self.name)
        if (outside := outside & ~missing).any():
            raise self._outside(series.iloc[int(outside.argmax())])
        return np.where(missing, MISSING, self.nearest(codes))

    def decode(self, codes: Codes) -> pd.Series[Any]:
        """Restore the cells of an array of codes, shape (n_rows,), in the column's dtype."""
        assert self.contains(codes).all(), f"codes outside the domain of column {self.name!r}"
        cells = write_numbers(
            codes,
            codes == MISSING,
            self.dtype,
            self.decimals,
            self.kind is Kind.INTEGER,
            self.marker,
        )
        return pd.Series(cells, name=self.name, dtype=self.dtype)

    def contains(self, codes: Codes) -> npt.NDArray[np.bool_]:
        """Whether each of an array of codes stands for a cell that this column can have."""
        inside = (codes >= self.low) & (codes <= self.high)
        if self.step > 1:
            inside &= (codes % self.step == 0) | np.isin(codes, self.exceptions)
        return inside | (codes == MISSING) if self.has_missing else inside

    def nearest(self, codes: npt.NDArray[Any]) -> Codes:
        """Bring whole numbers to the nearest code that the column can have, shape kept."""
        inside: Codes = np.clip(codes, self.low, self.high)
        if self.step == 1:
            return inside
        steps = self.multiples
        if steps:
            found = np.rint(inside / self.step).astype(np.int64).clip(steps[0], steps[-1])
            found *= self.step
        else:
            found = np.full_like(inside, self.exceptions[0])
        for exception in self.exceptions:
            found = np.where(abs(inside - exception) < abs(inside - found), exception, found)
        return found

    def _place(
        self, numbers: npt.NDArray[Any]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Codes of numbers, and which numbers lie a grid unit or more outside the range."""
        if numbers.dtype.kind != "f" and not self.decimals:
            return numbers, (numbers < self.low) | (numbers > self.high)
        numbers = numbers if numbers.dtype.kind == "f" else numbers.astype(np.float64)
        exact, scale = numbers.dtype.type, 10.0**self.decimals
        # Where the dtype is coarser than the grid, the next unit rounds to the bound itself.
        below = min(exact((self.low - 1) / scale), np.nextafter(exact(self.low / scale), -np.inf))
        above = max(exact((self.high + 1) / scale), np.nextafter(exact(self.high / scale), np.inf))
        outside = (numbers <= below) | (numbers >= above)
        inside = np.where(outside, exact(0), numbers)
        return grid.to_codes(inside, self.decimals), outside

    def _outside(self, value: object) -> SchemaError:
        scale = 10**self.decimals
        lowest, highest = (
            (self.low / scale, self.high / scale) if self.decimals else (self.low, self.high)
        )
        shown = repr(value) if isinstance(value, str) else str(value)
        return SchemaError(
            f"Column {self.name!r} holds {shown}, which is outside its range {lowest} to "
            f"{highest}. Infer the schema from a table with this value, or widen it with `ranges`.",
            column=self.name,
            value=value,
        )

    def _widened(self, margin: float) -> NumericColumn:
        """Widen the range on both sides by a share of its span, not below 0 from above it."""
        added = round(margin * (self.high - self.low))
        lowest, highest = code_limits(self.dtype, self.decimals, self.kind is Kind.INTEGER)
        if self.low >= 0:
            lowest = 0
        return self._between(max(self.low - added, lowest), min(self.high + added, highest))

    def _between(self, low: int, high: int) -> NumericColumn:
        """Take another range, its ends moved inwards to what is possible.

        Raises
        ------
        ValueError
            If nothing is possible in it.
        """
        steps = self._multiples(low, high)
        exceptions = tuple(code for code in self.exceptions if low <= code <= high)
        ends = [steps[0] * self.step, steps[-1] * self.step] if steps else []
        ends += exceptions
        return replace(self, low=min(ends), high=max(ends), exceptions=exceptions)

    def limited(self, bounds: tuple[Any, Any]) -> NumericColumn:
        """Return the column with another range, whatever was observed.

        Parameters
        ----------
        bounds : tuple of two numbers
            Smallest and largest allowed value; None leaves that end as it is.

        Raises
        ------
        SchemaError
            If they are no numbers, or the column has no number between them.
        """
        try:
            low = self.low if bounds[0] is None else grid.ceil_to_grid(bounds[0], self.decimals)
            high = self.high if bounds[1] is None else grid.floor_to_grid(bounds[1], self.decimals)
        except (ArithmeticError, ValueError, TypeError) as error:
            raise SchemaError(
                f"The range of column {self.name!r} must be two finite numbers, got {bounds!r}.",
                column=self.name,
            ) from error
        try:
            return self._between(low, high)
        except ValueError:
            raise SchemaError(
                f"Column {self.name!r} was given the range {bounds!r}, in which there is no number "
                f"with {self.usual_decimals} decimals. Give the smaller end first.",
                column=self.name,
            ) from None

    def _within(self, bounds: tuple[Any, Any]) -> NumericColumn:
        """Take the bounds that the user gave, which must include what was observed."""
        limited = self.limited(bounds)
        if limited.low > self.low or limited.high < self.high:
            scale = 10**self.decimals
            raise SchemaError(
                f"Column {self.name!r} was given the range {bounds!r}, but was observed from "
                f"{self.low / scale} to {self.high / scale}. Widen the range, or drop those rows.",
                column=self.name,
            )
        return limited


def _holds_integers(dtype: Dtype) -> bool:
    numbers = number_dtype(dtype)
    return numbers is not None and numbers.kind != "f"
