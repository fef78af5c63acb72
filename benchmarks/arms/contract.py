"""What passes between a benchmark and an arm: a task as JSON, a result as JSON, rows as CSV.

This module is imported in the peers' environment too, so it needs pandas and nothing of ours.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.machine import describe_torch, describe_versions

_STATUS = Path("/proc/self/status")
_PACKAGES = (
    "counterpoise",
    "transformers",
    "be-great",
    "mostlyai-engine",
    "realtabformer",
    "imbalanced-learn",
    "pandas",
    "numpy",
)


@dataclass(frozen=True, slots=True)
class Task:
    """What an arm is to do.

    Attributes
    ----------
    folder : str
        Where ``train.csv`` lies and ``result.json`` is expected.
    target, minority : str
        Column of the labels, and the class to be written.
    numeric : list of str
        Numeric features; every other column holds strings.
    n_rows : int
        Rows that the minority lacks.
    n_samples_seen, epochs : int
        Length of training; `epochs` passes over the method's corpus are `n_samples_seen` rows.
    n_free_rows, n_guided_rows : int
        At most this many rows are asked of slow ways to generate, free or guided.
    guided_s : float
        Guided generation stops after the row that exceeds this.
    batch_size : int
        Rows a training step.
    limit_s : float
        The arm is ended after this.
    seed : int
    weights : str or None
        Folder of the pre-trained model.
    options : dict
        The arm's own.
    """

    folder: str
    target: str
    minority: str
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

    @classmethod
    def read(cls) -> Task:
        """Read the task whose file is this process's only argument."""
        return cls(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))

    def training_frame(self) -> pd.DataFrame:
        """Return the training rows: the features in their order, then the label."""
        path = Path(self.folder) / "train.csv"
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
        for name in self.numeric:
            frame[name] = pd.to_numeric(frame[name])
        return frame


class Result:
    """What an arm has to say, written anew whenever there is more: a time-out loses nothing.

    Parameters
    ----------
    task : Task
        What the arm does.
    """

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
        """Add generated rows (features and label), and how long it took to write them.

        Parameters
        ----------
        way : str
            How they were generated; "" if there is one way only.
        seconds, whole_s : float
            Of the generation; and from the table to the rows, training included.
        """
        name = f"rows-{len(self._content['generations'])}.csv"
        frame.to_csv(self._folder / name, index=False)
        generation: Mapping[str, Any] = {
            "way": strategy,
            "csv": name,
            "generation_s": seconds,
            "whole_s": whole_s,
            "n_rows": len(frame),
            **more,
        }
        self._content["generations"].append(generation)
        self._save()

    def finish(self) -> None:
        """Say that all is done."""
        self.enter("done")

    def _save(self) -> None:
        self._content["process_s"] = time.perf_counter() - self._started
        self._content["peak_memory_mib"] = peak_memory_mib()
        self._content["versions"] = describe_versions(_PACKAGES)
        if "torch" in sys.modules:
            self._content["torch"] = describe_torch()
        unfinished = self._folder / "result.json.part"
        unfinished.write_text(json.dumps(self._content), encoding="utf-8")
        unfinished.replace(self._folder / "result.json")


def peak_memory_mib() -> float:
    """Return the most memory that this process has held, in MiB.

    The kernel's figure for this program alone where there is one: `getrusage` counts what the
    process held before it became this program too, which is its parent's memory.
    """
    if _STATUS.is_file():
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024
