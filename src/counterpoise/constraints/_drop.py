"""Relations that are found in a table and are not to be kept."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from counterpoise.columns import Schema
from counterpoise.constraints._base import Constraint, feature_position, register_constraint
from counterpoise.errors import SchemaError


@register_constraint
class Drop(Constraint):
    """Do not keep the relations found between columns, in ``constraints=["auto", Drop([...])]``.

    Parameters
    ----------
    columns : sequence of str or other column labels
        A relation is dropped where it holds between these columns, whatever others it names:
        ``Drop(["branch", "city"])``. Of a single column, ``Drop(["city"])``, every relation is.
    """

    def __init__(self, columns: Sequence[Hashable]) -> None:
        self.columns = columns

    def validate(self, schema: Schema) -> None:
        if isinstance(self.columns, str) or not len(self.columns):
            raise SchemaError(f"Drop takes a list of column names, got {self.columns!r}.")
        for name in self.columns:
            feature_position(schema, name)
