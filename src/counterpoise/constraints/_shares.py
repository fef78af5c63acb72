"""In which rows of a table a relation between columns holds, declared ones among them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

import numpy as np
import pandas as pd

from counterpoise.columns import (
    ABSENT,
    MISSING,
    CategoricalColumn,
    Codes,
    Column,
    DatetimeColumn,
    DurationColumn,
    NumericColumn,
    Schema,
    Table,
)
from counterpoise.constraints._base import BoolArray, Constraint
from counterpoise.constraints._discovery import N_EXCEPTIONS_SHOWN, Relation
from counterpoise.constraints._evidence import MICROSECONDS_PER_DAY, FloatArray
from counterpoise.errors import SchemaError

_LARGEST: Final = 2**62
_ROUNDING_ERROR: Final = 1e-6


def relation_shares(
    relations: Sequence[Relation | Constraint],
    rows: pd.DataFrame,
    *,
    real: pd.DataFrame,
    schema: Schema | None = None,
) -> FloatArray:
    """Return the share of `rows` in which each relation holds, whoever generated them.

    Numbers are compared as the real column writes them, with its decimals. Rows of which it can't
    be told are left out of the share: a cell is no value of the real column, or a dependency's
    determinants are so in no real row.

    Parameters
    ----------
    relations : sequence of Relation or Constraint
        As in `LLMOverSampler.relations_`, or constraints of their kinds.
    rows : DataFrame of shape (n_rows, n_columns)
        Synthetic rows, or held-out real ones, with the columns of `real`; dtypes may differ.
    real : DataFrame of shape (n_real, n_columns)
        The rows in which the relations were found; dependencies are read from them.
    schema : Schema, default=None
        The columns as understood, `LLMOverSampler.schema_`; None infers it from `real`.

    Returns
    -------
    shares : ndarray of shape (n_relations,), float64
        In [0, 1]; NaN where it can be told of no row.

    Examples
    --------
    >>> from counterpoise.constraints import Formula, FunctionalDependency
    >>> real = pd.DataFrame({"a": [1, 2, 3], "b": [2, 4, 6], "city": ["x", "y", "y"]})
    >>> rows = pd.DataFrame({"a": [2, 3], "b": [4, 5], "city": ["y", "x"]})
    >>> known = [Formula("b", "2 * a"), FunctionalDependency(["a"], "city")]
    >>> relation_shares(known, rows, real=real).tolist()
    [0.5, 0.5]
    """
    schema = schema or Schema.infer(real)
    shares = np.full(len(relations), np.nan)
    if not relations:
        return shares
    seen, asked = (as_table(frame, schema) for frame in (real, rows))
    for at, relation in enumerate(relations):
        constraint = relation.constraint if isinstance(relation, Relation) else relation
        constraint = constraint.copy()  # what follows fits it
        constraint.observe(seen)
        held, is_told = rows_held(constraint, asked)
        if is_told.any():
            shares[at] = held[is_told].mean()
    return shares


def declared_relations(constraints: Iterable[Constraint], table: Table) -> list[Relation]:
    """Return those of the constraints, which have observed the real rows, that are relations."""
    found = []
    for constraint in constraints:
        if not constraint.kind:
            continue
        positions = constraint.positions(table.schema)
        held, is_told = rows_held(constraint, table)
        broken = np.flatnonzero(~held & is_told)
        supports = held & is_told
        if constraint.kind in ("formula", "order"):  # which a missing cell satisfies
            supports &= (table.codes[:, positions] > ABSENT).all(axis=1)
        found.append(
            Relation(
                constraint,
                constraint.kind,
                tuple(table.schema[at].name for at in positions),
                int(supports.sum()),
                log10_chance=0.0,
                n_exceptions=len(broken),
                exceptions=tuple(broken[:N_EXCEPTIONS_SHOWN].tolist()),
                is_declared=True,
            )
        )
    return found


def rows_held(constraint: Constraint, table: Table) -> tuple[BoolArray, BoolArray]:
    """Return in which rows a constraint that has observed the real rows holds, and can be told."""
    if not constraint.is_computing:
        return constraint.accepts(table), np.ones(len(table), dtype=bool)
    is_told = (table.codes[:, constraint.positions(table.schema)] != ABSENT).all(axis=1)
    if constraint.kind == "dependency":  # a formula computes a value from any others
        is_told &= constraint.derive(table) != ABSENT
    return constraint.agrees(table), is_told


def as_table(frame: pd.DataFrame, schema: Schema) -> Table:
    """Encode rows of any dtypes, with a label in column 0; what is no value becomes ABSENT."""
    names = tuple(column.name for column in schema)
    # the names as a tuple are a name that no column has
    label = CategoricalColumn(names, "categorical", np.dtype(object), False, ("",))
    codes = np.zeros((len(frame), len(schema) + 1), dtype=np.int64)
    for at, column in enumerate(schema, start=1):
        codes[:, at] = _codes(column, frame[column.name])
    texts = {at: ("",) for at, column in enumerate(schema, start=1) if column.is_text}
    return Table(Schema((label, *schema)), codes, texts)


def _codes(column: Column, cells: pd.Series[Any]) -> Codes:
    """Return the code of each cell, also of numbers and times outside of the column's range."""
    is_missing = cells.isna().to_numpy(dtype=bool)
    if column.is_text:
        return np.where(is_missing, MISSING, 0)
    if isinstance(column, NumericColumn):
        return _in_units(np.rint(column.to_floats(cells) / column.unit_size), is_missing)
    with suppress(SchemaError):
        return column.encode(cells)
    if isinstance(column, DatetimeColumn | DurationColumn) and column._clock is None:
        days = column.to_floats(cells) / MICROSECONDS_PER_DAY
        return _in_units(np.floor(days / column.unit_size + _ROUNDING_ERROR), is_missing)
    positions, values = pd.factorize(cells.to_numpy(dtype=object))
    known = np.full(len(values) + 1, ABSENT)
    known[-1] = MISSING
    for at, value in enumerate(values):
        with suppress(ValueError):
            known[at] = column.code_of(value)
    return known[positions]


def _in_units(numbers: FloatArray, is_missing: BoolArray) -> Codes:
    is_known = np.abs(numbers) < _LARGEST
    codes = np.where(is_known, numbers, ABSENT).astype(np.int64)
    return np.where(is_missing, MISSING, codes)
