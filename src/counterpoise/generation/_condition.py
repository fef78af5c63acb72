"""Values that the user fixes for all rows to write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from counterpoise.columns._schema import Schema
from counterpoise.constraints._fixed_combinations import Combination, Layout
from counterpoise.generation._prompts import ValueCounts
from counterpoise.grammar._grammar import IntArray


@dataclass(frozen=True, slots=True)
class Fixed:
    """The values of some columns.

    Attributes
    ----------
    layout : Layout
        Which columns are joined.
    codes : mapping of int to int
        By position in the user's table (label first): the code that all rows have there.
    """

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
        _check_observed(schema, combination, codes)
    return Fixed(layout, codes)


def _check_observed(schema: Schema, combination: Combination, codes: Mapping[int, int]) -> None:
    if not len(combination.matching(codes)):
        names = [schema[member].name for member in combination.members if member in codes]
        raise ValueError(
            f"condition: no real row has these values of {names} together, and fixed_combinations "
            "holds them to those observed"
        )
