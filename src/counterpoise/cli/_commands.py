"""The commands."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from counterpoise.cli import _options as shared
from counterpoise.cli._declared import declared_parameters
from counterpoise.cli._terminal import aligned, printable, say
from counterpoise.errors import ModelError, TableFileError

if TYPE_CHECKING:
    import pandas as pd

    from counterpoise.constraints import Relation
    from counterpoise.report import Report, Verdict
    from counterpoise.training._runtime import RuntimeEstimate

_COMPARE = declared_parameters("comparison", "compare")
_SCALE = declared_parameters("scale", "resample_dataset")
_MAX_CLASSES = 8
_MAX_UNLEARNED = 3
_MANY_ROWS = 100_000  # take seconds to write
_NOTHING = "nothing to add: no class is smaller than asked for"
_OF_COLUMN = ("name", "kind", "domain")
_OF_RELATION = ("kind", "n_rows", "n_exceptions", "is_kept", "is_declared")
_WIDTH = 80
_POSITIVE = click.FloatRange(min=0, min_open=True)
_NOT_NEGATIVE = click.FloatRange(min=0)
_N_SHOWN = 3
_ROWS_PER_PART = 50_000
_REPORT_METHODS = {".html": "to_html", ".htm": "to_html", ".md": "to_markdown", ".json": "to_json"}


@click.command()
@shared.table_options
@shared.output_option
@shared.option("--mark-synthetic COLUMN", "Add a column: True for synthetic rows.")
@shared.option(
    "--teacher-probability COLUMN",
    "Add a column: the probability of the smaller of two classes (of more, of the row's own) "
    "by a teacher, an ensemble of classifiers; of real rows out of fold.",
    rare=True,
)
@shared.option("--only-synthetic", "Write the synthetic rows only.")
@shared.report_option
@shared.option(
    "--provenance FILE", "Write a table of where each synthetic row came from.", rare=True
)
@shared.option(
    "--save FOLDER", "Save the trained sampler, without the rows, for counterpoise sample."
)
@shared.option(
    "--save-rows", "Save the rows of the table with the sampler, as --no-copies needs.", rare=True
)
@shared.escape_option
@shared.option(
    "--dry-run",
    "Say how the table is understood and what a run would take; train and write nothing.",
)
@shared.option("--json", "Write the summary to stdout as JSON.", "as_json", rare=True)
@shared.force_option
@shared.parameter_option(
    shared.SAMPLER["sampling_strategy"],
    "--strategy STRATEGY",
    type=shared.parse_strategy,
    text=shared.SAMPLER["sampling_strategy"].help.replace('{"yes": 900}', "yes=900"),
)
@shared.sampler_options()
@shared.parameter_option(shared.SAMPLER["max_time"], "--max-time SECONDS", type=_POSITIVE)
@shared.parameter_option(shared.SAMPLER["checkpoint_dir"], "--checkpoint-dir FOLDER", rare=True)
@shared.dataset_options(_SCALE)
@shared.seed_option
@shared.verbosity_options
def resample(
    *,
    data: Path,
    target: str,
    output: Path | None,
    mark_synthetic: str | None,
    teacher_probability: str | None,
    only_synthetic: bool,
    reports: tuple[Path, ...],
    provenance: Path | None,
    save: Path | None,
    save_rows: bool,
    escape_formulas: bool,
    dry_run: bool,
    as_json: bool,
    force: bool,
    **options: Any,
) -> None:
    """Fill the small classes of a table with synthetic rows.

    DATA is a .csv, .tsv, .txt, .parquet or .xlsx file, a text file with .gz or .zst behind that, or
    - for CSV from stdin. The output is the table as it is, followed by the synthetic rows. Options
    that name columns, settings or reports can be given several times.

    DATA can also be a folder or a glob of Parquet files, such as 'rows/*.parquet', of any size.
    --output is then a folder, which gets the synthetic rows only, part by part; a run that was
    killed goes on from there.
    """
    names = ("max_rows", "rows_per_part", "copy", "shard", "engine", "address")
    about_dataset = {name: options.pop(name) for name in names}
    if shared.is_dataset(data, output):
        if output is None:
            raise click.BadParameter("for a data set, name a folder", param_hint="--output")
        unused = dict[str, Any](
            mark_synthetic=mark_synthetic, teacher_probability=teacher_probability, report=reports
        )
        unused |= {"provenance": provenance, "save": save, "dry_run": dry_run, "json": as_json}
        _resample_dataset(data, target, output, {**unused, "force": force}, about_dataset, options)
        return
    if about_dataset["copy"] or about_dataset["engine"] or about_dataset["shard"] != (0, 1):
        raise click.BadParameter("--copy, --shard and --engine are for many Parquet files")
    from counterpoise.columns._unlearned import without
    from counterpoise.distillation import Teacher, probability_by
    from counterpoise.io import (
        DELIMITERS,
        check_distinct,
        check_output,
        table_name,
        table_suffix,
        write_table,
    )
    from counterpoise.persistence._sampler import check_can_be_saved
    from counterpoise.recipes import get_recipe
    from counterpoise.sampler import LLMOverSampler
    from counterpoise.training._checkpoint import checkpoint_folder
    from counterpoise.training._data_parallel import data_parallel

    given = options["checkpoint_dir"]
    checkpoint_dir = None if given is None else Path(given)
    named = [("DATA", data), ("--output", output), ("--provenance", provenance), ("--save", save)]
    named += [("--report", path) for path in reports]
    check_distinct([*named, ("--checkpoint-dir", checkpoint_dir)], may_hold="--checkpoint-dir")
    check_output(output, overwrite=force)
    if provenance is not None:
        check_output(provenance, overwrite=force)
    if as_json and output is None and not dry_run:
        message = "stdout has the rows: name a file for --output"
        raise click.BadParameter(message, param_hint="--json")
    _check_reports(reports, overwrite=force)
    _check_save(save, save_rows, no_copies=options["no_copies"])
    table, types = shared.read_source(data, target, options)
    new = {"--mark-synthetic": mark_synthetic, "--teacher-probability": teacher_probability}
    taken: list[Any] = list(table.frame.columns)
    for flag, added in new.items():
        if added is not None and added in taken:
            raise click.BadParameter(f"the table already has a column {added!r}", param_hint=flag)
        taken.append(added)
    suffix = ".csv" if output is None else output.suffix.lower()
    if suffix in DELIMITERS:
        table.check_as_text()
    X, y = table.frame.drop(columns=target), table.frame[target]
    shared.check_classes(y)
    options["sampling_strategy"] = shared.strategy_for(options["sampling_strategy"], y)
    parameters = shared.sampler_parameters(options, X)
    if save is not None:
        check_can_be_saved(get_recipe(parameters["recipe"]))
    sampler = LLMOverSampler(column_types=types or None, **parameters, **options)
    if dry_run:
        estimate = sampler._dry_run(X, y)
        as_text = _as_json if as_json else _plan
        click.echo(as_text(y, sampler.sampling_strategy_, sampler, estimate=estimate))
        return
    with checkpoint_folder(checkpoint_dir):  # until all is written
        with data_parallel() as is_first:
            sampler.set_params(verbose=options["verbose"] and is_first)
            X_resampled, y_resampled = sampler.fit_resample(X, y)
        if not is_first:
            return
        synthetic = X_resampled.iloc[len(y) :].copy()
        synthetic[target] = y_resampled.iloc[len(y) :].array
        note = say if options["verbose"] else _ignore
        if len(X_resampled) >= _MANY_ROWS:
            note(f"writing {len(X_resampled):,} rows")
        result = table.append(synthetic, as_text=suffix in DELIMITERS)
        if mark_synthetic is not None:
            result[mark_synthetic] = result.index >= len(y)
        if teacher_probability is not None:
            learned = without(X_resampled, getattr(sampler, "unlearned_columns_", ()))
            teacher = Teacher(id_columns=None, random_state=options["random_state"])
            shares = probability_by(teacher, learned, y_resampled, n_real=len(y))
            result[teacher_probability] = shares
        if only_synthetic:
            result = result.iloc[len(y) :]
        write_table(
            result,
            output,
            delimiter=table.delimiter if suffix == table_suffix(data) else None,
            source=table,
            n_real=0 if only_synthetic else len(y),
            escape_formulas=escape_formulas,
        )
        n_added = synthetic[target].value_counts().to_dict()
        note(_summary(y, n_added, sampler))
        if output is not None:
            note(f"wrote {len(result):,} rows to {output}")
        if provenance is not None:
            write_table(_provenance(sampler), provenance, escape_formulas=escape_formulas)
            note(f"wrote the provenance of the synthetic rows to {provenance}")
        if save is not None:
            sampler.save(save, include_rows=save_rows)
            note(f"saved the sampler to {save}")
        if reports:
            from counterpoise.report import report as report_of

            _write_reports(report_of(sampler, title=table_name(data)), reports, note)
        if as_json:
            click.echo(_as_json(y, n_added, sampler, timings=getattr(sampler, "timings_", {})))


def _resample_dataset(
    data: Path,
    target: str,
    output: Path,
    unused: Mapping[str, Any],
    about_dataset: Mapping[str, Any],
    options: dict[str, Any],
) -> None:
    from counterpoise.sampler import LLMOverSampler
    from counterpoise.scale import first_rows, resample_dataset
    from counterpoise.training._data_parallel import data_parallel

    for name in ("missing", "delimiter", "encoding", "decimal", "date_formats"):
        options.pop(name)  # of text files
    if given := [f"--{name.replace('_', '-')}" for name, value in unused.items() if value]:
        raise click.BadParameter("is not for a data set of many files", param_hint=given[0])
    frame = first_rows(data)
    shared.check_column(target, list(frame.columns), "target")
    X = frame.drop(columns=target)
    types = shared.declared_types(options, list(X.columns), target)
    parameters = shared.sampler_parameters(options, X)
    sampler = LLMOverSampler(column_types=types or None, **parameters, **options)
    with data_parallel() as is_first:
        sampler.set_params(verbose=options["verbose"] and is_first)
        done = resample_dataset(data, target, output, sampler=sampler, **about_dataset)
    note = say if options["verbose"] and is_first else _ignore
    note("\n".join(_class_lines(done.n_real, done.n_added)))
    note(f"learned from {done.n_learned:,} rows; {len(done.parts):,} files are in {output}")


def _check_save(save: Path | None, save_rows: bool, *, no_copies: bool) -> None:
    """Raise unless the sampler can be saved, and be used then, before any long work."""
    if save is None:
        if save_rows:
            raise click.BadParameter("there is no --save", param_hint="--save-rows")
        return
    from counterpoise.persistence._folder import check_new_folder

    if os.path.lexists(save):
        raise ModelError(f"{save} exists. Name a new folder for --save, or move it away.")
    check_new_folder(save, overwrite=False)
    if no_copies and not save_rows:
        message = "with --no-copies, a saved sampler needs the rows to avoid: give --save-rows too"
        raise click.BadParameter(message, param_hint="--save")


def _summary(real: pd.Series[Any], added: Mapping[Any, int], sampler: Any) -> str:
    """Return class counts, the model, the time, and what was found: a screen at most."""
    lines = _class_lines(real.value_counts().to_dict(), added)
    if not added:
        return "\n".join([*lines, _NOTHING])
    lines.append(f"model: {sampler.model_name_} ({sampler.model_reason_})")
    for stage in ("training", "generation"):
        seconds, rate = sampler.timings_[f"{stage}_s"], sampler.timings_[f"{stage}_rows_per_s"]
        lines.append(f"{stage}: {seconds:.1f} s, {rate:,.0f} rows/s")
    kinds = {"identifier": "identifier", "passthrough": "carried along"}
    unlearned = getattr(sampler, "unlearned_columns_", ())
    lines += [_cut(f"{kinds[c.kind]}: {c.name}, {c.text}") for c in unlearned[:_MAX_UNLEARNED]]
    if len(unlearned) > _MAX_UNLEARNED:
        lines.append(f"and {len(unlearned) - _MAX_UNLEARNED:,} more columns that are not learned")
    return "\n".join([*lines, *_relation_lines(getattr(sampler, "relations_", ()))])


def _plan(
    real: pd.Series[Any], added: Mapping[Any, int], sampler: Any, estimate: RuntimeEstimate | None
) -> str:
    """Return what a run would do, and how the table was understood."""
    facts = [("column", "type", "values"), *_column_facts(sampler)]
    widths = [min(32, max(len(one[at]) for one in facts)) for at in (0, 1)]
    lines = [
        _cut(f"{_cut(name, 32):{widths[0]}}  {kind:{widths[1]}}  {domain}")
        for name, kind, domain in facts
    ]
    lines += [
        "",
        *_class_lines(real.value_counts().to_dict(), added),
        *_relation_lines(sampler.relations_, cut=False),
    ]
    if estimate is None:
        lines.append(_NOTHING)
    else:
        lines.append(f"model: {sampler.model_name_} ({sampler.model_reason_})")
        lines.append(f"estimate: {estimate}")
    return printable("\n".join(lines))


def _class_lines(before: Mapping[Any, int], added: Mapping[Any, int]) -> list[str]:
    rows = [("class", "before", "synthetic", "after")]
    for class_, n in list(before.items())[:_MAX_CLASSES]:
        n_added = added.get(class_, 0)
        rows.append((_cut(str(class_), 40), f"{n:,}", f"{n_added:,}", f"{n + n_added:,}"))
    lines = aligned(rows).split("\n")
    if len(before) > _MAX_CLASSES:
        lines.append(f"and {len(before) - _MAX_CLASSES:,} more classes")
    return lines


def _as_json(real: pd.Series[Any], added: Mapping[Any, int], sampler: Any, **more: Any) -> str:
    """Return what a run does, or would do, for machines."""
    from counterpoise.metrics._quality import as_json

    record = {
        "target": str(real.name),
        "classes": [
            {"name": str(class_), "n_real": n, "n_synthetic": added.get(class_, 0)}
            for class_, n in real.value_counts().items()
        ],
        "columns": [dict(zip(_OF_COLUMN, one, strict=True)) for one in _column_facts(sampler)],
        "relations": [
            {"text": one.constraint.text, **{name: getattr(one, name) for name in _OF_RELATION}}
            for one in getattr(sampler, "relations_", ())
        ],
        "model": getattr(sampler, "model_name_", None),
        "model_reason": getattr(sampler, "model_reason_", None),
    }
    return json.dumps({**record, **{name: as_json(value) for name, value in more.items()}})


def _column_facts(sampler: Any) -> list[tuple[str, str, str]]:
    """Return name, type with notation, and values of each column."""
    facts = []
    for c in sampler.schema_:
        notation = getattr(c, "notation", "")
        facts.append((str(c.name), f"{c.kind}:{notation}" if notation else c.kind, c.domain()))
    return [*facts, *((str(c.name), c.kind, c.text) for c in sampler.unlearned_columns_)]


def _relation_lines(relations: Sequence[Relation], *, cut: bool = True) -> list[str]:
    """Return a line for each of the first relations that are kept, or that nearly hold."""
    kept = [str(one) for one in relations if one.is_kept]
    nearly = [
        f"{one} (rows {', '.join(map(str, one.exceptions[:_N_SHOWN]))}"
        f"{', ...' if one.n_exceptions > _N_SHOWN else ''})"
        for one in relations
        if one.n_exceptions and not one.is_kept
    ]
    lines = []
    all_satisfy = "relations between columns that every synthetic row satisfies:"
    few_break = "relations that nearly all real rows satisfy, not kept (rows count from 0):"
    for title, texts, most in (all_satisfy, kept, 5), (few_break, nearly, 2):  # it fits a screen
        shown = [f"  {text}" for text in (texts[:most] if cut else texts)]
        lines += [title, *(map(_cut, shown) if cut else shown)] if texts else []
        if len(shown) < len(texts):
            lines.append(f"  and {len(texts) - most:,} more; --report shows all")
    return lines


def _cut(text: str, width: int = _WIDTH) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _provenance(sampler: Any) -> pd.DataFrame:
    """Return one row per synthetic row; conditions as text, for their columns are of any type."""
    import pandas as pd

    def as_text(value: Any) -> str:
        return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)

    columns = "class condition_column condition_value log_likelihood nearest_distance nearest_row"
    none = pd.DataFrame(columns=columns.split())
    provenance = getattr(sampler, "provenance_", none).copy()
    for name in ("condition_column", "condition_value"):
        provenance[name] = provenance[name].map(as_text, na_action="ignore").astype(object)
    return provenance


@click.command()
@click.argument("folder", type=shared.PATH)
@shared.option(
    "--rows -n", "How many rows.", "n_samples", type=click.IntRange(min=0), required=True
)
@shared.option(
    "--class CLASS", "Their class; not needed if the sampler learned a single one.", "class_"
)
@shared.option(
    "--condition COLUMN=VALUE ...", "A value that all the rows have in a column.", "conditions"
)
@shared.output_option
@shared.option(
    "--shard SHARD/SHARDS",
    "Generate one of so many shards of the rows, counted from 0, such as 3/64. --output is "
    "then a folder, in which a part that is there already is left as it is.",
    type=shared.parse_shard,
)
@shared.option(
    "--part-format",
    "Of the file that --shard writes.",
    rare=True,
    type=click.Choice(["parquet", "csv"]),
    default="parquet",
    show_default=True,
)
@shared.engine_options
@shared.escape_option
@shared.force_option
@shared.device_option
@shared.seed_option
@shared.verbosity_options
def sample(
    *,
    folder: Path,
    n_samples: int,
    class_: str | None,
    conditions: tuple[str, ...],
    output: Path | None,
    shard: tuple[int, int] | None,
    part_format: str,
    engine: str | None,
    address: str | None,
    escape_formulas: bool,
    force: bool,
    device: str,
    random_state: int | None,
    verbose: bool,
) -> None:
    """Generate rows with a saved sampler.

    FOLDER was written by resample --save; the table is not needed. The option --condition can be
    given several times.

    With --shard, machines share the work, without knowing of each other: each runs the command
    with a shard of its own, and all parts together are the same rows, whatever their number and
    whatever ran where.
    """
    from counterpoise.io import check_output, write_table
    from counterpoise.sampler import LLMOverSampler
    from counterpoise.scale import ShardWriter, on_ray, with_labels

    note, writer = say if verbose else _ignore, None
    if shard is not None or engine is not None:
        if output is None:
            raise click.BadParameter("with --shard or --engine, name a folder for --output")
        if engine is not None and shard is not None:
            raise click.BadParameter("--engine writes all shards: leave --shard out")
        about = {"rows": n_samples, "seed": random_state or 0, "class": class_}
        about["escape_formulas"] = escape_formulas
        _check_parts(output, folder, {**about, "conditions": sorted(conditions)})
        which, n_shards = shard or (0, max(1, -(-n_samples // _ROWS_PER_PART)))
        writer = ShardWriter(folder, output, part_format, n_shards, device, escape_formulas)
        todo = writer.unfinished([which] if shard else range(n_shards), overwrite=force)
        output = writer.path(which)
        if not todo:
            note(f"{output} is there already")
            return
        for at in todo:
            check_output(writer.path(at), overwrite=force)
    else:
        check_output(output, overwrite=force)
    sampler = LLMOverSampler.load(folder, device=device)
    sampler.set_params(verbose=verbose)
    if class_ is not None:
        class_ = shared.class_named(class_, sampler.classes_.tolist(), "--class")
    condition: dict[Any, Any] = {}
    for text in conditions:
        name, value = shared.parse_condition(text, list(sampler.schema_))
        if name in condition:
            raise click.BadParameter(f"{name!r} is named twice", param_hint="--condition")
        condition[name] = value
    arguments: dict[str, Any] = {"n_samples": n_samples, "class_": class_}
    arguments |= {"condition": condition, "random_state": random_state}
    if writer is not None and engine is not None:
        writer.arguments = arguments
        n_written = on_ray(writer, todo, address)
        note(f"wrote {sum(n_written):,} rows to {writer.output}")
        return
    X, y = sampler.sample(shard=shard, **arguments)
    rows = with_labels(X, y)
    write_table(rows, output, escape_formulas=escape_formulas)
    if output is not None:
        note(f"wrote {len(rows):,} rows to {output}")


def _check_parts(folder: Path, sampler: Path, rows: dict[str, Any]) -> None:
    """Make the folder of the parts, which says whose they are; raise if it is of other rows."""
    from counterpoise import __version__
    from counterpoise.io import atomic_write
    from counterpoise.persistence._folder import MANIFEST

    note = folder / "_shards.json"  # what reads the parts as one table leaves such a name out
    try:
        manifest = (sampler / MANIFEST).read_bytes()
    except OSError:
        return  # loading the sampler says what is wrong
    rows |= {"sampler": hashlib.sha256(manifest).hexdigest(), "version": __version__}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not note.exists():
            with atomic_write(note) as draft:
                draft.write_text(json.dumps(rows, indent=1), encoding="utf-8")
        found = dict(json.loads(note.read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError) as error:
        raise TableFileError(f"{str(folder)!r} can't be a folder of parts: {error}.") from error
    if others := [name for name, value in rows.items() if found.get(name) != value]:
        message = f"has parts of other rows: not of the same {', '.join(others)}"
        raise TableFileError(f"{str(folder)!r} {message}. Name another folder.")


@click.command()
@shared.table_options
@shared.parameter_option(
    _COMPARE["classifiers"], "--classifier NAME ...", default=[_COMPARE["classifiers"].default]
)
@shared.option("--no-teacher", "Leave out what needs a teacher, to save time.", rare=True)
@shared.parameter_option(_COMPARE["positive"], "--positive CLASS")
@shared.parameter_option(_COMPARE["n_folds"], "--folds", type=click.IntRange(min=2))
@shared.parameter_option(_COMPARE["n_repeats"], "--repeats", rare=True, type=click.IntRange(min=1))
@shared.parameter_option(_COMPARE["score"], "--score")
@shared.parameter_option(
    _COMPARE["smallest_difference"], "--smallest-difference", rare=True, type=_NOT_NEGATIVE
)
@shared.parameter_option(_COMPARE["cost_fn"], "--cost-fn", type=_NOT_NEGATIVE)
@shared.parameter_option(_COMPARE["cost_fp"], "--cost-fp", type=_NOT_NEGATIVE)
@shared.parameter_option(_COMPARE["max_time"], "--max-time SECONDS", type=_POSITIVE)
@shared.parameter_option(_COMPARE["random_state"], "--seed", type=click.IntRange(min=0))
@shared.sampler_options(default=None, show_default="counterpoise and ranking, each")
@shared.report_option
@shared.force_option
@shared.verbosity_options
def compare(
    *, data: Path, target: str, reports: tuple[Path, ...], force: bool, **options: Any
) -> None:
    """Find out whether balancing a table helps, and how.

    DATA is a file as for resample. Doing nothing, class weights, repeated rows, SMOTENC,
    the best of several kinds of classifiers, the probabilities of a teacher that averages these,
    the teacher itself, and the language model (with --recipe, or both of our own recipes) are
    compared on the same splits, each with a threshold tuned out of fold. The verdict goes to
    stdout. Options that name columns, settings, classifiers or reports can be given several times.
    """
    from counterpoise._table_classifier import CLASSIFIERS
    from counterpoise.comparison._compare import compare as compare_strategies
    from counterpoise.comparison._cross_validation import OWN_RECIPES
    from counterpoise.io import check_distinct, table_name
    from counterpoise.sampler import LLMOverSampler

    for name in options["classifiers"]:
        if name not in CLASSIFIERS:
            raise shared.unknown(f"classifier {name!r}", CLASSIFIERS, "--classifier")
    check_distinct([("DATA", data), *(("--report", path) for path in reports)])
    _check_reports(reports, overwrite=force)
    table, types = shared.read_source(data, target, options)
    X, y = table.frame.drop(columns=target), table.frame[target]
    shared.check_classes(y)
    if (name := options["positive"]) is not None:
        options["positive"] = shared.class_named(name, y.unique().tolist(), "--positive")
    options["classifiers"] = list(options["classifiers"])
    options["teacher"] = None if options.pop("no_teacher") else "auto"
    samplers, given, rest = {}, options["recipe"], options
    for recipe in OWN_RECIPES if given is None else [given]:
        rest = {**options, "recipe": recipe}
        parameters = shared.sampler_parameters(rest, X)  # takes them out of `rest`
        name = OWN_RECIPES.get(recipe, recipe)
        samplers[name] = LLMOverSampler(column_types=types or None, **parameters)
    comparison = compare_strategies(
        X, y, sampler=samplers, column_types=types or None, title=table_name(data), **rest
    )
    click.echo(printable(_as_text(comparison.verdict)))
    _write_reports(comparison.report, reports, say if options["verbose"] else _ignore)


@click.command()
@shared.option("--real FILE", "The rows that were learned from.", required=True)
@shared.option("--synthetic FILE", "The generated rows.", required=True)
@shared.option("--holdout FILE", "Real rows that the generator has not seen, for leakage.")
@shared.option("--target COLUMN", "The column of the classes, shown one by one.")
@shared.option("--drop COLUMN,... ...", "Columns to leave out, of all the files.", "dropped")
@shared.option(
    "--output -o FILE ...", "Write the report: .html (a single file), .md or .json.", "reports"
)
@shared.option("--json", "Write it to stdout as JSON.", "as_json")
@shared.file_options
@shared.force_option
@shared.verbosity_options
def report(
    *,
    real: Path,
    synthetic: Path,
    holdout: Path | None,
    target: str | None,
    dropped: tuple[str, ...],
    reports: tuple[Path, ...],
    as_json: bool,
    force: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """Report on synthetic rows, whoever generated them, beside the real ones.

    Each file is one as for resample, with the same columns. What is found is summarized on
    stdout: in which rows the relations of the real ones hold, how well a classifier tells synthetic
    rows from real ones, and signs of leakage.
    """
    from counterpoise.io import check_distinct, table_name
    from counterpoise.report import report_rows
    from counterpoise.report._summary import findings, lead

    named = [("--real", real), ("--synthetic", synthetic), ("--holdout", holdout)]
    check_distinct([*named, *(("--output", path) for path in reports)])
    _check_reports(reports, overwrite=force)
    table, types = shared.read_source(real, target, {**options})
    left_out = shared.named_columns(dropped, list(table.frame.columns), "--drop")
    made = shared.read_like(synthetic, table, target, types, options)
    held = None
    if holdout is not None:
        held = shared.read_like(holdout, table, target, types, options)
    found = report_rows(
        table.frame.drop(columns=left_out),
        made.drop(columns=left_out),
        holdout=None if held is None else held.drop(columns=left_out),
        target=target,
        column_types={name: type_ for name, type_ in types.items() if name not in left_out},
        title=table_name(synthetic),
    )
    lines = [lead(found.summary), *(" ".join(one) for one in findings(found.summary))]
    click.echo(found.to_json() if as_json else printable("\n".join(lines)), nl=not as_json)
    _write_reports(found, reports, say if verbose else _ignore)


def _as_text(verdict: Verdict) -> str:
    from counterpoise.report._summary import result_row

    parts = [verdict.sentence]
    for classifier, results in verdict.results.items():
        scores = list(results[0].scores)[:4]
        header = ["", *scores, "difference", "95 % interval", "p (Holm)", "seconds"]
        rows = aligned([header, *(result_row(result, scores) for result in results)])
        parts.append(f"{classifier}, difference in {verdict.score}:\n{rows}")
    return "\n\n".join([*parts, *verdict.reasons, verdict.method])


def _check_reports(paths: Sequence[Path], *, overwrite: bool) -> None:
    """Raise unless reports can be written to `paths`, before any long work."""
    from counterpoise.io import check_destination

    for path in paths:
        if path.suffix.lower() not in _REPORT_METHODS:
            raise TableFileError(f"{str(path)!r} is no report: name it .html, .md or .json.")
        check_destination(path, overwrite=overwrite)


def _write_reports(report: Report, paths: Sequence[Path], note: Callable[[str], None]) -> None:
    """Write a report to each path, in the format of its suffix."""
    from counterpoise.io import atomic_write, writing_to

    for path in paths:
        with writing_to(repr(str(path))), atomic_write(path) as draft:
            getattr(report, _REPORT_METHODS[path.suffix.lower()])(draft)
        note(f"wrote a report to {path}")


def _ignore(note: str) -> None:
    pass
