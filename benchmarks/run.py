"""Compare methods on tables: every method, table and split, then a report.

WHAT is a protocol (paper or honest) or a TOML file, see docs/benchmark.md. Finished runs are not
repeated, failed ones are. The exit code is 1 if any run failed.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks._output import note, say
from benchmarks._plan import Plan, default_plan, read_plan
from benchmarks._protocols import PROTOCOLS
from benchmarks._report import write_report
from benchmarks._runner import run_benchmark

_CHANGES = ("n_splits", "model", "max_train_rows", "max_samples_seen", "limit_s")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", metavar="WHAT", help="paper, honest or FILE.toml")
    add_run_arguments(parser)
    parser.add_argument("--methods", nargs="+")
    parser.add_argument("--classifiers", nargs="+")
    parser.add_argument("--splits", dest="n_splits", type=int, metavar="N", help="of each table")
    parser.add_argument("--model", help="backbone of the language models")
    parser.add_argument("--max-train-rows", type=int, metavar="N", help="of a table; 0: all")
    parser.add_argument("--max-samples-seen", type=int, metavar="N", help="in training; 0: no cap")
    parser.add_argument("--limit-s", type=float, help="a run that takes longer has failed")
    parser.add_argument("--tune", action="store_true", help="tune classifiers on inner folds")
    parser.add_argument("--reference", help="method that the others are compared with")


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says where tables are read and runs are written."""
    parser.add_argument("--tables", nargs="+")
    parser.add_argument("--data-dir", type=Path, help="folder of NAME.csv files")
    parser.add_argument("--openml", action="store_true", help="fetch tables that are nowhere else")
    parser.add_argument("--output", "-o", type=Path, help="default: results/WHAT")
    parser.add_argument("--jobs", "-j", type=int, default=1, help="runs at a time; -1: all CPUs")
    parser.add_argument("--engine", choices=["ray"], help="make the runs on a Ray cluster")
    parser.add_argument("--address", help="of the cluster; default: what Ray finds or starts")


def main(args: argparse.Namespace) -> int:
    changes: dict[str, Any] = {name: getattr(args, name) for name in _CHANGES}
    changes = {name: value for name, value in changes.items() if value is not None}
    for name in ("tables", "methods", "classifiers"):
        if getattr(args, name):
            changes[name] = tuple(getattr(args, name))
    if args.tune:
        changes["tune"] = True
    plan = _plan(args.what).changed(**changes)
    output = args.output or Path("results") / Path(args.what).stem
    n_failed = run_plan(plan, output, args)
    say(str(write_report(output, reference=args.reference)))
    return 1 if n_failed else 0


def run_plan(plan: Plan, output: Path, args: argparse.Namespace) -> int:
    """Make the runs, and return how many failed."""
    tally = run_benchmark(
        plan,
        output,
        data_dir=args.data_dir,
        allow_network=args.openml,
        n_jobs=args.jobs,
        engine=args.engine,
        address=args.address,
        note=note,
    )
    note(
        f"{tally.n_done} runs done, {tally.n_failed} failed, {tally.n_skipped} had been finished "
        "before"
    )
    return tally.n_failed


def _plan(what: str) -> Plan:
    if what in PROTOCOLS:
        return default_plan(what)
    path = Path(what)
    if not path.is_file():
        raise ValueError(f"expected paper, honest or a TOML file; there is no {what!r}")
    return read_plan(path)
