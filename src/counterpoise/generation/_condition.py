"""Values that the user fixes for all rows to generate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from counterpoise.constraints._fixed_combinations import Layout
from counterpoise.generation._prompts import ValueCounts
from counterpoise.grammar._grammar import IntArray


@dataclass(frozen=True, slots=True)
class Fixed:
    """The codes that all rows have, by position in the user's table (label first)."""

    layout: Layout
    codes: Mapping[int, int]

    def draw(
        self, n_rows: int, value_counts: ValueCounts, label: int, rng: np.random.Generator
    ) -> dict[int, IntArray]:
        """Return the codes of `n_rows` prompts, by position in the joined table.

        A combination of which only some columns are fixed is drawn among those that have these
        values, as often as rows of class `label` have them; evenly if none has.
        """
        drawn = {}
        for position, members in enumerate(self.layout.members):
            if not any(member in self.codes for member in members):
                continue
            combination = self.layout.combination(members[0])
            if combination is None:
                drawn[position] = np.full(n_rows, self.codes[members[0]])
                continue
            matching = combination.matching(self.codes)
            values = np.repeat(*value_counts.values(label, position))
            seen = values[np.isin(values, matching)]
            drawn[position] = rng.choice(seen if len(seen) else matching, n_rows)
        return drawn


def read_fixed(layout: Layout, condition: Mapping[Any, Any]) -> Fixed:
    """Read the values that the user fixed, by column name.

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
    return Fixed(layout, codes)
