"""Measure whether the method's ideas make rows more varied: entropies with and without each.

For each table and seed the compact model is trained in four ways; rows are then generated from the
value of a feature and from the label alone, at temperatures 1 and 0.7. `benchmarks._entropy` says
what is measured, ``docs/theory.md`` what it means. ``figure.svg`` lies beside the report.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np

from benchmarks._entropy import measure_cross_entropy, measure_entropy
from benchmarks._output import ABSENT, ResultFolder, markdown_table, mean_and_deviation
from benchmarks._protocols import PAPER, split_table
from benchmarks._samplers import make_sampler
from benchmarks._tables import BenchTable, load_table

_METHOD: Mapping[str, Any] = {
    "recipe": "ranking-no-selection",
    "relations": False,
    "interpolation": "smotenc",
}
"""The three ideas of the method and nothing else; training stops by itself."""
_TRAININGS: Mapping[str, Mapping[str, Any]] = {
    "stopped early": {},
    "50 passes": {"epochs": 50, "validation_fraction": 0.0},
    "no interpolation": {"interpolation": None},
    "no permutation": {"permutation": "none"},
}
_WARM = (("feature", 1.0), ("label", 1.0))
_WARM_AND_COLD = (*_WARM, ("feature", 0.7), ("label", 0.7))
_SAMPLINGS: Mapping[str, Sequence[tuple[str, float]]] = {  # conditions and temperatures
    "stopped early": _WARM_AND_COLD,
    "50 passes": _WARM_AND_COLD,
    "no interpolation": _WARM,
    "no permutation": _WARM,
}

Setting = tuple[str, str, float]
"""Training, condition and temperature."""
Runs = Sequence[Mapping[str, Any]]

_DEFAULT: Setting = ("stopped early", "feature", 1.0)
EFFECTS: Sequence[tuple[str, Setting, Setting]] = (
    ("condition, stopped early, T 1", _DEFAULT, ("stopped early", "label", 1.0)),
    (
        "condition, stopped early, T 0.7",
        ("stopped early", "feature", 0.7),
        ("stopped early", "label", 0.7),
    ),
    ("condition, 50 passes, T 1", ("50 passes", "feature", 1.0), ("50 passes", "label", 1.0)),
    ("condition, 50 passes, T 0.7", ("50 passes", "feature", 0.7), ("50 passes", "label", 0.7)),
    ("interpolation, T 1", _DEFAULT, ("no interpolation", "feature", 1.0)),
    ("permutation, T 1", _DEFAULT, ("no permutation", "feature", 1.0)),
    ("temperature 1 for 0.7", _DEFAULT, ("stopped early", "feature", 0.7)),
)
"""What is compared: its name, with the idea, without it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", type=Path, help="folder of NAME.csv files")
    parser.add_argument("--tables", nargs="+", default=["german", "sick", "insurance"])
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 to N-1")
    parser.add_argument("--rows", type=int, default=300, help="drawn per measurement")
    parser.add_argument("--bounded", type=int, default=50, help="of them, for the bounds")
    parser.add_argument("--max-samples-seen", type=int, default=10_000)


def measure(folder: ResultFolder, args: argparse.Namespace) -> None:
    tables = [load_table(name, args.data_dir) for name in args.tables]
    for seed in range(args.seeds):
        for table in tables:
            for run in _measure_table(table, seed, args):
                folder.add({"table": table.name, "seed": seed, **run})


def _measure_table(
    table: BenchTable, seed: int, args: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    split = split_table(table, PAPER, seed)
    X, y = table.take(split.train)
    held_out = table.take(split.cut[: args.bounded])[0]
    for training, changes in _TRAININGS.items():
        overrides = {**_METHOD, "max_samples_seen": args.max_samples_seen, **changes}
        sampler = make_sampler(**overrides, column_types=table.column_types, random_state=seed)
        sampler.fit_resample(X, y)
        for condition, temperature in _SAMPLINGS[training]:
            started = time.perf_counter()
            options: dict[str, Any] = {"condition": condition, "temperature": temperature}
            asked = {**options, "n_orders": 1, "random_state": seed}
            found = measure_entropy(sampler, n_rows=args.rows, n_bounded=args.bounded, **asked)
            run: dict[str, Any] = {
                "training": training,
                **options,
                "n_minority": int((y == table.positive).sum()),
                "n_samples_seen": sampler.history_.n_samples_seen,
            }
            for name in ("start", "rest", "given_order", "lower", "upper"):
                nats = getattr(found, name)
                run[name] = [nats.value, nats.error]
            if temperature == 1.0:
                nats, n_held_out = measure_cross_entropy(sampler, held_out, **asked)
                run |= {"cross_entropy": [nats.value, nats.error], "n_held_out": n_held_out}
            yield run | {"seconds": time.perf_counter() - started}


def render(folder: ResultFolder) -> str:
    runs = folder.runs
    draw_figure(runs, folder.path / "figure.svg")
    return f"{effects_table(runs)}\n\n{summary_table(runs)}"


def summary_table(runs: Runs) -> str:
    """Return a row per table and setting: means ± standard deviations over seeds."""
    rows = []
    for table in dict.fromkeys(run["table"] for run in runs):
        settings = dict.fromkeys(_setting(run) for run in runs if run["table"] == table)
        for training, condition, temperature in settings:
            of_setting = _runs_of(runs, table, (training, condition, temperature))
            row = {"table": table, "training": training, "start": condition}
            row["T"] = f"{temperature:g}"
            for title, figure in (
                ("H(start)", "start"),
                ("H(rest)", "rest"),
                ("H(X), at least", "lower"),
                ("at most", "upper"),
                ("held-out rows", "cross_entropy"),
            ):
                row[title] = mean_and_deviation([_value(run, figure) for run in of_setting], 2)
            rows.append(row)
    return markdown_table(rows)


def effects_table(runs: Runs) -> str:
    """Return what each idea adds: mean and standard error over pairs of runs of one seed."""
    rows = []
    for name, with_it, without in EFFECTS:
        for table in dict.fromkeys(run["table"] for run in runs):
            row = {"idea": name, "table": table}
            for title, figure in (
                ("H(start)", "start"),
                ("H(X)", "middle"),
                ("held-out rows", "cross_entropy"),
            ):
                found = _differences(runs, table, with_it, without, figure)
                error = f" ± {stdev(found) / len(found) ** 0.5:.2f}" if len(found) > 1 else ""
                row[title] = f"{fmean(found):+.2f}{error}" if found else ABSENT
            rows.append(row)
    return markdown_table(rows)


def draw_figure(runs: Runs, path: Path) -> None:
    """Draw what each idea adds to the entropy of starts and of rows, a panel per table."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "counterpoise"  # the same file from the same figures
    from matplotlib import pyplot as plt

    tables = list(dict.fromkeys(run["table"] for run in runs))
    figure, axes = plt.subplots(
        1, len(tables), figsize=(3.4 * len(tables) + 1.6, 3.8), sharey=True, squeeze=False
    )
    names = [name for name, _, _ in EFFECTS]
    places = np.arange(len(names))[::-1]
    for axis, table in zip(axes[0], tables, strict=True):
        for shift, key, label, marker, colour in (
            (0.15, "start", "of the starts, H(start)", "s", "#b35900"),
            (-0.15, "middle", "of the rows, H(X)", "o", "#00538a"),
        ):
            for place, (_, with_it, without) in zip(places, EFFECTS, strict=True):
                found = _differences(runs, table, with_it, without, key)
                if not found:
                    continue
                at = [place + shift] * len(found)
                axis.plot(
                    found,
                    at,
                    marker,
                    color=colour,
                    alpha=0.5,
                    markersize=5,
                    label=label if place == places[0] else None,
                )
                axis.plot([fmean(found)], at[:1], "|", color=colour, markersize=14)
        axis.axvline(0, color="0.5", linewidth=0.8)
        axis.set_title(table)
        axis.set_yticks(places, names)
        axis.grid(axis="x", color="0.9")
    figure.supxlabel("nats that the idea adds (mark: a seed, bar: mean)", fontsize="medium")
    handles, labels = axes[0][0].get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(unique.values(), unique.keys(), loc="upper center", ncols=2, frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 0.93))
    figure.savefig(path, format="svg", metadata={"Date": None})
    plt.close(figure)


def _setting(run: Mapping[str, Any]) -> Setting:
    return run["training"], run["condition"], run["temperature"]


def _runs_of(runs: Runs, table: str, setting: Setting) -> list[Mapping[str, Any]]:
    return [run for run in runs if run["table"] == table and _setting(run) == setting]


def _value(run: Mapping[str, Any], figure: str) -> float | None:
    if figure == "middle":  # of the two bounds
        return float(run["lower"][0] + run["upper"][0]) / 2
    return float(run[figure][0]) if figure in run else None


def _differences(
    runs: Runs, table: str, with_it: Setting, without: Setting, figure: str
) -> list[float]:
    """Return the differences between runs with and without an idea that have the same seed."""
    others = {run["seed"]: _value(run, figure) for run in _runs_of(runs, table, without)}
    found = []
    for run in _runs_of(runs, table, with_it):
        one, two = _value(run, figure), others.get(run["seed"])
        if one is not None and two is not None:
            found.append(one - two)
    return found
