"""One run: one method on one split of one table, and every classifier on the balanced rows.

Nothing of a run depends on the test rows but what classifiers predict on them, at the very end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from benchmarks._methods import Balanced, Method
from benchmarks._protocols import (
    Protocol,
    Split,
    best_parameters,
    macro_scores,
    published_scores,
)
from benchmarks._tables import BenchTable, Rows
from counterpoise._table_classifier import TableClassifier, probability_of
from counterpoise.columns import Schema
from counterpoise.comparison._cross_validation import (
    Fold,
    predict_folds,
    resample_folds,
)
from counterpoise.comparison._scores import best_threshold, scores
from counterpoise.distillation import Teacher
from counterpoise.metrics import check_validity, measure_quality


@dataclass(frozen=True, slots=True)
class Outcome:
    """The figures of a run, each test row's probability by classifier, and the generated rows."""

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
    fidelity: bool = False,
    likelihood: bool = False,
) -> Outcome:
    """Balance, train, score; `seed` is the number of the split.

    With `tune` classifiers are tuned on the inner folds. With `diversity` that of the synthetic
    rows is measured, and leakage; with `fidelity` how well they are told from the rows that were
    cut (some seconds), with `likelihood` the log-likelihood of those.
    """
    X, y = table.take(split.train)
    cut = table.take(split.cut)

    def resample(X: pd.DataFrame, y: pd.Series[Any], seed: int) -> Balanced:
        return method.resample(X, y, seed, table=table, protocol=protocol, cut=cut)

    seconds: dict[str, float] = {}
    started = time.perf_counter()
    balanced = resample(X, y, _seed(seed, "method"))
    seconds["resample"] = time.perf_counter() - started
    folds = [Fold(balanced.X, balanced.y, split.test)]
    if protocol.threshold_folds:
        started = time.perf_counter()
        folds += _folds(X, y, resample, protocol, seed)
        seconds["resample_folds"] = time.perf_counter() - started
    teachers: dict[Fold, Teacher] = {}
    if method.learn is not None:
        started = time.perf_counter()
        for fold in folds:
            teacher = Teacher(id_columns=None, random_state=_seed(seed, "method"))
            teachers[fold] = teacher.fit(fold.X, fold.y)
        seconds["teach"] = time.perf_counter() - started
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
        report["valid_share"] = float(check_validity(synthetic, real).all(axis="columns").mean())
    started = time.perf_counter()
    scored, predictions = _classify(method, folds, teachers, table, split, protocol, seed, tune)
    seconds["classify"] = time.perf_counter() - started
    report |= scored
    aspects = ["diversity", "privacy"] * diversity + ["fidelity"] * fidelity
    if aspects and balanced.n_synthetic:
        of_class = synthetic[synthetic[table.spec.target] == table.positive]
        report["diversity"] = _quality(
            X, X[is_positive], cut[0], of_class[list(X)], table, aspects, _seed(seed, "diversity")
        )
    if likelihood and method.kind == "llm":
        found = balanced.sampler.score_samples(*cut)
        found = found[np.isfinite(found)]  # the others have a cell that training did not show
        mean = float(found.mean()) if len(found) else None
        report["method"] |= {"held_out_log_likelihood": mean, "n_held_out": len(found)}
    return Outcome(report, predictions, synthetic)


def _classify(
    method: Method,
    folds: list[Fold],
    teachers: Mapping[Fold, Teacher],
    table: BenchTable,
    split: Split,
    protocol: Protocol,
    seed: int,
    tune: bool,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the scores of every classifier, and its probabilities for the test rows.

    The first of the folds has all training rows.
    """
    whole, *inner = folds
    rows, (X_test, y_test) = table.take(split.train), table.take(split.test)
    report: dict[str, Any] = {"classifiers": {}}
    predictions = pd.DataFrame({"row": split.test, "label": y_test})
    for name in protocol.classifiers:
        classifier = TableClassifier(
            name,
            categorical=table.categorical,
            class_weight=method.class_weight,
            random_state=_seed(seed, "classifier"),
        )
        if tune:
            parameters = best_parameters(name, classifier, inner, *rows, positive=table.positive)
            classifier.set_params(parameters=parameters)
        fit = partial(_fit, method, classifier, teachers, _seed(seed, "classifier"))
        fitted = fit(whole)
        predictions[name] = probability_of(fitted, X_test, table.positive)
        if name == protocol.classifiers[0] and table.y.nunique() > 2:
            report["macro"] = macro_scores(y_test, fitted.predict_proba(X_test), fitted.classes_)
        report["classifiers"][name] = {
            **_scores(fit, predictions[name], inner, rows, y_test, table, split),
            "parameters": classifier.parameters or {},
        }
    if protocol.as_published:
        report["published"] = published_scores(
            (whole.X, whole.y), (X_test, y_test), table.categorical, seed
        )
    return report, predictions


def _fit(
    method: Method,
    classifier: TableClassifier,
    teachers: Mapping[Fold, Teacher],
    seed: int,
    fold: Fold,
) -> Any:
    """Return what a method trains on a fold."""
    own = clone(classifier)
    if method.learn is None:
        return own.fit(fold.X, fold.y)
    return method.learn(own, teachers[fold], (fold.X, fold.y), seed)


def _scores(
    fit: Callable[[Fold], Any],
    probability: pd.Series[float],
    folds: list[Fold],
    rows: Rows,
    y_test: pd.Series[Any],
    table: BenchTable,
    split: Split,
) -> dict[str, Any]:
    """Score at 0.5 and, with inner folds, at the threshold that is best out of fold."""

    def at(threshold: float) -> dict[str, float]:
        return scores(
            y_test,
            probability.to_numpy(),
            threshold,
            positive=table.positive,
            sample_weight=split.test_weight,
        )

    if not folds:
        return {"scores": at(0.5), "tuned_scores": None, "threshold": None}
    out_of_fold = predict_folds(fit, folds, rows[0], positive=table.positive)
    threshold = best_threshold(rows[1], out_of_fold, positive=table.positive)
    return {"scores": at(0.5), "tuned_scores": at(threshold), "threshold": threshold}


def _folds(
    X: pd.DataFrame,
    y: pd.Series[Any],
    resample: Callable[[pd.DataFrame, pd.Series[Any], int], Balanced],
    protocol: Protocol,
    seed: int,
) -> list[Fold]:
    """Return the inner folds, each balanced by itself."""

    def balance(X: pd.DataFrame, y: pd.Series[Any], seed: int) -> Rows:
        balanced = resample(X, y, seed)
        return balanced.X, balanced.y

    seed = _seed(seed, "folds")
    return resample_folds(X, y, balance, n_folds=protocol.threshold_folds, random_state=seed)


def _synthetic(balanced: Balanced, n_real: int, table: BenchTable) -> pd.DataFrame:
    n = balanced.n_synthetic
    rows = balanced.X.iloc[n_real : n_real + n].reset_index(drop=True)
    return rows.assign(**{table.spec.target: balanced.y.iloc[n_real : n_real + n].to_numpy()})


def _quality(
    train: pd.DataFrame,
    minority: pd.DataFrame,
    cut: pd.DataFrame,
    synthetic: pd.DataFrame,
    table: BenchTable,
    aspects: list[str],
    seed: int,
) -> dict[str, Any] | None:
    """Return each measure's value, and what other rows reach (``*_anchor``).

    None with fewer than two rows on either side.
    """
    if min(len(minority), len(synthetic)) < 2:
        return None
    quality = measure_quality(
        minority.reset_index(drop=True),
        cut if len(cut) >= 2 else None,
        synthetic.reset_index(drop=True),
        Schema.infer(train, kinds=table.column_types),
        aspects=aspects,
        max_rows=1000,
        n_draws=10,
        random_state=seed,
    )
    return {
        measure.name: {
            "value": measure.value,
            "real_anchor": measure.real_anchor,
            "duplicate_anchor": measure.duplicate_anchor,
            "shuffled_anchor": measure.shuffled_anchor,
        }
        for measure in quality
    }


def _seed(seed: int, purpose: str) -> int:
    """Return a seed for one purpose: the same in every method's run of a split."""
    entropy = [seed, *purpose.encode()]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0] >> 1)
