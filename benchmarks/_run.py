"""One run: one method on one split of one table, and every classifier on the balanced rows.

Nothing of a run depends on the test rows but what classifiers predict on them, at the very end.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from benchmarks._likelihood import held_out_log_likelihood
from benchmarks._methods import Balanced, Method
from benchmarks._protocols import Protocol, Split, best_parameters, published_scores
from benchmarks._tables import BenchTable
from benchmarks._utility import macro_scores, measure_utility
from counterpoise.columns._schema import Schema
from counterpoise.comparison._classifiers import TableClassifier
from counterpoise.comparison._out_of_fold import Fold, predict_folds, resample_folds
from counterpoise.metrics import check_validity, measure_quality

_ASPECTS = ("diversity", "privacy")
"""Fidelity is left out: its classifiers take ten times as long as all the rest of a run."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run found.

    Attributes
    ----------
    report
        Every figure.
    predictions
        A row per test row: its number, its label, and each classifier's probability.
    synthetic
        The generated rows, the label last.
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
    likelihood: bool = False,
) -> Outcome:
    """Balance, train, score.

    Parameters
    ----------
    seed
        Number of the split; every seed of the run is derived from it, by name.
    tune
        Whether classifiers are tuned on the inner folds.
    diversity
        Whether the synthetic rows' diversity is measured.
    likelihood
        Whether the log-likelihood of the rows that were cut is measured, of language models.
    """
    X, y = table.take(split.train)
    cut = table.take(split.cut)

    def resample(X: pd.DataFrame, y: pd.Series[Any], seed: int) -> Balanced:
        return method.resample(X, y, seed, table=table, protocol=protocol, cut=cut)

    seconds: dict[str, float] = {}
    started = time.perf_counter()
    balanced = resample(X, y, _seed(seed, "method"))
    seconds["resample"] = time.perf_counter() - started
    folds: list[Fold] = []
    if protocol.threshold_folds:
        started = time.perf_counter()
        folds = _folds(X, y, resample, protocol, seed)
        seconds["resample_folds"] = time.perf_counter() - started
    synthetic = _synthetic(balanced, len(X), table)
    is_positive = (y == table.positive).to_numpy()
    report: dict[str, Any] = {
        "n_train": len(X),
        "n_minority": int(is_positive.sum()),
        "n_test": len(split.test),
        "n_synthetic": balanced.n_synthetic,
        "valid_share": None,
        "method": dict(balanced.figures),
        "seconds": seconds,
    }
    if balanced.n_synthetic:
        real = X.assign(**{table.spec.target: y})
        report["valid_share"] = check_validity(synthetic, real).share_of_rows
    started = time.perf_counter()
    scored, predictions = _classify(method, balanced, folds, table, split, protocol, seed, tune)
    seconds["classify"] = time.perf_counter() - started
    report |= scored
    if diversity and balanced.n_synthetic:
        of_class = synthetic[synthetic[table.spec.target] == table.positive]
        report["diversity"] = _diversity(
            X, X[is_positive], cut[0], of_class[list(X)], table, _seed(seed, "diversity")
        )
    if likelihood and method.kind == "llm":
        report["method"] |= held_out_log_likelihood(balanced.sampler, cut[0], table.positive)
    return Outcome(report, predictions, synthetic)


def _classify(
    method: Method,
    balanced: Balanced,
    folds: list[Fold],
    table: BenchTable,
    split: Split,
    protocol: Protocol,
    seed: int,
    tune: bool,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the scores of every classifier, and its probabilities for the test rows."""
    X, y = table.take(split.train)
    X_test, y_test = table.take(split.test)
    is_multiclass = table.y.nunique() > 2
    report: dict[str, Any] = {"classifiers": {}}
    predictions = pd.DataFrame({"row": split.test, "label": y_test})
    for number, name in enumerate(protocol.classifiers):
        classifier = TableClassifier(
            name,
            categorical=table.categorical,
            class_weight=method.class_weight,
            random_state=_seed(seed, "classifier"),
        )
        if number == 0 and is_multiclass:
            fitted = clone(classifier).fit(balanced.X, balanced.y)
            probability = fitted.predict_proba(X_test)
            report["macro"] = macro_scores(y_test, probability, fitted.classes_)
        if tune:
            parameters = best_parameters(name, classifier, folds, X, y, positive=table.positive)
            classifier.set_params(parameters=parameters)
        out_of_fold = None
        if folds:
            out_of_fold = (y, predict_folds(classifier, folds, X, positive=table.positive))
        utility = measure_utility(
            classifier,
            (balanced.X, balanced.y),
            (X_test, y_test),
            positive=table.positive,
            out_of_fold=out_of_fold,
            test_weight=split.test_weight,
        )
        report["classifiers"][name] = {
            "scores": utility.scores,
            "tuned_scores": utility.tuned_scores,
            "threshold": utility.threshold,
            "parameters": classifier.parameters or {},
        }
        predictions[name] = utility.probability
    if protocol.as_published:
        report["published"] = published_scores(
            (balanced.X, balanced.y), (X_test, y_test), table.categorical, seed
        )
    return report, predictions


def _folds(
    X: pd.DataFrame,
    y: pd.Series[Any],
    resample: Callable[[pd.DataFrame, pd.Series[Any], int], Balanced],
    protocol: Protocol,
    seed: int,
) -> list[Fold]:
    """Return the inner folds, each balanced by itself."""

    def balance(
        X: pd.DataFrame, y: pd.Series[Any], seed: int
    ) -> tuple[pd.DataFrame, pd.Series[Any]]:
        balanced = resample(X, y, seed)
        return balanced.X, balanced.y

    return resample_folds(
        X, y, balance, n_folds=protocol.threshold_folds, random_state=_seed(seed, "folds")
    )


def _synthetic(balanced: Balanced, n_real: int, table: BenchTable) -> pd.DataFrame:
    n = balanced.n_synthetic
    rows = balanced.X.iloc[n_real : n_real + n].reset_index(drop=True)
    return rows.assign(**{table.spec.target: balanced.y.iloc[n_real : n_real + n].to_numpy()})


def _diversity(
    train: pd.DataFrame,
    minority: pd.DataFrame,
    cut: pd.DataFrame,
    synthetic: pd.DataFrame,
    table: BenchTable,
    seed: int,
) -> dict[str, Any] | None:
    """Return each measure's value, what held-out rows and what repeated rows reach (``*_anchor``).

    None with fewer than two rows on either side.
    """
    if min(len(minority), len(synthetic)) < 2:
        return None
    quality = measure_quality(
        minority.reset_index(drop=True),
        cut if len(cut) >= 2 else None,
        synthetic.reset_index(drop=True),
        Schema.infer(train, kinds=dict.fromkeys(table.categorical, "categorical")),
        aspects=_ASPECTS,
        max_rows=1000,
        n_draws=10,
        random_state=seed,
    )
    return {
        measure.name: {
            "value": measure.value,
            "real_anchor": measure.real_anchor,
            "duplicate_anchor": measure.duplicate_anchor,
        }
        for measure in quality
    }


def _seed(seed: int, purpose: str) -> int:
    """Return a seed for one purpose: the same in every method's run of a split."""
    entropy = [seed, *purpose.encode()]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0] >> 1)
