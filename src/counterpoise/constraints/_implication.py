"""A value of one column that leaves only some values of another; columns missing as a whole."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from counterpoise.columns import ABSENT, MISSING, Schema, Table
from counterpoise.constraints._base import (
    IS_MISSING,
    IS_PRESENT,
    BoolArray,
    Constraint,
    Order,
    Restriction,
    column_names,
    listed,
    refuse_rows,
    register_constraint,
)
from counterpoise.errors import SchemaError
from counterpoise.grammar._grammar import CodeSet


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

    kind = "implication"
    takes_text = True  # of which missing can be named

    def __init__(
        self, column: Hashable, values: Sequence[Any], then: Hashable, allowed: Sequence[Any]
    ) -> None:
        self.column = column
        self.values = values
        self.then = then
        self.allowed = allowed

    @property
    def related(self) -> tuple[Hashable, ...]:
        return (self.column, self.then)

    def validate(self, schema: Schema) -> None:
        self._restriction(schema)

    def restrictions(self, schema: Schema) -> list[Restriction | Order]:
        return [self._restriction(schema)]

    def check_real_rows(self, table: Table, class_: Any) -> None:
        refuse_rows(table, ~self.accepts(table), self, class_)

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
        return f"not {self.text!r}"

    def _restriction(self, schema: Schema) -> Restriction:
        """Return what this is in codes; made once as long as schema and parameters are the same."""
        key = (schema, self.column, self.values, self.then, self.allowed)
        known = getattr(self, "_known", None)
        if known is None or any(a is not b for a, b in zip(key, known[0], strict=True)):
            source, target = self.positions(schema)
            restriction = Restriction(
                source,
                self._codes(schema, source, "values", self.values),
                target,
                self._codes(schema, target, "allowed", self.allowed),
            )
            known = self._known = key, restriction
        own: Restriction = known[1]
        return own

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


@register_constraint
class MissingTogether(Constraint):
    """In each row, have all of some columns missing or none of them.

    While a row is generated, the first of them decides for the others.

    Parameters
    ----------
    columns : sequence of str or other column labels
        Two or more, of any types.

    Raises
    ------
    SchemaError
        From a fit, before training: if a column is unknown, or a real row of a class to be filled
        has only some of the columns missing (three of these rows are shown).
    """

    kind = "missing"
    takes_text = True

    def __init__(self, columns: Sequence[Hashable]) -> None:
        self.columns = columns

    @property
    def related(self) -> tuple[Hashable, ...]:
        return column_names(self, self.columns)

    def restrictions(self, schema: Schema) -> list[Restriction | Order]:
        first, *others = self.positions(schema)
        return [
            Restriction(first, codes, other, codes)
            for other in others
            for codes in (IS_MISSING, IS_PRESENT)
        ]

    def check_real_rows(self, table: Table, class_: Any) -> None:
        refuse_rows(table, ~self.accepts(table), self, class_)

    def accepts(self, table: Table) -> BoolArray:
        codes = table.codes[:, self.positions(table.schema)]
        is_missing, is_present = codes == MISSING, codes > ABSENT
        return np.asarray(~(is_missing.any(axis=1) & is_present.any(axis=1)))

    @property
    def text(self) -> str:
        return f"{listed(self.columns)} are missing together"


def _is_range(values: Any) -> bool:
    is_tagged = isinstance(values, tuple | list) and len(values) == 3
    return is_tagged and isinstance(values[0], str) and values[0] == "range"


def _one_of(values: Any) -> str:
    if _is_range(values):
        low, high = values[1:]
        if low is None or high is None:
            return f"at least {low}" if high is None else f"at most {high}"
        return f"{low} to {high}"
    return " or ".join("missing" if value is None else str(value) for value in values)
