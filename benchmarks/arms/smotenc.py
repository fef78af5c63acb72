"""SMOTENC of imbalanced-learn: no model at all, for scale."""

from __future__ import annotations

import time

import pandas as pd
from imblearn.over_sampling import SMOTENC

from benchmarks.arms.contract import Result, Task


def main() -> None:
    """Run the arm."""
    task = Task.read()
    result = Result(task)
    frame = task.training_frame()
    X, y = frame.drop(columns=task.target), frame[task.target]
    result.enter("fit_resample")
    started = time.perf_counter()
    categorical = [name for name in X if name not in task.numeric]
    X_whole, y_whole = SMOTENC(categorical, random_state=task.seed).fit_resample(X, y)
    seconds = time.perf_counter() - started
    written = pd.concat([X_whole, pd.Series(y_whole, name=task.target)], axis=1).iloc[len(X) :]
    result.add_rows("", written, seconds, seconds)
    result.finish()


if __name__ == "__main__":
    main()
