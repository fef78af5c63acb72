"""Generated rows that equal a real one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from counterpoise.columns import ABSENT, Table
from counterpoise.constraints._base import BoolArray, Constraint, register_constraint
from counterpoise.errors import SchemaError


@dataclass(frozen=True, slots=True)
class RealRows:
    """The real rows, class included, in a form in which equal rows are found."""

    keys: frozenset[tuple[Any, ...]]  # of each row the bytes of its codes, then its texts

    @classmethod
    def of(cls, table: Table) -> RealRows:
        return cls(frozenset(_keys(table)))

    def count(self, label: int) -> int:
        """Return how many distinct rows there are of the class with this code."""
        codes = (np.frombuffer(key[0], np.int64) for key in self.keys)
        return sum(int(row[0] == label) for row in codes)

    def has(self, table: Table) -> BoolArray:
        """Return for each row of `table` whether it is one of these."""
        return np.fromiter((key in self.keys for key in _keys(table)), bool, len(table))


def _keys(table: Table) -> list[tuple[Any, ...]]:
    texts = sorted(table.texts)
    codes = table.codes.copy()
    codes[:, texts] = np.minimum(codes[:, texts], 0)  # a text's code means nothing elsewhere
    strings = [
        [table.texts[column][code] if code >= 0 else "" for code in table.codes[:, column]]
        for column in texts
    ]
    return list(zip([row.tobytes() for row in codes], *strings, strict=True))


@register_constraint
class NoCopies(Constraint):
    """Allow no synthetic row that equals a real row of its class in every cell.

    A saved sampler with this constraint generates no further rows unless it was saved with
    ``include_rows=True``.
    """

    def __init__(self) -> None:
        self._real_rows: RealRows | None = None
        self._n_possible = math.inf  # different rows of a class; infinite with text

    def fit(self, table: Table, learned: Table) -> None:
        self._real_rows = RealRows.of(table) if len(table) else None
        features = learned.schema.columns[1:]
        self._n_possible = math.prod(column.n_values + column.has_missing for column in features)

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
        if self._real_rows is None:
            raise ValueError(
                "NoCopies needs the real rows, which this sampler does not hold: save it with "
                "include_rows=True (--save-rows), or fit it without NoCopies"
            )
        return ~self._real_rows.has(table)

    @property
    def reason(self) -> str:
        return "copies of real rows"

    def advice(self, label: int) -> str:
        n_real = 0 if self._real_rows is None else self._real_rows.count(label)
        return (
            f"the table has room for {self._n_possible:,.0f} different rows per class and "
            f"{n_real:,} real ones were to be avoided: ask for fewer rows, raise the temperature, "
            "or allow copies"
        )
