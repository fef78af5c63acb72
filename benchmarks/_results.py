"""Run folders as two tables: a row a run, and a row a score."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks._folder import RunFolder, run_folders

_KEY = ("table", "method", "split")
_RUN_COLUMNS = (
    *_KEY,
    "status",
    "error",
    "n_train",
    "n_minority",
    "n_test",
    "n_synthetic",
    "valid_share",
    "resample_s",
    "whole_s",
    "peak_memory_mib",
    "n_samples_seen",
    "most_train_rows",
    "max_samples_seen",
)
_SCORE_COLUMNS = (*_KEY, "classifier", "metric", "value")
_TUNED = "_tuned"
"""What a score's name ends in if it was taken at the tuned threshold."""
_OF_DECISIONS = ("f1", "precision", "recall", "balanced_accuracy")


@dataclass(frozen=True, slots=True)
class Results:
    """What all the runs of a benchmark found.

    Attributes
    ----------
    runs : DataFrame
        A row a run, index 0, 1, ...: ``table``, ``method``, ``split``, ``status`` (``"done"`` or
        ``"failed"``), ``error``, sizes, seconds, memory, diversity as ``diversity.NAME``.
    scores : DataFrame
        A row a score: ``table``, ``method``, ``split``, ``classifier``, ``metric``, ``value``.
        Scores that end in ``_tuned`` are at the threshold that was tuned out of fold.
    about : dict
        Date, processor and versions of the latest run, and the protocol.
    """

    runs: pd.DataFrame
    scores: pd.DataFrame
    about: Mapping[str, Any]

    def pivot(self, metric: str, classifier: str) -> pd.DataFrame:
        """Return one score: a row a table and split, a column a method."""
        chosen = self.scores[
            (self.scores["metric"] == metric) & (self.scores["classifier"] == classifier)
        ]
        return chosen.pivot(index=["table", "split"], columns="method", values="value")


def higher_is_better(metric: str) -> bool:
    """Return whether more of a score is better."""
    return metric.removesuffix(_TUNED) not in ("brier", "log_loss")


def collect(output: Path) -> Results:
    """Read every run below a folder.

    Raises
    ------
    ValueError
        If there is no run.
    """
    runs: list[dict[str, Any]] = []
    scores: list[dict[str, Any]] = []
    about: dict[str, Any] = {}
    for folder in run_folders(output):
        if not folder.is_done and not folder.has_failed:
            continue  # it was cut short: neither a result nor a failure
        run, of_run = _read(folder)
        runs.append(run)
        scores.extend(of_run)
        if folder.is_done:
            about = max(about, _about(folder), key=lambda known: str(known.get("date", "")))
    if not runs:
        raise ValueError(f"there are no runs in {str(output)!r}; expected {output}/runs/*/*/*")
    more = [name for name in pd.DataFrame(runs) if name not in _RUN_COLUMNS]
    table = pd.DataFrame(runs, columns=[*_RUN_COLUMNS, *more])
    return Results(table, pd.DataFrame(scores, columns=list(_SCORE_COLUMNS)), about)


def _read(folder: RunFolder) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    config = folder.config
    key = {name: config[name] for name in _KEY}
    if folder.has_failed:
        failure = folder.failure
        error = f"{failure['error']}: {failure['message']}"
        return {**key, "status": "failed", "error": error}, []
    report = folder.report
    seconds = report["seconds"]
    run = {
        **key,
        "status": "done",
        "error": "",
        **{name: report[name] for name in ("n_train", "n_minority", "n_test", "n_synthetic")},
        "valid_share": report["valid_share"],
        "resample_s": seconds["resample"],
        "whole_s": report["whole_s"],
        "peak_memory_mib": report["peak_memory_mib"],
        "n_samples_seen": report["method"].get("n_samples_seen"),
        "most_train_rows": config["max_train_rows"] or None,
        "max_samples_seen": config["arguments"].get("max_samples_seen"),
    }
    for name, figure in (report.get("diversity") or {}).items():
        for part, value in figure.items():
            run[f"diversity.{name}.{part}"] = value
    found = [
        {**key, "classifier": classifier, "metric": metric, "value": value}
        for classifier, metric, value in _scores(report)
    ]
    return run, found


def _scores(report: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    for classifier, found in report["classifiers"].items():
        for metric, value in found["scores"].items():
            yield classifier, metric, value
        for metric in _OF_DECISIONS if found["tuned_scores"] else ():
            yield classifier, f"{metric}{_TUNED}", found["tuned_scores"][metric]
    first = next(iter(report["classifiers"]))
    for part in ("published", "macro"):
        for metric, value in report.get(part, {}).items():
            name = metric if metric.startswith((part, "macro")) else f"{part}_{metric}"
            yield first, name, value


def _about(folder: RunFolder) -> dict[str, Any]:
    report = folder.report
    config = json.loads((folder.path / "config.json").read_text(encoding="utf-8"))
    names = ("date", "processor", "cores", "threads", "versions")
    return {name: report[name] for name in names} | {"protocol": config["protocol"]}
