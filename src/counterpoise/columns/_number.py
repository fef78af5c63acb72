"""Columns of numbers, whole or with a fixed number of decimals."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.columns import _decimal_grid as grid
from counterpoise.columns._base import (
    ABSENT,
    MARKERS,
    MISSING,
    Codes,
    Dtype,
    Kind,
    check_dtype,
    check_missing,
    distinct,
    is_object,
    is_string,
    missing_marker,
    present_types,
)
from counterpoise.errors import SchemaError

# Numbers kept as strings: a string column that is declared to be numeric.


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


# The numbers in a column's cells, out of and into each dtype that can hold them.


_FLOAT_LIMIT: Final = 2**62
"""Codes of floats stay below this, so that no rounding takes them out of int64."""

_INT64_MAX: Final = int(np.iinfo(np.int64).max)


def number_dtype(dtype: Dtype) -> np.dtype[Any] | None:
    """Find the numpy dtype of the numbers in cells of `dtype`; None where they are no numbers."""
    numbers = getattr(dtype, "numpy_dtype", dtype)  # of nullable and Arrow dtypes
    if isinstance(numbers, np.dtype) and numbers.kind in "iuf" and numbers.itemsize <= 8:
        # An Arrow decimal calls itself a number too; its dtype has kind "O".
        return numbers if getattr(dtype, "kind", "O") in "iuf" else None
    return None


def code_limits(dtype: Dtype, decimals: int, is_whole: bool) -> tuple[int, int]:
    """Lowest and highest code that cells of `dtype` can restore."""
    numbers = number_dtype(dtype)
    if numbers is not None and numbers.kind != "f":
        limits = np.iinfo(numbers)
        return max(int(limits.min), ABSENT + 1), min(int(limits.max), _INT64_MAX)
    if is_string(dtype) or (is_object(dtype) and is_whole):
        return ABSENT + 1, _INT64_MAX
    largest = np.finfo(numbers or np.dtype(np.float64)).max
    limit = min(_FLOAT_LIMIT, int(float(largest)) * 10**decimals)
    return -limit, limit


def read_numbers(series: pd.Series[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Numbers of a column of a numeric or object dtype.

    Parameters
    ----------
    series : pandas.Series of shape (n_rows,)
        Cells of a numeric dtype, or Python ints and floats in an object column.

    Returns
    -------
    numbers : ndarray of shape (n_rows,), dtype int64 or one of the float dtypes
        The numbers, int64 wherever all are integers by type; 0 where missing.
    missing : ndarray of shape (n_rows,), dtype bool
        Which cells are missing.

    Raises
    ------
    SchemaError
        If a cell is no number, is infinite, or is an integer outside int64.
    """
    missing = series.isna().to_numpy(dtype=bool)
    if is_object(series.dtype):
        numbers = _object_numbers(series, missing)
    elif (dtype := number_dtype(series.dtype)) is not None:
        if isinstance(series.dtype, np.dtype):
            numbers = np.where(missing, dtype.type(0), series.to_numpy())
        else:
            numbers = series.array.to_numpy(dtype=dtype, na_value=0)
    else:
        raise SchemaError(
            f"Column {series.name!r} has dtype {series.dtype}, which holds no numbers that can be "
            "used. Convert it with `astype`, for instance to float.",
            column=series.name,
        )
    if numbers.dtype.kind != "f":
        return _within_int64(series, numbers), missing
    missing = missing | np.isnan(numbers)  # a nullable float can hold NaN beside its missing cells
    numbers = np.where(missing, numbers.dtype.type(0), numbers)
    if not (finite := np.isfinite(numbers)).all():
        raise SchemaError(
            f"Column {series.name!r} holds {numbers[~finite][0]} in row {int(finite.argmin())}. "
            "Replace infinite numbers by finite or missing ones.",
            column=series.name,
            value=float(numbers[~finite][0]),
        )
    return numbers, missing


def _object_numbers(
    series: pd.Series[Any], missing: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64] | npt.NDArray[np.float64]:
    is_whole = True
    for kind, rows in present_types(series).items():
        if not issubclass(kind, (int, float, np.integer, np.floating)) or kind is bool:
            raise SchemaError(
                f"Column {series.name!r} is numeric, but holds {series.iloc[int(rows[0])]!r}, a "
                f"{kind.__name__}. Convert it with `pandas.to_numeric`, or declare it categorical.",
                column=series.name,
                value=series.iloc[int(rows[0])],
            )
        is_whole &= issubclass(kind, (int, np.integer))
    cells = np.where(missing, 0, series.to_numpy(dtype=object))
    try:
        return cells.astype(np.int64) if is_whole else cells.astype(np.float64)
    except OverflowError as error:
        raise _too_large(series, max(cells, key=abs)) from error


def _within_int64(series: pd.Series[Any], numbers: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    if len(numbers):
        if numbers.dtype.kind == "u" and int(numbers.max()) > _INT64_MAX:
            raise _too_large(series, int(numbers.max()))
        if numbers.dtype.kind == "i" and int(numbers.min()) <= ABSENT:
            raise _too_large(series, int(numbers.min()))
    return numbers.astype(np.int64)


def _too_large(series: pd.Series[Any], value: int) -> SchemaError:
    return SchemaError(
        f"Column {series.name!r} holds {value}, which is outside -2**63 + 2 to 2**63 - 1. "
        "If it is an identifier, convert the column to strings with `astype(str)`; if it is a "
        "quantity, to floats with `astype(float)`.",
        column=series.name,
        value=value,
    )


def read_numerals(
    series: pd.Series[Any], decimals: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Codes of a string column's numerals, 0 where missing, and which cells are missing."""
    positions, texts = distinct(series)
    codes = [0] * (len(texts) + 1)  # the position of a missing cell is -1
    for position, text in enumerate(texts):
        code = read_numeral(str(text), decimals)
        if code is None:
            raise SchemaError(
                f"Column {series.name!r} is numeric, but holds {text!r}, which is not a number "
                f"written in the plain way, here with {decimals} decimals, so it could not be "
                "restored. Convert the column with `pandas.to_numeric`, or declare it categorical.",
                column=series.name,
                value=text,
            )
        if not ABSENT < code <= _INT64_MAX:
            raise _too_large(series, code)
        codes[position] = code
    return np.array(codes, dtype=np.int64)[positions], positions < 0


def write_numbers(
    codes: Codes,
    missing: npt.NDArray[np.bool_],
    dtype: Dtype,
    decimals: int,
    is_whole: bool,
    marker: str,
) -> Any:
    """Cells of `dtype` for an array of codes, which are not read where `missing` is True.

    Parameters
    ----------
    codes, missing : ndarray of shape (n_rows,), dtypes int64 and bool
        Grid units, and which cells are missing.
    dtype : numpy dtype or pandas ExtensionDtype
        Dtype of the cells.
    decimals : int
        Decimals of the grid.
    is_whole : bool
        Whether object cells are ints rather than floats.
    marker : str
        What an object column holds in a missing cell; see `MARKERS`.

    Returns
    -------
    ndarray or pandas ExtensionArray of shape (n_rows,)
    """
    codes = np.where(missing, 0, codes)
    if is_string(dtype):
        units, positions = np.unique(codes, return_inverse=True)
        texts = np.array([write_numeral(int(unit), decimals) for unit in units], dtype=object)
        cells = texts[positions].astype(object)
        cells[missing] = None
        return cells
    if is_object(dtype):
        cells = (codes if is_whole else grid.to_numbers(codes, decimals)).astype(object)
        cells[missing] = MARKERS[marker]
        return cells
    numbers = number_dtype(dtype)
    assert numbers is not None, dtype
    restored = codes if numbers.kind != "f" else grid.to_numbers(codes, decimals)
    restored = restored.astype(numbers)
    if isinstance(dtype, np.dtype):
        return np.where(missing, numbers.type(np.nan), restored) if missing.any() else restored
    extended: Any = pd.array(restored, dtype=dtype)  # type: ignore[call-overload]
    extended[missing] = pd.NA
    return extended


# The decimal grid and the range of a column's numbers.


@dataclass(frozen=True, slots=True)
class Fit:
    """What the cells of a numeric column say about it.

    Parameters
    ----------
    decimals : int
        Number of decimals of the grid.
    low, high : int
        Lowest and highest code on it.
    is_whole : bool
        Whether kind integer restores all cells.
    has_missing : bool
        Whether some cell is missing.
    """

    decimals: int
    low: int
    high: int
    is_whole: bool
    has_missing: bool


def fit_cells(series: pd.Series[Any], kind: Kind | None, decimals: int | None) -> Fit:
    """Find the coarsest grid that holds a column's numbers, or check the given one.

    Parameters
    ----------
    series : pandas.Series of shape (n_rows,)
        Cells of a numeric, object or string dtype, not all missing.
    kind : {Kind.INTEGER, Kind.DECIMAL} or None
        What the column is declared to be.
    decimals : int or None
        The number of decimals that it is declared to have.

    Returns
    -------
    Fit

    Raises
    ------
    SchemaError
        If the cells are not numbers, not finite, too large, or not whole as declared.
    """
    if is_string(series.dtype):
        return _fit_numerals(series, decimals)
    numbers, missing = read_numbers(series)
    check_whole(series, kind, numbers)
    present, has_missing = numbers[~missing], bool(missing.any())
    if numbers.dtype.kind != "f":
        if not decimals:
            return Fit(0, int(present.min()), int(present.max()), True, has_missing)
        return _fit_floats(series, present.astype(np.float64), kind, decimals, has_missing)
    fit = _fit_floats(series, present, kind, decimals, has_missing)
    # Kind integer would restore the floats of an object column as ints.
    return replace(fit, is_whole=False) if is_object(series.dtype) else fit


def check_whole(series: pd.Series[Any], kind: Kind | None, numbers: npt.NDArray[Any]) -> None:
    """Raise a `SchemaError` where floats in an object column would come back as ints."""
    if is_object(series.dtype) and kind is Kind.INTEGER and numbers.dtype.kind == "f":
        raise SchemaError(
            f"Column {series.name!r} is of kind integer, but some of its objects are floats. "
            "Convert it with `pandas.to_numeric`, or declare it decimal.",
            column=series.name,
        )


def _fit_numerals(series: pd.Series[Any], decimals: int | None) -> Fit:
    """Fit numbers written as strings, all with the same number of decimals."""
    if decimals is None:
        decimals = count_decimals([str(text) for text in distinct(series)[1]]) or 0
    codes, missing = read_numerals(series, decimals)
    low, high = int(codes[~missing].min()), int(codes[~missing].max())
    return Fit(decimals, low, high, not decimals, bool(missing.any()))


def _fit_floats(
    series: pd.Series[Any],
    present: npt.NDArray[np.floating[Any]],
    kind: Kind | None,
    decimals: int | None,
    has_missing: bool,
) -> Fit:
    """Fit floats, exactly where a grid holds them all and within their range elsewhere."""
    fitted, is_exact = grid.fit_decimals(present)
    is_whole = is_exact and not fitted
    if kind is Kind.INTEGER and not is_whole:
        example = present[present != np.rint(present)][0]
        raise SchemaError(
            f"Column {series.name!r} is declared integer, but holds {example}. "
            "Round it, or declare it decimal.",
            column=series.name,
            value=float(example),
        )
    is_exact &= decimals is None or decimals >= fitted
    chosen = fitted if decimals is None else decimals
    while True:
        _check_size(series, present, chosen, is_exact)
        if is_exact:
            codes = grid.to_codes(present, chosen)
            low, high = int(codes.min()), int(codes.max())
        else:
            low, high = grid.inner_bounds(present, chosen)
            if low > high and grid.is_finest(present, chosen):
                # All numbers lie between two neighbours of the finest grid: take the nearest one.
                low = high = int(grid.to_codes(present[:1], chosen)[0])
        if low <= high:
            return Fit(chosen, low, high, is_whole and not chosen, has_missing)
        if decimals is not None:
            raise SchemaError(
                f"Column {series.name!r} has no number with {decimals} decimals between its lowest "
                f"and highest, {present.min()} and {present.max()}. Allow more decimals.",
                column=series.name,
            )
        chosen += 1


def _check_size(
    series: pd.Series[Any], present: npt.NDArray[np.floating[Any]], decimals: int, is_exact: bool
) -> None:
    """Raise a `SchemaError` for numbers too large or too small to be codes."""
    largest = float(np.abs(present).max())
    limit = code_limits(series.dtype, decimals, is_whole=False)[1]
    too_small = not is_exact and largest * 10.0**grid.MAX_DECIMALS < 1e5
    if decimals > grid.MAX_DECIMALS or too_small or largest * 10.0**decimals > limit:
        raise SchemaError(
            f"Column {series.name!r} holds numbers of a size ({largest:g}) that cannot be written "
            f"with {decimals} decimals in 18 digits. Multiply or divide the column by a power of "
            "ten, or take its logarithm.",
            column=series.name,
            value=largest,
        )


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
