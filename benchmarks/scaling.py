"""Measure how time grows with generated rows, training samples seen, and columns.

Synthetic tables, the compact model. The exponent is the slope of a least-squares line through the
logarithms of size and seconds: 1 is linear. With ``--wide``, 300 rows of that many columns, ten for
each of some hidden factors, are balanced by default settings, and beside the seconds stands how
well gradient boosting tells generated rows, and rows with shuffled columns, from real ones (AUC).
``--data-set``, ``--written`` and ``--workers`` take a table of seven columns: a data set of so many
rows in Parquet files is read, learned from and filled up with 5,000 rows; so many rows are written
to a Parquet file by a saved sampler; and so many processes write a shard each of ``--n-shared``
rows. These have a process of their own each, and its peak of memory.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks._environment import peak_memory_mib, reset_peak_memory
from benchmarks._output import ResultFolder, markdown_table, significant
from benchmarks._samplers import make_sampler
from benchmarks._tables import Rows
from counterpoise import LLMOverSampler
from counterpoise.metrics import Sample
from counterpoise.metrics._builtin import detection_auc
from counterpoise.scale import ShardWriter, resample_dataset

MINORITY = "few"
_N_ROWS = 1000
_N_PER_FILE = 250_000
_N_FILLED = 5_000
_TITLES = {"cpu_s": "seconds of CPU", "peak_memory_mib": "peak, MiB"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--n-rows", nargs="*", type=int, default=[1000, 4000, 16000])
    parser.add_argument("--samples-seen", nargs="*", type=int, default=[1000, 4000, 16000])
    parser.add_argument("--columns", nargs="*", type=int, default=[5, 10, 20, 40])
    parser.add_argument("--wide", nargs="*", type=int, default=[], help="such as 25 50 100 500")
    parser.add_argument("--data-set", nargs="*", type=int, default=[], help="such as 10000 1000000")
    parser.add_argument("--written", nargs="*", type=int, default=[], help="such as 10000 1000000")
    parser.add_argument("--workers", nargs="*", type=int, default=[], help="such as 1 2")
    parser.add_argument("--n-shared", type=int, default=100_000, help="rows that workers share")
    parser.add_argument("--n-columns", type=int, default=10, help="where the others grow")
    parser.add_argument("--n-fixed", type=int, default=2000, help="rows where columns grow")
    parser.add_argument("--seed", type=int, default=0)


def measure(folder: ResultFolder, args: argparse.Namespace) -> None:
    seed = args.seed
    _fit(4, 100, seed)  # imports, and whatever else only the first call does
    if args.n_rows:
        sampler = _fit(args.n_columns, _N_ROWS, seed)
        sampler.sample(256, class_=MINORITY, random_state=seed)
    for size in args.n_rows:
        started = time.perf_counter()
        sampler.sample(size, class_=MINORITY, random_state=seed)
        seconds = time.perf_counter() - started
        folder.add({"axis": "generated rows", "size": size, "seconds": seconds})
    for size in args.samples_seen:
        history = _fit(args.n_columns, size, seed).history_
        n_seen, seconds = history.n_samples_seen, history.seconds
        folder.add({"axis": "training samples seen", "size": n_seen, "seconds": seconds})
    for size in args.columns:
        sampler = _fit(size, args.n_fixed, seed, args.n_fixed)
        generation_s = sampler.timings_["generation_s"]
        training_s = sampler.history_.seconds
        folder.add({"axis": "columns, training", "size": size, "seconds": training_s})
        folder.add({"axis": "columns, generation", "size": size, "seconds": generation_s})

    for size in args.wide:
        folder.add({"axis": "columns, all", "size": size, **_alone(_balance_wide, size, seed)})
    with tempfile.TemporaryDirectory() as scratch:
        for size in args.data_set:
            run = _alone(_fill_data_set, size, Path(scratch) / str(size), seed)
            folder.add({"axis": "rows of a data set", "size": size, **run})
        if args.written or args.workers:
            X, y = synthetic_table(_N_ROWS, 6, seed)
            LLMOverSampler(random_state=seed).fit(X, y).save(Path(scratch) / "sampler")
        for size in args.written:
            run = _alone(_write_shards, Path(scratch), size, 1)
            folder.add({"axis": "rows written", "size": size, **run})
        for size in args.workers:
            run = _alone(_write_shards, Path(scratch), args.n_shared, size)
            folder.add({"axis": "workers", "size": size, **run})


def _alone(work: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Return what `work` returns in a process of its own, and the most memory that it held."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_with_peak, work, arguments).result()


def _with_peak(work: Callable[..., dict[str, Any]], arguments: Sequence[Any]) -> dict[str, Any]:
    reset_peak_memory()
    return {**work(*arguments), "peak_memory_mib": peak_memory_mib()}


def _balance_wide(n_columns: int, seed: int) -> dict[str, Any]:
    X, y = factor_table(300, n_columns, seed)
    sampler = LLMOverSampler(random_state=seed)
    started, started_cpu = time.perf_counter(), time.process_time()
    sampler.fit_resample(X, y)
    run: dict[str, Any] = {
        "seconds": time.perf_counter() - started,
        "cpu_s": time.process_time() - started_cpu,
    }
    real = X[y == "many"]
    rng = np.random.default_rng(seed)
    shuffled = pd.DataFrame({name: rng.permutation(real[name]) for name in real})
    generated, _ = sampler.sample(len(real), class_="many", random_state=seed)
    for name, rows in {"AUC": generated, "shuffled AUC": shuffled}.items():
        sample = Sample.from_frames(real, rows, sampler.schema_, random_state=seed)
        run[name] = detection_auc(sample).value
    return run


def _fill_data_set(n_rows: int, folder: Path, seed: int) -> dict[str, Any]:
    folder.mkdir()
    for at, start in enumerate(range(0, n_rows, _N_PER_FILE)):
        X, y = synthetic_table(min(_N_PER_FILE, n_rows - start), 6, seed + at)
        X.assign(label=y).to_parquet(folder / f"{at}.parquet", index=False)
    reset_peak_memory()
    sampler = LLMOverSampler(
        random_state=seed, sampling_strategy={MINORITY: n_rows // 10 + _N_FILLED}
    )
    started, started_cpu = time.perf_counter(), time.process_time()
    resample_dataset(folder, "label", folder.with_name(f"{folder.name}-out"), sampler=sampler)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "cpu_s": time.process_time() - started_cpu}


def _write_shards(folder: Path, n_rows: int, n_workers: int) -> dict[str, Any]:
    """Write the rows in `n_workers` processes, shards of 50,000 rows or an equal share."""
    n_shards = max(n_workers, math.ceil(n_rows / 50_000))
    output = folder / f"{n_rows}-{n_workers}"
    output.mkdir()
    arguments = {"n_samples": n_rows, "class_": MINORITY, "random_state": 0}
    writer = ShardWriter(
        folder / "sampler", output, "parquet", n_shards, "cpu", escape_formulas=False
    )
    writer.arguments.update(arguments)
    started, started_cpu = time.perf_counter(), sum(os.times()[:4])  # of its workers too
    if n_workers == 1:
        n_written = [writer(shard) for shard in range(n_shards)]
    else:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(n_workers, mp_context=context) as pool:
            n_written = list(pool.map(writer, range(n_shards)))
    assert sum(n_written) == n_rows
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "cpu_s": sum(os.times()[:4]) - started_cpu}


def render(folder: ResultFolder) -> str:
    rows = []
    runs = folder.runs
    for axis in dict.fromkeys(run["axis"] for run in runs):
        of_axis = [run for run in runs if run["axis"] == axis]
        sizes, seconds = ([run[name] for run in of_axis] for name in ("size", "seconds"))
        rows.append(
            {
                "what grows": axis,
                "sizes": ", ".join(f"{size:,}" for size in sizes),
                "seconds": ", ".join(map(significant, seconds)),
                "exponent": f"{fitted_exponent(sizes, seconds):.2f}",
            }
        )
        shown = {"AUC": ".2f", "shuffled AUC": ".2f", "cpu_s": ".1f", "peak_memory_mib": ",.0f"}
        for name, form in shown.items():
            if any(name in run for run in runs):
                found = [format(run[name], form) for run in of_axis if name in run]
                rows[-1][_TITLES.get(name, name)] = ", ".join(found)
    return markdown_table(rows)


def synthetic_table(n_rows: int, n_columns: int, seed: int) -> Rows:
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


def factor_table(n_rows: int, n_columns: int, seed: int) -> Rows:
    """Return a table of numbers, categories and truth values that follow hidden factors.

    Examples
    --------
    >>> X, y = factor_table(40, 20, seed=0)
    >>> X.shape, sorted(set(y))
    ((40, 20), ['few', 'many'])
    """
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(n_rows, max(2, n_columns // 10)))
    columns: dict[str, Any] = {}
    for number in range(n_columns):
        value = factors[:, number % factors.shape[1]] + rng.normal(0, 0.6, n_rows)
        cells = [np.array(list("abcd"))[np.digitize(value, [-1, 0, 1])], value > 0.3]
        columns[f"column_{number}"] = (cells + 3 * [value.round(2)])[number % 5]
    is_few = factors[:, 0] + rng.normal(0, 0.5, n_rows) > 1
    return pd.DataFrame(columns), pd.Series(np.where(is_few, MINORITY, "many"), name="label")


def fitted_exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Return the slope of log seconds over log size, by least squares.

    Examples
    --------
    >>> round(fitted_exponent([1, 2, 4], [3, 12, 48]), 6)
    2.0
    """
    slope, _ = np.polyfit(np.log(sizes), np.log(seconds), 1)
    return float(slope)


def _fit(n_columns: int, n_samples_seen: int, seed: int, n_generated: int = 1) -> LLMOverSampler:
    X, y = synthetic_table(_N_ROWS, n_columns, seed)
    sampler = make_sampler(
        interpolation=None,
        selection=None,  # how many rows are rejected depends on the table, not on its size
        train_on="all",
        epochs=max(1, math.ceil(n_samples_seen / _N_ROWS)),
        validation_fraction=0.0,
        sampling_strategy={MINORITY: int((y == MINORITY).sum()) + n_generated},
        random_state=seed,
    )
    sampler.fit_resample(X, y)
    return sampler
