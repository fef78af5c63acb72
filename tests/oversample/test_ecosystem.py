"""The checks of scikit-learn and imbalanced-learn, and what their users do with an estimator."""

import pytest
from imblearn.utils import estimator_checks
from imblearn.utils.estimator_checks import parametrize_with_checks as sampler_checks
from sklearn.datasets import make_classification
from sklearn.utils.estimator_checks import parametrize_with_checks

from counterpoise import LLMOverSampler
from tests.models import QUICK

pytestmark = [
    pytest.mark.usefixtures("small_compact"),
    pytest.mark.filterwarnings("ignore:class .* too few to hold any out"),
]
whole_size = estimator_checks.sample_dataset_generator


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
@parametrize_with_checks([LLMOverSampler(**QUICK)])
def test_scikit_learn(estimator, check):
    check(estimator)


@sampler_checks([LLMOverSampler(**QUICK)])
def test_imbalanced_learn(estimator, check, monkeypatch):
    monkeypatch.setattr(estimator_checks, "sample_dataset_generator", small_dataset)
    check(estimator)


@pytest.mark.slow
@sampler_checks([LLMOverSampler(**QUICK)])
def test_imbalanced_learn_on_tables_of_its_own_size(estimator, check):
    check(estimator)
