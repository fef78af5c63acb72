"""Splits, what sees what, and what is kept."""

from __future__ import annotations

import itertools
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_info, threadpool_limits

from benchmarks._samplers import make_sampler
from counterpoise import compare
from counterpoise.comparison import _cross_validation
from counterpoise.comparison._cross_validation import (
    BEST_KIND,
    DISTILLED,
    SOFT_LABELS,
    TEACHER,
    Resampler,
    Strategy,
    cross_validate,
    default_strategies,
)
from counterpoise.comparison._scores import best_threshold, scores
from counterpoise.distillation import Teacher
from tests.comparison.known_truths import noise
from tests.doubles import RecombiningSampler
from tests.small_models import QUICK

BAYES = {"bayes": GaussianNB()}
SETTINGS = {"n_folds": 3, "n_repeats": 2, "n_inner_folds": 2}


class Spy:
    """Balances nothing, and remembers what it was given."""

    def __init__(self) -> None:
        self.calls: list[tuple[frozenset[int], int]] = []

    def __call__(self, X: pd.DataFrame, y: Any, seed: int) -> Any:
        self.calls.append((frozenset(X["row"]), seed))
        return X, y


def test_over_sampling_sees_training_rows_only_and_a_seed_of_its_own() -> None:
    X, y = noise(0)
    X["row"] = np.arange(len(X))
    spy = Spy()
    cv = cross_validate(X, y, [Strategy("nothing"), Strategy("spy", spy)], BAYES, **SETTINGS)
    n_splits, n_train = 6, round(len(X) * 2 / 3)
    outer = [rows for rows, _ in spy.calls if len(rows) > 0.9 * n_train]
    inner = [rows for rows, _ in spy.calls if len(rows) <= 0.9 * n_train]
    assert (len(outer), len(inner)) == (n_splits, 2 * n_splits)
    for at in range(2):  # what is left out of the three folds is everything, once
        left_out = [set(X["row"]) - rows for rows in outer[3 * at : 3 * at + 3]]
        assert sorted(itertools.chain.from_iterable(left_out)) == X["row"].tolist()
    for number, rows in enumerate(inner):
        assert rows < outer[number // 2]
    assert len({seed for _, seed in spy.calls}) == len(spy.calls)
    assert cv.n_splits == n_splits
    assert cv.test_to_train == pytest.approx(0.5)


class KindSpy(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A kind of a teacher that remembers the rows of each of its trainings."""

    trained: ClassVar[list[frozenset[int]]] = []

    def fit(self, X: pd.DataFrame, y: Any) -> KindSpy:
        self.rows_ = frozenset(X["row"])
        self.trained.append(self.rows_)
        self.model_ = GaussianNB().fit(X[["a", "b"]], y)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X: pd.DataFrame) -> Any:
        return self.model_.predict_proba(X[["a", "b"]])


def test_a_teacher_sees_the_training_rows_only_and_is_fitted_once() -> None:
    X, y = noise(0)
    X["row"] = np.arange(len(X))
    KindSpy.trained.clear()
    parts: list[frozenset[int]] = []

    def learn(model: Any, teacher: Teacher, rows: Any, seed: int) -> Any:
        parts.append(frozenset(rows[0]["row"]))
        assert len(teacher.out_of_fold_) == len(rows[1])
        return model.fit(*rows)

    strategies = [Strategy("nothing"), *(Strategy(name, learn=learn) for name in "ab")]
    two = {"one": GaussianNB(), "other": GaussianNB(var_smoothing=0.1)}
    teacher = Teacher(Pipeline([("spy", KindSpy())]), id_columns=None, n_folds=2)
    cv = cross_validate(X, y, strategies, two, **SETTINGS, teacher=teacher)
    assert not cv.failures
    n_splits = 6
    assert len(KindSpy.trained) == n_splits * 2, "one teacher for all strategies"
    fitted_on = [one | other for one, other in zip(*[iter(KindSpy.trained)] * 2, strict=True)]
    assert parts == [rows for rows in fitted_on for _ in range(4)]
    assert all(len(rows) < len(X) for rows in parts)


def test_the_threshold_of_what_learns_from_a_teacher_is_tuned_on_its_out_of_fold_rows() -> None:
    X, y = noise(0)
    found: list[tuple[Any, Any, Teacher]] = []

    def learn(model: Any, teacher: Teacher, rows: Any, seed: int) -> Any:
        found.append((model, rows, teacher))
        return teacher

    teacher = Teacher([GaussianNB(), LogisticRegression()], id_columns=None, n_folds=2)
    strategies = [Strategy("nothing"), Strategy("x", learn=learn)]
    settings = SETTINGS | {"n_folds": 2, "n_repeats": 1}
    cv = cross_validate(X, y, strategies, BAYES, **settings, teacher=teacher)
    splits = RepeatedStratifiedKFold(n_splits=2, n_repeats=1, random_state=0).split(X, y)
    expected = []
    for (_, rows, fitted), (_, test) in zip(found, splits, strict=True):
        at = fitted.classes_.tolist().index("rare")
        threshold = best_threshold(rows[1], fitted.out_of_fold_[:, at], positive="rare")
        p = fitted.predict_proba(X.iloc[test])[:, at]
        expected.append(scores(y.iloc[test], p, threshold, positive="rare")["f1"])
    assert cv.table("bayes", "f1_tuned")["x"].tolist() == expected


def test_without_need_of_a_threshold_it_is_tuned_in_the_first_repeat_only() -> None:
    X, y = noise(0)
    spy = Spy()
    X["row"] = np.arange(len(X))
    both = (
        cross_validate(
            X,
            y,
            [Strategy("nothing"), Strategy("spy", spy)],
            BAYES,
            **SETTINGS,
            tunes_all=tunes_all,
        )
        for tunes_all in (True, False)
    )
    every, some = (cv.runs.drop(columns="seconds") for cv in both)
    assert len(spy.calls) == 6 * 3 + 3 * 3 + 3
    first = some["split"] < 3
    pd.testing.assert_frame_equal(some[first], every[first])
    later = [name for name in some if some.loc[~first, name].isna().all()]
    assert {"f1_tuned", "brier_sigmoid"} <= set(later)
    pd.testing.assert_frame_equal(some.drop(columns=later), every.drop(columns=later))


def test_strategies_of_a_teacher_and_the_best_of_its_kinds() -> None:
    X, y = noise(0)
    teacher = Teacher([GaussianNB(), LogisticRegression()], n_folds=2)
    strategies = default_strategies({}, teacher)
    assert [one.name for one in strategies[4:]] == [BEST_KIND, SOFT_LABELS, DISTILLED, TEACHER]
    assert BEST_KIND not in [one.name for one in default_strategies({}, Teacher(GaussianNB()))]
    one, other = (
        cross_validate(X, y, strategies, BAYES, **SETTINGS, teacher=teacher) for _ in "12"
    )
    assert not one.failures
    pd.testing.assert_frame_equal(
        one.runs.drop(columns="seconds"), other.runs.drop(columns="seconds")
    )
    assert sum(one.best_kinds.values()) == 6
    assert set(one.best_kinds) <= {"GaussianNB", "LogisticRegression"}
    plain = one.table("bayes", "mean_probability")
    # none of them changes the shares of the classes: 20 % are rare
    assert plain[[BEST_KIND, SOFT_LABELS, DISTILLED, TEACHER]].mean().to_numpy() == pytest.approx(
        np.full(4, 0.2), abs=0.05
    )
    assert set(one.examples) == {"random over-sampling", "SMOTENC"}, "they add no row to the table"


def test_rows_are_balanced_once_for_all_classifiers() -> None:
    X, y = noise(0)
    X["row"] = np.arange(len(X))
    spy = Spy()
    both = {"one": GaussianNB(), "other": GaussianNB(var_smoothing=0.1)}
    settings = SETTINGS | {"n_folds": 2, "n_repeats": 1}
    cv = cross_validate(X, y, [Strategy("nothing"), Strategy("spy", spy)], both, **settings)
    assert len(spy.calls) == 2 * 3
    assert len(cv.runs) == 2 * 2 * 2


def test_strategy_that_changes_nothing_scores_as_nothing() -> None:
    X, y = noise(0)
    cv = cross_validate(
        X, y, [Strategy("nothing"), Strategy("same", lambda X, y, _: (X, y))], BAYES, **SETTINGS
    )
    for score in ("pr_auc", "f1_tuned", "brier"):
        table = cv.table("bayes", score)
        pd.testing.assert_series_equal(table["nothing"], table["same"], check_names=False)


def test_same_seed_same_scores() -> None:
    X, y = noise(0)
    strategies = [Strategy("nothing"), Strategy("mixed", Resampler(RecombiningSampler()))]
    one, other = (
        cross_validate(X, y, strategies, BAYES, **SETTINGS, random_state=5).runs for _ in range(2)
    )
    pd.testing.assert_frame_equal(one.drop(columns="seconds"), other.drop(columns="seconds"))


def test_examples_are_the_rows_that_strategies_add_in_the_first_split() -> None:
    X, y = noise(0)
    strategies = [Strategy("nothing"), Strategy("mixed", Resampler(RecombiningSampler()))]
    examples = cross_validate(X, y, strategies, BAYES, **SETTINGS).examples
    assert set(examples) == {"mixed"}
    (_, y_train), (_, y_synthetic), (_, y_test) = examples["mixed"]
    assert len(y_train) + len(y_test) == len(y)
    assert set(y_synthetic) == {"rare"}
    counts = pd.concat([y_train, y_synthetic]).value_counts()
    assert counts["rare"] == counts["usual"]


def test_strategy_that_failed_has_no_example() -> None:
    def fail(X: pd.DataFrame, y: Any, seed: int) -> Any:
        raise RuntimeError("no luck")

    mixed = Strategy("mixed", Resampler(RecombiningSampler()))
    strategies = [Strategy("nothing"), mixed, Strategy("broken", fail)]
    cv = cross_validate(*noise(0), strategies, BAYES, **SETTINGS)
    assert set(cv.examples) == {"mixed"}
    assert cv.failures == {"broken": "RuntimeError: no luck"}


def test_recalibration_corrects_the_mean_probability() -> None:
    X, y = noise(0)
    weights = [Strategy("nothing"), Strategy("class weights", class_weight="balanced")]
    table = cross_validate(X, y, weights, {"l": "logistic-regression"}, **SETTINGS).runs
    own = table[table["strategy"] == "class weights"].mean(numeric_only=True)
    assert own["mean_probability"] == pytest.approx(0.5, abs=0.05)
    for method in ("prior", "sigmoid"):
        assert own[f"mean_probability_{method}"] == pytest.approx(0.2, abs=0.03)
        assert own[f"brier_{method}"] < own["brier"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a"] * 200, "two classes or more"),
        (["a"] * 197 + ["b"] * 3, "'b' has 3 rows"),
    ],
)
def test_labels_that_cannot_be_compared_are_refused(labels: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cross_validate(noise(0)[0], pd.Series(labels), [Strategy("nothing")], BAYES, **SETTINGS)


def test_doing_nothing_comes_first_and_must_work() -> None:
    X, y = noise(0)
    with pytest.raises(ValueError, match="first strategy must be 'nothing'"):
        cross_validate(X, y, [Strategy("random")], BAYES, **SETTINGS)
    with pytest.raises(ValueError, match="classifier must be one of"):
        cross_validate(X, y, [Strategy("nothing")], {"x": "no such classifier"}, **SETTINGS)
    with pytest.raises(ValueError, match="positive must be one of"):
        cross_validate(X, y, [Strategy("nothing")], BAYES, **SETTINGS, positive="none")


@pytest.mark.usefixtures("small_compact")
@pytest.mark.filterwarnings("ignore:class .* too few to hold any out")
def test_columns_without_a_value_in_a_fold_or_anywhere() -> None:
    X, y = noise(0)
    X = X.assign(once=[5.0] + [np.nan] * (len(X) - 1), never=np.nan, nothing=None)
    found = compare(X, y, sampler=make_sampler(**QUICK), teacher=None, n_folds=2, n_repeats=1)
    cv = found.cross_validation
    assert cv.runs["pr_auc"].notna().all()
    assert not [warning for warning in cv.warnings if "fail" in warning]
    assert len(cv.examples) > 1
    for _, (synthetic, _), _ in cv.examples.values():
        assert synthetic[["never", "nothing"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"y": None}, "y to be passed"),
        ({"y": [0, 1]}, "inconsistent numbers"),
        ({"X": pd.Series([1.0])}, "2D table"),
        ({"n_folds": 2.5}, "n_folds must be a whole number"),
        ({"sampler": "smote"}, "sampler must be an over-sampler"),
        ({"sampler": RecombiningSampler}, "sampler must be an over-sampler"),
    ],
)
def test_mistakes_are_named_before_the_long_work(arguments: dict[str, Any], says: str) -> None:
    X, y = noise(0)
    with pytest.raises((TypeError, ValueError), match=says):
        compare(**{"X": X, "y": y, **arguments})


def test_a_teacher_that_is_one_pipeline_is_of_one_kind() -> None:
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    for classifiers, several in ((pipeline, False), ([pipeline] * 2, True), ("auto", True)):
        names = [one.name for one in default_strategies({}, Teacher(classifiers))]
        assert (BEST_KIND in names) == several


class ThreadSpy(GaussianNB):
    """Notes how many threads of OpenMP it is trained with."""

    seen: ClassVar[list[int]] = []

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        openmp = [one for one in threadpool_info() if one["user_api"] == "openmp"]
        self.seen.extend(one["num_threads"] for one in openmp)
        return super().fit(X, y, sample_weight)


@pytest.mark.parametrize(("most_cells", "n_threads"), [(500_000, 1), (10, 2)])
def test_classifiers_of_small_tables_are_trained_on_one_thread(
    most_cells: int, n_threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_cross_validation, "_SMALL_TABLE", most_cells)
    monkeypatch.setattr(ThreadSpy, "seen", [])
    with threadpool_limits(limits=2, user_api="openmp"):
        cross_validate(*noise(0), [Strategy("nothing")], {"spy": ThreadSpy()}, **SETTINGS)
    assert set(ThreadSpy.seen) == {n_threads}
