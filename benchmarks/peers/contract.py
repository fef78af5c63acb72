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
    """What a peer is to do."""

    folder: str  # where train.csv is and result.json is expected
    target: str
    positive: str  # the class to be generated
    numeric: list[str]  # every other column holds strings
    n_rows: int
    n_samples_seen: int  # length of training
    epochs: int  # as many passes over the method's corpus
    n_free_rows: int  # at most as many rows are asked of slow ways to generate, free or guided
    n_guided_rows: int
    guided_s: float  # guided generation stops after the row that exceeds this
    batch_size: int
    limit_s: float  # the peer is ended after this
    seed: int
    weights: str | None  # folder of the pre-trained model
    options: dict[str, Any]  # the peer's own

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
        """Add generated rows (features and label): seconds of the generation, and of everything.

        `strategy` is how they were generated; "" if there is one way only.
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
