"""A summary as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from counterpoise.metrics import Quality
from counterpoise.report._summary import ClassSection, Summary
from counterpoise.report._verdict import Verdict
from counterpoise.report._wording import (
    count,
    figure,
    findings,
    interval,
    lead,
    percent,
    result_row,
)


def to_markdown(summary: Summary) -> str:
    """Return a summary as Markdown: what the page says, without its charts."""
    parts = [f"# {_text(summary.title)}", _text(lead(summary))]
    if summary.verdict is not None:
        parts += _verdict(summary.verdict)
    if found := findings(summary):
        parts += ["## In short", _list(f"{name} {text}" for name, text in found)]
    if summary.notes:
        parts += ["## Before you use these rows", _list(summary.notes)]
    counts = [
        (class_.name, count(class_.n_real), count(class_.n_synthetic)) for class_ in summary.classes
    ]
    parts += ["## Classes", _table(("class", "real rows", "synthetic rows"), counts)]
    for section in summary.sections:
        parts += _section(section)
    facts = [
        (fact.name, fact.kind, fact.domain, percent(fact.missing_share)) for fact in summary.facts
    ]
    parts += ["## The table as understood"]
    parts += [_table(("column", "type", "values", "missing"), facts)]
    run = summary.run
    made = [("time", run.made_at), ("model", f"{run.model} ({run.model_reason})")]
    made += [(name, f"{seconds:.1f} s") for name, seconds in run.seconds.items()]
    made += [*run.parameters.items(), *run.versions.items()]
    parts += ["## How the rows were generated", _table(("", ""), made)]
    return "\n\n".join(parts) + "\n"


def _verdict(verdict: Verdict) -> list[str]:
    parts = [f"## Verdict: {verdict.decision}", f"**{_text(verdict.sentence)}**"]
    parts += [_text(reason) for reason in verdict.reasons]
    parts += ["## The comparison", _text(verdict.method)]
    for classifier, results in verdict.results.items():
        names = list(results[0].scores)
        header = ("strategy", *names, "difference", "95 % interval", "p, adjusted", "seconds")
        rows = [result_row(result, names) for result in results]
        parts += [f"### {_text(classifier)}", _table(header, rows)]
    return parts


def _section(section: ClassSection) -> list[str]:
    parts = [
        f"## Class {_text(section.name)}: {count(section.n_synthetic)} synthetic rows beside "
        f"{count(section.n_real)} real ones"
    ]
    if section.quality is not None:
        parts += _quality(section.quality)
    rows = [
        (found.name, percent(found.gap), percent(found.expected_gap)) for found in section.columns
    ]
    parts += ["### Column by column", _table(("column", "gap", "by chance"), rows)]
    if section.association is not None:
        pairs = [
            (f"{one} and {other}", f"{real:.2f}", f"{synthetic:.2f}")
            for one, other, real, synthetic in section.association.widest_gaps()
        ]
        parts += ["### Pairs of columns that differ most"]
        parts += [_table(("columns", "real", "synthetic"), pairs)]
    if section.origins:
        origins = [
            (
                origin.column or "(the class alone)",
                count(origin.n_rows),
                figure(origin.mean_log_likelihood),
            )
            for origin in section.origins
        ]
        parts += ["### Where the rows came from"]
        parts += [_table(("prompted with", "rows", "mean log-likelihood, nats"), origins)]
    return parts


def _quality(quality: Quality) -> list[str]:
    header = ("metric", "synthetic", "95 % interval", "real, held out", "repeated", "good is")
    rows = [
        (
            measure.label,
            figure(measure.value),
            interval(measure.interval),
            figure(measure.real_anchor),
            figure(measure.duplicate_anchor),
            {"higher": "high", "lower": "low"}.get(measure.better, "like held-out"),
        )
        for measure in quality
    ]
    parts = ["### Diversity, fidelity and privacy"]
    if quality.warnings:
        parts += ["**Signs of leakage.**", _list(quality.warnings)]
    return [*parts, _table(header, rows), *map(_text, quality.notes)]


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {_text(item)}" for item in items)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(_text(cell) for cell in line)} |" for line in lines)


def _text(text: str) -> str:
    """Return a text that means itself in Markdown, on one line."""
    plain = " ".join(text.split())
    for mark in "\\`*_[]<>|":
        plain = plain.replace(mark, f"\\{mark}")
    return plain
