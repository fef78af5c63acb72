"""Search for a recipe that raises PR-AUC over doing nothing, on the development tables only.

A model is trained once for each table and split and generates a pool of rows; candidates are ways
to use the pool, so many of them cost little. Scores are those of the honest protocol without its
inner folds: PR-AUC needs no threshold, and ``f1_prior`` is F1 where as many test rows are called
positive as the training rows' share of positives says, which uses no test label. What looks good
here has still to be compared under the whole protocol.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold

from benchmarks._baselines import BaselineOverSampler
from benchmarks._output import ResultFolder, markdown_table
from benchmarks._protocols import HONEST, split_table
from benchmarks._samplers import make_sampler
from benchmarks._tables import BenchTable, Rows, load_table, stack_rows
from counterpoise._table_classifier import TableClassifier, probability_of
from counterpoise.comparison._cross_validation import take_rows
from counterpoise.comparison._scores import scores

if TYPE_CHECKING:
    from counterpoise import LLMOverSampler

DEVELOPMENT_TABLES = ("german", "insurance", "car", "sick", "bank")
"""The tables that recipes are chosen on; the other five and the natural ones are not looked at."""
_MAX_SAMPLES_SEEN = 12_000
_POOL = 4
"""Rows generated for each one that the minority lacks."""

TRAINED: Mapping[str, Mapping[str, Any]] = {
    "no interpolation": {"interpolation": None},
    "interpolated rows too": {"interpolation": "smotenc"},
    "all classes": {"interpolation": None, "train_on": "all"},
    "temperature 1.3": {"interpolation": None, "temperature": 1.3},
}
"""What is trained; all without selection, which is what the selection classifiers are for."""

SELECTION_CLASSIFIERS: Mapping[str, Sequence[TableClassifier]] = {
    "xgboost": (TableClassifier("xgboost"),),
    "histogram boosting": (TableClassifier("hist-gradient-boosting"),),
    "histogram boosting, leaves of 1": (
        TableClassifier(
            "hist-gradient-boosting", parameters={"min_samples_leaf": 1, "learning_rate": 0.3}
        ),
    ),
    "gradient boosting": (
        TableClassifier(GradientBoostingClassifier(max_depth=6, learning_rate=0.3, subsample=0.8)),
    ),
    "extra trees": (TableClassifier(ExtraTreesClassifier(200, min_samples_leaf=2)),),
    "forest": (TableClassifier("random-forest"),),
    "forest, leaves of 3": (TableClassifier("random-forest", parameters={"min_samples_leaf": 3}),),
    "three kinds": (
        TableClassifier("xgboost"),
        TableClassifier("random-forest"),
        TableClassifier("logistic-regression"),
    ),
}
_RANKING = ("xgboost", "three kinds")
"""Those whose probabilities are also used with other thresholds than a half."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", type=Path, help="folder of NAME.csv files")
    parser.add_argument("--tables", nargs="+", default=DEVELOPMENT_TABLES)
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="how many")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--max-train-rows", type=int, metavar="N")
    parser.add_argument("--groups", nargs="+", default=["baselines", *TRAINED, "recipe"])
    parser.add_argument("--selection", nargs="+", default=list(SELECTION_CLASSIFIERS))
    parser.add_argument("--classifiers", nargs="+", default=["xgboost", "logistic-regression"])


def measure(folder: ResultFolder, args: argparse.Namespace) -> None:
    warnings.filterwarnings("ignore", message="class .* too few to hold any out")
    tables = [load_table(name, args.data_dir) for name in args.tables]
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        for table in tables:
            for run in _score_candidates(table, seed, args):
                folder.add(run)


def render(folder: ResultFolder) -> str:
    runs = folder.runs
    parts = []
    for name in dict.fromkeys(run["classifier"] for run in runs):
        rows = summarise([run for run in runs if run["classifier"] == name])
        parts += [f"{name}: difference to doing nothing", markdown_table(rows)]
    return "\n\n".join(parts)


def candidates(
    table: BenchTable, train: Rows, seed: int, groups: Sequence[str], selection: Sequence[str]
) -> Iterator[tuple[str, Rows]]:
    """Yield the name of each candidate and the rows that a classifier is trained on."""
    n_lacking = int(train[1].value_counts().max() - (train[1] == table.positive).sum())
    selectors = {n: Selector(table, train, SELECTION_CLASSIFIERS[n]) for n in selection}

    def with_rows(rows: pd.DataFrame) -> Rows:
        return stack_rows(train, (rows, pd.Series([table.positive] * len(rows))))

    yield "none", train
    if "recipe" in groups:
        yield "counterpoise as it is", _sampler(table, train, seed).fit_resample(*train)
    if "baselines" in groups:
        yield "class weights", train
        for method in ("random", "smotenc"):
            pool = _baseline_pool(method, table, train, n_lacking, seed)
            yield method, with_rows(pool[:n_lacking])
            for use, rows in _selected(pool, selectors, n_lacking):
                yield f"{method}, {use}", with_rows(rows)
    for group in [name for name in TRAINED if name in groups]:
        sampler, pool = _generated_pool(table, train, seed, **TRAINED[group])
        uses = {
            "whole deficit": pool[:n_lacking],
            "a tenth of it": pool[: max(1, n_lacking // 10)],
            **dict(_selected(pool, selectors, n_lacking)),
        }
        for use, rows in uses.items():
            yield f"{group}, {use}", with_rows(rows)
        if TRAINED[group].get("train_on") == "all":
            for use in ("whole deficit", "accepted by three kinds"):
                if use in uses:
                    both = _with_others(train, sampler, with_rows(uses[use]), n_lacking, table)
                    yield f"{group}, {use}, majority generated too", both


class Selector:
    """How likely rows are of the minority, by classifiers of real rows with balanced weights.

    Each classifier is trained three times, without a third of the rows; probabilities are averaged.
    """

    def __init__(self, table: BenchTable, train: Rows, kinds: Sequence[TableClassifier]) -> None:
        given = {"categorical": table.categorical, "class_weight": "balanced", "random_state": 0}
        folds = StratifiedKFold(3, shuffle=True, random_state=0).split(*train)
        self._positive = table.positive
        self._models = [
            clone(kind).set_params(**given).fit(*take_rows(*train, part))
            for part, _ in folds
            for kind in kinds
        ]

    def __call__(self, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
        found = [probability_of(model, rows, self._positive) for model in self._models]
        return np.asarray(np.mean(found, axis=0))


def _selected(
    pool: pd.DataFrame, selectors: Mapping[str, Selector], n_lacking: int
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield ways to choose among the generated rows by their probabilities."""
    for name, selector in selectors.items():
        probability = selector(pool)
        yield f"accepted by {name}", pool[probability >= 0.5][:n_lacking]
        if name in _RANKING:
            yield f"half, accepted by {name}", pool[probability >= 0.5][: max(1, n_lacking // 2)]
            yield f"at 0.2 by {name}", pool[probability >= 0.2][:n_lacking]
            yield f"at 0.8 by {name}", pool[probability >= 0.8][:n_lacking]
            best = np.argsort(-probability[: 2 * n_lacking], kind="stable")[:n_lacking]
            yield f"likeliest half by {name}", pool.iloc[np.sort(best)]


def _baseline_pool(
    method: str, table: BenchTable, train: Rows, n_lacking: int, seed: int
) -> pd.DataFrame:
    """Return as many rows by a method without a model as a model generates."""
    n_minority = int((train[1] == table.positive).sum())
    strategy = {table.positive: n_minority + _POOL * n_lacking}
    sampler = BaselineOverSampler(
        method, sampling_strategy=strategy, categorical=table.categorical, random_state=seed
    )
    whole: pd.DataFrame = sampler.fit_resample(*train)[0]
    rows = whole.iloc[len(train[0]) :].sample(frac=1, random_state=seed)
    return rows.reset_index(drop=True)


def _sampler(table: BenchTable, train: Rows, seed: int, **overrides: Any) -> LLMOverSampler:
    return make_sampler(
        max_samples_seen=_MAX_SAMPLES_SEEN,
        **overrides,
        column_types=table.column_types,
        sampling_strategy={table.positive: int(train[1].value_counts().max())},
        random_state=seed,
    )


def _generated_pool(
    table: BenchTable, train: Rows, seed: int, **overrides: Any
) -> tuple[LLMOverSampler, pd.DataFrame]:
    """Train a model; return it with `_POOL` times the rows that the minority lacks."""
    sampler = _sampler(table, train, seed, selection=None, **overrides)
    first = sampler.fit_resample(*train)[0].iloc[len(train[0]) :]
    more, _ = sampler.sample((_POOL - 1) * len(first), class_=table.positive)
    return sampler, pd.concat([first, more], ignore_index=True)


def _with_others(
    train: Rows, sampler: LLMOverSampler, whole: Rows, n_lacking: int, table: BenchTable
) -> Rows:
    """Add generated rows of the other classes: being generated then says nothing of the class."""
    others = train[1][train[1] != table.positive].value_counts(normalize=True)
    for class_, share in others.items():
        n_rows = max(1, round(share * (n_lacking // 2)))
        whole = stack_rows(whole, sampler.sample(n_rows, class_=class_))
    return whole


def _score_candidates(
    table: BenchTable, seed: int, args: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """Score each candidate on one split of `table`."""
    split = split_table(table, HONEST, seed, args.max_train_rows)
    train, (X_test, y_test) = table.take(split.train), table.take(split.test)
    prior = float((train[1] == table.positive).mean())
    weight = split.test_weight
    started = time.perf_counter()
    for candidate, balanced in candidates(table, train, seed, args.groups, args.selection):
        seconds = time.perf_counter() - started
        for name in args.classifiers:
            classifier = TableClassifier(
                name,
                categorical=table.categorical,
                class_weight="balanced" if candidate == "class weights" else None,
                random_state=0,
            )
            probability = probability_of(classifier.fit(*balanced), X_test, table.positive)
            plain, at_prior = (
                scores(y_test, probability, at, positive=table.positive, sample_weight=weight)
                for at in (0.5, _quantile(probability, 1 - prior, weight))
            )
            yield {
                "table": table.name,
                "seed": seed,
                "candidate": candidate,
                "classifier": name,
                **{score: plain[score] for score in ("pr_auc", "roc_auc", "f1")},
                "f1_prior": at_prior["f1"],
                "seconds": seconds,
            }
        started = time.perf_counter()


def _quantile(
    values: npt.NDArray[np.float64], share: float, weights: npt.NDArray[np.float64] | None
) -> float:
    """Return the value that `share` of the weight lies below."""
    weights = np.ones(len(values)) if weights is None else weights
    return float(np.quantile(values, share, weights=weights, method="inverted_cdf"))


def summarise(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return a row per candidate: mean difference to doing nothing, over splits of each table.

    Beside it the standard error over the tables' means, which is what another table would show.
    """
    key = ["table", "seed", "classifier"]
    figures = ["pr_auc", "roc_auc", "f1_prior", "f1"]
    frame = pd.DataFrame(list(runs))
    none = frame[frame["candidate"] == "none"].set_index(key)[figures]
    frame[figures] = frame[figures] - none.loc[pd.MultiIndex.from_frame(frame[key])].to_numpy()
    rows = []
    tables = list(dict.fromkeys(frame["table"]))
    for name, group in frame.groupby("candidate", sort=False):
        row = {"candidate": str(name), "runs": str(len(group))}
        means = group.groupby("table")[figures].mean()
        for figure in figures:
            values = means[figure].tolist()
            error = stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
            row[figure] = f"{fmean(values):+.3f} ± {error:.3f}"
            if figure == "pr_auc":
                of_table = means[figure]
                row |= {t: f"{of_table[t]:+.3f}" if t in of_table else "" for t in tables}
        rows.append(row)
    return rows
