"""What the prompts of generated rows hold: the third idea of the method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from counterpoise.language.grammar import IntArray
from counterpoise.language.sentences import order_of
from counterpoise.oversample.starts import Starts
from counterpoise.table import ABSENT, Table, TextColumn

LABEL_ONLY = 0
"""In place of a feature's position: the prompt holds the label alone."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """Rows to complete.

    Attributes
    ----------
    table : Table
        The given cells; all others are ``ABSENT``.
    condition : ndarray of shape (n_rows,), int64
        Position of the feature that each prompt was given by its condition, or ``LABEL_ONLY``.
    """

    table: Table
    condition: IntArray

    def take(self, rows: IntArray) -> Prompts:
        """Select rows by position."""
        return Prompts(self.table.take(rows), self.condition[rows])

    @classmethod
    def concat(cls, parts: Sequence[Prompts]) -> Prompts:
        """Stack prompts of one schema; at least one part."""
        table = Table.concat([part.table for part in parts])
        return cls(table, np.concatenate([part.condition for part in parts]))


def draw_prompts(
    starts: Starts, label: int | None, n_rows: int, condition: str, rng: np.random.Generator
) -> Prompts:
    """Draw prompts for `n_rows` rows of one class, or of any.

    With ``condition="feature"`` every feature in turn is the condition of an equal share of the
    rows; with ``"any-feature"`` each row's is drawn. A numeric value is drawn from the real and
    the interpolated rows of the class together, a categorical one from the real rows:
    interpolated rows have no categories.

    Parameters
    ----------
    starts : Starts
        Values of the real and interpolated rows.
    label : int or None
        Code of the class; None for prompts without a label, whose values are of any class.

    Notes
    -----
    NOTE[DIFF]: free text is never a condition, since a prompt would copy a whole cell of a real
    row, which is what free text most gives away.
    """
    n_columns = len(starts.schema)
    codes = np.full((n_rows, n_columns), ABSENT, dtype=np.int64)
    if label is not None:
        codes[:, 0] = label
    features = starts.features(label)
    which = np.full(n_rows, LABEL_ONLY, dtype=np.int64)
    if condition != "label" and features:
        in_turn = condition == "feature"
        which = (
            np.resize(rng.permutation(features), n_rows)
            if in_turn
            else rng.choice(features, n_rows)
        )
        for feature in features:
            rows = np.flatnonzero(which == feature)
            codes[rows, feature] = starts.draw(label, feature, len(rows), rng)
    texts = {at: () for at, c in enumerate(starts.schema) if isinstance(c, TextColumn)}
    return Prompts(Table(starts.schema, codes, texts), which)


def draw_writing_orders(
    given: IntArray, condition: IntArray, permutation: str, rng: np.random.Generator
) -> IntArray:
    """Draw the order in which each row is written.

    The label first (last with ``permutation="label-last"``, nowhere with ``"no-label"``), then the
    condition, then what else is given, then the cells to be written: in a random order, or in the
    order of the table with ``"none"``.

    Parameters
    ----------
    given : ndarray of shape (n_rows, n_columns)
        Codes of the prompts; ``ABSENT`` where a cell is to be written.
    condition : ndarray of shape (n_rows,)
        As in :class:`Prompts`.

    Returns
    -------
    ndarray of shape (n_rows, n_columns), int64
        One column less with ``"no-label"``.
    """
    n_rows, n_columns = given.shape
    keys = rng.random((n_rows, n_columns))
    if permutation == "none":
        keys = np.tile(np.arange(n_columns) / n_columns, (n_rows, 1))
    keys[given != ABSENT] -= 1.0
    keys[np.arange(n_rows), condition] = -2.0
    return order_of(keys, "label-first" if permutation in ("all", "none") else permutation)
