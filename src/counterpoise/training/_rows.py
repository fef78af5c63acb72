"""Which rows a model learns from, and which are kept aside to see how well it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from counterpoise.columns._table import Table
from counterpoise.generation._prompts import ValueCounts
from counterpoise.grammar._grammar import IntArray
from counterpoise.recipes._base import Recipe
from counterpoise.training._interpolation import interpolate

LARGE_CLASS = 200
"""From this many rows on, a class can do without its held-out rows in training."""
MIN_CLASS_SIZE_FOR_HOLDOUT = 20
"""Below this, a few held-out rows would tell nothing."""


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """What the model learns from.

    Attributes
    ----------
    corpus : Table
        Real rows, then interpolated ones (categories ``ABSENT``); none in a loaded model that was
        saved without them.
    n_real : int
        How many of them are real.
    held_out : Table or None
        Real rows kept aside for early stopping.
    starts : Starts
        Values that prompts are drawn from: those of all real rows, and the interpolated.
    """

    corpus: Table
    n_real: int
    held_out: Table | None
    value_counts: ValueCounts


def training_rows(
    table: Table,
    n_deficit: Mapping[int, int],
    recipe: Recipe,
    held_out_share: Callable[[int], float],
    rng: np.random.Generator,
) -> TrainingRows:
    """Choose the rows to learn from.

    Parameters
    ----------
    table : Table
        All rows, label first.
    n_deficit : mapping of int to int
        Rows to be written for each label code; the classes it names are the ones to be filled.
    held_out_share : callable
        From the number of rows of a class to the share of them that is kept aside.
    """
    labels = table.codes[:, 0]
    trained = np.unique(labels) if recipe.train_on == "all" else np.array(sorted(n_deficit))
    held_out = _draw_held_out(labels, trained, held_out_share, rng)
    is_held_out = np.zeros(len(labels), dtype=bool)
    is_held_out[held_out] = True
    is_trained = np.isin(labels, trained)
    real = table.take(np.flatnonzero(is_trained & ~is_held_out))
    interpolated = table.take(np.empty(0, dtype=np.int64))
    if recipe.interpolation is not None:
        # from the rows that are trained on: held-out rows must not leak into the corpus
        interpolated = interpolate(table.take(np.flatnonzero(~is_held_out)), n_deficit, rng)
    every = table.take(np.flatnonzero(is_trained))
    return TrainingRows(
        corpus=_stack(real, interpolated),
        n_real=len(real),
        held_out=table.take(held_out) if len(held_out) else None,
        value_counts=ValueCounts.of(_stack(every, interpolated)),
    )


def _draw_held_out(
    labels: IntArray,
    classes: IntArray,
    share: Callable[[int], float],
    rng: np.random.Generator,
) -> IntArray:
    parts = [np.empty(0, dtype=np.int64)]
    for label in classes:
        rows = np.flatnonzero(labels == label)
        n = min(round(share(len(rows)) * len(rows)), len(rows) - 2)
        parts.append(rng.choice(rows, max(n, 0), replace=False))
    return np.sort(np.concatenate(parts))


def _stack(one: Table, other: Table) -> Table:
    return Table(one.schema, np.concatenate([one.codes, other.codes]), one.texts)
