r"""Quality of variants of the over-sampler: a classifier's scores, and held-out likelihood.

    python -m benchmarks.quality --data-dir FOLDER --seeds 3 \
        --variant none --variant smotenc --variant default \
        --variant 'cooler={"temperature": 0.7}'

A variant is a name and the arguments of `LLMOverSampler` that differ from ``model="compact"``, as
JSON; ``"compact_size": {"width": 128}`` makes the compact model of another size. A line of JSON is
written as each run ends; the Markdown table has means ± standard deviations over the seeds.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
from imblearn.over_sampling import SMOTENC

from benchmarks.machine import describe_machine, describe_torch, describe_versions
from benchmarks.protocol import (
    TABLES,
    BenchmarkTable,
    data_folder,
    load_table,
    score_classifier,
    split_table,
)
from benchmarks.results import markdown_table, mean_and_deviation, note, say
from counterpoise import LLMOverSampler
from counterpoise.columns._table import Table
from counterpoise.errors import SchemaError
from counterpoise.generation._scoring import Scorer
from counterpoise.models import _llama as compact
from counterpoise.serialization._serializer import serialize

_N_ORDERS = 3
_DEFAULT_VARIANTS = ("none", "smotenc", "default")


def parse_variant(text: str) -> tuple[str, dict[str, Any]]:
    """Split ``name={"argument": value}``; a name alone has no arguments.

    Examples
    --------
    >>> parse_variant('cooler={"temperature": 0.7}'), parse_variant("none")
    (('cooler', {'temperature': 0.7}), ('none', {}))
    """
    name, _, arguments = text.partition("=")
    try:
        parsed = json.loads(arguments or "{}")
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"{arguments!r} is no JSON: {error}") from error
    if not isinstance(parsed, dict) or (parsed and name in ("none", "smotenc")):
        raise argparse.ArgumentTypeError(
            f"expected NAME or NAME={{JSON}}, and no arguments for none and smotenc; got {text!r}"
        )
    return name, parsed


def held_out_log_likelihood(
    sampler: LLMOverSampler, rows: pd.DataFrame, minority: str
) -> tuple[float | None, int]:
    """Return the mean log-likelihood (nats) of real rows that were not trained on, given the label.

    Returns
    -------
    log_likelihood : float or None
        A row's, averaged over random orders; None if no row could be written.
    n_rows : int
        How many of `rows` it is of: those outside the schema (a category that training did not
        show, a number out of range) have no likelihood, and are left out.
    """
    writer = sampler.generator_
    serializer = writer.serializer
    label = serializer.schema[0]
    label_code = int(label.encode(pd.Series([minority], name=label.name, dtype=label.dtype))[0])
    codes = []
    for i in range(len(rows)):
        try:
            codes.append(Table.from_frame(rows.iloc[[i]], sampler.schema_).codes[0])
        except SchemaError:
            continue
    if not codes:
        return None, 0
    labelled = np.hstack([np.full((len(codes), 1), label_code), np.array(codes)])
    corpus = serialize(Table(serializer.schema, labelled, {}), serializer)
    scorer = Scorer(writer.model, serializer.grammar, writer.device)
    rng = np.random.default_rng(0)
    return -scorer.loss_per_row(corpus, writer.recipe.permutation, rng, _N_ORDERS), len(codes)


def run_variant(
    name: str, arguments: Mapping[str, Any], table: BenchmarkTable, seed: int
) -> dict[str, Any]:
    """Balance the training rows with one variant, and score."""
    split = split_table(table.y, table.facts.minority, seed)
    X = table.X.iloc[split.train].reset_index(drop=True)
    y = table.y.iloc[split.train].reset_index(drop=True)
    run: dict[str, Any] = {}
    started = time.perf_counter()
    if name == "smotenc":
        X, y = SMOTENC(table.categorical, random_state=seed).fit_resample(X, y)
    elif name != "none":
        arguments = {"model": "compact", "random_state": seed, **arguments}
        size = compact.CompactSize(**arguments.pop("compact_size", {}))
        sampler = LLMOverSampler(**arguments, column_kinds=table.column_kinds)
        with patch.object(compact, "CompactSize", lambda: size):
            X, y = sampler.fit_resample(X, y)
        cut = table.X.iloc[split.cut]
        run |= {**sampler.timings_, "n_samples_seen": sampler.history_.n_samples_seen}
        run["seconds"] = time.perf_counter() - started
        run["held_out_log_likelihood"], run["n_held_out"] = held_out_log_likelihood(
            sampler, cut, table.facts.minority
        )
    run.setdefault("seconds", time.perf_counter() - started)
    test = table.X.iloc[split.test], table.y.iloc[split.test]
    return run | score_classifier((X, y), test, table.facts.minority, table.categorical)


def summarise(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return a row for each table and variant: means ± standard deviations over the seeds."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for run in runs:
        groups.setdefault((run["table"], run["variant"]), []).append(run)
    rows = []
    for (table, variant), of_group in groups.items():
        good = [run for run in of_group if run["status"] == "ok"]

        def over_seeds(figure: str, digits: int, good: Any = good) -> str:
            return mean_and_deviation([run.get(figure) for run in good], digits)

        rows.append(
            {
                "table": table,
                "variant": variant,
                "runs": f"{len(good)} of {len(of_group)}",
                "F1": over_seeds("f1", 3),
                "PR-AUC": over_seeds("pr_auc", 3),
                "balanced accuracy": over_seeds("balanced_accuracy", 3),
                "held-out log-likelihood": over_seeds("held_out_log_likelihood", 2),
                "seconds": over_seeds("seconds", 1),
            }
        )
    return rows


def main() -> None:
    """Run, write a line a run, print a table."""
    keep_lines = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=keep_lines)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=TABLES)
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 to N-1")
    parser.add_argument("--variant", action="append", type=parse_variant, metavar="NAME[=JSON]")
    parser.add_argument("--output", type=Path, default=Path("results/quality.jsonl"))
    args = parser.parse_args()
    variants = args.variant or [parse_variant(name) for name in _DEFAULT_VARIANTS]
    folder = data_folder(args.data_dir)
    tables = {name: load_table(name, folder) for name in args.tables}
    versions = describe_versions(["counterpoise", "transformers", "xgboost-cpu", "xgboost"])
    about = {**describe_machine(), **describe_torch(), "versions": versions}
    args.output.parent.mkdir(parents=True, exist_ok=True)
    runs: list[dict[str, Any]] = []
    with args.output.open("w", encoding="utf-8") as lines:
        lines.write(json.dumps({"machine": about, "variants": dict(variants)}) + "\n")
        for table_name, table in tables.items():
            for seed in range(args.seeds):
                for name, arguments in variants:
                    run = {"table": table_name, "variant": name, "seed": seed, "status": "ok"}
                    try:
                        run |= run_variant(name, arguments, table, seed)
                    except Exception as error:  # noqa: BLE001 - a failed run is a result
                        run |= {"status": "failed", "reason": f"{type(error).__name__}: {error}"}
                    runs.append(run)
                    lines.write(json.dumps(run) + "\n")
                    lines.flush()
                    note(json.dumps(run))
    say(markdown_table(summarise(runs)))


if __name__ == "__main__":
    main()
