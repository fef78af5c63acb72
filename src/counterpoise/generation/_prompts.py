"""What the prompts of generated rows hold, and how often each value occurs in the table.

Values are counted column by column: what two columns have to do with each other cannot be told
from the counts, so they can be kept with a model where the rows themselves must not be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from counterpoise.columns._base import ABSENT
from counterpoise.columns._schema import Schema
from counterpoise.columns._table import Table
from counterpoise.grammar._grammar import IntArray
from counterpoise.serialization._serializer import order_of

LABEL_ONLY = 0
"""In place of a feature's position: the prompt holds the label alone."""


@dataclass(frozen=True, slots=True, eq=False)
class ValueCounts:
    """How often each value of a column occurs in a class, among real and interpolated rows.

    Attributes
    ----------
    counts : mapping of (int, int) to pair of ndarrays
        By label code and position of the column: codes, ascending, and how often each occurs.
        Columns of free text have none, and ``ABSENT`` is not counted.
    """

    schema: Schema
    counts: Mapping[tuple[int, int], tuple[IntArray, IntArray]]

    @classmethod
    def of(cls, table: Table) -> ValueCounts:
        """Count the values of `table`, label first."""
        counts = {}
        for label in np.unique(table.codes[:, 0]).tolist():
            of_class = table.codes[table.codes[:, 0] == label]
            for position in range(1, len(table.schema)):
                if not table.schema[position].is_text:
                    cells = of_class[:, position]
                    counts[label, position] = np.unique(cells[cells != ABSENT], return_counts=True)
        return cls(table.schema, counts)

    @property
    def labels(self) -> IntArray:
        """Codes of the classes that there are values of, ascending."""
        return np.unique(np.array([label for label, _ in self.counts], dtype=np.int64))

    def values(self, label: int | None, position: int) -> tuple[IntArray, IntArray]:
        """Return the codes of a column in a class, or in all (None), and how often each occurs."""
        parts = [
            part
            for (of, at), part in self.counts.items()
            if at == position and (label is None or of == label)
        ]
        if len(parts) == 1:
            return parts[0]
        empty = np.empty(0, dtype=np.int64)
        every = np.concatenate([empty, *(codes for codes, _ in parts)])
        n_each = np.concatenate([empty, *(counts for _, counts in parts)])
        codes, which = np.unique(every, return_inverse=True)
        counts = np.zeros(len(codes), dtype=np.int64)
        np.add.at(counts, which, n_each)
        return codes, counts

    def features(self, label: int | None) -> list[int]:
        """Return the positions of the columns that have values in a class, or in any (None)."""
        positions = range(1, len(self.schema))
        return [position for position in positions if len(self.values(label, position)[0])]

    def draw(self, label: int | None, position: int, n: int, rng: np.random.Generator) -> IntArray:
        """Draw `n` codes of a column as often as they occur, with replacement."""
        codes, counts = self.values(label, position)
        cumulated = np.cumsum(counts)
        hits = rng.integers(cumulated[-1], size=n)
        drawn: IntArray = codes[np.searchsorted(cumulated, hits, side="right")]
        return drawn


@dataclass(frozen=True, slots=True)
class Prompts:
    """Rows to complete.

    Attributes
    ----------
    table : Table
        The given cells; all others are ``ABSENT``.
    condition : ndarray of shape (n_rows,), int64
        Position of the feature that is the condition of each row, or ``LABEL_ONLY``.
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
    value_counts: ValueCounts,
    label: int | None,
    n_rows: int,
    condition: str,
    rng: np.random.Generator,
) -> Prompts:
    """Draw prompts for `n_rows` rows of the class `label`, or of any (None).

    Step 5 of the paper, the third idea: conditioned sampling. With ``condition="feature"`` every
    feature in turn is the condition of an equal share of the rows; with ``"any-feature"`` it is
    drawn for each row. Numbers are drawn from the real and the interpolated rows of the class
    together, categories from the real ones: interpolated rows have none.

    NOTE[DIFF] Free text is never a condition: a prompt would copy a whole cell of a real row,
    which is what free text most gives away.
    """
    n_columns = len(value_counts.schema)
    codes = np.full((n_rows, n_columns), ABSENT, dtype=np.int64)
    if label is not None:
        codes[:, 0] = label
    features = value_counts.features(label)
    conditions = np.full(n_rows, LABEL_ONLY, dtype=np.int64)
    if condition != "label" and features:
        if condition == "feature":
            conditions = np.resize(rng.permutation(features), n_rows)
        else:
            conditions = rng.choice(features, n_rows)
        for feature in features:
            rows = np.flatnonzero(conditions == feature)
            codes[rows, feature] = value_counts.draw(label, feature, len(rows), rng)
    return Prompts(Table(value_counts.schema, codes), conditions)


def draw_generation_orders(
    given: IntArray, condition: IntArray, permutation: str, rng: np.random.Generator
) -> IntArray:
    """Draw the order of the columns in which each row is generated.

    The label first (last with ``permutation="label-last"``, nowhere with ``"no-label"``), then the
    condition, then what else is given, then the other cells: in a random order, or in the order of
    the table with ``"none"``.

    Parameters
    ----------
    given : ndarray of shape (n_rows, n_columns)
        Codes of the prompts; ``ABSENT`` where a cell is to be generated.
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
