"""Inequalities between two columns."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Hashable
from typing import Any

import numpy as np

from counterpoise.columns._base import ABSENT, MISSING, Codes, Column
from counterpoise.columns._schema import Schema
from counterpoise.columns._table import Table
from counterpoise.constraints._base import (
    BoolArray,
    Constraint,
    feature_position,
    register_constraint,
)
from counterpoise.errors import SchemaError

TOLERATED_SHARE = 0.1
"""Real rows of a class that may break an inequality; if more do, it is taken for a mistake."""

_OPERATORS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@register_constraint
class Inequality(Constraint):
    """Hold two columns to an order, such as ``min_price <= max_price``.

    A row with a missing value in one of them satisfies it.

    Parameters
    ----------
    left, right : str or other column label
        Two columns of numbers, two of dates (both with a time zone, or both without) or two of
        durations.
    operator : {"<", "<=", ">", ">="}
        Between left and right.
    """

    def __init__(self, left: Hashable, operator: str, right: Hashable) -> None:
        self.left = left
        self.operator = operator
        self.right = right

    def validate(self, schema: Schema) -> None:
        """Check that some pair of values within the columns' ranges satisfies it."""
        if self.operator not in _OPERATORS:
            raise SchemaError(
                f"{self!r}: the operator must be one of {', '.join(_OPERATORS)}, as in "
                "Inequality('min_price', '<=', 'max_price')."
            )
        left, right, scales = self._columns(schema)
        is_less = self.operator.startswith("<")
        best = (left.code_range[not is_less], right.code_range[is_less])
        if not self._compare(np.array(best[:1]), np.array(best[1:]), scales)[0]:
            raise SchemaError(
                f"{self.reason[4:]!r} cannot be satisfied: no values within the ranges of the two "
                "columns do. Turn it around, or widen their ranges.",
                column=self.left,
            )

    def check_real_rows(self, table: Table, class_: Any) -> None:
        """Warn of real rows that break it; more than `TOLERATED_SHARE` are a SchemaError."""
        n_broken = int((~self.accepts(table)).sum())
        message = (
            f"{n_broken} of the {len(table)} real rows of class {class_!r} break the inequality "
            f"{self.reason[4:]!r}"
        )
        if n_broken > TOLERATED_SHARE * len(table):
            raise SchemaError(f"{message}. Turn it around, leave it out, or correct the rows.")
        if n_broken:
            warnings.warn(
                f"{message}; they stay as they are, and no synthetic row will",
                UserWarning,
                stacklevel=2,
            )

    def accepts(self, table: Table) -> BoolArray:
        """Compare the two columns in every row."""
        *_, scales = self._columns(table.schema)
        left, right = (
            table.codes[:, feature_position(table.schema, name)] for name in (self.left, self.right)
        )
        known = ~np.isin(left, [MISSING, ABSENT]) & ~np.isin(right, [MISSING, ABSENT])
        accepted = np.ones(len(table), dtype=bool)
        accepted[known] = self._compare(left[known], right[known], scales)
        return accepted

    @property
    def reason(self) -> str:
        """As the user would write it."""
        return f"not {self.left} {self.operator} {self.right}"

    def advice(self, label: int) -> str:  # noqa: ARG002
        """Advise to look at its direction."""
        return "check that the inequalities are the right way round, or leave one out"

    def _compare(self, left: Codes, right: Codes, scales: tuple[int, int]) -> BoolArray:
        # as Python's integers: codes of 64 bits overflow when they are brought to one unit
        scaled = [
            codes if scale == 1 else codes.astype(object) * scale
            for codes, scale in zip((left, right), scales, strict=True)
        ]
        return np.asarray(_OPERATORS[self.operator](*scaled), dtype=bool)

    def _columns(self, schema: Schema) -> tuple[Any, Any, tuple[int, int]]:
        """Return both columns, and what their codes are multiplied with to be in one unit."""
        left, right = (schema[feature_position(schema, name)] for name in (self.left, self.right))
        return left, right, self._scales(left, right)

    def _scales(self, left: Column, right: Column) -> tuple[int, int]:
        if (scales := left.common_scales(right)) is not None:
            return scales
        raise SchemaError(
            f"The inequality {self.reason[4:]!r} compares {left.kind} with {right.kind}: it takes "
            "two columns of numbers, two of instants (both with a zone, or both without) or two of "
            "durations."
        )
