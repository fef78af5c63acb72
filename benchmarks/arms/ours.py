"""counterpoise: `fit_resample` with a model and a serialisation."""

from __future__ import annotations

import time
from typing import Any

import pandas as pd

from benchmarks.arms.contract import Result, Task
from counterpoise import LLMOverSampler


def main() -> None:
    """Run the arm."""
    task = Task.read()
    result = Result(task)
    frame = task.training_frame()
    X, y = frame.drop(columns=task.target), frame[task.target]
    kinds = {name: "categorical" for name in X if name not in task.numeric}
    sampler = LLMOverSampler(column_kinds=kinds, random_state=task.seed, **_parameters(task))
    result.enter("fit_resample")
    started = time.perf_counter()
    X_whole, y_whole = sampler.fit_resample(X, y)
    whole_s = time.perf_counter() - started
    result.record(
        n_samples_seen=sum(h.n_samples_seen for h in sampler.generator_.trainings),
        training_s=sampler.timings_["training_s"],
        training_rows_per_s=sampler.timings_["training_rows_per_s"],
        dtype=str(sampler.generator_.device.precision),
    )
    written = pd.concat([X_whole, pd.Series(y_whole, name=task.target)], axis=1).iloc[len(X) :]
    result.add_rows("", written, sampler.timings_["generation_s"], whole_s)
    result.finish()


def _parameters(task: Task) -> dict[str, Any]:
    """Return what is asked of the over-sampler."""
    options = dict(task.options)
    if options.pop("length") == "auto":
        return options
    options |= {"selection": None}  # what the peers do not do either
    if options.pop("corpus", "method") == "all rows":
        options |= {"interpolation": None, "train_on": "all"}
    else:
        options |= {"interpolation": "smotenc"}
    return options | {
        "epochs": task.epochs,
        "batch_size": task.batch_size,
        "validation_fraction": 0.0,
    }


if __name__ == "__main__":
    main()
