"""Ways to treat imbalance, tried on the same splits of one table.

Repeated stratified cross-validation. Whatever learns (over-samplers, encoders, thresholds) sees
training rows only; a threshold is tuned out of fold on them, for every way alike.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import RepeatedStratifiedKFold

from counterpoise._progress import Progress, SilentProgress
from counterpoise.comparison._strategies import NOTHING, Strategy
from counterpoise.comparison._trial import Labelled, Memory, Plan, Trial


@dataclass(frozen=True, slots=True)
class Example:
    """The last way's rows in the first split: what a report can show."""

    train: Labelled
    synthetic: Labelled
    test: Labelled


@dataclass(frozen=True, slots=True)
class Contest:
    """What came of trying.

    Attributes
    ----------
    runs : DataFrame
        One row a classifier, way and split that was finished: ``classifier``, ``way``, ``split``;
        the scores at 0.5, and with the suffix ``_tuned`` at the threshold tuned out of fold;
        ``brier_corrected`` after the shift of class shares; ``mean_probability``, also
        ``_corrected``; ``cost`` and ``cost_at_half`` a row, where costs were given; ``seconds``.
    positive
        The class that is scored against the rest.
    n_positive, n_rows
        Real rows, of the positive class and in all.
    plan
        How it was done.
    n_splits
        Splits that every way finished or failed in.
    test_to_train
        Number of test rows over that of training rows.
    failures
        By way, the first error that it raised.
    warnings
        What was warned of on the way, each once.
    example
        See `Example`; None if the last way failed or makes no rows.
    """

    runs: pd.DataFrame
    positive: Any
    n_positive: int
    n_rows: int
    plan: Plan
    n_splits: int
    test_to_train: float
    failures: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    example: Example | None = None

    def table(self, classifier: str, score: str) -> pd.DataFrame:
        """Return a score by split (rows) and way (columns, in the order in which they ran)."""
        own = self.runs[self.runs["classifier"] == classifier]
        strategies = list(dict.fromkeys(own["way"]))
        return own.pivot(index="split", columns="way", values=score)[strategies]


def hold_contest(
    X: pd.DataFrame,
    y: pd.Series[Any],
    strategies: Sequence[Strategy],
    classifiers: Mapping[str, Any],
    plan: Plan,
    *,
    positive: Any = None,
    progress: Progress | None = None,
) -> Contest:
    """Try every way with every classifier on every split.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_features)
    y : Series of shape (n_rows,)
        Labels.
    ways : sequence of Way
        The first is ``"nothing"``.
    classifiers : mapping of str to object
        Name -> what `TableClassifier` takes.
    plan : Plan
        How.
    positive : object, default=None
        The class that is scored; the smallest by default.
    progress : Progress, default=None
        Where to report to.

    Returns
    -------
    Contest
        A way that raised an error in some split is left out of it, and named in ``failures``.

    Raises
    ------
    ValueError
        If `y` has one class only, `positive` is none of them or has fewer than 4 rows, or the
        first way is not ``"nothing"``.
    """
    X, y = X.reset_index(drop=True), y.reset_index(drop=True)
    positive, n_positive = _choose_positive(y, positive)
    if not strategies or strategies[0].name != NOTHING:
        raise ValueError(f"the first way must be {NOTHING!r}, which the others are held against")
    n_folds = min(plan.n_folds, n_positive // 2)
    splits = RepeatedStratifiedKFold(
        n_splits=n_folds, n_repeats=plan.n_repeats, random_state=plan.random_state
    )
    record = _Record()
    seeds = np.random.default_rng(plan.random_state).integers(2**31, size=splits.get_n_splits())
    total = splits.get_n_splits() * len(strategies)
    with (
        warnings.catch_warnings(record=True) as caught,
        (progress or SilentProgress()).stage("comparing", total=total, unit="trials") as advance,
    ):
        warnings.simplefilter("always", UserWarning)
        for number, (train, test) in _in_time(splits.split(np.zeros(len(y)), y), plan.max_time_s):
            trial = Trial(_take(X, y, train), _take(X, y, test), positive, plan, seeds[number])
            for strategy in strategies:
                record.add(trial, strategy, classifiers, number)
                advance()
    return Contest(
        runs=pd.DataFrame(record.rows),
        positive=positive,
        n_positive=n_positive,
        n_rows=len(y),
        plan=plan,
        n_splits=number + 1,
        test_to_train=1 / (n_folds - 1),
        failures=record.failures,
        warnings=_messages(caught),
        example=record.example,
    )


@dataclass(slots=True)
class _Record:
    """What has come of the trials so far."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    example: Example | None = None

    def add(
        self, trial: Trial, strategy: Strategy, classifiers: Mapping[str, Any], split: int
    ) -> None:
        """Try a way with every classifier; whatever it raises is its own failure."""
        memory = None if strategy.resample is None else Memory(strategy.resample)
        for name, classifier in classifiers.items():
            started, known_s = time.perf_counter(), 0.0 if memory is None else memory.seconds
            try:
                found = trial.run(strategy, name, classifier, memory)
            except Exception as error:
                if strategy.name == NOTHING:
                    raise  # there is nothing to compare with: the classifier is at fault
                self.failures.setdefault(strategy.name, f"{type(error).__name__}: {error}")
                return
            # what was balanced for the classifier before is counted for this one too
            seconds = time.perf_counter() - started + known_s
            self.rows.append({**found, "split": split, "seconds": seconds})
        if split == 0:
            self.example = None if memory is None else _example(trial, memory)


def _example(trial: Trial, memory: Memory) -> Example | None:
    X, y = memory(*trial.train, int(trial.seed))
    n_real = len(trial.train[1])
    synthetic = X.iloc[n_real:].reset_index(drop=True), y.iloc[n_real:].reset_index(drop=True)
    return Example(trial.train, synthetic, trial.test) if len(synthetic[1]) else None


def _choose_positive(y: pd.Series[Any], positive: Any) -> tuple[Any, int]:
    counts = y.value_counts()
    if len(counts) < 2:
        raise ValueError("y must hold two classes or more")
    if positive is None:
        positive = counts.index[-1]
    positive = getattr(positive, "item", lambda: positive)()  # a plain value, to be named in words
    if positive not in counts.index:
        raise ValueError(f"positive must be one of {list(counts.index)}; got {positive!r}")
    n_positive = int(counts[positive])
    if n_positive < 4:
        raise ValueError(
            f"class {positive!r} has {n_positive} rows; with fewer than 4, no two parts of the "
            "table can each learn from it and be judged by it"
        )
    return positive, n_positive


def _in_time(
    splits: Iterator[tuple[Any, Any]], max_time_s: float | None
) -> Iterator[tuple[int, tuple[Any, Any]]]:
    """Count the splits off, and stop before the one that would probably end too late."""
    started = time.perf_counter()
    for number, split in enumerate(splits):
        elapsed = time.perf_counter() - started
        if max_time_s is not None and number and elapsed * (number + 1) / number > max_time_s:
            return
        yield number, split


def _take(X: pd.DataFrame, y: pd.Series[Any], rows: Any) -> Labelled:
    return X.iloc[rows].reset_index(drop=True), y.iloc[rows].reset_index(drop=True)


def _messages(caught: Sequence[warnings.WarningMessage]) -> tuple[str, ...]:
    ours = [w for w in caught if "counterpoise" in w.filename.replace("\\", "/")]
    return tuple(dict.fromkeys(str(warning.message) for warning in ours))
