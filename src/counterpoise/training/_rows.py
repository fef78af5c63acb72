"""Which rows are trained on (steps 1 and 2 of the paper), and what a table makes impossible."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from imblearn.over_sampling import SMOTE, SMOTENC

from counterpoise.columns import ABSENT, Schema, Table, TextColumn
from counterpoise.columns._text import MAX_LENGTH
from counterpoise.columns._written import doubt
from counterpoise.errors import warn_user
from counterpoise.generation._prompts import ValueCounts
from counterpoise.grammar._grammar import IntArray
from counterpoise.recipes import Recipe

N_NEIGHBORS = 5
LARGE_CLASS = 200  # from this many rows on, a class can do without its held-out rows in training
_MIN_CLASS_SIZE_FOR_HOLDOUT = 20  # below this, a few held-out rows would tell nothing
UNSTOPPED_EPOCHS = 10  # passes of a training that nothing stops early,
FIRST_SAMPLES_SEEN = 10_000  # of which so many training samples are certain
_N_DECIDING = 300  # held-out rows, at most, that decide whether there are more,
_LEAST_LENGTHENED = 1.5  # if there may be so many times as many; fewer are not worth them


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """What the model learns from; a loaded model that was saved without its rows has none."""

    corpus: Table  # real rows, then interpolated ones (categories ABSENT)
    n_real: int  # how many of them are real
    held_out: Table | None  # real rows kept aside, which decide when training ends
    value_counts: ValueCounts  # for prompts, of all real rows and the interpolated ones

    @property
    def n_held_out(self) -> int:
        """How many rows are kept aside."""
        return 0 if self.held_out is None else len(self.held_out)


def training_rows(
    table: Table,
    n_deficit: Mapping[int, int],
    recipe: Recipe,
    rng: np.random.Generator,
    *,
    holds_out: bool = True,
    may_lengthen: bool = False,
) -> TrainingRows:
    """Choose the rows to learn from; step 2 of the paper: the corpus.

    `n_deficit` says how many rows each class that is to be filled lacks, by label code; without
    `holds_out` every row is trained on. Where a training may be lengthened that nothing stops
    early, rows of the largest class are held out, for they are missed least.
    """
    labels = table.codes[:, 0]
    trained = np.unique(labels) if recipe.train_on == "all" else np.array(sorted(n_deficit))
    is_held_out = np.zeros(len(labels), dtype=bool)
    for label in trained if holds_out else ():
        of_class = np.flatnonzero(labels == label)
        n = min(round(_held_out_share(len(of_class), recipe) * len(of_class)), len(of_class) - 2)
        is_held_out[rng.choice(of_class, max(n, 0), replace=False)] = True
    is_trained = np.isin(labels, trained)
    if may_lengthen and recipe.epochs == "auto" and recipe.validation_fraction == 0:
        values, counts = np.unique(labels[is_trained], return_counts=True)
        n = min(_N_DECIDING, round(0.1 * counts.max()))
        if UNSTOPPED_EPOCHS * (counts.sum() - n) >= _LEAST_LENGTHENED * FIRST_SAMPLES_SEEN:
            of_class = np.flatnonzero(labels == values[counts.argmax()])
            is_held_out[rng.choice(of_class, n, replace=False)] = True
    real, interpolated = table.take(is_trained & ~is_held_out), []
    if recipe.interpolation is not None:
        # from the rows that are trained on: held-out rows must not leak into the corpus
        interpolated = [interpolate(table.take(~is_held_out), n_deficit, rng)]
    return TrainingRows(
        corpus=Table.concat([real, *interpolated]),
        n_real=len(real),
        held_out=table.take(is_held_out) if is_held_out.any() else None,
        value_counts=ValueCounts.of(Table.concat([table.take(is_trained), *interpolated])),
    )


def _held_out_share(n_rows: int, recipe: Recipe) -> float:
    """Return the share of a class of `n_rows` rows that is held out."""
    if recipe.validation_fraction != "auto":
        return float(recipe.validation_fraction)
    if n_rows >= LARGE_CLASS:
        return 0.1
    is_search = recipe.epochs == "auto"  # a second training then uses all rows
    return 0.2 if is_search and n_rows >= _MIN_CLASS_SIZE_FOR_HOLDOUT else 0.0


def interpolate(table: Table, n_rows: Mapping[int, int], rng: np.random.Generator) -> Table:
    """Return interpolated rows: a label and numeric features, everything else ``ABSENT``.

    Step 1 of the paper, the first idea: SMOTE-NC (k = 5) between rows of one class, on all
    features, of which the numeric ones are kept. A class of 5 rows or fewer is duplicated instead.
    `n_rows` says how many rows to return for each label code.

    NOTE[DIFF] Dates and times count as numeric. A cell that is missing in most neighbours is
    missing in the interpolated row, where the published code has no missing values; the same holds
    for a value that many cells share.
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
    others = {*range(1, len(table.schema))} - {*numeric, *table.texts}
    categorical = sorted(others)
    columns = [table.schema[position] for position in numeric]
    sizes = np.array([column.unit_size for column in columns])
    numbers = table.codes[:, numeric] * sizes  # distances are between values, not codes
    cells = zip(columns, table.codes[:, numeric].T, strict=True)
    fixed = np.column_stack([column.not_interpolated(codes) for column, codes in cells])
    is_fixed = fixed != ABSENT  # gaps, and values that many cells share
    numbers[is_fixed | (table.codes[:, numeric] == ABSENT)] = np.nan
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        medians = np.nan_to_num(np.nanmedian(numbers, axis=0))  # of columns without a number too
    numbers = np.where(np.isnan(numbers), medians, numbers)
    has_fixed = np.flatnonzero(is_fixed.any(axis=0))
    # they are categories too; as ranks, since SMOTENC would take sentinels for large numbers
    categories = np.column_stack([table.codes[:, categorical], fixed[:, has_fixed]])
    found = [np.unique(column, return_inverse=True) for column in categories.T]
    ranks = [rank for _, rank in found]
    X = np.column_stack([numbers, *ranks])
    nominal = {"categorical_features": list(range(len(numeric), X.shape[1]))} if ranks else {}
    smote = (SMOTENC if ranks else SMOTE)(
        sampling_strategy={True: is_class.sum() + n},
        k_neighbors=N_NEIGHBORS,
        random_state=int(rng.integers(2**31)),
        **nominal,
    )
    new = smote.fit_resample(X, is_class)[0][len(X) :]
    scaled = new[:, : len(numeric)] / sizes
    codes = np.column_stack([c.nearest(scaled[:, at]) for at, c in enumerate(columns)])
    for at, column in enumerate(has_fixed, len(categorical)):
        new_fixed = found[at][0][np.rint(new[:, len(numeric) + at]).astype(np.intp)]
        codes[:, column] = np.where(new_fixed == ABSENT, codes[:, column], new_fixed)
    return codes


def check_class_size(class_: Any, n_rows: int, *, interpolates: bool) -> None:
    """Refuse a class with a single row, and warn of what a tiny one can't be promised."""
    if n_rows < 2:
        raise ValueError(
            f"class {class_!r} has 1 row; at least 2 are needed to learn from: collect more rows "
            "of it, or leave it out with sampling_strategy"
        )
    if n_rows >= _MIN_CLASS_SIZE_FOR_HOLDOUT:
        return
    fallback = ""
    if interpolates and n_rows <= N_NEIGHBORS:
        fallback = f"; with {N_NEIGHBORS} or fewer its numbers are repeated, not interpolated"
    warn_user(
        f"class {class_!r} has {n_rows} rows: too few to hold any out, so it can't be told when "
        f"the model has learned enough, and its rows may be near copies{fallback}",
    )


def warn_about_columns(features: Table) -> None:
    """Warn of identifiers, of free text and of long texts, and say what happens to them."""
    for position, column in enumerate(features.schema):
        texts = features.texts.get(position)
        if isinstance(column, TextColumn) and column.max_length >= MAX_LENGTH:
            warn_user(
                f"column {column.name!r} has texts of {MAX_LENGTH} characters or more: the first "
                f"{MAX_LENGTH} of each are learned, and generated texts have no more; real rows "
                "stay as they are. Drop the column before resampling, or shorten its texts",
            )
        fewest = column.min_rows_of_identifier
        is_identifier = fewest is not None and len(features) >= fewest
        if is_identifier:
            values = features.codes[:, position].tolist() if texts is None else texts
            is_identifier = len(set(values)) == len(features)
        if isinstance(column, TextColumn):
            is_identifier &= not any(" " in text for text in texts or ())  # but words
            if not column.shapes and not is_identifier:
                warn_user(
                    f"column {column.name!r} is free text without a regular shape: generated "
                    "texts are put together from pieces of the real ones, and mean nothing. Drop "
                    "the column before resampling, or replace it by columns of what it tells",
                )
        if is_identifier:
            warn_user(
                f"column {column.name!r} has another value in every row, like an identifier; "
                f"generated rows get {column.generated_values}. If it means nothing, name it in "
                "id_columns",
            )


def warn_about_notations(X: pd.DataFrame, schema: Schema, types: Mapping[Hashable, str]) -> None:
    """Warn of columns whose numbers or dates can be read in two ways, or in none for one cell."""
    series: dict[Hashable, Any] = dict(X.items())
    for column in schema:
        type_ = types.get(column.name, "")
        if ":" in type_ or type_ in ("categorical", "ordered", "text"):
            continue
        problem = doubt(series[column.name], getattr(column, "notation", ""))
        if problem is not None:
            warn_user(f"column {column.name!r} {problem}")


def warn_about_unseen(table: Table, label: int, class_: Any) -> None:
    """Warn of columns for which no row of a class (label first) has an allowed value."""
    of_class = table.codes[table.codes[:, 0] == label]
    for position in np.flatnonzero((of_class == ABSENT).all(axis=0)):
        name = table.schema[int(position)].name
        warn_user(
            f"no row of class {class_!r} has a value of column {name!r} "
            "that the constraints allow: the model has seen none, and "
            "its choice among the allowed ones will be arbitrary",
        )
