"""be-great: GReaT on the same weights, sampled freely and guided."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import pandas as pd
from be_great import GReaT  # type: ignore[import-not-found]
from transformers import set_seed

from benchmarks.peers.contract import Result, Task, run_peer


def run(task: Task, result: Result) -> None:
    set_seed(task.seed)
    frame = task.training_frame()
    frame[task.target] = frame[task.target].map(_label_name)
    n_steps = max(1, round(task.n_samples_seen / task.batch_size))
    result.enter("loading")
    great = GReaT(
        task.weights,
        experiment_dir=str(Path(task.folder) / "great"),
        batch_size=task.batch_size,
        max_steps=n_steps,
        epochs=math.ceil(n_steps * task.batch_size / len(frame)),
        save_strategy="no",
        seed=task.seed,
        **task.options,
    )
    result.enter("training")
    trainer = great.fit(frame, conditional_col=task.target)
    training_s = float(trainer.state.log_history[-1]["train_runtime"])
    n_full, n_more = divmod(n_steps, math.ceil(len(frame) / task.batch_size))  # short last batches
    n_samples_seen = n_full * len(frame) + n_more * task.batch_size
    result.record(
        n_samples_seen=n_samples_seen,
        training_s=training_s,
        training_rows_per_s=n_samples_seen / training_s,
        dtype=str(next(great.model.parameters()).dtype),
    )
    _sample_guided(great, task, result, training_s)
    _sample_freely(great, task, result, training_s, _longest(great, frame))


def _sample_guided(great: Any, task: Task, result: Result, training_s: float) -> None:
    """Column by column, one row at a time (as it does anyway), so that time can be kept."""
    n_rows = min(task.n_rows, task.n_guided_rows)
    if n_rows == 0:
        return
    result.enter("guided sampling")
    parts: list[pd.DataFrame] = []
    condition = {task.target: f"== '{_label_name(task.positive)}'"}
    started = time.perf_counter()
    for _ in range(n_rows):
        parts.append(great.sample(1, guided_sampling=True, conditions=condition))
        if time.perf_counter() - started > task.guided_s:
            break
    seconds = time.perf_counter() - started
    rows = _with_labels(pd.concat(parts), task)
    result.add_rows("guided", rows, seconds, training_s + seconds)


def _sample_freely(
    great: Any, task: Task, result: Result, training_s: float, max_length: int
) -> None:
    """Whole texts; it samples again until it has the rows that it can parse."""
    n_rows = min(task.n_rows, task.n_free_rows)
    if n_rows == 0:
        return
    result.enter("free sampling")
    started = time.perf_counter()
    rows = great.sample(
        n_rows,
        start_col=task.target,
        start_col_dist={_label_name(task.positive): 1.0},
        k=min(n_rows, 100),
        max_length=max_length,
    )
    seconds = time.perf_counter() - started
    result.add_rows("free", _with_labels(rows, task), seconds, training_s + seconds)


def _label_name(label: str) -> str:
    """Return `label` as a word: its conditions take what looks like a number for one."""
    return f"class {label}" if label.replace(".", "", 1).isdigit() else label


def _with_labels(rows: pd.DataFrame, task: Task) -> pd.DataFrame:
    """Return `rows` with the table's own name of the class that was asked for."""
    named = {_label_name(task.positive): task.positive}
    return rows.assign(**{task.target: rows[task.target].replace(named)})


def _longest(great: Any, frame: pd.DataFrame) -> int:
    """Return how many tokens a text may have; its default of 100 would cut rows short."""
    texts = [
        ", ".join(f"{name} is {value}" for name, value in row.items())
        for row in frame.head(256).to_dict("records")
    ]
    return max(map(len, great.tokenizer(texts)["input_ids"])) + 16


if __name__ == "__main__":
    run_peer(run)
