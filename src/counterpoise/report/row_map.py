"""A map of rows: real ones of a class, synthetic ones, and those of the other classes, in a plane.

Principal components of mixed data: numbers as standardised ranks, categories as indicators over the
square root of their share (factor analysis of mixed data [1]_), so that a rare category weighs
neither more nor less than a common one.

References
----------
.. [1] J. Pages, "Analyse factorielle de donnees mixtes", Revue de statistique appliquee 52 (2004).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.report.columns import FloatArray, numbers_of
from counterpoise.report.summary import Layer, RowMap
from counterpoise.table import CategoricalColumn, Column, Schema, TextColumn

__all__ = ["draw_map"]

_MOST_POINTS = 400
_MOST_CATEGORIES = 50


def draw_map(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    others: pd.DataFrame,
    schema: Schema,
    rng: np.random.Generator,
) -> RowMap | None:
    """Place rows on a plane.

    The plane is that of the real rows, those of the class and as many others; synthetic rows are
    put into it and do not turn it. At most 400 of each group are placed, drawn at random.

    Parameters
    ----------
    real, synthetic, others : DataFrame of shape (n_rows, n_columns)
        Real rows of the class, synthetic ones, and real rows of the other classes.
    schema : Schema
        What the columns are.
    rng : numpy.random.Generator
        Draws the rows that are placed.

    Returns
    -------
    RowMap or None
        None where the real rows do not differ in two directions.
    """
    from sklearn.decomposition import PCA

    chosen = [_some_rows(frame, rng) for frame in (real, synthetic, others)]
    ends = np.cumsum([len(frame) for frame in chosen])
    whole = pd.concat(chosen, ignore_index=True)
    is_real = np.ones(len(whole), dtype=bool)
    is_real[ends[0] : ends[1]] = False
    blocks = [_coordinates(column, whole[column.name], is_real) for column in schema]
    matrix = np.hstack([block for block in blocks if block.shape[1]] or [np.empty((len(whole), 0))])
    if matrix.shape[1] < 2 or is_real.sum() < 3:
        return None
    projection = PCA(2, svd_solver="full").fit(matrix[is_real])
    points = projection.transform(matrix)
    names = ("real, of the class", "synthetic", "real, other classes")
    sizes = (len(real), len(synthetic), len(others))
    parts = np.split(points, ends[:-1])
    return RowMap(
        layers=tuple(
            Layer(name, size, tuple((round(x, 3), round(y, 3)) for x, y in part.tolist()))
            for name, size, part in zip(names, sizes, parts, strict=True)
        ),
        explained=tuple(projection.explained_variance_ratio_.tolist()),
    )


def _some_rows(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    if len(frame) <= _MOST_POINTS:
        return frame
    return frame.iloc[np.sort(rng.choice(len(frame), _MOST_POINTS, replace=False))]


def _coordinates(
    column: Column, series: pd.Series[Any], is_real: npt.NDArray[np.bool_]
) -> FloatArray:
    """Return what a column adds to the coordinates, centred on the real rows."""
    if isinstance(column, TextColumn):
        return np.empty((len(series), 0))
    if isinstance(column, CategoricalColumn):
        return _indicators(series, is_real)
    numbers = numbers_of(column, series)
    missing = np.isnan(numbers)
    known = np.sort(numbers[is_real & ~missing])
    if not len(known):
        return np.empty((len(series), 0))
    ranks = np.searchsorted(known, numbers, "left") + np.searchsorted(known, numbers, "right")
    positions = ranks / (2 * len(known))
    positions[missing] = positions[is_real & ~missing].mean()
    spread = positions[is_real].std()
    if spread == 0:
        return np.empty((len(series), 0))
    standardised: FloatArray = (positions - positions[is_real].mean()) / spread
    return standardised[:, None]


def _indicators(series: pd.Series[Any], is_real: npt.NDArray[np.bool_]) -> FloatArray:
    codes = pd.factorize(series.astype(object))[0]
    codes[codes < 0] = codes.max() + 1
    n_rows = np.bincount(codes[is_real], minlength=codes.max() + 1)
    kept = np.argsort(-n_rows, kind="stable")[:_MOST_CATEGORIES]
    kept = kept[n_rows[kept] > 0]
    if len(kept) < 2:
        return np.empty((len(series), 0))
    shares = n_rows[kept] / is_real.sum()
    indicators: FloatArray = ((codes[:, None] == kept) - shares) / np.sqrt(shares)
    return indicators
