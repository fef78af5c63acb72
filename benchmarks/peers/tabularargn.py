"""TabularARGN of mostlyai-engine, seeded with the label; a network of its own, from scratch."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
from mostlyai import engine  # type: ignore[import-not-found]

from benchmarks.peers.contract import Result, Task, run_peer


def run(task: Task, result: Result) -> None:
    frame = task.training_frame()
    workspace = Path(task.folder) / "argn"
    engine.set_random_state(task.seed)
    started = time.perf_counter()
    result.enter("preparing")
    engine.split(frame, workspace_dir=workspace, model_type="TABULAR")
    engine.analyze(workspace_dir=workspace, value_protection=False)
    engine.encode(workspace_dir=workspace)
    result.enter("training")
    training_started = time.perf_counter()
    engine.train(workspace_dir=workspace, max_training_time=task.limit_s / 60 * 0.8)
    training_s = time.perf_counter() - training_started
    n_samples_seen = _n_samples_seen(workspace)
    result.record(
        n_samples_seen=n_samples_seen,
        training_s=training_s,
        training_rows_per_s=None if n_samples_seen is None else n_samples_seen / training_s,
    )
    result.enter("generating")
    generation_started = time.perf_counter()
    seed = pd.DataFrame({task.target: [task.positive] * task.n_rows})
    engine.generate(workspace_dir=workspace, seed_data=seed)
    rows = pd.read_parquet(workspace / "SyntheticData")
    ended = time.perf_counter()
    result.add_rows("", rows[list(frame)], ended - generation_started, ended - started)


def _n_samples_seen(workspace: Path) -> int | None:
    """Return how many training samples were seen, by the engine's own log."""
    log = next(iter(workspace.rglob("progress-messages.csv")), None)
    if log is None:
        return None
    samples = pd.read_csv(log)["samples"].dropna()
    return int(samples.max()) if len(samples) else None


if __name__ == "__main__":
    run_peer(run)
