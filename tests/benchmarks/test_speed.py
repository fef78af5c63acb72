"""Peers in processes of their own, and what is made of their rows."""

import sys
import types

import numpy as np
import pandas as pd
import pytest

from benchmarks import _peers, speed
from benchmarks._environment import peak_memory_mib
from benchmarks._methods import build_method
from benchmarks._peers import Peer, run_process
from benchmarks._protocols import HONEST, Split
from benchmarks._tables import BenchTable, TableSpec
from benchmarks.peers.contract import Result, Task
from tests.benchmarks.doubles import small_table

PEER = Peer("be_great")


def make_task(folder, **changes):
    task = {
        "folder": str(folder),
        "target": "left",
        "positive": "yes",
        "numeric": ["age"],
        "n_rows": 2,
        "n_samples_seen": 4,
        "epochs": 1,
        "n_free_rows": 2,
        "n_guided_rows": 1,
        "guided_s": 1.0,
        "batch_size": 2,
        "limit_s": 600.0,
        "seed": 0,
        "weights": None,
        "options": {},
    }
    return Task(**(task | changes))


def fake_python(tmp_path, code):
    """An executable that runs `code` in place of a peer."""
    script = tmp_path / "peer.py"
    script.write_text(code)
    launcher = tmp_path / "python"
    launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
    launcher.chmod(0o700)
    return str(launcher)


def test_a_peer_that_fails_is_recorded_with_its_last_line(tmp_path):
    python = fake_python(tmp_path, "raise ValueError('no such weights')")
    result = run_process(PEER, make_task(tmp_path), python)
    assert result["status"] == "failed"
    assert result["reason"] == "ValueError: no such weights"


def test_a_peer_that_takes_too_long_is_ended(tmp_path):
    python = fake_python(tmp_path, "import time\ntime.sleep(600)")
    assert run_process(PEER, make_task(tmp_path, limit_s=0.01), python)["status"] == "timed out"


def test_a_time_out_keeps_what_was_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(_peers, "_wait", lambda process, _: process.wait() or None)
    result = Result(make_task(tmp_path))
    result.record(training_s=3.0)
    result.enter("guided sampling")
    found = run_process(PEER, make_task(tmp_path), fake_python(tmp_path, "pass"))
    assert found["status"] == "timed out"
    assert "guided sampling" in found["reason"]
    assert found["figures"] == {"training_s": 3.0}


def test_a_missing_environment_is_a_failure_with_a_reason(tmp_path):
    result = run_process(PEER, make_task(tmp_path), str(tmp_path / "nowhere"))
    assert result["status"] == "failed"
    assert "nowhere" in result["reason"]


GENERATING = """\
import json, pathlib, sys
task = json.loads(pathlib.Path(sys.argv[-1]).read_text())
folder = pathlib.Path(task["folder"])
header, *rows = (folder / "train.csv").read_text().splitlines()
own = [row for row in rows if row.endswith(task["positive"])]
rows = [own[i % len(own)] for i in range(task["n_rows"])] + [rows[0]]
(folder / "rows.csv").write_text("\\n".join([header, *rows]))
generation = {"strategy": "", "csv": "rows.csv", "generation_s": 0.5, "whole_s": 2.0}
result = {"figures": {"n_samples_seen": task["n_samples_seen"]}, "generations": [generation]}
(folder / "result.json").write_text(json.dumps({**result, "peak_memory_mib": 9.0}))
"""


def test_a_peer_is_a_method_of_a_plan(tmp_path):
    table = small_table(tmp_path)
    options = {"peer": "ctgan", "python": fake_python(tmp_path, GENERATING)}
    method = build_method("mine", {"mine": {**options, "n_samples_seen": 7}}, {})
    cut = (table.X.iloc[:0], table.y.iloc[:0])
    balanced = method.resample(table.X, table.y, 0, table=table, protocol=HONEST, cut=cut)
    counts = balanced.y.value_counts()
    assert counts["yes"] == counts["no"]  # a row of another class is left out
    assert balanced.n_synthetic == len(balanced.X) - len(table.X)
    assert balanced.figures["n_samples_seen"] == 7
    assert balanced.X.dtypes.equals(table.X.dtypes)


def test_a_peer_that_fails_as_a_method_says_why(tmp_path):
    table = small_table(tmp_path)
    python = fake_python(tmp_path, "raise SystemExit('out of luck')")
    method = build_method("mine", {"mine": {"peer": "ctgan", "python": python}}, {})
    cut = (table.X.iloc[:0], table.y.iloc[:0])
    with pytest.raises(RuntimeError, match="ctgan failed: out of luck"):
        method.resample(table.X, table.y, 0, table=table, protocol=HONEST, cut=cut)


def test_only_possible_rows_of_the_class_asked_for_count(tmp_path):
    pytest.importorskip("xgboost")
    X = pd.DataFrame({"age": [20, 30, 40, 50] * 3, "plan": ["basic", "plus", "basic", "plus"] * 3})
    y = pd.Series(["no", "no", "no", "yes"] * 3, name="left")
    table = BenchTable(TableSpec("t", "left"), X, y, "yes")
    rows = {"age": [25, 25.5, 99, 25], "plan": ["basic", "basic", "plus", "none"]}
    pd.DataFrame(rows | {"left": ["yes"] * 4}).to_csv(tmp_path / "rows.csv", index=False)
    generation = {"csv": "rows.csv", "generation_s": 0.5, "strategy": ""}
    split = Split(np.arange(12), np.arange(12), np.arange(0), None)
    checked = speed.check_rows(generation, tmp_path, table, split, n_lacking=4)
    assert checked["n_valid"] == 1
    assert checked["rows_per_s"] == 2.0
    assert "f1" in checked
    assert "f1" not in speed.check_rows(generation, tmp_path, table, split, n_lacking=5)


def test_every_strategy_and_way_has_its_row():
    free = {
        "strategy": "free",
        "n_rows": 2,
        "valid_share": 0.5,
        "rows_per_s": 4.0,
        "whole_s": 1.0,
    }
    runs = [
        {"strategy": "a", "status": "ok", "generations": [free, {**free, "strategy": "guided"}]},
        {"strategy": "b", "status": "failed", "generations": []},
    ]
    rows = list(speed.table_rows(runs, n_lacking=2))
    assert [row["strategy"] for row in rows] == ["a, free", "a, guided", "b"]
    assert [row["runs"] for row in rows] == ["1 ok", "1 ok", "1 failed"]


def test_the_peak_of_memory_is_in_mebibytes():
    assert 1 < peak_memory_mib() < 1e6


def test_ctgan_sees_nothing_missing_and_gives_it_back(tmp_path, monkeypatch):
    fitted = []

    class Network:
        def __init__(self, epochs):
            self.epochs = epochs

        def set_random_state(self, seed):
            self.seed = seed

        def fit(self, rows, discrete):
            fitted.append((rows, discrete))

        def sample(self, n):
            return fitted[0][0].iloc[[0] * n].reset_index(drop=True)

    monkeypatch.setitem(sys.modules, "ctgan", types.SimpleNamespace(TVAE=Network))
    from benchmarks.peers import ctgan

    frame = pd.DataFrame({"age": [30, None, 50], "plan": [None, "a", "b"], "left": ["yes"] * 3})
    frame.to_csv(tmp_path / "train.csv", index=False)
    task = make_task(tmp_path, options={"network": "TVAE"})
    ctgan.run(task, Result(task))
    rows, discrete = fitted[0]
    assert discrete == ["plan"]
    assert rows["age"].tolist() == [30.0, 40.0, 50.0]
    assert not rows.isna().to_numpy().any()
    generated = pd.read_csv(tmp_path / "rows-0.csv")
    assert generated["plan"].isna().all()
    assert generated["left"].tolist() == ["yes", "yes"]
