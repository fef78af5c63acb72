"""`fit`, `sample` on any table, and `score_samples`."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from counterpoise import LLMOverSampler
from counterpoise.constraints import FixedCombinations
from counterpoise.recipes import Recipe, get_recipe
from tests.small_models import mixed_frame

QUICK = {"recipe": Recipe(epochs=2, interpolation=None), "random_state": 0}


@pytest.fixture(scope="module")
def churn():
    return mixed_frame()


def test_fit_trains_and_leaves_the_rows_to_sample(churn):
    sampler = LLMOverSampler(**QUICK).fit(*churn)
    assert (sampler.n_synthetic_, sampler.sampling_strategy_) == (0, {"yes": 36})
    X, y = sampler.sample(5)
    assert X.dtypes.equals(churn[0].dtypes)
    assert y.tolist() == ["yes"] * 5


def test_fit_and_fit_resample_train_the_same_model(churn):
    one = LLMOverSampler(**QUICK).fit(*churn)
    other = LLMOverSampler(**QUICK)
    other.fit_resample(*churn)
    X, y = churn
    np.testing.assert_array_equal(one.score_samples(X, y), other.score_samples(X, y))


def test_a_balanced_table_is_learned_whole(churn):
    X, _ = churn
    y = pd.Series(["a", "b"] * 30)
    sampler = LLMOverSampler(**QUICK)
    _, balanced = sampler.fit_resample(X, y)
    assert (len(balanced), sampler.n_synthetic_) == (60, 0)
    for class_ in ("a", "b"):
        assert sampler.sample(3, class_=class_)[1].tolist() == [class_] * 3
    assert len(LLMOverSampler(**QUICK).fit(X, y).sample(2, class_="a")[0]) == 2


def test_a_class_of_one_row_is_not_learned_by_fit(churn):
    X, y = churn
    y = y.where(y.index != 0, "once")
    with pytest.warns(UserWarning, match=r"does not learn the classes \['once'\]"):
        sampler = LLMOverSampler(**QUICK).fit(X, y)
    assert sampler.sample(2)[1].tolist() == ["yes", "yes"]
    with pytest.raises(ValueError, match="'once' has 1 row"):
        LLMOverSampler(**QUICK).fit_resample(X, y)


def test_nothing_is_sampled_or_scored_before_a_fit(churn):
    for use in (lambda s: s.sample(1), lambda s: s.score_samples(*churn)):
        with pytest.raises(NotFittedError):
            use(LLMOverSampler())


def test_likely_rows_score_higher_than_shuffled_cells():
    rng = np.random.default_rng(0)
    a = rng.integers(3, size=300)
    X = pd.DataFrame({"a": a, "b": (a + 1) % 3, "c": (2 * a) % 3}, dtype=object)
    y = np.array(["x", "y"] * 150)
    recipe = Recipe(train_on="all", interpolation=None, epochs=20)
    sampler = LLMOverSampler(recipe=recipe, random_state=0).fit(X, y)
    broken = X.assign(b=rng.permutation(X["b"].to_numpy()))
    changed = (broken["b"] != X["b"]).to_numpy()
    scores, worse = sampler.score_samples(X, y), sampler.score_samples(broken, y)
    assert scores[changed].mean() > worse[changed].mean() + 1.0
    np.testing.assert_allclose(scores[~changed], worse[~changed])


def test_scores_are_log_probabilities():
    """Over all rows that there can be, the probabilities of a class add up to at most one.

    A mean of log-likelihoods over orders is a lower bound of the log of the mean likelihood.
    """
    X = pd.DataFrame({"a": ["u", "v"] * 30, "b": ["p", "q", "r"] * 20})
    y = np.array(["x", "y"] * 30)
    sampler = LLMOverSampler(**QUICK).fit(X, y)
    rows = pd.DataFrame([(a, b) for a in "uv" for b in "pqr"], columns=["a", "b"])
    total = np.exp(sampler.score_samples(rows, ["x"] * 6)).sum()
    assert 0.5 < total <= 1.0 + 1e-9
    in_order = LLMOverSampler(recipe=QUICK["recipe"].copy(permutation="none"), random_state=0)
    total = np.exp(in_order.fit(X, y).score_samples(rows, ["x"] * 6)).sum()
    assert total == pytest.approx(1.0)


def test_without_classes_the_mean_likelihood_is_scored():
    X = pd.DataFrame({"a": ["u", "v"] * 30, "b": range(60)})
    y = np.array(["x", "y"] * 30)
    sampler = LLMOverSampler(**QUICK).fit(X, y)
    each = [np.exp(sampler.score_samples(X, [class_] * 60)) for class_ in ("x", "y")]
    np.testing.assert_allclose(np.exp(sampler.score_samples(X)), np.mean(each, axis=0))


def test_what_cannot_be_generated_scores_minus_infinity_and_gaps_never_nan(churn):
    X, y = churn
    sampler = LLMOverSampler(recipe=Recipe(epochs=1, train_on="all"), random_state=0).fit(X, y)
    odd = X.iloc[:6].copy()
    odd.loc[0, "colour"] = "never seen"
    odd.loc[1, "age"] = 10_000
    odd.loc[2, "price"] = np.nan  # the column has gaps: scored like a value
    labels = y.iloc[:6].tolist()
    scores = sampler.score_samples(odd, labels)
    assert np.isneginf(scores[:2]).all()
    assert np.isfinite(scores[2:]).all()
    labels[3] = "unknown class"
    assert np.isneginf(sampler.score_samples(odd, labels)[3])
    gap = X.iloc[:6].astype({"age": float})
    gap.loc[4, "age"] = np.nan  # the column has none: left out of the row
    with pytest.raises(ValueError, match="'age' has dtype float64, and int64 in the fit"):
        sampler.score_samples(gap, y.iloc[:6])
    with pytest.raises(ValueError, match="must have the columns of the fit"):
        sampler.score_samples(X.drop(columns="age"), y)


def test_a_gap_where_the_fit_had_none_is_left_out_of_the_row():
    X = pd.DataFrame({"a": np.arange(60) / 2, "b": ["p", "q", "r"] * 20})
    y = np.array(["x", "y"] * 30)
    sampler = LLMOverSampler(**QUICK).fit(X, y)
    gap = X.iloc[:4].copy()
    gap.loc[0, "a"] = np.nan
    scores, whole = (sampler.score_samples(rows, y[:4]) for rows in (gap, X.iloc[:4]))
    assert np.isfinite(scores).all()
    assert scores[0] > whole[0], "fewer cells to explain"
    np.testing.assert_allclose(scores[1:], whole[1:])


def test_rows_that_are_generated_without_a_label_are_scored_without_it(churn):
    X, y = churn
    recipe = get_recipe("taptap", epochs=1)
    scores = LLMOverSampler(recipe=recipe, random_state=0).fit(X, y).score_samples(X, y)
    assert np.isfinite(scores).all()
    assert (scores < 0).all()


def test_a_combination_that_no_row_has_scores_minus_infinity(churn):
    X = pd.DataFrame({"state": ["TX", "NY"] * 30, "city": ["Austin", "Albany"] * 30})
    y = np.array([0, 0, 1] * 20)
    constraints = [FixedCombinations(["state", "city"])]
    sampler = LLMOverSampler(constraints=constraints, **QUICK).fit(X, y)
    rows = pd.DataFrame({"state": ["TX", "TX"], "city": ["Austin", "Albany"]})
    assert np.isneginf(sampler.score_samples(rows, [1, 1])).tolist() == [False, True]


def test_categorical_features_as_for_smotenc(churn):
    X, y = churn
    by_name = LLMOverSampler(categorical_features=["age"], **QUICK)
    by_position = LLMOverSampler(categorical_features=[X.columns.get_loc("age")], **QUICK)
    by_mask = LLMOverSampler(categorical_features=X.columns == "age", **QUICK)
    for sampler in (by_name, by_position, by_mask):
        assert sampler.fit(X, y).schema_[X.columns.get_loc("age")].kind == "categorical"
    with pytest.raises(ValueError, match="names the column 'ages'"):
        LLMOverSampler(categorical_features=["ages"]).fit(X, y)
    with pytest.raises(ValueError, match="categorical_features and integer in column_types"):
        LLMOverSampler(categorical_features=["age"], column_types={"age": "integer"}).fit(X, y)


def test_at_most_fifteen_parameters():
    assert len(LLMOverSampler().get_params()) <= 15
    sampler = LLMOverSampler(recipe=get_recipe("imbllm"))
    assert "recipe__temperature" in sampler.get_params()
