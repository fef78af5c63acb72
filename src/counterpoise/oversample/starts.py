"""The values that prompts start from: how often each occurs, column by column.

Marginals and not rows: what two columns have to do with each other can't be told from them. So
they can be kept with a model where the rows themselves must not be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from counterpoise.language.grammar import IntArray
from counterpoise.table import ABSENT, Schema, Table, TextColumn


@dataclass(frozen=True, slots=True, eq=False)
class Starts:
    """How often each value of a column occurs in a class, among real and interpolated rows.

    Attributes
    ----------
    schema : Schema
        The columns, label first.
    counts : mapping of (int, int) to pair of ndarrays
        By label code and position of the column: codes, ascending, and how often each occurs.
        Columns of free text have none, and neither have cells that are ``ABSENT``.
    """

    schema: Schema
    counts: Mapping[tuple[int, int], tuple[IntArray, IntArray]]

    @classmethod
    def of(cls, table: Table) -> Starts:
        """Count the values of `table`, label first."""
        counts = {}
        positions = [
            position
            for position, column in enumerate(table.schema)
            if position > 0 and not isinstance(column, TextColumn)
        ]
        for label in np.unique(table.codes[:, 0]).tolist():
            of_class = table.codes[table.codes[:, 0] == label]
            for position in positions:
                cells = of_class[:, position]
                counts[label, position] = np.unique(cells[cells != ABSENT], return_counts=True)
        return cls(table.schema, counts)

    @property
    def labels(self) -> IntArray:
        """Codes of the classes that there are values of, ascending."""
        return np.unique(np.array([label for label, _ in self.counts], dtype=np.int64))

    def values(self, label: int | None, position: int) -> tuple[IntArray, IntArray]:
        """Return the codes of a column in one class, or in all (None), and how often each occurs.

        Both are empty where there is none.
        """
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
        return [
            position
            for position in range(1, len(self.schema))
            if len(self.values(label, position)[0])
        ]

    def draw(self, label: int | None, position: int, n: int, rng: np.random.Generator) -> IntArray:
        """Draw `n` codes of a column as often as they occur, with replacement."""
        codes, counts = self.values(label, position)
        reached = np.cumsum(counts)
        hits = rng.integers(reached[-1], size=n)
        drawn: IntArray = codes[np.searchsorted(reached, hits, side="right")]
        return drawn
