"""`report`, and `summarize`: from real and synthetic rows to the summary that a report shows."""

from __future__ import annotations

import datetime
import math
import platform
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from counterpoise.columns import Column, Schema, Table
from counterpoise.columns._frames import as_frame, as_labels
from counterpoise.columns._unlearned import UnlearnedColumn, unlearned_columns, without
from counterpoise.constraints import Relation, discover, relation_shares
from counterpoise.errors import SchemaError
from counterpoise.metrics import METRICS, Quality, measure_quality
from counterpoise.metrics._distance import FloatArray, IntArray, associations, encode
from counterpoise.metrics._metric import at_most
from counterpoise.recipes import get_recipe
from counterpoise.report import _summary as parts
from counterpoise.report._render import Report
from counterpoise.report._summary import Run, Summary, Verdict

_PACKAGES = ("torch", "transformers", "scikit-learn", "imbalanced-learn", "numpy", "pandas")
_MAX_ASSOCIATED = 24  # columns of an association matrix: more cells than that cannot be told apart
_MAX_ASSOCIATED_ROWS = 5000
_MAX_BARS = 12
_MAX_RANGES = 16
_OFF_GRID = 1e-3  # of a step: a number this far from every multiple of it has none
_MAX_POINTS = 400
_MAX_CATEGORIES = 50
_MISSING = "(missing)"
_LAYERS = ("real, of the class", "synthetic", "real, other classes")
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


def report(sampler: Any, *, title: str = "Table", holdout: tuple[Any, Any] | None = None) -> Report:
    """Show what the last `fit_resample` of a sampler generated, beside the real rows.

    Parameters
    ----------
    sampler : LLMOverSampler
        After `fit_resample`; a ValueError after `fit` or `load`.
    title : str, default="Table"
        Name of the table.
    holdout : tuple of (X, y), default=None
        Real rows that `fit_resample` has not seen, in the types of its X and y. Leakage can only
        be measured with them.
    """
    check_is_fitted(sampler, "n_synthetic_")
    if not hasattr(sampler, "_resampled"):
        raise ValueError("this sampler holds no synthetic rows to report on: call fit_resample")
    X, y = sampler._resampled[0], pd.Series(sampler._resampled[1])
    n_real, target = len(X) - sampler.n_synthetic_, sampler._y_type.name
    held_out, unlearned, timings = None, sampler.unlearned_columns_, sampler.timings_
    if holdout is not None:
        X_held_out = without(as_frame(holdout[0]), unlearned).set_axis(X.columns, axis=1)
        held_out = LabelledRows(X_held_out, pd.Series(np.asarray(as_labels(holdout[1]))))
    run = describe_run(
        sampler,
        model=sampler.model_name_,
        model_reason=sampler.model_reason_,
        seconds={name: timings[f"{name.lower()}_s"] for name in ("Training", "Generation")},
    )
    summary = summarize(
        LabelledRows(X.iloc[:n_real], y.iloc[:n_real]),
        LabelledRows(X.iloc[n_real:], y.iloc[n_real:]),
        sampler.schema_,
        run,
        title=title,
        target="class" if target is None else str(target),
        holdout=held_out,
        provenance=getattr(sampler, "provenance_", None),  # only where rows were generated
        relations=sampler.relations_,
        unlearned=unlearned,
    )
    return Report(summary)


def report_rows(
    real: Any,
    synthetic: Any,
    *,
    target: Hashable = None,
    holdout: Any = None,
    column_types: Mapping[Hashable, str] | None = None,
    title: str = "Table",
    random_state: int = 0,
) -> Report:
    """Show synthetic rows beside real ones, whoever generated them.

    Parameters
    ----------
    real : DataFrame
        The rows that the generator was trained on.
    synthetic : DataFrame
        Generated rows, with the same columns in any order.
    target : str, default=None
        The column of the classes, each of which is then looked at by itself.
    holdout : DataFrame, default=None
        Real rows that the generator has not seen. Leakage can only be measured with them.
    column_types : mapping, default=None
        As for `LLMOverSampler`. Identifiers, unless their type is given, are left out.
    title : str, default="Table"
        Name of the table.
    random_state : int, default=0
        Seed of what is drawn where there is too much.

    Raises
    ------
    ValueError
        If a table has other columns than `real`, no rows, a class that is not in `real`, or a value
        that its column cannot have.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rows = pd.DataFrame({"age": rng.integers(18, 80, 90), "plan": rng.choice(["a", "b"], 90)})
    >>> found = report_rows(rows[:60], rows[60:])
    >>> [section.n_synthetic for section in found.summary.sections]
    [30]
    """
    frames = {"real": real, "synthetic": synthetic, "holdout": holdout}
    frames = {name: as_frame(frame) for name, frame in frames.items() if frame is not None}
    columns = list(frames["real"].columns)
    if target is not None and target not in columns:
        raise SchemaError(f"There is no target {target!r} among the columns.", column=target)
    for name, frame in frames.items():
        check_same_columns(columns, frame.columns, f"The rows of {name}")
    rows = {name: _labelled(frame[columns], target, name) for name, frame in frames.items()}
    y = rows["synthetic"].y
    if len(unknown := y[~y.isin(set(rows["real"].y))]):
        message = f"The class {unknown.iloc[0]!r} of {target!r} is in no real row."
        raise SchemaError(message, column=target)
    unlearned = unlearned_columns(rows["real"].X, id_columns="auto", described=column_types or {})
    learned = {name: LabelledRows(without(one.X, unlearned), one.y) for name, one in rows.items()}
    schema = Schema.infer(learned["real"].X, kinds=column_types)
    summary = summarize(
        learned["real"],
        learned["synthetic"],
        schema,
        _run("", "", {}, {}),  # whoever generated the rows
        title=title,
        target="" if target is None else str(target),
        holdout=learned.get("holdout"),
        relations=found_relations(learned["real"].X, schema),
        unlearned=unlearned,
        random_state=random_state,
    )
    return Report(summary)


def check_same_columns(known: Collection[Hashable], names: Collection[Hashable], of: str) -> None:
    """Raise unless the columns that a table has are the known ones."""
    for lacking, more, verb in ((known, names, "lack"), (names, known, "have")):
        if found := [str(name) for name in lacking if name not in more]:
            others = "" if verb == "lack" else " that the real rows do not have"
            noun = "column" if len(found) == 1 else "columns"
            message = f"{of} {verb} the {noun} {', '.join(found)}{others}."
            raise SchemaError(message, column=found[0])


def _labelled(frame: pd.DataFrame, target: Hashable, name: str) -> LabelledRows:
    if target is None:
        return LabelledRows(frame, pd.Series([parts.ALL_ROWS] * len(frame)))
    labels = pd.Series(np.asarray(as_labels(frame[target])))
    if n_missing := int(labels.isna().sum()):
        message = f"The target {target!r} is missing in {n_missing:,} rows of {name}."
        raise SchemaError(message, column=target)
    return LabelledRows(frame.drop(columns=[target]), labels)


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
    relations: Sequence[Relation] = (),
    verdict: Verdict | None = None,
    notes: Sequence[str] = (),
    unlearned: Sequence[UnlearnedColumn] = (),
    random_state: int = 0,
) -> Summary:
    """Compute everything that a report says.

    `target` is the name of the balanced column (``""`` where rows are not told apart), `provenance`
    and `relations` are those of `LLMOverSampler`, `unlearned` are columns that are in no row here,
    and `random_state` draws what is shown where there is too much.
    """
    counts, made = (rows.y.value_counts() for rows in (real, synthetic))
    rng = np.random.default_rng(random_state)
    sections = []
    for class_ in made.index:
        of_real, of_synthetic = real.of(class_), synthetic.of(class_)
        held = None if holdout is None else holdout.of(class_)
        section = parts.ClassSection(
            name=str(class_),
            n_real=len(of_real),
            n_synthetic=len(of_synthetic),
            columns=compare_columns(of_real, of_synthetic, schema),
            association=_association(of_real, of_synthetic, schema, rng),
            map=draw_map(of_real, of_synthetic, real.X[(real.y != class_).to_numpy()], schema, rng),
            quality=_quality(of_real, held, of_synthetic, schema, rng),
            origins=() if provenance is None else _origins(class_, provenance),
        )
        sections.append(section)
    held_out = None if holdout is None else holdout.X
    apart = [parts.ColumnFacts(str(c.name), c.kind, c.text, c.missing_share) for c in unlearned]
    untested = [parts.UNTESTED] if verdict is None and target else []
    return Summary(
        title=title,
        target=target,
        classes=tuple(
            parts.ClassCount(str(c), int(n), int(made.get(c, 0))) for c, n in counts.items()
        ),
        facts=(*column_facts(real.X, schema), *apart),
        sections=tuple(sections),
        run=run,
        verdict=verdict,
        notes=(*notes, *untested, *parts.NOTES[0 if target else 2 :]),
        relations=compare_relations(relations, real.X, synthetic.X, schema, holdout=held_out),
    )


def found_relations(real: pd.DataFrame, schema: Schema) -> list[Relation]:
    """Find relations in real rows; nothing keeps them in synthetic ones."""
    return [replace(one, is_kept=False) for one in discover(Table.from_frame(real, schema))]


def compare_relations(
    relations: Sequence[Relation],
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    schema: Schema,
    *,
    holdout: pd.DataFrame | None = None,
) -> tuple[parts.RelationShares, ...]:
    """Compute the shares of relations; those that are kept come first, nearly true ones last."""
    if not relations:
        return ()

    def shares(rows: pd.DataFrame | None) -> list[float | None]:
        if rows is None:
            return [None] * len(relations)
        found = relation_shares(relations, rows, real=real, schema=schema).tolist()
        return [None if math.isnan(share) else share for share in found]

    found = []
    each = zip(relations, shares(real), shares(holdout), shares(synthetic), strict=True)
    for one, of_real, held_out, made in each:
        status = "nearly true" if one.n_exceptions else "not kept"
        if one.is_kept:
            status = "declared" if one.is_declared else "kept"
        known = one.constraint.text, one.kind, status, one.n_rows, of_real, held_out, made
        found.append(parts.RelationShares(*known, one.n_exceptions, one.exceptions))
    return tuple(sorted(found, key=lambda one: (one.status == "nearly true", not one.is_kept)))


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
    shown = {
        name: repr(value) + ("" if name in changed else " (default)")
        for name, value in {**changed, **parameters}.items()
    }
    return _run(model, model_reason, shown, dict(seconds))


def _run(
    model: str, model_reason: str, parameters: dict[str, str], seconds: dict[str, float]
) -> Run:
    versions = {"counterpoise": _version("counterpoise"), "python": platform.python_version()}
    versions |= {name: _version(name) for name in _PACKAGES}
    made_at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return Run(model, model_reason, parameters, versions, seconds, made_at)


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
    others, privacy = {metric.aspect for metric in METRICS.values()} - {"privacy"}, ["privacy"]
    found = measure_quality(one, other, synthetic, schema, aspects=others, random_state=seed)
    leakage = measure_quality(real, None, synthetic, schema, aspects=privacy, random_state=seed)
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
) -> parts.Association | None:
    columns = [
        column
        for column in schema.columns
        if column.is_numeric or not _is_nearly_unique(column, real, synthetic)
    ][:_MAX_ASSOCIATED]
    if len(columns) < 2 or len(real) < 2 or len(synthetic) < 2:
        return None
    names = [column.name for column in columns]
    kept = [at_most(frame[names], _MAX_ASSOCIATED_ROWS, rng) for frame in (real, synthetic)]
    matrices = []
    for rows in encode(Schema(tuple(columns)), kept[:1], kept[1:]):
        encoded = [column.name for column in rows.columns]
        order = [encoded.index(name) for name in names]
        matrix = associations(rows, np.arange(len(names)))[np.ix_(order, order)].round(4)
        matrices.append(tuple(map(tuple, matrix.tolist())))
    n_rows = len(kept[0]), len(kept[1])
    return parts.Association(tuple(map(str, names)), matrices[0], matrices[1], n_rows)


def _is_nearly_unique(column: Column, *frames: pd.DataFrame) -> bool:
    """Return whether values occur so seldom that their association with others is noise."""
    return column.is_text or any(2 * f[column.name].nunique() > len(f) for f in frames)


def _origins(class_: Hashable, provenance: pd.DataFrame) -> tuple[parts.Origin, ...]:
    rows = provenance[(provenance["class"] == class_).to_numpy()]
    names = rows["condition_column"].map(lambda name: "" if name is None else str(name))
    found = rows.groupby(names.to_numpy(dtype=object), sort=False)["log_likelihood"]
    origins = [parts.Origin(str(name), len(values), float(values.mean())) for name, values in found]
    return tuple(sorted(origins, key=lambda origin: -origin.n_rows))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def column_facts(real: pd.DataFrame, schema: Schema) -> tuple[parts.ColumnFacts, ...]:
    """Say how each column of the table was understood."""
    return tuple(
        parts.ColumnFacts(str(c.name), c.kind, c.domain(), float(real[c.name].isna().mean()))
        for c in schema
    )


def compare_columns(
    real: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema
) -> tuple[parts.ColumnComparison, ...]:
    """Compare each column of a class, at least one row each; the largest excess gap first."""
    comparisons = [_compare(column, real[column.name], synthetic[column.name]) for column in schema]
    return tuple(sorted(comparisons, key=lambda found: found.expected_gap - found.gap))


def _compare(
    column: Column, real: pd.Series[Any], synthetic: pd.Series[Any]
) -> parts.ColumnComparison:
    is_ordered = column.is_text or column.is_numeric
    both = [real, synthetic]
    if column.is_text:
        lengths = [cells.map(lambda cell: len(str(cell)), na_action="ignore") for cells in both]
        labels, codes = _ranges("{:.4g}".format, np.concatenate(lengths).astype(np.float64))
        labels = [f"{label} characters" for label in labels]
    elif is_ordered:
        labels, codes = _ranges(column.label, np.concatenate(list(map(column.to_floats, both))))
    else:
        labels, codes = _values(np.concatenate([cells.astype(object) for cells in both]))
    if (codes < 0).any():
        codes[codes < 0] = len(labels)
        labels = [*labels, _MISSING]
    counts = [np.bincount(part, minlength=len(labels)) for part in np.split(codes, [len(real)])]
    p, q = counts[0] / len(real), counts[1] / len(synthetic)
    noise = p * (1 - p) * (1 / len(real) + 1 / len(synthetic))
    return parts.ColumnComparison(
        name=str(column.name),
        is_ordered=is_ordered,
        shares=tuple(map(parts.Share, labels, p.tolist(), q.tolist())),
        gap=float(np.abs(p - q).sum() / 2),
        # the mean of |N(0, s)| is s * sqrt(2 / pi)
        expected_gap=float(np.sqrt(noise * 2 / np.pi).sum() / 2),
    )


def _values(cells: npt.NDArray[Any]) -> tuple[list[str], IntArray]:
    """Tell categories apart: labels, frequent ones first, and their positions; -1 is missing."""
    codes, values = pd.factorize(cells)
    order = np.argsort(-np.bincount(codes[codes >= 0]), kind="stable")
    labels = [str(values[at]) for at in order[:_MAX_BARS]]
    if len(order) > _MAX_BARS:
        labels.append(f"({len(order) - _MAX_BARS} others)")
    places = np.append(np.minimum(np.argsort(order), _MAX_BARS), -1)  # the last is for a code of -1
    return labels, places[codes]


def _ranges(label: Callable[[float], str], numbers: FloatArray) -> tuple[list[str], IntArray]:
    """Tell numbers apart by value, or by range where there are many values; -1 is missing."""
    known = numbers[~np.isnan(numbers)]
    values = np.unique(known)
    if len(values) <= _MAX_RANGES:
        labels, codes = [label(value) for value in values], np.searchsorted(values, numbers)
    else:
        edges, step = _edges(values, *np.quantile(known, [0.01, 0.99]))
        ends = zip(edges[:-1] + step / 2, edges[1:] - step / 2, strict=True)
        labels = [" to ".join(dict.fromkeys(map(label, pair))) for pair in ends]
        codes = np.searchsorted(edges[1:-1], numbers, side="right")
    return labels, np.where(np.isnan(numbers), -1, codes)


def _edges(values: FloatArray, low: float, high: float) -> tuple[FloatArray, float]:
    """Return the edges of ranges, and the step of the values, which is 0 where they have none.

    A long tail is part of the range at the end, or everything else would share the first. Where the
    values are multiples of a step, ranges hold equally many: some would be empty by chance else.
    """
    if low == high:
        low, high = values[0], values[-1]
    step = float(np.diff(values).min())
    places = (values - values[0]) / step
    if np.abs(places - places.round()).max() > _OFF_GRID:
        step, edges = 0.0, np.linspace(low, high, _MAX_RANGES + 1)
    else:
        first, last = (round((end - values[0]) / step) for end in (low, high))
        n_steps = math.ceil((last - first + 1) / _MAX_RANGES)
        edges = values[0] + (np.arange(first, last + n_steps + 1, n_steps) - 0.5) * step
    edges[0], edges[-1] = values[0] - step / 2, values[-1] + step / 2
    return edges, step


def draw_map(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    others: pd.DataFrame,
    schema: Schema,
    rng: np.random.Generator,
) -> parts.RowMap | None:
    """Place real rows of a class, synthetic ones and real ones of other classes on a plane.

    By factor analysis of mixed data (J. Pages, Revue de statistique appliquee 52, 2004) of the real
    rows, numbers as ranks. None where they do not differ in two directions.
    """
    frames = real, synthetic, others
    shown = [at_most(frame, _MAX_POINTS, rng) for frame in frames]
    encoded = encode(schema, [shown[0], shown[2]], [shown[1]])
    in_layers = encoded[0], encoded[2], encoded[1]
    is_real = np.repeat([True, False, True], list(map(len, in_layers)))
    positions, codes = (
        np.vstack([getattr(part, name) for part in in_layers]) for name in ("positions", "codes")
    )
    blocks = []
    if positions.shape[1]:
        scaler = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler())
        ranks = positions.clip(0, 1).astype(np.float64)
        blocks.append(scaler.fit(ranks[is_real]).transform(ranks))
    for column, cells in zip(in_layers[0].columns[positions.shape[1] :], codes.T, strict=True):
        if not column.is_text:
            blocks.append(_indicators(cells + 1, is_real))
    matrix = np.hstack([np.empty((len(is_real), 0)), *blocks])
    if (np.ptp(matrix[is_real], axis=0) > 0).sum() < 2 or is_real.sum() < 3:
        return None
    projection = PCA(2, svd_solver="full").fit(matrix[is_real])
    points = projection.transform(matrix).round(3)
    layers = []
    for name, frame in zip(_LAYERS, frames, strict=True):
        own, points = np.split(points, [min(len(frame), _MAX_POINTS)])
        layers.append(parts.Layer(name, len(frame), tuple(map(tuple, own.tolist()))))
    return parts.RowMap(tuple(layers), tuple(projection.explained_variance_ratio_.tolist()))


def _indicators(codes: IntArray, is_real: npt.NDArray[np.bool_]) -> FloatArray:
    """Mark each frequent category, codes from 0 up, centred and scaled on the real rows."""
    n_rows = np.bincount(codes[is_real], minlength=int(codes.max()) + 1)
    kept = np.argsort(-n_rows, kind="stable")[:_MAX_CATEGORIES]
    kept = kept[n_rows[kept] > 0]
    if len(kept) < 2:
        return np.empty((len(codes), 0))
    shares = n_rows[kept] / is_real.sum()
    return np.asarray(((codes[:, None] == kept) - shares) / np.sqrt(shares))
