import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imblearn import metrics as imblearn_metrics
from sklearn import metrics

from counterpoise.comparison._scores import best_threshold, scores

TRUTH = np.array(["no", "no", "yes", "no", "yes", "yes", "no", "no", "yes", "no"])
PROBABILITY = np.array([0.1, 0.4, 0.35, 0.8, 0.9, 0.55, 0.2, 0.5, 0.5, 0.05])


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.51, 0.9])
def test_agrees_with_scikit_learn_and_imbalanced_learn_called_directly(threshold):
    found = scores(TRUTH, PROBABILITY, threshold, positive="yes")
    called = np.where(threshold <= PROBABILITY, "yes", "no")
    is_yes = TRUTH == "yes"
    expected = {
        "f1": metrics.f1_score(TRUTH, called, pos_label="yes"),
        "precision": metrics.precision_score(TRUTH, called, pos_label="yes"),
        "recall": imblearn_metrics.sensitivity_score(TRUTH, called, pos_label="yes"),
        "roc_auc": metrics.roc_auc_score(is_yes, PROBABILITY),
        "pr_auc": metrics.average_precision_score(is_yes, PROBABILITY),
        "balanced_accuracy": (
            imblearn_metrics.sensitivity_score(TRUTH, called, pos_label="yes")
            + imblearn_metrics.specificity_score(TRUTH, called, pos_label="yes")
        )
        / 2,
        "brier": np.mean((PROBABILITY - is_yes) ** 2),
        "log_loss": metrics.log_loss(is_yes, PROBABILITY),
    }
    assert found == pytest.approx(expected)
    assert set(found) == set(expected)


def test_the_auc_is_of_scores_and_not_of_decisions():
    found = scores(TRUTH, PROBABILITY, positive="yes")
    of_decisions = metrics.roc_auc_score(TRUTH == "yes", PROBABILITY >= 0.5)
    assert found["roc_auc"] != pytest.approx(of_decisions)
    assert found["balanced_accuracy"] == pytest.approx(of_decisions)


def test_several_classes_are_one_against_the_rest():
    truth = np.array(["a", "b", "c", "a"])
    found = scores(truth, [0.9, 0.2, 0.1, 0.4], positive="a")
    merged = scores(np.where(truth == "a", "a", "rest"), [0.9, 0.2, 0.1, 0.4], positive="a")
    assert found == merged


@pytest.mark.parametrize(
    ("truth", "probability", "match"),
    [
        (["a", "a"], [0.1, 0.2], "2 of 2"),
        (["a", "b"], [0.1, 1.2], "between 0 and 1"),
        (["a", "b"], [0.1, np.nan], "between 0 and 1"),
        (["a", "b"], [0.1], "shape"),
    ],
)
def test_refuses_what_cannot_be_scored(truth, probability, match):
    with pytest.raises(ValueError, match=match):
        scores(truth, probability, positive="a")


@given(
    rows=st.lists(
        st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0])),
        min_size=2,
        max_size=40,
    ).filter(lambda rows: len({truth for truth, _ in rows}) == 2)
)
def test_no_threshold_beats_the_best_one(rows):
    truth, probability = map(np.array, zip(*rows, strict=True))
    best = best_threshold(truth, probability, positive=True)
    reached = scores(truth, probability, best, positive=True)["f1"]
    every = [scores(truth, probability, t, positive=True)["f1"] for t in np.unique(probability)]
    assert reached == pytest.approx(max(every))


def test_labels_may_be_a_series():
    found = scores(pd.Series(TRUTH, index=range(5, 15)), PROBABILITY, positive="yes")
    assert found == scores(TRUTH, PROBABILITY, positive="yes")


def test_a_weight_is_as_good_as_repeated_rows():
    weight = np.where(TRUTH == "yes", 3, 1)
    weighted = scores(TRUTH, PROBABILITY, positive="yes", sample_weight=weight)
    repeated = scores(TRUTH.repeat(weight), PROBABILITY.repeat(weight), positive="yes")
    assert weighted == pytest.approx(repeated)
