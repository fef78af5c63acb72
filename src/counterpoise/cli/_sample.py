"""``counterpoise sample``: rows from a saved sampler."""

from __future__ import annotations

from pathlib import Path

import click

from counterpoise.cli import _options as shared
from counterpoise.cli._terminal import say
from counterpoise.errors import ModelError


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

    from counterpoise.io._files import check_output, write_table
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
