"""Small tables for the tests of measures."""

from __future__ import annotations

import numpy as np
import pandas as pd


def made_rows(n_rows: int, seed: int) -> pd.DataFrame:
    """Two kinds of rows whose columns depend on each other, with missing cells."""
    random = np.random.default_rng(seed)
    kind = random.integers(0, 2, n_rows)
    height = random.normal(150 + 30 * kind, 10).round(1)
    days = pd.to_timedelta(random.integers(0, 900, n_rows), "D")
    frame = pd.DataFrame(
        {
            "height": height,
            "weight": (height / 2 + random.normal(0, 5, n_rows)).round(2),
            "visits": random.poisson(3, n_rows),
            "colour": np.where(random.random(n_rows) < 0.8, np.array(["a", "b"])[kind], "c"),
            "since": pd.Timestamp("2024-01-01") + days,
            "member": random.random(n_rows) < 0.3,
        }
    )
    frame.loc[random.random(n_rows) < 0.2, "weight"] = np.nan
    frame.loc[random.random(n_rows) < 0.1, "colour"] = None
    return frame


def with_noise(train: pd.DataFrame, n_rows: int, seed: int) -> pd.DataFrame:
    """The cheat: training rows, with noise of 1 % of a column's standard deviation in numbers."""
    random = np.random.default_rng(seed)
    rows = train.iloc[random.integers(len(train), size=n_rows)].reset_index(drop=True)
    for name in rows.select_dtypes(["integer", "floating"]).columns:
        numbers = rows[name].astype(float)
        rows[name] = numbers + random.normal(0, 0.01 * numbers.std(), n_rows)
    return rows
