import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmarks._statistics import compare, rank_methods


def test_wilcoxon_is_that_of_scipy_and_holm_multiplies():
    rng = np.random.default_rng(0)
    scores = pd.DataFrame(rng.normal(size=(12, 3)), columns=["ours", "a", "b"])
    scores["a"] += 1
    found = {c.method: c for c in compare(scores, "ours")}
    for name in "ab":
        assert found[name].p_value == stats.wilcoxon(scores[name], scores["ours"]).pvalue
    smaller, larger = sorted(found.values(), key=lambda c: c.p_value)
    assert smaller.p_adjusted == min(1, 2 * smaller.p_value)
    assert larger.p_adjusted == max(larger.p_value, smaller.p_adjusted)
    assert found["a"].n_won + found["a"].n_lost == found["a"].n == 12


@pytest.mark.parametrize(
    ("differences", "effect"),
    [([1, 2, 3], 1.0), ([-1, -2, -3], -1.0), ([0, 0], 0.0), ([3, -1, -2], 0.0)],
)
def test_effect_size_is_in_favour_minus_against(differences, effect):
    scores = pd.DataFrame({"new": differences, "old": [0.0] * len(differences)})
    (found,) = compare(scores, "old")
    assert found.effect_size == pytest.approx(effect)


def test_no_difference_is_no_evidence():
    (found,) = compare(pd.DataFrame({"new": [1.0, 2.0], "old": [1.0, 2.0]}), "old")
    assert (found.p_value, found.p_adjusted, found.mean_difference) == (1.0, 1.0, 0.0)


def test_pairs_with_a_missing_score_are_left_out():
    (found,) = compare(pd.DataFrame({"new": [1.0, np.nan, 2.0], "old": [0.0, 1.0, np.nan]}), "old")
    assert found.n == 1


def test_ranks_and_the_critical_difference_of_the_literature():
    # Demsar (2006), table 5: q of 0.05 is 2.343 for 3 and 3.164 for 10 methods
    scores = pd.DataFrame(np.random.default_rng(0).normal(size=(14, 10)))
    assert rank_methods(scores).critical_difference == pytest.approx(
        3.164 * np.sqrt(10 * 11 / (6 * 14)), rel=1e-3
    )
    few = pd.DataFrame({"a": [3, 3, 3], "b": [2, 2, 1], "c": [1, 1, 2]}, dtype=float)
    found = rank_methods(few)
    assert found.mean_ranks.to_dict() == pytest.approx({"a": 1.0, "b": 7 / 3, "c": 8 / 3})
    assert found.p_value == stats.friedmanchisquare(few["a"], few["b"], few["c"]).pvalue
    assert list(rank_methods(few, higher_is_better=False).mean_ranks.index)[-1] == "a"


def test_a_table_that_lacks_a_method_does_not_count():
    scores = pd.DataFrame({"a": [1.0, 2.0, np.nan], "b": [2.0, 1.0, 3.0]})
    assert rank_methods(scores).n_tables == 2


def test_says_which_methods_there_are():
    with pytest.raises(ValueError, match="no scores of 'x'; there are a"):
        compare(pd.DataFrame({"a": [1.0]}), "x")
