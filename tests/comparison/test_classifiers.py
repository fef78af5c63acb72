import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from counterpoise._table_classifier import (
    CLASSIFIERS,
    TableClassifier,
    categorical_columns,
    probability_of,
)
from tests.small_models import mixed_frame

NAMES = list(CLASSIFIERS)


def build(name, **arguments):
    if name == "xgboost":
        pytest.importorskip("xgboost")
    small = {"xgboost": {"n_estimators": 10}, "random-forest": {"n_estimators": 10}}
    return TableClassifier(name, parameters=small.get(name), random_state=0, **arguments)


@pytest.mark.parametrize("name", NAMES)
def test_takes_a_table_as_it_is(name):
    X, y = mixed_frame(120)
    model = build(name).fit(X, y)
    probability = model.predict_proba(X)
    assert probability.shape == (120, 2)
    assert probability.sum(axis=1) == pytest.approx(np.ones(120))
    assert (probability_of(model, X, "yes") == probability[:, 1]).all()


@pytest.mark.parametrize("name", NAMES)
def test_learns_from_a_category_and_from_a_gap(name):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=300), "b": rng.choice(["x", "y", "z"], 300)})
    X.loc[rng.random(300) < 0.3, "a"] = np.nan
    y = np.where((X["b"] == "y") | X["a"].isna(), "in", "out")
    assert (build(name).fit(X, y).predict(X) == y).mean() > 0.95


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_category_is_no_error_and_no_known_one(name):
    X = pd.DataFrame({"b": ["x", "y", None] * 20, "a": range(60)})
    y = ["p", "q", "p"] * 20
    new = pd.DataFrame({"b": ["unseen", None], "a": [3, 3]})
    unseen, missing = build(name).fit(X, y).predict_proba(new)
    assert np.isfinite(unseen).all()
    if name != "logistic-regression":  # trees see a missing value in both
        assert unseen == pytest.approx(missing)


@pytest.mark.parametrize("name", NAMES)
def test_the_encoding_of_a_row_does_not_depend_on_the_rows_beside_it(name):
    X, y = mixed_frame(80)
    model = build(name).fit(X, y)
    whole = model.predict_proba(X)
    alone = np.vstack([model.predict_proba(X.iloc[[i]]) for i in range(20)])
    assert alone == pytest.approx(whole[:20])


def test_columns_are_found_by_name():
    X, y = mixed_frame(60)
    model = build("random-forest").fit(X, y)
    assert (model.predict_proba(X[X.columns[::-1]]) == model.predict_proba(X)).all()


def test_codes_that_look_like_numbers_can_be_categories():
    X = pd.DataFrame({"code": [1, 2, 3, 4] * 10})
    y = [0, 1, 0, 1] * 10
    as_category = build("logistic-regression", categorical=["code"]).fit(X, y)
    assert (as_category.predict(X) == y).all()


def test_takes_any_scikit_learn_classifier():
    X, y = mixed_frame(60)
    assert TableClassifier(GaussianNB()).fit(X, y).predict_proba(X).shape == (60, 2)
    numbers = make_pipeline(
        FunctionTransformer(lambda frame: frame[["age", "price"]]),
        HistGradientBoostingClassifier(max_iter=5),
    )
    assert TableClassifier(numbers).fit(X, y).predict_proba(X).shape == (60, 2)


def test_class_weights_raise_the_probability_of_the_minority():
    X, y = mixed_frame(100)
    plain, weighted = (
        build("logistic-regression", class_weight=weight).fit(X, y) for weight in (None, "balanced")
    )
    assert probability_of(weighted, X, "yes").mean() > probability_of(plain, X, "yes").mean() + 0.1


def test_more_categories_than_bins():
    X = pd.DataFrame({"id": [f"c{i}" for i in range(600)]})
    y = np.arange(600) % 2
    assert build("hist-gradient-boosting").fit(X, y).predict_proba(X).shape == (600, 2)


@pytest.mark.parametrize("name", NAMES)
def test_a_column_without_any_value_is_left_out(name):
    X, y = mixed_frame(60)
    whole, without = build(name).fit(X.assign(none=np.nan, gone=None), y), build(name).fit(X, y)
    expected = without.predict_proba(X)
    assert (whole.predict_proba(X.assign(none=1.0, gone="x")) == expected).all()


def test_unknown_classifiers_and_classes_are_refused():
    X, y = mixed_frame(20)
    with pytest.raises(ValueError, match=r"must be one of xgboost.*got 'svm'"):
        TableClassifier("svm").fit(X, y)
    with pytest.raises(ValueError, match="at least two classes"):
        TableClassifier().fit(X, ["a"] * 20)
    with pytest.raises(ValueError, match="no class 'maybe'"):
        probability_of(build("random-forest").fit(X, y), X, "maybe")


def test_booleans_and_text_are_categories_dates_are_not():
    assert categorical_columns(mixed_frame()[0]) == ["colour", "member", "constant"]
