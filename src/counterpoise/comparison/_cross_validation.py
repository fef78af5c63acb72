"""Repeated stratified cross-validation of all strategies, on the same splits of one table.

Over-samplers, encoders and thresholds see training rows only. For every strategy alike, the
threshold is tuned out of fold: the training part of every inner fold is over-sampled by itself, so
no synthetic row comes from a row that it helps to score. There is no cheaper way that is right for
a generator that was trained on all rows.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import RepeatedStratifiedKFold, StratifiedKFold

from counterpoise._progress import Progress
from counterpoise.calibration import shift_priors
from counterpoise.comparison._classifiers import TableClassifier
from counterpoise.comparison._scores import Costs, best_threshold, scores
from counterpoise.comparison._strategies import NOTHING, XY, Resample, Strategy


@dataclass(frozen=True, slots=True)
class Settings:
    """How strategies are cross-validated."""

    n_folds: int = 5  # at most half as many as the positive class has rows
    n_repeats: int = 2
    n_inner_folds: int = 3  # of the training rows, to tune the threshold
    costs: Costs | None = None
    max_time: float | None = None  # seconds; no split is started that is expected to end later
    random_state: int = 0  # of splits, over-samplers and classifiers

    def __post_init__(self) -> None:
        for name, least in (("n_folds", 2), ("n_repeats", 1), ("n_inner_folds", 2)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be {least} or more; got {getattr(self, name)}")
        if self.max_time is not None and self.max_time <= 0:
            raise ValueError(f"max_time must be above 0; got {self.max_time}")


@dataclass(frozen=True, slots=True)
class Fold:
    """An inner fold: the over-sampled rows to train on, and the positions of the held-out rows."""

    X: pd.DataFrame
    y: pd.Series[Any]
    held_out: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Balanced:
    """Training rows that a strategy has changed, for all classifiers, and the test rows."""

    strategy: Strategy
    train: XY
    test: XY
    seed: int
    rows: XY  # the real training rows, then the synthetic ones
    folds: list[Fold]
    seconds: float


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """The scores of all strategies."""

    # one row per split, strategy and classifier: `classifier`, `strategy`, `split`; the scores at
    # 0.5, and with the suffix `_tuned` at the threshold tuned out of fold; `brier_corrected` after
    # the correction for class shares; `mean_probability`, also `_corrected`; `cost` per 1,000 rows
    # and `cost_at_half` (threshold 0.5), if costs were given; `seconds` to over-sample, train, tune
    runs: pd.DataFrame
    positive: Any  # the class that is scored against the rest
    n_positive: int
    n_rows: int
    settings: Settings
    n_splits: int  # that were finished
    test_to_train: float  # number of test rows over number of training rows
    failures: Mapping[str, str]  # strategy -> the first error that it raised
    warnings: tuple[str, ...]  # our own, each once
    # training rows of the first split, synthetic rows of the last strategy, and test rows, for a
    # report; None if that strategy failed or adds no rows
    example: tuple[XY, XY, XY] | None

    def table(self, classifier: str, score: str) -> pd.DataFrame:
        """Return a score by split (rows) and strategy (columns, in the order in which they ran)."""
        runs = self.runs[self.runs["classifier"] == classifier]
        strategies = list(dict.fromkeys(runs["strategy"]))
        return runs.pivot(index="split", columns="strategy", values=score)[strategies]


def cross_validate(
    X: pd.DataFrame,
    y: pd.Series[Any],
    strategies: Sequence[Strategy],
    classifiers: Mapping[str, Any],
    settings: Settings,
    *,
    positive: Any = None,
    progress: Progress | None = None,
) -> CrossValidation:
    """Score every strategy with every classifier (whatever `TableClassifier` takes) on every split.

    A strategy that raises an error in a split is left out there, and named in ``failures``. An
    error of the first strategy, which must be `NOTHING`, is raised.
    """
    X, y = X.reset_index(drop=True), y.reset_index(drop=True)
    positive, n_positive = _choose_positive(y, positive)
    if not strategies or strategies[0].name != NOTHING:
        raise ValueError(f"the first strategy must be {NOTHING!r}: the others are compared with it")
    n_folds = min(settings.n_folds, n_positive // 2)
    n_runs = n_folds * settings.n_repeats * len(strategies)
    runs: list[dict[str, Any]] = []
    failures: dict[str, str] = {}
    example = None
    with (
        warnings.catch_warnings(record=True) as caught,
        (progress or Progress()).stage("comparing", total=n_runs, unit="runs") as advance,
    ):
        warnings.simplefilter("always", UserWarning)
        for number, (train, test, seed) in enumerate(_splits(X, y, n_folds, settings)):
            for strategy in strategies:
                try:
                    balanced = _balance(strategy, train, test, seed, settings.n_inner_folds)
                    for name, classifier in classifiers.items():
                        key = {"classifier": name, "strategy": strategy.name, "split": number}
                        runs.append(key | _run(balanced, classifier, positive, settings.costs))
                except Exception as error:
                    if strategy.name == NOTHING:
                        raise  # there is nothing to compare with: the classifier is at fault
                    failures.setdefault(strategy.name, f"{type(error).__name__}: {error}")
                else:
                    n_real, n_rows = len(train[1]), len(balanced.rows[1])
                    if number == 0 and strategy is strategies[-1] and n_rows > n_real:
                        synthetic = take_rows(*balanced.rows, slice(n_real, n_rows))
                        example = train, synthetic, test
                advance()
    return CrossValidation(
        runs=pd.DataFrame(runs),
        positive=positive,
        n_positive=n_positive,
        n_rows=len(y),
        settings=settings,
        n_splits=number + 1,
        test_to_train=1 / (n_folds - 1),
        failures=failures,
        warnings=tuple(
            dict.fromkeys(str(w.message) for w in caught if "counterpoise" in w.filename)
        ),
        example=example,
    )


def _choose_positive(y: pd.Series[Any], positive: Any) -> tuple[Any, int]:
    """Return the positive class, by default the smallest, and its number of rows."""
    counts = y.value_counts()
    if len(counts) < 2:
        raise ValueError("y must hold two classes or more")
    if positive is None:
        positive = counts.index[-1]
    positive = getattr(positive, "item", lambda: positive)()  # a plain value, for messages
    if positive not in counts.index:
        raise ValueError(f"positive must be one of {list(counts.index)}; got {positive!r}")
    n_positive = int(counts[positive])
    if n_positive < 4:
        raise ValueError(
            f"class {positive!r} has {n_positive} rows; cross-validation needs 4 or more, two to "
            "train on and two to test with"
        )
    return positive, n_positive


def _splits(
    X: pd.DataFrame, y: pd.Series[Any], n_folds: int, settings: Settings
) -> Iterator[tuple[XY, XY, int]]:
    """Yield training rows, test rows and a seed, but none that may end after ``max_time``."""
    folds = RepeatedStratifiedKFold(
        n_splits=n_folds, n_repeats=settings.n_repeats, random_state=settings.random_state
    )
    rng = np.random.default_rng(settings.random_state)
    seeds = rng.integers(2**31, size=folds.get_n_splits()).tolist()
    started = time.perf_counter()
    for number, (train, test) in enumerate(folds.split(X, y)):
        elapsed_s = time.perf_counter() - started
        expected_s = elapsed_s * (number + 1) / max(number, 1)
        if settings.max_time is not None and number and expected_s > settings.max_time:
            return
        yield take_rows(X, y, train), take_rows(X, y, test), seeds[number]


def _balance(strategy: Strategy, train: XY, test: XY, seed: int, n_inner_folds: int) -> Balanced:
    """Over-sample the training rows, and each inner fold of them by itself."""
    started = time.perf_counter()
    rows = train if strategy.resample is None else strategy.resample(*train, seed)
    folds = resample_folds(*train, strategy.resample, n_folds=n_inner_folds, random_state=seed)
    return Balanced(strategy, train, test, seed, rows, folds, time.perf_counter() - started)


def _run(
    balanced: Balanced, classifier: Any, positive: Any, costs: Costs | None
) -> dict[str, float]:
    """Train one classifier on the balanced rows, and score it on the test rows."""
    started = time.perf_counter()
    (X_train, y_train), (X_test, y_test) = balanced.train, balanced.test
    model = TableClassifier(
        classifier, class_weight=balanced.strategy.class_weight, random_state=balanced.seed
    )
    out_of_fold = predict_folds(model, balanced.folds, X_train, positive=positive)
    probability = model.fit(*balanced.rows).probability_of(X_test, positive)
    threshold = best_threshold(y_train, out_of_fold, positive=positive)
    tuned = scores(y_test, probability, threshold, positive=positive)
    run = {
        **scores(y_test, probability, positive=positive),
        **{f"{name}_tuned": value for name, value in tuned.items()},
        **_calibration(balanced, probability, positive),
    }
    if costs is not None:
        threshold = costs.best_threshold(y_train, out_of_fold, positive=positive)
        run["cost"] = 1000 * costs.of(y_test, probability, threshold, positive=positive)
        run["cost_at_half"] = 1000 * costs.of(y_test, probability, 0.5, positive=positive)
    return {**run, "seconds": time.perf_counter() - started + balanced.seconds}


def _calibration(
    balanced: Balanced, probability: npt.NDArray[np.float64], positive: Any
) -> dict[str, float]:
    """Return how far off probabilities are, before and after the correction for class shares."""
    y_train, y_test = balanced.train[1], balanced.test[1]
    true_share = float((y_train == positive).mean())
    share = float((balanced.rows[1] == positive).mean())
    if balanced.strategy.class_weight == "balanced":  # as if all classes had as many rows
        share = 1 / y_train.nunique()
    both = np.column_stack([1 - probability, probability])
    corrected = shift_priors(both, [1 - share, share], [1 - true_share, true_share])[:, 1]
    return {
        "brier_corrected": float(brier_score_loss(y_test == positive, corrected)),
        "mean_probability": float(probability.mean()),
        "mean_probability_corrected": float(corrected.mean()),
    }


def inner_folds(
    y: Any, n_folds: int, seed: int
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Return stratified folds, at most one per row of the smallest class: train, held out."""
    labels = np.asarray(y)
    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() < 2:
        raise ValueError(
            f"class {str(classes[counts.argmin()])!r} has one row; a threshold needs two or more"
        )
    folds = StratifiedKFold(min(n_folds, int(counts.min())), shuffle=True, random_state=seed)
    return list(folds.split(np.zeros(len(labels)), labels))


def resample_folds(
    X: pd.DataFrame,
    y: pd.Series[Any],
    resample: Resample | None,
    *,
    n_folds: int = 3,
    random_state: int = 0,
) -> list[Fold]:
    """Over-sample the training part of each inner fold, with a seed of its own."""
    folds = []
    seeds = np.random.default_rng(random_state).integers(2**31, size=n_folds)
    for (train, held_out), seed in zip(inner_folds(y, n_folds, random_state), seeds, strict=False):
        rows = take_rows(X, y, train)
        folds.append(Fold(*(rows if resample is None else resample(*rows, int(seed))), held_out))
    return folds


def predict_folds(
    classifier: TableClassifier, folds: list[Fold], X: pd.DataFrame, *, positive: Any
) -> npt.NDArray[np.float64]:
    """Return each row's probability of `positive` by a classifier that was not trained on it."""
    probability = np.full(len(X), np.nan)
    for fold in folds:
        fitted = clone(classifier).fit(fold.X, fold.y)
        probability[fold.held_out] = fitted.probability_of(X.iloc[fold.held_out], positive)
    return probability


def take_rows(X: pd.DataFrame, y: pd.Series[Any], rows: Any) -> XY:
    return X.iloc[rows].reset_index(drop=True), y.iloc[rows].reset_index(drop=True)
