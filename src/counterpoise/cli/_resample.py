"""``counterpoise resample``: read, check, balance, write, sum up."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import typer

from counterpoise.cli._source import Source, check_report, write_report
from counterpoise.cli._terminal import aligned, say
from counterpoise.cli._values import strategy_for_classes
from counterpoise.errors import ModelError
from counterpoise.io._files import Table, check_output, write_table

# Where each synthetic row came from, as a file.


_COLUMNS = (
    "class",
    "condition_column",
    "condition_value",
    "log_likelihood",
    "nearest_distance",
    "nearest_row",
)


def write_provenance(sampler: Any, path: Path) -> None:
    """Write one row a synthetic row, in their order; none where nothing was lacking.

    Columns and values of conditions are written as text: they are of the kinds of all columns.
    """
    frame = getattr(sampler, "provenance_", pd.DataFrame(columns=list(_COLUMNS))).copy()
    for name in ("condition_column", "condition_value"):
        frame[name] = frame[name].map(_text).astype(object)
    write_table(frame, path)


def _text(value: Any) -> str | None:
    if isinstance(value, tuple):
        return ", ".join(str(part) for part in value)
    return None if pd.isna(value) else str(value)


_TEXT_SUFFIXES = (".csv", ".tsv")


@dataclass(frozen=True, slots=True)
class Resampling:
    """What is to be done; an attribute for each option, and the sampler's arguments in one."""

    source: Source
    output: Path | None
    overwrite: bool
    mark_synthetic: str | None
    synthetic_only: bool
    report: Path | None
    provenance: Path | None
    save: Path | None
    strategy: str | float | dict[str, int]
    sampler: Mapping[str, Any]
    verbose: bool

    @property
    def writes_text(self) -> bool:
        """Whether the output is delimited text."""
        return self.output_suffix in _TEXT_SUFFIXES

    @property
    def output_suffix(self) -> str:
        """The suffix of the output, which is CSV on standard output."""
        return ".csv" if self.output is None else self.output.suffix.lower()


def build_sampler(arguments: Mapping[str, Any]) -> Any:
    """Return the sampler that writes the rows."""
    from counterpoise.cli._sampler import make_sampler

    unset = ("recipe", None)
    return make_sampler(**{k: v for k, v in arguments.items() if k == "recipe" or v not in unset})


def run(task: Resampling) -> None:
    """Carry `task` out; whatever can be refused is refused before any training."""
    if task.output is not None:
        check_output(task.output, overwrite=task.overwrite)
    if task.report is not None:
        check_report(task.report, overwrite=task.overwrite)
    if task.provenance is not None:
        check_output(task.provenance, overwrite=task.overwrite)
    if task.save is not None and task.save.exists():
        raise ModelError(f"{task.save} exists. Name a new folder for --save, or move it away.")
    source = task.source
    table, kinds = source.read()
    if task.mark_synthetic in table.frame.columns:
        raise typer.BadParameter(
            f"the table has a column {task.mark_synthetic!r} already",
            param_hint="--mark-synthetic",
        )
    y = table.frame[source.target]
    strategy = strategy_for_classes(task.strategy, y.unique().tolist())
    sampler = build_sampler(
        {**task.sampler, "sampling_strategy": strategy, "column_types": kinds or None}
    )
    X_resampled, y_resampled = sampler.fit_resample(table.frame.drop(columns=source.target), y)
    synthetic = X_resampled.iloc[len(y) :].copy()
    synthetic[source.target] = y_resampled.iloc[len(y) :].array
    result = _compose(task, table, synthetic)
    is_alike = task.output_suffix == source.data.suffix.lower()
    write_table(result, task.output, delimiter=table.delimiter if is_alike else None)
    if task.verbose:
        say(_summary(y, synthetic[source.target], sampler))
        if task.output is not None:
            say(f"wrote {len(result):,} rows to {task.output}")
    if task.provenance is not None:
        write_provenance(sampler, task.provenance)
        if task.verbose:
            say(f"wrote where they came from to {task.provenance}")
    if task.save is not None:
        sampler.save(task.save)
        if task.verbose:
            say(f"kept the sampler in {task.save}")
    if task.report is not None:
        from counterpoise.report._build import report_sampler

        write_report(report_sampler(sampler, title=source.data.stem), task.report)
        if task.verbose:
            say(f"wrote a report to {task.report}")


def _compose(task: Resampling, table: Table, synthetic: pd.DataFrame) -> pd.DataFrame:
    """Return what is to be written."""
    result = table.extended(synthetic, as_text=task.writes_text)
    n_real = len(table.frame)
    if task.mark_synthetic is not None:
        result[task.mark_synthetic] = result.index >= n_real
    return result.iloc[n_real:] if task.synthetic_only else result


def _summary(real: pd.Series[Any], synthetic: pd.Series[Any], sampler: Any) -> str:
    """Return the class counts before and after, the model, and what took how long."""
    before, made = _counts(real), _counts(synthetic)
    rows = [("class", "before", "synthetic", "after")]
    rows += [
        (str(class_), f"{n:,}", f"{made.get(class_, 0):,}", f"{n + made.get(class_, 0):,}")
        for class_, n in sorted(before.items(), key=lambda item: -item[1])
    ]
    if not made:
        return f"{aligned(rows)}\nnothing to add: no class is smaller than was asked for"
    return "\n".join([aligned(rows), *_run_lines(sampler)])


def _counts(y: pd.Series[Any]) -> dict[Hashable, int]:
    return {class_: int(n) for class_, n in y.value_counts().items()}


def _run_lines(sampler: Any) -> list[str]:
    """Return which model wrote the rows, and what took how long."""
    lines = [f"model: {sampler.model_name_} ({sampler.model_reason_})"]
    for stage in ("training", "generation"):
        seconds, rate = sampler.timings_[f"{stage}_s"], sampler.timings_[f"{stage}_rows_per_s"]
        lines.append(f"{stage}: {seconds:.1f} s, {rate:,.0f} rows/s")
    return lines
