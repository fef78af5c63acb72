"""Render the report of a result folder again, whichever command made it."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from types import ModuleType

from benchmarks import (
    distillation,
    entropy,
    matrix_rate,
    realism,
    recipe_search,
    relations,
    scaling,
    speed,
)
from benchmarks._output import ABOUT_FILE, REPORT_FILE, ResultFolder, read_json, say
from benchmarks._report import write_report

MEASUREMENTS: dict[str, ModuleType] = {
    "speed": speed,
    "scaling": scaling,
    "matrix-rate": matrix_rate,
    "entropy": entropy,
    "recipe-search": recipe_search,
    "realism": realism,
    "distillation": distillation,
    "relations": relations,
}
"""Commands that measure run after run: ``measure`` fills a result folder, ``render`` reads it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--reference", help="of run: method that the others are compared with")
    parser.add_argument("--png", action="store_true", help="of run: figures as PNG too")
    parser.add_argument("--latex", action="store_true", help="of run: LaTeX tables too")


def main(args: argparse.Namespace) -> None:
    about = args.folder / ABOUT_FILE
    benchmark = read_json(about)["benchmark"] if about.is_file() else "run"
    if benchmark in MEASUREMENTS:
        render_measurement(benchmark, ResultFolder(args.folder))
        return
    formats = [name for name in ("png", "latex") if getattr(args, name)]
    say(str(write_report(args.folder, reference=args.reference, formats=formats)))


def measure(benchmark: str, args: argparse.Namespace) -> None:
    """Run a measurement into its result folder, and render it."""
    asked = {
        name: value for name, value in vars(args).items() if not isinstance(value, Path | partial)
    }
    folder = ResultFolder.create(args.output, benchmark, asked, append=args.append)
    MEASUREMENTS[benchmark].measure(folder, args)
    render_measurement(benchmark, folder)


def render_measurement(benchmark: str, folder: ResultFolder) -> None:
    """Write the report of a measurement, and print it."""
    text = MEASUREMENTS[benchmark].render(folder)
    (folder.path / REPORT_FILE).write_text(text + "\n", encoding="utf-8")
    say(text)
