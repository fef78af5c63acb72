"""Does the method's diversity claim hold? Entropies of written rows, with and without its ideas.

For each table and seed, with the protocol of `benchmarks.protocol` (a fifth of the minority kept),
the compact model is trained in four ways; rows are then written from the value of a feature and
from the label alone, at temperatures 1 and 0.7. `benchmarks._entropy` says what
is measured; ``docs/theory.md`` what it means. One line of JSON a measurement; a table and, with
`--figure`, a drawing.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks._entropy import Nats, measure_cross_entropy, measure_entropy
from benchmarks.entropy_figure import draw_figure, effects_table, summary_table
from benchmarks.machine import describe_machine
from benchmarks.protocol import TABLES, BenchmarkTable, data_folder, load_table, split_table
from benchmarks.results import note, say
from counterpoise import LLMOverSampler

TRAININGS: Mapping[str, Mapping[str, Any]] = {
    "stopped early": {},
    "50 passes": {"epochs": 50, "validation_fraction": 0.0},
    "no interpolation": {"interpolation": None},
    "no permutation": {"permutation": "none"},
}
"""How a model is trained: what differs from `METHOD`."""

METHOD: Mapping[str, Any] = {"interpolation": "smotenc", "selection": None}
"""The three ideas of the method and nothing beside, trained for as long as the default recipe."""

SAMPLINGS: Mapping[str, Sequence[tuple[str, float]]] = {
    "stopped early": (("feature", 1.0), ("label", 1.0), ("feature", 0.7), ("label", 0.7)),
    "50 passes": (("feature", 1.0), ("label", 1.0), ("feature", 0.7), ("label", 0.7)),
    "no interpolation": (("feature", 1.0), ("label", 1.0)),
    "no permutation": (("feature", 1.0), ("label", 1.0)),
}
"""What each is measured on: the condition and the temperature."""

N_WAYS = 1


def measure_table(
    table: BenchmarkTable, seed: int, n_rows: int, n_bounded: int, max_samples_seen: int
) -> Iterator[dict[str, Any]]:
    """Yield the measurements of one table and seed."""
    split = split_table(table.y, table.facts.minority, seed)
    X, y = table.X.iloc[split.train].reset_index(drop=True), table.y.iloc[split.train]
    held_out = table.X.iloc[split.cut[:n_bounded]]
    for training, arguments in TRAININGS.items():
        sampler = LLMOverSampler(
            model="compact",
            random_state=seed,
            column_kinds=table.column_kinds,
            max_samples_seen=max_samples_seen,
            **{**METHOD, **arguments},
        )
        sampler.fit_resample(X, y.reset_index(drop=True))
        for condition, temperature in SAMPLINGS[training]:
            started = time.perf_counter()
            options: dict[str, Any] = {
                "condition": condition,
                "temperature": temperature,
                "n_ways": N_WAYS,
                "random_state": seed,
            }
            found = measure_entropy(sampler, n_rows=n_rows, n_bounded=n_bounded, **options)
            run: dict[str, Any] = {
                "training": training,
                "condition": condition,
                "temperature": temperature,
                "n_minority": int((y == table.facts.minority).sum()),
                "n_samples_seen": sampler.history_.n_samples_seen,
                "start": _pair(found.start),
                "rest": _pair(found.rest),
                "given_way": _pair(found.given_way),
                "lower": _pair(found.lower),
                "upper": _pair(found.upper),
            }
            if temperature == 1.0:
                likeness, n_held_out = measure_cross_entropy(sampler, held_out, **options)
                run |= {"cross_entropy": _pair(likeness), "n_held_out": n_held_out}
            yield run | {"seconds": time.perf_counter() - started}


def _pair(nats: Nats) -> list[float]:
    return [nats.value, nats.error]


def main() -> None:
    """Measure, write a line a measurement, print a table and draw."""
    keep_lines = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=keep_lines)
    parser.add_argument("--data-dir", type=Path)
    names = ["german", "sick", "insurance"]
    parser.add_argument("--tables", nargs="+", default=names, choices=TABLES)
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 to N-1")
    parser.add_argument("--rows", type=int, default=300, help="rows drawn a measurement")
    parser.add_argument("--bounded", type=int, default=50, help="of them, for the bounds")
    parser.add_argument("--max-samples-seen", type=int, default=10_000)
    parser.add_argument("--output", type=Path, default=Path("results/entropy.jsonl"))
    parser.add_argument("--figure", type=Path, help="an SVG file to draw")
    parser.add_argument("--draw", type=Path, nargs="+", help="measure nothing; from these files")
    args = parser.parse_args()
    if not args.draw:
        tables = {name: load_table(name, data_folder(args.data_dir)) for name in args.tables}
        args.output.parent.mkdir(parents=True, exist_ok=True)
        with args.output.open("w", encoding="utf-8") as lines:
            lines.write(json.dumps({"machine": describe_machine()}) + "\n")
            for seed in range(args.seeds):
                for name, table in tables.items():
                    sizes = args.rows, args.bounded, args.max_samples_seen
                    for run in measure_table(table, seed, *sizes):
                        line = json.dumps({"table": name, "seed": seed, **run})
                        lines.write(line + "\n")
                        lines.flush()
                        note(line)
    runs = []
    for path in args.draw or [args.output]:
        written = path.read_text(encoding="utf-8").splitlines()
        runs += [json.loads(line) for line in written[1:]]
    say(effects_table(runs) + "\n\n" + summary_table(runs))
    if args.figure:
        draw_figure(runs, args.figure)


if __name__ == "__main__":
    main()
