"""``counterpoise compare``: read, check, compare, say what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from counterpoise.cli._source import Source, check_report, write_report
from counterpoise.cli._terminal import aligned, say
from counterpoise.report._verdict import StrategyResult, Verdict
from counterpoise.report._wording import result_row


@dataclass(frozen=True, slots=True)
class Comparing:
    """What is to be done: `options` are those of `counterpoise.compare`."""

    source: Source
    positive: str | None
    sampler: Mapping[str, Any]
    options: Mapping[str, Any]
    reports: Sequence[Path]
    overwrite: bool
    verbose: bool


def build_sampler(arguments: Mapping[str, Any]) -> Any:
    """Return the sampler that writes the rows."""
    from counterpoise.cli._sampler import make_sampler

    unset = ("recipe", None)
    return make_sampler(**{k: v for k, v in arguments.items() if k == "recipe" or v not in unset})


def run(task: Comparing) -> None:
    """Carry `task` out; whatever can be refused is refused before any training."""
    from counterpoise.comparison import compare

    for path in task.reports:
        check_report(path, overwrite=task.overwrite)
    table, kinds = task.source.read()
    target = task.source.target
    y = table.frame[target]
    found = compare(
        table.frame.drop(columns=target),
        y,
        sampler=build_sampler({**task.sampler, "column_types": kinds or None}),
        positive=_class_of(task.positive, y.unique().tolist()),
        column_types=kinds or None,
        title=task.source.data.stem,
        **task.options,
    )
    typer.echo(_in_text(found.verdict))
    for path in task.reports:
        write_report(found.report, path)
        if task.verbose:
            say(f"wrote a report to {path}")


def _class_of(text: str | None, classes: Sequence[Any]) -> Any:
    """Return the class that `text` stands for."""
    by_text = {str(class_): class_ for class_ in classes}
    if text is not None and text not in by_text:
        raise typer.BadParameter(
            f"the target has no class {text!r}; it has {', '.join(map(repr, by_text))}",
            param_hint="--positive",
        )
    return None if text is None else by_text[text]


def _in_text(verdict: Verdict) -> str:
    """Return the verdict and its evidence for a terminal."""
    parts = [verdict.sentence]
    for classifier, arms in verdict.results.items():
        parts.append(f"{classifier}, difference in {verdict.score}:\n{_table(arms)}")
    return "\n\n".join([*parts, *verdict.reasons, verdict.method])


def _table(arms: Sequence[StrategyResult]) -> str:
    columns = list(arms[0].scores)[:4]
    header = ["", *columns, "difference", "95 % interval", "p (Holm)", "seconds"]
    return aligned([header, *(result_row(arm, columns) for arm in arms)])
