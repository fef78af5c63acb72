"""A run's folder: ``config.json`` (what was asked), the results, and then ``DONE``.

A run that ended well leaves ``report.json``, ``predictions.csv``, ``synthetic.csv.gz`` and, last of
all, ``DONE``; one that failed leaves ``failure.json``. One that was cut short has neither, and is
run again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._output import plain, read_json, write_json
from benchmarks._run import Outcome


@dataclass(frozen=True, slots=True)
class RunFolder:
    """``OUTPUT/runs/TABLE/METHOD/SPLIT``."""

    path: Path

    @classmethod
    def of(cls, output: Path, table: str, method: str, split: int) -> RunFolder:
        return cls(output / "runs" / table / method / str(split))

    @property
    def is_done(self) -> bool:
        return (self.path / "DONE").is_file()

    @property
    def has_failed(self) -> bool:
        return not self.is_done and (self.path / "failure.json").is_file()

    @property
    def config(self) -> dict[str, Any]:
        return read_json(self.path / "config.json")

    @property
    def report(self) -> dict[str, Any]:
        return read_json(self.path / "report.json")

    @property
    def failure(self) -> dict[str, Any]:
        return read_json(self.path / "failure.json")

    def start(self, config: Mapping[str, Any]) -> None:
        """Empty the folder and write what is asked; refuse to replace a run of other settings."""
        if self.path.is_dir():
            self.check(config)
            shutil.rmtree(self.path)
        self.path.mkdir(parents=True)
        write_json(self.path / "config.json", config)

    def check(self, config: Mapping[str, Any]) -> None:
        """Refuse to mix runs with different settings."""
        if not self.is_done:
            return
        before, now = self.config, plain(config)
        differing = sorted(k for k in before.keys() | now.keys() if before.get(k) != now.get(k))
        if differing:
            raise ValueError(
                f"{self.path} holds a run with other settings ({', '.join(differing)}); take "
                "another output folder, or remove this one"
            )

    def finish(self, outcome: Outcome, about: Mapping[str, Any]) -> None:
        outcome.predictions.to_csv(self.path / "predictions.csv", index=False)
        outcome.synthetic.to_csv(self.path / "synthetic.csv.gz", index=False)
        write_json(self.path / "report.json", {**outcome.report, **about})
        (self.path / "DONE").touch()

    def fail(self, error: Mapping[str, Any]) -> None:
        write_json(self.path / "failure.json", error)


def run_folders(output: Path) -> Iterator[RunFolder]:
    """Yield the folders of all runs in `output`, in the order of their names."""
    for config in sorted(output.glob("runs/*/*/*/config.json")):
        yield RunFolder(config.parent)
