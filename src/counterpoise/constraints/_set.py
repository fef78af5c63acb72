"""All constraints of one sampler, and the table under them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from counterpoise.columns._frames import with_labels
from counterpoise.columns._schema import Schema
from counterpoise.columns._table import Table
from counterpoise.constraints._base import BoolArray, Constraint
from counterpoise.constraints._fixed_combinations import Layout, build_layout


@dataclass(frozen=True, slots=True)
class ConstraintSet:
    """What is needed to generate further rows that satisfy the constraints.

    Attributes
    ----------
    layout : Layout
        Which columns are joined for the model.
    constraints : tuple of Constraint
        Fitted.
    real_rows : Table or None
        The real rows in the user's columns; None where they are not at hand.
    """

    layout: Layout
    constraints: tuple[Constraint, ...] = ()
    real_rows: Table | None = None

    def accepts(self) -> dict[str, Callable[[Table], BoolArray]]:
        """Return the tests of a row as the model learns it, by the reason for rejecting it."""

        def test(constraint: Constraint) -> Callable[[Table], BoolArray]:
            return lambda learned: constraint.accepts(self.layout.split(learned))

        return {c.reason: test(c) for c in self.constraints if c.rejects}

    def advice(self, label: int) -> list[str]:
        """Return what to do when too few rows of a class are accepted."""
        return list(dict.fromkeys(c.advice(label) for c in self.constraints if c.rejects))


@dataclass(frozen=True, slots=True)
class ConstrainedTable:
    """A labelled table, ready to be learned.

    Attributes
    ----------
    schema : Schema
        The features, as they may be generated.
    observed : Table
        The real rows as they are, label first.
    table : Table
        The real rows as the model learns them: cells that may not be generated are ``ABSENT``,
        and fixed combinations are one column.
    constraints : ConstraintSet
    """

    schema: Schema
    observed: Table
    table: Table
    constraints: ConstraintSet

    def check(self, classes: Mapping[Any, int]) -> None:
        """Check the real rows of the classes to be filled, label codes by class.

        Raises
        ------
        SchemaError
            If no rows of a class can satisfy a constraint.
        """
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
) -> ConstrainedTable:
    """Read a table under constraints.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_features)
    labels : ndarray of shape (n_rows,)
    target_name : object
        Name of the labels, or None.
    is_named : bool
        Whether the names of columns are the user's own.
    column_types : mapping of column to str
        Types where inference is wrong.
    constraints : iterable of Constraint
        Unfitted; they are copied.

    Raises
    ------
    SchemaError
        If a column cannot be used, or a constraint names an unknown column or cannot be met.
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
    layout = build_layout(allowed, own)
    learned = layout.join(allowed)
    for constraint in own:
        constraint.fit(allowed, learned)
    fitted = ConstraintSet(layout, own, allowed)
    return ConstrainedTable(Schema(allowed.schema.columns[1:]), observed, learned, fitted)


def constraint_list(constraints: Any) -> list[Constraint]:
    """Return the constraints to use; ``"auto"`` stands for those found in the table: none yet."""
    given = [constraints] if isinstance(constraints, str) else list(constraints or ())
    own: list[Any] = [one for one in given if not (isinstance(one, str) and one == "auto")]
    for one in own:
        if not isinstance(one, Constraint):
            raise ValueError(
                "constraints must be a list of objects of counterpoise.constraints, such as "
                f"Range('age', 18, 75), or 'auto'; got {one!r}"
            )
    return own
