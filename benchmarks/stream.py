"""Measure rate and memory of generating many rows into a Parquet file, chunk by chunk.

The file is in a temporary folder and is deleted. A row after each tenth: rows, rows per second so
far, and the most memory that the process has held, which must not grow.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks._environment import peak_memory_mib
from benchmarks._output import ResultFolder, markdown_table
from benchmarks._protocols import PAPER, split_table
from benchmarks._samplers import make_sampler
from benchmarks._tables import load_table

if TYPE_CHECKING:
    from counterpoise import LLMOverSampler


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", type=Path, help="folder of NAME.csv files")
    parser.add_argument("--table", default="insurance")
    parser.add_argument("--n-rows", type=int, default=1_000_000)
    parser.add_argument("--chunk-size", type=int, default=10_000)
    parser.add_argument("--max-samples-seen", type=int, help="in training, at most")


def measure(folder: ResultFolder, args: argparse.Namespace) -> None:
    table = load_table(args.table, args.data_dir)
    sampler = make_sampler(
        max_samples_seen=args.max_samples_seen, column_types=table.column_types, random_state=0
    ).fit(*table.take(split_table(table, PAPER, 0).train))
    with tempfile.TemporaryDirectory() as scratch:
        _generate(sampler, args.n_rows, args.chunk_size, Path(scratch) / "rows.parquet", folder)


def render(folder: ResultFolder) -> str:
    return markdown_table(
        [
            {
                "rows": f"{run['n_rows']:,}",
                "rows/s": f"{run['rows_per_s']:,.0f}",
                "peak, MiB": f"{run['peak_memory_mib']:,.0f}",
            }
            for run in folder.runs
        ]
    )


def _generate(
    sampler: LLMOverSampler, n_rows: int, chunk_size: int, path: Path, folder: ResultFolder
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    started, n_generated, n_tenths = time.perf_counter(), 0, 0
    writer: pq.ParquetWriter | None = None
    for X, y in sampler.sample_chunks(n_rows, chunk_size=chunk_size, random_state=0):
        chunk = pa.Table.from_pandas(X.assign(label=y.to_numpy()), preserve_index=False)
        writer = writer or pq.ParquetWriter(path, chunk.schema)
        writer.write_table(chunk)
        n_generated += len(X)
        if n_generated * 10 >= n_rows * (n_tenths + 1):
            n_tenths += 1
            rate = n_generated / (time.perf_counter() - started)
            peak = peak_memory_mib()
            folder.add({"n_rows": n_generated, "rows_per_s": rate, "peak_memory_mib": peak})
    assert writer is not None
    writer.close()
    assert pq.ParquetFile(path).metadata.num_rows == n_rows
