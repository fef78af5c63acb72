"""Rows of mixed types, encoded to be compared: the one distance, and associations of columns.

The distance is Gower's (Biometrics 27, 1971) with numbers replaced by their ranks (Podani, Taxon
48, 1999): the mean over the columns of a difference between 0 and 1.

- Two categories, booleans or texts: 0 if equal, else 1.
- Two numbers, dates, durations or ordered categories: the share of the real rows whose value lies
  between them, counting half of those that have one of the two values. So neither units nor a long
  tail matter. Beyond the real values, the difference grows in units of their range, up to 1.
- A missing cell: 0 from another missing one, 1 from any value.

The metrics, the report and `LLMOverSampler.provenance_` all use it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise._progress import Advance
from counterpoise.columns import Column, Schema
from counterpoise.errors import SchemaError

FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]
IntArray: TypeAlias = npt.NDArray[np.int64]
Distances: TypeAlias = npt.NDArray[np.float32]

_PAIRS_PER_CHUNK = 250_000  # of rows, compared at a time: 1 MB in float32, for the cache


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
        return replace(self, numbers=numbers, positions=positions, codes=codes)

    def shuffled(self, n_rows: int, rng: np.random.Generator) -> Rows:
        """Return rows with each column shuffled on its own, again where there are too few."""
        n_columns, n_ordered = len(self.columns), self.numbers.shape[1]
        passes = np.tile(np.arange(len(self)), (n_columns * -(-n_rows // len(self)), 1))
        chosen = rng.permuted(passes, axis=1).reshape(n_columns, -1).T[:n_rows]
        ordered, others = np.split(chosen, [n_ordered], axis=1)
        return replace(
            self,
            numbers=np.take_along_axis(self.numbers, ordered, axis=0),
            positions=np.take_along_axis(self.positions, ordered, axis=0),
            codes=np.take_along_axis(self.codes, others, axis=0),
        )

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
    from the schema, and values may lie outside its domains. A `SchemaError` if a column is absent
    or a value has no place in the order of its column.
    """
    frames, n_real = [*reference, *others], sum(map(len, reference))
    names = [column.name for column in schema]
    for frame in frames:
        if absent := [name for name in names if name not in frame.columns]:
            message = f"The table lacks the columns {absent!r}; the schema has {names!r}."
            raise SchemaError(message, column=absent[0])
    if n_real == 0:
        raise SchemaError("There is no real row to compare with.")
    ordered = [column for column in schema if column.is_ordered]
    unordered = [column for column in schema if not column.is_ordered]
    numbers = [np.concatenate([_numbers(c, frame[c.name]) for frame in frames]) for c in ordered]
    positions = [_mid_ranks(column[:n_real], column) for column in numbers]
    cells = [np.concatenate([_objects(frame[c.name]) for frame in frames]) for c in unordered]
    factorized = list(map(pd.factorize, cells))
    sizes = [len(frame) for frame in frames]
    rows = Rows(
        (*ordered, *unordered),
        _as_columns(numbers, sum(sizes), np.float64),
        _as_columns(positions, sum(sizes), np.float32),
        _as_columns([codes for codes, _ in factorized], sum(sizes), np.int64),
        tuple(values for _, values in factorized),
    )
    ends = np.cumsum(sizes).tolist()
    return [rows.take(slice(end - size, end)) for end, size in zip(ends, sizes, strict=True)]


def distances(rows: Rows, others: Rows) -> Distances:
    """Distance of each of `rows` to each of `others`, shape (n_rows, n_others)."""
    result = np.empty((len(rows), len(others)), dtype=np.float32)
    for chunk, matrix in _by_chunk(rows, others):
        result[chunk] = matrix
    return result


def nearest(rows: Rows, others: Rows, advance: Advance | None = None) -> tuple[Distances, IntArray]:
    """Return each row's distance to the nearest of `others`, and its position (first of a tie)."""
    distance = np.empty(len(rows), dtype=np.float32)
    position = np.empty(len(rows), dtype=np.int64)
    for chunk, matrix in _by_chunk(rows, others):
        position[chunk] = matrix.argmin(axis=1)
        distance[chunk] = matrix.min(axis=1)
        if advance is not None:
            advance(len(matrix))
    return distance, position


def _as_columns(arrays: Sequence[npt.NDArray[Any]], n_rows: int, dtype: Any) -> npt.NDArray[Any]:
    return np.array(arrays, dtype=dtype).reshape(len(arrays), n_rows).T  # also if there are none


def _numbers(column: Column, series: pd.Series[Any]) -> FloatArray:
    numbers = column.to_floats(series)
    without_place = np.isnan(numbers) & series.notna().to_numpy(dtype=bool)
    if without_place.any():
        value = series.iloc[int(without_place.argmax())]
        message = f"is {column.kind} and holds {value!r}, which has no place in its order"
        raise SchemaError(f"Column {column.name!r} {message}.", column=column.name, value=value)
    return numbers


def _objects(series: pd.Series[Any]) -> npt.NDArray[Any]:
    cells = series.astype(object).to_numpy(dtype=object, copy=True)
    cells[series.isna().to_numpy(dtype=bool)] = None
    return cells


def _mid_ranks(real: FloatArray, numbers: FloatArray) -> FloatArray:
    """Mid-rank of each number among the real ones, linear between them and beyond them."""
    values, counts = np.unique(real[~np.isnan(real)], return_counts=True)
    if not len(values):
        return np.where(np.isnan(numbers), np.nan, 0.0)
    ranks = (np.cumsum(counts) - counts / 2) / counts.sum()
    span = values[-1] - values[0]
    positions = np.interp(numbers, values, ranks)  # a NaN stays one
    beyond = numbers - np.clip(numbers, values[0], values[-1])
    return np.asarray(positions + (beyond / span if span > 0 else np.sign(beyond)))


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


def associations(rows: Rows, columns: IntArray) -> FloatArray:
    """Association of each pair of the columns at these ascending positions of ``rows.columns``.

    Two numbers: Spearman's rank correlation, in [-1, 1], of the rows that have both. Two
    categories: Cramer's V, in [0, 1]; a missing cell is a category. A number and a category: the
    correlation ratio of the number's ranks, in [0, 1]. With a constant column, it is 0. The last
    two are corrected for the values that independent columns of so many categories and rows reach.
    """
    n_ordered = rows.numbers.shape[1]
    numbers = pd.DataFrame(rows.numbers[:, columns[columns < n_ordered]])
    codes = rows.codes[:, columns[columns >= n_ordered] - n_ordered].T
    categories = [np.unique(column, return_inverse=True)[1] for column in codes]
    ranks = numbers.rank().to_numpy()
    n_numbers = ranks.shape[1]
    matrix = np.eye(len(columns))
    spearman = numbers.corr(method="spearman", min_periods=2).fillna(0.0).to_numpy()
    matrix[:n_numbers, :n_numbers] = spearman
    for at, category in enumerate(categories, start=n_numbers):
        found = [_correlation_ratio(column, category) for column in ranks.T]
        found += [_cramers_v(category, other) for other in categories[: at - n_numbers]]
        matrix[at, :at] = matrix[:at, at] = found
    np.fill_diagonal(matrix, 1.0)
    return matrix


def _correlation_ratio(ranks: FloatArray, categories: IntArray) -> float:
    """Corrected for chance: Kelley, Proceedings of the National Academy of Sciences 21 (1935)."""
    known = ~np.isnan(ranks)
    if known.sum() < 2:
        return 0.0
    centred = ranks[known] - ranks[known].mean()
    groups = np.unique(categories[known], return_inverse=True)[1]
    counts, sums = np.bincount(groups), np.bincount(groups, weights=centred)
    total = centred @ centred
    within = total - (sums**2 / counts).sum()
    n_rows, n_groups = len(centred), len(counts)
    if total == 0 or n_groups == n_rows:
        return 0.0
    unexplained = within / total * (n_rows - 1) / (n_rows - n_groups)
    return float(np.sqrt(np.clip(1 - unexplained, 0.0, 1.0)))


def _cramers_v(one: IntArray, other: IntArray) -> float:
    """Corrected for chance, unlike scipy's: Bergsma, Journal of the Korean Stat. Society 42."""
    n_rows, n_one, n_other = len(one), int(one.max()) + 1, int(other.max()) + 1
    sizes = np.array([n_one, n_other]) - 1.0  # degrees of freedom
    if sizes.min() == 0:
        return 0.0
    pairs, counts = np.unique(one * n_other + other, return_counts=True)
    expected = np.bincount(one)[pairs // n_other] * np.bincount(other)[pairs % n_other]
    mean_square = (counts**2 / expected).sum() - 1  # chi-squared per row
    excess = mean_square - sizes.prod() / (n_rows - 1)
    greatest = (sizes - sizes**2 / (n_rows - 1)).min()
    if greatest <= 0:  # every value occurs once
        return 0.0
    return float(np.sqrt(np.clip(excess / greatest, 0.0, 1.0)))
