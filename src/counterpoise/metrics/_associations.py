"""How strongly each two columns of a table are associated, whatever their kinds."""

from __future__ import annotations

import numpy as np
import pandas as pd

from counterpoise.columns._schema import Schema
from counterpoise.metrics._distance import FloatArray, IntArray, Rows, encode


def association_matrix(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Strength of the association of each pair of columns.

    - Two numbers: Spearman's rank correlation, in [-1, 1], of the rows that have both.
    - Two categories: Cramer's V, in [0, 1]; a missing cell is a category.
    - A number and a category: the correlation ratio of the number's ranks, in [0, 1].

    With a constant column, it is 0.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        At least one row.
    schema : Schema
        The columns.

    Returns
    -------
    DataFrame of shape (n_columns, n_columns)
        Symmetric, 1 on the diagonal, rows and columns named and ordered as the schema.
    """
    (rows,) = encode(schema, [frame])
    names = pd.Index([column.name for column in rows.columns], tupleize_cols=False)
    order = pd.Index([column.name for column in schema], tupleize_cols=False)
    at = names.get_indexer(order)
    matrix = associations(rows, np.arange(len(rows.columns)))
    return pd.DataFrame(matrix[np.ix_(at, at)], index=order, columns=order)


def associations(rows: Rows, columns: IntArray) -> FloatArray:
    """As `association_matrix`, for the columns at these ascending positions of ``rows.columns``."""
    n_ordered = rows.numbers.shape[1]
    numbers = pd.DataFrame(rows.numbers[:, columns[columns < n_ordered]])
    codes = rows.codes[:, columns[columns >= n_ordered] - n_ordered].T
    categories = [np.unique(column, return_inverse=True)[1] for column in codes]
    ranks = numbers.rank().to_numpy()
    n_numbers = ranks.shape[1]
    matrix = np.eye(len(columns))
    spearman = numbers.corr(method="spearman", min_periods=2).fillna(0.0).to_numpy()
    matrix[:n_numbers, :n_numbers] = spearman
    for at, category in enumerate(categories, start=n_numbers):
        found = [_correlation_ratio(column, category) for column in ranks.T]
        found += [_cramers_v(category, other) for other in categories[: at - n_numbers]]
        matrix[at, :at] = matrix[:at, at] = found
    np.fill_diagonal(matrix, 1.0)
    return matrix


def _correlation_ratio(ranks: FloatArray, categories: IntArray) -> float:
    known = ~np.isnan(ranks)
    if known.sum() < 2:
        return 0.0
    centred = ranks[known] - ranks[known].mean()
    groups = categories[known]
    counts = np.bincount(groups)
    sums = np.bincount(groups, weights=centred)
    between = (sums[counts > 0] ** 2 / counts[counts > 0]).sum()
    within = centred @ centred
    return float(np.sqrt(min(1.0, between / within))) if within > 0 else 0.0


def _cramers_v(one: IntArray, other: IntArray) -> float:
    """Own code: scipy's also computes a test, and a table of all pairs of values."""
    n_one, n_other = int(one.max()) + 1, int(other.max()) + 1
    smaller = min(n_one, n_other) - 1
    if smaller == 0:
        return 0.0
    pairs, counts = np.unique(one * n_other + other, return_counts=True)
    expected = np.bincount(one)[pairs // n_other] * np.bincount(other)[pairs % n_other]
    mean_square = (counts**2 / expected).sum() - 1  # chi-squared per row
    return float(np.sqrt(np.clip(mean_square / smaller, 0.0, 1.0)))
