"""The one distance between rows of mixed types, and rows encoded for it.

It is Gower's distance [1]_ with numbers replaced by their ranks [2]_: the mean over the columns of
a difference between 0 and 1.

- Two categories, booleans or texts: 0 if equal, else 1.
- Two numbers, dates, durations or ordered categories: the share of the real rows whose value lies
  between them, counting half of those that have one of the two values. So neither units nor a long
  tail matter: dividing by the range instead, one extreme value would make all others alike. Beyond
  the smallest and the largest real value, the difference grows in units of the range, up to 1.
- A missing cell: 0 from another missing one, 1 from any value.

The metrics, the report and `LLMOverSampler.provenance_` all use it.

References
----------
.. [1] J. C. Gower, "A general coefficient of similarity and some of its properties", Biometrics
   27 (1971).
.. [2] J. Podani, "Extending Gower's general coefficient of similarity to ordinal characters",
   Taxon 48 (1999).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.columns._base import MISSING, Column
from counterpoise.columns._schema import Schema
from counterpoise.columns._table import Table
from counterpoise.errors import SchemaError

FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]
IntArray: TypeAlias = npt.NDArray[np.int64]
Distances: TypeAlias = npt.NDArray[np.float32]

_Values: TypeAlias = tuple[Column, npt.NDArray[Any]]
"""A column, and its cells in all rows."""

_PAIRS_PER_CHUNK = 250_000
"""Pairs of rows compared at a time: 1 MB in float32, which stays in a processor's cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows that can be compared with others that were encoded together with them."""

    columns: tuple[Column, ...]  # ordered columns first, then the others
    numbers: FloatArray  # (n_rows, n_ordered): values; NaN where missing
    positions: Distances  # (n_rows, n_ordered): mid-ranks among the real rows, in [0, 1]
    codes: IntArray  # (n_rows, n_other): positions in `values`; -1 where missing
    values: tuple[Any, ...]  # distinct values of each of the other columns, an array each

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, chosen: npt.NDArray[Any] | slice) -> Rows:
        """Select rows by position, in the order given and as often as given."""
        numbers, positions, codes = self.numbers[chosen], self.positions[chosen], self.codes[chosen]
        return Rows(self.columns, numbers, positions, codes, self.values)

    def keys(self) -> list[bytes]:
        """One key per row, equal for rows whose cells are all equal, numbers to their decimals."""
        missing = np.isnan(self.numbers)
        numbers = np.where(missing, 0.0, self.numbers)
        for at, column in enumerate(self.columns[: numbers.shape[1]]):
            numbers[:, at] = column.round_floats(numbers[:, at])
        numbers += 0.0  # makes a -0 a 0
        cells = np.hstack([numbers.view(np.int64), missing.astype(np.int64), self.codes])
        return [row.tobytes() for row in np.ascontiguousarray(cells)]


def encode(
    schema: Schema, reference: Sequence[pd.DataFrame], others: Sequence[pd.DataFrame] = ()
) -> list[Rows]:
    """Encode frames so that their rows can be compared: one `Rows` per frame.

    `reference` are real rows, at least one in all: ranks are those among them. Dtypes may differ
    from the schema, and values may lie outside its domains, as those of other generators do. A
    `SchemaError` if a column is absent or a value has no place in the order of its column.
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
    numbers: list[_Values] = []
    cells: list[_Values] = []
    for column in schema:
        parts = [frame[column.name] for frame in frames]
        if column.is_ordered:
            values = [_floats(column, part) for part in parts]
            numbers.append((column, np.concatenate(values)))
        else:
            cells.append((column, np.concatenate([_objects(part) for part in parts])))
    return _encoded(numbers, cells, [len(frame) for frame in frames], sum(map(len, reference)))


def encode_tables(real: Table, *others: Table, skip: int = 0) -> list[Rows]:
    """Encode tables of one schema as `encode` does, except the first `skip` columns."""
    tables = [real, *others]
    numbers: list[_Values] = []
    cells: list[_Values] = []
    for at, column in enumerate(real.schema):
        if at < skip:
            continue
        read = _strings if column.is_text else _code_floats
        values = np.concatenate([read(table, at) for table in tables])
        (numbers if column.is_ordered else cells).append((column, values))
    return _encoded(numbers, cells, [len(table) for table in tables], len(real))


def distances(rows: Rows, others: Rows) -> Distances:
    """Distance of each of `rows` to each of `others`, shape (n_rows, n_others)."""
    result = np.empty((len(rows), len(others)), dtype=np.float32)
    for chunk, matrix in _by_chunk(rows, others):
        result[chunk] = matrix
    return result


def nearest(rows: Rows, others: Rows) -> tuple[Distances, IntArray]:
    """Distance of each of `rows` to the nearest of `others`, and its position there.

    Of several at the same distance, it is the first. Memory is bounded: no matrix of all pairs.
    """
    distance = np.empty(len(rows), dtype=np.float32)
    position = np.empty(len(rows), dtype=np.int64)
    for chunk, matrix in _by_chunk(rows, others):
        position[chunk] = matrix.argmin(axis=1)
        distance[chunk] = matrix.min(axis=1)
    return distance, position


def _encoded(
    numbers: Sequence[_Values],
    cells: Sequence[_Values],
    sizes: Sequence[int],
    n_real: int,
) -> list[Rows]:
    """Split columns of all rows, the `n_real` real ones first, into one `Rows` per size."""
    if n_real == 0:
        raise SchemaError("There is no real row to compare with.")
    n_rows = sum(sizes)
    positions = [_mid_ranks(values[:n_real], values) for _, values in numbers]
    factorized = [pd.factorize(values) for _, values in cells]
    whole = Rows(
        tuple(column for column, _ in [*numbers, *cells]),
        _as_columns([values for _, values in numbers], n_rows, np.float64),
        _as_columns(positions, n_rows, np.float32),
        _as_columns([codes for codes, _ in factorized], n_rows, np.int64),
        tuple(values for _, values in factorized),
    )
    ends = np.cumsum(sizes).tolist()
    return [whole.take(slice(end - size, end)) for end, size in zip(ends, sizes, strict=True)]


def _as_columns(arrays: Sequence[npt.NDArray[Any]], n_rows: int, dtype: Any) -> npt.NDArray[Any]:
    return np.array(arrays, dtype=dtype).reshape(len(arrays), n_rows).T  # also if there are none


def _floats(column: Column, series: pd.Series[Any]) -> FloatArray:
    values = column.to_floats(series)
    without_place = np.isnan(values) & series.notna().to_numpy(dtype=bool)
    if without_place.any():
        value = series.iloc[int(without_place.argmax())]
        raise SchemaError(
            f"Column {column.name!r} is {column.kind} and holds {value!r}, which has no place in "
            "its order. Correct the value, or infer the schema from a table that has it.",
            column=column.name,
            value=value,
        )
    return values


def _objects(series: pd.Series[Any]) -> npt.NDArray[Any]:
    cells = series.astype(object).to_numpy(dtype=object, copy=True)
    cells[series.isna().to_numpy(dtype=bool)] = None
    return cells


def _code_floats(table: Table, at: int) -> FloatArray:
    codes = table.codes[:, at]
    return np.where(codes == MISSING, np.nan, codes.astype(np.float64))


def _strings(table: Table, at: int) -> npt.NDArray[Any]:
    codes = table.codes[:, at]
    strings = np.array([*table.texts[at], None], dtype=object)
    result: npt.NDArray[Any] = strings[np.where(codes == MISSING, -1, codes)]
    return result


def _mid_ranks(real: FloatArray, numbers: FloatArray) -> FloatArray:
    """Mid-rank of each number among the real ones, linear between them and beyond them."""
    values, counts = np.unique(real[~np.isnan(real)], return_counts=True)
    if not len(values):
        return np.where(np.isnan(numbers), np.nan, 0.0)
    ranks = (np.cumsum(counts) - counts / 2) / counts.sum()
    span = values[-1] - values[0]
    positions = np.interp(numbers, values, ranks)  # a NaN stays one
    below = np.minimum(numbers - values[0], 0.0)
    above = np.maximum(numbers - values[-1], 0.0)
    beyond = below + above
    ranked: FloatArray = positions + (beyond / span if span > 0 else np.sign(beyond))
    return ranked


def _by_chunk(rows: Rows, others: Rows) -> Iterator[tuple[slice, Distances]]:
    step = max(1, _PAIRS_PER_CHUNK // max(1, len(others)))
    for start in range(0, len(rows), step):
        chunk = slice(start, start + step)
        yield chunk, _all_pairs(rows.take(chunk), others)


def _all_pairs(rows: Rows, others: Rows) -> Distances:
    total = np.zeros((len(rows), len(others)), dtype=np.float32)
    difference = np.empty_like(total)
    for at in range(rows.positions.shape[1]):
        one, other = rows.positions[:, at, None], others.positions[None, :, at]
        np.subtract(one, other, out=difference)
        np.abs(difference, out=difference)
        np.minimum(difference, 1.0, out=difference)
        one_missing, other_missing = np.isnan(one), np.isnan(other)
        if one_missing.any() or other_missing.any():
            np.copyto(difference, one_missing != other_missing, where=one_missing | other_missing)
        total += difference
    for at in range(rows.codes.shape[1]):
        total += rows.codes[:, at, None] != others.codes[None, :, at]
    total /= max(1, len(rows.columns))
    return total
