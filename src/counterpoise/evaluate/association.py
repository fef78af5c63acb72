"""How strongly each two columns of a table go together, whatever their kinds."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from counterpoise.evaluate.distance import FloatArray, Rows, column_order, encode
from counterpoise.table import Schema

__all__ = ["association_matrix", "associations_of"]


def association_matrix(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Strength of the association of each pair of columns.

    - Two numbers: Spearman's rank correlation, in [-1, 1], of the rows that have both.
    - Two categories: Cramer's V, in [0, 1]; a missing cell is a category.
    - A number and a category: the correlation ratio of the number's ranks, in [0, 1].

    Where a column is constant there is no association to speak of, and the value is 0.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        At least one row.
    schema : Schema
        What the columns are.

    Returns
    -------
    DataFrame of shape (n_columns, n_columns)
        Symmetric, 1 on the diagonal, rows and columns named and ordered as the schema.
    """
    matrix = associations_of(encode(schema, [frame])[0])
    names = pd.Index([column.name for column in column_order(schema)], tupleize_cols=False)
    order = pd.Index([column.name for column in schema], tupleize_cols=False)
    positions = names.get_indexer(order)
    return pd.DataFrame(matrix[np.ix_(positions, positions)], index=order, columns=order)


def associations_of(rows: Rows) -> FloatArray:
    """As :func:`association_matrix`, with the columns in the order of `column_order`."""
    numbers = rows.numbers
    n_numeric, n_columns = numbers.shape[1], len(rows.schema)
    categories = [np.unique(codes, return_inverse=True)[1] for codes in rows.codes.T]
    matrix = np.eye(n_columns)
    for one in range(n_columns):
        for other in range(one):
            if one < n_numeric:
                value = _spearman(numbers[:, one], numbers[:, other])
            elif other < n_numeric:
                value = _correlation_ratio(numbers[:, other], categories[one - n_numeric])
            else:
                value = _cramers_v(categories[one - n_numeric], categories[other - n_numeric])
            matrix[one, other] = matrix[other, one] = value
    return matrix


def _spearman(one: FloatArray, other: FloatArray) -> float:
    known = ~(np.isnan(one) | np.isnan(other))
    if known.sum() < 2:
        return 0.0
    x, y = (stats.rankdata(column[known]) for column in (one, other))
    x, y = x - x.mean(), y - y.mean()
    spread = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / spread) if spread > 0 else 0.0


def _correlation_ratio(numbers: FloatArray, categories: FloatArray) -> float:
    known = ~np.isnan(numbers)
    if known.sum() < 2:
        return 0.0
    ranks = stats.rankdata(numbers[known])
    ranks -= ranks.mean()
    of = categories[known]
    counts = np.bincount(of)
    sums = np.bincount(of, weights=ranks)
    between = (sums[counts > 0] ** 2 / counts[counts > 0]).sum()
    within = ranks @ ranks
    return float(np.sqrt(min(1.0, between / within))) if within > 0 else 0.0


def _cramers_v(one: FloatArray, other: FloatArray) -> float:
    n_one, n_other = int(one.max()) + 1, int(other.max()) + 1
    smaller = min(n_one, n_other) - 1
    if smaller == 0:
        return 0.0
    table = np.bincount(one * n_other + other, minlength=n_one * n_other).reshape(n_one, n_other)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / len(one)
    chi_squared = ((table - expected) ** 2 / expected).sum()
    return float(np.sqrt(min(1.0, chi_squared / (len(one) * smaller))))
