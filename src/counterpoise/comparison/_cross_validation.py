"""Repeated stratified cross-validation of all strategies, on the same splits of one table.

Over-samplers, encoders and thresholds see training rows only. For every strategy alike, the
threshold is tuned on the training rows out of fold.
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
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import RepeatedStratifiedKFold

from counterpoise._progress import Progress, SilentProgress
from counterpoise.calibration import shift_priors
from counterpoise.comparison._classifiers import TableClassifier
from counterpoise.comparison._out_of_fold import (
    XY,
    Fold,
    predict_folds,
    resample_folds,
    take_rows,
)
from counterpoise.comparison._scores import Costs, best_threshold, scores
from counterpoise.comparison._strategies import NOTHING, Strategy


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
        for name in ("n_folds", "n_inner_folds"):
            if getattr(self, name) < 2:
                raise ValueError(f"{name} must be 2 or more; got {getattr(self, name)}")
        if self.n_repeats < 1:
            raise ValueError(f"n_repeats must be 1 or more; got {self.n_repeats}")
        if self.max_time is not None and self.max_time <= 0:
            raise ValueError(f"max_time must be above 0; got {self.max_time}")


@dataclass(frozen=True, slots=True)
class Split:
    """Training and test rows, and the seed of what is random in between."""

    number: int
    train: XY
    test: XY
    seed: int


@dataclass(frozen=True, slots=True)
class Balanced:
    """The training rows of a split as a strategy changes them, for all classifiers."""

    rows: XY  # the real training rows, then the synthetic ones
    folds: list[Fold]
    seconds: float


@dataclass(frozen=True, slots=True)
class Example:
    """Rows of the first split, for a report; the synthetic ones are the last strategy's."""

    train: XY
    synthetic: XY
    test: XY


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """The scores of all strategies.

    Attributes
    ----------
    runs : DataFrame
        One row per split, strategy and classifier: ``classifier``, ``strategy``, ``split``; the
        scores at 0.5, and with the suffix ``_tuned`` at the threshold tuned out of fold;
        ``brier_corrected`` after the correction for class shares; ``mean_probability``, also
        ``_corrected``; ``cost`` per 1,000 rows and ``cost_at_half`` (threshold 0.5), if costs were
        given; ``seconds`` to over-sample, train and tune.
    """

    runs: pd.DataFrame
    positive: Any  # the class that is scored against the rest
    n_positive: int
    n_rows: int
    settings: Settings
    n_splits: int  # that were finished
    test_to_train: float  # number of test rows over number of training rows
    failures: Mapping[str, str]  # strategy -> the first error that it raised
    warnings: tuple[str, ...]  # our own, each once
    example: Example | None  # None if the last strategy failed or adds no rows

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
        (progress or SilentProgress()).stage("comparing", total=n_runs, unit="runs") as advance,
    ):
        warnings.simplefilter("always", UserWarning)
        for split in _splits(X, y, n_folds, settings):
            for strategy in strategies:
                try:
                    balanced = _balance(split, strategy, settings.n_inner_folds)
                    for name, classifier in classifiers.items():
                        run = _run(split, strategy, balanced, classifier, positive, settings.costs)
                        key = {"classifier": name, "strategy": strategy.name, "split": split.number}
                        runs.append({**key, **run})
                except Exception as error:
                    if strategy.name == NOTHING:
                        raise  # there is nothing to compare with: the classifier is at fault
                    failures.setdefault(strategy.name, f"{type(error).__name__}: {error}")
                else:
                    if split.number == 0 and strategy is strategies[-1]:
                        example = _example(split, balanced)
                advance()
    return CrossValidation(
        runs=pd.DataFrame(runs),
        positive=positive,
        n_positive=n_positive,
        n_rows=len(y),
        settings=settings,
        n_splits=split.number + 1,
        test_to_train=1 / (n_folds - 1),
        failures=failures,
        warnings=_own_messages(caught),
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
) -> Iterator[Split]:
    """Yield the splits, but none that would probably end after ``max_time``."""
    folds = RepeatedStratifiedKFold(
        n_splits=n_folds, n_repeats=settings.n_repeats, random_state=settings.random_state
    )
    seeds = np.random.default_rng(settings.random_state).integers(2**31, size=folds.get_n_splits())
    started = time.perf_counter()
    for number, (train, test) in enumerate(folds.split(X, y)):
        elapsed_s = time.perf_counter() - started
        expected_s = elapsed_s * (number + 1) / max(number, 1)
        if settings.max_time is not None and number and expected_s > settings.max_time:
            return
        yield Split(number, take_rows(X, y, train), take_rows(X, y, test), int(seeds[number]))


def _balance(split: Split, strategy: Strategy, n_inner_folds: int) -> Balanced:
    """Over-sample the training rows, and each inner fold of them by itself."""
    started = time.perf_counter()
    X, y = split.train
    rows = (X, y) if strategy.resample is None else strategy.resample(X, y, split.seed)
    folds = resample_folds(X, y, strategy.resample, n_folds=n_inner_folds, random_state=split.seed)
    return Balanced(rows, folds, time.perf_counter() - started)


def _run(
    split: Split,
    strategy: Strategy,
    balanced: Balanced,
    classifier: Any,
    positive: Any,
    costs: Costs | None,
) -> dict[str, float]:
    """Train one classifier on the balanced rows, and score it on the test rows."""
    started = time.perf_counter()
    model = TableClassifier(classifier, class_weight=strategy.class_weight, random_state=split.seed)
    (X_train, y_train), (X_test, y_test) = split.train, split.test
    out_of_fold = predict_folds(model, balanced.folds, X_train, positive=positive)
    probability = model.fit(*balanced.rows).probability_of(X_test, positive)
    tuned = scores(
        y_test,
        probability,
        best_threshold(y_train, out_of_fold, positive=positive),
        positive=positive,
    )
    run = {
        **scores(y_test, probability, positive=positive),
        **{f"{name}_tuned": value for name, value in tuned.items()},
        **_calibration(split, strategy, balanced, probability, positive),
    }
    if costs is not None:
        threshold = costs.best_threshold(y_train, out_of_fold, positive=positive)
        run["cost"] = 1000 * costs.of(y_test, probability, threshold, positive=positive)
        run["cost_at_half"] = 1000 * costs.of(y_test, probability, 0.5, positive=positive)
    return {**run, "seconds": time.perf_counter() - started + balanced.seconds}


def _calibration(
    split: Split,
    strategy: Strategy,
    balanced: Balanced,
    probability: npt.NDArray[np.float64],
    positive: Any,
) -> dict[str, float]:
    """Return how far off probabilities are, before and after the correction for class shares."""
    y_train = split.train[1]
    true_share = float((y_train == positive).mean())
    share = float((balanced.rows[1] == positive).mean())
    if strategy.class_weight == "balanced":  # as if all classes had the same number of rows
        share = 1 / y_train.nunique()
    corrected = shift_priors(
        np.column_stack([1 - probability, probability]),
        [1 - share, share],
        [1 - true_share, true_share],
    )[:, 1]
    return {
        "brier_corrected": float(brier_score_loss(split.test[1] == positive, corrected)),
        "mean_probability": float(probability.mean()),
        "mean_probability_corrected": float(corrected.mean()),
    }


def _example(split: Split, balanced: Balanced) -> Example | None:
    X, y = balanced.rows
    added = np.arange(len(split.train[1]), len(y))
    return Example(split.train, take_rows(X, y, added), split.test) if len(added) else None


def _own_messages(caught: Sequence[warnings.WarningMessage]) -> tuple[str, ...]:
    own = [warning for warning in caught if "counterpoise" in warning.filename]
    return tuple(dict.fromkeys(str(warning.message) for warning in own))
