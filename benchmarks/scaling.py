"""How time grows: with rows to write, with rows presented in training, with columns.

    python -m benchmarks.scaling

Synthetic tables, the compact model. The exponent is the slope of a least-squares line through
the logarithms of size and seconds: 1 is linear.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.machine import describe_machine, describe_torch, describe_versions
from benchmarks.results import markdown_table, note, say, significant, write_json
from counterpoise import LLMOverSampler

MINORITY = "few"


def synthetic_table(n_rows: int, n_columns: int, seed: int) -> tuple[pd.DataFrame, pd.Series[str]]:
    """Return a table, half of its columns numbers and half categories, one row in ten `MINORITY`.

    Examples
    --------
    >>> X, y = synthetic_table(40, 4, seed=0)
    >>> X.shape, int((y == MINORITY).sum())
    ((40, 4), 4)
    """
    rng = np.random.default_rng(seed)
    is_minority = np.arange(n_rows) % 10 == 0
    columns: dict[str, Any] = {}
    for number in range(n_columns):
        if number % 2 == 0:
            drawn = rng.normal(50 + 20 * is_minority, 15)
            columns[f"number_{number}"] = np.clip(drawn, 0, 99.9).round(1)
        else:
            code = (rng.integers(0, 5, n_rows) + 2 * is_minority) % 7
            columns[f"category_{number}"] = np.char.add("kind ", code.astype(str))
    labels = [MINORITY if is_few else "many" for is_few in is_minority]
    return pd.DataFrame(columns), pd.Series(labels, name="label")


def fitted_exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Return the slope of log seconds over log size, by least squares.

    Examples
    --------
    >>> round(fitted_exponent([1, 2, 4], [3, 12, 48]), 6)
    2.0
    """
    slope, _ = np.polyfit(np.log(sizes), np.log(seconds), 1)
    return float(slope)


def _sampler(epochs: int, n_minority: int, n_rows: int, seed: int) -> LLMOverSampler:
    return LLMOverSampler(
        model="compact",
        sampling_strategy={MINORITY: n_minority + n_rows},
        interpolation=None,
        selection=None,  # how many rows are put back depends on the table, not on its size
        train_on="all",
        epochs=epochs,
        validation_fraction=0.0,
        random_state=seed,
    )


def _fit(
    n_rows: int, n_columns: int, n_samples_seen: int, seed: int, n_written: int = 1
) -> LLMOverSampler:
    X, y = synthetic_table(n_rows, n_columns, seed)
    epochs = max(1, math.ceil(n_samples_seen / n_rows))
    sampler = _sampler(epochs, int((y == MINORITY).sum()), n_written, seed)
    sampler.fit_resample(X, y)
    return sampler


def scale_rows_written(sizes: Sequence[int], n_columns: int, seed: int) -> list[dict[str, float]]:
    """Time `sample` for each number of rows, after one training."""
    sampler = _fit(1000, n_columns, 1000, seed)
    sampler.sample(256, class_=MINORITY, random_state=seed)  # what only the first call does
    runs = []
    for size in sizes:
        started = time.perf_counter()
        sampler.sample(size, class_=MINORITY, random_state=seed)
        runs.append({"size": size, "seconds": time.perf_counter() - started})
        note(f"rows written: {runs[-1]}")
    return runs


def scale_rows_presented(sizes: Sequence[int], n_columns: int, seed: int) -> list[dict[str, float]]:
    """Time training for each number of presentations of a table of 1,000 rows."""
    runs = []
    for size in sizes:
        history = _fit(1000, n_columns, size, seed).history_
        runs.append({"size": history.n_samples_seen, "seconds": history.seconds})
        note(f"rows presented: {runs[-1]}")
    return runs


def scale_columns(
    sizes: Sequence[int], n_samples_seen: int, n_written: int, seed: int
) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """Time training and generation for each number of columns."""
    training, generation = [], []
    for size in sizes:
        sampler = _fit(1000, size, n_samples_seen, seed, n_written)
        seconds = sampler.timings_["generation_s"]
        training.append({"size": size, "seconds": sampler.history_.seconds})
        generation.append({"size": size, "seconds": seconds})
        note(f"columns: {size}, training {training[-1]}, generation {generation[-1]}")
    return training, generation


def _rows(axis: str, runs: Sequence[dict[str, float]]) -> list[dict[str, str]]:
    exponent = fitted_exponent([r["size"] for r in runs], [r["seconds"] for r in runs])
    return [
        {
            "what grows": axis,
            "sizes": ", ".join(f"{run['size']:,.0f}" for run in runs),
            "seconds": ", ".join(significant(run["seconds"]) for run in runs),
            "exponent": f"{exponent:.2f}",
        }
    ]


def main() -> None:
    """Measure, print a table, write JSON."""
    keep_lines = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=keep_lines)
    parser.add_argument("--rows-written", nargs="+", type=int, default=[1000, 4000, 16000])
    parser.add_argument("--rows-presented", nargs="+", type=int, default=[1000, 4000, 16000])
    parser.add_argument("--columns", nargs="+", type=int, default=[5, 10, 20, 40])
    parser.add_argument("--n-columns", type=int, default=10, help="where rows grow")
    parser.add_argument("--n-samples-seen", type=int, default=2000, help="where columns grow")
    parser.add_argument("--n-written", type=int, default=2000, help="where columns grow")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("results/scaling.json"))
    args = parser.parse_args()
    _fit(100, 4, 100, args.seed)  # imports, and whatever else only the first call does
    written = scale_rows_written(args.rows_written, args.n_columns, args.seed)
    presented = scale_rows_presented(args.rows_presented, args.n_columns, args.seed)
    training, generation = scale_columns(
        args.columns, args.n_samples_seen, args.n_written, args.seed
    )
    axes = {
        "rows written": written,
        "rows presented in training": presented,
        "columns, training": training,
        "columns, generation": generation,
    }
    say(markdown_table([row for axis, runs in axes.items() for row in _rows(axis, runs)]))
    versions = describe_versions(["counterpoise", "transformers"])
    result = {
        "machine": {**describe_machine(), **describe_torch(), "versions": versions},
        "runs": axes,
        "exponents": {
            axis: fitted_exponent([r["size"] for r in runs], [r["seconds"] for r in runs])
            for axis, runs in axes.items()
        },
    }
    write_json(args.output, result)


if __name__ == "__main__":
    main()
