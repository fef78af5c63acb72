"""All constraints of one sampler, and the table under them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from counterpoise.columns import ABSENT, Schema, Table
from counterpoise.columns._frames import with_labels
from counterpoise.constraints._base import BoolArray, Constraint
from counterpoise.constraints._discovery import Relation, discover
from counterpoise.constraints._drop import Drop
from counterpoise.constraints._formula import Formula
from counterpoise.constraints._layout import Layout, build_layout
from counterpoise.constraints._restrictions import Order, Restriction
from counterpoise.constraints._shares import declared_relations
from counterpoise.errors import SchemaError
from counterpoise.grammar._codes import CodeSet


@dataclass(frozen=True, slots=True)
class ConstraintSet:
    """What is needed to generate further rows that satisfy the constraints."""

    layout: Layout  # which columns the model learns
    constraints: tuple[Constraint, ...] = ()  # fitted
    real_rows: Table | None = None  # in the user's columns; None where they are not at hand

    def accepts(self) -> dict[str, Callable[[Table], BoolArray]]:
        """Return the tests of a row as the model learns it, by the reason for rejecting it."""
        split = lru_cache(maxsize=1)(self.layout.split)  # all tests see the same rows in turn

        def is_computed(position: int) -> Callable[[Table], BoolArray]:
            return lambda learned: split(learned).codes[:, position] != ABSENT

        def test(constraint: Constraint) -> Callable[[Table], BoolArray]:
            return lambda learned: constraint.accepts(split(learned))

        computed = {c.reason: is_computed(position) for position, _, c in self.layout.derived}
        return computed | {c.reason: test(c) for c in self.constraints if c.rejects}

    def restrictions(self) -> list[Restriction | Order]:
        """Return what decoding can keep of the constraints, in the table as it is learned."""
        schema = self.layout.schema
        own = [one for c in self.constraints for one in c.restrictions(schema)]
        return _in_learned_table(own, self.layout)

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
    own = tuple(constraint.copy() for constraint in constraints)
    categories: dict[Hashable, Any] = {}
    margin = 0.0
    for constraint in own:
        for name, options in constraint.overrides(X).items():
            margin = options.get("range_margin", margin)
            if "categories" in options:
                categories[name] = options["categories"]
    schema = Schema.infer(X, kinds=column_types, range_margin=margin, categories=categories)
    features = Table.from_frame(X, schema)
    observed = with_labels(features, labels, target_name, is_named=is_named)
    allowed = observed
    for constraint in own:
        allowed = constraint.restrict(allowed)
    for constraint in own:
        constraint.validate(allowed.schema)
    layout = build_layout(allowed, own)  # as declared: errors are about what the user wrote
    relations = declared_relations(own, allowed)
    if discovers:
        found = _kept(_without(discover(features), relations), allowed, own)
        own += tuple(relation.constraint for relation in found if relation.is_kept)
        layout = build_layout(allowed, own)
        relations += found
    for at, constraint in enumerate(own):
        if (oriented := constraint.oriented(allowed)) is not constraint:
            other = (*own[:at], oriented, *own[at + 1 :])
            with suppress(SchemaError):  # another constraint takes that column
                layout, own = build_layout(allowed, other), other
    allowed = layout.as_generated(allowed)
    learned = layout.join(allowed)
    for constraint in own:
        constraint.fit(allowed, learned)
    fitted = ConstraintSet(layout, own, allowed)
    schema = Schema(allowed.schema.columns[1:])
    return ConstrainedTable(schema, observed, learned, fitted, tuple(relations))


def _without(found: Sequence[Relation], declared: Sequence[Relation]) -> list[Relation]:
    """Return the relations that were found but not declared, in this form or a similar one."""
    known = {_what(one) for one in declared} - {None}
    constraints = [one.constraint for one in declared]
    return [o for o in found if _what(o) not in known and o.constraint not in constraints]


def _what(relation: Relation) -> tuple[Any, ...] | None:
    """Return what two forms of one relation have in common; None of implications."""
    if relation.kind == "implication":
        return None
    target = relation.columns[0] if relation.kind in ("dependency", "formula") else None
    return relation.kind, target, frozenset(relation.columns)


def _kept(
    relations: Sequence[Relation], table: Table, constraints: Sequence[Constraint]
) -> list[Relation]:
    """Return the relations, those of which can be kept marked, beside declared constraints.

    Dropped are those that `Drop` names, those that contradict a declared constraint, or whose
    column it computes already, and formulas for which nearly all rows would be rejected.
    """
    dropped = [set(c.columns) for c in constraints if isinstance(c, Drop)]

    def can_be_kept(one: Relation) -> bool:
        if not one.is_kept or any(columns <= set(one.columns) for columns in dropped):
            return False
        return not (
            isinstance(one.constraint, Formula) and one.constraint.is_rarely_possible(table)
        )

    found = [replace(one, is_kept=can_be_kept(one)) for one in relations]
    if _fits([*constraints, *(one.constraint for one in found if one.is_kept)], table):
        return found
    kept = list(constraints)
    for at, one in enumerate(found):
        if one.is_kept and _fits([*kept, one.constraint], table):
            kept.append(one.constraint)
        else:
            found[at] = replace(one, is_kept=False)
    return found


def _fits(constraints: Sequence[Constraint], table: Table) -> bool:
    """Whether a table (label first) can be learned under these constraints."""
    try:
        for constraint in constraints:
            constraint.validate(table.schema)
        build_layout(table, constraints)
    except SchemaError:
        return False
    return True


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
        ends = (one.smaller, one.larger) if isinstance(one, Order) else (one.source, one.target)
        if not all(end in position_of for end in ends):
            continue
        first, second = (position_of[end] for end in ends)
        if first == second:
            continue
        if isinstance(one, Restriction):
            source_codes = joint(one.source, one.source_codes)
            target_codes = joint(one.target, one.target_codes)
            found.append(Restriction(first, source_codes, second, target_codes))
        elif all(layout.combination(end) is None for end in ends):
            found.append(Order(first, second, one.is_strict, one.scales))
    return found
