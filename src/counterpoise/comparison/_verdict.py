"""What a cross-validation says to do: the scores, the rule, and the verdict in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from counterpoise.comparison._cross_validation import (
    BEST_KIND,
    CLASS_WEIGHTS,
    DISTILLED,
    N_INNER_FOLDS,
    NOTHING,
    OWN_RECIPES,
    SOFT_LABELS,
    TEACHER,
    CrossValidation,
)
from counterpoise.comparison._scores import corrected_interval, corrected_p_value, holm
from counterpoise.report._summary import StrategyResult, Verdict, figure, interval

_TRAINED: Final = {  # strategy with a teacher -> what to fit instead of the classifier
    BEST_KIND: "classifier",
    SOFT_LABELS: "counterpoise.DistilledClassifier(classifier, n_synthetic=0)",
    DISTILLED: "counterpoise.DistilledClassifier(classifier)",
    TEACHER: "counterpoise.distillation.Teacher()",
}

LEVEL: Final = 0.05  # chance of calling any strategy better that is not, over all results
_SMALLEST_DIFFERENCE = 0.01  # of a score; of costs, relative to what doing nothing costs


@dataclass(frozen=True, slots=True)
class Score:
    """A score that a verdict can be about."""

    title: str
    column: str  # in `CrossValidation.runs`
    gain: str | None = None  # how a difference is called, if it has a name
    sign: int = 1  # -1 where less is better

    @property
    def needs_threshold(self) -> bool:
        return self.column not in ("pr_auc", "roc_auc")

    def interval(self, ends: tuple[float, float]) -> str:
        of = self.gain or "difference"
        return f"95 % interval of the {of} {interval(ends, is_difference=True)}"


SCORES: Final = {
    "pr_auc": Score("PR-AUC", "pr_auc"),
    "roc_auc": Score("ROC-AUC", "roc_auc"),
    "f1": Score("F1 at the tuned threshold", "f1_tuned"),
    "balanced_accuracy": Score(
        "balanced accuracy at the tuned threshold", "balanced_accuracy_tuned"
    ),
    "cost": Score("cost per 1,000 rows", "cost", "saving per 1,000 rows", sign=-1),
}

_REPORTED: Final = {  # title in a report -> column of the runs
    "Cost per 1,000 rows": "cost",
    "PR-AUC": "pr_auc",
    "ROC-AUC": "roc_auc",
    "F1 at 0.5": "f1",
    "F1, tuned threshold": "f1_tuned",
    "Brier score": "brier",
    "Brier, corrected for class shares": "brier_prior",
    "Brier, calibrated out of fold": "brier_sigmoid",
}

_RECALIBRATIONS: Final = {  # method of `RecalibratedClassifier` -> in words
    "prior": "corrected for the class shares",
    "sigmoid": "calibrated out of fold",
}


def choose_score(name: str | None, *, has_costs: bool) -> Score:
    """Return the score that the verdict is about: costs if there are any, else PR-AUC."""
    name = name or ("cost" if has_costs else "pr_auc")
    if name not in SCORES:
        raise ValueError(f"score must be one of {', '.join(SCORES)}; got {name!r}")
    if name == "cost" and not has_costs:
        raise ValueError("score='cost' needs costs: give cost_fn and cost_fp")
    return SCORES[name]


def reach_verdict(
    cv: CrossValidation, score: str | None = None, *, smallest_difference: float | None = None
) -> Verdict:
    """Say which strategy to use, that none is worth it, or that the data can't tell."""
    chosen_score = choose_score(score, has_costs="cost" in cv.runs)
    results = compare_with_nothing(cv, chosen_score)
    own = next(iter(results.values()))
    if smallest_difference is None:
        smallest_difference = _SMALLEST_DIFFERENCE
        if chosen_score is SCORES["cost"]:
            smallest_difference *= own[0].value
    decision, strategy = decide(own, smallest_difference)
    sentence, *reasons = _words(cv, chosen_score, results, smallest_difference)
    return Verdict(
        decision=decision,
        strategy=None if strategy is None else strategy.name,
        sentence=sentence,
        reasons=tuple(reasons),
        score=chosen_score.gain or chosen_score.title,
        smallest_difference=smallest_difference,
        results=results,
        method=(
            f"Repeated stratified cross-validation ({cv.plan} planned), {cv.n_splits} splits done"
            f"{'' if cv.is_complete else ', as the time given was not enough for all'}; class "
            f"{cv.positive!r} against the rest. Over-samplers, teachers, encoders and thresholds "
            "saw training rows only; for every strategy, the threshold was tuned out of fold "
            f"({N_INNER_FOLDS} inner folds, each over-sampled by itself; a teacher has its own"
            f"{'' if chosen_score.needs_threshold else '; in the first repeat'}). Differences are "
            "paired by split. Intervals and p-values allow for the training rows that splits share "
            "(corrected resampled t-test, Nadeau and Bengio, 2003); p-values are adjusted for the "
            "number of strategies and classifiers (Holm). A difference of "
            f"{figure(smallest_difference)} or more counts as relevant."
        ),
    )


def compare_with_nothing(
    cv: CrossValidation, score: Score
) -> dict[str, tuple[StrategyResult, ...]]:
    """Return the results by classifier; the one that does best without balancing comes first."""
    tables = {
        str(classifier): score.sign * cv.table(classifier, score.column)
        for classifier in cv.runs["classifier"].unique()
    }
    gains = {
        (classifier, str(strategy)): (table[strategy] - table[NOTHING]).dropna().to_numpy()
        for classifier, table in tables.items()
        for strategy in table.columns.drop(NOTHING)
    }
    raw = [corrected_p_value(gain, cv.test_to_train) for gain in gains.values()]
    p_values = dict(zip(gains, holm(raw), strict=True))

    def result(classifier: str, strategy: str) -> StrategyResult:
        is_own = (cv.runs["classifier"] == classifier) & (cv.runs["strategy"] == strategy)
        mean = cv.runs[is_own].mean(numeric_only=True).to_dict()
        gain = gains.get((classifier, strategy))
        ends = None if gain is None or len(gain) < 2 else corrected_interval(gain, cv.test_to_train)
        return StrategyResult(
            name=strategy,
            scores={title: mean[column] for title, column in _REPORTED.items() if column in mean},
            value=mean[score.column],
            difference=None if gain is None else float(gain.mean()),
            interval=ends,
            p_value=p_values.get((classifier, strategy)),
            seconds=mean["seconds"],
        )

    order = sorted(tables, key=lambda classifier: -tables[classifier][NOTHING].mean())
    return {
        classifier: tuple(result(classifier, str(strategy)) for strategy in tables[classifier])
        for classifier in order
    }


def decide(
    results: Sequence[StrategyResult], smallest_difference: float
) -> tuple[str, StrategyResult | None]:
    """Return ``"use"`` and what, ``"don't"`` or ``"can't tell"``; see `reach_verdict`."""
    helpful = [
        (result, result.difference)
        for result in results
        if result.difference is not None
        and result.p_value is not None
        and result.difference >= smallest_difference
        and result.p_value < LEVEL
    ]
    if helpful:
        best = max(gain for _, gain in helpful)
        # in the order in which they were tried: the simplest first
        return "use", next(result for result, gain in helpful if gain > best - smallest_difference)
    ends = [result.interval[1] for result in results if result.interval is not None]
    if ends and all(end < smallest_difference for end in ends):
        return "don't", None
    return "can't tell", None


def _words(
    cv: CrossValidation,
    score: Score,
    by_classifier: Mapping[str, Sequence[StrategyResult]],
    smallest_difference: float,
) -> Iterator[str]:
    """Yield the decision with the scores that it rests on, then what supports or limits it."""
    classifier, results = next(iter(by_classifier.items()))
    decision, chosen = decide(results, smallest_difference)
    best = max(results[1:], key=lambda result: result.difference or 0.0, default=None)
    shown, beside_nothing = chosen or best, ""
    if shown is not None:
        value, without = figure(shown.value), figure(results[0].value)
        beside_nothing = f"{score.title} of {value}, against {without} without balancing"
        if shown.interval is not None:
            beside_nothing += f" ({score.interval(shown.interval)})"
    n = f"{cv.n_positive:,} rows of the class {cv.positive!r}"
    if chosen is not None:
        yield f"Use {_what_to_use(cv, chosen, results)}: {beside_nothing}."
    elif decision == "don't":
        yield (
            f"Don't resample: tune the threshold instead. No strategy improves {score.title} over "
            f"doing nothing by {figure(smallest_difference)} or more."
        )
    elif cv.n_splits < 2:
        yield f"Can't tell: only {cv.n_splits} split was finished in the time given."
    elif best is None:
        yield f"Can't tell with {n}: every strategy failed."
    else:
        yield (
            f"Can't tell with {n} whether balancing helps. On average, {best.name} does best: "
            f"{beside_nothing}. Until you have more rows, tune the threshold, which is cheap."
        )
    # what tuning the threshold brings without balancing
    tuned, name, columns = score, score.title, ("cost_at_half", "cost")
    if score is not SCORES["cost"]:
        tuned, name, columns = SCORES["f1"], "F1", ("f1", "f1_tuned")
    at_half, tuned_at = (cv.table(classifier, column)[NOTHING] for column in columns)
    before, after = at_half[tuned_at.notna()], tuned_at.dropna()
    ends = corrected_interval(tuned.sign * (after - before), cv.test_to_train)
    yield (
        f"Without balancing, tuning the threshold alone takes {name} from "
        f"{figure(before.mean())} to {figure(after.mean())}"
        f"{'' if math.isnan(ends[0]) else f' ({tuned.interval(ends)})'}."
    )
    tried = [(result, result.difference or 0.0) for result in results[1:]]
    if chosen is not None:
        bound = (chosen.difference or 0.0) - smallest_difference
        as_good = [result.name for result, gain in tried if result is not chosen and gain > bound]
        if as_good:
            yield (
                f"{', '.join(as_good)} did as well, or better by less than is relevant; "
                f"{chosen.name} is the simplest of them that is shown to help."
            )
    if cv.best_kinds:
        yield from _on_kinds(cv, score, classifier, results)
    if {result.name for result in results}.issuperset(OWN_RECIPES.values()):
        yield (
            "Of the two recipes, counterpoise generates true rows, which people and tools can look "
            "at; ranking generates clear cases of the class, only to train a classifier on."
        )
    harmful = [
        result.name
        for result, gain in tried
        if result.p_value is not None and result.p_value < LEVEL and gain < 0
    ]
    if harmful:
        yield f"Worse than doing nothing in {score.title}: {', '.join(harmful)}."
    if len(by_classifier) > 1:
        decisions = {name: decide(own, smallest_difference) for name, own in by_classifier.items()}
        parts = [
            f"{name}: {decision if strategy is None else f'use {strategy.name}'}"
            for name, (decision, strategy) in decisions.items()
        ]
        yield (
            f"The verdict is about {classifier}, which does best without balancing. "
            f"By classifier: {'; '.join(parts)}."
        )
    if shown is not None:
        yield _on_probabilities(cv, classifier, None if chosen is None else chosen.name)
    for name, error in cv.failures.items():
        yield f"{name} is left out because it failed: {error}"


def _what_to_use(
    cv: CrossValidation, chosen: StrategyResult, results: Sequence[StrategyResult]
) -> str:
    """Return the strategy in words that say what to do."""
    if chosen.name == TEACHER:
        return f"the teacher itself, {_TRAINED[TEACHER]}"
    if chosen.name != BEST_KIND:
        own = _TRAINED.get(chosen.name)
        return chosen.name if own is None else f"{chosen.name}, {own}"
    best = _best_resampling(results)
    is_more = best is None or (chosen.difference or 0.0) > (best.difference or 0.0)
    return (
        f"another kind of classifier, {next(iter(cv.best_kinds))}"
        f"{', which gains more than any resampling' if is_more else ''}"
    )


def _best_resampling(results: Sequence[StrategyResult]) -> StrategyResult | None:
    """Return the best of the strategies that change rows or their weights, and no label."""
    tried = [one for one in results[1:] if one.name not in _TRAINED and one.difference is not None]
    return max(tried, key=lambda one: one.difference or 0.0, default=None)


def _on_kinds(
    cv: CrossValidation, score: Score, classifier: str, results: Sequence[StrategyResult]
) -> Iterator[str]:
    """Say which kind of classifier ranks best, and what that brings beside resampling."""
    kind, n_best = next(iter(cv.best_kinds.items()))
    best, own = _best_resampling(results), {result.name: result for result in results}
    if BEST_KIND not in own or best is None:
        return
    table = score.sign * cv.table(classifier, score.column)
    apart = (table[BEST_KIND] - table[best.name]).dropna()
    ends = corrected_interval(apart, cv.test_to_train)
    yield (
        f"Of the kinds of classifiers in the teacher, {kind} ranks best in {n_best} of "
        f"{sum(cv.best_kinds.values())} splits. The best kind of each split, found on its training "
        f"rows, has {score.title} of {figure(own[BEST_KIND].value)}; the best resampling, "
        f"{best.name}, {figure(best.value)}"
        f"{'' if math.isnan(ends[0]) else f' ({score.interval(ends)})'}."
    )


def _on_probabilities(cv: CrossValidation, classifier: str, chosen: str | None) -> str:
    """Say what balancing does to probabilities, and which recalibration improves them, if any."""
    plain = cv.table(classifier, "brier")
    strategy = chosen or str(plain.mean().drop(NOTHING).idxmax())

    def told(method: str) -> str:
        mean = cv.table(classifier, f"mean_probability{method}")[strategy].mean()
        brier = cv.table(classifier, f"brier{method}")[strategy].mean()
        return f"{mean:.0%} on average (Brier score {figure(brier)})"

    has_sampler = strategy != CLASS_WEIGHTS and strategy not in _TRAINED
    methods = {m: how for m, how in _RECALIBRATIONS.items() if has_sampler or m != "prior"}
    improved = {
        method: gain.mean()
        for method in methods
        if corrected_interval(
            gain := (plain - cv.table(classifier, f"brier_{method}"))[strategy].dropna(),
            cv.test_to_train,
        )[0]
        > 0
    }
    subject = f"trained with {strategy}, the classifier"
    if strategy in (BEST_KIND, TEACHER):
        subject = f"the {strategy}"
    found = (
        f"Probabilities: {subject} gives {told('')} where "
        f"{cv.n_positive / cv.n_rows:.0%} are {cv.positive!r}; without balancing, the Brier score "
        f"is {figure(plain[NOTHING].mean())}. "
    )
    if not improved:
        tried = "; ".join(f"{how}, {told(f'_{m}')}" for m, how in methods.items())
        return f"{found}Recalibration is not shown to improve them: {tried}."
    best = max(improved, key=lambda method: improved[method])
    wrapper = f"counterpoise.RecalibratedClassifier(classifier, sampler, method={best!r})"
    if not has_sampler:
        own = _TRAINED.get(strategy, "classifier")
        wrapper = f"sklearn.calibration.CalibratedClassifierCV({own}, ensemble=False)"
    return (
        f"{found}{methods[best].capitalize()}, it gives {told(f'_{best}')}. If you use "
        f"probabilities and not only decisions, wrap the classifier: {wrapper}."
    )
