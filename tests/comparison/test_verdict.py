"""The verdict is right where the truth is known, and says what it rests on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import RandomOverSampler
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from counterpoise.comparison._cross_validation import (
    BEST_KIND,
    DISTILLED,
    SOFT_LABELS,
    TEACHER,
    CrossValidation,
    Resampler,
    Strategy,
    cross_validate,
    default_strategies,
)
from counterpoise.comparison._scores import Costs, corrected_interval, corrected_p_value
from counterpoise.comparison._verdict import decide, reach_verdict
from counterpoise.distillation import Teacher
from counterpoise.report._summary import StrategyResult
from tests.comparison.known_truths import missing_variety, noise
from tests.doubles import RecombiningSampler

NEAREST = {"nearest": KNeighborsClassifier(5, weights="distance")}


def runs_on_noise(seed: int) -> CrossValidation:
    settings = {"n_folds": 5, "n_repeats": 1, "n_inner_folds": 2, "random_state": seed}
    classifier = {"bayes": GaussianNB()}
    return cross_validate(
        *noise(seed),
        default_strategies({"counterpoise": RecombiningSampler()}),
        classifier,
        **settings,
    )


def runs_on_missing_variety(seed: int) -> CrossValidation:
    settings = {"n_folds": 5, "n_repeats": 2, "n_inner_folds": 2, "random_state": seed}
    # class weights are left out: neighbours have none
    strategies = [
        strategy
        for strategy in default_strategies({"counterpoise": RecombiningSampler()})
        if strategy.class_weight is None
    ]
    return cross_validate(*missing_variety(seed), strategies, NEAREST, **settings)


@pytest.fixture(scope="module")
def on_noise() -> CrossValidation:
    return runs_on_noise(0)


# On noise, "use" has a chance of at most 2.5 % per seed: the test is two-sided, at 5 % over all
# strategies, and the difference must be positive. The seeds are fixed: if it passes once, it always
# does.
def test_noise_is_not_worth_balancing(on_noise: CrossValidation) -> None:
    assert reach_verdict(on_noise).decision in ("don't", "can't tell")


@pytest.mark.slow
def test_noise_is_not_worth_balancing_in_19_of_20() -> None:
    # at a chance of 2.5 % per seed, two or more of 20 say "use" with a chance of 8.8 %, at worst
    decisions = [reach_verdict(runs_on_noise(seed)).decision for seed in range(20)]
    assert decisions.count("use") <= 1, decisions


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3, 4))]
)
def test_missing_variety_is_worth_generating(seed: int) -> None:
    verdict = reach_verdict(runs_on_missing_variety(seed))
    assert (verdict.decision, verdict.strategy) == ("use", "counterpoise")
    assert verdict.sentence.startswith("Use counterpoise: PR-AUC of 0.")
    by_name = {result.name: result for result in verdict.results["nearest"]}
    assert by_name["counterpoise"].interval is not None
    assert by_name["counterpoise"].interval[0] > 0.05
    assert by_name["random over-sampling"].difference is not None
    assert by_name["random over-sampling"].difference < 0.1


def test_interval_and_test_are_those_of_the_paired_differences(on_noise: CrossValidation) -> None:
    cv = on_noise
    table = cv.table("bayes", "pr_auc")
    gains = table["SMOTENC"] - table["nothing"]
    results = reach_verdict(cv).results["bayes"]
    (result,) = [result for result in results if result.name == "SMOTENC"]
    assert result.difference == pytest.approx(gains.mean())
    assert result.interval == pytest.approx(corrected_interval(gains, 0.25))
    raw = corrected_p_value(gains, 0.25)
    assert result.p_value is not None
    assert raw <= result.p_value <= min(1, 4 * raw)  # Holm, over 4 strategies


def test_p_value_belongs_to_the_interval() -> None:
    gains = [0.01, 0.03, 0.02, -0.01, 0.04]
    p = corrected_p_value(gains, 0.25)
    low, _ = corrected_interval(gains, 0.25, confidence=1 - p)
    assert low == pytest.approx(0, abs=1e-12)
    assert corrected_p_value([0.0, 0.0]) == 1
    assert np.isnan(corrected_p_value([0.1]))


def gain_of(name: str, gain: float, half: float, p: float) -> StrategyResult:
    return StrategyResult(name, {}, 0.5 + gain, gain, (gain - half, gain + half), p, 1.0)


NOTHING = StrategyResult("nothing", {}, 0.5, None, None, None, 1.0)


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([gain_of("a", 0.05, 0.02, 0.01)], ("use", "a")),
        # the simplest of those that are as good
        ([gain_of("a", 0.045, 0.02, 0.01), gain_of("b", 0.05, 0.02, 0.01)], ("use", "a")),
        ([gain_of("a", 0.02, 0.01, 0.01), gain_of("b", 0.05, 0.02, 0.01)], ("use", "b")),
        ([gain_of("a", 0.05, 0.06, 0.2)], ("can't tell", None)),
        # certain, and too small to matter
        ([gain_of("a", 0.004, 0.003, 0.01)], ("don't", None)),
        ([gain_of("a", 0.008, 0.005, 0.01)], ("can't tell", None)),
        ([gain_of("a", -0.05, 0.02, 0.01), gain_of("b", 0.0, 0.005, 1.0)], ("don't", None)),
        ([gain_of("a", float("nan"), float("nan"), float("nan"))], ("can't tell", None)),
        ([], ("can't tell", None)),
    ],
)
def test_rule(results: list[StrategyResult], expected: tuple[str, str | None]) -> None:
    decision, strategy = decide([NOTHING, *results], 0.01)
    assert (decision, None if strategy is None else strategy.name) == expected


def test_verdict_in_money(on_noise: CrossValidation) -> None:
    X, y = missing_variety(0)
    settings = {"n_folds": 3, "n_repeats": 1, "n_inner_folds": 2, "costs": Costs(100, 5)}
    strategies = [
        Strategy("nothing"),
        Strategy("counterpoise", Resampler(RecombiningSampler())),
    ]
    cv = cross_validate(X, y, strategies, NEAREST, **settings)
    verdict = reach_verdict(cv)
    assert verdict.score == "saving per 1,000 rows"
    nothing, ours = verdict.results["nearest"]
    assert ours.difference == pytest.approx(nothing.value - ours.value)
    assert ours.value == pytest.approx(cv.table("nearest", "cost")["counterpoise"].mean())
    assert verdict.smallest_difference == pytest.approx(0.01 * nothing.value)
    assert "cost per 1,000 rows" in verdict.sentence
    assert "tuning the threshold alone takes cost per 1,000 rows from" in verdict.reasons[0]
    with pytest.raises(ValueError, match="needs costs"):
        reach_verdict(on_noise, "cost")


def test_reasons_warn_of_probabilities_and_name_failures() -> None:
    def fail(X: Any, y: Any, seed: int) -> Any:
        raise RuntimeError("no luck")

    X, y = noise(0)
    strategies = [
        Strategy("nothing"),
        Strategy("class weights", class_weight="balanced"),
        Strategy("broken", fail),
    ]
    settings = {"n_folds": 3, "n_repeats": 1, "n_inner_folds": 2}
    two = {"logistic": LogisticRegression(), "bayes": GaussianNB()}
    verdict = reach_verdict(cross_validate(X, y, strategies, two, **settings))
    text = " ".join(verdict.reasons)
    assert "broken is left out because it failed: RuntimeError: no luck" in text
    assert "trained with class weights, the classifier gives" in text
    assert "where 20% are 'rare'" in text
    assert "CalibratedClassifierCV(classifier" in text  # there is no sampler to wrap
    assert "By classifier:" in text
    assert set(verdict.results) == {"logistic", "bayes"}


def recalibration_advised(sampler: Any, classifier: Any) -> tuple[str, pd.DataFrame]:
    """Return the sentence on probabilities, and the mean scores by strategy."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(600, 3)), columns=list("abc"))
    is_rare = X["a"] + X["b"] + rng.normal(size=600) > 2.2
    y = pd.Series(np.where(is_rare, "rare", "usual"))
    strategies = [Strategy("nothing"), Strategy("balanced", Resampler(sampler))]
    settings = {"n_folds": 3, "n_repeats": 1, "n_inner_folds": 2}
    cv = cross_validate(X, y, strategies, {"classifier": classifier}, **settings)
    (said,) = [text for text in reach_verdict(cv).reasons if text.startswith("Probabilities:")]
    return said, cv.runs.groupby("strategy").mean(numeric_only=True)


def test_no_correction_is_advised_that_makes_probabilities_worse() -> None:
    # a forest learns repeated rows by heart: its probabilities are about right as they are
    forest = RandomForestClassifier(50, random_state=0)
    said, means = recalibration_advised(RandomOverSampler(), forest)
    own = means.loc["balanced"]
    assert own["brier_prior"] > own["brier"]
    assert own["mean_probability_prior"] < own["mean_probability"] / 3
    assert "Recalibration is not shown to improve them" in said
    assert "RecalibratedClassifier" not in said


def test_the_correction_that_improves_probabilities_is_advised() -> None:
    said, means = recalibration_advised(RandomOverSampler(), LogisticRegression())
    own = means.loc["balanced"]
    best = min(("prior", "sigmoid"), key=lambda method: own[f"brier_{method}"])
    assert own[f"brier_{best}"] < own["brier"]
    assert f"RecalibratedClassifier(classifier, sampler, method={best!r})" in said


def test_unknown_score_is_refused(on_noise: CrossValidation) -> None:
    with pytest.raises(ValueError, match="score must be one of pr_auc"):
        reach_verdict(on_noise, "accuracy")


def test_one_split_is_not_enough() -> None:
    X, y = noise(0)
    settings = {"n_folds": 5, "n_repeats": 1, "n_inner_folds": 2, "max_time": 1e-6}
    cv = cross_validate(
        X, y, [Strategy("nothing"), Strategy("same")], {"bayes": GaussianNB()}, **settings
    )
    assert cv.n_splits == 1
    assert reach_verdict(cv).sentence == (
        "Can't tell: only 1 split was finished in the time given."
    )


def test_multiclass_is_one_class_against_the_rest() -> None:
    X, _ = noise(0)
    y = pd.Series(np.array(["a"] * 120 + ["b"] * 50 + ["c"] * 30))
    settings = {"n_folds": 3, "n_repeats": 1, "n_inner_folds": 2}
    strategies = [Strategy("nothing"), Strategy("class weights", class_weight="balanced")]
    cv = cross_validate(X, y, strategies, {"bayes": GaussianNB()}, **settings)
    assert (cv.positive, cv.n_positive) == ("c", 30)
    assert "class 'c' against the rest" in reach_verdict(cv).method


def with_a_teacher(X: Any, y: Any, teacher: Any, classifier: Any) -> CrossValidation:
    teacher = Teacher(teacher, n_folds=3)
    strategies = [one for one in default_strategies({}, teacher) if one.name != "class weights"]
    settings = {"n_folds": 5, "n_repeats": 1, "n_inner_folds": 2, "teacher": teacher}
    return cross_validate(X, pd.Series(y), strategies, {"own": classifier}, **settings)


def rows_of(truth: Any, n_rows: int = 600) -> tuple[pd.DataFrame, Any]:
    """Rows whose class is rare, and drawn with the log-odds that `truth` gives."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(n_rows, 4)), columns=list("abcd"))
    likely = rng.random(n_rows) < 1 / (1 + np.exp(-truth(X)))
    return X, np.where(likely, "rare", "usual")


def test_another_kind_of_classifier_is_the_verdict_where_it_gains_most() -> None:
    # no line tells the classes apart, and a tree does
    X, y = rows_of(lambda X: np.where((X["a"] > 0.3) == (X["b"] > 0.3), -4, 1))
    kinds = [RandomForestClassifier(30, min_samples_leaf=3, random_state=0), GaussianNB()]
    verdict = reach_verdict(with_a_teacher(X, y, kinds, LogisticRegression()))
    assert (verdict.decision, verdict.strategy) == ("use", BEST_KIND)
    assert verdict.sentence.startswith(
        "Use another kind of classifier, RandomForestClassifier, which gains more than any "
        "resampling: PR-AUC of 0."
    )
    (said,) = [reason for reason in verdict.reasons if reason.startswith("Of the kinds")]
    assert "RandomForestClassifier ranks best in 5 of 5 splits" in said
    assert "the best resampling, " in said


def test_soft_labels_are_the_verdict_where_the_classifier_can_learn_from_them() -> None:
    # the truth is logistic: a tree by itself learns single rows by heart
    X, y = rows_of(lambda X: 1.5 * X["a"] - X["b"] + X["c"] - 2)
    tree = DecisionTreeClassifier(random_state=0)
    cv = with_a_teacher(X, y, LogisticRegression(), tree)
    verdict = reach_verdict(cv)
    assert verdict.decision == "use"
    assert verdict.strategy in (SOFT_LABELS, DISTILLED, TEACHER)
    gains = {result.name: result.difference or 0.0 for result in verdict.results["own"]}
    assert gains[SOFT_LABELS] > 0.1
    assert gains[TEACHER] > 0.1
    assert max(gains["random over-sampling"], gains["SMOTENC"]) < 0.5 * gains[TEACHER]


def test_noise_is_not_worth_a_teacher() -> None:
    X, y = noise(1)
    kinds = [DecisionTreeClassifier(max_depth=3), GaussianNB()]
    assert reach_verdict(with_a_teacher(X, y, kinds, GaussianNB())).decision != "use"


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        (SOFT_LABELS, "Use soft labels, counterpoise.DistilledClassifier(classifier, n_synth"),
        (DISTILLED, "Use distilled, counterpoise.DistilledClassifier(classifier): PR-AUC"),
        (TEACHER, "Use the teacher itself, counterpoise.distillation.Teacher(): PR-AUC"),
    ],
)
def test_the_sentence_says_what_to_fit(strategy: str, said: str) -> None:
    X, y = rows_of(lambda X: 1.5 * X["a"] - X["b"] + X["c"] - 2)
    teacher = Teacher(LogisticRegression(), n_folds=2)
    own = {one.name: one for one in default_strategies({}, teacher)}
    settings = {"n_folds": 5, "n_repeats": 1, "n_inner_folds": 2, "teacher": teacher}
    tree = {"tree": DecisionTreeClassifier(random_state=0)}
    strategies = [Strategy("nothing"), own[strategy]]
    verdict = reach_verdict(cross_validate(X, pd.Series(y), strategies, tree, **settings))
    assert verdict.sentence.startswith(said)
    (told,) = [text for text in verdict.reasons if text.startswith("Probabilities:")]
    assert "RecalibratedClassifier" not in told, "there is no sampler to wrap"
