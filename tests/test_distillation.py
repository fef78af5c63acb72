"""A classifier trained on a teacher's probabilities, on real rows and on synthetic ones."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import RandomOverSampler
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from benchmarks._samplers import make_sampler
from counterpoise._table_classifier import TableClassifier
from counterpoise.distillation import DistilledClassifier, Teacher, _draw, probability_by
from tests.small_models import QUICK, mixed_frame

NOT_EXACT = dict.fromkeys(
    (
        "check_sample_weight_equivalence_on_dense_data",
        "check_sample_weight_equivalence_on_sparse_data",
    ),
    "repeated rows fall into other folds and are drawn by other random numbers than weighted ones",
)


@parametrize_with_checks(
    [DistilledClassifier(LogisticRegression(), teacher=LogisticRegression(), n_synthetic=50)],
    expected_failed_checks=lambda _: NOT_EXACT,
)
def test_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


def logistic_rows(n_rows: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows of two classes, one in eight positive, told apart by a line, not surely."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n_rows, 6)), columns=list("abcdef"))
    truth = 1 / (1 + np.exp(3 - 1.5 * X["a"] - X["b"] + X["c"]))
    return X, np.where(rng.random(n_rows) < truth, "yes", "no")


def quick(classifier: Any = None, **options: Any) -> DistilledClassifier:
    options = {"teacher": LogisticRegression(), "random_state": 0, **options}
    return DistilledClassifier(classifier or DecisionTreeClassifier(random_state=0), **options)


def pr_auc(model: Any, X: pd.DataFrame, y: np.ndarray) -> float:
    return float(average_precision_score(y == "yes", model.predict_proba(X)[:, 1]))


def test_learns_what_its_teacher_knows() -> None:
    # the truth is logistic, so the teacher is near it and a tree by itself is not
    X, y = logistic_rows(600, 0)
    X_new, y_new = logistic_rows(4000, 1)
    alone = DecisionTreeClassifier(random_state=0).fit(X, y)
    soft, distilled = quick(n_synthetic=0).fit(X, y), quick().fit(X, y)
    assert (soft.n_synthetic_, distilled.n_synthetic_) == (0, 6000)
    assert pr_auc(alone, X_new, y_new) + 0.1 < pr_auc(soft, X_new, y_new)
    assert pr_auc(soft, X_new, y_new) < pr_auc(distilled, X_new, y_new)
    brier, alone_brier = (
        brier_score_loss(y_new == "yes", model.predict_proba(X_new)[:, 1])
        for model in (distilled, alone)
    )
    assert brier < 0.8 * alone_brier


def test_the_automatic_teacher_prefers_what_fits_and_reports_its_score() -> None:
    X, y = logistic_rows(400, 0)
    teacher = Teacher(random_state=0).fit(X, y)
    assert teacher.weights_.sum() == pytest.approx(1)
    assert teacher.weights_[3] > 0.5, "the truth is logistic"
    assert teacher.score_ == pytest.approx(
        average_precision_score(y == "yes", teacher.out_of_fold_[:, 1])
    )
    assert teacher.scores_.shape == (4,)
    again = Teacher(random_state=0).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), teacher.predict_proba(X))


def test_no_row_is_labelled_by_a_classifier_that_saw_it() -> None:
    rng = np.random.default_rng(0)
    X, y = pd.DataFrame(rng.normal(size=(200, 3))), rng.integers(2, size=200)
    teacher = Teacher(KNeighborsClassifier(1), random_state=0).fit(X, y)
    # features are noise: 200 guesses are right in 65 % or more with a chance under 1e-4
    assert (teacher.out_of_fold_.argmax(axis=1) == y).mean() < 0.65
    assert (teacher.predict(X) == y).mean() > 0.9


def test_a_table_of_text_dates_and_missing_cells() -> None:
    X, y = mixed_frame(120)
    encoder = make_column_transformer(
        (
            OneHotEncoder(handle_unknown="ignore"),
            make_column_selector(dtype_exclude=["number", "datetime"]),
        )
    )
    model = quick(make_pipeline(encoder, LogisticRegression())).fit(X, y)
    assert model.n_synthetic_ == 1200
    assert model.predict_proba(X).shape == (120, 2)
    assert set(model.predict(X)) <= {"yes", "no"}


class Spy(LogisticRegression):  # type: ignore[misc]
    """Remembers what it was trained on."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Spy:
        self.seen_ = X, np.asarray(y), sample_weight
        super().fit(X, y, sample_weight)
        return self


def test_every_row_weighs_one_and_is_of_each_class_by_its_probability() -> None:
    X, y = logistic_rows(200, 0)
    model = quick(Spy(), n_synthetic=0, soften_real=1).fit(X, y)
    rows, classes, weight = model.classifier_.seen_
    assert weight.sum() == pytest.approx(len(X), rel=1e-3)
    first = (rows == X.iloc[0]).all(axis=1).to_numpy()
    assert weight[first][classes[first] == "yes"] == pytest.approx(
        model.teacher_.out_of_fold_[0, 1]
    )
    kept = quick(Spy(), n_synthetic=0, soften_real=0).fit(X, y).classifier_.seen_
    assert kept[1].tolist() == y.tolist()
    np.testing.assert_array_equal(kept[2], 1)


def test_cells_of_munge_s_rows_are_those_of_their_class_and_weights_count() -> None:
    X = pd.DataFrame({"a": range(40), "b": list("xy") * 20})
    y = np.repeat(["no", "yes"], [30, 10])
    weight = np.where(X["a"] == 35, 1000.0, 1.0)
    weight[:5] = 0
    encoder = make_column_transformer((OneHotEncoder(), ["b"]), remainder="passthrough")
    model = quick(make_pipeline(encoder, Spy()), n_synthetic={"yes": 300})
    model.fit(X, y, sample_weight=weight)
    assert model.n_synthetic_ == 300
    rows, _, weights = model.classifier_[-1].seen_
    cells = pd.Series(rows[:, -1])
    assert cells.min() >= 5, "a row without weight is none"
    assert weights.max() > 10


def test_any_over_sampler_generates_rows_of_every_class() -> None:
    X, y = mixed_frame(60)
    sampler = make_sampler(**QUICK, recipe="counterpoise-no-selection")
    encoder = make_column_transformer((StandardScaler(), ["age"]))
    classifier = make_pipeline(encoder, LogisticRegression())
    model = quick(classifier, sampler=sampler, n_synthetic=30).fit(X, y)
    assert model.n_synthetic_ == 30
    assert model.sampler_.sampling_strategy_ == {"no": 24, "yes": 6}
    simple = quick(classifier, sampler=RandomOverSampler(), n_synthetic=30).fit(X, y)
    assert simple.n_synthetic_ == 30
    assert simple.sampler_.random_state is not None


def test_a_classifier_without_weights_gets_rows_drawn_by_probability() -> None:
    X, y = logistic_rows(300, 0)
    with pytest.warns(UserWarning, match="KNeighborsClassifier takes no sample_weight"):
        model = quick(KNeighborsClassifier(20)).fit(X, y)
    share = (model.classifier_._y == 1).mean()
    # 3,300 rows: the standard error of the share is 0.006
    assert share == pytest.approx((y == "yes").mean(), abs=0.05)


def test_three_classes_one_of_them_with_a_single_row() -> None:
    X, _ = logistic_rows(100, 0)
    y = np.array(["a"] * 70 + ["b"] * 29 + ["c"])
    for sampler in ("munge", RandomOverSampler()):
        model = quick(sampler=sampler).fit(X, y)
        assert model.classes_.tolist() == ["a", "b", "c"]
        assert model.predict_proba(X).shape == (100, 3)


@pytest.mark.parametrize("y", [["a", "b"], ["a", *"bbbb"], ["a", "c", *"bbbb"]])
def test_two_classes_need_two_rows_each(y: list[str]) -> None:
    X = pd.DataFrame({"a": range(len(y))})
    with pytest.raises(ValueError, match="class 'a' has a single row"):
        DistilledClassifier(GaussianNB(), random_state=0).fit(X, y)


def test_halves_of_characters_are_categories_like_others() -> None:
    X = pd.DataFrame({"c": pd.Series(["x\ud800", "y"] * 20, dtype=object)})
    y = np.array(["no", "yes"] * 20)
    classifier = TableClassifier("logistic-regression")
    assert (classifier.fit(X, y).predict(X) == y).all()


def test_grid_search_pipeline_copy_and_pickle() -> None:
    X, y = logistic_rows(200, 0)
    pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), quick())
    grid = {"distilledclassifier__classifier__max_depth": [2, 4]}
    search = GridSearchCV(pipeline, grid, cv=2, scoring="average_precision").fit(X, y == "yes")
    assert search.best_estimator_[-1].feature_names_in_.tolist() == list("abcdef")
    model = quick().fit(X, y)
    for copied in (pickle.loads(pickle.dumps(model)), clone(model).fit(X, y)):
        np.testing.assert_array_equal(copied.predict_proba(X), model.predict_proba(X))


def test_a_teacher_that_is_fitted_is_used_as_it_is() -> None:
    X, y = logistic_rows(200, 0)
    teacher = Teacher([GaussianNB(), LogisticRegression()], random_state=0).fit(X, y)
    model = quick().distill(teacher, X, y)
    assert model.teacher_ is teacher
    assert model.teacher_score_ == teacher.score_


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"soften_real": 2}, "The 'soften_real' parameter"),
        ({"n_synthetic": -1}, "The 'n_synthetic' parameter"),
        ({"n_synthetic": {"maybe": 3}}, "the classes of y are"),
        ({"sampler": "smote"}, "The 'sampler' parameter"),
        ({"teacher": "xgboost"}, "The 'teacher' parameter"),
        ({"teacher": []}, "teacher must be 'auto' or classifiers"),
    ],
)
def test_mistakes_are_refused(options: dict[str, Any], message: str) -> None:
    X, y = logistic_rows(50, 0)
    with pytest.raises((ValueError, TypeError), match=message):
        quick(**options).fit(X, y)


def test_identifiers_are_ignored_with_a_warning() -> None:
    X, y = logistic_rows(200, 0)
    order = np.argsort(y, kind="stable")  # so that the identifier tells the classes apart
    X, y = X.iloc[order].reset_index(drop=True), y[order]
    with_id = X.assign(customer_id=range(200))
    with pytest.warns(UserWarning, match="columns of identifiers are ignored: 'customer_id'"):
        model = quick().fit(with_id, y)
    assert model.ignored_columns_ == ["customer_id"]
    assert model.n_features_in_ == 7
    expected = quick().fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(with_id), expected.predict_proba(X))
    kept = quick(id_columns=None).fit(with_id, y)
    assert kept.ignored_columns_ == []
    assert kept.classifier_.feature_names_in_.tolist() == list(with_id)
    with pytest.warns(UserWarning, match="'customer_id'"):
        teacher = Teacher(LogisticRegression(), random_state=0).fit(with_id, y)
    assert teacher.ignored_columns_ == ["customer_id"]
    np.testing.assert_array_equal(
        teacher.predict_proba(with_id),
        Teacher(LogisticRegression(), random_state=0).fit(X, y).predict_proba(X),
    )


def test_identifiers_of_other_frames_and_arrays_can_be_named() -> None:
    pl = pytest.importorskip("polars")
    X, y = logistic_rows(200, 0)
    expected = quick().fit(X, y).predict_proba(X)
    frame = pl.from_pandas(X.assign(key=[f"k{number}" for number in range(200)]))
    model = quick(id_columns=["key"]).fit(frame, y)
    np.testing.assert_allclose(model.predict_proba(frame), expected)
    cells = X.assign(number=range(200)).to_numpy()
    model = quick(id_columns=[6]).fit(cells, y)
    np.testing.assert_allclose(model.predict_proba(cells), expected)


def test_a_classifier_without_weights_knows_every_class() -> None:
    X, _ = logistic_rows(100, 0)
    y = np.array(["a"] * 70 + ["b"] * 29 + ["c"])  # the teacher cannot know c, and draws none
    with pytest.warns(UserWarning, match="takes no sample_weight"):
        model = quick(KNeighborsClassifier(3), n_synthetic=0).fit(X, y)
    assert model.predict_proba(X).shape == (100, 3)


def test_probability_by_a_teacher_of_real_and_synthetic_rows() -> None:
    X, y = logistic_rows(300, 0)
    X_more, y_more = RandomOverSampler(random_state=0).fit_resample(X, y)
    teacher = Teacher(LogisticRegression(), random_state=0)
    found = probability_by(teacher, X_more, y_more, n_real=300)
    fitted = clone(teacher).fit(X, y)
    np.testing.assert_array_equal(found[:300], fitted.out_of_fold_[:, 1])
    np.testing.assert_array_equal(found[300:], fitted.predict_proba(X_more[300:])[:, 1])
    three = np.where(X["d"] > 0.8, "maybe", y)
    own = probability_by(teacher, X, three, n_real=300)
    fitted = clone(teacher).fit(X, three)
    which = np.searchsorted(fitted.classes_, three)
    np.testing.assert_array_equal(own, fitted.out_of_fold_[np.arange(300), which])


def test_a_class_of_two_with_a_single_row_is_refused_by_name() -> None:
    X, _ = logistic_rows(50, 0)
    with pytest.raises(ValueError, match="class 'rare' has a single row; a teacher needs two"):
        quick().fit(X, np.array(["usual"] * 49 + ["rare"]))


def test_of_a_large_table_a_teacher_learns_from_all_rows_of_the_rare_class() -> None:
    X, y = logistic_rows(4000, 0)
    n_rare = int((y == "yes").sum())
    every, few = (
        Teacher(LogisticRegression(), n_folds=2, max_rows=n, random_state=0).fit(X, y)
        for n in (None, 1200)
    )
    drawn = np.array([one[2] for one in few.models_])  # rows that each drawn one stands for
    assert (drawn[:, 1] == 1).all()
    assert drawn[:, 0] == pytest.approx((4000 - n_rare) / 2 / (1200 - n_rare / 2), rel=0.01)
    new, _ = logistic_rows(4000, 1)
    p, reference = (one.predict_proba(new)[:, 1] for one in (few, every))
    assert p.mean() == pytest.approx(reference.mean(), abs=0.01), "as rare as it was"
    assert np.corrcoef(p, reference)[0, 1] > 0.99
    assert few.out_of_fold_.shape == (4000, 2)
    assert few.out_of_fold_[:, 1].mean() == pytest.approx(n_rare / 4000, abs=0.01)


def test_classes_give_way_to_smaller_ones_from_the_largest_on() -> None:
    codes = np.repeat([0, 1, 2], [1000, 30, 300])
    rows, stands_for = _draw(np.arange(1330), codes, 430, 0)
    assert np.bincount(codes[rows]).tolist() == [200, 30, 200]
    assert stands_for.tolist() == [5, 1, 1.5]
    assert _draw(np.arange(1330), codes, 1330, 0)[0].tolist() == list(range(1330))
