"""counterpoise: `fit_resample`, with the options of the task as overrides of `LLMOverSampler`.

Options of our own: ``length`` is ``"auto"`` (the recipe's), ``"fixed"`` (`task.epochs` passes) or
``"published"`` (free text on the published way, as long as `task.n_samples_seen`); ``corpus`` is
``"all rows"`` for real rows of every class and no interpolated ones.
"""

from __future__ import annotations

import math
import time
from typing import Any

import pandas as pd

from benchmarks._methods import sampler_figures
from benchmarks._samplers import make_sampler
from benchmarks.peers.contract import Result, Task, run_peer


def run(task: Task, result: Result) -> None:
    frame = task.training_frame()
    X, y = frame.drop(columns=task.target), frame[task.target]
    is_published = task.options["length"] == "published"
    n_rows = min(task.n_rows, task.n_free_rows) if is_published else task.n_rows
    n_positive = int((y == task.positive).sum())
    sampler = make_sampler(
        **_overrides(task, n_positive + n_rows),
        column_types={name: "categorical" for name in X if name not in task.numeric},
        sampling_strategy={task.positive: n_positive + n_rows},
        random_state=task.seed,
    )
    result.enter("fit_resample")
    started = time.perf_counter()
    X_whole, y_whole = sampler.fit_resample(X, y)
    whole_s = time.perf_counter() - started
    figures = sampler_figures(sampler)
    result.record(**figures, dtype=str(sampler.generator_.device.precision))
    generated = pd.concat([X_whole, pd.Series(y_whole, name=task.target)], axis=1).iloc[len(X) :]
    strategy = "repaired" if is_published else ""
    result.add_rows(strategy, generated, figures["generation_s"], whole_s)


def _overrides(task: Task, n_corpus: int) -> dict[str, Any]:
    """Return what is asked of the over-sampler, whose own corpus has `n_corpus` rows."""
    options = dict(task.options)
    length, corpus = options.pop("length"), options.pop("corpus", "method")
    if length == "auto":
        return options
    options["batch_size"] = task.batch_size
    if length == "published":
        epochs = math.ceil(task.n_samples_seen / n_corpus)
        return options | {"epochs": epochs, "max_samples_seen": task.n_samples_seen}
    if corpus == "all rows":
        options |= {"interpolation": None, "train_on": "all"}
    else:
        options |= {"interpolation": "smotenc"}
    # the peers select nothing either
    return options | {"selection": None, "epochs": task.epochs, "validation_fraction": 0.0}


if __name__ == "__main__":
    run_peer(run)
