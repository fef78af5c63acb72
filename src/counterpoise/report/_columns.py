"""Real rows of a class beside synthetic ones: each column, and all rows on a map."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.columns._base import Column
from counterpoise.columns._schema import Schema
from counterpoise.report._summary import ColumnComparison, ColumnFacts, Layer, RowMap, Share

FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]

_MAX_BARS = 12
_MAX_RANGES = 16
_MAX_POINTS = 400
_MAX_CATEGORIES = 50
_MISSING = "(missing)"


def column_facts(real: pd.DataFrame, schema: Schema) -> tuple[ColumnFacts, ...]:
    """Say how each column of the table was understood."""
    return tuple(
        ColumnFacts(
            name=str(column.name),
            kind=column.kind,
            domain=column.domain(),
            missing_share=float(real[column.name].isna().mean()),
        )
        for column in schema
    )


def compare_columns(
    real: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema
) -> tuple[ColumnComparison, ...]:
    """Compare each column of a class, at least one row each; the largest excess gap first."""
    comparisons = [_compare(column, real[column.name], synthetic[column.name]) for column in schema]
    return tuple(sorted(comparisons, key=lambda found: found.expected_gap - found.gap))


def _compare(column: Column, real: pd.Series[Any], synthetic: pd.Series[Any]) -> ColumnComparison:
    if column.is_text:
        labels, one, other = _lengths(real, synthetic)
    elif column.is_numeric:
        labels, one, other = _ranges(column.label, *map(column.to_floats, (real, synthetic)))
    else:
        labels, one, other = _values(real, synthetic)
    n_missing = real.isna().sum(), synthetic.isna().sum()
    if any(n_missing):
        labels, one, other = [*labels, _MISSING], [*one, n_missing[0]], [*other, n_missing[1]]
    p, q = np.asarray(one) / len(real), np.asarray(other) / len(synthetic)
    noise = p * (1 - p) * (1 / len(real) + 1 / len(synthetic))
    return ColumnComparison(
        name=str(column.name),
        is_ordered=column.is_text or column.is_numeric,
        shares=tuple(
            Share(label, float(of_real), float(of_synthetic))
            for label, of_real, of_synthetic in zip(labels, p, q, strict=True)
        ),
        gap=float(np.abs(p - q).sum() / 2),
        # the mean of |N(0, s)| is s * sqrt(2 / pi)
        expected_gap=float(np.sqrt(noise * 2 / np.pi).sum() / 2),
    )


_Counts: TypeAlias = tuple[list[str], list[Any], list[Any]]


def _values(real: pd.Series[Any], synthetic: pd.Series[Any]) -> _Counts:
    """Count categories; the rare ones together."""
    counts = pd.concat([real.value_counts(), synthetic.value_counts()], axis=1).fillna(0)
    counts = counts.loc[counts.sum(axis=1).sort_values(ascending=False, kind="stable").index]
    counts = counts[counts.sum(axis=1) > 0]
    shown, rest = counts.iloc[:_MAX_BARS], counts.iloc[_MAX_BARS:]
    labels = [str(value) for value in shown.index]
    one, other = shown.iloc[:, 0].tolist(), shown.iloc[:, 1].tolist()
    if len(rest):
        labels.append(f"({len(rest)} others)")
        one.append(rest.iloc[:, 0].sum())
        other.append(rest.iloc[:, 1].sum())
    return labels, one, other


def _lengths(real: pd.Series[Any], synthetic: pd.Series[Any]) -> _Counts:
    """Count texts by their length in characters."""
    lengths = [
        series.dropna().astype(str).str.len().to_numpy().astype(np.float64)
        for series in (real, synthetic)
    ]
    labels, in_real, in_synthetic = _ranges("{:.4g}".format, *lengths)
    return [f"{label} characters" for label in labels], in_real, in_synthetic


def _ranges(label: Callable[[float], str], real: FloatArray, synthetic: FloatArray) -> _Counts:
    """Count numbers by value, or by range where there are many values."""
    real, synthetic = real[~np.isnan(real)], synthetic[~np.isnan(synthetic)]
    both = np.concatenate([real, synthetic])
    values = np.unique(both)
    if len(values) <= _MAX_RANGES:
        labels = [label(value) for value in values]
        one, other = (
            (series == values[:, None]).sum(axis=1).tolist() for series in (real, synthetic)
        )
        return labels, one, other
    # a long tail is one range at the end, or everything else would share the first
    low, high = np.quantile(both, [0.01, 0.99])
    edges = np.unique(np.linspace(low, high, _MAX_RANGES + 1))
    if len(edges) < 2:
        edges = np.linspace(values[0], values[-1], _MAX_RANGES + 1)
    edges[0], edges[-1] = values[0], values[-1]
    labels = [f"{label(start)} to {label(end)}" for start, end in itertools.pairwise(edges)]
    one, other = (np.histogram(series, edges)[0].tolist() for series in (real, synthetic))
    return labels, one, other


def draw_map(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    others: pd.DataFrame,
    schema: Schema,
    rng: np.random.Generator,
) -> RowMap | None:
    """Place real rows of a class, synthetic ones and real ones of other classes on a plane.

    Its axes are the principal components of the real rows, with categories as indicators over the
    square root of their share, so that a rare category weighs as much as a common one: factor
    analysis of mixed data (J. Pages, Revue de statistique appliquee 52, 2004), on ranks of numbers.
    At most 400 rows of each group are shown. None where the real rows do not differ in two
    directions.
    """
    from sklearn.decomposition import PCA

    chosen = [_some_rows(frame, rng) for frame in (real, synthetic, others)]
    ends = np.cumsum([len(frame) for frame in chosen])
    whole = pd.concat(chosen, ignore_index=True)
    is_real = np.ones(len(whole), dtype=bool)
    is_real[ends[0] : ends[1]] = False
    blocks = [_coordinates(column, whole[column.name], is_real) for column in schema]
    matrix = np.hstack([block for block in blocks if block.shape[1]] or [np.empty((len(whole), 0))])
    if matrix.shape[1] < 2 or is_real.sum() < 3:
        return None
    projection = PCA(2, svd_solver="full").fit(matrix[is_real])
    points = projection.transform(matrix)
    names = ("real, of the class", "synthetic", "real, other classes")
    sizes = (len(real), len(synthetic), len(others))
    parts = np.split(points, ends[:-1])
    return RowMap(
        layers=tuple(
            Layer(name, size, tuple((round(x, 3), round(y, 3)) for x, y in part.tolist()))
            for name, size, part in zip(names, sizes, parts, strict=True)
        ),
        explained=tuple(projection.explained_variance_ratio_.tolist()),
    )


def _some_rows(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    if len(frame) <= _MAX_POINTS:
        return frame
    return frame.iloc[np.sort(rng.choice(len(frame), _MAX_POINTS, replace=False))]


def _coordinates(
    column: Column, series: pd.Series[Any], is_real: npt.NDArray[np.bool_]
) -> FloatArray:
    """Return what a column adds to the coordinates, centred on the real rows."""
    if column.is_text:
        return np.empty((len(series), 0))
    if not column.is_numeric:
        return _indicators(series, is_real)
    numbers = column.to_floats(series)
    missing = np.isnan(numbers)
    known = np.sort(numbers[is_real & ~missing])
    if not len(known):
        return np.empty((len(series), 0))
    ranks = np.searchsorted(known, numbers, "left") + np.searchsorted(known, numbers, "right")
    positions = ranks / (2 * len(known))
    positions[missing] = positions[is_real & ~missing].mean()
    spread = positions[is_real].std()
    if spread == 0:
        return np.empty((len(series), 0))
    standardised: FloatArray = (positions - positions[is_real].mean()) / spread
    return standardised[:, None]


def _indicators(series: pd.Series[Any], is_real: npt.NDArray[np.bool_]) -> FloatArray:
    codes = pd.factorize(series.astype(object))[0]
    codes[codes < 0] = codes.max() + 1
    n_rows = np.bincount(codes[is_real], minlength=codes.max() + 1)
    kept = np.argsort(-n_rows, kind="stable")[:_MAX_CATEGORIES]
    kept = kept[n_rows[kept] > 0]
    if len(kept) < 2:
        return np.empty((len(series), 0))
    shares = n_rows[kept] / is_real.sum()
    indicators: FloatArray = ((codes[:, None] == kept) - shares) / np.sqrt(shares)
    return indicators
