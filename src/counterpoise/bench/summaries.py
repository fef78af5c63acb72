"""What results amount to: means and spreads, ranks, differences, cost, diversity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from counterpoise.bench.methods import FULL
from counterpoise.bench.results import Results, higher_is_better
from counterpoise.evaluate.statistics import (
    Comparison,
    Ranking,
    compare,
    corrected_interval,
    rank_methods,
)

__all__ = [
    "cost_table",
    "difference_table",
    "diversity_table",
    "in_order",
    "mean_row",
    "paired_means",
    "rank",
    "score_table",
    "size_table",
    "table_differences",
]

_TEST_TO_TRAIN = 0.25
"""Test rows over training rows in a split of 80 to 20."""

_MOST_TABLES = 0.8
"""A method with scores on a smaller share of the tables would cost the others their tables."""
_FEWEST_SPLITS = 5
"""An interval over fewer says nothing: two or three differences can agree by chance."""

_DIVERSITY = (
    "column_entropy",
    "joint_entropy",
    "coverage",
    "support_coverage",
    "distinct_row_rate",
    "mean_pairwise_distance",
    "exact_copies",
)


def in_order(names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Return `names` in the order of `wanted`; those it lacks at the end."""
    place = {name: i for i, name in enumerate(wanted)}
    return sorted(names, key=lambda name: (place.get(name, len(place)), name))


def score_table(
    results: Results, metric: str, classifier: str, methods: Sequence[str]
) -> pd.DataFrame:
    """Return mean ± standard deviation over splits: a row a table, a column a method.

    In bold is the method that is best on the splits that all of the table's methods have, ``full``
    aside; ``(n)`` says how many splits a mean is of where that is not all that the table has, a
    dash that there is none.
    """
    scores = results.pivot(metric, classifier)
    names = in_order([str(name) for name in scores.columns], methods)
    sign = 1 if higher_is_better(metric) else -1
    rows = {}
    for table, of_table in scores.groupby(level="table", sort=False):
        rivals = of_table.drop(columns=FULL, errors="ignore").dropna(axis="columns", how="all")
        shared = sign * rivals.dropna().mean()
        n_splits = len(of_table)
        rows[table] = {
            name: _cell(of_table[name].dropna(), n_splits, is_best=shared.get(name) == shared.max())
            for name in names
        }
    return pd.DataFrame.from_dict(rows, orient="index", columns=names)


def _cell(values: pd.Series[float], n_splits: int, *, is_best: bool) -> str:
    if len(values) == 0:
        return "-"
    text = f"{values.mean():.3f}"
    text = f"**{text}**" if is_best else text
    if len(values) > 1:
        text += f" ± {values.std(ddof=1):.3f}"
    return text if len(values) == n_splits else f"{text} ({len(values)})"


def paired_means(results: Results, metric: str, classifier: str) -> pd.DataFrame:
    """Return means over splits that can be compared: a row a table, a column a method.

    A method counts if it has scores on at least four in five tables; a table's means are over the
    splits on which every such method has a score. ``full`` is no method to be compared with.
    """
    scores = results.pivot(metric, classifier).drop(columns=FULL, errors="ignore")
    n_tables = scores.groupby(level="table").count().gt(0).sum()
    most = n_tables.max()
    kept = scores[[name for name in scores.columns if n_tables[name] >= _MOST_TABLES * most]]
    return kept.dropna().groupby(level="table").mean()


def size_table(results: Results, tables: Sequence[str]) -> pd.DataFrame:
    """Return a row a table: sizes, splits that were run, and what was capped."""
    done = results.runs[results.runs["status"] == "done"]
    full = done["method"] == FULL
    groups = done[~full].groupby("table")
    sizes = pd.DataFrame(
        {
            "training rows": groups["n_train"].median(),
            "of the minority": groups["n_minority"].median(),
            "test rows": groups["n_test"].median(),
            "splits": groups["split"].nunique(),
            "training rows, at most": groups["most_train_rows"].max(),
            "rows presented, at most": groups["most_presentations"].max(),
        }
    )
    return sizes.loc[in_order([str(name) for name in sizes.index], tables)]


def mean_row(results: Results, metric: str, classifier: str, methods: Sequence[str]) -> list[str]:
    """Return the means over the tables and splits that all the compared methods have."""
    means = paired_means(results, metric, classifier).mean()
    return [f"{means[name]:.3f}" if name in means else "-" for name in methods]


def rank(results: Results, metric: str, classifier: str) -> Ranking:
    """Rank the methods over tables."""
    means = paired_means(results, metric, classifier)
    return rank_methods(means, higher_is_better=higher_is_better(metric))


def difference_table(
    results: Results, metric: str, classifier: str, reference: str
) -> list[Comparison]:
    """Compare every method with `reference` over tables: Wilcoxon tests, Holm's correction."""
    means = paired_means(results, metric, classifier)
    return compare(means, reference) if reference in means else []


@dataclass(frozen=True, slots=True)
class TableDifference:
    """One method against another on one table.

    Attributes
    ----------
    table, method
        Which.
    n
        Splits that both have.
    mean
        Mean difference, `method` minus the reference.
    interval
        Nadeau and Bengio's 95 % interval.
    """

    table: str
    method: str
    n: int
    mean: float
    interval: tuple[float, float]


def table_differences(
    results: Results, metric: str, classifier: str, reference: str
) -> list[TableDifference]:
    """Compare every method with `reference` within each table, over splits."""
    scores = results.pivot(metric, classifier)
    if reference not in scores:
        return []
    found = []
    for table, of_table in scores.groupby(level="table", sort=False):
        for method in of_table.columns.drop(reference):
            difference = (of_table[method] - of_table[reference]).dropna().to_numpy()
            if len(difference) < _FEWEST_SPLITS:
                continue
            interval = corrected_interval(difference, _TEST_TO_TRAIN)
            mean = float(difference.mean())
            found.append(TableDifference(str(table), str(method), len(difference), mean, interval))
    return found


def cost_table(results: Results, methods: Sequence[str]) -> pd.DataFrame:
    """Return what each method costs: a row a method, medians over its runs."""
    done = results.runs[results.runs["status"] == "done"]
    failed = results.runs[results.runs["status"] == "failed"].groupby("method").size()
    groups = done.groupby("method")
    table = pd.DataFrame(
        {
            "runs": groups.size(),
            "failed": failed.reindex(groups.size().index).fillna(0).astype(int),
            "balancing, s": groups["resample_s"].median().round(2),
            "balancing, most, s": groups["resample_s"].max().round(1),
            "peak memory, MiB": groups["peak_memory_mib"].median().round(0),
            "valid rows": groups["valid_share"].mean().map(_share),
            "rows presented": groups["n_presentations"].median(),
        }
    )
    for name, count in failed.items():
        if name not in table.index:
            table.loc[name, ["runs", "failed"]] = [0, count]
    table["runs"] = table["runs"].astype(int)
    table["failed"] = table["failed"].astype(int)
    return table.loc[in_order([str(name) for name in table.index], methods)]


def _share(value: float) -> str:
    return "" if np.isnan(value) else f"{100 * value:.1f} %"


def diversity_table(results: Results, methods: Sequence[str]) -> pd.DataFrame:
    """Return diversity by method: means over tables of means over splits; held-out rows below.

    Only tables on which every method that makes rows has figures.
    """
    done = results.runs[results.runs["status"] == "done"]
    names = [name for name in _DIVERSITY if f"diversity.{name}.value" in done]
    if not names:
        return pd.DataFrame()
    values = {name: _over_tables(done, f"diversity.{name}.value") for name in names}
    table = pd.DataFrame(values)
    table = table.loc[in_order([str(name) for name in table.index], methods)]
    real = {
        name: done.groupby("table")[f"diversity.{name}.real_anchor"].mean().mean() for name in names
    }
    table.loc["held-out real rows"] = pd.Series(real)
    return table.round(3)


def _over_tables(done: pd.DataFrame, column: str) -> pd.Series[float]:
    means = done.pivot_table(index="table", columns="method", values=column, aggfunc="mean")
    n_tables = means.notna().sum()
    kept = means[
        [name for name in means.columns if n_tables[name] >= _MOST_TABLES * n_tables.max()]
    ]
    found: pd.Series[float] = kept.dropna().mean()
    return found
