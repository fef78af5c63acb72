"""MUNGE: rows mixed with their nearest neighbours (Bucila et al., "Model compression", 2006)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.neighbors import NearestNeighbors

from counterpoise._table_classifier import categorical_columns

_MAX_DECIMALS = 10

_MAX_CATEGORIES = 254  # of a column; one with more says nothing of which rows are near


def munge(
    rows: pd.DataFrame,
    n_rows: int,
    rng: np.random.Generator,
    *,
    categorical: Sequence[Any] | None = None,
    weight: npt.NDArray[np.float64] | None = None,
    p: float = 0.5,
    s: float = 1.0,
) -> pd.DataFrame:
    """Return `n_rows` copies of `rows`, in which nearest neighbours have exchanged cells.

    In each pass over the rows, every row meets its nearest neighbour; with probability `p` each,
    two cells change places, or two numbers are drawn anew around each other, with their difference
    over `s` as standard deviation. `rows` are two or more, of one class. `categorical` are columns
    whose cells are not drawn anew; None is all that are not numbers. `weight`, of shape
    (n_rows_given,), is how often copies of a row are taken.

    NOTE[DIFF] Numbers are rounded as the real ones are, neighbours are those of the real rows, and
    where a number is missing, the two cells change places.
    """
    own = rows.reset_index(drop=True)
    if categorical is None:
        categorical = categorical_columns(own, with_dates=True)
    is_category = own.columns.isin(list(categorical))
    columns: list[pd.Series[Any]] = [column for _, column in own.items()]
    places_of = np.flatnonzero(is_category).tolist(), np.flatnonzero(~is_category).tolist()
    numbers = np.column_stack(
        [np.empty((len(own), 0)), *(_floats(columns[k]) for k in places_of[1])]
    )
    sources = np.tile(np.arange(len(own))[:, None], len(places_of[0]))  # the row of each cell
    neighbour = _nearest_neighbours(own.iloc[:, places_of[0]], numbers)
    passes = []
    for _ in range(-(-n_rows // len(own))):
        new_numbers, new_sources = numbers.copy(), sources.copy()
        for row, other in enumerate(neighbour):
            pair, swapped = np.array([row, other]), np.array([other, row])
            swaps = np.flatnonzero(rng.random(sources.shape[1]) < p)
            new_sources[np.ix_(pair, swaps)] = new_sources[np.ix_(swapped, swaps)]
            changes = np.flatnonzero(rng.random(numbers.shape[1]) < p)
            around = new_numbers[np.ix_(swapped, changes)]
            spread = np.nan_to_num(np.abs(around[0] - around[1]) / s)
            new_numbers[np.ix_(pair, changes)] = rng.normal(around, spread)
        passes.append((new_numbers, new_sources))
    numbers, sources = (np.concatenate(part) for part in zip(*passes, strict=True))
    taken = np.arange(n_rows)
    if weight is not None and np.ptp(weight) > 0:
        of_copies = np.tile(weight, len(passes))
        taken = rng.choice(len(of_copies), n_rows, p=of_copies / of_copies.sum())
    for place, source in zip(places_of[0], sources[taken].T, strict=True):
        columns[place] = columns[place].iloc[source].reset_index(drop=True)
    for place, drawn in zip(places_of[1], numbers[taken].T, strict=True):
        columns[place] = _like(drawn, columns[place])
    mixed: pd.DataFrame = pd.concat(columns, axis=1).set_axis(own.columns, axis=1)
    return mixed


def _floats(column: pd.Series[Any]) -> npt.NDArray[np.float64]:
    return np.asarray(column.to_numpy(dtype=float, na_value=np.nan))


def _like(drawn: npt.NDArray[np.float64], real: pd.Series[Any]) -> pd.Series[Any]:
    """Return numbers in the decimals, the dtype and, of whole numbers, the range of real ones."""
    known = real.dropna().to_numpy(dtype=float)
    drawn = drawn.round(_n_decimals(known))
    if real.dtype.kind in "iu" and len(known):
        low, high = int(real.min()), int(real.max())  # exact: a float of 2**63 - 1 is 2**63
        whole = [None if np.isnan(cell) else min(max(int(cell), low), high) for cell in drawn]
        return pd.Series(whole, dtype=real.dtype)
    return pd.Series(drawn).astype(real.dtype)


def _nearest_neighbours(
    categories: pd.DataFrame, numbers: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """Return the nearest other row of each: standardised numbers, categories equal or not."""
    frame = pd.DataFrame(numbers)
    points = [((frame - frame.mean()) / frame.std().replace(0.0, np.nan)).fillna(0.0).to_numpy()]
    for place in range(categories.shape[1]):
        codes, values = pd.factorize(categories.iloc[:, place].astype(str))
        if len(values) <= _MAX_CATEGORIES:  # two categories that differ: a distance of 1
            points.append(np.eye(len(values) + 1)[codes] / np.sqrt(2))
    found = NearestNeighbors(n_neighbors=1).fit(np.hstack(points)).kneighbors(return_distance=False)
    return np.asarray(found[:, 0])


def _n_decimals(known: npt.NDArray[np.float64]) -> int:
    """Return how many decimals the numbers have."""
    for n in range(_MAX_DECIMALS):
        if np.allclose(known, known.round(n), rtol=1e-12, atol=10.0 ** -(n + 4)):
            return n
    return _MAX_DECIMALS
