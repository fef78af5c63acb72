"""From real and synthetic rows to the summary that a report shows."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Any

import numpy as np
import pandas as pd

from counterpoise.columns._schema import Schema
from counterpoise.metrics import METRICS, Quality, association_matrix, measure_quality
from counterpoise.metrics._metric import at_most
from counterpoise.report._columns import column_facts, compare_columns, draw_map
from counterpoise.report._summary import Association, ClassCount, ClassSection, Origin, Run, Summary
from counterpoise.report._verdict import Verdict
from counterpoise.report._wording import notes_for

_PACKAGES = ("torch", "transformers", "scikit-learn", "imbalanced-learn", "numpy", "pandas")
_MAX_ASSOCIATED = 24
"""Columns of an association matrix: more cells than that cannot be told apart."""
_MAX_ASSOCIATED_ROWS = 5000
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
        notes=(*notes, *notes_for(has_verdict=verdict is not None)),
    )


def describe_run(
    parameters: Mapping[str, Any],
    defaults: Mapping[str, Any],
    *,
    model: str = "",
    model_reason: str = "",
    seconds: Mapping[str, float] | None = None,
) -> Run:
    """Describe a run, now and here; parameters that are not defaults come first."""
    changed = {name: value for name, value in parameters.items() if value != defaults.get(name)}
    ordered = {**changed, **parameters}
    versions = {"counterpoise": _version("counterpoise"), "python": platform.python_version()}
    return Run(
        model=model,
        model_reason=model_reason,
        parameters={
            name: repr(value) + ("" if name in changed else " (default)")
            for name, value in ordered.items()
        },
        versions=versions | {name: _version(name) for name in _PACKAGES},
        seconds=dict(seconds or {}),
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
