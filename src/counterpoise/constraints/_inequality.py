"""Inequalities between two columns."""

from __future__ import annotations

import operator
from collections.abc import Hashable
from typing import Any

import numpy as np

from counterpoise.columns import ABSENT, Codes, Column, NumericColumn, Schema, Table
from counterpoise.constraints._base import (
    BoolArray,
    Constraint,
    Order,
    Restriction,
    register_constraint,
    shown_rows,
)
from counterpoise.errors import SchemaError, warn_user

TOLERATED_SHARE = 0.1  # of the real rows of a class that may break it; more are a mistake
_OPERATORS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@register_constraint
class Inequality(Constraint):
    """Hold two columns to an order, such as ``min_price <= max_price``.

    A row with a missing value in one of them satisfies it. While a row is generated, what is known
    of one column bounds the other, also along chains; where a column is part of a fixed
    combination, rows are rejected instead.

    Parameters
    ----------
    left, right : str or other column label
        Two columns of numbers, two of dates (both with a time zone, or both without) or two of
        durations.
    operator : {"<", "<=", ">", ">="}
        Between left and right.
    gap : float, default=0
        By how much they differ at least, 0 or more, of numbers: ``Inequality("worked", "<=", "age",
        gap=18)`` holds `worked` + 18 to at most `age`.
    """

    kind = "order"

    def __init__(self, left: Hashable, operator: str, right: Hashable, gap: float = 0) -> None:
        self.left = left
        self.operator = operator
        self.right = right
        self.gap = gap

    @property
    def related(self) -> tuple[Hashable, ...]:
        return (self.left, self.right)

    def validate(self, schema: Schema) -> None:
        if self.operator not in _OPERATORS:
            raise SchemaError(
                f"{self!r}: the operator must be one of {', '.join(_OPERATORS)}, as in "
                "Inequality('min_price', '<=', 'max_price')."
            )
        left, right = self._columns(schema)
        if self.gap and (not self.gap > 0 or not isinstance(left, NumericColumn)):
            raise SchemaError(f"{self!r}: `gap` is 0 or more, and of columns of numbers.")
        best = (left.code_range[not self._is_less], right.code_range[self._is_less])  # type: ignore[index]
        if not self._compare(np.array([best]), left, right).all():
            raise SchemaError(
                f"{self.text!r} cannot be satisfied: no values within the ranges of the two "
                "columns do. Turn it around, or widen their ranges.",
                column=self.left,
            )

    def restrictions(self, schema: Schema) -> list[Restriction | Order]:
        left, right = self._columns(schema)
        if left.common_scales(right) is None:  # no common unit: rows are rejected instead
            return []
        smaller, larger = self.positions(schema)[:: 1 if self._is_less else -1]
        return [Order(smaller, larger, "=" not in self.operator)]

    def check_real_rows(self, table: Table, class_: Any) -> None:
        """Warn of real rows that break it; more than `TOLERATED_SHARE` are a SchemaError."""
        broken = np.flatnonzero(~self.accepts(table))
        message = (
            f"{len(broken)} of the {len(table)} real rows of class {class_!r} break the inequality "
            f"{self.text!r}"
        )
        if len(broken) > TOLERATED_SHARE * len(table):
            raise SchemaError(
                f"{message} ({shown_rows(table, broken, self)}). Turn it around, leave it out, or "
                "correct the rows."
            )
        if len(broken):
            message += "; they stay as they are, and no synthetic row will"
            warn_user(message)

    def accepts(self, table: Table) -> BoolArray:
        codes = table.codes[:, self.positions(table.schema)]
        is_known = (codes > ABSENT).all(axis=1)
        accepted = np.ones(len(codes), dtype=bool)
        accepted[is_known] = self._compare(codes[is_known], *self._columns(table.schema))
        return accepted

    @property
    def text(self) -> str:
        gap = f" + {self.gap:g}" if self.gap else ""
        left, right = (gap, "") if self._is_less else ("", gap)
        return f"{self.left}{left} {self.operator} {self.right}{right}"

    @property
    def _is_less(self) -> bool:
        return self.operator.startswith("<")

    def _compare(self, pairs: Codes, left: Column, right: Column) -> BoolArray:
        values: list[Any]
        if not self.gap and (scales := left.common_scales(right)) is not None:
            # as Python's integers: codes of 64 bits overflow when they are brought to one unit
            values = [
                codes if scale == 1 else codes.astype(object) * scale
                for codes, scale in zip(pairs.T, scales, strict=True)
            ]
        else:
            both = zip((left, right), pairs.T, strict=True)
            # codes of rows that others generated can be out of range
            values = [c.to_floats(c.decode(c.nearest(codes))) for c, codes in both]
            if self.gap:
                values[not self._is_less] = np.round(values[not self._is_less] + self.gap, 9)
        return np.asarray(_OPERATORS[self.operator](*values), dtype=bool)

    def _columns(self, schema: Schema) -> tuple[Column, Column]:
        """Return both columns, which have one measure."""
        left, right = (schema[position] for position in self.positions(schema))
        if left.measure is None or left.measure != right.measure:
            raise SchemaError(
                f"The inequality {self.text!r} compares {left.kind} with {right.kind}: it takes "
                "two columns of numbers, two of instants (both with a zone, or both without) or "
                "two of durations."
            )
        return left, right
