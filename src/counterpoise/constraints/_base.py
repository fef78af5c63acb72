"""What a constraint can say, and when it is asked; what decoding can keep of it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise._parameters import Parameters
from counterpoise.columns import (
    ABSENT,
    MISSING,
    Codes,
    Column,
    DatetimeColumn,
    DurationColumn,
    NumericColumn,
    Schema,
    Table,
)
from counterpoise.errors import SchemaError
from counterpoise.grammar._grammar import CodeSet
from counterpoise.grammar._ranges import UNITS_PER_DAY

if TYPE_CHECKING:
    from counterpoise.constraints._layout import Combination

BoolArray = npt.NDArray[np.bool_]

IS_MISSING = CodeSet.of([MISSING])
IS_PRESENT = ~IS_MISSING


@dataclass(frozen=True)
class Restriction:
    """Where one cell has one of some codes, another has one of some: whichever is written first.

    Positions are those of the user's table, with the label at 0.
    """

    source: int
    source_codes: CodeSet
    target: int
    target_codes: CodeSet

    @property
    def ends(self) -> tuple[int, int]:
        return self.source, self.target

    def at(self, positions: Mapping[int, int]) -> Restriction:
        """Return the same of other positions."""
        return replace(self, source=positions[self.source], target=positions[self.target])


@dataclass(frozen=True)
class Order:
    """One cell is at most another, or less, unless one of them is missing; both have one measure.

    Codes are compared once divided by `units_per_one`.
    """

    smaller: int
    larger: int
    is_strict: bool

    @property
    def ends(self) -> tuple[int, int]:
        return self.smaller, self.larger

    def at(self, positions: Mapping[int, int]) -> Order:
        """Return the same of other positions."""
        return replace(self, smaller=positions[self.smaller], larger=positions[self.larger])


@dataclass(frozen=True)
class Sum:
    """Codes times `factors`, integers by position, and what is added: one of some codes.

    Unless a cell is missing.
    """

    factors: Mapping[int, int]
    added: int
    codes: CodeSet

    @property
    def ends(self) -> tuple[int, ...]:
        return tuple(self.factors)

    def at(self, positions: Mapping[int, int]) -> Sum:
        """Return the same of other positions."""
        factors = {positions[at]: factor for at, factor in self.factors.items()}
        return replace(self, factors=factors)


def units_per_one(column: Column) -> int:
    """Return how many units of a column's codes make 1, or a day; 1 where codes have no unit."""
    if isinstance(column, NumericColumn):
        return int(10**column.decimals)
    if isinstance(column, DatetimeColumn | DurationColumn):
        return UNITS_PER_DAY[column.unit]
    return 1


class Constraint(Parameters):
    """Something that every synthetic row satisfies. A subclass overrides the methods it needs.

    They are called in the order in which they stand here, the last for rows as they are generated.
    Tables and schemas have the label in column 0 and the features of X behind it. A constraint is
    cloned before it is used, so `fit` may set attributes; those of a saved sampler are found again
    by calling `fit` with no rows.
    """

    kind: ClassVar[str] = ""
    """Which kind of relation between columns it is; empty for other constraints."""
    is_computing: ClassVar[bool] = False
    """Whether it computes the first of its columns, which the model does not learn."""
    takes_text: ClassVar[bool] = False
    """Whether its columns can hold free text."""

    @property
    def related(self) -> tuple[Hashable, ...]:
        """The columns that a relation is between, that which is computed first."""
        return ()

    def positions(self, schema: Schema) -> tuple[int, ...]:
        """Return the positions of `related`; a SchemaError if a column can't be used."""
        positions = tuple(feature_position(schema, name) for name in self.related)
        if len(set(positions)) < len(positions):
            raise SchemaError(f"{self!r} names a column twice.")
        for column in (schema[position] for position in positions):
            if column.is_text and not self.takes_text:
                raise SchemaError(
                    f"{self!r} names the column {column.name!r}, which holds free text. Leave it "
                    "out, or declare it categorical.",
                    column=column.name,
                )
        return positions

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
        self.positions(schema)

    def derived(self, schema: Schema) -> int | None:
        """Return the position of the column that the constraint computes, if it computes one."""
        return self.positions(schema)[0] if self.is_computing else None

    def sources(self, schema: Schema) -> tuple[int, ...]:
        """Return the positions of the columns from which it computes."""
        return self.positions(schema)[1:] if self.is_computing else ()

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
        return np.asarray(~is_whole | (self.derive(table) == table.codes[:, at]))

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
        return f"not {self.text}"

    def advice(self, label: int) -> str:  # noqa: ARG002
        """Return what the user can do if too few rows of the class with this code are accepted."""
        return f"leave out {self!r}"


_CONSTRAINTS: dict[str, type[Constraint]] = {}


def register_constraint(cls: type[Constraint]) -> type[Constraint]:
    """Make a constraint class known by its name, so that a sampler that has one can be saved."""
    _CONSTRAINTS[cls.__name__] = cls
    return cls


def feature_position(schema: Schema, name: Hashable) -> int:
    """Return the position of a feature in a schema whose label is in column 0."""
    for position, column in enumerate(schema.columns[1:], start=1):
        if column.name == name:
            return position
    return Schema(schema.columns[1:]).position(name)  # an error that lists the features


def column_names(
    constraint: Constraint, names: Sequence[Hashable], fewest: int = 2
) -> tuple[Hashable, ...]:
    """Return a list of column names that a user gave, or raise a SchemaError."""
    if isinstance(names, str) or len(names) < fewest:
        raise SchemaError(
            f"{type(constraint).__name__} takes a list of {('one', 'two')[fewest - 1]} or more "
            f"column names, got {names!r}."
        )
    return tuple(names)


_N_SHOWN = 3


def refuse_rows(
    table: Table, is_broken: BoolArray, constraint: Constraint, class_: Any = None
) -> None:
    """Raise a SchemaError that shows the first real rows that break a constraint, if any do.

    The rows are all of one class if that is given.
    """
    rows = np.flatnonzero(is_broken)
    if not len(rows):
        return
    of_class = "" if class_ is None else f" of class {class_!r} (counted there)"
    positions = constraint.positions(table.schema)
    verb = "breaks" if len(rows) == 1 else "break"
    raise SchemaError(
        f"{len(rows)} of the {len(table)} real rows{of_class} {verb} {constraint.text!r} "
        f"({shown_rows(table, rows, constraint)}). Correct them, or leave the constraint out.",
        column=table.schema[positions[0]].name,
        constraint=constraint,
        rows=rows.tolist(),
    )


def shown_rows(table: Table, rows: Codes, constraint: Constraint) -> str:
    """Return the cells of the first of the `rows`, and what is computed for the last of them."""
    first, *others = constraint.positions(table.schema)
    positions = [*others, first] if constraint.is_computing else [first, *others]
    few = table.take(rows[:_N_SHOWN])
    computed = constraint.derive(few) if constraint.is_computing else None
    shown = []
    for at, row in enumerate(rows[:_N_SHOWN].tolist()):
        cells = [f"{table.schema[p].name} = {_shown(few, p, few.codes[at, p])}" for p in positions]
        if computed is not None and computed[at] != ABSENT:
            cells.append(f"computed {_shown(few, first, computed[at])}")
        shown.append(f"row {row}: {', '.join(cells)}")
    return "; ".join(shown)


def _shown(table: Table, at: int, code: int) -> str:
    if code == MISSING:
        return "missing"
    column = table.schema[at]
    cell = table.texts[at][code] if column.is_text else column.decode(np.array([code])).iloc[0]
    return str(cell)


def listed(names: Sequence[object]) -> str:
    """Join two or more names: a, b and c."""
    return f"{', '.join(map(str, names[:-1]))} and {names[-1]}"
