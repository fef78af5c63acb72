"""The prompt of each row: the cells that are fixed before the rest is generated.

This is step 5 of the paper: conditioned sampling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from counterpoise.columns import ABSENT, Schema, Table
from counterpoise.constraints._fixed_combinations import Layout
from counterpoise.grammar._grammar import IntArray
from counterpoise.serialization._serializer import order_of

LABEL_ONLY = 0
"""In place of a feature's position: the prompt holds the label alone."""


@dataclass(frozen=True, slots=True, eq=False)
class ValueCounts:
    """How often each value of a column occurs in a class, among real and interpolated rows.

    Counts of single columns say nothing of how columns depend on each other, so they can be saved
    with a model where the rows themselves must not be.
    """

    schema: Schema
    # By label code and position of the column: codes, ascending, and how often each occurs.
    # There are none of free text, and absent cells are not counted.
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
        if not parts:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        codes, which = np.unique(np.concatenate([codes for codes, _ in parts]), return_inverse=True)
        n_each = np.concatenate([counts for _, counts in parts])
        return codes, np.bincount(which, weights=n_each).astype(np.int64)

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


class Prompts(NamedTuple):
    """Rows to complete."""

    table: Table  # cells to be generated are ABSENT
    condition: IntArray  # (n_rows,): position of the feature that is the condition, or LABEL_ONLY


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
    codes = np.full((n_rows, len(value_counts.schema)), ABSENT, dtype=np.int64)
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
    the table with ``"none"`` and ``"condition-first"``. `given` are the codes of the prompts,
    (n_rows, n_columns).
    """
    n_rows, n_columns = given.shape
    keys = rng.random((n_rows, n_columns))
    if permutation in ("none", "condition-first"):
        keys = np.tile(np.arange(n_columns) / n_columns, (n_rows, 1))
    keys[given != ABSENT] -= 1.0
    keys[np.arange(n_rows), condition] = -2.0
    given_first = ("all", "none", "condition-first")
    return order_of(keys, "label-first" if permutation in given_first else permutation)


def read_fixed_values(layout: Layout, condition: Mapping[Any, Any]) -> dict[int, int]:
    """Return the codes that the user fixes for all rows, by position in the user's table.

    Raises
    ------
    ValueError
        If a column is unknown or of free text, or has no such value; or if no real row has the
        values of columns that were joined.
    """
    schema = layout.schema
    names = [column.name for column in schema][1:]
    codes = {}
    for name, value in condition.items():
        if name not in names:
            raise ValueError(f"condition names the column {name!r}; the columns are {names}")
        position = names.index(name) + 1
        column = schema[position]
        if column.is_text:
            raise ValueError(f"column {name!r} holds free text, which cannot be a condition")
        try:
            codes[position] = column.code_of(value)
        except ValueError as error:
            raise ValueError(f"condition: {error}") from error
    for combination in layout.combinations:
        if not len(combination.matching(codes)):
            joined = [schema[member].name for member in combination.members if member in codes]
            raise ValueError(
                f"condition: no real row has these values of {joined} together, and a constraint "
                "allows observed combinations only"
            )
    return codes


def draw_fixed_cells(
    layout: Layout,
    fixed: Mapping[int, int],
    value_counts: ValueCounts,
    label: int,
    n_rows: int,
    rng: np.random.Generator,
) -> dict[int, IntArray]:
    """Return the codes of `n_rows` prompts, by position in the joined table.

    A combination of which only some columns are fixed is drawn among those that have these values,
    as often as rows of class `label` have them; evenly if none has.
    """
    drawn = {}
    for position, members in enumerate(layout.members):
        if not any(member in fixed for member in members):
            continue
        combination = layout.combination(members[0])
        if combination is None:
            drawn[position] = np.full(n_rows, fixed[members[0]])
            continue
        matching = combination.matching(fixed)
        values = np.repeat(*value_counts.values(label, position))
        seen = values[np.isin(values, matching)]
        drawn[position] = rng.choice(seen if len(seen) else matching, n_rows)
    return drawn
