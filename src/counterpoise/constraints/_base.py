"""What a constraint can say, and when it is asked."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise._parameters import Parameters
from counterpoise.columns import ABSENT, MISSING, Codes, Column, Schema, Table
from counterpoise.constraints._combination import Combination
from counterpoise.constraints._restrictions import Order, Restriction
from counterpoise.errors import SchemaError

BoolArray = npt.NDArray[np.bool_]


class Constraint(Parameters):
    """Something that every synthetic row satisfies. A subclass overrides the methods it needs.

    They are called in the order in which they stand here, the last for rows as they are generated.
    Tables and schemas have the label in column 0 and the features of X behind it. A constraint is
    cloned before it is used, so `fit` may set attributes; those of a saved sampler are found again
    by calling `fit` with no rows.
    """

    def overrides(self, X: pd.DataFrame) -> dict[Hashable, dict[str, Any]]:  # noqa: ARG002
        """Return by column what inference must allow beyond the real rows of `X`.

        That is ``categories`` or ``range_margin``.
        """
        return {}

    def restrict(self, table: Table) -> Table:
        """Return the table with smaller domains; cells outside of them are ``ABSENT``.

        The grammar has nothing else, and other cells keep their codes. Raises a SchemaError if a
        column is unknown or of the wrong type, or nothing is left of its domain.
        """
        return table

    def validate(self, schema: Schema) -> None:
        """Raise a SchemaError if a column is unknown or the constraint can't be met."""

    def derived(self, schema: Schema) -> int | None:  # noqa: ARG002
        """Return the position of the column that the constraint computes, if it computes one.

        The model does not learn that column.
        """
        return None

    def sources(self, schema: Schema) -> tuple[int, ...]:  # noqa: ARG002
        """Return the positions of the columns from which it computes."""
        return ()

    def observe(self, table: Table) -> Combination | None:  # noqa: ARG002
        """Return the combinations of values in the real rows that generating rows takes.

        They are saved with a sampler, and this is called with them when it is loaded: rows in which
        the cells of all other columns are ABSENT. Raises a SchemaError where rows contradict the
        constraint. Where no column is computed, they become one column, and are all there is.
        """
        return None

    def derive(self, table: Table) -> Codes:
        """Return the codes of the column that is computed, from those of its sources.

        ABSENT where a source is, or where the column can't have the value: such rows are generated
        again.
        """
        raise NotImplementedError

    def agrees(self, table: Table) -> BoolArray:
        """Return for each row whether the cell that is computed can be what the row has there.

        It can where one of the cells is ABSENT.
        """
        at = self.derived(table.schema)
        if at is None:
            return np.ones(len(table), dtype=bool)
        is_whole = (table.codes[:, [*self.sources(table.schema), at]] != ABSENT).all(axis=1)
        agreeing: BoolArray = ~is_whole | (self.derive(table) == table.codes[:, at])
        return agreeing

    def joined_sources(self, schema: Schema) -> Combination | None:  # noqa: ARG002
        """Return the combinations of sources to which generated rows are held, if they must be."""
        return None

    def oriented(self, table: Table) -> Constraint:  # noqa: ARG002
        """Return the constraint in the form in which fewest rows are rejected.

        It may compute another column. What is fitted and saved is that form.
        """
        return self

    def fit(self, table: Table, learned: Table) -> None:
        """Remember what is needed of the real rows, in the user's columns and as they are learned.

        In `learned`, fixed combinations are one column, and no column is computed.
        """

    def check_real_rows(self, table: Table, class_: Any) -> None:
        """Warn, or raise a SchemaError, if real rows of a class break the constraint."""

    def solve(self, schema: Schema, code: int, fixed: Mapping[int, int]) -> Codes:
        """Return the codes of the sources that give this code, shape (n, n_sources).

        `fixed` are the codes, by position, that are sure. A ValueError where that is too hard.
        """
        raise NotImplementedError

    def restrictions(self, schema: Schema) -> list[Restriction | Order]:  # noqa: ARG002
        """Return what decoding can keep of this, so that fewer rows are rejected, or none.

        Rows are tested by `accepts` all the same.
        """
        return []

    def accepts(self, table: Table) -> BoolArray:
        """Return for each generated row whether it is accepted, and not generated again."""
        return np.ones(len(table), dtype=bool)

    @property
    def rejects(self) -> bool:
        """Whether `accepts` can reject a row."""
        return type(self).accepts is not Constraint.accepts

    @property
    def text(self) -> str:
        """What the constraint says, in one line, for people."""
        return repr(self)

    @property
    def reason(self) -> str:
        """Why a row was rejected, for `rejection_stats_` and messages."""
        return f"not {self!r}"

    def advice(self, label: int) -> str:  # noqa: ARG002
        """Return what the user can do if too few rows of the class with this code are accepted."""
        return f"leave out {self!r}"


_CONSTRAINTS: dict[str, type[Constraint]] = {}


def register_constraint(cls: type[Constraint]) -> type[Constraint]:
    """Make a constraint class known by its name, so that a sampler that has one can be saved."""
    _CONSTRAINTS[cls.__name__] = cls
    return cls


def with_column(table: Table, at: int, column: Column, is_inside: BoolArray) -> Table:
    """Return the table with another column; cells neither inside nor missing become ABSENT."""
    columns, codes = list(table.schema), table.codes.copy()
    columns[at] = column
    codes[~is_inside & (codes[:, at] != MISSING), at] = ABSENT
    return Table(Schema(tuple(columns)), codes, table.texts)


def feature_position(schema: Schema, name: Hashable) -> int:
    """Return the position of a feature in a schema whose label is in column 0."""
    return Schema(schema.columns[1:]).position(name) + 1


def feature_positions(
    schema: Schema, names: Sequence[Hashable], constraint: Constraint, *, fewest: int = 1
) -> tuple[int, ...]:
    """Return the positions of features that have codes of their own, each named once."""
    if isinstance(names, str) or len(names) < fewest:
        least = "one" if fewest == 1 else "two"
        raise SchemaError(
            f"{type(constraint).__name__} takes a list of {least} or more column names, got "
            f"{names!r}."
        )
    positions = tuple(feature_position(schema, name) for name in names)
    if len(set(positions)) < len(positions):
        raise SchemaError(f"{constraint!r} names a column twice.")
    for position in positions:
        if schema[position].is_text:
            raise SchemaError(
                f"{constraint!r} names the column {schema[position].name!r}, which holds free "
                "text. Leave it out, or declare it categorical.",
                column=schema[position].name,
            )
    return positions


_N_SHOWN = 3


def check_agreement(table: Table, constraint: Constraint, positions: Sequence[int]) -> None:
    """Raise a SchemaError if real rows disagree with what the constraint computes."""
    rows = np.flatnonzero(~constraint.agrees(table))
    if len(rows):
        refuse_rows(table, rows, constraint, positions, constraint.derive(table))


def refuse_rows(
    table: Table,
    rows: Sequence[int] | Codes,
    constraint: Constraint,
    positions: Sequence[int],
    computed: Codes | None = None,
) -> None:
    """Raise a SchemaError that shows the first of the real `rows` that break a constraint, if any.

    `positions` are those of the columns to show; the last of them is the `computed` one.
    """
    if not len(rows):
        return
    verb = "breaks" if len(rows) == 1 else "break"
    shown = shown_rows(table, rows, positions, computed)
    raise SchemaError(
        f"{len(rows)} of the {len(table)} real rows {verb} {constraint.text!r} ({shown}). "
        "Correct them, or leave the constraint out.",
        column=table.schema[positions[-1]].name,
        constraint=constraint,
        rows=[int(row) for row in rows],
    )


def shown_rows(
    table: Table,
    rows: Sequence[int] | Codes,
    positions: Sequence[int],
    computed: Codes | None = None,
) -> str:
    """Return the cells of the first of the `rows`, and what is computed for the last of them."""
    shown = []
    for row in [int(row) for row in rows[:_N_SHOWN]]:
        cells = [(table.schema[at], int(table.codes[row, at])) for at in positions]
        text = ", ".join(f"{column.name} = {_shown(column, code)}" for column, code in cells)
        if computed is not None and computed[row] != ABSENT:
            text += f", computed {_shown(table.schema[positions[-1]], int(computed[row]))}"
        shown.append(f"row {row}: {text}")
    return "; ".join(shown)


def listed(names: Sequence[object]) -> str:
    """Join two or more names: a, b and c."""
    return f"{', '.join(map(str, names[:-1]))} and {names[-1]}"


def _shown(column: Column, code: int) -> str:
    if code == ABSENT:
        return "not allowed"
    cell = column.decode(np.array([code])).iloc[0]
    return "missing" if code == MISSING else str(cell)
