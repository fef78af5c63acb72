"""Columns that others determine."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from counterpoise.columns import ABSENT, Codes, Schema, Table
from counterpoise.constraints._base import Constraint, column_names, register_constraint
from counterpoise.constraints._layout import Combination, distinct_rows
from counterpoise.errors import SchemaError

JOINED_SHARE = 0.5
"""Determinants whose observed combinations are less than this share of all that there could be are
generated as one column: too many rows would be rejected otherwise."""


@register_constraint
class FunctionalDependency(Constraint):
    """Compute a column from others that determine it, such as the city from the postal code.

    The model does not learn the column: each row gets the value that the real rows have with the
    same values of the determinants. Combinations of these that no real row has do not come.

    A missing cell counts as a value of its own, in the determinants and in the dependent column.

    Parameters
    ----------
    determinants : sequence of str or other column labels
        One or more.
    dependent : str or other column label
        A column of which the real rows have a single value for equal determinants; a SchemaError
        shows rows where that is not so.
    """

    kind = "dependency"
    is_computing = True

    def __init__(self, determinants: Sequence[Hashable], dependent: Hashable) -> None:
        self.determinants = determinants
        self.dependent = dependent
        self._known = Combination((), np.empty((0, 0), dtype=np.int64))
        self._dependent_codes = np.empty(0, dtype=np.int64)  # one per combination that is known

    @property
    def related(self) -> tuple[Hashable, ...]:
        return (self.dependent, *column_names(self, self.determinants, fewest=1))

    def observe(self, table: Table) -> Combination:
        """Remember the most frequent dependent value of each combination of the determinants."""
        target, *sources = self.positions(table.schema)
        cells = table.codes[:, [*sources, target]]
        cells = cells[(cells != ABSENT).all(axis=1)]
        if not len(cells):
            raise SchemaError(
                f"No row has values of the columns of {self!r} that the other constraints leave. "
                "Relax them."
            )
        observed, n_rows = distinct_rows(cells)
        # of the rows with equal determinants, which are neighbours, keep the most frequent
        known, n_each = distinct_rows(observed[:, :-1])
        of_known = np.repeat(np.arange(len(known)), n_each)
        order = np.lexsort([-n_rows, of_known])
        observed = observed[order[np.cumsum(n_each) - n_each]]
        self._known = Combination(tuple(sources), known)
        self._dependent_codes = observed[:, -1]
        return Combination((*sources, target), observed)

    def derive(self, table: Table) -> Codes:
        which = self._known.join(table.codes[:, self._known.members])
        return np.where(which == ABSENT, ABSENT, self._dependent_codes[which.clip(0)])

    def joined_sources(self, schema: Schema) -> Combination | None:
        columns = [schema[at] for at in self._known.members]
        n_possible = np.prod([float(column.n_values + column.has_missing) for column in columns])
        return self._known if len(self._known.codes) < JOINED_SHARE * n_possible else None

    def solve(self, schema: Schema, code: int, fixed: Mapping[int, int]) -> Codes:  # noqa: ARG002
        return np.asarray(self._known.codes[self._dependent_codes == code])

    @property
    def text(self) -> str:
        return f"{self.dependent} is determined by {' and '.join(map(str, self.determinants))}"

    @property
    def reason(self) -> str:
        names = " and ".join(map(str, self.determinants))
        return f"no real row has these values of {names}, which determine {self.dependent}"
