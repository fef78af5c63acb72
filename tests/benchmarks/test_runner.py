"""Restarts, failures and reports, on a tiny benchmark whose runs are real."""

import json
from dataclasses import asdict, replace

import pandas as pd
import pytest

from benchmarks._folder import RunFolder
from benchmarks._output import write_json
from benchmarks._plan import PLAN_FILE, Plan
from benchmarks._report import write_report
from benchmarks._results import collect
from benchmarks._runner import list_tasks, run_benchmark, run_task
from tests.benchmarks.doubles import small_frame


def tiny_plan(folder, **changes):
    tables = []
    for i in range(2):
        path = folder / f"t{i}.csv"
        small_frame(100, seed=i).to_csv(path, index=False)
        own = {"name": f"t{i}", "target": "left", "file": str(path), "positive": "yes"}
        tables.append({**own, "numeric": ["age", "income"], "is_natural": False})
    plan = Plan(
        protocol="honest",
        tables=("t0", "t1"),
        methods=("none", "full", "smotenc"),
        n_splits=2,
        classifiers=("logistic-regression",),
        threshold_folds=2,
        limit_s=120.0,
        table=tuple(tables),
    )
    return replace(plan, **changes)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    plan = tiny_plan(folder)
    return folder, plan, run_benchmark(plan, folder / "out")


def done_at(output):
    return {path: path.stat().st_mtime_ns for path in sorted(output.glob("runs/*/*/*/DONE"))}


def test_a_run_leaves_a_folder_with_everything_in_it(finished):
    folder, _, tally = finished
    assert (tally.n_done, tally.n_failed, tally.n_skipped) == (12, 0, 0)
    run = RunFolder.of(folder / "out", "t0", "smotenc", 1)
    assert sorted(path.name for path in run.path.iterdir()) == [
        "DONE",
        "config.json",
        "predictions.csv",
        "report.json",
        "synthetic.csv.gz",
    ]
    report = run.report
    synthetic = pd.read_csv(run.path / "synthetic.csv.gz")
    assert len(synthetic) == report["n_synthetic"] > 0
    assert (synthetic["left"] == "yes").all()
    assert set(report["versions"]) >= {"python", "scikit-learn", "imbalanced-learn"}
    assert report["peak_memory_mib"] > 10
    assert 0 < report["classifiers"]["logistic-regression"]["threshold"] < 1
    assert len(pd.read_csv(run.path / "predictions.csv")) == report["n_test"]
    assert report["diversity"]["distinct_row_rate"]["value"] > 0


def test_methods_of_a_split_share_its_rows(finished):
    folder, _, _ = finished
    rows = [
        pd.read_csv(RunFolder.of(folder / "out", "t0", *key).path / "predictions.csv")["row"]
        for key in [("none", 0), ("smotenc", 0), ("none", 1)]
    ]
    assert rows[0].tolist() == rows[1].tolist()
    assert rows[0].tolist() != rows[2].tolist()


def test_finished_runs_are_not_made_again_and_unfinished_ones_are(finished):
    folder, plan, _ = finished
    before = done_at(folder / "out")
    cut_short = RunFolder.of(folder / "out", "t1", "none", 0).path
    (cut_short / "DONE").unlink()
    tally = run_benchmark(plan, folder / "out")
    assert (tally.n_done, tally.n_skipped) == (1, 11)
    after = done_at(folder / "out")
    assert [path for path, time in after.items() if before[path] != time] == [cut_short / "DONE"]


def test_a_run_made_again_gives_the_same(finished):
    folder, _, _ = finished
    run_benchmark(
        tiny_plan(folder, tables=("t0",), methods=("smotenc",), n_splits=1), folder / "again"
    )
    one, other = (
        RunFolder.of(folder / name, "t0", "smotenc", 0).report for name in ("out", "again")
    )
    for name in ("classifiers", "n_synthetic", "valid_share", "diversity"):
        assert one[name] == other[name]


def test_other_settings_in_the_same_folder_are_refused(finished):
    folder, plan, _ = finished
    with pytest.raises(ValueError, match=r"other settings \(threshold_folds\)"):
        run_benchmark(replace(plan, threshold_folds=0), folder / "out")


def test_a_failure_is_recorded_shown_and_tried_again(tmp_path):
    broken = {"bad": {"method": "smote", "parameters": {"nonsense": 1}}}
    plan = tiny_plan(tmp_path, tables=("t0",), methods=("none", "bad"), n_splits=1, method=broken)
    lines = []
    tally = run_benchmark(plan, tmp_path / "out", note=lines.append)
    assert (tally.n_done, tally.n_failed) == (1, 1)
    assert any("FAILED" in line and "nonsense" in line for line in lines)
    run = RunFolder.of(tmp_path / "out", "t0", "bad", 0)
    assert run.has_failed
    assert "Traceback" in run.failure["traceback"]
    results = collect(tmp_path / "out")
    assert (results.runs["status"] == "failed").sum() == 1
    assert set(results.scores["method"]) == {"none"}
    assert "bad: ValueError" in write_report(tmp_path / "out").read_text()
    mended = replace(plan, method={"bad": {"method": "smote"}})
    assert run_benchmark(mended, tmp_path / "out").n_done == 1
    assert run.is_done
    assert not run.has_failed


def test_a_run_that_takes_too_long_is_ended(tmp_path):
    plan = tiny_plan(tmp_path, tables=("t0",), methods=("none",), n_splits=1, limit_s=0.001)
    assert run_benchmark(plan, tmp_path / "out").n_failed == 1
    failure = json.loads((tmp_path / "out/runs/t0/none/0/failure.json").read_text())
    assert failure["error"] == "TrainingDeadline"


def test_a_mistake_is_found_before_the_first_run(tmp_path):
    for changes in ({"methods": ("none", "magic")}, {"tables": ("german",)}):
        with pytest.raises(ValueError, match=r"no method 'magic'|no german\.csv"):
            run_benchmark(tiny_plan(tmp_path, **changes), tmp_path / "out", data_dir=tmp_path)
        assert not (tmp_path / "out").exists()


def test_the_first_split_of_every_table_comes_first_and_full_needs_a_cut(tmp_path):
    plan = tiny_plan(tmp_path)
    natural = replace(plan, table=tuple({**t, "is_natural": True} for t in plan.table))
    order = [(task.split, task.table) for task in list_tasks(plan, tmp_path, None)]
    assert order == sorted(order)
    assert len(order) == 12
    assert len(list_tasks(natural, tmp_path, None)) == 8


def test_a_run_goes_by_its_own_plan_whatever_the_folder_says(tmp_path):
    plan = tiny_plan(tmp_path, tables=("t0",), methods=("none",), n_splits=1)
    (task,) = list_tasks(plan, tmp_path / "out", None)
    (tmp_path / "out").mkdir()
    other = replace(plan, threshold_folds=0, limit_s=0.001)
    write_json(tmp_path / "out" / PLAN_FILE, asdict(other))
    assert run_task(task)[1]
    assert task.folder.config["threshold_folds"] == 2
    assert task.folder.report["classifiers"]["logistic-regression"]["threshold"] is not None


def test_classifiers_can_be_tuned(tmp_path):
    plan = tiny_plan(tmp_path, tables=("t0",), methods=("none",), n_splits=1, tune=True)
    run_benchmark(plan, tmp_path / "out")
    report = RunFolder.of(tmp_path / "out", "t0", "none", 0).report
    assert set(report["classifiers"]["logistic-regression"]["parameters"]) == {"C"}


def test_the_report_has_every_part(finished):
    folder, _, _ = finished
    path = write_report(folder / "out", reference="none", formats=["png", "latex"])
    text = path.read_text()
    for part in (
        "| t0 | 60 | 4 | 20 | 2 |",
        "threshold tuned",
        "PR-AUC",
        "Mean ranks over 2 tables",
        "## Cost",
    ):
        assert part in text
    names = {entry.name for entry in path.parent.iterdir()}
    assert {"runs.csv", "scores.csv", "diversity.csv", "tables-logistic-regression.tex"} <= names
    assert {f"ranks-pr_auc-logistic-regression.{suffix}" for suffix in ("svg", "png")} <= names
    scores = pd.read_csv(path.parent / "scores.csv")
    one = scores.query("table == 't0' and method == 'none'")["pr_auc"]
    assert len(one) == 2
    assert f"{one.mean():.3f}" in text


def test_nothing_to_report_is_said(tmp_path):
    with pytest.raises(ValueError, match="there are no runs"):
        collect(tmp_path)


def test_a_ray_cluster_makes_the_runs(tmp_path):
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        plan = tiny_plan(tmp_path, methods=("none", "smotenc"), n_splits=1)
        notes = []
        tally = run_benchmark(plan, tmp_path / "out", n_jobs=2, engine="ray", note=notes.append)
    finally:
        ray.shutdown()
    assert (tally.n_done, tally.n_failed) == (4, 0)
    assert len(notes) == 4


def test_another_engine_is_refused(tmp_path):
    with pytest.raises(ValueError, match="ray"):
        run_benchmark(tiny_plan(tmp_path), tmp_path / "out", engine="dask")
