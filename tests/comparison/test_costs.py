"""Costs against a count by hand, and the threshold against every other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.comparison._scores import Costs, best_threshold

ROWS = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.2, 0.4, 0.9])), min_size=1, max_size=20
)


@given(ROWS, st.floats(0, 10), st.floats(0.1, 10))
def test_no_threshold_costs_less_than_the_best(
    rows: list[tuple[bool, float]], miss: float, false_alarm: float
) -> None:
    truth, probability = map(np.array, zip(*rows, strict=True))
    costs = Costs(miss, false_alarm)
    best = best_threshold(truth, probability, positive=True, costs=costs)
    least = costs.of(truth, probability, best, positive=True)
    for threshold in (0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.9, 1.1):
        cost = costs.of(truth, probability, threshold, positive=True)
        assert least <= cost + 1e-9
        called = probability >= threshold
        by_hand = miss * np.sum(truth & ~called) + false_alarm * np.sum(~truth & called)
        assert cost == pytest.approx(by_hand / len(rows))


@pytest.mark.parametrize("wrong", [(-1, 2), (0, 0), (float("nan"), 1), (1, float("inf"))])
def test_costs_that_are_not_usable_are_refused(wrong: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="costs must be"):
        Costs(*wrong)
