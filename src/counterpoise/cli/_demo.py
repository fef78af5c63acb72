"""``counterpoise demo``: a table balanced three ways."""

from __future__ import annotations

from pathlib import Path

import click

from counterpoise.cli import _options as shared


@click.command()
@click.option(
    "--output",
    "-o",
    type=shared.PATH,
    metavar="FILE",
    default="churn-balanced.csv",
    show_default=True,
    help="Where to write the balanced table: .csv, .tsv or .parquet.",
)
@shared.force_option
@shared.model_option
@shared.parameter_option(
    shared.SAMPLER["random_state"],
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    metavar="INTEGER",
)
@shared.verbosity_options
def demo(*, output: Path, force: bool, model: str, random_state: int, verbose: bool) -> None:
    """Compare no balancing, SMOTENC and counterpoise on a table.

    The comparison goes to stdout, the balanced table to a file.
    """
    if output == Path("-"):
        raise click.BadParameter(
            "stdout is for the comparison; name a file for the balanced table",
            param_hint="--output",
        )
    from counterpoise.demo import run_demo

    click.echo(
        run_demo(
            output=output, overwrite=force, model=model, random_state=random_state, verbose=verbose
        )
    )
