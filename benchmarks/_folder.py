"""A run's folder: what was asked, what came of it, and then ``DONE``.

``config.json`` says what was asked. A run that ended well leaves ``report.json``,
``predictions.csv``, ``synthetic.csv.gz`` and, last of all, ``DONE``; one that failed leaves
``failure.json``. So a run that was cut short is neither, and is made again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._run import Outcome, plain


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run.

    Attributes
    ----------
    path
        ``OUTPUT/runs/TABLE/METHOD/SPLIT``.
    """

    path: Path

    @classmethod
    def of(cls, output: Path, table: str, method: str, split: int) -> RunFolder:
        """Return the folder of a run of the benchmark in `output`."""
        return cls(output / "runs" / table / method / str(split))

    @property
    def is_done(self) -> bool:
        """Whether the run ended well."""
        return (self.path / "DONE").is_file()

    @property
    def has_failed(self) -> bool:
        """Whether the run ended badly."""
        return not self.is_done and (self.path / "failure.json").is_file()

    @property
    def config(self) -> dict[str, Any]:
        """What was asked."""
        return self._read("config.json")

    @property
    def report(self) -> dict[str, Any]:
        """What came of it."""
        return self._read("report.json")

    @property
    def failure(self) -> dict[str, Any]:
        """What went wrong."""
        return self._read("failure.json")

    def prepare_training(self, config: dict[str, Any]) -> None:
        """Empty the folder, and write what is asked.

        Raises
        ------
        ValueError
            If the folder holds a finished run that was asked for something else.
        """
        if self.path.is_dir():
            self.check(config)
            shutil.rmtree(self.path)
        self.path.mkdir(parents=True)
        self._write("config.json", config)

    def check(self, config: dict[str, Any]) -> None:
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

    def finish(self, outcome: Outcome, about: dict[str, Any]) -> None:
        """Write what came of the run."""
        outcome.predictions.to_csv(self.path / "predictions.csv", index=False)
        outcome.synthetic.to_csv(self.path / "synthetic.csv.gz", index=False)
        self._write("report.json", {**outcome.report, **about})
        (self.path / "DONE").touch()

    def fail(self, error: dict[str, Any]) -> None:
        """Write what went wrong."""
        self._write("failure.json", error)

    def _read(self, name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.path / name).read_text(encoding="utf-8"))
        return content

    def _write(self, name: str, content: dict[str, Any]) -> None:
        text = json.dumps(plain(content), indent=1, allow_nan=False)
        (self.path / name).write_text(text, encoding="utf-8")


def run_folders(output: Path) -> Iterator[RunFolder]:
    """Yield the folders of all runs in `output`, in the order of their names."""
    for config in sorted(output.glob("runs/*/*/*/config.json")):
        yield RunFolder(config.parent)
