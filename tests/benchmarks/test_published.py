import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from benchmarks._protocols import published_scores

pytest.importorskip("xgboost")


def table(classes=("high", "low"), seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"a": rng.normal(size=300), "b": rng.choice(["x", "y", "z"], 300)})
    y = pd.Series(np.asarray(classes)[rng.integers(0, len(classes), 300)])
    X["a"] += pd.Categorical(y).codes
    return X, y


def predictions(train, test):
    """What the same XGBoost predicts by another way; no category is absent, so codes agree."""
    from xgboost import XGBClassifier

    X_train, X_test = (
        X.assign(b=X["b"].astype(pd.CategoricalDtype(["x", "y", "z"]))) for X in (train[0], test[0])
    )
    model = XGBClassifier(random_state=0, enable_categorical=True, n_jobs=1)
    return model.fit(X_train, pd.Categorical(train[1]).codes).predict(X_test)


def test_f1_is_of_the_class_that_sorts_second_and_auc_is_balanced_accuracy():
    train, test = table(), table(seed=1)
    found = published_scores(train, test, ["b"], seed=0)
    truth, called = pd.Categorical(test[1]).codes, predictions(train, test)
    assert found["published_f1"] == pytest.approx(f1_score(truth, called, pos_label=1))
    assert found["published_auc"] == pytest.approx(balanced_accuracy_score(truth, called))
    assert found["published_accuracy"] == pytest.approx((truth == called).mean())


def test_with_more_classes_f1_is_weighted_by_their_sizes():
    classes = ("acc", "good", "unacc", "vgood")
    train, test = table(classes), table(classes, seed=1)
    found = published_scores(train, test, ["b"], seed=0)
    truth = pd.Categorical(test[1]).codes
    expected = f1_score(truth, predictions(train, test), average="weighted")
    assert found["published_f1"] == pytest.approx(expected)
