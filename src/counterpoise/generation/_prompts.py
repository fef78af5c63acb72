"""The prompt of each row, the cells that are fixed first: step 5 of the paper."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from counterpoise._parameters import shown
from counterpoise.columns import ABSENT, Schema, Table
from counterpoise.constraints._layout import Combination, Layout
from counterpoise.generation._blocks import Block
from counterpoise.grammar._grammar import IntArray
from counterpoise.serialization import order_of

LABEL_ONLY = 0  # in place of a feature's position: the prompt holds the label alone


@dataclass(frozen=True, slots=True, eq=False)
class ValueCounts:
    """How often each value of a column occurs in a class, among real and interpolated rows.

    Counts of single columns say nothing of how columns depend on each other, so they can be saved
    with a model where the rows themselves must not be.
    """

    schema: Schema
    # By label code and position of the column: codes, ascending, and how often each occurs.
    # There are none of free text, and absent cells are not counted. In a table of free text alone,
    # the labels are counted, which says what classes there are.
    counts: Mapping[tuple[int, int], tuple[IntArray, IntArray]]

    @classmethod
    def of(cls, table: Table) -> ValueCounts:
        """Count the values of `table`, label first."""
        counts = {}
        for label in np.unique(table.codes[:, 0]).tolist():
            of_class = table.codes[table.codes[:, 0] == label]
            for position in cls.counted_columns(table.schema):
                cells = of_class[:, position]
                counts[label, position] = np.unique(cells[cells != ABSENT], return_counts=True)
        return cls(table.schema, counts)

    @staticmethod
    def counted_columns(schema: Schema) -> tuple[int, ...]:
        """Return the positions of the columns that are counted."""
        return tuple(at for at in range(1, len(schema)) if not schema[at].is_text) or (0,)

    def of_block(self, block: Block) -> ValueCounts:
        """Return the counts of the columns of a block."""
        own = {
            (label, local): self.counts[label, at]
            for label in self.labels.tolist()
            for local, at in enumerate(block.columns)
            if (label, at) in self.counts
        }
        return ValueCounts(Schema(tuple(self.schema[at] for at in block.columns)), own)

    @property
    def labels(self) -> IntArray:
        """Codes of the classes that there are values of, ascending."""
        return np.unique(np.array([label for label, _ in self.counts], dtype=np.int64))

    def values(self, label: int | None, position: int) -> tuple[IntArray, IntArray]:
        """Return the codes of a column in a class, or in all (None), and how often each occurs."""
        labels = self.labels.tolist() if label is None else [label]
        none = np.empty(0, dtype=np.int64)
        parts = [self.counts.get((one, position), (none, none)) for one in labels]
        codes, which = np.unique(np.concatenate([codes for codes, _ in parts]), return_inverse=True)
        n_each = np.concatenate([counts for _, counts in parts])
        return codes, np.bincount(which, weights=n_each).astype(np.int64)

    def count(self, label: int, position: int, codes: IntArray) -> IntArray:
        """Return how often each of an array of codes occurs in a class."""
        values, counts = self.values(label, position)
        known = pd.Series(counts, index=values).reindex(codes, fill_value=0)
        return known.to_numpy(dtype=np.int64)

    def features(self, label: int | None) -> list[int]:
        """Return the positions of the columns that have values in a class, or in any (None)."""
        positions = range(1, len(self.schema))
        return [position for position in positions if len(self.values(label, position)[0])]

    def draw(self, label: int | None, position: int, n: int, rng: np.random.Generator) -> IntArray:
        """Draw `n` codes of a column as often as they occur, with replacement."""
        codes, counts = self.values(label, position)
        cumulated = np.cumsum(counts)
        hits = rng.integers(cumulated[-1], size=n)
        return np.asarray(codes[np.searchsorted(cumulated, hits, side="right")])


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
    drawn for each row.

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

    The label (where `permutation` has it), the condition, what else is given, and the other cells:
    in a random order, or in that of the table. `given` are the codes (n_rows, n_columns) of the
    prompts.
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
        If a column is unknown or of free text, or has no such value; or if no row has these values
        under the constraints, or it is too hard to say which do.
    """
    schema = layout.schema
    names = [column.name for column in schema][1:]
    codes = {}
    if not isinstance(condition, Mapping):
        raise TypeError(f"condition must map column names to values; got {condition!r}")
    for name, value in condition.items():
        if name not in names:
            raise ValueError(f"condition names the column {shown(name)}; the columns are {names}")
        position = names.index(name) + 1
        column = schema[position]
        if column.is_text:
            raise ValueError(f"column {name!r} holds free text, which cannot be a condition")
        try:
            codes[position] = column.code_of(value)
        except ValueError as error:
            raise ValueError(f"condition: {error}") from error
    solve_fixed_values(layout, codes)
    return codes


def solve_fixed_values(layout: Layout, fixed: Mapping[int, int]) -> list[Combination]:
    """Return what learned columns can be in rows with the codes `fixed`, by position.

    Values of computed columns are traced back to what they are computed from, and those of joined
    ones to the observed combinations with them. The columns are the user's; those that depend on
    each other are in one of the combinations, and no column is in two.

    Raises
    ------
    ValueError
        If no row has these values, or it is too hard to say which do.
    """
    choices = [pd.DataFrame({position: [code]}) for position, code in fixed.items()]
    codes = {position: {code} for position, code in fixed.items()}
    for position, sources, constraint in reversed(layout.derived):
        if position not in codes:
            continue
        found = [constraint.solve(layout.schema, code, fixed) for code in sorted(codes[position])]
        n_each = [len(rows) for rows in found]
        choice = pd.DataFrame(np.concatenate(found), columns=list(sources))
        choice[position] = np.repeat(sorted(codes[position]), n_each)
        choices.append(choice)
        for source in sources:
            codes.setdefault(source, set(choice[source].tolist()))
    choices += [
        pd.DataFrame(combination.codes, columns=list(combination.members))
        for combination in layout.combinations
        if codes.keys() & set(combination.members)
    ]
    groups: list[pd.DataFrame] = []
    for choice in choices:
        shares = [not set(group.columns).isdisjoint(choice.columns) for group in groups]
        for group in itertools.compress(groups, shares):
            choice = group.merge(choice)
        groups = [choice, *itertools.compress(groups, np.logical_not(shares))]
        if choice.empty:
            names = [layout.schema[at].name for at in fixed if at in choice.columns]
            raise ValueError(
                f"condition: no real row has these values of {names} together, and the constraints "
                "allow only what is observed or computed"
            )
    learned = {member for members in layout.members for member in members}
    kept = [group[sorted(learned & set(group.columns))].drop_duplicates() for group in groups]
    return [Combination(tuple(list[Any](group)), group.to_numpy(np.int64)) for group in kept]


def draw_fixed_cells(
    layout: Layout,
    choices: Sequence[Combination],
    value_counts: ValueCounts,
    label: int,
    n_rows: int,
    rng: np.random.Generator,
) -> dict[int, IntArray]:
    """Return the codes of `n_rows` prompts, by position in the learned table.

    One row of each of the `choices` is drawn, as often as rows of class `label` have its values;
    evenly if none has.
    """
    drawn: dict[int, IntArray] = {}
    for choice in choices:
        codes = {}
        weights = np.ones(len(choice.codes))
        for position, members in enumerate(layout.members):
            if members[0] not in choice.members:
                continue
            own = choice.codes[:, [choice.members.index(member) for member in members]]
            combination = layout.combination(members[0])
            codes[position] = own[:, 0] if combination is None else combination.join(own)
            weights *= value_counts.count(label, position, codes[position])
        if len(weights) == 1:
            rows = np.zeros(n_rows, dtype=np.int64)
        else:
            weights = weights if weights.any() else np.ones(len(weights))
            rows = rng.choice(len(weights), n_rows, p=weights / weights.sum())
        drawn |= {position: of_column[rows] for position, of_column in codes.items()}
    return drawn
