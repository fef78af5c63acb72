"""``counterpoise compare``: whether balancing a table helps, and which strategy does best."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from counterpoise.cli import _options as shared
from counterpoise.cli._declared import declared_parameters
from counterpoise.cli._files import check_report, read_source, write_report
from counterpoise.cli._terminal import aligned, say

if TYPE_CHECKING:
    from counterpoise.report._summary import Verdict

_COMPARE = declared_parameters("comparison", "compare")


@click.command()
@shared.table_options
@shared.parameter_option(
    _COMPARE["classifiers"],
    "--classifier",
    multiple=True,
    default=[_COMPARE["classifiers"].default],
    metavar="NAME",
)
@shared.parameter_option(_COMPARE["positive"], "--positive", metavar="CLASS")
@shared.parameter_option(_COMPARE["n_folds"], "--folds", type=click.IntRange(min=2))
@shared.parameter_option(
    _COMPARE["n_repeats"], "--repeats", cls=shared.RareOption, type=click.IntRange(min=1)
)
@shared.parameter_option(_COMPARE["score"], "--score")
@shared.parameter_option(
    _COMPARE["smallest_difference"],
    "--smallest-difference",
    cls=shared.RareOption,
    type=click.FloatRange(min=0),
)
@shared.parameter_option(_COMPARE["cost_fn"], "--cost-fn", type=click.FloatRange(min=0))
@shared.parameter_option(_COMPARE["cost_fp"], "--cost-fp", type=click.FloatRange(min=0))
@shared.parameter_option(_COMPARE["max_time"], "--max-time", metavar="SECONDS")
@shared.parameter_option(_COMPARE["random_state"], "--seed", type=click.IntRange(min=0))
@shared.sampler_options
@shared.repeatable(
    "--report",
    "reports",
    "FILE",
    "Write a report: .html (a single file), .md or .json.",
    shared.PATH,
)
@shared.force_option
@shared.verbosity_options
def compare(
    *, data: Path, target: str, reports: tuple[Path, ...], force: bool, **options: Any
) -> None:
    """Find out whether balancing a table helps, and how.

    DATA is a .csv, .tsv or .parquet file. Doing nothing, class weights, repeated rows, SMOTENC and
    the language model are compared on the same splits, each with a threshold tuned out of fold.
    The verdict goes to stdout. Options that name columns, settings, classifiers or reports can be
    given several times.
    """
    from counterpoise.comparison._compare import compare as compare_strategies
    from counterpoise.sampler import LLMOverSampler

    for path in reports:
        check_report(path, overwrite=force)
    table, types = read_source(data, target, options)
    X, y = table.frame.drop(columns=target), table.frame[target]
    if (name := options["positive"]) is not None:
        options["positive"] = shared.class_named(name, y.unique().tolist(), "--positive")
    options["classifiers"] = list(options["classifiers"])
    sampler = LLMOverSampler(column_types=types or None, **shared.sampler_parameters(options, X))
    comparison = compare_strategies(
        X, y, sampler=sampler, column_types=types or None, title=data.stem, **options
    )
    click.echo(_as_text(comparison.verdict))
    for path in reports:
        write_report(comparison.report, path)
        if options["verbose"]:
            say(f"wrote a report to {path}")


def _as_text(verdict: Verdict) -> str:
    """Return the verdict and its evidence for a terminal."""
    from counterpoise.report._summary import result_row

    parts = [verdict.sentence]
    for classifier, results in verdict.results.items():
        scores = list(results[0].scores)[:4]
        header = ["", *scores, "difference", "95 % interval", "p (Holm)", "seconds"]
        rows = aligned([header, *(result_row(result, scores) for result in results)])
        parts.append(f"{classifier}, difference in {verdict.score}:\n{rows}")
    return "\n\n".join([*parts, *verdict.reasons, verdict.method])
