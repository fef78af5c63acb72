"""Measure speed, memory and valid rows beside peers: one table, as many training samples each.

Every strategy runs in a process of its own, so that its peak of memory is its own. Strategies take
turns within each repeat, so that other load on the machine affects all of them; repeat i uses seed
i. A strategy that fails or takes too long is listed with the reason, and what it had measured.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks._output import (
    ABSENT,
    ResultFolder,
    markdown_table,
    median_and_range,
    note,
)
from benchmarks._peers import (
    PEERS,
    Peer,
    peers_python,
    prepare_task,
    run_process,
    weights,
)
from benchmarks._protocols import PAPER, Split, split_table
from benchmarks._tables import BenchTable, Rows, load_table, read_csv, stack_rows
from counterpoise._table_classifier import TableClassifier, probability_of
from counterpoise.comparison._scores import scores
from counterpoise.metrics import check_validity

_SMOLLM2 = "smollm2-135m-instruct"  # the weights that the peers get too


def _ours(length: str = "fixed", **options: Any) -> Peer:
    return Peer("oversampler", {"length": length, **options}, is_other=False)


STRATEGIES: Mapping[str, Peer] = {
    "smotenc": Peer("smotenc", is_other=False),
    "counterpoise compact, defaults": _ours("auto", model="compact"),
    "counterpoise compact, refined": _ours(
        "auto", model="compact", recipe="ranking", refinement="always"
    ),
    "counterpoise compact, no selection": _ours("auto", model="compact", selection=None),
    "counterpoise compact, table": _ours(model="compact", serialization="table"),
    "counterpoise compact, text": _ours(model="compact", serialization="text"),
    "counterpoise smollm2, table": _ours(model=_SMOLLM2, serialization="table"),
    "counterpoise smollm2, text": _ours(model=_SMOLLM2, serialization="text"),
    "counterpoise smollm2, table, all rows": _ours(
        model=_SMOLLM2, serialization="table", corpus="all rows"
    ),
    "counterpoise smollm2, text, all rows": _ours(
        model=_SMOLLM2, serialization="text", corpus="all rows"
    ),
    "published decoding": _ours(
        "published", model=_SMOLLM2, recipe="imbllm", serialization="text", decoding="free"
    ),
    **PEERS,
    "be-great, bf16": replace(PEERS["be-great"], options={"bf16": True, "use_cpu": True}),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", type=Path, help="folder of NAME.csv files")
    parser.add_argument("--table", default="german")
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES), choices=STRATEGIES)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--samples-seen", type=int, default=600, help="about; whole passes")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--free-rows", type=int, default=64, help="asked of free sampling; or 0")
    parser.add_argument("--guided-rows", type=int, default=8, help="asked of guided sampling")
    parser.add_argument("--guided-s", type=float, default=120.0, help="seconds for them, about")
    parser.add_argument("--limit-s", type=float, default=900.0, help="of one process")
    parser.add_argument("--max-train-rows", type=int, help="for a quick run")
    parser.add_argument("--peers-python", type=Path, default=peers_python())
    parser.add_argument("--seed", type=int, default=0)


def measure(folder: ResultFolder, args: argparse.Namespace) -> None:
    table = load_table(args.table, args.data_dir)
    with weights() as weights_folder:
        for repeat in range(args.repeats):
            split = split_table(table, PAPER, args.seed + repeat, args.max_train_rows)
            about = {"repeat": repeat, "n_train": len(split.train)}
            about["n_lacking"] = _n_lacking(table.take(split.train), table)
            plain_scores = score_classifier(table.take(split.train), table, split)
            folder.add({"strategy": "none", **about, "status": "ok", **plain_scores})
            for name in args.strategies:
                note(f"repeat {repeat + 1}, {name}")
                run = _run(STRATEGIES[name], args, table, split, repeat, weights_folder)
                folder.add({"strategy": name, **about, **run})


def _n_lacking(train: Rows, table: BenchTable) -> int:
    """Return how many rows the positive class lacks to be as many as the others together."""
    n_positive = int((train[1] == table.positive).sum())
    return len(train[1]) - 2 * n_positive


def _run(
    peer: Peer,
    args: argparse.Namespace,
    table: BenchTable,
    split: Split,
    repeat: int,
    weights_folder: str | None,
) -> dict[str, Any]:
    """Run a strategy once, and check its rows.

    Training is a whole number of passes over the method's corpus: real and interpolated rows of the
    positive class, as many as there are others.
    """
    train = table.take(split.train)
    n_lacking = _n_lacking(train, table)
    n_corpus = int((train[1] != table.positive).sum())
    epochs = max(1, round(args.samples_seen / n_corpus))
    options = dict(peer.options)
    if options.get("length") == "published" and weights_folder is not None:
        options["model"] = weights_folder
    with tempfile.TemporaryDirectory(prefix="benchmark-peer-") as scratch:
        task = prepare_task(
            Path(scratch),
            table,
            train,
            n_rows=n_lacking,
            n_samples_seen=epochs * n_corpus,
            epochs=epochs,
            n_free_rows=args.free_rows,
            n_guided_rows=args.guided_rows,
            guided_s=args.guided_s,
            batch_size=args.batch_size,
            limit_s=args.limit_s,
            seed=args.seed + repeat,
            weights=weights_folder,
            options=options,
        )
        python = str(args.peers_python) if peer.is_other else sys.executable
        result = run_process(peer, task, python)
        generations = [
            check_rows(generation, Path(scratch), table, split, n_lacking)
            for generation in result.get("generations", [])
        ]
    return {**result, "generations": generations}


def check_rows(
    generation: Mapping[str, Any], folder: Path, table: BenchTable, split: Split, n_lacking: int
) -> dict[str, Any]:
    """Return `generation` with its valid rows, its rate, and the classifier's scores.

    A row is valid if every cell is possible in the training table and the label is the one asked
    for. The classifier is trained on the rows as they were returned, and only if there are as
    many as the positive class lacks.
    """
    train = table.take(split.train)
    rows = read_csv(folder / generation["csv"], table.numeric)
    has_label = (rows[table.spec.target] == table.positive).to_numpy(dtype=bool)
    features = rows[list(table.X)]
    is_valid = check_validity(features, train[0]).all(axis="columns").to_numpy() & has_label
    n_valid = int(is_valid.sum())
    checked = {name: value for name, value in generation.items() if name != "csv"}
    checked |= {
        "n_valid": n_valid,
        "valid_share": n_valid / len(rows) if len(rows) else None,
        "rows_per_s": n_valid / generation["generation_s"],
    }
    if len(rows) >= n_lacking:
        labelled = features[has_label], rows[table.spec.target][has_label]
        checked |= score_classifier(stack_rows(train, labelled), table, split)
    return checked


def score_classifier(train: Rows, table: BenchTable, split: Split) -> dict[str, float]:
    """Train XGBoost with its default parameters, and score it on the test rows."""
    X_test, y_test = table.take(split.test)
    classifier = TableClassifier("xgboost", categorical=table.categorical, random_state=0)
    probability = probability_of(classifier.fit(*train), X_test, table.positive)
    found = scores(y_test, probability, positive=table.positive)
    return {name: found[name] for name in ("f1", "pr_auc")}


def render(folder: ResultFolder) -> str:
    about, runs = folder.about, folder.runs
    plain_scores = [run for run in runs if run["strategy"] == "none"]
    measured = [run for run in runs if run["strategy"] != "none"]
    f1, pr_auc = (median_and_range([s[name] for s in plain_scores]) for name in ("f1", "pr_auc"))
    machines = [run["machine"] for run in measured if "machine" in run]
    threads = dict.fromkeys(str(m["torch_threads"]) for m in machines if "torch_threads" in m)
    first = runs[0]
    lines = [
        f"{about['asked']['table']}, {first['n_train']} training rows, {first['n_lacking']} rows "
        f"to generate; {about['date']}; {about['processor']}, {about['cores']} cores, "
        f"{'/'.join(threads) or '?'} torch threads. No balancing: F1 {f1}, PR-AUC {pr_auc}.",
        "",
        markdown_table(list(table_rows(measured, first["n_lacking"]))),
    ]
    failures = [
        f"- {run['strategy']}, repeat {run['repeat'] + 1}: {run['status']}: {run['reason']}"
        for run in measured
        if run["status"] != "ok"
    ]
    return "\n".join([*lines, "", *failures] if failures else lines)


def table_rows(runs: Sequence[Mapping[str, Any]], n_lacking: int) -> Iterator[dict[str, str]]:
    """Yield a row for each strategy and way to generate: medians and ranges over the repeats."""
    frame = pd.DataFrame({"strategy": [run["strategy"] for run in runs], "run": list(runs)})
    for name, group in frame.groupby("strategy", sort=False)["run"]:
        of_strategy = list(group)
        generations = [g for run in of_strategy for g in run.get("generations", [])]
        for way in dict.fromkeys(g["strategy"] for g in generations) or [""]:
            yield _table_row(
                f"{name}, {way}" if way else str(name),
                of_strategy,
                [g for g in generations if g["strategy"] == way],
                n_lacking,
            )


def _table_row(
    title: str,
    runs: Sequence[Mapping[str, Any]],
    generations: Sequence[Mapping[str, Any]],
    n_lacking: int,
) -> dict[str, str]:
    figures = [run.get("figures", {}) for run in runs]
    whole = [g["whole_s"] for g in generations if g["n_rows"] >= n_lacking]
    statuses = [run["status"] for run in runs]
    seen = [f["n_samples_seen"] for f in figures if f.get("n_samples_seen")]
    shares = [g["valid_share"] for g in generations if g.get("valid_share") is not None]

    def over(records: Sequence[Mapping[str, Any]], figure: str) -> str:
        return median_and_range([record.get(figure) for record in records])

    return {
        "strategy": title,
        "runs": ", ".join(f"{statuses.count(s)} {s}" for s in dict.fromkeys(statuses)),
        "samples seen": f"{max(seen):,}" if seen else ABSENT,
        "training, rows/s": over(figures, "training_rows_per_s"),
        "generation, valid rows/s": over(generations, "rows_per_s"),
        "rows": "/".join(dict.fromkeys(str(g["n_rows"]) for g in generations)) or ABSENT,
        "valid": f"{100 * sum(shares) / len(shares):.0f} %" if shares else ABSENT,
        "table to rows, s": median_and_range(whole),
        "peak, MiB": over(runs, "peak_memory_mib"),
        "F1": over(generations, "f1"),
        "PR-AUC": over(generations, "pr_auc"),
    }
