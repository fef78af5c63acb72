"""The commands; what they do is imported when they run, so that help is instant."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from counterpoise.cli import _options as demands
from counterpoise.cli import _options as options
from counterpoise.cli._compare import compare
from counterpoise.cli._terminal import reported
from counterpoise.cli._values import column_types, number_or, parse_strategy

app = typer.Typer(
    help="Balance imbalanced tables with synthetic rows written by a language model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        import counterpoise

        typer.echo(f"counterpoise {counterpoise.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    pass


@app.command()
def resample(
    data: options.Data,
    target: options.Target,
    output: options.Output = None,
    force: options.Force = False,
    missing: options.Missing = None,
    delimiter: options.Delimiter = None,
    encoding: options.Encoding = "utf-8",
    categorical: options.Categorical = None,
    kind: options.ColumnKinds = None,
    mark_synthetic: options.MarkSynthetic = None,
    synthetic_only: options.SyntheticOnly = False,
    report: options.ReportFile = None,
    provenance: options.ProvenanceFile = None,
    strategy: options.Strategy = "auto",
    recipe: options.Recipe = "counterpoise",
    interpolation: options.Interpolation = "recipe",
    permutation: options.Permutation = "recipe",
    condition: options.Condition = "recipe",
    selection: options.Selection = "recipe",
    refinement: options.Refinement = "recipe",
    train_on: options.TrainOn = "recipe",
    range_margin: options.RangeMargin = 0.0,
    between: options.Between = None,
    allowed: options.Allowed = None,
    together: options.Together = None,
    require: options.Require = None,
    copies: options.Copies = True,
    model: options.Model = "compact",
    serialization: options.Serialization = "recipe",
    decoding: options.Decoding = "recipe",
    lora_rank: options.LoraRank = None,
    n_layers: options.NLayers = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    epochs: options.Epochs = "recipe",
    max_samples_seen: options.MaxSamplesSeen = None,
    batch_size: options.BatchSize = "auto",
    learning_rate: options.LearningRate = "auto",
    validation_fraction: options.ValidationFraction = "recipe",
    patience: options.Patience = 3,
    temperature: options.Temperature = "recipe",
    top_p: options.TopP = 1.0,
    generation_batch_size: options.GenerationBatchSize = "auto",
    max_time: options.MaxTime = None,
    checkpoint_dir: options.CheckpointDir = None,
    save: options.Save = None,
    seed: options.Seed = None,
    verbose: options.Verbose = True,
    debug: options.Debug = False,
) -> None:
    """Fill the small classes of a table with synthetic rows.

    What is written is the table as it was, and below it the synthetic rows.
    """
    sampler: dict[str, Any] = {
        "model": model,
        "recipe": recipe,
        "serialization": serialization,
        "decoding": decoding,
        "interpolation": None if interpolation == "none" else interpolation,
        "permutation": permutation,
        "condition": condition,
        "selection": None if selection == "none" else selection,
        "refinement": None if refinement == "none" else refinement,
        "train_on": train_on,
        "epochs": number_or(int, epochs, "--epochs", ("recipe", "auto")),
        "max_samples_seen": max_samples_seen,
        "batch_size": number_or(int, batch_size, "--batch-size"),
        "learning_rate": number_or(float, learning_rate, "--learning-rate"),
        "validation_fraction": number_or(
            float, validation_fraction, "--validation-fraction", ("recipe", "auto")
        ),
        "patience": patience,
        "temperature": number_or(float, temperature, "--temperature", ("recipe",)),
        "top_p": top_p,
        "generation_batch_size": number_or(int, generation_batch_size, "--generation-batch-size"),
        "lora_rank": lora_rank,
        "n_layers": n_layers,
        "range_margin": range_margin,
        "ranges": demands.column_ranges(between or ()),
        "categories": demands.allowed_categories(allowed or ()),
        "fixed_combinations": demands.combinations(together or ()),
        "inequalities": demands.inequalities(require or ()),
        "allow_copies": copies,
        "device": device,
        "precision": precision,
        "max_time": max_time,
        "checkpoint_dir": None if checkpoint_dir is None else str(checkpoint_dir),
        "random_state": seed,
        "verbose": verbose,
    }
    wanted_strategy, kinds = parse_strategy(strategy), column_types(kind or ())
    with reported(debug=debug):
        from counterpoise.cli._resample import Resampling, run
        from counterpoise.cli._source import Source

        run(
            Resampling(
                source=Source(
                    data=data,
                    target=target,
                    missing=tuple(missing or ()),
                    delimiter=delimiter,
                    encoding=encoding,
                    categorical=tuple(categorical or ()),
                    kinds=kinds,
                ),
                output=None if output == Path("-") else output,
                overwrite=force,
                mark_synthetic=mark_synthetic,
                synthetic_only=synthetic_only,
                report=report,
                provenance=provenance,
                save=save,
                strategy=wanted_strategy,
                sampler=sampler,
                verbose=verbose,
            )
        )


@app.command()
def sample(
    folder: options.SavedFolder,
    n: options.NumberOfRows,
    class_: options.SampledClass = None,
    output: options.Output = None,
    force: options.Force = False,
    device: options.Device = "auto",
    seed: options.Seed = None,
    verbose: options.Verbose = True,
    debug: options.Debug = False,
) -> None:
    """Write further rows with a sampler that was kept, without its table."""
    with reported(debug=debug):
        from counterpoise.cli._sample import Sample, run

        run(
            Sample(
                folder=folder,
                n=n,
                class_=class_,
                output=None if output == Path("-") else output,
                overwrite=force,
                device=device,
                seed=seed,
                verbose=verbose,
            )
        )


@app.command()
def demo(
    output: options.DemoOutput = Path("churn-balanced.csv"),
    force: options.Force = False,
    model: options.Model = "compact",
    seed: options.Seed = 0,
    verbose: options.Verbose = True,
    debug: options.Debug = False,
) -> None:
    """Balance a table of customers who leave, and compare: nothing, SMOTENC, counterpoise.

    The comparison goes to standard output, the balanced table to a file.
    """
    if output == Path("-"):
        raise typer.BadParameter(
            "standard output is for the comparison; name a file for the balanced table",
            param_hint="--output",
        )
    with reported(debug=debug):
        from counterpoise.demo import run_demo

        report = run_demo(
            output=output, overwrite=force, model=model, random_state=seed, verbose=verbose
        )
        typer.echo(report)


app.command()(compare)
