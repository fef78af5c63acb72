"""Rows of mixed types as numbers: how far apart two of them are, and which are the same.

The distance is Gower's [1]_ with the numbers replaced by their ranks: the mean over the columns of
a difference that is 0 for equal cells and, within the real rows, at most 1.

- Two categories, truth values or texts: 0 if equal, else 1.
- Two numbers, instants, durations or ordered categories: the share of the real rows whose value
  lies between them (with half of those that have one of the two values). So neither units nor a
  long tail matter. Beyond the smallest and the largest real value it goes on in units of their
  range, so that an impossible value is far from everything.
- A missing cell: 0 to another missing one, 1 to any value.

References
----------
.. [1] J. C. Gower, "A general coefficient of similarity and some of its properties", Biometrics
   27 (1971). Ranks for ordered values: J. Podani, Taxon 48 (1999).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.columns._base import Column
from counterpoise.columns._schema import Schema
from counterpoise.errors import SchemaError

FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]
IntArray: TypeAlias = npt.NDArray[np.int64]

_CELLS_A_CHUNK = 4_000_000
"""Distances worked out together: 16 MB in float32, and as much again for each step on the way."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows in a form that can be compared.

    Attributes
    ----------
    schema : Schema
        The columns.
    numbers : ndarray of shape (n_rows, n_numeric), float64
        Values of the numeric columns (see :func:`is_numeric`); NaN where missing.
    positions : ndarray of shape (n_rows, n_numeric), float64
        The same as mid-ranks among the real rows, in [0, 1] within their range; NaN where missing.
    codes : ndarray of shape (n_rows, n_other), int64
        Values of the other columns, numbered alike in all frames encoded together; -1 if missing.
    """

    schema: Schema
    numbers: FloatArray
    positions: FloatArray
    codes: IntArray

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, indices: npt.ArrayLike) -> Rows:
        """Select rows, by position, in the order given and as often as given."""
        chosen = np.asarray(indices, dtype=np.int64)
        return Rows(self.schema, self.numbers[chosen], self.positions[chosen], self.codes[chosen])

    def keys(self) -> list[bytes]:
        """One value a row; equal for rows that are equal in every cell, on the columns' grids."""
        gaps = np.isnan(self.numbers)
        numbers = np.where(gaps, 0.0, self.numbers)
        for at, column in enumerate(column_order(self.schema)[: numbers.shape[1]]):
            numbers[:, at] = column.round_floats(numbers[:, at])
        numbers += 0.0  # makes a -0 a 0
        cells = np.hstack([numbers.view(np.int64), gaps.astype(np.int64), self.codes])
        return [row.tobytes() for row in np.ascontiguousarray(cells)]


def is_numeric(column: Column) -> bool:
    """Whether a column is compared by order: numbers, instants, durations, ordered categories."""
    return column.is_ordered


def column_order(schema: Schema) -> list[Column]:
    """Return the columns as `Rows` has them: the numeric ones, then the others."""
    return sorted(schema, key=lambda column: not is_numeric(column))


def encode(
    schema: Schema, reference: Sequence[pd.DataFrame], others: Sequence[pd.DataFrame] = ()
) -> list[Rows]:
    """Bring frames into a form in which their rows can be compared.

    Parameters
    ----------
    schema : Schema
        What the columns are. Dtypes may differ from it, and values may lie outside of it: other
        generators keep to neither.
    reference : sequence of DataFrame of shape (n_rows, n_columns)
        Real rows, at least one; the ranks of numbers are those among them.
    others : sequence of DataFrame of shape (n_rows, n_columns)
        Further rows.

    Returns
    -------
    list of Rows
        One a frame: the reference frames, then the others.

    Raises
    ------
    SchemaError
        If a frame lacks a column, holds what is no number in a numeric one, or an unknown category
        in an ordered one; or if the reference has no row.
    """
    frames = [*reference, *others]
    names = [column.name for column in schema]
    for frame in frames:
        absent = [name for name in names if name not in frame.columns]
        if absent:
            raise SchemaError(
                f"The table lacks the columns {absent!r}; the schema has {names!r}.",
                column=absent[0],
            )
    sizes = [len(frame) for frame in frames]
    n_real = sum(sizes[: len(reference)])
    if n_real == 0:
        raise SchemaError("There is no real row to compare with.")
    ordered = [column for column in schema if is_numeric(column)]
    numbers = np.empty((sum(sizes), len(ordered)))
    positions = np.empty_like(numbers)
    for at, column in enumerate(ordered):
        numbers[:, at] = np.concatenate([_numbers(column, frame[column.name]) for frame in frames])
        positions[:, at] = _mid_ranks(numbers[:n_real, at], numbers[:, at])
    others_ = [column for column in schema if not is_numeric(column)]
    codes = np.empty((len(numbers), len(others_)), dtype=np.int64)
    for at, column in enumerate(others_):
        codes[:, at] = _shared_codes([frame[column.name] for frame in frames])
    whole = Rows(schema, numbers, positions, codes)
    ends = np.cumsum(sizes)
    return [whole.take(np.arange(end - size, end)) for end, size in zip(ends, sizes, strict=True)]


def distances(rows: Rows, others: Rows) -> npt.NDArray[np.float32]:
    """Distance of each of `rows` to each of `others`, shape (n_rows, n_others), float32."""
    result = np.empty((len(rows), len(others)), dtype=np.float32)
    step = max(1, _CELLS_A_CHUNK // max(1, len(others)))
    for start in range(0, len(rows), step):
        chunk = rows.take(np.arange(start, min(start + step, len(rows))))
        result[start : start + step] = _distances(chunk, others)
    return result


def nearest(
    rows: Rows, others: Rows, k: int = 1, *, exclude_self: bool = False
) -> npt.NDArray[np.float32]:
    """Distances of each of `rows` to its `k` nearest of `others`, ascending, in bounded memory.

    Parameters
    ----------
    rows, others : Rows
        Encoded together.
    k : int
        How many; at most ``len(others)``, one less with `exclude_self`.
    exclude_self : bool
        `others` are `rows` themselves: a row is not its own neighbour.

    Returns
    -------
    ndarray of shape (n_rows, k), float32
    """
    result = np.empty((len(rows), k), dtype=np.float32)
    step = max(1, _CELLS_A_CHUNK // max(1, len(others)))
    for start in range(0, len(rows), step):
        at = np.arange(start, min(start + step, len(rows)))
        matrix = _distances(rows.take(at), others)
        if exclude_self:
            matrix[np.arange(len(at)), at] = np.inf
        result[at] = np.sort(np.partition(matrix, k - 1, axis=1)[:, :k], axis=1)
    return result


def closest(rows: Rows, others: Rows) -> tuple[npt.NDArray[np.float32], IntArray]:
    """Distance of each of `rows` to the closest of `others`, and which one that is."""
    gaps = np.empty(len(rows), dtype=np.float32)
    which = np.empty(len(rows), dtype=np.int64)
    step = max(1, _CELLS_A_CHUNK // max(1, len(others)))
    for start in range(0, len(rows), step):
        chunk = slice(start, start + step)
        matrix = _distances(rows.take(np.arange(len(rows))[chunk]), others)
        which[chunk] = matrix.argmin(axis=1)
        gaps[chunk] = matrix.min(axis=1)
    return gaps, which


def _distances(rows: Rows, others: Rows) -> npt.NDArray[np.float32]:
    total = np.zeros((len(rows), len(others)), dtype=np.float32)
    for at in range(rows.positions.shape[1]):
        one = rows.positions[:, at].astype(np.float32)
        other = others.positions[:, at].astype(np.float32)
        gap = np.abs(one[:, None] - other[None, :])
        one_missing, other_missing = np.isnan(one), np.isnan(other)
        if one_missing.any() or other_missing.any():
            differs = one_missing[:, None] != other_missing[None, :]
            gap = np.where(np.isnan(gap), differs.astype(np.float32), gap)
        total += gap
    for at in range(rows.codes.shape[1]):
        total += rows.codes[:, at][:, None] != others.codes[:, at][None, :]
    total /= len(rows.schema)
    return total


def _numbers(column: Column, series: pd.Series[Any]) -> FloatArray:
    """Values of a numeric column as floats, NaN where missing."""
    missing = series.isna().to_numpy(dtype=bool)
    numbers: FloatArray = column.to_floats(series)
    unreadable = np.isnan(numbers) & ~missing
    if unreadable.any():
        value = series.iloc[int(unreadable.argmax())]
        raise SchemaError(
            f"Column {column.name!r} is {column.kind} and holds {value!r}, which cannot be placed "
            "in its order. Mend the value, or infer the schema from a table that has it.",
            column=column.name,
            value=value,
        )
    return numbers


def _mid_ranks(real: FloatArray, numbers: FloatArray) -> FloatArray:
    """Where each number stands among the real ones: mid-ranks, straight lines between them."""
    values, counts = np.unique(real[~np.isnan(real)], return_counts=True)
    if not len(values):
        return np.where(np.isnan(numbers), np.nan, 0.0)
    ranks = (np.cumsum(counts) - counts / 2) / counts.sum()
    span = values[-1] - values[0]
    positions = np.interp(numbers, values, ranks)  # a NaN stays one
    below = np.minimum(numbers - values[0], 0.0)
    above = np.maximum(numbers - values[-1], 0.0)
    beyond = below + above
    placed: FloatArray = positions + (beyond / span if span > 0 else np.sign(beyond))
    return placed


def _shared_codes(parts: list[pd.Series[Any]]) -> IntArray:
    """Give the distinct values of one column in several frames numbers; -1 for missing."""
    cells = np.concatenate([part.astype(object).to_numpy(dtype=object) for part in parts])
    missing = np.concatenate([part.isna().to_numpy(dtype=bool) for part in parts])
    numbered: dict[Any, int] = {}
    codes = [
        -1 if gap else numbered.setdefault(value, len(numbered))
        for value, gap in zip(cells.tolist(), missing.tolist(), strict=True)
    ]
    return np.array(codes, dtype=np.int64)
