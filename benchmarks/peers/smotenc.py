"""SMOTENC of imbalanced-learn: no model, for scale."""

from __future__ import annotations

import time

import pandas as pd
from imblearn.over_sampling import SMOTENC

from benchmarks.peers.contract import Result, Task, run_peer


def run(task: Task, result: Result) -> None:
    frame = task.training_frame()
    X, y = frame.drop(columns=task.target), frame[task.target]
    categorical = [name for name in X if name not in task.numeric]
    result.enter("fit_resample")
    started = time.perf_counter()
    X_whole, y_whole = SMOTENC(categorical, random_state=task.seed).fit_resample(X, y)
    seconds = time.perf_counter() - started
    generated = pd.concat([X_whole, pd.Series(y_whole, name=task.target)], axis=1).iloc[len(X) :]
    result.add_rows("", generated, seconds, seconds)


if __name__ == "__main__":
    run_peer(run)
