"""REaLTabFormer: a GPT-2 of its own, from scratch; the label comes first, to be prompted with."""

from __future__ import annotations

import math
import time
from pathlib import Path

from realtabformer import REaLTabFormer  # type: ignore[import-not-found]

from benchmarks.peers.contract import Result, Task, run_peer


def run(task: Task, result: Result) -> None:
    frame = task.training_frame()
    frame = frame[[task.target, *(name for name in frame if name != task.target)]]
    folder = Path(task.folder)
    epochs = math.ceil(task.n_samples_seen / len(frame))
    model = REaLTabFormer(
        model_type="tabular",
        epochs=epochs,
        batch_size=task.batch_size,
        gradient_accumulation_steps=1,
        random_state=task.seed,
        checkpoints_dir=str(folder / "checkpoints"),
        samples_save_dir=str(folder / "samples"),
        full_save_dir=str(folder / "full"),
    )
    result.enter("training")
    started = time.perf_counter()
    model.fit(frame, device="cpu", n_critic=0)
    training_s = time.perf_counter() - started
    n_samples_seen = epochs * len(frame)
    result.record(
        n_samples_seen=n_samples_seen,
        training_s=training_s,
        training_rows_per_s=n_samples_seen / training_s,
    )
    result.enter("generating")
    generation_started = time.perf_counter()
    n_rows = min(task.n_rows, task.n_free_rows)
    rows = model.sample(n_samples=n_rows, device="cpu", seed_input={task.target: task.positive})
    ended = time.perf_counter()
    result.add_rows("", rows, ended - generation_started, ended - started)


if __name__ == "__main__":
    run_peer(run)
