"""The published way: free text from fine-tuned weights, split at commas, and repaired.

Corpus, order of the sentence, prompts and temperature are those of the method; so are the weights
of our own arms. What differs is the decoding: the model may write anything, and what cannot be a
cell is replaced by the most frequent category or the mean.
"""

from __future__ import annotations

import math
import time

import pandas as pd

from benchmarks.arms.contract import Result, Task
from counterpoise import LLMOverSampler


def main() -> None:
    """Run the arm."""
    task = Task.read()
    result = Result(task)
    frame = task.training_frame()
    X, y = frame.drop(columns=task.target), frame[task.target]
    assert task.weights is not None
    n_minority = int((y == task.minority).sum())
    n_rows = min(task.n_rows, task.n_free_rows)  # as many rows are interpolated: a smaller corpus
    sampler = LLMOverSampler(
        recipe="imbllm",
        serialization="text",
        decoding="free",
        model=task.weights,
        sampling_strategy={task.minority: n_minority + n_rows},
        epochs=math.ceil(task.n_samples_seen / (n_minority + n_rows)),
        max_samples_seen=task.n_samples_seen,
        batch_size=task.batch_size,
        column_kinds={name: "categorical" for name in X if name not in task.numeric},
        random_state=task.seed,
    )
    result.enter("fit_resample")
    started = time.perf_counter()
    X_whole, y_whole = sampler.fit_resample(X, y)
    whole_s = time.perf_counter() - started
    result.record(
        n_samples_seen=sampler.history_.n_samples_seen,
        training_s=sampler.timings_["training_s"],
        training_rows_per_s=sampler.timings_["training_rows_per_s"],
        dtype=str(sampler.generator_.device.precision),
    )
    written = pd.concat([X_whole, pd.Series(y_whole, name=task.target)], axis=1).iloc[len(X) :]
    generation_s = sampler.timings_["generation_s"]
    result.add_rows("repaired", written, generation_s, whole_s, shares=sampler.free_yield_)
    result.finish()


if __name__ == "__main__":
    main()
