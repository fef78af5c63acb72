"""``counterpoise compare``: its options, and the command; what it does is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from counterpoise.cli import _options as options
from counterpoise.cli._terminal import reported
from counterpoise.cli._values import column_types, number_or

_PANEL = "Comparison"

Positive = Annotated[
    str | None,
    typer.Option(
        "--positive",
        help="The class that matters; the smallest, if not given.",
        metavar="CLASS",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
Classifiers = Annotated[
    list[str] | None,
    typer.Option(
        "--classifier",
        help="hist-gradient-boosting (if none is given), logistic-regression, random-forest or "
        "xgboost. Repeatable.",
        metavar="NAME",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
Folds = Annotated[
    int, typer.Option("--folds", help="Parts of the table.", min=2, rich_help_panel=_PANEL)
]
Repeats = Annotated[
    int,
    typer.Option("--repeats", help="How often it is cut anew.", min=1, rich_help_panel=_PANEL),
]
Score = Annotated[
    Literal["pr_auc", "roc_auc", "f1", "balanced_accuracy", "cost"] | None,
    typer.Option(
        "--score",
        help="What to judge by: cost where costs are given, else pr_auc.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
SmallestDifference = Annotated[
    float | None,
    typer.Option(
        "--smallest-difference",
        help="The gain that is worth having: 0.01 of a score, or a hundredth of the cost.",
        metavar="NUMBER",
        min=0.0,
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
CostOfMiss = Annotated[
    float | None,
    typer.Option(
        "--cost-fn",
        help="What it costs to miss a row of the class that matters; then the verdict is in money.",
        metavar="COST",
        min=0.0,
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
CostOfFalseAlarm = Annotated[
    float | None,
    typer.Option(
        "--cost-fp",
        help="What it costs to take another row for one of that class.",
        metavar="COST",
        min=0.0,
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
MaxTime = Annotated[
    float | None,
    typer.Option(
        "--max-time",
        help="Begin no split that would end later than this; judge by those that are done.",
        metavar="SECONDS",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
JsonFile = Annotated[
    Path | None,
    typer.Option(
        "--json",
        help="Write the report as JSON, too.",
        metavar="FILE",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]


def compare(
    data: options.Data,
    target: options.Target,
    missing: options.Missing = None,
    delimiter: options.Delimiter = None,
    encoding: options.Encoding = "utf-8",
    categorical: options.Categorical = None,
    kind: options.ColumnKinds = None,
    positive: Positive = None,
    classifier: Classifiers = None,
    folds: Folds = 5,
    repeats: Repeats = 2,
    score: Score = None,
    smallest_difference: SmallestDifference = None,
    cost_fn: CostOfMiss = None,
    cost_fp: CostOfFalseAlarm = None,
    max_time: MaxTime = None,
    model: options.Model = "auto",
    recipe: options.Recipe = "counterpoise",
    epochs: options.Epochs = "recipe",
    device: options.Device = "auto",
    report: options.ReportFile = None,
    json: JsonFile = None,
    force: options.Force = False,
    seed: options.Seed = 0,
    verbose: options.Verbose = True,
    debug: options.Debug = False,
) -> None:
    """Find out whether balancing a table helps, and by which way: a verdict with its evidence.

    The verdict goes to standard output. Doing nothing, class weights, repeated rows, SMOTENC and
    the language model are tried on the same splits, each with a threshold tuned out of fold.
    """
    sampler: dict[str, Any] = {
        "model": model,
        "recipe": recipe,
        "epochs": number_or(int, epochs, "--epochs", ("recipe", "auto")),
        "device": device,
    }
    kinds = column_types(kind or ())
    with reported(debug=debug):
        from counterpoise.cli._comparing import Comparing, run
        from counterpoise.cli._source import Source

        source = Source(
            data=data,
            target=target,
            missing=tuple(missing or ()),
            delimiter=delimiter,
            encoding=encoding,
            categorical=tuple(categorical or ()),
            kinds=kinds,
        )
        run(
            Comparing(
                source=source,
                positive=positive,
                sampler=sampler,
                options={
                    "classifiers": list(classifier or ["hist-gradient-boosting"]),
                    "n_folds": folds,
                    "n_repeats": repeats,
                    "score": score,
                    "smallest_difference": smallest_difference,
                    "cost_fn": cost_fn,
                    "cost_fp": cost_fp,
                    "max_time_s": max_time,
                    "random_state": seed,
                    "verbose": verbose,
                },
                reports=tuple(path for path in (report, json) if path is not None),
                overwrite=force,
                verbose=verbose,
            )
        )
