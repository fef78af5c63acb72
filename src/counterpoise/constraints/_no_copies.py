"""Generated rows that equal a real one."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from counterpoise.columns._base import ABSENT
from counterpoise.columns._schema import Schema
from counterpoise.columns._table import Table
from counterpoise.errors import SchemaError

REASON = "copies of real rows"


@dataclass(frozen=True, slots=True)
class RealRows:
    """The rows that a generated one must not equal: in every cell, its class included.

    Attributes
    ----------
    keys : frozenset
        One for each distinct row.
    """

    keys: frozenset[Hashable]

    @classmethod
    def of(cls, table: Table) -> RealRows:
        """Remember the rows of `table`."""
        return cls(frozenset(_keys(table)))

    def count(self, label: int) -> int:
        """Return how many distinct rows there are of the class with this code."""
        start = np.int64(label).tobytes()
        return sum(self._codes(key).startswith(start) for key in self.keys)

    @staticmethod
    def _codes(key: Hashable) -> bytes:
        codes = key[0] if isinstance(key, tuple) else key
        assert isinstance(codes, bytes)
        return codes

    def has(self, table: Table) -> npt.NDArray[np.bool_]:
        """Say of each row of `table` whether it is one of these."""
        return np.fromiter((key in self.keys for key in _keys(table)), bool, len(table))

    def has_not(self, table: Table) -> npt.NDArray[np.bool_]:
        """Say of each row of `table` whether it is none of these."""
        return ~self.has(table)


def _keys(table: Table) -> list[Hashable]:
    texts = sorted(table.texts)
    codes = table.codes.copy()
    codes[:, texts] = np.minimum(codes[:, texts], 0)  # a string's number means nothing elsewhere
    rows = [row.tobytes() for row in codes]
    if not texts:
        return list(rows)
    strings = [
        [table.texts[column][code] if code >= 0 else "" for code in table.codes[:, column]]
        for column in texts
    ]
    return list(zip(rows, *strings, strict=True))


def n_possible_rows(schema: Schema) -> float:
    """Return how many different rows of one class `schema` has room for; infinite with text."""
    n: float = 1
    for column in schema.columns[1:]:
        n *= column.n_values + column.has_missing
    return n


def check_room(table: Table, class_: Any) -> None:
    """Refuse to write rows of a class, whose real rows are `table`, that are no copies.

    Raises
    ------
    SchemaError
        If the real rows are all the rows that there can be.
    """
    within = table.take((table.codes != ABSENT).all(axis=1))
    n_possible, n_real = n_possible_rows(table.schema), len(RealRows.of(within).keys)
    if n_real >= n_possible:
        raise SchemaError(
            f"allow_copies=False, but the {n_real} distinct rows of class {class_!r} are all that "
            "its columns have room for. Allow copies, or give columns more values with "
            "range_margin, ranges or categories."
        )


def advice(schema: Schema, n_real: int) -> str:
    """Say what to do when too few rows are no copies."""
    n_possible = n_possible_rows(schema)
    return (
        f"the table has room for {n_possible:,.0f} different rows a class and {n_real:,} real ones "
        "were to be avoided: ask for fewer rows, raise the temperature, or allow copies"
    )
