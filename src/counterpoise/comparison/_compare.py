"""`counterpoise.compare`: whether balancing is worth it on a table, and if so, how."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from imblearn.utils import check_sampling_strategy
from sklearn.base import clone
from sklearn.utils import check_consistent_length

from counterpoise._parameters import Number, at_least, check_parameter
from counterpoise._progress import make_progress
from counterpoise._table_classifier import check_classifier
from counterpoise.columns import Schema
from counterpoise.columns._frames import CallerType, as_frame, as_labels
from counterpoise.columns._unlearned import UnlearnedColumn, unlearned_columns, without
from counterpoise.comparison._cross_validation import (
    OWN_RECIPES,
    CrossValidation,
    cross_validate,
    default_strategies,
)
from counterpoise.comparison._scores import Costs
from counterpoise.comparison._verdict import choose_score, reach_verdict
from counterpoise.constraints import Relation
from counterpoise.constraints._set import apply_constraints, constraint_list
from counterpoise.distillation import Teacher
from counterpoise.report import Report
from counterpoise.report._build import LabelledRows, describe_run, found_relations, summarize
from counterpoise.report._summary import Verdict


@dataclass(frozen=True, slots=True, repr=False)
class Comparison:
    """The result of `compare`. In a notebook, it shows its report.

    Attributes
    ----------
    verdict : Verdict
        What to do, and the evidence.
    cross_validation : CrossValidation
        Every score of every run, as ``cross_validation.runs``.
    report : Report
        All of it as a page, and synthetic rows of the first split beside the real ones: those of
        the over-sampler that the verdict is for, or of the first.
    """

    verdict: Verdict
    cross_validation: CrossValidation
    report: Report

    def __str__(self) -> str:
        return self.verdict.sentence

    def __repr__(self) -> str:
        return f"<Comparison: {self} See verdict, cross_validation and report>"

    def _repr_html_(self) -> str:
        return self.report._repr_html_()


def compare(
    X: Any,
    y: Any,
    *,
    sampler: Any = None,
    classifiers: str | Any | Sequence[str] | Mapping[str, Any] = "hist-gradient-boosting",
    teacher: Any = "auto",
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

    Doing nothing, class weights, random over-sampling, SMOTENC, the probabilities of a teacher (see
    `teacher`) and the language model with both recipes of our own are scored on the same splits of
    repeated stratified cross-validation. For each, the threshold is tuned out of fold.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_rows, n_features)
        No strategy and no classifier gets the columns that the samplers do not learn; without an
        `LLMOverSampler`, those are the identifiers in a frame.
    y : Series or array-like of shape (n_rows,)
    sampler : over-sampler or mapping, default=None
        `LLMOverSampler` by default, with the recipe ``"counterpoise"`` (true rows) and with
        ``"ranking"`` (clear cases of the class, for training a classifier).

        Or one over-sampler, with its constraints if it has any, which is then the only one beside
        the simple strategies; or a mapping of names to several, simplest first. Cloned and seeded
        anew for each split.
    classifiers : str, classifier, sequence or mapping, default="hist-gradient-boosting"
        ``"hist-gradient-boosting"``, ``"logistic-regression"``, ``"random-forest"`` or
        ``"xgboost"``.

        Or any scikit-learn classifier, several of these, or a mapping of names to these.
    teacher : "auto", classifier, sequence of classifiers, Teacher or None, default="auto"
        As for `DistilledClassifier`; fitted in every training fold. With it, four more strategies
        are scored: ``"best single kind"``, the one of its kinds of classifiers that ranks best out
        of fold, instead of your classifier; ``"soft labels"``, your classifier on the real rows
        with the teacher's probabilities, and ``"distilled"``, on synthetic rows besides, as
        `DistilledClassifier` trains it; and the ``"teacher"`` itself. None leaves them out.
    positive : object, default=None
        The class that is scored against the rest; the smallest by default.
    n_folds : int, default=5
        Folds of the cross-validation, 2 or more.
    n_repeats : int, default=2
        How often the table is split into folds anew.
    score : {"pr_auc", "roc_auc", "f1", "balanced_accuracy", "cost"}, default=None
        The score that the verdict is about: ``"cost"`` if costs are given, else ``"pr_auc"``.
        ``"pr_auc"`` and ``"roc_auc"`` need no threshold, which takes most of the time: it is tuned
        in the splits of the first repeat only.
    smallest_difference : float, default=None
        The smallest gain that matters, in units of the score (of costs, per 1,000 rows). 0.01 by
        default; of costs, a hundredth of what doing nothing costs.
    cost_fn : float, default=None
        Cost of a false negative; needs `cost_fp`.
    cost_fp : float, default=None
        Cost of a false positive; needs `cost_fn`.
    max_time : float, default=None
        Time limit in seconds for all strategies together: no split is started that is expected to
        end later. The verdict rests on those that are done.
    column_types : mapping, default=None
        As for `LLMOverSampler`; for the report, and for the samplers if none is given.
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
        If a parameter, a column, a class or a constraint of a sampler cannot be used; or if a
        classifier fails without any balancing.

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
    ...     X, y, sampler=RandomOverSampler(), classifiers="logistic-regression", teacher=None
    ... )
    >>> found.verdict.decision  # the features are noise
    "can't tell"
    """
    frame, labels = as_frame(X), pd.Series(np.asarray(as_labels(y)), name=CallerType.of(y).name)
    check_consistent_length(frame, labels)
    if labels.isna().any():
        raise ValueError(f"{int(labels.isna().sum())} of the labels in y are missing")
    samplers = _samplers_by_name(sampler, column_types)
    for one in samplers.values():
        if not hasattr(one, "fit_resample") or isinstance(one, type):
            raise TypeError(
                f"sampler must be an over-sampler, such as LLMOverSampler() or SMOTE(); got {one!r}"
            )
    found = _unlearned(frame, CallerType.of(X), samplers, column_types or {})
    tried = {name: _on_learned_columns(one, frame) for name, one in samplers.items()}
    frame = without(frame, found)
    schema = Schema.infer(frame, kinds=column_types)
    for one in tried.values():
        _check_constraints(one, frame, labels)
    if (cost_fn is None) != (cost_fp is None):
        raise ValueError(
            f"give both cost_fn and cost_fp, or neither; got {cost_fn!r} and {cost_fp!r}"
        )
    costs = None if cost_fn is None or cost_fp is None else Costs(cost_fn, cost_fp)
    chosen = choose_score(score, has_costs=costs is not None)  # raises before the long work
    if teacher is not None and not isinstance(teacher, Teacher):
        teacher = Teacher(teacher)
    if teacher is not None:  # the columns to leave out are left out already
        teacher = clone(teacher).set_params(id_columns=None)
        teacher.kinds()  # raises before the long work
    check_parameter("n_folds", n_folds, at_least(2))
    check_parameter("n_repeats", n_repeats, at_least(1))
    above_0 = Number("a number above 0", lambda seconds: seconds > 0, Real)
    check_parameter("max_time", max_time, above_0, None)
    started = time.perf_counter()
    cv = cross_validate(
        frame,
        labels,
        default_strategies(tried, teacher),
        _by_name(classifiers),
        positive=positive,
        n_folds=n_folds,
        n_repeats=n_repeats,
        tunes_all=chosen.needs_threshold,
        teacher=teacher,
        costs=costs,
        max_time=max_time,
        random_state=random_state,
        progress=make_progress(verbose),
    )
    verdict = reach_verdict(cv, score, smallest_difference=smallest_difference)
    shown = _sampler_to_show(samplers, cv.examples, verdict.strategy)
    run = describe_run(
        clone(samplers[shown]),  # not what it was fitted on before
        model=str(getattr(samplers[shown], "model", type(samplers[shown]).__name__)),
        model_reason="as asked for",
        seconds={"Comparing": time.perf_counter() - started},
    )
    notes = list(cv.warnings)
    real, synthetic = LabelledRows(frame, labels), LabelledRows(frame[:0], labels[:0])
    holdout = None
    relations: Sequence[Relation] = ()
    if shown in cv.examples:
        real, synthetic, holdout = (LabelledRows(*part) for part in cv.examples[shown])
        known = cv.relations[shown]
        relations = found_relations(real.X, schema) if known is None else known
        notes.insert(
            0,
            f"The synthetic rows shown here are those of {shown} in the first of {cv.n_splits} "
            "splits: they were generated from its training rows, and are compared with its test "
            "rows.",
        )
    summary = summarize(
        real,
        synthetic,
        schema,
        run,
        title=title,
        target="class" if labels.name is None else str(labels.name),
        holdout=holdout,
        relations=relations,
        verdict=verdict,
        notes=notes,
        unlearned=found,
        random_state=random_state,
    )
    return Comparison(verdict, cv, Report(summary))


def _samplers_by_name(sampler: Any, column_types: Mapping[Any, str] | None) -> dict[str, Any]:
    """Return the over-samplers to try; one that is given by itself is named after its recipe."""
    if sampler is None:
        from counterpoise.sampler import LLMOverSampler  # loads torch

        return {
            name: LLMOverSampler(recipe=recipe, column_types=column_types)
            for recipe, name in OWN_RECIPES.items()
        }
    if not isinstance(sampler, Mapping):
        recipe = getattr(sampler, "recipe", None)
        return {
            OWN_RECIPES.get(recipe, recipe) if isinstance(recipe, str) else "counterpoise": sampler
        }
    if not sampler:
        raise ValueError("sampler must name at least one over-sampler")
    return dict(sampler)


def _unlearned(
    X: pd.DataFrame,
    X_type: CallerType,
    samplers: Mapping[str, Any],
    column_types: Mapping[Any, str],
) -> list[UnlearnedColumn]:
    """Return the columns that an over-sampler does not learn: no classifier gets them."""
    ours = [one for one in samplers.values() if hasattr(one, "passthrough_columns")]
    if not ours:
        ids = "auto" if X_type.has_names else None
        return unlearned_columns(X, id_columns=ids, described=column_types)
    found = [one for own in ours for one in own._find_unlearned(X, X_type)]
    return list({column.name: column for column in found}.values())


def _on_learned_columns(sampler: Any, X: pd.DataFrame) -> Any:
    """Return an over-sampler for tables without the columns that are not learned."""
    if not hasattr(sampler, "passthrough_columns"):
        return sampler
    return clone(sampler).set_params(
        column_types=sampler._column_types(X),  # features of which were given by position
        categorical_features="auto",
        id_columns=None,
        passthrough_columns=None,
    )


def _sampler_to_show(names: Collection[str], with_rows: Collection[str], to_use: str | None) -> str:
    """Return the sampler whose rows are shown: the one to use, or the first that made any."""
    return min(names, key=lambda name: (name not in with_rows, name != to_use))


def _check_constraints(sampler: Any, X: pd.DataFrame, y: pd.Series[Any]) -> None:
    """Raise what is wrong with declared constraints once, instead of failing in every split."""
    if not constraint_list(getattr(sampler, "constraints", None)):
        return
    constrained = apply_constraints(
        X,
        y.to_numpy(),
        y.name,
        is_named=True,
        column_types=sampler._column_types(X),
        constraints=constraint_list(sampler.constraints),
    )
    n_rows = check_sampling_strategy(sampler.sampling_strategy, y, "over-sampling")
    label = constrained.table.schema[0]
    constrained.check({class_: label.code_of(class_) for class_, n in n_rows.items() if n > 0})


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
