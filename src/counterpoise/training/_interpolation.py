"""Interpolated minority rows: the first idea of the paper."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from counterpoise.columns._base import ABSENT, MISSING
from counterpoise.columns._table import Table
from counterpoise.grammar._grammar import IntArray

N_NEIGHBORS = 5


def interpolate(table: Table, n_rows: Mapping[int, int], rng: np.random.Generator) -> Table:
    """Return interpolated rows: a label and numeric features, everything else ``ABSENT``.

    Step 1 of the paper, the first idea.

    SMOTE-NC (k = 5) between rows of one class, on all features; only the numeric ones are kept,
    rounded to their columns' precision, because an interpolated category would be invented. A
    class of 5 rows or fewer is duplicated instead.

    `table` has the label first and two or more classes; `n_rows` says how many rows to return for
    each label code. There are none if no feature is numeric.

    NOTE[DIFF] Dates and times count as numeric. A cell that is missing in most neighbours is
    missing in the interpolated row, where the published code has no missing values.
    """
    numeric = [position for position, column in enumerate(table.schema) if column.is_numeric]
    parts = [np.empty((0, len(table.schema)), dtype=np.int64)]
    for label, n in n_rows.items():
        if not numeric or n == 0:
            continue
        rows = np.full((n, len(table.schema)), ABSENT, dtype=np.int64)
        rows[:, 0] = label
        rows[:, numeric] = _interpolate_class(table, numeric, label, n, rng)
        parts.append(rows)
    return Table(table.schema, np.concatenate(parts), table.texts)


def _interpolate_class(
    table: Table, numeric: list[int], label: int, n: int, rng: np.random.Generator
) -> IntArray:
    """Return the codes of the numeric columns of `n` new rows of class `label`."""
    is_class = table.codes[:, 0] == label
    if is_class.sum() <= N_NEIGHBORS:
        duplicates: IntArray = table.codes[rng.choice(np.flatnonzero(is_class), n)][:, numeric]
        return duplicates
    categorical = [
        position
        for position in range(1, len(table.schema))
        if position not in numeric and position not in table.texts
    ]
    columns = [table.schema[position] for position in numeric]
    sizes = np.array([column.unit_size for column in columns])
    numbers = table.codes[:, numeric] * sizes  # distances are between values, not codes
    gaps = table.codes[:, numeric] == MISSING
    numbers[gaps | (table.codes[:, numeric] == ABSENT)] = np.nan
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        medians = np.nan_to_num(np.nanmedian(numbers, axis=0))  # of columns without a number too
    numbers = np.where(np.isnan(numbers), medians, numbers)
    has_gaps = gaps.any(axis=0)
    categories = np.column_stack([table.codes[:, categorical], gaps[:, has_gaps]])
    X = np.column_stack([numbers, _as_ranks(categories)])
    smote = _smote(len(numeric), X.shape[1], is_class.sum() + n, int(rng.integers(2**31)))
    new = smote.fit_resample(X, is_class)[0][len(X) :]
    scaled = new[:, : len(numeric)] / sizes
    codes = np.column_stack([c.nearest(scaled[:, at]) for at, c in enumerate(columns)])
    new_gaps = np.zeros(codes.shape, dtype=bool)
    new_gaps[:, has_gaps] = new[:, X.shape[1] - has_gaps.sum() :] > 0.5
    codes[new_gaps] = MISSING
    return codes


def _as_ranks(columns: IntArray) -> IntArray:
    """Replace each column's values by their ranks, so that sentinels become small numbers."""
    ranks = [np.unique(column, return_inverse=True)[1] for column in columns.T]
    return np.column_stack(ranks) if ranks else columns


def _smote(n_numeric: int, n_columns: int, n_target: int, seed: int) -> Any:
    """Return the SMOTE that fits the kinds of columns."""
    from imblearn.over_sampling import SMOTE, SMOTENC

    arguments = {
        "sampling_strategy": {True: n_target},
        "k_neighbors": N_NEIGHBORS,
        "random_state": seed,
    }
    if n_columns == n_numeric:
        return SMOTE(**arguments)
    return SMOTENC(categorical_features=list(range(n_numeric, n_columns)), **arguments)
