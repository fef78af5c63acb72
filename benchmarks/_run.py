"""One run: one method on one split of one table, and every classifier on what it made.

What a run learns of the test rows is what classifiers predict on them, at the very end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks._diversity import diversity_figures
from benchmarks._methods import Balanced, Method
from benchmarks._protocols import Protocol, Split, best_parameters, published_scores
from benchmarks._tables import BenchTable
from benchmarks._utility import Utility, macro_scores, measure_utility
from counterpoise.comparison._classifiers import TableClassifier
from counterpoise.comparison._out_of_fold import Fold, predict_folds, resample_folds
from counterpoise.metrics import check_validity


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run found.

    Attributes
    ----------
    report
        Everything that is a figure; plain enough for JSON.
    predictions
        One row a test row: its number, its label, and each classifier's probability.
    synthetic
        The rows made, the label last.
    """

    report: dict[str, Any]
    predictions: pd.DataFrame
    synthetic: pd.DataFrame


def perform(
    method: Method,
    table: BenchTable,
    split: Split,
    protocol: Protocol,
    *,
    seed: int,
    tune: bool = False,
    diversity: bool = True,
) -> Outcome:
    """Balance, train, score.

    Parameters
    ----------
    seed
        Number of the split; every seed of the run is made of it, by name.
    tune
        Whether classifiers are tuned on the inner folds.
    diversity
        Whether the synthetic rows' diversity is measured.
    """
    X, y = _take(table, split.train)
    cut = _take(table, split.cut)

    def resample(X: pd.DataFrame, y: pd.Series[Any], seed: int) -> Balanced:
        return method.resample(X, y, seed, table=table, protocol=protocol, cut=cut)

    started = time.perf_counter()
    balanced = resample(X, y, _seed(seed, "method"))
    seconds = {"resample": time.perf_counter() - started}
    folds = _folds(X, y, resample, protocol, seed, seconds)
    synthetic = _synthetic(balanced, len(X), table)
    report: dict[str, Any] = {
        "n_train": len(X),
        "n_minority": int((y == table.positive).sum()),
        "n_test": len(split.test),
        "n_synthetic": balanced.n_synthetic,
        "valid_share": _valid_share(synthetic, X, y, table) if balanced.n_synthetic else None,
        "method": dict(balanced.figures),
        "classifiers": {},
    }
    predictions = pd.DataFrame({"row": split.test, "label": table.y.iloc[split.test].to_numpy()})
    started = time.perf_counter()
    for name in protocol.classifiers:
        classifier = TableClassifier(
            name,
            categorical=table.categorical,
            class_weight=method.class_weight,
            random_state=_seed(seed, "classifier"),
        )
        if tune:
            parameters = best_parameters(name, classifier, folds, X, y, positive=table.positive)
            classifier.set_params(parameters=parameters)
        utility = _judge(classifier, balanced, folds, (X, y), table, split)
        report["classifiers"][name] = _scores(utility, classifier)
        predictions[name] = utility.probability
    if len(table.y.unique()) > 2:
        report["macro"] = _macro(protocol, method, balanced, table, split, seed)
    if protocol.as_published:
        report["published"] = published_scores(
            (balanced.X, balanced.y), _take(table, split.test), table.categorical, seed
        )
    seconds["classify"] = time.perf_counter() - started
    report["seconds"] = seconds
    if diversity and balanced.n_synthetic:
        of_minority = X[(y == table.positive).to_numpy()]
        written = synthetic[synthetic[table.spec.target] == table.positive]
        report["diversity"] = diversity_figures(
            X, of_minority, cut[0], written[list(X)], table.column_kinds, _seed(seed, "diversity")
        )
    return Outcome(report, predictions, synthetic)


def _folds(
    X: pd.DataFrame,
    y: pd.Series[Any],
    resample: Callable[[pd.DataFrame, pd.Series[Any], int], Balanced],
    protocol: Protocol,
    seed: int,
    seconds: dict[str, float],
) -> list[Fold]:
    """Return the inner folds, each over-sampled by itself; none if no threshold is tuned."""
    if not protocol.threshold_folds:
        return []
    started = time.perf_counter()

    def balance(
        X: pd.DataFrame, y: pd.Series[Any], seed: int
    ) -> tuple[pd.DataFrame, pd.Series[Any]]:
        balanced = resample(X, y, seed)
        return balanced.X, balanced.y

    folds = resample_folds(
        X, y, balance, n_folds=protocol.threshold_folds, random_state=_seed(seed, "folds")
    )
    seconds["resample_folds"] = time.perf_counter() - started
    return folds


def _judge(
    classifier: TableClassifier,
    balanced: Balanced,
    folds: list[Fold],
    train: tuple[pd.DataFrame, pd.Series[Any]],
    table: BenchTable,
    split: Split,
) -> Utility:
    X, y = train
    out_of_fold = None
    if folds:
        out_of_fold = (y, predict_folds(classifier, folds, X, positive=table.positive))
    return measure_utility(
        classifier,
        (balanced.X, balanced.y),
        _take(table, split.test),
        positive=table.positive,
        out_of_fold=out_of_fold,
        test_weight=split.test_weight,
    )


def _macro(
    protocol: Protocol,
    method: Method,
    balanced: Balanced,
    table: BenchTable,
    split: Split,
    seed: int,
) -> dict[str, float]:
    """Return scores of all the classes alike, of the first classifier."""
    fitted = TableClassifier(
        protocol.classifiers[0],
        categorical=table.categorical,
        class_weight=method.class_weight,
        random_state=_seed(seed, "classifier"),
    ).fit(balanced.X, balanced.y)
    X_test, y_test = _take(table, split.test)
    return macro_scores(y_test, fitted.predict_proba(X_test), fitted.classes_)


def _scores(utility: Utility, classifier: TableClassifier) -> dict[str, Any]:
    return {
        "scores": utility.scores,
        "tuned_scores": utility.tuned_scores,
        "threshold": utility.threshold,
        "parameters": classifier.parameters or {},
    }


def _take(table: BenchTable, rows: npt.NDArray[np.int64]) -> tuple[pd.DataFrame, pd.Series[Any]]:
    return table.X.iloc[rows].reset_index(drop=True), table.y.iloc[rows].reset_index(drop=True)


def _synthetic(balanced: Balanced, n_real: int, table: BenchTable) -> pd.DataFrame:
    n = balanced.n_synthetic
    rows = balanced.X.iloc[n_real : n_real + n].reset_index(drop=True)
    return rows.assign(**{table.spec.target: balanced.y.iloc[n_real : n_real + n].to_numpy()})


def _valid_share(
    synthetic: pd.DataFrame, X: pd.DataFrame, y: pd.Series[Any], table: BenchTable
) -> float:
    return check_validity(synthetic, X.assign(**{table.spec.target: y})).share_of_rows


def _seed(seed: int, purpose: str) -> int:
    """Return a seed of a run's own for one purpose: the same in every method's run of a split."""
    entropy = [seed, *purpose.encode()]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0] >> 1)


def plain(value: Any) -> Any:
    """Return what JSON can hold: a value that is no number becomes None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
