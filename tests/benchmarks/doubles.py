"""Small tables for the tests of the benchmark."""

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks._tables import BenchTable, TableSpec, load_table


def small_frame(n_rows: int = 120, seed: int = 0) -> pd.DataFrame:
    """Two numbers, two categories, a label that depends on them; 'yes' is the minority."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n_rows),
            "income": rng.normal(30, 8, n_rows).round(1),
            "plan": rng.choice(["basic", "plus", "family"], n_rows),
            "region": rng.choice(["north", "south"], n_rows),
        }
    )
    risk = (frame["age"] > 50) * 1.5 + (frame["plan"] == "basic") + rng.normal(0, 0.7, n_rows)
    is_yes = risk >= risk.sort_values().iloc[int(0.7 * n_rows)]
    return frame.assign(left=np.where(is_yes, "yes", "no"))


def small_table(folder: Path, n_rows: int = 120, *, is_natural: bool = False) -> BenchTable:
    """The table, from a file."""
    path = folder / "small.csv"
    small_frame(n_rows).to_csv(path, index=False)
    return load_table(
        TableSpec("small", "left", "yes", ("age", "income"), is_natural=is_natural, file=str(path))
    )
