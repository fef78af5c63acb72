"""Generate the tables of docs/results/README.md from the CSV files beside it.

A table stands between ``<!-- table NAME -->`` and ``<!-- end -->``, and is replaced.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks._methods import FULL
from benchmarks._output import ABSENT, markdown_table, say
from benchmarks._plan import plan_of
from benchmarks._report import comparison_row, difference_table, rank
from benchmarks._results import Results, higher_is_better, read_results

_UNSEEN = ("fuel", "abalone9-18", "yeast6", "flare-F", "mortgage", "housing", "gem_price")
"""Tables of the honest protocol that `counterpoise` was not chosen on."""
_TITLES = {
    "published_f1": "F1 as published",
    "published_auc": "AUC as published",
    "f1": "minority F1 at 0.5",
    "f1_tuned": "minority F1, threshold tuned",
    "pr_auc": "PR-AUC",
    "roc_auc": "ROC-AUC",
    "brier": "Brier score (less is better)",
    "exact_copies": "exact copies of training rows",
    "distinct_row_rate": "distinct rows",
    "joint_entropy": "entropy of rows, nats",
}


@dataclass(frozen=True, slots=True)
class Means:
    """A table of means: a column per method, a row per figure.

    Means are over the tables and splits on which all of `methods` have scores (without `methods`:
    all that were ranked). `unseen` are shown for the tables of `_UNSEEN` too, `by_table` for each
    table (with the number of splits where it is not all).
    """

    folder: str
    metrics: tuple[str, ...]
    classifier: str = "xgboost"
    methods: tuple[str, ...] = ()
    ranked: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    by_table: tuple[str, ...] = ()
    diversity: tuple[str, ...] = ()

    def render(self, results: Results, plan_methods: Sequence[str]) -> str:
        methods = list(self.methods)
        if not methods:
            ranked = rank(results, self.ranked[0], self.classifier).mean_ranks
            methods = [name for name in plan_methods if name in ranked]
        ran = dict.fromkeys(results.scores["method"]) if self.by_table else ()
        others = [name for name in ran if name not in methods]  # without scores on some tables
        rows = pd.DataFrame(list(self._rows(results, methods)))
        return markdown_table(rows.reindex(columns=["", *methods, *others]).fillna(ABSENT))

    def _rows(self, results: Results, methods: Sequence[str]) -> Iterator[dict[str, str]]:
        for metric in self.metrics:
            means = self._means(results, metric, methods)
            yield _row(_TITLES[metric], means.mean(), higher_is_better(metric))
        for metric in self.ranked:
            ranks = rank(results, metric, self.classifier).mean_ranks
            yield _row(f"mean rank, {_TITLES[metric]}", ranks, False, digits=2)
        for metric in self.unseen:
            means = self._means(results, metric, methods).loc[list(_UNSEEN)]
            title = f"{len(_UNSEEN)} unseen tables: {_TITLES[metric]}"
            yield _row(title, means.mean(), higher_is_better(metric))
        for metric in self.by_table:
            scores = results.pivot(metric, self.classifier)
            for table, of_table in scores.groupby(level="table", sort=False):
                row = _row(f"{_TITLES[metric]}: {table}", of_table.mean(), higher_is_better(metric))
                counts = of_table.count()
                for name in [n for n in counts.index if 0 < counts[n] < len(of_table)]:
                    row[name] += f" ({counts[name]})"
                yield row
        for name in self.diversity:
            values = results.done.groupby(["table", "method"])[f"diversity.{name}.value"].mean()
            yield _row(_TITLES[name], values.unstack().dropna(axis=1, how="all").mean())

    def _means(self, results: Results, metric: str, methods: Sequence[str]) -> pd.DataFrame:
        scores = results.pivot(metric, self.classifier)[list(methods)].dropna()
        return scores.groupby(level="table").mean()


def _row(
    title: str, values: pd.Series[float], higher: bool | None = None, digits: int = 3
) -> dict[str, str]:
    """Return a row; the best value is bold if it is known which way is better."""
    texts = {str(name): f"{value:.{digits}f}" for name, value in values.dropna().items()}
    rivals = values.drop(FULL, errors="ignore")
    if higher is not None:
        best = texts[str(rivals.idxmax() if higher else rivals.idxmin())]
        texts |= {str(n): f"**{best}**" for n in rivals.index if texts.get(str(n)) == best}
    return {"": title, **texts}


@dataclass(frozen=True, slots=True)
class Differences:
    """A table of `reference` minus other methods, over tables: a row per figure and method."""

    folder: str
    metrics: tuple[str, ...]
    against: tuple[str, ...]
    classifier: str = "xgboost"
    reference: str = "counterpoise"

    def render(self, results: Results, plan_methods: Sequence[str]) -> str:  # noqa: ARG002
        return markdown_table(list(self._rows(results)))

    def _rows(self, results: Results) -> Iterator[dict[str, str]]:
        for metric in self.metrics:
            for found in difference_table(results, metric, self.classifier, self.reference):
                if found.method in self.against:
                    row = comparison_row(found, metric, f"{self.reference} against")
                    yield {"": _TITLES[metric], **row}


_HONEST = ("f1", "f1_tuned", "pr_auc", "roc_auc", "brier")
_PAPER = ("published_f1", "published_auc", "f1", "pr_auc")
PAGE_TABLES: Mapping[str, Means | Differences] = {
    "honest-xgboost": Means(
        "honest", _HONEST, ranked=("f1_tuned", "pr_auc"), unseen=("f1_tuned", "pr_auc")
    ),
    "honest-logistic-regression": Means(
        "honest",
        _HONEST,
        "logistic-regression",
        ranked=("f1_tuned", "pr_auc"),
        unseen=("f1_tuned", "pr_auc"),
    ),
    "honest-differences-xgboost": Differences(
        "honest", ("f1", "f1_tuned", "pr_auc", "brier"), ("none", "adasyn", "imbllm")
    ),
    "honest-differences-logistic-regression": Differences(
        "honest", ("f1", "f1_tuned", "pr_auc", "brier"), ("none",), "logistic-regression"
    ),
    "paper": Means("paper", _PAPER, ranked=_PAPER, diversity=("exact_copies", "distinct_row_rate")),
    "paper-full": Means(
        "paper", ("f1", "pr_auc"), methods=("none", "imbllm", "counterpoise", FULL)
    ),
    "paper-differences": Differences("paper", _PAPER, ("none", "great", "tvae", "imbllm")),
    "smollm2": Means(
        "smollm2",
        ("f1", "pr_auc"),
        methods=("none", "smotenc", "great", "imbllm", "counterpoise", FULL),
        by_table=("pr_auc",),
    ),
    "ablation": Means(
        "ablation",
        ("f1", "pr_auc", "published_auc"),
        ranked=("f1", "pr_auc"),
        diversity=("exact_copies", "distinct_row_rate", "joint_entropy"),
    ),
    "ablation-differences": Differences(
        "ablation",
        ("f1", "pr_auc"),
        ("counterpoise-no-selection", "imbllm", "none"),
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, nargs="?", default=Path("docs/results"))


def main(args: argparse.Namespace) -> None:
    path = args.folder / "README.md"
    path.write_text(filled(path), encoding="utf-8")
    say(str(path))


def filled(path: Path) -> str:
    """Return the text of the page with its tables generated anew."""
    folders = dict.fromkeys(table.folder for table in PAGE_TABLES.values())
    results = {name: read_results(path.parent / name) for name in folders}

    def generated(match: re.Match[str]) -> str:
        table = PAGE_TABLES[match[1]]
        text = table.render(results[table.folder], plan_of(path.parent / table.folder).methods)
        return f"<!-- table {match[1]} -->\n\n{text}\n\n<!-- end -->"

    text = path.read_text(encoding="utf-8")
    return re.sub(r"<!-- table (\S+) -->.*?<!-- end -->", generated, text, flags=re.DOTALL)
