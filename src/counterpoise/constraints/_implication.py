"""A value of one column that leaves only some values of another."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from counterpoise.columns import ABSENT, MISSING, Schema, Table
from counterpoise.constraints._base import (
    BoolArray,
    Constraint,
    feature_position,
    register_constraint,
)
from counterpoise.constraints._restrictions import Order, Restriction
from counterpoise.errors import SchemaError
from counterpoise.grammar._codes import CodeSet


@register_constraint
class Implication(Constraint):
    """Where one column has certain values, allow another only certain values.

    ``Implication("plan", ["no"], "messages", [0])``: customers without a plan send no messages. It
    also holds the other way around: with messages, there is a plan. While a row is generated, the
    column that comes first is free and leaves the other only what fits.

    Parameters
    ----------
    column : str or other column label
    values : sequence
        Values of `column`; None stands for a missing cell. Or a range, ``("range", low, high)``:
        numbers, dates or durations, both ends included, None for an open end.
    then : str or other column label
        Another column. Either can hold free text, of which only None can be named.
    allowed : sequence
        What `then` can be there: values, None for a missing cell; or a range, as above. A missing
        cell is in no range.

    Raises
    ------
    SchemaError
        From a fit, before training: if a column or a value is unknown, or a real row of a class to
        be filled breaks the implication (three of them are shown).
    """

    def __init__(
        self, column: Hashable, values: Sequence[Any], then: Hashable, allowed: Sequence[Any]
    ) -> None:
        self.column = column
        self.values = values
        self.then = then
        self.allowed = allowed

    def validate(self, schema: Schema) -> None:
        self._restriction(schema)

    def restrictions(self, schema: Schema) -> list[Restriction | Order]:
        return [self._restriction(schema)]

    def check_real_rows(self, table: Table, class_: Any) -> None:
        """Raise a SchemaError that shows three of the rows that break it, if any do."""
        refuse_broken(table, self, (self.column, self.then), class_)

    def accepts(self, table: Table) -> BoolArray:
        own = self._restriction(table.schema)
        source, target = table.codes[:, own.source], table.codes[:, own.target]
        is_absent: BoolArray = (source == ABSENT) | (target == ABSENT)
        return is_absent | ~own.source_codes.contains(source) | own.target_codes.contains(target)

    @property
    def text(self) -> str:
        premise = f"{self.column} is {_one_of(self.values)}"
        return f"where {premise}, {self.then} is {_one_of(self.allowed)}"

    @property
    def reason(self) -> str:
        return f"not {self._text}"

    def advice(self, label: int) -> str:  # noqa: ARG002
        return f"check that {self._text!r} holds among the real rows, or leave it out"

    @property
    def _text(self) -> str:
        return f"{self.column} {_said(self.values)} -> {self.then} {_said(self.allowed)}"

    def _restriction(self, schema: Schema) -> Restriction:
        """Return what this is in codes; made once as long as schema and parameters are the same."""
        key = (schema, self.column, self.values, self.then, self.allowed)
        known = getattr(self, "_known", None)
        if known is None or any(a is not b for a, b in zip(key, known[0], strict=True)):
            known = self._known = key, self._in_codes(schema)
        restriction: Restriction = known[1]
        return restriction

    def _in_codes(self, schema: Schema) -> Restriction:
        source, target = (feature_position(schema, name) for name in (self.column, self.then))
        if source == target:
            raise SchemaError(f"{self!r} names one column twice.", column=self.column)
        source_codes = self._codes(schema, source, "values", self.values)
        return Restriction(
            source, source_codes, target, self._codes(schema, target, "allowed", self.allowed)
        )

    def _codes(self, schema: Schema, at: int, name: str, values: Any) -> CodeSet:
        column = schema[at]
        if _is_range(values):
            ends = column.restrict_range(*values[1:]).code_range
            assert ends is not None
            return CodeSet.between(*ends)
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise SchemaError(
                f"{self!r}: `{name}` is a list of values, or ('range', low, high); got {values!r}."
            )
        codes = []
        for value in values:
            is_missing = bool(np.all(pd.isna(value)))
            if column.is_text and not is_missing:
                raise SchemaError(
                    f"{self!r}: the column {column.name!r} holds free text, of which only a "
                    "missing cell, None, can be named. Or declare it categorical.",
                    column=column.name,
                )
            try:
                # None need not be possible: then it never is the case
                codes.append(MISSING if is_missing else column.code_of(value))
            except ValueError as error:
                raise SchemaError(f"{self!r}: {error}.", column=column.name) from error
        if not codes:
            raise SchemaError(f"{self!r}: `{name}` is empty.", column=column.name)
        return CodeSet.of(codes)


def _is_range(values: Any) -> bool:
    is_tagged = isinstance(values, tuple | list) and len(values) == 3
    return is_tagged and isinstance(values[0], str) and values[0] == "range"


def _said(values: Any) -> str:
    if _is_range(values):
        return f"in {values[1]} to {values[2]}"
    known = list(values)
    return f"in {known}" if len(known) > 1 else f"= {known[0]}"


def _one_of(values: Any) -> str:
    if _is_range(values):
        low, high = values[1:]
        if low is None or high is None:
            return f"at least {low}" if high is None else f"at most {high}"
        return f"{low} to {high}"
    return " or ".join("missing" if value is None else str(value) for value in values)


def refuse_broken(
    table: Table, constraint: Constraint, columns: Sequence[Hashable], class_: Any
) -> None:
    """Raise a SchemaError that shows three real rows that break `constraint`, if any do."""
    broken = np.flatnonzero(~constraint.accepts(table))
    if not len(broken):
        return
    shown = table.take(broken[:3]).to_frame().iloc[:, 1:][list(columns)]
    rows = "; ".join(
        f"row {row} of the class: "
        + ", ".join(f"{name} = {cell!r}" for name, cell in zip(columns, cells, strict=True))
        for row, cells in zip(broken.tolist(), shown.astype(object).to_numpy(), strict=False)
    )
    raise SchemaError(
        f"{len(broken)} of the {len(table)} real rows of class {class_!r} break "
        f"{constraint.text!r}: {rows}. Leave it out, or correct the rows."
    )
