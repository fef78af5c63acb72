"""``counterpoise bench``: run the benchmark, or render what it found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from counterpoise.cli import _options as options
from counterpoise.cli._terminal import FAILURE, reported, say

if TYPE_CHECKING:
    from benchmarks._plan import Plan


_WHAT = "What to run"

What = Annotated[
    str,
    typer.Argument(
        help="paper or honest (a protocol), a TOML file, or report (and the FOLDER to render).",
        metavar="paper|honest|FILE.toml|report",
        show_default=False,
    ),
]
Folder = Annotated[
    Path | None,
    typer.Argument(help="With report: the folder of a benchmark.", show_default=False),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Folder of the tables, NAME.csv each.",
        envvar="COUNTERPOISE_DATA_DIR",
        show_default=False,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Folder for the runs; bench-paper, bench-honest or the file's name if not given.",
        show_default=False,
    ),
]
OpenML = Annotated[
    bool, typer.Option("--openml", help="Fetch tables that are nowhere else from OpenML.")
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", help="Runs at a time.", min=1)]
Reference = Annotated[
    str | None,
    typer.Option(
        "--reference",
        help="The method that the others are compared with; counterpoise if it was run.",
        show_default=False,
    ),
]


def _narrowing(flag: str, text: str) -> Any:
    return typer.Option(flag, help=text, show_default=False, rich_help_panel=_WHAT)


Tables = Annotated[
    list[str] | None, _narrowing("--tables", "Tables. Repeatable, or with commas between.")
]
Methods = Annotated[
    list[str] | None, _narrowing("--methods", "Methods. Repeatable, or with commas between.")
]
Classifiers = Annotated[
    list[str] | None, _narrowing("--classifiers", "Classifiers. Repeatable, or with commas.")
]
Splits = Annotated[int | None, _narrowing("--splits", "Splits of each table.")]
Model = Annotated[str | None, _narrowing("--model", "Backbone of the language models.")]
MaxTrainRows = Annotated[
    int | None, _narrowing("--max-train-rows", "Training rows of a table, at most; 0: all.")
]
MaxSamplesSeen = Annotated[
    int | None,
    _narrowing("--max-samples-seen", "Rows presented to a language model, at most; 0: no limit."),
]
Limit = Annotated[
    float | None, _narrowing("--limit", "Seconds after which a run is ended and counts as failed.")
]
Tune = Annotated[
    bool,
    typer.Option("--tune", help="Tune classifiers on inner folds.", rich_help_panel=_WHAT),
]


def bench(
    what: What,
    folder: Folder = None,
    data_dir: DataDir = None,
    openml: OpenML = False,
    output: Output = None,
    jobs: Jobs = 1,
    tables: Tables = None,
    methods: Methods = None,
    classifiers: Classifiers = None,
    splits: Splits = None,
    model: Model = None,
    max_train_rows: MaxTrainRows = None,
    max_samples_seen: MaxSamplesSeen = None,
    limit: Limit = None,
    tune: Tune = False,
    reference: Reference = None,
    verbose: options.Verbose = True,
    debug: options.Debug = False,
) -> None:
    """Compare methods on tables: every method, table and split, then tables and figures.

    Runs that are finished are not made again, those that failed are. The exit code is 1 if any
    run failed. What the report says is in OUTPUT/report/report.md.
    """
    if (what == "report") != (folder is not None):
        raise typer.BadParameter(
            "a folder goes with report, and report with a folder", param_hint="FOLDER"
        )
    changes = {
        "tables": _names(tables),
        "methods": _names(methods),
        "classifiers": _names(classifiers),
        "n_splits": splits,
        "model": model,
        "max_train_rows": max_train_rows,
        "max_samples_seen": max_samples_seen,
        "limit_s": limit,
        "tune": tune or None,
    }
    n_failed = 0
    with reported(debug=debug):
        from benchmarks._report import write_report

        if folder is None:
            folder = output or Path(f"bench-{Path(what).stem}")
            plan = _plan(what, {key: value for key, value in changes.items() if value is not None})
            where = {"data_dir": data_dir, "allow_network": openml}
            n_failed = _run(plan, folder, where, jobs, verbose=verbose)
        typer.echo(write_report(folder, reference=reference))
    if n_failed:
        raise typer.Exit(FAILURE)


def _names(given: list[str] | None) -> tuple[str, ...] | None:
    """Return the names of a repeatable option, each value one name or several."""
    if given is None:
        return None
    return tuple(name.strip() for text in given for name in text.split(",") if name.strip())


def _plan(what: str, changes: dict[str, Any]) -> Plan:
    from benchmarks._plan import default_plan, read_plan

    if what in ("paper", "honest"):
        return replace(default_plan(what), **changes)
    path = Path(what)
    if not path.is_file():
        raise ValueError(f"expected paper, honest, report or a TOML file; there is no {what!r}")
    return replace(read_plan(path), **changes)


def _run(plan: Plan, output: Path, where: dict[str, Any], n_jobs: int, *, verbose: bool) -> int:
    """Make the runs, and return how many failed."""
    from benchmarks._runner import run_benchmark

    note = say if verbose else None
    tally = run_benchmark(plan, output, **where, n_jobs=n_jobs, note=note)
    if verbose:
        say(
            f"{tally.n_done} runs done, {tally.n_failed} failed, {tally.n_skipped} had been "
            "finished before"
        )
    return tally.n_failed
