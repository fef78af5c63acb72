"""Where synthetic rows came from, and which real rows they are near to."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.columns._base import MISSING
from counterpoise.columns._table import Table
from counterpoise.constraints._fixed_combinations import Layout
from counterpoise.generation._decoding import Generated
from counterpoise.generation._prompts import LABEL_ONLY, Prompts
from counterpoise.grammar._grammar import IntArray

# The real row that is nearest to each synthetic one.


MOST_PAIRS = 2_000_000
"""Pairs of rows that are compared at a time: about 20 MB."""

_FloatArray = npt.NDArray[np.float32]


def nearest(synthetic: Table, real: Table) -> tuple[npt.NDArray[np.float64], IntArray]:
    """Find the nearest of the real rows for each synthetic row.

    The distance is Gower's: the mean over the features of 0 to 1, namely the difference of two
    numbers, times or ordered categories as a share of the column's range (at most 1), and 0 or 1
    for equal or different categories and texts. A missing cell is at 0 from a missing one and at
    1 from any other.

    Parameters
    ----------
    synthetic, real : Table
        Tables with the same columns, label first, which is not compared. `real` is not empty;
        its schema gives the ranges.

    Returns
    -------
    distance : ndarray of shape (n_synthetic,), float64
        In [0, 1].
    row : ndarray of shape (n_synthetic,), int64
        Position among the real rows; the first of several at the same distance.

    Notes
    -----
    Time grows with the product of the numbers of rows, memory does not: `MOST_PAIRS` pairs are
    compared at a time. Gower, "A general coefficient of similarity and some of its properties",
    Biometrics 27 (1971).
    """
    n_rows, n_features = len(synthetic), len(real.schema) - 1
    pairs = [_comparable(synthetic, real, position) for position in range(1, n_features + 1)]
    distance = np.zeros(n_rows)
    row = np.zeros(n_rows, dtype=np.int64)
    step = max(1, MOST_PAIRS // len(real))
    for start in range(0, n_rows, step):
        chunk = slice(start, start + step)
        total: Any = np.zeros((len(distance[chunk]), len(real)), dtype=np.float32)
        for made, known, is_scaled in pairs:
            if is_scaled:
                total += _scaled_difference(made[chunk, None], known[None, :])
            else:
                total += made[chunk, None] != known[None, :]
        row[chunk] = total.argmin(axis=1)
        distance[chunk] = total.min(axis=1) / n_features
    return distance, row


def _scaled_difference(one: _FloatArray, other: _FloatArray) -> _FloatArray:
    """Return the difference of values as shares of the range, at most 1; NaN is missing."""
    difference = np.abs(one - other)
    np.minimum(difference, 1, out=difference)
    apart = np.isnan(one) != np.isnan(other)
    shares: _FloatArray = np.where(np.isnan(difference), apart.astype(np.float32), difference)
    return shares


def _comparable(synthetic: Table, real: Table, position: int) -> tuple[Any, Any, bool]:
    """Return the cells of one column as arrays that can be compared, and whether as shares."""
    column = real.schema[position]
    made, known = synthetic.codes[:, position], real.codes[:, position]
    if position in real.texts:
        number: dict[str, int] = {}
        parts = []
        for table, codes in ((synthetic, made), (real, known)):
            strings = table.texts[position]
            parts.append(
                [-1 if c < 0 else number.setdefault(strings[c], len(number)) for c in codes]
            )
        return np.array(parts[0], dtype=np.int64), np.array(parts[1], dtype=np.int64), False
    low, high = column.code_range or (0, 0)
    if low == high or (known == MISSING).all():
        return made, known, False
    return _share(made, low, high - low), _share(known, low, high - low), True


def _share(codes: IntArray, low: int, size: int) -> _FloatArray:
    """Return where in the range each code lies, 0 to 1; NaN for a missing cell."""
    shares = (codes.astype(np.float64) - low) / size
    shares[codes == MISSING] = np.nan
    return shares.astype(np.float32)


def describe_origin(
    generated: Generated, prompts: Prompts, made: Table, observed: Table, layout: Layout
) -> pd.DataFrame:
    """Return one row a synthetic row of a single class.

    Parameters
    ----------
    generated, prompts : Generated, Prompts
        The rows as they were written, and what with.
    made : Table
        The same rows in the user's columns, label first.
    observed : Table
        The real rows in these columns, of every class.

    Returns
    -------
    DataFrame of shape (n_rows, 6)
        ``class``; ``condition_column`` and ``condition_value`` (None where the prompt was the
        class alone; tuples for a fixed combination); ``log_likelihood`` in nats;
        ``nearest_distance`` to the real rows of the class and ``nearest_row``, its position in X.
        Where rows were read from free text also ``invalid_cells``, how many cells were not
        possible as they were written.
    """
    frame = made.to_frame()
    names: list[Any] = [None]
    for members in layout.members[1:]:
        columns = tuple(made.schema[member].name for member in members)
        names.append(columns if len(members) > 1 else columns[0])
    condition_columns = pd.Series(
        [names[position] for position in prompts.condition.tolist()], dtype=object
    )
    values = [
        _value(frame, row, layout.members[position]) if position != LABEL_ONLY else None
        for row, position in enumerate(prompts.condition.tolist())
    ]
    distance, row = np.empty(0), np.empty(0, dtype=np.int64)
    if len(made):
        of_class = np.flatnonzero(observed.codes[:, 0] == made.codes[0, 0])
        distance, row = nearest(made, observed.take(of_class))
        row = of_class[row]
    origin = pd.DataFrame(
        {
            "class": frame.iloc[:, 0].to_numpy(),
            "condition_column": condition_columns,
            "condition_value": pd.Series(values, dtype=object),
            "log_likelihood": generated.log_likelihood,
            "nearest_distance": distance,
            "nearest_row": row,
        }
    )
    if generated.n_invalid is not None:
        origin["invalid_cells"] = generated.n_invalid
    return origin


def _value(frame: pd.DataFrame, row: int, members: tuple[int, ...]) -> Any:
    cells = tuple(frame.iat[row, member] for member in members)
    return cells if len(cells) > 1 else cells[0]
