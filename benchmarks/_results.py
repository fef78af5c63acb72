"""The runs of a benchmark as two tables, a row per run and a row per score, and as CSV files.

The CSV files and ``about.json`` are what a report is rendered from, so that a report can be
rendered again where the runs themselves are not kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks._folder import RunFolder, run_folders
from benchmarks._output import ABOUT_FILE, read_json, write_json

KEY = ("table", "method", "split")
_RUN_COLUMNS = (
    *KEY,
    *("status", "error", "n_train", "n_minority", "n_test", "n_synthetic", "valid_share"),
    *("resample_s", "whole_s", "peak_memory_mib"),
    *("n_samples_seen", "max_train_rows", "max_samples_seen"),
)
_ABOUT_MACHINE = ("date", "processor", "cores", "threads", "versions")
_OF_DECISIONS = ("f1", "precision", "recall", "balanced_accuracy")


@dataclass(frozen=True, slots=True)
class Results:
    """What all the runs of a benchmark found.

    `runs` has sizes, seconds, memory, the diversity as ``diversity.NAME``, ``status`` (``"done"``
    or ``"failed"``) and ``error``. `scores` has ``classifier``, ``metric`` and ``value``; metrics
    that end in ``_tuned`` are at the threshold that was tuned out of fold. Both have ``table``,
    ``method`` and ``split``. `about` has protocol, date, processor and versions of the latest run.
    """

    runs: pd.DataFrame
    scores: pd.DataFrame
    about: Mapping[str, Any]

    @property
    def done(self) -> pd.DataFrame:
        return self.runs[self.runs["status"] == "done"]

    @property
    def failed(self) -> pd.DataFrame:
        return self.runs[self.runs["status"] == "failed"]

    def pivot(self, metric: str, classifier: str) -> pd.DataFrame:
        """Return one score: a row per table and split, a column per method."""
        chosen = self.scores[
            (self.scores["metric"] == metric) & (self.scores["classifier"] == classifier)
        ]
        return chosen.pivot(index=["table", "split"], columns="method", values="value")


def higher_is_better(metric: str) -> bool:
    """Return whether a higher score is better."""
    return metric not in ("brier", "log_loss")


def write_results(output: Path) -> None:
    """Write ``runs.csv``, ``scores.csv`` and ``about.json`` from the folders of the runs."""
    results = collect(output)
    results.runs.to_csv(output / "runs.csv", index=False, float_format="%.6g")
    index = [*KEY, "classifier"]
    wide = results.scores.pivot(index=index, columns="metric", values="value")
    wide.to_csv(output / "scores.csv", float_format="%.6g")
    write_json(output / ABOUT_FILE, {"benchmark": "run", **results.about})


def read_results(output: Path) -> Results:
    """Read what `write_results` wrote."""
    if not (output / "runs.csv").is_file():
        raise ValueError(f"there are no runs in {str(output)!r}")
    names = dict.fromkeys(("table", "method", "error", "classifier"), str)
    runs = pd.read_csv(output / "runs.csv", dtype=names, keep_default_na=False, na_values=[""])
    wide = pd.read_csv(output / "scores.csv", dtype=names, keep_default_na=False, na_values=[""])
    scores = wide.melt(id_vars=[*KEY, "classifier"], var_name="metric").dropna(subset="value")
    return Results(runs, scores, read_json(output / ABOUT_FILE))


def collect(output: Path) -> Results:
    """Read the folder of every run."""
    runs: list[dict[str, Any]] = []
    scores: list[dict[str, Any]] = []
    about: dict[str, Any] = {}
    for folder in run_folders(output):
        if folder.has_failed:
            failure = folder.failure
            error = f"{failure['error']}: {failure['message']}"
            runs.append({**_key(folder), "status": "failed", "error": error})
        elif folder.is_done:
            report = folder.report
            runs.append(_run(folder, report))
            scores.extend(
                {**_key(folder), "classifier": classifier, "metric": metric, "value": value}
                for classifier, metric, value in _scores(report)
            )
            machine = {name: report[name] for name in _ABOUT_MACHINE}
            if str(machine["date"]) >= str(about.get("date", "")):
                about = {"protocol": folder.config["protocol"], **machine}
    if not runs:
        raise ValueError(f"there are no runs in {str(output)!r}; expected {output}/runs/*/*/*")
    more = [name for name in pd.DataFrame(runs) if name not in _RUN_COLUMNS]
    table = pd.DataFrame(runs, columns=[*_RUN_COLUMNS, *more])
    columns = [*KEY, "classifier", "metric", "value"]
    return Results(table, pd.DataFrame(scores, columns=columns), about)


def _key(folder: RunFolder) -> dict[str, Any]:
    config = folder.config
    return {name: config[name] for name in KEY}


def _run(folder: RunFolder, report: Mapping[str, Any]) -> dict[str, Any]:
    config, method = folder.config, report["method"]
    run = {
        **_key(folder),
        "status": "done",
        **{name: report[name] for name in ("n_train", "n_minority", "n_test", "n_synthetic")},
        "valid_share": report["valid_share"],
        "resample_s": report["seconds"]["resample"],
        "whole_s": report["whole_s"],
        "peak_memory_mib": report["peak_memory_mib"],
        "n_samples_seen": method.get("n_samples_seen"),
        "max_train_rows": config["max_train_rows"] or None,
        "max_samples_seen": config["arguments"].get("max_samples_seen"),
    }
    if "n_held_out" in method:
        run |= {name: method[name] for name in ("held_out_log_likelihood", "n_held_out")}
    for name, figure in (report.get("diversity") or {}).items():
        run |= {f"diversity.{name}.{part}": value for part, value in figure.items()}
    return run


def _scores(report: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    for classifier, found in report["classifiers"].items():
        for metric, value in found["scores"].items():
            yield classifier, metric, value
        for metric in _OF_DECISIONS if found["tuned_scores"] else ():
            yield classifier, f"{metric}_tuned", found["tuned_scores"][metric]
    first = next(iter(report["classifiers"]))
    for part in ("published", "macro"):
        for metric, value in report.get(part, {}).items():
            yield first, metric if metric.startswith(part) else f"{part}_{metric}", value
