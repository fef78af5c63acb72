"""The search for a recipe that raises PR-AUC over doing nothing, on the development tables only.

A model is trained once for each table and split and writes a pool of rows; candidates are ways to
use the pool, so many of them cost little. Scores are those of the honest protocol (test rows of the
minority weigh a fifth), without its inner folds: PR-AUC needs no threshold, and ``f1_prior`` is F1
where as many test rows are called positive as the training rows' share of positives says, which
looks at no test label. What looks good here has still to be compared under the whole protocol.

    python -m benchmarks.recipe_search --data-dir FOLDER --seeds 5 --output results/search.jsonl
    python -m benchmarks.recipe_search --summarise results/search.jsonl
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold

from benchmarks._baselines import BaselineOverSampler
from benchmarks._protocols import HONEST, split_table
from benchmarks._tables import BenchTable, load_table
from benchmarks.results import markdown_table, note, say
from counterpoise import LLMOverSampler
from counterpoise.comparison._classifiers import TableClassifier
from counterpoise.comparison._scores import scores

DEVELOPMENT_TABLES = ("german", "insurance", "car", "sick", "bank")
"""The tables that recipes are chosen on; the other five and the natural ones are not looked at."""
CLASSIFIERS = ("xgboost", "logistic-regression")
_MAX_PRESENTATIONS = 12_000

Rows = tuple[pd.DataFrame, "pd.Series[Any]"]


def candidates(
    table: BenchTable, train: Rows, seed: int, groups: Sequence[str], judging: Sequence[str]
) -> Iterator[tuple[str, Rows]]:
    """Yield the name of each candidate and the rows that it trains a classifier on."""
    n_lacking = int(train[1].value_counts().max() - (train[1] == table.positive).sum())
    yield "none", train
    judges = {name: Judge(table, train, JUDGES[name]) for name in judging}
    if "recipe" in groups:
        sampler = LLMOverSampler(**_common(table, train, seed))
        yield "counterpoise as it is", sampler.fit_resample(*train)
    if "baselines" in groups:
        yield "class weights", train
        for method in ("random", "smotenc"):
            pool = _drawn_by(method, table, train, n_lacking, seed)
            yield method, _stack(train, _labelled(pool[:n_lacking], table.positive))
            for use, rows in _judged(pool, judges, n_lacking):
                yield f"{method}, {use}", _stack(train, _labelled(rows, table.positive))
    for group, changes in TRAINED.items():
        if group not in groups:
            continue
        writer, pool = _written(table, train, seed, **changes)
        uses = {
            "whole deficit": pool[:n_lacking],
            "a tenth of it": pool[: max(1, n_lacking // 10)],
            **dict(_judged(pool, judges, n_lacking)),
        }
        for use, rows in uses.items():
            yield f"{group}, {use}", _stack(train, _labelled(rows, table.positive))
        if changes.get("train_on") == "all":
            for use in ("whole deficit", "agreed by three kinds"):
                if use in uses:
                    both = _both(table, train, writer, uses[use], n_lacking)
                    yield f"{group}, {use}, majority written too", both


TRAINED: Mapping[str, Mapping[str, Any]] = {
    "no interpolation": {"interpolation": None},
    "interpolated rows too": {"interpolation": "smotenc"},
    "all classes": {"interpolation": None, "train_on": "all"},
    "temperature 1.3": {"interpolation": None, "temperature": 1.3},
}
"""What is trained; all without selection, which is what the judges are for."""

JUDGES: Mapping[str, Sequence[TableClassifier]] = {
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
"""Classifiers of the real training rows that say which written rows are kept."""

RANKING = ("xgboost", "three kinds")
"""The judges whose probabilities are also used in other ways than by half."""

_POOL = 4
"""Rows written for each one that is lacking."""


class Judge:
    """How likely rows are of the minority, by classifiers of real rows with balanced weights.

    Each kind of classifier is trained three times, without a third of the rows; probabilities
    are averaged.
    """

    def __init__(self, table: BenchTable, train: Rows, kinds: Sequence[TableClassifier]) -> None:
        X, y = train
        given = {"categorical": table.categorical, "class_weight": "balanced", "random_state": 0}
        folds = StratifiedKFold(3, shuffle=True, random_state=0)
        self._positive = table.positive
        self._models = [
            clone(kind)
            .set_params(**given)
            .fit(X.iloc[part].reset_index(drop=True), y.iloc[part].reset_index(drop=True))
            for part, _ in folds.split(X, y)
            for kind in kinds
        ]

    def __call__(self, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return the probability of each row."""
        found = [model.probability_of(rows, self._positive) for model in self._models]
        return np.asarray(np.mean(found, axis=0))


def _judged(
    pool: pd.DataFrame, judges: Mapping[str, Judge], n_lacking: int
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield ways to choose among the written rows by what the judges say of them."""
    for name, judge in judges.items():
        probability = judge(pool)
        yield f"agreed by {name}", pool[probability >= 0.5][:n_lacking]
        if name in RANKING:
            yield f"half, agreed by {name}", pool[probability >= 0.5][: max(1, n_lacking // 2)]
            yield f"0.2 agreed by {name}", pool[probability >= 0.2][:n_lacking]
            yield f"0.8 agreed by {name}", pool[probability >= 0.8][:n_lacking]
            best = np.argsort(-probability[: 2 * n_lacking], kind="stable")[:n_lacking]
            yield f"likeliest half by {name}", pool.iloc[np.sort(best)]


def _drawn_by(
    method: str, table: BenchTable, train: Rows, n_lacking: int, seed: int
) -> pd.DataFrame:
    """Return as many rows by a method that learns no model as a model writes."""
    n_minority = int((train[1] == table.positive).sum())
    sampler = BaselineOverSampler(
        method,
        sampling_strategy={table.positive: n_minority + _POOL * n_lacking},
        categorical=table.categorical,
        random_state=seed,
    )
    whole: pd.DataFrame = sampler.fit_resample(*train)[0]
    rows = whole.iloc[len(train[0]) :].sample(frac=1, random_state=seed)
    return rows.reset_index(drop=True)


def _both(
    table: BenchTable, train: Rows, writer: LLMOverSampler, rows: pd.DataFrame, n_lacking: int
) -> Rows:
    """Add rows of the others too, so that being written says nothing of the class."""
    n_more = n_lacking // 2
    whole = _stack(train, _labelled(rows, table.positive))
    others = train[1][train[1] != table.positive].value_counts(normalize=True)
    for class_, share in others.items():
        whole = _stack(whole, writer.sample(max(1, round(share * n_more)), class_=class_))
    return whole


def _labelled(rows: pd.DataFrame, class_: Any) -> Rows:
    return rows, pd.Series([class_] * len(rows))


def _written(
    table: BenchTable, train: Rows, seed: int, **changes: Any
) -> tuple[LLMOverSampler, pd.DataFrame]:
    """Train a model, and return it with `_POOL` times the rows of the minority that are lacking."""
    sampler = LLMOverSampler(**_common(table, train, seed), selection=None, **changes)
    n_real = len(train[0])
    first = sampler.fit_resample(*train)[0].iloc[n_real:]
    more, _ = sampler.sample((_POOL - 1) * len(first), class_=table.positive)
    return sampler, pd.concat([first, more], ignore_index=True)


def _common(table: BenchTable, train: Rows, seed: int) -> dict[str, Any]:
    return {
        "model": "compact",
        "sampling_strategy": {table.positive: int(train[1].value_counts().max())},
        "column_kinds": table.column_kinds,
        "max_samples_seen": _MAX_PRESENTATIONS,
        "random_state": seed,
    }


def _classifier(name: str, table: BenchTable, class_weight: str | None) -> TableClassifier:
    return TableClassifier(
        name, categorical=table.categorical, class_weight=class_weight, random_state=0
    )


def _stack(one: Rows, other: Rows) -> Rows:
    return (
        pd.concat([one[0], other[0]], ignore_index=True),
        pd.concat([one[1], other[1]], ignore_index=True),
    )


def run(
    table: BenchTable,
    seed: int,
    groups: Sequence[str],
    judging: Sequence[str],
    classifiers: Sequence[str],
    max_train_rows: int | None,
) -> Iterator[dict[str, Any]]:
    """Score each candidate on one split of `table`."""
    split = split_table(table, HONEST, seed, max_train_rows)
    train = (
        table.X.iloc[split.train].reset_index(drop=True),
        table.y.iloc[split.train].reset_index(drop=True),
    )
    X_test, y_test = table.X.iloc[split.test], table.y.iloc[split.test]
    prior = float((train[1] == table.positive).mean())
    started = time.perf_counter()
    for name, balanced in candidates(table, train, seed, groups, judging):
        seconds = time.perf_counter() - started
        for which in classifiers:
            weight = "balanced" if name == "class weights" else None
            model = _classifier(which, table, weight).fit(*balanced)
            probability = model.probability_of(X_test, table.positive)
            weights = split.test_weight
            threshold = _quantile(probability, 1 - prior, weights)
            plain, at_prior = (
                scores(
                    y_test,
                    probability,
                    at,
                    positive=table.positive,
                    sample_weight=split.test_weight,
                )
                for at in (0.5, threshold)
            )
            yield {
                "table": table.spec.name,
                "seed": seed,
                "candidate": name,
                "classifier": which,
                "pr_auc": plain["pr_auc"],
                "roc_auc": plain["roc_auc"],
                "f1": plain["f1"],
                "f1_prior": at_prior["f1"],
                "seconds": seconds,
            }
        started = time.perf_counter()


def _quantile(
    values: npt.NDArray[np.float64], share: float, weights: npt.NDArray[np.float64] | None
) -> float:
    """Return the value that `share` of the weight lies below."""
    order = np.argsort(values)
    weight = np.ones(len(values)) if weights is None else weights[order]
    reached = np.cumsum(weight) / weight.sum()
    at = min(int(np.searchsorted(reached, share)), len(values) - 1)
    return float(values[order][at])


def summarise(lines: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return a row a candidate: mean difference to doing nothing, over splits of each table.

    Beside it the standard error over the tables' means, which is what another table would show.
    """
    key = ("table", "seed", "classifier")
    none = {tuple(r[k] for k in key): r for r in lines if r["candidate"] == "none"}
    rows = []
    tables = list(dict.fromkeys(r["table"] for r in lines))
    for name in dict.fromkeys(r["candidate"] for r in lines):
        of_name = [r for r in lines if r["candidate"] == name]
        row = {"candidate": name, "runs": str(len(of_name))}
        for score in ("pr_auc", "roc_auc", "f1_prior", "f1"):
            by_table: dict[str, list[float]] = {}
            for r in of_name:
                base = none[tuple(r[k] for k in key)]
                by_table.setdefault(r["table"], []).append(r[score] - base[score])
            means = {table: fmean(values) for table, values in by_table.items()}
            error = stdev(means.values()) / len(means) ** 0.5 if len(means) > 1 else 0.0
            row[score] = f"{fmean(means.values()):+.3f} ± {error:.3f}"
            if score == "pr_auc":
                row |= {t: f"{means[t]:+.3f}" if t in means else "" for t in tables}
        rows.append(row)
    return rows


def main() -> None:
    """Run and write a line a score, or sum up what was written."""
    keep_lines = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=keep_lines)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--tables", nargs="+", default=DEVELOPMENT_TABLES)
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="how many")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--max-train-rows", type=int, metavar="N")
    parser.add_argument("--groups", nargs="+", default=["baselines", *TRAINED, "recipe"])
    parser.add_argument("--judges", nargs="+", default=list(JUDGES))
    parser.add_argument("--classifiers", nargs="+", default=CLASSIFIERS)
    parser.add_argument("--output", type=Path, default=Path("results/search.jsonl"))
    parser.add_argument("--summarise", type=Path, metavar="FILE")
    args = parser.parse_args()
    if args.summarise is not None:
        lines = [json.loads(line) for line in args.summarise.read_text().splitlines()]
        for which in dict.fromkeys(r["classifier"] for r in lines):
            say(f"\n{which}: difference to doing nothing\n")
            say(markdown_table(summarise([r for r in lines if r["classifier"] == which])))
        return
    warnings.filterwarnings("ignore", message="class .* too few to hold any out")
    args.output.parent.mkdir(parents=True, exist_ok=True)
    with args.output.open("a", encoding="utf-8") as file:
        for seed in range(args.first_seed, args.first_seed + args.seeds):
            for name in args.tables:
                table = load_table(name, args.data_dir)
                for line in run(
                    table,
                    seed,
                    args.groups,
                    args.judges,
                    args.classifiers,
                    args.max_train_rows,
                ):
                    file.write(json.dumps(line) + "\n")
                    file.flush()
                note(f"{name}, seed {seed}: done")


if __name__ == "__main__":
    main()
