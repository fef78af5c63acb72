"""Result tables: Markdown to standard output, JSON to a file."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

ABSENT = "-"


def markdown_table(rows: Sequence[Mapping[str, str]]) -> str:
    """Return `rows` as a Markdown table; the columns are the keys of the first one.

    Examples
    --------
    >>> print(markdown_table([{"arm": "ours", "rows/s": "12"}]))
    | arm | rows/s |
    | --- | --- |
    | ours | 12 |
    """
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([row[name] for name in names] for row in rows)]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


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
    present = [value for value in values if value is not None and math.isfinite(value)]
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
    present = [value for value in values if value is not None and math.isfinite(value)]
    if not present:
        return ABSENT
    mean = f"{fmean(present):.{digits}f}"
    return mean if len(present) == 1 else f"{mean} ± {stdev(present):.{digits}f}"


def write_json(path: Path, result: Mapping[str, Any]) -> None:
    """Write `result`, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def say(text: str) -> None:
    """Write a line to standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Write a line of progress to standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
