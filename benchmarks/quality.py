r"""Compare variants of the over-sampler: scores, realism, held-out log-likelihood, seconds.

A variant is a method of `run`, or a name with overrides of LLMOverSampler as JSON:

    python -m benchmarks quality --seeds 3 --variant none smotenc 'cooler={"temperature": 0.7}'

The paper's protocol, XGBoost, means ± standard deviations over the splits. "Told apart" is the AUC
of a classifier that tells the synthetic rows from the minority rows that were cut; beside it is
what training rows reach whose columns were shuffled. The result folder is one of `run`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks._methods import method_names
from benchmarks._output import markdown_table, mean_and_deviation, say
from benchmarks._plan import Plan
from benchmarks._report import write_report
from benchmarks._results import KEY, Results, read_results
from benchmarks._tables import PUBLISHED
from benchmarks.run import add_run_arguments, run_plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_arguments(parser)
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 to N-1")
    parser.add_argument(
        "--variant",
        nargs="+",
        type=parse_variant,
        default=[parse_variant(name) for name in ("none", "smotenc", "counterpoise")],
        metavar="NAME[=JSON]",
    )


def parse_variant(text: str) -> tuple[str, dict[str, Any]]:
    """Split ``name={"argument": value}``; a name alone has no overrides.

    Examples
    --------
    >>> parse_variant('cooler={"temperature": 0.7}'), parse_variant("none")
    (('cooler', {'temperature': 0.7}), ('none', {}))
    """
    name, _, overrides = text.partition("=")
    try:
        parsed = json.loads(overrides or "{}")
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"{overrides!r} is not JSON: {error}") from error
    if not isinstance(parsed, dict) or (parsed and name in method_names()):
        raise argparse.ArgumentTypeError(
            f"expected NAME or NAME={{JSON}}, and no overrides for methods that have a name; got "
            f"{text!r}"
        )
    return name, parsed


def main(args: argparse.Namespace) -> int:
    variants = dict(args.variant)
    plan = Plan(
        protocol="paper",
        tables=tuple(args.tables or PUBLISHED),
        methods=tuple(variants),
        n_splits=args.seeds,
        diversity=False,
        fidelity=True,
        likelihood=True,
        method={name: overrides for name, overrides in variants.items() if overrides},
    )
    output = args.output or Path("results/quality")
    n_failed = run_plan(plan, output, args)
    write_report(output)
    say(markdown_table(summarise(read_results(output), plan.tables, plan.methods)))
    return 1 if n_failed else 0


def summarise(
    results: Results, tables: Sequence[str], variants: Sequence[str]
) -> list[dict[str, str]]:
    """Return a row per table and variant: means ± standard deviations over the splits."""
    wide = results.scores.pivot(index=list(KEY), columns="metric", values="value").reset_index()
    runs = results.runs.merge(wide, on=list(KEY), how="left")
    rows = []
    for table in tables:
        for variant in variants:
            of_group = runs[(runs["table"] == table) & (runs["method"] == variant)]
            good = of_group[of_group["status"] == "done"]

            def over_seeds(figure: str, digits: int, good: pd.DataFrame = good) -> str:
                return mean_and_deviation(good[figure].tolist() if figure in good else [], digits)

            rows.append(
                {
                    "table": table,
                    "variant": variant,
                    "runs": f"{len(good)} of {len(of_group)}",
                    "F1": over_seeds("f1", 3),
                    "PR-AUC": over_seeds("pr_auc", 3),
                    "balanced accuracy": over_seeds("balanced_accuracy", 3),
                    "told apart": over_seeds("diversity.detection_auc.value", 2),
                    "told apart, shuffled": over_seeds(
                        "diversity.detection_auc.shuffled_anchor", 2
                    ),
                    "held-out log-likelihood": over_seeds("held_out_log_likelihood", 2),
                    "seconds": over_seeds("resample_s", 1),
                }
            )
    return rows
