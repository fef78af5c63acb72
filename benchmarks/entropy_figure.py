"""The measurements of `benchmarks.entropy` as a table and as a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np

from benchmarks.results import ABSENT, markdown_table

__all__ = ["draw_figure", "effects_table", "summary_table"]

Runs = Sequence[Mapping[str, Any]]

Arm = tuple[str, str, float]
Pairs = Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]

_METHOD: Arm = ("stopped early", "feature", 1.0)
EFFECTS: Sequence[tuple[str, Arm, Arm]] = (
    ("condition, stopped early, T 1", _METHOD, ("stopped early", "label", 1.0)),
    (
        "condition, stopped early, T 0.7",
        ("stopped early", "feature", 0.7),
        ("stopped early", "label", 0.7),
    ),
    ("condition, 50 passes, T 1", ("50 passes", "feature", 1.0), ("50 passes", "label", 1.0)),
    ("condition, 50 passes, T 0.7", ("50 passes", "feature", 0.7), ("50 passes", "label", 0.7)),
    ("interpolation, T 1", _METHOD, ("no interpolation", "feature", 1.0)),
    ("permutation, T 1", _METHOD, ("no permutation", "feature", 1.0)),
    ("temperature 1 for 0.7", _METHOD, ("stopped early", "feature", 0.7)),
)
"""What is compared: its name, with the idea, without it."""


def summary_table(runs: Runs) -> str:
    """Return a Markdown table: a row a table and arm, means ± standard deviations over seeds."""
    rows = []
    for table, training, condition, temperature in _arms(runs):
        of_arm = _of_arm(runs, table, (training, condition, temperature))
        rows.append(
            {
                "table": table,
                "training": training,
                "start": condition,
                "T": f"{temperature:g}",
                "H(start)": _mean([run["start"][0] for run in of_arm]),
                "H(rest)": _mean([run["rest"][0] for run in of_arm]),
                "H(X), at least": _mean([run["lower"][0] for run in of_arm]),
                "at most": _mean([run["upper"][0] for run in of_arm]),
                "held-out rows": _mean(
                    [run["cross_entropy"][0] for run in of_arm if "cross_entropy" in run]
                ),
            }
        )
    return markdown_table(rows)


def effects_table(runs: Runs) -> str:
    """Return a Markdown table: what each idea adds, mean and standard error over pairs of runs."""
    rows = []
    for name, with_it, without in EFFECTS:
        for table in dict.fromkeys(run["table"] for run in runs):
            row = {"idea": name, "table": table}
            for title, figure in (
                ("H(start)", "start"),
                ("H(X)", "middle"),
                ("held-out rows", "cross_entropy"),
            ):
                row[title] = _difference(_pairs(runs, table, with_it, without), figure)
            rows.append(row)
    return markdown_table(rows)


def draw_figure(runs: Runs, path: Path) -> None:
    """Draw what each idea adds to the entropy of starts and of rows, a panel a table."""
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
                found = _values(_pairs(runs, table, with_it, without), key)
                if not found:
                    continue
                axis.plot(
                    found,
                    [place + shift] * len(found),
                    marker,
                    color=colour,
                    alpha=0.5,
                    markersize=5,
                    label=label if place == places[0] else None,
                )
                axis.plot([fmean(found)], [place + shift], "|", color=colour, markersize=14)
        axis.axvline(0, color="0.5", linewidth=0.8)
        axis.set_title(table)
        axis.set_yticks(places, names)
        axis.grid(axis="x", color="0.9")
    figure.supxlabel("nats that the idea adds (mark: a seed, bar: mean)", fontsize="medium")
    handles, labels = axes[0][0].get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(unique.values(), unique.keys(), loc="upper center", ncols=2, frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 0.93))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None})
    plt.close(figure)


def _arms(runs: Runs) -> list[tuple[str, str, str, float]]:
    tables = list(dict.fromkeys(run["table"] for run in runs))
    arms = dict.fromkeys(
        (run["table"], run["training"], run["condition"], run["temperature"]) for run in runs
    )
    return sorted(arms, key=lambda arm: tables.index(arm[0]))


def _of_arm(runs: Runs, table: str, arm: Arm) -> list[Mapping[str, Any]]:
    names = "training", "condition", "temperature"
    return [
        run for run in runs if run["table"] == table and tuple(run[name] for name in names) == arm
    ]


def _pairs(runs: Runs, table: str, with_it: Arm, without: Arm) -> Pairs:
    """Pair the runs with and without an idea that have the same seed."""
    others = {run["seed"]: run for run in _of_arm(runs, table, without)}
    return [
        (run, others[run["seed"]]) for run in _of_arm(runs, table, with_it) if run["seed"] in others
    ]


def _value(run: Mapping[str, Any], figure: str) -> float | None:
    if figure == "middle":  # of the two bounds
        return float(run["lower"][0] + run["upper"][0]) / 2
    return float(run[figure][0]) if figure in run else None


def _values(pairs: Pairs, figure: str) -> list[float]:
    found = []
    for run, other in pairs:
        one, two = _value(run, figure), _value(other, figure)
        if one is not None and two is not None:
            found.append(one - two)
    return found


def _difference(pairs: Pairs, figure: str) -> str:
    found = _values(pairs, figure)
    if not found:
        return ABSENT
    error = "" if len(found) == 1 else f" ± {stdev(found) / len(found) ** 0.5:.2f}"
    return f"{fmean(found):+.2f}{error}"


def _mean(values: Sequence[float]) -> str:
    if not values:
        return ABSENT
    deviation = "" if len(values) == 1 else f" ± {stdev(values):.2f}"
    return f"{fmean(values):.2f}{deviation}"
