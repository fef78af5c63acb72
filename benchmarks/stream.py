"""Memory and rate of writing many rows to a Parquet file, chunk by chunk.

    python -m benchmarks.stream --data-dir FOLDER --table insurance --rows 1000000

The file lies in a temporary folder and is deleted. A line after each tenth: rows, rows a second so
far, and the most memory that the process has held, which must not grow.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks._machine import peak_memory_mib
from benchmarks.machine import describe_machine, describe_torch
from benchmarks.protocol import TABLES, data_folder, load_table, split_table
from benchmarks.results import markdown_table, note, say, write_json
from counterpoise import LLMOverSampler


def write(
    sampler: LLMOverSampler, n_rows: int, chunk_size: int, path: Path
) -> list[dict[str, str]]:
    """Write `n_rows` rows of the class that was filled, and return what each tenth took."""
    looks: list[dict[str, str]] = []
    started, n_written = time.perf_counter(), 0
    writer: pq.ParquetWriter | None = None
    for X, y in sampler.sample_chunks(n_rows, chunk_size=chunk_size, random_state=0):
        table = pa.Table.from_pandas(X.assign(label=y.to_numpy()), preserve_index=False)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
        n_written += len(X)
        if n_written * 10 >= n_rows * (len(looks) + 1):
            rate = n_written / (time.perf_counter() - started)
            look = {"rows": f"{n_written:,}", "rows/s": f"{rate:,.0f}"}
            looks.append(look | {"peak, MiB": f"{peak_memory_mib():,.0f}"})
            note(json.dumps(looks[-1]))
    assert writer is not None
    writer.close()
    assert pq.ParquetFile(path).metadata.num_rows == n_rows
    return looks


def main() -> None:
    """Train on one table, write, and print."""
    keep_lines = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=keep_lines)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--table", default="insurance", choices=TABLES)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--chunk-size", type=int, default=10_000)
    parser.add_argument("--output", type=Path, default=Path("results/stream.json"))
    args = parser.parse_args()
    table = load_table(args.table, data_folder(args.data_dir))
    train = split_table(table.y, table.facts.minority, 0).train
    sampler = LLMOverSampler(model="compact", random_state=0, column_kinds=table.column_kinds)
    sampler.fit_resample(
        table.X.iloc[train].reset_index(drop=True), table.y.iloc[train].reset_index(drop=True)
    )
    note(f"trained; peak {peak_memory_mib():,.0f} MiB")
    with tempfile.TemporaryDirectory() as folder:
        looks = write(sampler, args.rows, args.chunk_size, Path(folder) / "rows.parquet")
    about = {**describe_machine(), **describe_torch(), "table": args.table}
    write_json(args.output, {"machine": about, "looks": looks})
    say(markdown_table(looks))


if __name__ == "__main__":
    main()
