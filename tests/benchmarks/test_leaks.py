"""Nothing that is made of training rows may depend on test rows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks._methods import Balanced, Method
from benchmarks._protocols import HONEST, split_table
from benchmarks._run import perform
from benchmarks._tables import BenchTable
from counterpoise._table_classifier import TableClassifier
from tests.benchmarks.doubles import small_table

PROTOCOL = replace(HONEST, classifiers=("logistic-regression",), threshold_folds=2)


def with_other_test_rows(table, split, seed=1):
    """Test rows in another order, every other one with cells that training never showed, and their
    labels shuffled by themselves."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(split.test)
    X, y = table.X.copy(), table.y.copy()
    X.iloc[split.test] = table.X.iloc[order].to_numpy()
    X = X.astype(table.X.dtypes)
    strange = split.test[::2]
    X.loc[strange, "plan"] = "a category of the test rows"
    X.loc[strange, "income"] = 1e6
    y.iloc[split.test] = rng.permutation(table.y.iloc[split.test].to_numpy())
    return replace(table, X=X, y=y), order


def check_for_leaks(method, table, split):
    """Assert that changed test rows change predictions of those rows, and nothing else."""
    other, order = with_other_test_rows(table, split)
    before, after = (
        perform(method, each, split, PROTOCOL, seed=0, diversity=False) for each in (table, other)
    )
    pd.testing.assert_frame_equal(before.synthetic, after.synthetic)
    for name in ("n_train", "n_minority", "n_synthetic", "valid_share"):
        assert before.report[name] == after.report[name]
    place = {row: i for i, row in enumerate(split.test)}
    came_from = [place[row] for row in order]
    untouched = np.arange(len(split.test)) % 2 == 1
    for name in PROTOCOL.classifiers:
        found, again = (each.report["classifiers"][name] for each in (before, after))
        assert found["threshold"] == again["threshold"]
        moved = before.predictions[name].to_numpy()[came_from]
        assert after.predictions[name].to_numpy()[untouched] == pytest.approx(moved[untouched])


@pytest.fixture
def table(tmp_path) -> BenchTable:
    return small_table(tmp_path, 200)


@pytest.fixture
def split(table):
    return split_table(table, PROTOCOL, 0)


@pytest.mark.parametrize(
    "name", ["none", "class-weights", "full", "random", "smote", "smotenc", "smoten", "adasyn"]
)
def test_rivals_see_no_test_row(name, table, split):
    check_for_leaks(Method(name, name), table, split)


@pytest.mark.slow
def test_language_models_see_no_test_row(table, split):
    arguments = {"model": "compact", "recipe": "imbllm", "max_samples_seen": 64}
    check_for_leaks(Method("imbllm", "llm", arguments), table, split)


class Peeking(Method):
    """Adds rows of the whole table, test rows among them."""

    def resample(self, X, y, seed, *, table, protocol, cut):
        X_new = pd.concat([X, table.X.iloc[::3]], ignore_index=True)
        y_new = pd.concat([y, table.y.iloc[::3]], ignore_index=True)
        return Balanced(X_new, y_new, len(X_new) - len(X), {})


class PeekingAtRanges(Method):
    """Adds rows at the largest income of the whole table."""

    def resample(self, X, y, seed, *, table, protocol, cut):
        made = X[y == table.positive].assign(income=table.X["income"].max())
        labels = pd.Series([table.positive] * len(made))
        X_new = pd.concat([X, made], ignore_index=True)
        return Balanced(X_new, pd.concat([y, labels], ignore_index=True), len(made), {})


@pytest.mark.parametrize("kind", [Peeking, PeekingAtRanges])
def test_a_method_that_peeks_is_caught(kind, table, split):
    with pytest.raises(AssertionError):
        check_for_leaks(kind("peeking", "none"), table, split)


def test_an_encoder_that_is_fitted_on_test_rows_is_caught(table, split, monkeypatch):
    fit, predict = TableClassifier.fit, TableClassifier.predict_proba

    def numbered(X):
        """As the paper's program: categories are numbered by what is in the rows at hand."""
        names = ["plan", "region"]
        return X.assign(**{name: pd.Categorical(X[name]).codes.astype(str) for name in names})

    monkeypatch.setattr(TableClassifier, "fit", lambda self, X, y: fit(self, numbered(X), y))
    monkeypatch.setattr(
        TableClassifier, "predict_proba", lambda self, X: predict(self, numbered(X))
    )
    with pytest.raises(AssertionError):
        check_for_leaks(Method("none", "none"), table, split)


def test_no_method_is_given_a_test_row_not_even_in_inner_folds(table, split):
    given = []

    class Recording(Method):
        def resample(self, X, y, seed, **rest):
            given.append(X)
            return Balanced(X, y, 0, {})

    perform(Recording("recording", "none"), table, split, PROTOCOL, seed=0)
    train = set(map(tuple, table.X.iloc[split.train].to_numpy().tolist()))
    assert len(given) == 1 + PROTOCOL.threshold_folds
    for X in given:
        assert set(map(tuple, X.to_numpy().tolist())) <= train
