"""Generated rows that equal a real one."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from counterpoise.columns._base import ABSENT
from counterpoise.columns._schema import Schema
from counterpoise.columns._table import Table
from counterpoise.constraints._base import BoolArray, Constraint, register_constraint
from counterpoise.errors import SchemaError


@dataclass(frozen=True, slots=True)
class RealRows:
    """The real rows, class included, in a form in which equal rows are found."""

    keys: frozenset[Hashable]

    @classmethod
    def of(cls, table: Table) -> RealRows:
        """Remember the rows of `table`."""
        return cls(frozenset(_keys(table)))

    def count(self, label: int) -> int:
        """Return how many distinct rows there are of the class with this code."""
        start = np.int64(label).tobytes()
        codes = [key[0] if isinstance(key, tuple) else key for key in self.keys]
        return sum(one.startswith(start) for one in codes if isinstance(one, bytes))

    def has(self, table: Table) -> BoolArray:
        """Return for each row of `table` whether it is one of these."""
        return np.fromiter((key in self.keys for key in _keys(table)), bool, len(table))


def _keys(table: Table) -> list[Hashable]:
    texts = sorted(table.texts)
    codes = table.codes.copy()
    codes[:, texts] = np.minimum(codes[:, texts], 0)  # a text's code means nothing elsewhere
    rows = [row.tobytes() for row in codes]
    if not texts:
        return list(rows)
    strings = [
        [table.texts[column][code] if code >= 0 else "" for code in table.codes[:, column]]
        for column in texts
    ]
    return list(zip(rows, *strings, strict=True))


@register_constraint
class NoCopies(Constraint):
    """Allow no synthetic row that equals a real row of its class in every cell.

    A saved sampler with this constraint generates no further rows unless it was saved with
    ``include_rows=True``.
    """

    def __init__(self) -> None:
        self._real_rows: RealRows | None = None
        self._n_possible = float("inf")

    def fit(self, table: Table, learned: Table) -> None:
        """Remember the real rows, and how many different ones the columns have room for."""
        self._real_rows = RealRows.of(table) if len(table) else None
        self._n_possible = n_possible_rows(learned.schema)

    def check_real_rows(self, table: Table, class_: Any) -> None:
        """Refuse a class whose real rows are all the rows that there can be."""
        n_real = len(RealRows.of(table.take((table.codes != ABSENT).all(axis=1))).keys)
        if n_real >= self._n_possible:
            raise SchemaError(
                f"NoCopies, but the {n_real} distinct rows of class {class_!r} are all that its "
                "columns have room for. Leave NoCopies out, or give columns more values with "
                "Range, RangeMargin or Categories."
            )

    def accepts(self, table: Table) -> BoolArray:
        """Reject copies."""
        if self._real_rows is None:
            raise ValueError(
                "NoCopies needs the real rows, which this sampler does not hold: save it with "
                "include_rows=True, or fit it without NoCopies"
            )
        return ~self._real_rows.has(table)

    @property
    def reason(self) -> str:
        """What is rejected."""
        return "copies of real rows"

    def advice(self, label: int) -> str:
        """Say how many rows there can be."""
        n_real = 0 if self._real_rows is None else self._real_rows.count(label)
        return (
            f"the table has room for {self._n_possible:,.0f} different rows per class and "
            f"{n_real:,} real ones were to be avoided: ask for fewer rows, raise the temperature, "
            "or allow copies"
        )


def n_possible_rows(schema: Schema) -> float:
    """Return how many different rows of one class `schema` has room for; infinite with text."""
    n: float = 1
    for column in schema.columns[1:]:
        n *= column.n_values + column.has_missing
    return n
