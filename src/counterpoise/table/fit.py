"""The decimal grid and the range of a column's numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.errors import SchemaError
from counterpoise.table import grid
from counterpoise.table.cells import distinct, is_object, is_string
from counterpoise.table.kind import Kind
from counterpoise.table.numbers import code_limits, read_numbers, read_numerals
from counterpoise.table.numeral import count_decimals

__all__ = ["Fit", "check_whole", "fit_cells"]


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
