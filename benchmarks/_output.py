"""What a benchmark leaves: a result folder, Markdown tables, and figures written as text.

A result folder holds ``about.json`` (which benchmark, what was asked, the machine), the runs
(``runs.jsonl``, or a folder each, see `benchmarks._folder`) and ``report.md``.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

import numpy as np
import pandas as pd

from benchmarks._environment import describe_machine

ABSENT = "-"
ABOUT_FILE = "about.json"
REPORT_FILE = "report.md"


@dataclass(frozen=True, slots=True)
class ResultFolder:
    """The folder of a benchmark that measures run after run."""

    path: Path

    @classmethod
    def create(
        cls, path: Path, benchmark: str, asked: Mapping[str, Any], *, append: bool = False
    ) -> ResultFolder:
        """Start a folder; runs that are in it are removed unless `append`."""
        path.mkdir(parents=True, exist_ok=True)
        about = {"benchmark": benchmark, "asked": asked, **describe_machine()}
        write_json(path / ABOUT_FILE, about)
        if not append:
            (path / "runs.jsonl").unlink(missing_ok=True)
        return cls(path)

    @property
    def about(self) -> dict[str, Any]:
        return read_json(self.path / ABOUT_FILE)

    @property
    def runs(self) -> list[dict[str, Any]]:
        lines = (self.path / "runs.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def add(self, run: Mapping[str, Any]) -> None:
        """Append a run: whatever fails later, this one is kept."""
        line = json.dumps(plain(run), ensure_ascii=False)
        with (self.path / "runs.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        note(line)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object; a value that is not a number becomes null."""
    text = json.dumps(plain(content), indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def plain(value: Any) -> Any:
    """Return what JSON can hold."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float) else str(value)


def markdown_table(rows: pd.DataFrame | Sequence[Mapping[str, Any]]) -> str:
    """Return rows as a Markdown table; of a frame, the index is left out.

    Examples
    --------
    >>> print(markdown_table([{"method": "smote", "rows/s": "12"}]))
    | method | rows/s |
    | --- | --- |
    | smote | 12 |
    """
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows), dtype=object)
    header = [str(name) for name in frame.columns]
    body = [[_cell(value) for value in row] for row in frame.itertuples(index=False)]
    lines = [header, ["---"] * len(header), *body]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def _cell(value: Any) -> str:
    if pd.isna(value):
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def significant(value: float | None, digits: int = 3) -> str:
    """Return `value` with `digits` significant digits and no exponent.

    Examples
    --------
    >>> [significant(value) for value in (1234.5, 0.012345, 7.0, None)]
    ['1234', '0.0123', '7.00', '-']
    """
    if value is None or not math.isfinite(value):
        return ABSENT
    magnitude = math.floor(math.log10(abs(value))) if value else 0
    return f"{value:.{max(0, digits - 1 - magnitude)}f}"


def median_and_range(values: Sequence[float | None]) -> str:
    """Return the median, and where there are several values the smallest and the largest.

    Examples
    --------
    >>> median_and_range([10.0, 12.0, 11.0]), median_and_range([7.0]), median_and_range([None])
    ('11.0 (10.0 to 12.0)', '7.00', '-')
    """
    present = _present(values)
    if not present:
        return ABSENT
    middle = significant(median(present))
    if len(present) == 1:
        return middle
    return f"{middle} ({significant(min(present))} to {significant(max(present))})"


def mean_and_deviation(values: Sequence[float | None], digits: int = 3) -> str:
    """Return the mean ± the standard deviation.

    Examples
    --------
    >>> mean_and_deviation([0.5, 0.7]), mean_and_deviation([0.5]), mean_and_deviation([])
    ('0.600 ± 0.141', '0.500', '-')
    """
    present = _present(values)
    if not present:
        return ABSENT
    mean = f"{fmean(present):.{digits}f}"
    return mean if len(present) == 1 else f"{mean} ± {stdev(present):.{digits}f}"


def _present(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def say(text: str) -> None:
    """Write a line to standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Write a line of progress to standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def percent(share: float | None) -> str:
    """Return a share; below 100 % never rounded up to it."""
    if share is None:
        return ABSENT
    if share in (0.0, 1.0):
        return f"{100 * share:.0f} %"
    return f"{100 * share:.3g} %" if share < 0.9995 else f"{min(100 * share, 99.99):.2f} %"
