"""`counterpoise.compare`: whether balancing is worth it on a table, and if so, how."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from counterpoise._progress import make_progress
from counterpoise.columns import Schema
from counterpoise.columns._frames import CallerType, as_frame, as_labels
from counterpoise.comparison._cross_validation import (
    CrossValidation,
    cross_validate,
    default_strategies,
)
from counterpoise.comparison._estimators import check_classifier
from counterpoise.comparison._scores import Costs
from counterpoise.comparison._verdict import choose_score, reach_verdict
from counterpoise.report import Report
from counterpoise.report._build import LabelledRows, describe_run, summarize
from counterpoise.report._summary import Verdict


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of `compare`. In a notebook, it shows its report.

    Attributes
    ----------
    verdict : Verdict
        What to do, and the evidence.
    cross_validation : CrossValidation
        Every score of every run, as ``cross_validation.runs``.
    report : Report
        All of it as a page, and the synthetic rows of the first split beside the real ones.
    """

    verdict: Verdict
    cross_validation: CrossValidation
    report: Report

    def __str__(self) -> str:
        return self.verdict.sentence

    def _repr_html_(self) -> str:
        return self.report._repr_html_()


def compare(
    X: Any,
    y: Any,
    *,
    sampler: Any = None,
    classifiers: str | Any | Sequence[str] | Mapping[str, Any] = "hist-gradient-boosting",
    positive: Any = None,
    n_folds: int = 5,
    n_repeats: int = 2,
    score: str | None = None,
    smallest_difference: float | None = None,
    cost_fn: float | None = None,
    cost_fp: float | None = None,
    max_time: float | None = None,
    column_types: Mapping[Any, str] | None = None,
    title: str = "Table",
    random_state: int = 0,
    verbose: bool = False,
) -> Comparison:
    """Find out whether balancing a table helps, and by which strategy.

    Doing nothing, class weights, random over-sampling, SMOTENC and a language model are scored on
    the same splits of repeated stratified cross-validation. For each, the threshold is tuned out of
    fold.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_rows, n_features)
    y : Series or array-like of shape (n_rows,)
    sampler : over-sampler, default=None
        ``LLMOverSampler()`` by default. Cloned and seeded anew for each split.
    classifiers : str, classifier, sequence or mapping, default="hist-gradient-boosting"
        ``"hist-gradient-boosting"``, ``"logistic-regression"``, ``"random-forest"`` or
        ``"xgboost"``.

        Or any scikit-learn classifier, several of these, or a mapping of names to these.
    positive : object, default=None
        The class that is scored against the rest; the smallest by default.
    n_folds : int, default=5
        Folds of the cross-validation, 2 or more.
    n_repeats : int, default=2
        How often the table is split into folds anew.
    score : {"pr_auc", "roc_auc", "f1", "balanced_accuracy", "cost"}, default=None
        The score that the verdict is about: ``"cost"`` if costs are given, else ``"pr_auc"``.
    smallest_difference : float, default=None
        The smallest gain that matters, in units of the score (of costs, per 1,000 rows). 0.01 by
        default; of costs, a hundredth of what doing nothing costs.
    cost_fn : float, default=None
        Cost of a false negative; needs `cost_fp`.
    cost_fp : float, default=None
        Cost of a false positive; needs `cost_fn`.
    max_time : float, default=None
        Time limit in seconds: no split is started that is expected to end later. The verdict rests
        on those that are done.
    column_types : mapping, default=None
        As for `LLMOverSampler`; for the report, and for the sampler if none is given.
    title : str, default="Table"
        The report's name for the table.
    random_state : int, default=0
        Seed of splits, samplers and classifiers.
    verbose : bool, default=False
        Report progress on standard error.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If a parameter, a column or a class cannot be used; or if a classifier fails without any
        balancing.

    Notes
    -----
    A strategy is worth using if it beats doing nothing by `smallest_difference` on average, and the
    corrected resampled t-test [1]_, adjusted by Holm over strategies and classifiers, is
    significant at the level 0.05. Of these, the verdict takes the simplest that is less than
    `smallest_difference` behind the best. If there is none and every interval ends below
    `smallest_difference`, it is *don't*, else *can't tell*. It is about the classifier that does
    best without balancing.

    .. [1] Nadeau, Bengio, "Inference for the generalization error", Machine Learning 52 (2003).

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from imblearn.over_sampling import RandomOverSampler
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"a": rng.normal(size=80), "b": rng.choice(["x", "y"], 80)})
    >>> y = pd.Series(["stays"] * 60 + ["leaves"] * 20)
    >>> found = compare(
    ...     X, y, sampler=RandomOverSampler(), classifiers="logistic-regression", n_folds=2
    ... )
    >>> found.verdict.decision  # the features are noise
    "can't tell"
    """
    frame, labels = as_frame(X), pd.Series(np.asarray(as_labels(y)), name=CallerType.of(y).name)
    if labels.isna().any():
        raise ValueError(f"{int(labels.isna().sum())} of the labels in y are missing")
    schema = Schema.infer(frame, kinds=column_types)
    if sampler is None:
        from counterpoise.sampler import LLMOverSampler  # loads torch

        sampler = LLMOverSampler(column_types=column_types)
    if (cost_fn is None) != (cost_fp is None):
        raise ValueError(
            f"give both cost_fn and cost_fp, or neither; got {cost_fn!r} and {cost_fp!r}"
        )
    costs = None if cost_fn is None or cost_fp is None else Costs(cost_fn, cost_fp)
    choose_score(score, has_costs=costs is not None)  # raises before the long work
    for name, number, least in (("n_folds", n_folds, 2), ("n_repeats", n_repeats, 1)):
        if number < least:
            raise ValueError(f"{name} must be {least} or more; got {number}")
    if max_time is not None and max_time <= 0:
        raise ValueError(f"max_time must be above 0; got {max_time}")
    started = time.perf_counter()
    cv = cross_validate(
        frame,
        labels,
        default_strategies(sampler),
        _by_name(classifiers),
        positive=positive,
        n_folds=n_folds,
        n_repeats=n_repeats,
        costs=costs,
        max_time=max_time,
        random_state=random_state,
        progress=make_progress(verbose),
    )
    verdict = reach_verdict(cv, score, smallest_difference=smallest_difference)
    run = describe_run(
        clone(sampler),  # not what it was fitted on before
        model=str(getattr(sampler, "model", type(sampler).__name__)),
        model_reason="as asked for",
        seconds={"Comparing": time.perf_counter() - started},
    )
    notes = list(cv.warnings)
    real, synthetic, holdout = (
        LabelledRows(frame, labels),
        LabelledRows(frame[:0], labels[:0]),
        None,
    )
    if cv.example is not None:
        real, synthetic, holdout = (LabelledRows(*part) for part in cv.example)
        notes.insert(
            0,
            f"The synthetic rows shown here are those of the first of {cv.n_splits} splits: they "
            "were generated from its training rows, and are compared with its test rows.",
        )
    summary = summarize(
        real,
        synthetic,
        schema,
        run,
        title=title,
        target="class" if labels.name is None else str(labels.name),
        holdout=holdout,
        verdict=verdict,
        notes=notes,
        random_state=random_state,
    )
    return Comparison(verdict, cv, Report(summary))


def _by_name(classifiers: Any) -> dict[str, Any]:
    if isinstance(classifiers, Mapping):
        named = dict(classifiers)
    else:
        is_one = isinstance(classifiers, str) or not isinstance(classifiers, Sequence)
        several = [classifiers] if is_one else classifiers
        named = {one if isinstance(one, str) else type(one).__name__: one for one in several}
        if len(named) < len(several):
            raise ValueError(
                f"several classifiers are called {', '.join(named)}: give a mapping of names to "
                "classifiers"
            )
    if not named:
        raise ValueError("classifiers must name at least one classifier")
    for classifier in named.values():
        check_classifier(classifier)
    return named
