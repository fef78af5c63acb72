"""The command line of the benchmark: ``python -m benchmarks --help``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import quality, report, results_page, run
from counterpoise.errors import CounterpoiseError

COMMANDS = {"run": run, "report": report, "results-page": results_page, "quality": quality}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 1 if a run failed, 2 for a mistake."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Run a benchmark.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, module in (COMMANDS | report.MEASUREMENTS).items():
        description = str(module.__doc__)
        command = commands.add_parser(
            name,
            help=description.splitlines()[0],
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        if name in report.MEASUREMENTS:
            command.add_argument("--output", "-o", type=Path, default=Path("results") / name)
            command.add_argument("--append", action="store_true", help="keep the runs in OUTPUT")
            command.set_defaults(main=partial(report.measure, name))
        else:
            command.set_defaults(main=module.main)
    args = parser.parse_args(arguments)
    try:
        return int(args.main(args) or 0)
    except (ValueError, CounterpoiseError) as error:
        sys.stderr.write(f"benchmarks: error: {' '.join(str(error).split())}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
