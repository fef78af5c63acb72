import numpy as np
import pytest
from scipy import stats

from counterpoise.comparison._scores import corrected_interval, holm


def test_the_corrected_interval_is_wider_by_the_share_of_test_rows():
    differences = [0.1, 0.2, 0.15, 0.3, 0.05]
    plain, corrected = corrected_interval(differences), corrected_interval(differences, 0.25)
    student = stats.t.interval(0.95, 4, np.mean(differences), stats.sem(differences))
    assert plain == pytest.approx(student)
    ratio = (corrected[1] - corrected[0]) / (plain[1] - plain[0])
    assert ratio == pytest.approx(np.sqrt((1 / 5 + 0.25) / (1 / 5)))


def test_holm_keeps_the_order_and_stops_at_one():
    assert holm([0.5, 0.001, 0.6]) == pytest.approx([1.0, 0.003, 1.0])
    assert holm([]) == []


def test_holm_adjusts_by_rank_and_leaves_out_what_is_unknown():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([np.nan, 0.04]) == pytest.approx([np.nan, 0.04], nan_ok=True)
