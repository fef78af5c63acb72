import sys

import pandas as pd
import pytest

from benchmarks import speed
from benchmarks.arms.contract import Task, peak_memory_mib
from benchmarks.protocol import BenchmarkTable, Facts, Split


def make_task(folder, **changes):
    task = {
        "folder": str(folder),
        "target": "left",
        "minority": "yes",
        "numeric": ["age"],
        "n_rows": 2,
        "n_samples_seen": 4,
        "epochs": 1,
        "n_free_rows": 2,
        "n_guided_rows": 1,
        "guided_s": 1.0,
        "batch_size": 2,
        "limit_s": 30.0,
        "seed": 0,
        "weights": None,
        "options": {},
    }
    return Task(**(task | changes))


def fake_python(tmp_path, code):
    """An executable that runs `code` in place of an arm."""
    script = tmp_path / "arm.py"
    script.write_text(code)
    launcher = tmp_path / "python"
    launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}"\n')
    launcher.chmod(0o700)
    return str(launcher)


def test_an_arm_that_fails_is_recorded_with_its_last_words(tmp_path):
    python = fake_python(tmp_path, "raise ValueError('no such weights')")
    result = speed.run_arm(speed.Arm("great"), make_task(tmp_path), python)
    assert result["status"] == "failed"
    assert result["reason"] == "ValueError: no such weights"


def test_a_time_out_keeps_what_was_measured(tmp_path):
    wrote = '{"stage": "guided sampling", "figures": {"training_s": 3.0}, "generations": []}'
    code = (
        "import pathlib, time\n"
        f"pathlib.Path({str(tmp_path)!r}, 'result.json').write_text({wrote!r})\n"
        "time.sleep(60)"
    )
    task = make_task(tmp_path, limit_s=1.0)
    result = speed.run_arm(speed.Arm("great"), task, fake_python(tmp_path, code))
    assert result["status"] == "timed out"
    assert "guided sampling" in result["reason"]
    assert result["figures"] == {"training_s": 3.0}


def test_a_missing_environment_is_a_failure_with_a_reason(tmp_path):
    result = speed.run_arm(speed.Arm("great"), make_task(tmp_path), str(tmp_path / "nowhere"))
    assert result["status"] == "failed"
    assert "nowhere" in result["reason"]


def test_only_possible_rows_of_the_class_asked_for_count(tmp_path):
    pytest.importorskip("xgboost")
    X = pd.DataFrame({"age": [20, 30, 40, 50] * 3, "plan": ["basic", "plus", "basic", "plus"] * 3})
    y = pd.Series(["no", "no", "no", "yes"] * 3, name="left")
    table = BenchmarkTable(X, y, Facts("left", "yes", ("age",)))
    rows = {"age": [25, 25.5, 99, 25], "plan": ["basic", "basic", "plus", "none"]}
    pd.DataFrame(rows | {"left": ["yes"] * 4}).to_csv(tmp_path / "rows.csv", index=False)
    everything = pd.Series(range(12)).to_numpy()
    generation = {"csv": "rows.csv", "generation_s": 0.5, "way": ""}
    split = Split(everything, everything, everything[:0])
    judged = speed.judge_rows(generation, tmp_path, table, split, n_deficit=4)
    assert judged["n_valid"] == 1
    assert judged["valid_rows_per_s"] == 2.0
    assert "f1" in judged
    assert "f1" not in speed.judge_rows(generation, tmp_path, table, split, n_deficit=5)


def test_every_arm_and_way_has_its_row():
    strategy = {
        "way": "free",
        "n_rows": 2,
        "valid_share": 0.5,
        "valid_rows_per_s": 4.0,
        "whole_s": 1.0,
    }
    runs = [
        {"arm": "a", "status": "ok", "generations": [strategy, {**strategy, "way": "guided"}]},
        {"arm": "b", "status": "failed", "generations": []},
    ]
    rows = speed.table_rows(runs, n_deficit=2)
    assert [row["arm"] for row in rows] == ["a, free", "a, guided", "b"]
    assert [row["runs"] for row in rows] == ["1 ok", "1 ok", "1 failed"]


def test_the_peak_of_memory_is_in_mebibytes():
    assert 1 < peak_memory_mib() < 1e6
