"""``counterpoise resample`` fills the small classes of a table; ``sample`` draws further rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from counterpoise.cli import _options as shared
from counterpoise.cli._files import check_report, read_source, write_report
from counterpoise.cli._terminal import aligned, say
from counterpoise.errors import ModelError

if TYPE_CHECKING:
    import pandas as pd


@click.command()
@shared.table_options
@shared.output_option
@click.option("--mark-synthetic", metavar="COLUMN", help="Add a column: True for synthetic rows.")
@click.option("--only-synthetic", is_flag=True, help="Write the synthetic rows only.")
@click.option(
    "--report",
    type=shared.PATH,
    metavar="FILE",
    help="Write a report: .html (a single file), .md or .json.",
)
@click.option(
    "--provenance",
    cls=shared.RareOption,
    type=shared.PATH,
    metavar="FILE",
    help="Write a table of where each synthetic row came from.",
)
@click.option(
    "--save",
    type=shared.PATH,
    metavar="FOLDER",
    help="Save the trained sampler, without the rows, for counterpoise sample.",
)
@click.option(
    "--save-rows",
    cls=shared.RareOption,
    is_flag=True,
    help="Save the rows of the table with the sampler, as --no-copies needs.",
)
@shared.force_option
@shared.parameter_option(
    shared.SAMPLER["sampling_strategy"],
    "--strategy",
    type=shared.parse_strategy,
    metavar="STRATEGY",
)
@shared.sampler_options
@shared.parameter_option(shared.SAMPLER["max_time"], "--max-time", metavar="SECONDS")
@shared.parameter_option(
    shared.SAMPLER["checkpoint_dir"], "--checkpoint-dir", cls=shared.RareOption, metavar="FOLDER"
)
@shared.seed_option
@shared.verbosity_options
def resample(
    *,
    data: Path,
    target: str,
    output: Path | None,
    mark_synthetic: str | None,
    only_synthetic: bool,
    report: Path | None,
    provenance: Path | None,
    save: Path | None,
    save_rows: bool,
    force: bool,
    **options: Any,
) -> None:
    """Fill the small classes of a table with synthetic rows.

    DATA is a .csv, .tsv or .parquet file. The output is the table as it is, followed by the
    synthetic rows. Options that name columns or settings can be given several times.
    """
    from counterpoise.io import DELIMITERS, check_output, write_table
    from counterpoise.sampler import LLMOverSampler

    for path, check in ((output, check_output), (report, check_report), (provenance, check_output)):
        if path is not None:
            check(path, overwrite=force)
    _check_save(save, save_rows, no_copies=options["no_copies"])
    table, types = read_source(data, target, options)
    if mark_synthetic in table.frame.columns:
        raise click.BadParameter(
            f"the table already has a column {mark_synthetic!r}", param_hint="--mark-synthetic"
        )
    X, y = table.frame.drop(columns=target), table.frame[target]
    if isinstance(strategy := options["sampling_strategy"], dict):
        classes = y.unique().tolist()
        options["sampling_strategy"] = {
            shared.class_named(name, classes, "--strategy"): n for name, n in strategy.items()
        }
    parameters = shared.sampler_parameters(options, X)
    sampler = LLMOverSampler(column_types=types or None, **parameters, **options)
    X_resampled, y_resampled = sampler.fit_resample(X, y)
    synthetic = X_resampled.iloc[len(y) :].copy()
    synthetic[target] = y_resampled.iloc[len(y) :].array

    suffix = ".csv" if output is None else output.suffix.lower()
    result = table.append(synthetic, as_text=suffix in DELIMITERS)
    if mark_synthetic is not None:
        result[mark_synthetic] = result.index >= len(y)
    if only_synthetic:
        result = result.iloc[len(y) :]
    write_table(
        result, output, delimiter=table.delimiter if suffix == data.suffix.lower() else None
    )
    note = say if options["verbose"] else lambda _: None
    note(_summary(y, synthetic[target], sampler))
    if output is not None:
        note(f"wrote {len(result):,} rows to {output}")
    if provenance is not None:
        write_table(_provenance(sampler), provenance)
        note(f"wrote the provenance of the synthetic rows to {provenance}")
    if save is not None:
        sampler.save(save, include_rows=save_rows)
        note(f"saved the sampler to {save}")
    if report is not None:
        from counterpoise.report import report as make_report

        write_report(make_report(sampler, title=data.stem), report)
        note(f"wrote a report to {report}")


def _check_save(save: Path | None, save_rows: bool, *, no_copies: bool) -> None:
    """Raise unless the sampler can be saved, and be used then, before any long work."""
    if save is None:
        if save_rows:
            raise click.BadParameter("there is no --save", param_hint="--save-rows")
    elif save.exists():
        raise ModelError(f"{save} exists. Name a new folder for --save, or move it away.")
    elif no_copies and not save_rows:
        raise click.BadParameter(
            "with --no-copies, a saved sampler needs the rows of the table to avoid: "
            "give --save-rows too, which stores them in the folder",
            param_hint="--save",
        )


def _summary(real: pd.Series[Any], synthetic: pd.Series[Any], sampler: Any) -> str:
    """Return the class counts before and after, the model, and the speed of each stage."""
    before, added = real.value_counts(), synthetic.value_counts()
    rows = [("class", "before", "synthetic", "after")]
    for class_, n in before.items():
        n_added = added.get(class_, 0)
        rows.append((str(class_), f"{n:,}", f"{n_added:,}", f"{n + n_added:,}"))
    if synthetic.empty:
        return f"{aligned(rows)}\nnothing to add: no class is smaller than asked for"
    lines = [aligned(rows), f"model: {sampler.model_name_} ({sampler.model_reason_})"]
    for stage in ("training", "generation"):
        seconds, rate = sampler.timings_[f"{stage}_s"], sampler.timings_[f"{stage}_rows_per_s"]
        lines.append(f"{stage}: {seconds:.1f} s, {rate:,.0f} rows/s")
    return "\n".join(lines)


def _provenance(sampler: Any) -> pd.DataFrame:
    """Return one row per synthetic row; conditions as text, for their columns are of any type."""
    import pandas as pd

    def as_text(value: Any) -> str | None:
        if isinstance(value, tuple):
            return ", ".join(map(str, value))
        return None if pd.isna(value) else str(value)

    columns = ["class", "condition_column", "condition_value", "log_likelihood"]
    columns += ["nearest_distance", "nearest_row"]
    provenance = getattr(sampler, "provenance_", pd.DataFrame(columns=columns)).copy()
    for name in ("condition_column", "condition_value"):
        provenance[name] = provenance[name].map(as_text).astype(object)
    return provenance


@click.command()
@click.argument("folder", type=shared.PATH)
@click.option(
    "--rows", "-n", "n_samples", type=click.IntRange(min=0), required=True, help="How many rows."
)
@click.option(
    "--class",
    "class_",
    metavar="CLASS",
    help="Their class; not needed if the sampler learned a single one.",
)
@shared.output_option
@shared.force_option
@shared.device_option
@shared.seed_option
@shared.verbosity_options
def sample(
    *,
    folder: Path,
    n_samples: int,
    class_: str | None,
    output: Path | None,
    force: bool,
    device: str,
    random_state: int | None,
    verbose: bool,
) -> None:
    """Generate rows with a saved sampler.

    FOLDER was written by resample --save; the table is not needed.
    """
    import pandas as pd

    from counterpoise.io import check_output, write_table
    from counterpoise.sampler import LLMOverSampler

    if output is not None:
        check_output(output, overwrite=force)
    sampler = LLMOverSampler.load(folder, device=device)
    sampler.set_params(verbose=verbose)
    if class_ is not None:
        class_ = shared.class_named(class_, sampler.classes_.tolist(), "--class")
    X, y = sampler.sample(n_samples, class_=class_, random_state=random_state)
    if not isinstance(X, pd.DataFrame):
        raise ModelError(
            f"the sampler in {folder} was fitted on arrays, which have no columns to write; "
            "load it in Python"
        )
    X[str(getattr(y, "name", None) or "class")] = y
    write_table(X, output)
    if verbose and output is not None:
        say(f"wrote {len(X):,} rows to {output}")
