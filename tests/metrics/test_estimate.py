"""Intervals against scipy, scikit-learn and the plain formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from counterpoise.metrics._metric import auc_estimate, share_estimate


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_shares_have_wilsons_interval(hits: tuple[int, int]) -> None:
    found = share_estimate(*hits)
    expected = stats.binomtest(*hits).proportion_ci(method="wilson")
    assert found.value == hits[0] / hits[1]
    assert found.interval == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_the_area_is_scikit_learns_and_the_interval_delongs() -> None:
    random = np.random.default_rng(0)
    high, low = random.normal(0.7, 1, 40).round(1), random.normal(0, 1, 25).round(1)
    found = auc_estimate(high, low)
    truth = np.repeat([1, 0], [40, 25])
    assert found.value == pytest.approx(roc_auc_score(truth, np.concatenate([high, low])))
    wins = (high[:, None] > low[None, :]) + 0.5 * (high[:, None] == low[None, :])
    variance = wins.mean(axis=1).var(ddof=1) / 40 + wins.mean(axis=0).var(ddof=1) / 25
    half = stats.norm.ppf(0.975) * np.sqrt(variance)
    assert found.interval == pytest.approx((found.value - half, min(1.0, found.value + half)))


def test_the_interval_holds_the_area_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    truth = stats.norm.cdf(1 / np.sqrt(2))
    held = 0
    for _ in range(400):
        found = auc_estimate(random.normal(1, 1, 60), random.normal(0, 1, 60))
        assert found.interval is not None
        held += found.interval[0] <= truth <= found.interval[1]
    # 95 % of 400 is 380; a right interval is below 360 once in 10,000 draws
    assert held >= 360
