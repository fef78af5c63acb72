"""From real and synthetic rows to the summary that a report shows."""

from __future__ import annotations

import datetime
import itertools
import platform
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.columns import Column, Schema
from counterpoise.metrics import METRICS, Quality, measure_quality
from counterpoise.metrics._distance import FloatArray, IntArray, associations, encode
from counterpoise.metrics._metric import at_most
from counterpoise.recipes import get_recipe
from counterpoise.report._summary import (
    Association,
    ClassCount,
    ClassSection,
    ColumnComparison,
    ColumnFacts,
    Layer,
    Origin,
    RowMap,
    Run,
    Share,
    Summary,
    Verdict,
)
from counterpoise.report._wording import NOTES, UNTESTED

_PACKAGES = ("torch", "transformers", "scikit-learn", "imbalanced-learn", "numpy", "pandas")
_MAX_ASSOCIATED = 24
"""Columns of an association matrix: more cells than that cannot be told apart."""
_MAX_ASSOCIATED_ROWS = 5000
_MAX_BARS = 12
_MAX_RANGES = 16
_MAX_POINTS = 400
_MAX_CATEGORIES = 50
_MISSING = "(missing)"
_MIN_ROWS_TO_HALVE = 40
_HALVED = (
    "No real rows were held out. For diversity and fidelity, the real rows were split in two at "
    "random: one half is the reference, the other stands for held-out rows. The model has seen "
    "both. Leakage can only be measured with held-out rows: pass some as holdout, or see the "
    "report of counterpoise compare."
)
_TOO_FEW_TO_HALVE = (
    f"No real rows were held out, and {_MIN_ROWS_TO_HALVE} rows would be needed to split them in "
    "two: there is nothing to compare the figures with."
)


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """Features and labels of the same rows."""

    X: pd.DataFrame
    y: pd.Series[Any]

    def of(self, class_: Hashable) -> pd.DataFrame:
        """Return the features of one class."""
        return self.X[(self.y == class_).to_numpy()]

    def without(self, class_: Hashable) -> pd.DataFrame:
        """Return the features of the other classes."""
        return self.X[(self.y != class_).to_numpy()]


def summarize(
    real: LabelledRows,
    synthetic: LabelledRows,
    schema: Schema,
    run: Run,
    *,
    title: str,
    target: str,
    holdout: LabelledRows | None = None,
    provenance: pd.DataFrame | None = None,
    verdict: Verdict | None = None,
    notes: Sequence[str] = (),
    random_state: int = 0,
) -> Summary:
    """Compute everything that a report says.

    `real` are the rows that the generator was trained on, `holdout` real rows that it has not seen,
    `target` is the name of the balanced column, `provenance` is `LLMOverSampler.provenance_`, and
    `random_state` draws what is shown where there is too much.
    """
    counts, made = (rows.y.value_counts() for rows in (real, synthetic))
    rng = np.random.default_rng(random_state)
    return Summary(
        title=title,
        target=target,
        classes=tuple(
            ClassCount(str(class_), int(n), int(made.get(class_, 0)))
            for class_, n in counts.items()
        ),
        facts=column_facts(real.X, schema),
        sections=tuple(
            _section(class_, real, synthetic, schema, holdout, provenance, rng)
            for class_ in made.index
        ),
        run=run,
        verdict=verdict,
        notes=(*notes, *([UNTESTED] if verdict is None else []), *NOTES),
    )


def describe_run(
    sampler: Any, *, model: str, model_reason: str, seconds: Mapping[str, float]
) -> Run:
    """Describe a run, now and here; parameters that are not defaults come first."""
    parameters, defaults = sampler.get_params(deep=False), type(sampler)().get_params(deep=False)
    if (recipe := getattr(sampler, "recipe_", None)) is not None:
        named = sampler.recipe if isinstance(sampler.recipe, str) else defaults["recipe"]
        for known, of in ((parameters, recipe), (defaults, get_recipe(named))):
            known |= {f"recipe.{name}": value for name, value in of.get_params(deep=False).items()}
    changed = {name: value for name, value in parameters.items() if value != defaults.get(name)}
    versions = {"counterpoise": _version("counterpoise"), "python": platform.python_version()}
    return Run(
        model=model,
        model_reason=model_reason,
        parameters={
            name: repr(value) + ("" if name in changed else " (default)")
            for name, value in {**changed, **parameters}.items()
        },
        versions=versions | {name: _version(name) for name in _PACKAGES},
        seconds=dict(seconds),
        made_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )


def _section(
    class_: Hashable,
    real: LabelledRows,
    synthetic: LabelledRows,
    schema: Schema,
    holdout: LabelledRows | None,
    provenance: pd.DataFrame | None,
    rng: np.random.Generator,
) -> ClassSection:
    of_real, of_synthetic = real.of(class_), synthetic.of(class_)
    held = None if holdout is None else holdout.of(class_)
    return ClassSection(
        name=str(class_),
        n_real=len(of_real),
        n_synthetic=len(of_synthetic),
        columns=compare_columns(of_real, of_synthetic, schema),
        association=_association(of_real, of_synthetic, schema, rng),
        map=draw_map(of_real, of_synthetic, real.without(class_), schema, rng),
        quality=_quality(of_real, held, of_synthetic, schema, rng),
        origins=_origins(class_, provenance),
    )


def _quality(
    real: pd.DataFrame,
    holdout: pd.DataFrame | None,
    synthetic: pd.DataFrame,
    schema: Schema,
    rng: np.random.Generator,
) -> Quality | None:
    """Measure the rows of a class; without held-out rows, compare halves of the real ones."""
    if len(real) < 2 or len(synthetic) < 2:
        return None
    seed = int(rng.integers(2**31))
    if holdout is not None and len(holdout) >= 2:
        return measure_quality(real, holdout, synthetic, schema, random_state=seed)
    if len(real) < _MIN_ROWS_TO_HALVE:
        found = measure_quality(real, None, synthetic, schema, random_state=seed)
        return replace(found, notes=(*found.notes, _TOO_FEW_TO_HALVE))
    order = rng.permutation(len(real))
    one, other = (real.iloc[order[at::2]] for at in (0, 1))
    others = {metric.aspect for metric in METRICS.values()} - {"privacy"}
    found = measure_quality(one, other, synthetic, schema, aspects=others, random_state=seed)
    leakage = measure_quality(
        real, None, synthetic, schema, aspects=("privacy",), random_state=seed
    )
    return replace(
        found,
        n_train=len(real),
        n_holdout=0,
        measures=(*found.measures, *leakage.measures),
        warnings=(*found.warnings, *leakage.warnings),
        notes=(_HALVED, *found.notes),
    )


def _association(
    real: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema, rng: np.random.Generator
) -> Association | None:
    columns = schema.columns[:_MAX_ASSOCIATED]
    if len(columns) < 2 or len(real) < 2 or len(synthetic) < 2:
        return None
    shown, names = Schema(columns), [column.name for column in columns]
    matrices = []
    for frame in (real, synthetic):
        kept = at_most(frame[names], _MAX_ASSOCIATED_ROWS, rng)
        matrix = association_matrix(kept, shown).to_numpy().round(4)
        matrices.append(tuple(tuple(row) for row in matrix.tolist()))
    return Association(tuple(map(str, names)), *matrices)


def association_matrix(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Association of each pair of columns, see `associations`, in the order of the schema."""
    (rows,) = encode(schema, [frame])
    encoded = pd.Index([column.name for column in rows.columns], tupleize_cols=False)
    order = pd.Index([column.name for column in schema], tupleize_cols=False)
    matrix = associations(rows, np.arange(len(encoded)))
    return pd.DataFrame(matrix, encoded, encoded).reindex(index=order, columns=order)


def _origins(class_: Hashable, provenance: pd.DataFrame | None) -> tuple[Origin, ...]:
    if provenance is None:
        return ()
    rows = provenance[(provenance["class"] == class_).to_numpy()]
    names = rows["condition_column"].map(lambda name: "" if name is None else str(name))
    found = rows.groupby(names.to_numpy(dtype=object), sort=False)["log_likelihood"]
    origins = [Origin(str(name), len(values), float(values.mean())) for name, values in found]
    return tuple(sorted(origins, key=lambda origin: -origin.n_rows))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


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
    labels, table = [str(value) for value in counts.index[:_MAX_BARS]], counts.to_numpy()
    if len(counts) > _MAX_BARS:
        labels.append(f"({len(counts) - _MAX_BARS} others)")
        table = np.vstack([table[:_MAX_BARS], table[_MAX_BARS:].sum(axis=0)])
    return labels, table[:, 0].tolist(), table[:, 1].tolist()


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

    Its axes are the principal components of the real rows: of ranks of ordered columns, and of
    indicators of categories over the square root of their share (factor analysis of mixed data;
    J. Pages, Revue de statistique appliquee 52, 2004). None where they do not differ in two
    directions.
    """
    from sklearn.decomposition import PCA

    groups = [at_most(frame, _MAX_POINTS, rng) for frame in (real, synthetic, others)]
    encoded = encode(schema, [groups[0], groups[2]], [groups[1]])
    parts = encoded[0], encoded[2], encoded[1]
    ends = np.cumsum([len(part) for part in parts])
    is_real = np.ones(ends[-1], dtype=bool)
    is_real[ends[0] : ends[1]] = False
    positions, codes = (
        np.vstack([getattr(part, name) for part in parts]) for name in ("positions", "codes")
    )
    blocks = [_standardized(column.clip(0, 1), is_real) for column in positions.T]
    n_ordered = positions.shape[1]
    for column, cells in zip(parts[0].columns[n_ordered:], codes.T, strict=True):
        if not column.is_text:
            blocks.append(_indicators(cells + 1, is_real))
    matrix = np.hstack([np.empty((ends[-1], 0)), *blocks])
    if matrix.shape[1] < 2 or is_real.sum() < 3:
        return None
    projection = PCA(2, svd_solver="full").fit(matrix[is_real])
    points = np.split(projection.transform(matrix), ends[:-1])
    names = ("real, of the class", "synthetic", "real, other classes")
    sizes = (len(real), len(synthetic), len(others))
    return RowMap(
        layers=tuple(
            Layer(name, size, tuple((round(x, 3), round(y, 3)) for x, y in group.tolist()))
            for name, size, group in zip(names, sizes, points, strict=True)
        ),
        explained=tuple(projection.explained_variance_ratio_.tolist()),
    )


def _standardized(positions: FloatArray, is_real: npt.NDArray[np.bool_]) -> FloatArray:
    """Return ranks, centred and scaled on the real rows; no column if they are constant."""
    known = positions[is_real & ~np.isnan(positions)]
    filled = np.where(np.isnan(positions), known.mean() if len(known) else 0.0, positions)
    spread = filled[is_real].std()
    if spread == 0:
        return np.empty((len(positions), 0))
    standardized: FloatArray = (filled - filled[is_real].mean()) / spread
    return standardized[:, None]


def _indicators(codes: IntArray, is_real: npt.NDArray[np.bool_]) -> FloatArray:
    """Mark each frequent category, codes from 0 up, centred and scaled on the real rows."""
    n_rows = np.bincount(codes[is_real], minlength=int(codes.max()) + 1)
    kept = np.argsort(-n_rows, kind="stable")[:_MAX_CATEGORIES]
    kept = kept[n_rows[kept] > 0]
    if len(kept) < 2:
        return np.empty((len(codes), 0))
    shares = n_rows[kept] / is_real.sum()
    indicators: FloatArray = ((codes[:, None] == kept) - shares) / np.sqrt(shares)
    return indicators
