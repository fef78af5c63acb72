"""What a table makes impossible, or can't promise: said before any training."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from counterpoise.columns._base import ABSENT
from counterpoise.columns._table import Table
from counterpoise.training._interpolation import N_NEIGHBORS
from counterpoise.training._preparation import MIN_CLASS_SIZE_FOR_HOLDOUT


def check_class_size(class_: Any, n_rows: int, *, interpolates: bool) -> None:
    """Refuse a class with a single row, and warn of what a tiny one can't be promised.

    Parameters
    ----------
    interpolates : bool
        Whether interpolated rows are asked for.

    Raises
    ------
    ValueError
        If there is one row.
    """
    if n_rows < 2:
        raise ValueError(
            f"class {class_!r} has 1 row; at least 2 are needed to learn from: collect more rows "
            "of it, or leave it out with sampling_strategy"
        )
    if n_rows >= MIN_CLASS_SIZE_FOR_HOLDOUT:
        return
    fallback = (
        f"; with {N_NEIGHBORS} or fewer its numbers are repeated, not interpolated"
        if interpolates and n_rows <= N_NEIGHBORS
        else ""
    )
    warnings.warn(
        f"class {class_!r} has {n_rows} rows: too few to hold any out, so it can't be told when "
        f"the model has learned enough, and its rows may be near copies{fallback}",
        UserWarning,
        stacklevel=2,
    )


def warn_about_identifiers(features: Table) -> None:
    """Warn of columns with another value in every row, and say what happens to them."""
    for position, column in enumerate(features.schema):
        fewest = column.min_rows_of_identifier
        if fewest is None or len(features) < fewest:
            continue
        texts = features.texts.get(position)
        values = features.codes[:, position].tolist() if texts is None else texts
        if texts is not None and any(" " in text for text in texts):
            continue  # no identifiers, but words
        if len(set(values)) == len(features):
            warnings.warn(
                f"column {column.name!r} has another value in every row, like an identifier; "
                f"generated rows get {column.generated_values()}. If it means nothing, drop the "
                "column before resampling",
                UserWarning,
                stacklevel=2,
            )


def warn_about_unseen(table: Table, label: int, class_: Any) -> None:
    """Warn of columns for which no row of a class (label first) has an allowed value."""
    of_class = table.codes[table.codes[:, 0] == label]
    for position in np.flatnonzero((of_class == ABSENT).all(axis=0)):
        name = table.schema[int(position)].name
        warnings.warn(
            f"no row of class {class_!r} has a value of column {name!r} "
            "that ranges, categories and fixed_combinations allow: the model has seen none, and "
            "its choice among the allowed ones will be arbitrary",
            UserWarning,
            stacklevel=2,
        )
