import argparse
import math

import pandas as pd
import pytest

from benchmarks._output import markdown_table, mean_and_deviation, median_and_range, significant
from benchmarks._results import Results
from benchmarks.matrix_rate import NetworkSize, training_operations
from benchmarks.quality import parse_variant, summarise
from benchmarks.scaling import MINORITY, fitted_exponent, synthetic_table


def test_exponent_of_a_power_law():
    sizes = [10, 30, 100, 1000]
    assert fitted_exponent(sizes, [0.5 * size**1.5 for size in sizes]) == pytest.approx(1.5)


def test_synthetic_table_has_both_kinds_and_a_tenth_of_the_minority():
    X, y = synthetic_table(200, 5, seed=0)
    assert X.shape == (200, 5)
    assert X.select_dtypes("number").shape[1] == 3
    assert (y == MINORITY).sum() == 20


def test_operations_are_six_a_parameter_and_token():
    assert training_operations(NetworkSize(1000, 0, 1, 0), 7, 49, 0) == 6 * 1000 * 7


def test_a_variant_is_a_name_and_json():
    assert parse_variant('t={"epochs": 3}') == ("t", {"epochs": 3})
    for wrong in ("t={", "t=[1]", 'none={"epochs": 1}'):
        with pytest.raises(argparse.ArgumentTypeError):
            parse_variant(wrong)


def test_the_summary_counts_failed_runs():
    runs = [("done", 0), ("done", 1), ("failed", 2)]
    table = pd.DataFrame(
        [{"table": "t", "method": "x", "split": i, "status": status} for status, i in runs]
    ).assign(**{"diversity.detection_auc.value": [0.6, 0.8, None]})
    scores = [
        {"table": "t", "method": "x", "split": i, "metric": "f1", "value": value}
        for i, value in enumerate((0.5, 0.7))
    ]
    (row,) = summarise(Results(table, pd.DataFrame(scores), {}), ["t"], ["x"])
    assert row["runs"] == "2 of 3"
    assert row["F1"] == "0.600 ± 0.141"
    assert row["told apart"] == "0.70 ± 0.14"
    assert row["PR-AUC"] == row["told apart, shuffled"] == "-"


def test_figures_that_are_not_there():
    assert significant(math.nan) == median_and_range([None]) == mean_and_deviation([]) == "-"
    assert significant(0.0) == "0.00"


def test_a_cell_cannot_break_its_row():
    assert markdown_table([{"a": "x|y"}]).splitlines()[-1] == "| x\\|y |"
