"""The checks of scikit-learn and imbalanced-learn, and what their users do with an estimator."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from imblearn.pipeline import Pipeline
from imblearn.utils import estimator_checks
from imblearn.utils.estimator_checks import parametrize_with_checks as sampler_checks
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.utils.estimator_checks import parametrize_with_checks

from benchmarks._samplers import make_sampler
from counterpoise import LLMOverSampler
from tests.small_models import QUICK, mixed_frame

pytestmark = [
    pytest.mark.usefixtures("small_compact"),
    pytest.mark.filterwarnings("ignore:class .* too few to hold any out"),
]


def small_dataset():
    """In place of imbalanced-learn's 1,000 rows of 20 features with 17 digits each."""
    X, y = make_classification(
        n_samples=100,
        n_features=4,
        n_informative=4,
        n_redundant=0,
        n_classes=3,
        weights=[0.2, 0.3, 0.5],
        random_state=0,
    )
    return X.round(1), y


# No check is excluded. The one of sparse matrices is not among them: the estimator's tags say that
# it takes none, because a row is written as a sentence of all its cells.
@parametrize_with_checks([make_sampler(**QUICK)])
def test_scikit_learn(estimator, check):
    check(estimator)


@sampler_checks([make_sampler(**QUICK)])
def test_imbalanced_learn(estimator, check, monkeypatch):
    monkeypatch.setattr(estimator_checks, "sample_dataset_generator", small_dataset)
    check(estimator)


@pytest.mark.slow
@sampler_checks([make_sampler(**QUICK)])
def test_imbalanced_learn_on_tables_of_its_own_size(estimator, check):
    check(estimator)


def test_every_parameter_is_checked_as_in_imbalanced_learn():
    estimator_checks.check_param_validation("LLMOverSampler", LLMOverSampler())


def mixed_pipeline(**options):
    """A pipeline that resamples a table with missing values in `fit`, and only there."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.preprocessing import OrdinalEncoder

    encoder = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan), ["colour"]),
        ("drop", ["since", "constant"]),
        remainder="passthrough",
    )
    classifier = HistGradientBoostingClassifier(max_iter=5, random_state=0)
    return Pipeline(
        [
            ("sampler", make_sampler(**{**QUICK, **options})),
            ("encoder", encoder),
            ("classifier", classifier),
        ]
    )


def test_grid_search_over_a_pipeline_on_a_mixed_table_with_missing_values():
    X, y = mixed_frame(60)
    assert X.isna().any(axis=None)
    grid = {
        "sampler__recipe__condition": ["feature", "label"],
        "sampler__sampling_strategy": [0.5, 1.0],
        "classifier__max_depth": [2],
    }
    search = GridSearchCV(mixed_pipeline(), grid, cv=3, scoring="balanced_accuracy")
    search.fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = search.best_estimator_
    assert len(best.predict(X)) == 60, "predict resamples nothing"
    n_majority = int((y == "no").sum())
    share = search.best_params_["sampler__sampling_strategy"]
    assert best["sampler"].n_synthetic_ == int(share * n_majority) - (60 - n_majority)


def test_cross_validation():
    scores = cross_validate(mixed_pipeline(), *mixed_frame(60), cv=2, scoring="roc_auc")
    assert np.isfinite(scores["test_score"]).all()


@pytest.mark.slow
def test_workers_write_the_same_rows():
    sampler = make_sampler(**QUICK, max_samples_seen=64)
    table = mixed_frame(40)
    results = Parallel(n_jobs=2)(delayed(clone(sampler).fit_resample)(*table) for _ in range(2))
    pd.testing.assert_frame_equal(results[0][0], results[1][0])
    assert len(results[0][0]) == 64


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s)), clone])
def test_copies_of_an_unfitted_sampler(copied):
    X, y = mixed_frame(40)
    sampler = make_sampler(**QUICK, fixed_combinations=[("colour", "member")])
    other = copied(sampler)
    assert other.get_params() == sampler.get_params()
    assert other.set_params(recipe__condition="label").recipe.condition == "label"
    assert sampler.recipe.condition != "label"
    expected, _ = sampler.fit_resample(X, y)
    found, _ = other.set_params(recipe__condition=sampler.recipe.condition).fit_resample(X, y)
    pd.testing.assert_frame_equal(found, expected)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_copies_of_a_fitted_sampler(copied):
    sampler = make_sampler(**QUICK, fixed_combinations=[("colour", "member")])
    sampler.fit_resample(*mixed_frame(40, seed=2))
    other = copied(sampler)
    pd.testing.assert_frame_equal(other.provenance_, sampler.provenance_)
    expected, _ = sampler.sample(6)  # both go on with the stream of the fit
    pd.testing.assert_frame_equal(other.sample(6)[0], expected)
    with pytest.raises(NotFittedError):
        clone(sampler).sample(1)
