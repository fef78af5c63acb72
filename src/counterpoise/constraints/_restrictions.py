"""Limit what may be generated to less, or more, than a table shows."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from counterpoise.columns._base import ABSENT, MISSING, Codes
from counterpoise.columns._cells import distinct
from counterpoise.columns._schema import Schema
from counterpoise.columns._table import Table
from counterpoise.errors import SchemaError


def with_observed(
    frame: pd.DataFrame, categories: Mapping[Any, Sequence[Any]]
) -> dict[Hashable, list[Any]]:
    """Return the allowed categories of each column, followed by those observed beside them."""
    return {
        name: _union(allowed, distinct(frame[name])[1] if name in frame else [])
        for name, allowed in categories.items()
    }


def _union(allowed: Sequence[Any], observed: Sequence[Any]) -> list[Any]:
    known = {(type(value), value) for value in allowed}
    return [*allowed, *(value for value in observed if (type(value), value) not in known)]


def restrict(
    table: Table, ranges: Mapping[Any, Any], categories: Mapping[Any, Sequence[Any]]
) -> Table:
    """Limit the domains of columns; cells that are outside then become ``ABSENT``.

    Parameters
    ----------
    table : Table
        The rows, with a schema whose categories include the allowed ones.
    ranges : mapping of name to (smallest, largest)
        Allowed numbers, instants or durations, ends included; None leaves an end as it is.
    categories : mapping of name to sequence
        Allowed categories.

    Returns
    -------
    Table
        With the same number of rows. Missing cells stay missing.

    Raises
    ------
    SchemaError
        If a column is unknown or of another kind, or nothing is left of its domain.
    """
    columns, codes = list(table.schema), table.codes.copy()
    for name, bounds in ranges.items():
        at = table.schema.position(name)
        if not isinstance(bounds, tuple | list) or len(bounds) != 2:
            raise SchemaError(
                f"The range of column {name!r} must be a pair (smallest, largest), got {bounds!r}.",
                column=name,
            )
        columns[at] = columns[at].restrict_range(*bounds)
        given = codes[:, at]
        inside = columns[at].contains(given) | (given == MISSING)
        codes[:, at] = np.where(inside, given, ABSENT)
    for name, allowed in categories.items():
        at = table.schema.position(name)
        columns[at], kept = columns[at].restrict_categories(allowed)
        codes[:, at] = _renumbered(codes[:, at], kept)
    return Table(Schema(tuple(columns)), codes, table.texts)


def _renumbered(codes: Codes, kept: Sequence[int]) -> Codes:
    """Return codes as positions in `kept`; others become ABSENT, and missing ones stay."""
    renumbered = np.full(len(codes), ABSENT, dtype=np.int64)
    for new, old in enumerate(kept):
        renumbered[codes == old] = new
    renumbered[codes == MISSING] = MISSING
    return renumbered
