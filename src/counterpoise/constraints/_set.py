"""All constraints of one sampler, and the table under them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache, partial
from math import lcm
from typing import Any

import numpy as np
import pandas as pd

from counterpoise.columns import ABSENT, Schema, Table
from counterpoise.columns._frames import with_labels
from counterpoise.constraints._base import (
    BoolArray,
    Constraint,
    Order,
    Restriction,
    Sum,
    units_per_one,
)
from counterpoise.constraints._discovery import Drop, Relation, discover
from counterpoise.constraints._formula import Formula
from counterpoise.constraints._intervals import Computed
from counterpoise.constraints._layout import Layout, build_layout
from counterpoise.constraints._shares import declared_relations
from counterpoise.errors import SchemaError
from counterpoise.grammar._grammar import CodeSet


@dataclass(frozen=True, slots=True)
class ConstraintSet:
    """What is needed to generate further rows that satisfy the constraints."""

    layout: Layout  # which columns the model learns
    constraints: tuple[Constraint, ...] = ()  # fitted
    real_rows: Table | None = None  # in the user's columns; None where they are not at hand

    def accepts(self) -> dict[str, Callable[[Table], BoolArray]]:
        """Return the tests of a row as the model learns it, by the reason for rejecting it."""
        split = lru_cache(maxsize=1)(self.layout.split)  # all tests see the same rows in turn

        def is_computed(position: int, learned: Table) -> BoolArray:
            return np.asarray(split(learned).codes[:, position] != ABSENT)

        def is_accepted(constraint: Constraint, learned: Table) -> BoolArray:
            return constraint.accepts(split(learned))

        tests: dict[str, Callable[[Table], BoolArray]] = {}
        tests |= {c.reason: partial(is_computed, at) for at, _, c in self.layout.derived}
        tests |= {c.reason: partial(is_accepted, c) for c in self.constraints if c.rejects}
        return tests

    def restrictions(self) -> list[Restriction | Order]:
        """Return what decoding can keep of the constraints, in the table as it is learned."""
        schema = self.layout.schema
        own = [one for c in self.constraints for one in c.restrictions(schema)]
        return _in_learned_table(own, self.layout)

    def computed(self) -> list[Computed | Sum]:
        """Return numbers that are computed, in range, from cells of the table as it is learned."""
        schema = self.layout.schema
        numbers: dict[int, Computed] = {}  # by position in the user's table
        for at, (position, *others) in enumerate(self.layout.members):
            column = schema[position]
            if not others and column.code_range is not None:
                units = units_per_one(column)
                low, high = (end / units for end in column.code_range)
                numbers[position] = Computed(
                    "cell", low, high, column=at, units=units, can_miss=column.has_missing
                )
        found: list[Computed | Sum] = []
        for position, sources, constraint in self.layout.derived:
            if isinstance(constraint, Formula) and numbers.keys() >= set(sources):
                result = constraint.computed(schema, numbers)
                if result is not None:
                    numbers[position] = result
                    found.append(result)
                learned = {at: numbers[at].column for at in sources}
                if -1 not in learned.values() and (own := constraint.exact_sum(schema)):
                    found.append(own.at(learned))
        derived = {derivation.position for derivation in self.layout.derived}
        for one in (one for c in self.constraints for one in c.restrictions(schema)):
            if isinstance(one, Order) and numbers.keys() >= set(one.ends) and derived & {*one.ends}:
                smaller, larger = (numbers[end] for end in one.ends)
                unit = lcm(*(units_per_one(schema[end]) for end in one.ends))
                difference = smaller + Computed.constant(Fraction(-1)) * larger
                found.append(difference.within(-np.inf, -1 / unit if one.is_strict else 0.0))
        return found

    def check_fixed(self, fixed: Mapping[int, int]) -> None:
        """Raise a ValueError if codes that rows are to have, by position, contradict each other."""
        codes = np.full((1, len(self.layout.schema)), ABSENT, dtype=np.int64)
        codes[0, list(fixed)] = list(fixed.values())
        for constraint in self.constraints:
            is_known = constraint.restrictions(self.layout.schema)
            if is_known and not constraint.accepts(Table(self.layout.schema, codes)).all():
                raise ValueError(
                    f"condition: no row can have these values together ({constraint.reason})"
                )

    def advice(self, label: int) -> list[str]:
        """Return what to do when too few rows of a class are accepted."""
        computing = [derivation.constraint for derivation in self.layout.derived]
        rejecting = [*computing, *(c for c in self.constraints if c.rejects)]
        return list(dict.fromkeys(constraint.advice(label) for constraint in rejecting))


@dataclass(frozen=True, slots=True)
class ConstrainedTable:
    """A labelled table, ready to be learned; the label is the first column."""

    schema: Schema  # the features, as they may be generated
    observed: Table  # the real rows as they are
    table: Table  # as the model learns them: what may not be generated is ABSENT
    constraints: ConstraintSet
    relations: tuple[Relation, ...]  # declared and found

    def check(self, classes: Mapping[Any, int]) -> None:
        """Check the real rows of the classes to be filled, label codes by class."""
        for class_, label in classes.items():
            of_class = self.observed.take(self.observed.codes[:, 0] == label)
            for constraint in self.constraints.constraints:
                constraint.check_real_rows(of_class, class_)


def apply_constraints(
    X: pd.DataFrame,
    labels: Any,
    target_name: Any,
    *,
    is_named: bool,
    column_types: Mapping[Hashable, str],
    constraints: Iterable[Constraint],
    discovers: bool = False,
) -> ConstrainedTable:
    """Read a table under copies of unfitted constraints, and those that `discover` finds.

    `is_named` says whether the names of columns are the user's own. A SchemaError says that a
    column cannot be used, or that a constraint names an unknown column or cannot be met.
    """
    own = [constraint.copy() for constraint in constraints]
    categories: dict[Hashable, Any] = {}
    margin = 0.0
    for constraint in own:
        for name, options in constraint.overrides(X).items():
            margin = options.get("range_margin", margin)
            if "categories" in options:
                categories[name] = options["categories"]
    schema = Schema.infer(X, kinds=column_types, range_margin=margin, categories=categories)
    features = Table.from_frame(X, schema)
    allowed = observed = with_labels(features, labels, target_name, is_named=is_named)
    for constraint in own:
        allowed = constraint.restrict(allowed)
    layout = _layout(allowed, own)  # as declared: errors are about what the user wrote
    relations = declared_relations(own, allowed)
    if discovers:
        found = _kept(_without(discover(features), relations), allowed, own)
        own += [relation.constraint for relation in found if relation.is_kept]
        layout = build_layout(allowed, own)
        relations += found
    for at, constraint in enumerate(own):
        oriented = constraint.oriented(allowed)
        with suppress(SchemaError):  # another constraint takes that column
            if oriented is not constraint:
                layout = build_layout(allowed, [*own[:at], oriented, *own[at + 1 :]])
                own[at] = oriented
    allowed = layout.as_generated(allowed)
    learned = layout.join(allowed)
    for constraint in own:
        constraint.fit(allowed, learned)
    fitted = ConstraintSet(layout, tuple(own), allowed)
    schema = Schema(allowed.schema.columns[1:])
    return ConstrainedTable(schema, observed, learned, fitted, tuple(relations))


def _layout(table: Table, constraints: Sequence[Constraint]) -> Layout:
    """Return the layout of a table (label first) under constraints that are not validated."""
    for constraint in constraints:
        constraint.validate(table.schema)
    return build_layout(table, constraints)


def _without(found: Sequence[Relation], declared: Sequence[Relation]) -> list[Relation]:
    """Return the relations that were found but not declared, in this form or a similar one."""

    def form(one: Relation) -> Any:
        """Return what two forms of one relation have in common."""
        if one.kind == "implication":
            return repr(one.constraint)
        return one.kind, one.constraint.is_computing and one.columns[0], frozenset(one.columns)

    known = {form(one) for one in declared}
    return [one for one in found if form(one) not in known]


def _kept(
    relations: Sequence[Relation], table: Table, constraints: Sequence[Constraint]
) -> list[Relation]:
    """Return the relations, those of which can be kept marked, beside declared constraints.

    Dropped are those that `Drop` names, those that contradict a declared constraint, or whose
    column it computes already, and formulas for which nearly all rows would be rejected.
    """
    dropped = [set(c.columns) for c in constraints if isinstance(c, Drop)]
    found = []
    for one in relations:
        is_rare = isinstance(one.constraint, Formula) and one.constraint.is_rarely_possible(table)
        is_dropped = any(columns <= set(one.columns) for columns in dropped)
        found.append(replace(one, is_kept=one.is_kept and not is_rare and not is_dropped))
    wanted = [one.constraint for one in found if one.is_kept]
    with suppress(SchemaError):
        _layout(table, [*constraints, *wanted])
        return found
    kept = list(constraints)
    for at, one in enumerate(found):
        with suppress(SchemaError):
            if one.is_kept:
                found[at] = replace(one, is_kept=False)
                _layout(table, [*kept, one.constraint])
                kept.append(one.constraint)
                found[at] = one
    return found


def constraint_list(constraints: Any) -> list[Constraint]:
    """Return the declared constraints: all but ``"auto"``."""
    given = [constraints] if isinstance(constraints, str) else constraints or ()
    own: list[Any] = [one for one in given if not (isinstance(one, str) and one == "auto")]
    for one in own:
        if not isinstance(one, Constraint):
            raise ValueError(
                "constraints must be a list of objects of counterpoise.constraints, such as "
                f"Range('age', 18, 75), or 'auto'; got {one!r}"
            )
    return own


def _in_learned_table(
    restrictions: Iterable[Restriction | Order], layout: Layout
) -> list[Restriction | Order]:
    """Return restrictions with the positions and codes of the table as it is learned.

    Those of columns that it doesn't have, or both of whose columns are a single one there, are left
    out, and so are orders of columns that are joined with others: there rows are rejected instead.
    """
    position_of = {member: at for at, own in enumerate(layout.members) for member in own}

    def joint(member: int, codes: CodeSet) -> CodeSet:
        """Return the codes of the learned column where the user's has one of `codes`."""
        combination = layout.combination(member)
        if combination is None:
            return codes
        own = combination.codes[:, combination.members.index(member)]
        return CodeSet.of(codes.contains(own).nonzero()[0].tolist())

    found: list[Restriction | Order] = []
    for one in restrictions:
        if not all(end in position_of for end in one.ends):
            continue
        first, second = (position_of[end] for end in one.ends)
        if first == second:
            continue
        if isinstance(one, Restriction):
            source_codes = joint(one.source, one.source_codes)
            target_codes = joint(one.target, one.target_codes)
            found.append(Restriction(first, source_codes, second, target_codes))
        elif all(layout.combination(end) is None for end in one.ends):
            found.append(Order(first, second, one.is_strict))
    return found
