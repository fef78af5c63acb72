"""Whether the cells of synthetic rows are possible in their table.

Computed from two frames alone, never from a generator's own schema: it can disagree with one.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype


@dataclass(frozen=True, slots=True)
class Validity:
    """Which cells of a synthetic table are possible in the real one.

    Attributes
    ----------
    cells
        Boolean, the synthetic table's shape, index and columns; True where the cell is valid.
    """

    cells: pd.DataFrame

    @property
    def rows(self) -> pd.Series[bool]:
        """Boolean, one per row; True where every cell of the row is valid."""
        return self.cells.all(axis="columns")

    @property
    def share_of_rows(self) -> float:
        """Share of the rows whose every cell is valid, in [0, 1]; NaN for no rows."""
        return float(self.rows.mean()) if len(self.cells) else float("nan")

    @property
    def share_by_column(self) -> pd.Series[float]:
        """Share of each column's cells that are valid, in [0, 1]; the worst first."""
        return self.cells.mean().sort_values()


def check_validity(synthetic: pd.DataFrame, real: pd.DataFrame) -> Validity:
    """Compare every cell of `synthetic` with the column of `real` that has its name.

    A category must be one that the real column holds. A number must be within the real column's
    range, and have no more decimals than the real column's longest; a date must be within the
    range. A missing value must be in a column that has some.

    Parameters
    ----------
    synthetic, real : DataFrame of shape (n_synthetic, n_columns), (n_real, n_columns)
        The rows to check, and those of the table that they must be possible in.

    Raises
    ------
    ValueError
        If the two tables do not have the same columns, or `real` has no row.

    Examples
    --------
    >>> real = pd.DataFrame({"price": [1.5, 2.25, 9.0], "colour": ["red", "blue", "red"]})
    >>> made = pd.DataFrame({"price": [2.0, 3.333], "colour": ["blue", "red"]})
    >>> check_validity(made, real).rows.tolist()
    [True, False]
    """
    if set(synthetic.columns) != set(real.columns):
        differing = sorted(map(str, set(synthetic.columns) ^ set(real.columns)))
        raise ValueError(f"The tables differ in their columns: only one has {differing}.")
    if real.empty:
        raise ValueError("The real table has no row to compare with.")
    cells = {name: _valid_cells(synthetic[name], real[name]) for name in synthetic.columns}
    return Validity(pd.DataFrame(cells, index=synthetic.index, columns=synthetic.columns))


def _valid_cells(synthetic: pd.Series[Any], real: pd.Series[Any]) -> npt.NDArray[np.bool_]:
    missing = synthetic.isna().to_numpy()
    valid = np.full(len(synthetic), bool(real.isna().any()))
    present, known = synthetic[~missing], real.dropna()
    if is_numeric_dtype(real) and not is_bool_dtype(real):
        valid[~missing] = _possible_numbers(present, known)
    elif is_datetime64_any_dtype(real):
        valid[~missing] = present.between(known.min(), known.max()).to_numpy(dtype=bool)
    else:
        valid[~missing] = present.isin(set(known)).to_numpy(dtype=bool)
    return valid


def _possible_numbers(synthetic: pd.Series[Any], real: pd.Series[Any]) -> npt.NDArray[np.bool_]:
    if real.empty:
        return np.zeros(len(synthetic), dtype=bool)
    numbers = pd.to_numeric(synthetic, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    known = real.to_numpy(dtype=float)
    within = (numbers >= known.min()) & (numbers <= known.max())
    n_decimals = max(_n_decimals(value) for value in real.unique())
    tolerance = 10.0 ** -(n_decimals + 4)
    fits = np.isclose(numbers, numbers.round(n_decimals), rtol=1e-12, atol=tolerance)
    valid: npt.NDArray[np.bool_] = within & fits
    return valid


def _n_decimals(value: object) -> int:
    """Return how many decimals the shortest text of a number has.

    Examples
    --------
    >>> [_n_decimals(value) for value in (12, 0.25, 3.0, 1e-05, np.float32(0.1))]
    [0, 2, 0, 5, 1]
    """
    exponent = Decimal(str(value)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
