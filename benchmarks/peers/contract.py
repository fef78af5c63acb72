"""What passes between a benchmark and a peer: a task as JSON, a result as JSON, rows as CSV.

This module is imported in the peers' environments too, so it needs pandas and nothing of ours.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks._environment import describe_machine, peak_memory_mib


@dataclass(frozen=True, slots=True)
class Task:
    """What a peer is to do.

    Attributes
    ----------
    folder
        Where ``train.csv`` is and ``result.json`` is expected.
    target, positive
        Column of the labels, and the class to be generated.
    numeric
        Numeric features; every other column holds strings.
    n_rows
        Rows to generate.
    n_samples_seen, epochs
        Length of training; `epochs` passes over the method's corpus are `n_samples_seen` rows.
    n_free_rows, n_guided_rows
        At most this many rows are asked of slow ways to generate, free or guided.
    guided_s
        Guided generation stops after the row that exceeds this many seconds.
    batch_size
        Rows per training step.
    limit_s
        The peer is ended after this many seconds.
    weights
        Folder of the pre-trained model, or None.
    options
        The peer's own.
    """

    folder: str
    target: str
    positive: str
    numeric: list[str]
    n_rows: int
    n_samples_seen: int
    epochs: int
    n_free_rows: int
    n_guided_rows: int
    guided_s: float
    batch_size: int
    limit_s: float
    seed: int
    weights: str | None
    options: dict[str, Any]

    def training_frame(self) -> pd.DataFrame:
        """Return the training rows: the features in their order, then the label."""
        path = Path(self.folder) / "train.csv"
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
        for name in self.numeric:
            frame[name] = pd.to_numeric(frame[name])
        return frame


class Result:
    """What a peer measured, saved whenever there is more: a time-out loses nothing."""

    def __init__(self, task: Task) -> None:
        self._folder = Path(task.folder)
        self._started = time.perf_counter()
        self._content: dict[str, Any] = {"stage": "start", "figures": {}, "generations": []}

    def enter(self, stage: str) -> None:
        """Name what is done from now on."""
        self._content["stage"] = stage
        self._save()

    def record(self, **figures: Any) -> None:
        """Add figures."""
        self._content["figures"].update(figures)
        self._save()

    def add_rows(
        self, strategy: str, frame: pd.DataFrame, seconds: float, whole_s: float, **more: Any
    ) -> None:
        """Add generated rows (features and label), and how long it took to generate them.

        Parameters
        ----------
        strategy
            How they were generated; "" if there is one way only.
        seconds, whole_s
            Of the generation; and from the table to the rows, training included.
        """
        name = f"rows-{len(self._content['generations'])}.csv"
        frame.to_csv(self._folder / name, index=False)
        generation = {"strategy": strategy, "csv": name, "generation_s": seconds}
        generation |= {"whole_s": whole_s, "n_rows": len(frame), **more}
        self._content["generations"].append(generation)
        self._save()

    def _save(self) -> None:
        self._content["process_s"] = time.perf_counter() - self._started
        self._content["peak_memory_mib"] = peak_memory_mib()
        self._content["machine"] = describe_machine()
        unfinished = self._folder / "result.json.part"
        unfinished.write_text(json.dumps(self._content), encoding="utf-8")
        unfinished.replace(self._folder / "result.json")


def run_peer(run: Callable[[Task, Result], None]) -> None:
    """Run a peer on the task whose file is this process's only argument."""
    task = Task(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    result = Result(task)
    run(task, result)
    result.enter("done")
