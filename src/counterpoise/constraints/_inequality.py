"""Inequalities between two columns, which every generated row satisfies."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from counterpoise.columns._base import ABSENT, MISSING, Column
from counterpoise.columns._schema import Schema
from counterpoise.columns._table import Table
from counterpoise.errors import SchemaError
from counterpoise.grammar._grammar import IntArray

TOLERATED_SHARE = 0.1
"""Real rows of a class that may break an inequality; more, and it is taken for a mistake."""

_SIGNS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(frozen=True, slots=True)
class Inequality:
    """One inequality between the numbers, instants or durations of two columns.

    Attributes
    ----------
    left, right : int
        Positions of the columns, in the user's table (the label is at 0).
    sign : {"<", "<=", ">", ">="}
    scales : tuple of two int
        What the codes of the two columns are multiplied with to be in the same unit.
    text : str
        As the user would write it.
    """

    left: int
    sign: str
    right: int
    scales: tuple[int, int]
    text: str

    def holds(self, table: Table) -> npt.NDArray[np.bool_]:
        """Say of each row whether it satisfies this; one with a missing side does."""
        left, right = table.codes[:, self.left], table.codes[:, self.right]
        known = ~np.isin(left, _NO_VALUE) & ~np.isin(right, _NO_VALUE)
        held = np.ones(len(table), dtype=bool)
        held[known] = self._compare(left[known], right[known])
        return held

    def _compare(self, left: IntArray, right: IntArray) -> npt.NDArray[np.bool_]:
        # as Python's integers: codes of 64 bits overflow when they are brought to one unit
        scaled = [
            codes if scale == 1 else codes.astype(object) * scale
            for codes, scale in zip((left, right), self.scales, strict=True)
        ]
        result: npt.NDArray[np.bool_] = np.asarray(_SIGNS[self.sign](*scaled), dtype=bool)
        return result

    def is_possible(self, schema: Schema) -> bool:
        """Whether some pair of values within the columns' ranges satisfies this."""
        left, right = schema[self.left], schema[self.right]
        assert left.code_range is not None
        assert right.code_range is not None
        is_less = self.sign.startswith("<")
        best = (left.code_range[not is_less], right.code_range[is_less])
        return bool(self._compare(*(np.array([code]) for code in best))[0])


_NO_VALUE = [MISSING, ABSENT]


def read_inequalities(schema: Schema, inequalities: Iterable[Any]) -> list[Inequality]:
    """Read what the user wrote, ``("min_price", "<=", "max_price")``, for a table label first.

    Raises
    ------
    SchemaError
        If one is no such triple, names an unknown column, compares what cannot be compared, or
        cannot be satisfied within the ranges of its columns.
    """
    features = Schema(schema.columns[1:])
    found = []
    for triple in inequalities:
        if not isinstance(triple, tuple | list) or len(triple) != 3 or triple[1] not in _SIGNS:
            raise SchemaError(
                "`inequalities` must hold triples like ('min_price', '<=', 'max_price') with one "
                f"of {', '.join(_SIGNS)}; got {triple!r}."
            )
        left, right = features.position(triple[0]) + 1, features.position(triple[2]) + 1
        text = f"{triple[0]} {triple[1]} {triple[2]}"
        scales = _scales(schema[left], schema[right], text)
        inequality = Inequality(left, triple[1], right, scales, text)
        if not inequality.is_possible(schema):
            raise SchemaError(
                f"The inequality {text!r} cannot be satisfied: no values within the ranges of the "
                "two columns do. Turn it around, or widen `ranges`.",
                column=triple[0],
            )
        found.append(inequality)
    return found


def check_real_rows(inequalities: Iterable[Inequality], table: Table, class_: Any) -> None:
    """Compare the inequalities with the real rows of a class that is to be filled.

    Warns
    -----
    UserWarning
        If some of them break one.

    Raises
    ------
    SchemaError
        If more than `TOLERATED_SHARE` of them do.
    """
    for inequality in inequalities:
        n_broken = int((~inequality.holds(table)).sum())
        message = (
            f"{n_broken} of the {len(table)} real rows of class {class_!r} break the inequality "
            f"{inequality.text!r}"
        )
        if n_broken > TOLERATED_SHARE * len(table):
            raise SchemaError(f"{message}. Turn it around, leave it out, or mend the rows.")
        if n_broken:
            warnings.warn(
                f"{message}; they stay as they are, and no synthetic row will",
                UserWarning,
                stacklevel=2,
            )


def _scales(left: Column, right: Column, text: str) -> tuple[int, int]:
    """Return what brings the codes of both columns to one unit."""
    if (scales := left.common_scales(right)) is not None:
        return scales
    raise SchemaError(
        f"The inequality {text!r} compares {left.kind} with {right.kind}: it takes two columns of "
        "numbers, two of instants (both with a zone, or both without) or two of durations."
    )
