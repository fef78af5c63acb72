"""The options that the commands share, as typer reads them off a signature."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

_TABLES = "Tables"
_ROWS = "What is made"
_MODEL = "Language model"
_TRAINING = "Training"
_GENERATION = "Generation"
_RUN = "Run"

Data = Annotated[
    Path,
    typer.Argument(help="The table: .csv, .tsv or .parquet.", metavar="DATA", show_default=False),
]
Target = Annotated[
    str,
    typer.Option(
        "--target",
        help="The column to balance.",
        metavar="COLUMN",
        show_default=False,
        rich_help_panel=_TABLES,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Where to write: .csv, .tsv or .parquet; standard output (as CSV) for -.",
        metavar="FILE",
        show_default=False,
        rich_help_panel=_TABLES,
    ),
]
DemoOutput = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        help="Where to write the balanced table: a .csv, .tsv or .parquet file.",
        metavar="FILE",
        rich_help_panel=_TABLES,
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Replace an existing file.", rich_help_panel=_TABLES)
]
Missing = Annotated[
    list[str] | None,
    typer.Option(
        "--missing",
        help="A further spelling of a missing cell. Repeatable.",
        metavar="VALUE",
        show_default=False,
        rich_help_panel=_TABLES,
    ),
]
Delimiter = Annotated[
    str | None,
    typer.Option(
        "--delimiter",
        help="What separates cells, if not what the suffix says; in an output of DATA's suffix, "
        "too.",
        metavar="CHARACTER",
        show_default=False,
        rich_help_panel=_TABLES,
    ),
]
Encoding = Annotated[
    str,
    typer.Option(
        "--encoding",
        help="Of DATA; what is written is UTF-8.",
        metavar="NAME",
        rich_help_panel=_TABLES,
    ),
]
Categorical = Annotated[
    list[str] | None,
    typer.Option(
        "--categorical",
        help="A column of categories that look like numbers. Repeatable, or with commas between.",
        metavar="COLUMN",
        show_default=False,
        rich_help_panel=_TABLES,
    ),
]
ColumnKinds = Annotated[
    list[str] | None,
    typer.Option(
        "--kind",
        help="What a column holds: categorical, ordered, boolean, integer, decimal, datetime, "
        "duration or text; only ISO dates are read from .csv and .tsv. Repeatable.",
        metavar="COLUMN=KIND",
        show_default=False,
        rich_help_panel=_TABLES,
    ),
]
MarkSynthetic = Annotated[
    str | None,
    typer.Option(
        "--mark-synthetic",
        help="Add a column of this name: True for a synthetic row.",
        metavar="COLUMN",
        show_default=False,
        rich_help_panel=_TABLES,
    ),
]
ReportFile = Annotated[
    Path | None,
    typer.Option(
        "--report",
        help="Write a report: .html (one file, opens from disk), .md or .json.",
        metavar="FILE",
        show_default=False,
        rich_help_panel=_TABLES,
    ),
]
ProvenanceFile = Annotated[
    Path | None,
    typer.Option(
        "--provenance",
        help="Write where each synthetic row came from: .csv, .tsv or .parquet.",
        metavar="FILE",
        show_default=False,
        rich_help_panel=_TABLES,
    ),
]
SyntheticOnly = Annotated[
    bool,
    typer.Option(
        "--synthetic-only", help="Write the synthetic rows only.", rich_help_panel=_TABLES
    ),
]

Strategy = Annotated[
    str,
    typer.Option(
        "--strategy",
        help="Which classes to fill, how far: auto, minority, 'not minority', 'not majority', all; "
        'a number (minority rows for each majority row); or JSON, {"class": rows}.',
        metavar="STRATEGY",
        rich_help_panel=_ROWS,
    ),
]
Recipe = Annotated[
    str,
    typer.Option(
        "--recipe",
        help="The method: counterpoise, imbllm, great, taptap, predllm, or an ablation of imbllm: "
        "imbllm-no-interpolation, imbllm-no-permutation, imbllm-no-condition, imbllm-none; or of "
        "counterpoise: counterpoise-no-selection, counterpoise-no-refinement. What "
        "other options leave at 'recipe' is as it says.",
        metavar="NAME",
        rich_help_panel=_ROWS,
    ),
]
Interpolation = Annotated[
    Literal["recipe", "smotenc", "none"],
    typer.Option("--interpolation", help="Interpolated rows to train on.", rich_help_panel=_ROWS),
]
Permutation = Annotated[
    Literal["recipe", "label-first", "label-last", "no-label", "all", "none"],
    typer.Option("--permutation", help="What is shuffled in a sentence.", rich_help_panel=_ROWS),
]
Selection = Annotated[
    Literal["recipe", "classifier", "none"],
    typer.Option(
        "--selection",
        help="Keep rows that a classifier of the real rows finds likeliest of their class, or all.",
        rich_help_panel=_ROWS,
    ),
]
Refinement = Annotated[
    Literal["recipe", "auto", "always", "none"],
    typer.Option(
        "--refinement",
        help="Go on to learn from rows of the model's own that were kept: where it pays, or not.",
        rich_help_panel=_ROWS,
    ),
]
Condition = Annotated[
    Literal["recipe", "feature", "any-feature", "label"],
    typer.Option(
        "--condition",
        help="What a row is prompted with: its label and a feature, or its label.",
        rich_help_panel=_ROWS,
    ),
]
TrainOn = Annotated[
    Literal["recipe", "minority", "all"],
    typer.Option("--train-on", help="Which classes to train on.", rich_help_panel=_ROWS),
]
RangeMargin = Annotated[
    float,
    typer.Option(
        "--range-margin",
        help="How far a number may leave its column's range, as a share of the range.",
        min=0.0,
        rich_help_panel=_ROWS,
    ),
]
Between = Annotated[
    list[str] | None,
    typer.Option(
        "--between",
        help="The numbers or dates that a column may get; an end may be left out. Repeatable.",
        metavar="COLUMN=LOW..HIGH",
        show_default=False,
        rich_help_panel=_ROWS,
    ),
]
Allowed = Annotated[
    list[str] | None,
    typer.Option(
        "--allowed",
        help="The categories that a column may get, as a JSON list. Repeatable.",
        metavar="COLUMN=LIST",
        show_default=False,
        rich_help_panel=_ROWS,
    ),
]
Together = Annotated[
    list[str] | None,
    typer.Option(
        "--together",
        help="Columns that only get combinations of values that some row has. Repeatable.",
        metavar="COLUMN,COLUMN",
        show_default=False,
        rich_help_panel=_ROWS,
    ),
]
Require = Annotated[
    list[str] | None,
    typer.Option(
        "--require",
        help="What each synthetic row satisfies: '<', '<=', '>' or '>=' between two columns. "
        "Repeatable.",
        metavar="'COLUMN <= COLUMN'",
        show_default=False,
        rich_help_panel=_ROWS,
    ),
]
Copies = Annotated[
    bool,
    typer.Option(
        "--copies/--no-copies",
        help="Whether a synthetic row may equal a real one.",
        rich_help_panel=_ROWS,
    ),
]

Model = Annotated[
    str,
    typer.Option(
        "--model",
        help="auto, compact, smollm2-135m, or a Hugging Face causal model's id or folder.",
        metavar="MODEL",
        rich_help_panel=_MODEL,
    ),
]
Serialization = Annotated[
    Literal["recipe", "table", "text"],
    typer.Option(
        "--serialization",
        help="A row as tokens of the table's own, or as the paper's sentence.",
        rich_help_panel=_MODEL,
    ),
]
Decoding = Annotated[
    Literal["recipe", "grammar", "free"],
    typer.Option(
        "--decoding",
        help="What may be written: what the table allows, or anything, which is then repaired.",
        rich_help_panel=_MODEL,
    ),
]
LoraRank = Annotated[
    int | None,
    typer.Option(
        "--lora-rank",
        help="Train low-rank adapters, not the whole model.",
        min=1,
        show_default=False,
        rich_help_panel=_MODEL,
    ),
]
NLayers = Annotated[
    int | None,
    typer.Option(
        "--n-layers",
        help="Keep only the first layers of a pre-trained model.",
        min=1,
        show_default=False,
        rich_help_panel=_MODEL,
    ),
]
Device = Annotated[
    Literal["auto", "cpu", "cuda"],
    typer.Option("--device", help="Where to compute.", rich_help_panel=_MODEL),
]
Precision = Annotated[
    Literal["auto", "float32", "bfloat16"],
    typer.Option("--precision", help="What to compute in.", rich_help_panel=_MODEL),
]

Epochs = Annotated[
    str,
    typer.Option(
        "--epochs", help="A number, recipe, or auto.", metavar="NUMBER", rich_help_panel=_TRAINING
    ),
]
MaxSamplesSeen = Annotated[
    int | None,
    typer.Option(
        "--max-samples-seen",
        help="Rows presented in training at most, repeats included.",
        min=1,
        show_default=False,
        rich_help_panel=_TRAINING,
    ),
]
BatchSize = Annotated[
    str,
    typer.Option(
        "--batch-size", help="Rows a step, or auto.", metavar="NUMBER", rich_help_panel=_TRAINING
    ),
]
LearningRate = Annotated[
    str,
    typer.Option(
        "--learning-rate", help="A number, or auto.", metavar="NUMBER", rich_help_panel=_TRAINING
    ),
]
ValidationFraction = Annotated[
    str,
    typer.Option(
        "--validation-fraction",
        help="Share of the rows held out to stop early, recipe, or auto; 0 never stops early.",
        metavar="NUMBER",
        rich_help_panel=_TRAINING,
    ),
]
Patience = Annotated[
    int,
    typer.Option(
        "--patience",
        help="Looks at the held-out rows without a gain before training stops. It looks after each "
        "epoch, and every 500 rows (or more, where many are held out) of a longer one.",
        min=1,
        rich_help_panel=_TRAINING,
    ),
]

Temperature = Annotated[
    str,
    typer.Option(
        "--temperature",
        help="A number, lower is safer and more alike; or recipe.",
        metavar="NUMBER",
        rich_help_panel=_GENERATION,
    ),
]
TopP = Annotated[
    float,
    typer.Option(
        "--top-p",
        help="Draw from the likeliest values that sum to this probability.",
        rich_help_panel=_GENERATION,
    ),
]
GenerationBatchSize = Annotated[
    str,
    typer.Option(
        "--generation-batch-size",
        help="Rows at a time, or auto.",
        metavar="NUMBER",
        rich_help_panel=_GENERATION,
    ),
]

MaxTime = Annotated[
    float | None,
    typer.Option(
        "--max-time",
        help="Seconds that it may take; training stops in time for the rows to be written.",
        metavar="SECONDS",
        show_default=False,
        rich_help_panel=_RUN,
    ),
]
CheckpointDir = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint-dir",
        help="Where training keeps its state: the same command, once killed, goes on from there.",
        metavar="FOLDER",
        show_default=False,
        rich_help_panel=_RUN,
    ),
]
Save = Annotated[
    Path | None,
    typer.Option(
        "--save",
        help="Keep the trained sampler in a new folder, without the rows, for counterpoise sample.",
        metavar="FOLDER",
        show_default=False,
        rich_help_panel=_RUN,
    ),
]
SavedFolder = Annotated[
    Path,
    typer.Argument(
        help="A sampler that resample --save kept.", metavar="FOLDER", show_default=False
    ),
]
NumberOfRows = Annotated[
    int, typer.Option("--rows", "-n", help="How many rows.", min=0, show_default=False)
]
SampledClass = Annotated[
    str | None,
    typer.Option(
        "--class",
        help="Their class; not needed where the sampler learned a single one.",
        metavar="CLASS",
        show_default=False,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        help="Same seed, device and versions: same rows.",
        min=0,
        show_default=False,
        rich_help_panel=_RUN,
    ),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose/--quiet",
        "-v/-q",
        help="Progress and a summary on standard error, or errors and warnings only.",
        rich_help_panel=_RUN,
    ),
]
Debug = Annotated[
    bool, typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel=_RUN)
]


# What options demand of the rows to write: ranges, categories, combinations, inequalities.


def column_ranges(given: Iterable[str]) -> dict[str, tuple[Any, Any]] | None:
    """Return ranges by column from texts like ``age=18..65``; an end may be left out.

    Examples
    --------
    >>> column_ranges(["age=18..65", "fee=0.5..", "day=2020-01-01..2020-12-31"])
    {'age': (18, 65), 'fee': (0.5, None), 'day': ('2020-01-01', '2020-12-31')}
    """
    ranges = {}
    for text in given:
        name, equals, ends = text.rpartition("=")
        low, dots, high = ends.partition("..")
        if not (name and equals and dots):
            raise typer.BadParameter(
                f"{text!r} is not of the form COLUMN=LOW..HIGH", param_hint="--between"
            )
        ranges[name] = (_number_or_text(low), _number_or_text(high))
    return ranges or None


def allowed_categories(given: Iterable[str]) -> dict[str, list[Any]] | None:
    """Return allowed categories by column from texts like ``plan=["basic", "plus"]``.

    Examples
    --------
    >>> allowed_categories(['plan=["basic", "plus"]'])
    {'plan': ['basic', 'plus']}
    """
    categories = {}
    for text in given:
        name, equals, listed = text.partition("=[")
        try:
            values = json.loads("[" + listed)
        except json.JSONDecodeError:
            values = None
        if not (name and equals and isinstance(values, list)):
            raise typer.BadParameter(
                f'{text!r} is not of the form COLUMN=["one", "other"]', param_hint="--allowed"
            )
        categories[name] = values
    return categories or None


def combinations(given: Iterable[str]) -> list[tuple[str, ...]] | None:
    """Return tuples of columns from texts like ``state,area_code``.

    Examples
    --------
    >>> combinations(["state, area_code"])
    [('state', 'area_code')]
    """
    return [tuple(name.strip() for name in text.split(",")) for text in given] or None


def inequalities(given: Iterable[str]) -> list[tuple[str, str, str]] | None:
    """Return triples from texts like ``min_price <= max_price``.

    Examples
    --------
    >>> inequalities(["min price <= max price"])
    [('min price', '<=', 'max price')]
    """
    triples = []
    for text in given:
        found = re.fullmatch(r"\s*(.+?)\s+(<=|>=|<|>)\s+(.+?)\s*", text)
        if found is None:
            raise typer.BadParameter(
                f"{text!r} is not of the form COLUMN <= COLUMN, with spaces around the sign",
                param_hint="--require",
            )
        triples.append((found[1], found[2], found[3]))
    return triples or None


def _number_or_text(text: str) -> Any:
    text = text.strip()
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text or None
