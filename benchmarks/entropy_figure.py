"""The measurements of `benchmarks.entropy` as a table and as a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def summary_table(runs: Sequence[Mapping[str, Any]]) -> str:
    return ""


def draw_figure(runs: Sequence[Mapping[str, Any]], path: Path) -> None:
    raise NotImplementedError
