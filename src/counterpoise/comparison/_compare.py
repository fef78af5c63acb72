"""`counterpoise.compare`: whether balancing is worth it on a table, and if so, how."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from counterpoise._progress import make_progress
from counterpoise.columns._frames import as_frame, as_labels
from counterpoise.columns._schema import Schema
from counterpoise.comparison._classifiers import CLASSIFIERS
from counterpoise.comparison._contest import Contest, hold_contest
from counterpoise.comparison._scores import Costs
from counterpoise.comparison._strategies import default_strategies
from counterpoise.comparison._trial import Plan
from counterpoise.comparison._verdict import choose_score, judge
from counterpoise.report._build import Rows, describe_run, summarize
from counterpoise.report._document import Report
from counterpoise.report._verdict import Verdict
from counterpoise.sampler import LLMOverSampler

_SHOWN_SPLIT = (
    "The synthetic rows shown here are those of the first of {n} splits: they were written from "
    "its training rows, and held against its test rows."
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of comparing, and what it says to do. In a notebook, it shows its report.

    Attributes
    ----------
    verdict : Verdict
        What to do, and the evidence.
    contest : Contest
        Every score of every run, as ``contest.runs``.
    report : Report
        All of it as a page, and the synthetic rows of the first split beside the real ones.
    """

    verdict: Verdict
    contest: Contest
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
    max_time_s: float | None = None,
    column_kinds: Mapping[Any, str] | None = None,
    title: str = "Table",
    random_state: int = 0,
    verbose: bool = False,
) -> Comparison:
    """Find out whether balancing a table helps: ways to do it, against doing nothing.

    Doing nothing, class weights, repeated rows, SMOTENC and a language model, each on the same
    splits of repeated stratified cross-validation, each with a threshold tuned out of fold.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_rows, n_features)
        Real rows.
    y : Series or array-like of shape (n_rows,)
        Labels.
    sampler : over-sampler, default=None
        What writes rows; ``LLMOverSampler()`` by default. Cloned and seeded anew for each split.
    classifiers : str, classifier, sequence or mapping, default="hist-gradient-boosting"
        A name (``"hist-gradient-boosting"``, ``"logistic-regression"``, ``"random-forest"``,
        ``"xgboost"``), any scikit-learn classifier, several names, or classifiers by names of your
        own.
    positive : object, default=None
        The class that matters; the smallest by default.
    n_folds, n_repeats : int, default=5, 2
        Of the cross-validation.
    score : {"pr_auc", "roc_auc", "f1", "balanced_accuracy", "cost"}, default=None
        What to judge by: ``"cost"`` where costs are given, else ``"pr_auc"``.
    smallest_difference : float, default=None
        The difference that is worth having; see `counterpoise.comparison._verdict.judge`.
    cost_fn, cost_fp : float, default=None
        What it costs to miss a row of the positive class, and to call another one positive. Give
        both or neither.
    max_time_s : float, default=None
        No split is begun that would probably end later; the verdict rests on those that are done.
    column_kinds : mapping, default=None
        As for `LLMOverSampler`; for the report, and for the sampler if none is given.
    title : str, default="Table"
        What the report calls the table.
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
        If a parameter, a column or a class cannot be used; or if the classifier fails without any
        balancing.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from counterpoise.comparison._strategies import resample_with
    >>> from imblearn.over_sampling import RandomOverSampler
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"a": rng.normal(size=80), "b": rng.choice(["x", "y"], 80)})
    >>> y = pd.Series(["stays"] * 60 + ["leaves"] * 20)
    >>> found = compare(
    ...     X, y, sampler=RandomOverSampler(), classifiers="logistic-regression", n_folds=2
    ... )
    >>> found.verdict.decision  # nothing is to be learned from noise
    "can't tell"
    """
    frame, labels = as_frame(X), pd.Series(np.asarray(as_labels(y)), name=getattr(y, "name", None))
    if labels.isna().any():
        raise ValueError(f"{int(labels.isna().sum())} of the labels in y are missing")
    schema = Schema.infer(frame, kinds=column_kinds)
    if sampler is None:
        sampler = LLMOverSampler(column_kinds=column_kinds)
    plan = Plan(
        n_folds=n_folds,
        n_repeats=n_repeats,
        costs=_costs(cost_fn, cost_fp),
        max_time_s=max_time_s,
        random_state=random_state,
    )
    score = choose_score(score, plan)  # a mistake is told before the long work
    started = time.perf_counter()
    contest = hold_contest(
        frame,
        labels,
        default_strategies(sampler),
        _by_name(classifiers),
        plan,
        positive=positive,
        progress=make_progress(verbose),
    )
    verdict = judge(contest, score, smallest_difference=smallest_difference)
    report = _report(
        contest, verdict, Rows(frame, labels), schema, sampler, title, time.perf_counter() - started
    )
    return Comparison(verdict, contest, report)


def _report(
    contest: Contest,
    verdict: Verdict,
    rows: Rows,
    schema: Schema,
    sampler: Any,
    title: str,
    seconds: float,
) -> Report:
    """Show the verdict, and the rows of the first split."""
    example, notes = contest.example, list(contest.warnings)
    if example is None:
        real, made, held = rows, Rows(rows.X[:0], rows.y[:0]), None
    else:
        real, made, held = (
            Rows(*labelled) for labelled in (example.train, example.synthetic, example.test)
        )
        notes.insert(0, _SHOWN_SPLIT.format(n=contest.n_splits))
    run = describe_run(
        sampler.get_params(),
        type(sampler)().get_params(),
        seconds={"Comparing": seconds},
        model=str(getattr(sampler, "model", type(sampler).__name__)),
        model_reason="as asked for",
    )
    summary = summarize(
        real,
        made,
        schema,
        run,
        title=title,
        target="class" if rows.y.name is None else str(rows.y.name),
        holdout=held,
        verdict=verdict,
        notes=notes,
        random_state=contest.plan.random_state,
    )
    return Report(summary)


def _costs(cost_fn: float | None, cost_fp: float | None) -> Costs | None:
    if cost_fn is None and cost_fp is None:
        return None
    if cost_fn is None or cost_fp is None:
        raise ValueError(
            f"give both cost_fn and cost_fp, or neither; got {cost_fn!r} and {cost_fp!r}"
        )
    return Costs(cost_fn, cost_fp)


def _by_name(classifiers: Any) -> dict[str, Any]:
    """Return classifiers by name."""
    if isinstance(classifiers, Mapping):
        found = dict(classifiers)
    elif isinstance(classifiers, str):
        found = {classifiers: classifiers}
    elif isinstance(classifiers, Sequence):
        found = {one if isinstance(one, str) else type(one).__name__: one for one in classifiers}
    else:
        found = {type(classifiers).__name__: classifiers}
    if not found:
        raise ValueError("there must be a classifier to compare with")
    unknown = [one for one in found.values() if isinstance(one, str) and one not in CLASSIFIERS]
    if unknown:
        raise ValueError(
            f"there is no classifier {unknown[0]!r}; there are {', '.join(CLASSIFIERS)}"
        )
    return found
