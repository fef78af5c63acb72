"""What generated rows must satisfy beyond the table's own grammar.

Ranges, categories and combinations become part of what is learned, so that nothing else can be
written. Inequalities, and that no row is a copy, are satisfied by drawing again. All of it is read
and checked before any training.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.columns._frames import with_labels
from counterpoise.columns._schema import Schema
from counterpoise.columns._table import Table
from counterpoise.constraints import _no_copies as copies
from counterpoise.constraints._fixed_combinations import Layout, build_layout
from counterpoise.constraints._inequality import Inequality, check_real_rows, read_inequalities
from counterpoise.constraints._no_copies import RealRows, check_room
from counterpoise.constraints._restrictions import restrict, with_observed
from counterpoise.constraints._warnings import warn_about_identifiers, warn_about_unseen
from counterpoise.generation._rejection_sampling import Accept


@dataclass(frozen=True, slots=True)
class Demands:
    """What the user wrote, by column name; see `LLMOverSampler` for each."""

    column_kinds: Mapping[Any, str] = field(default_factory=dict)
    range_margin: float = 0.0
    ranges: Mapping[Any, tuple[Any, Any]] = field(default_factory=dict)
    categories: Mapping[Any, Sequence[Any]] = field(default_factory=dict)
    fixed_combinations: Iterable[Sequence[Any]] = ()
    inequalities: Iterable[Any] = ()
    allow_copies: bool = True


@dataclass(frozen=True, slots=True)
class Rules:
    """What is needed to write further rows that satisfy the demands.

    Attributes
    ----------
    layout : Layout
        Which columns are joined.
    inequalities : tuple of Inequality
    real_rows : RealRows or None
        The real rows as they are learned; None where they are not at hand.
    allow_copies : bool
    """

    layout: Layout
    inequalities: tuple[Inequality, ...] = ()
    real_rows: RealRows | None = None
    allow_copies: bool = True

    def accept(self) -> dict[str, Accept]:
        """Return what a row, as it is learned, must satisfy, by the reason for rejecting it.

        Raises
        ------
        ValueError
            If copies are not allowed and the real rows are not at hand.
        """
        accept: dict[str, Accept] = {
            f"not {inequality.text}": self._holds(inequality) for inequality in self.inequalities
        }
        if self.allow_copies:
            return accept
        if self.real_rows is None:
            raise ValueError(
                "allow_copies=False needs the real rows, which this sampler does not hold: save "
                "it with them, or set allow_copies=True"
            )
        return {**accept, copies.REASON: self.real_rows.has_not}

    def _holds(self, inequality: Inequality) -> Accept:
        def holds(table: Table) -> npt.NDArray[np.bool_]:
            return inequality.holds(self.layout.split(table))

        return holds

    def advice(self, schema: Schema, label: int) -> list[str]:
        """Say what to do when too few rows of a class are accepted.

        `schema` is that of the rows as they are learned.
        """
        said = []
        if self.inequalities:
            said.append("check that the inequalities are the right way round, or leave one out")
        if not self.allow_copies and self.real_rows is not None:
            said.append(copies.advice(schema, self.real_rows.count(label)))
        return said


@dataclass(frozen=True, slots=True)
class Prepared:
    """A labelled table, ready to be learned.

    Attributes
    ----------
    schema : Schema
        The features, as they may be generated.
    observed : Table
        The real rows as they are, label first.
    table : Table
        The real rows as they are learned: cells that may not be generated are ``ABSENT``, and
        combinations are joined.
    rules : Rules
    """

    schema: Schema
    observed: Table
    table: Table
    rules: Rules


def prepare(
    X: pd.DataFrame, labels: Any, target_name: Any, is_named: bool, demands: Demands
) -> Prepared:
    """Read a table under the user's demands.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_features)
    labels : ndarray of shape (n_rows,)
    target_name : object
        Name of the labels, or None.
    is_named : bool
        Whether the names of columns are the user's own.

    Raises
    ------
    SchemaError
        If a column cannot be used, or a demand names an unknown column or cannot be met.
    """
    schema = Schema.infer(
        X,
        kinds=demands.column_kinds,
        range_margin=demands.range_margin,
        categories=with_observed(X, demands.categories),
    )
    features = Table.from_frame(X, schema)
    allowed = restrict(features, demands.ranges, demands.categories)
    observed, within = (
        with_labels(table, labels, target_name, is_named=is_named) for table in (features, allowed)
    )
    layout = build_layout(within, demands.fixed_combinations)
    inequalities = tuple(read_inequalities(within.schema, demands.inequalities))
    table = layout.join(within)
    rules = Rules(layout, inequalities, RealRows.of(table), demands.allow_copies)
    return Prepared(allowed.schema, observed, table, rules)


def check_constraints(prepared: Prepared, classes: Mapping[Any, int]) -> None:
    """Check the classes to be filled, label codes by class, against the rules.

    Raises
    ------
    SchemaError
        If no rows of a class can satisfy them.
    """
    warn_about_identifiers(prepared.observed)
    for class_, label in classes.items():
        of_class = prepared.observed.codes[:, 0] == label
        check_real_rows(prepared.rules.inequalities, prepared.observed.take(of_class), class_)
        warn_about_unseen(prepared.table, label, class_)
        if not prepared.rules.allow_copies:
            check_room(prepared.table.take(of_class), class_)
