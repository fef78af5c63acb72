"""The protocol that every benchmark follows: tables, splits, and how a classifier is scored."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OrdinalEncoder
from xgboost import XGBClassifier

from benchmarks import _tables as bench_tables
from benchmarks._tables import PUBLISHED, read_csv

IntArray = np.ndarray[Any, np.dtype[np.int64]]

TEST_SHARE = 0.2
MINORITY_SHARE_KEPT = 0.2


@dataclass(frozen=True, slots=True)
class Facts:
    """What one has to know of a table's file.

    Attributes
    ----------
    target : str
        Column of the labels.
    minority : str
        The class that is cut and then filled.
    numeric : tuple of str
        Numeric features; every other one is categorical.
    cut_at : float or None
        A numeric target is ``"high"`` from here on, else ``"low"``.
    """

    target: str
    minority: str
    numeric: tuple[str, ...]
    cut_at: float | None = None


TABLES = {
    name: Facts(spec.target, str(spec.positive), spec.numeric or (), spec.cut_at)
    for name, spec in PUBLISHED.items()
}
"""The tables of ``counterpoise bench``, with their minority, by name."""


@dataclass(frozen=True, slots=True)
class BenchmarkTable:
    """A table ready to be split.

    Attributes
    ----------
    X : DataFrame of shape (n_rows, n_features)
        Numbers where the column is numeric, strings elsewhere.
    y : Series of shape (n_rows,)
        Labels, strings.
    facts : Facts
        Its target, minority class and numeric columns.
    """

    X: pd.DataFrame
    y: pd.Series[str]
    facts: Facts

    @property
    def categorical(self) -> list[str]:
        """The features that are no numbers."""
        return [str(name) for name in self.X if name not in self.facts.numeric]

    @property
    def column_kinds(self) -> dict[str, str]:
        """The `column_kinds` argument of the over-sampler."""
        return dict.fromkeys(self.categorical, "categorical")


def data_folder(given: Path | None) -> Path:
    """Return the folder of the tables: the one given, or ``COUNTERPOISE_DATA_DIR``."""
    folder = given or Path(os.environ.get("COUNTERPOISE_DATA_DIR", ""))
    if not any((folder / f"{name}.csv").is_file() for name in TABLES):
        raise SystemExit(
            f"no tables in {str(folder)!r}: name the folder of {', '.join(TABLES)} (.csv) with "
            "--data-dir or COUNTERPOISE_DATA_DIR"
        )
    return folder


def read_rows(path: Path, numeric: Sequence[str]) -> pd.DataFrame:
    """Read a CSV file: numbers in the columns named, strings elsewhere, "" is missing.

    What is no number in a numeric column is missing too.
    """
    return read_csv(path, numeric)


def load_table(name: str, folder: Path) -> BenchmarkTable:
    """Load one of `TABLES` from `folder`."""
    table = bench_tables.load_table(name, folder)
    return BenchmarkTable(table.X, table.y, TABLES[name])


@dataclass(frozen=True, slots=True)
class Split:
    """Row numbers of a table.

    Attributes
    ----------
    train : ndarray of int64
        Rows to learn from: the majority, and a fifth of the minority.
    test : ndarray of int64
        A stratified fifth of the table.
    cut : ndarray of int64
        Minority rows that were taken out of training: held-out rows of the class to be filled.
    """

    train: IntArray
    test: IntArray
    cut: IntArray


def split_table(
    y: pd.Series[str], minority: str, seed: int, max_train_rows: int | None = None
) -> Split:
    """Split into training and test rows, and cut the minority in training to a fifth.

    Parameters
    ----------
    max_train_rows : int, optional
        Draw at most this many training rows (for a quick run), the minority's share kept.
    """
    everything = np.arange(len(y))
    train, test = train_test_split(everything, test_size=TEST_SHARE, stratify=y, random_state=seed)
    is_minority = (y == minority).to_numpy()
    minor, major = train[is_minority[train]], train[~is_minority[train]]
    rng = np.random.default_rng(seed)
    n_kept = max(2, round(MINORITY_SHARE_KEPT * len(minor)))
    kept = rng.choice(minor, n_kept, replace=False)
    cut = np.setdiff1d(minor, kept)
    if max_train_rows is not None and max_train_rows < n_kept + len(major):
        share = max_train_rows / (n_kept + len(major))
        kept = kept[: max(6, round(share * n_kept))]
        major = rng.choice(major, max_train_rows - len(kept), replace=False)
    return Split(np.sort(np.concatenate([major, kept])), np.sort(test), cut)


def score_classifier(
    train: tuple[pd.DataFrame, pd.Series[str]],
    test: tuple[pd.DataFrame, pd.Series[str]],
    minority: str,
    categorical: Sequence[str],
) -> dict[str, float]:
    """Fit XGBoost (as it comes) on `train` and score it on `test`.

    Returns
    -------
    dict of str to float
        ``f1`` of the minority at 0.5, ``pr_auc`` (average precision) and ``balanced_accuracy``.
    """
    X_train, X_test = train[0].copy(), test[0][list(train[0])].copy()
    if categorical:
        names = list(categorical)
        encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        X_train[names] = encoder.fit_transform(_as_text(X_train[names]))
        X_test[names] = encoder.transform(_as_text(X_test[names]))
    classifier = XGBClassifier(random_state=0)
    classifier.fit(X_train.astype(float), (train[1] == minority).astype(int))
    probability = classifier.predict_proba(X_test.astype(float))[:, 1]
    truth = (test[1] == minority).astype(int)
    return {
        "f1": float(f1_score(truth, probability >= 0.5)),
        "pr_auc": float(average_precision_score(truth, probability)),
        "balanced_accuracy": float(balanced_accuracy_score(truth, probability >= 0.5)),
    }


def _as_text(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype(object).where(frame.notna(), "missing").astype(str)
