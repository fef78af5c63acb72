"""CTGAN and TVAE of package ctgan: a network trained on the rows of the class that is generated.

The package is under the Business Source License and needs pandas 2: it has its own environment.
"""

from __future__ import annotations

import time

import ctgan

from benchmarks.peers.contract import Result, Task, run_peer

_MISSING = "missing"


def run(task: Task, result: Result) -> None:
    frame = task.training_frame()
    own = frame[frame[task.target] == task.positive].drop(columns=task.target)
    own[task.numeric] = own[task.numeric].fillna(own[task.numeric].median())
    categorical = [name for name in own if name not in task.numeric]
    epochs = task.options.get("epochs", 300)
    model = getattr(ctgan, task.options.get("network", "CTGAN"))(epochs=epochs)
    model.set_random_state(task.seed)
    result.enter("training")
    started = time.perf_counter()
    model.fit(own.fillna(_MISSING), categorical)
    training_s = time.perf_counter() - started
    n_samples_seen = epochs * len(own)
    result.record(
        n_samples_seen=n_samples_seen,
        training_s=training_s,
        training_rows_per_s=n_samples_seen / training_s,
    )
    result.enter("generating")
    generation_started = time.perf_counter()
    rows = model.sample(task.n_rows).replace({name: {_MISSING: None} for name in categorical})
    ended = time.perf_counter()
    rows = rows.assign(**{task.target: task.positive})
    result.add_rows("", rows, ended - generation_started, ended - started)


if __name__ == "__main__":
    run_peer(run)
