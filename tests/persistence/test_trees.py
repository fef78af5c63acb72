"""Histogram gradient boosting as arrays: scores bit for bit, and forged arrays."""

import dataclasses

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from counterpoise.errors import ModelError
from counterpoise.persistence._selection import Trees


@pytest.mark.parametrize("n_classes", [2, 4])
def test_trees_score_as_the_classifier_itself_bit_for_bit(n_classes: int) -> None:
    rng = np.random.default_rng(n_classes)
    X = rng.normal(size=(600, 5))
    X[rng.random(X.shape) < 0.2] = np.nan
    X[:, 4] = np.where(rng.random(600) < 0.5, np.nan, 1.0)  # only missing or not tells
    y = (np.nan_to_num(X[:, 0]) + np.isnan(X[:, 4]) * 2 + rng.normal(size=600) * 0.1) * n_classes
    classes = np.digitize(y, np.quantile(y, np.linspace(0, 1, n_classes + 1)[1:-1]))
    classifier = HistGradientBoostingClassifier(class_weight="balanced", random_state=0)
    classifier.fit(X, classes)
    new = rng.normal(size=(500, 5))
    new[rng.random(new.shape) < 0.3] = np.nan
    trees = Trees.of(classifier)
    np.testing.assert_array_equal(trees.decision_function(new), classifier.decision_function(new))
    n_outputs = 1 if n_classes == 2 else n_classes
    again = Trees.from_arrays(dataclasses.asdict(trees), 5, n_outputs)
    np.testing.assert_array_equal(again.decision_function(new), trees.decision_function(new))


def a_forest() -> Trees:
    """A tree of two leaves, and one that is a leaf."""
    return Trees(
        baseline=np.array([0.5]),
        feature=np.array([1, -1, -1, -1]),
        number=np.array([2.0, -1.0, 1.0, 0.25]),
        missing_left=np.array([True, False, False, False]),
        left=np.array([1, -1, -1, -1]),
        right=np.array([2, -1, -1, -1]),
    )


def test_trees_are_walked_from_their_roots() -> None:
    X = np.array([[9.0, 2.0], [0.0, 2.1], [0.0, np.nan]])
    assert a_forest().decision_function(X).tolist() == [-0.25, 1.75, -0.25]


@pytest.mark.parametrize(
    "changes",
    [
        {"left": np.array([0, -1, -1, -1])},  # a walk that never ends
        {"left": np.array([1, 0, -1, -1]), "right": np.array([2, 3, -1, -1])},
        {"left": np.array([1, -2, -1, -1])},
        {"left": np.array([4, -1, -1, -1])},  # a walk that leaves the nodes
        {"right": np.array([2**60, -1, -1, -1])},
        {"right": np.array([-1, -1, -1, -1])},
        {"right": np.array([-7, -1, -1, -1])},
        {"right": np.array([2, -1, -1])},
        {"feature": np.array([2, -1, -1, -1])},
        {"feature": np.array([-1, -1, -1, -1])},
        {"feature": np.array([-2, -1, -1, -1])},
        {"feature": np.array([[1, -1, -1, -1]])},
        {"feature": np.array([1, -1, -1])},
        {"feature": np.array([1.0, -1, -1, -1])},
        {"baseline": np.array([0.5, 0.5])},
        {"baseline": np.array([np.inf])},
        {"number": np.array([2.0, -1.0, np.nan, 0.25])},
        {"number": np.array([2.0, -1.0, np.inf, 0.25])},
        {"number": np.array([np.nan, -1.0, 1.0, 0.25])},
        {"number": np.array([2.0, -1.0, 1.0])},
        {"missing_left": np.array([[True, False, False, False]])},
    ],
)
def test_arrays_that_are_no_trees_are_refused(changes: dict[str, np.ndarray]) -> None:
    arrays = dataclasses.asdict(dataclasses.replace(a_forest(), **changes))
    with pytest.raises(ModelError, match="malformed"):
        Trees.from_arrays(arrays, 2, 1)


def test_arrays_must_be_all_there() -> None:
    arrays = dataclasses.asdict(a_forest())
    del arrays["number"]
    with pytest.raises(ModelError, match="malformed"):
        Trees.from_arrays(arrays, 2, 1)


def test_each_class_has_as_many_trees() -> None:
    arrays = dataclasses.asdict(a_forest()) | {"baseline": np.zeros(3)}
    with pytest.raises(ModelError, match="malformed"):
        Trees.from_arrays(arrays, 2, 3)
