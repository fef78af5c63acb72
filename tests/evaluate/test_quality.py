"""All measures at once: anchors, the cheat that must be caught, and real rows that must not be."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

from counterpoise.evaluate.quality import measure_quality
from counterpoise.table import Schema

FOLDER = Path(
    os.environ.get("COUNTERPOISE_DATA_DIR")
    or Path(__file__).parents[2] / ".." / "shared" / "datasets"
)


def made_rows(n_rows: int, seed: int) -> pd.DataFrame:
    """Two kinds of rows whose columns depend on each other, with missing cells."""
    random = np.random.default_rng(seed)
    kind = random.integers(0, 2, n_rows)
    height = random.normal(150 + 30 * kind, 10).round(1)
    frame = pd.DataFrame(
        {
            "height": height,
            "weight": (height / 2 + random.normal(0, 5, n_rows)).round(2),
            "visits": random.poisson(3, n_rows),
            "colour": np.where(random.random(n_rows) < 0.8, np.array(["a", "b"])[kind], "c"),
            "since": pd.Timestamp("2024-01-01")
            + pd.to_timedelta(random.integers(0, 900, n_rows), "D"),
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


def test_the_cheat_is_caught_and_real_rows_are_not() -> None:
    rows = made_rows(600, seed=0)
    train, holdout, unseen = rows[:200], rows[200:400], rows[400:]
    schema = Schema.infer(rows)
    cheat = measure_quality(
        train, holdout, with_noise(train, 300, seed=1), schema, aspects=["leakage"], random_state=0
    )
    assert cheat["near_copies"].value > 0.95
    assert cheat["closer_to_training"].interval is not None
    assert cheat["closer_to_training"].interval[0] > 0.9
    assert cheat["membership_inference"].value > 0.8
    assert len(cheat.warnings) >= 3
    # a fixed draw, so it cannot fail by chance; over draws, about 1 in 20 would warn
    real = measure_quality(train, holdout, unseen, schema, aspects=["leakage"], random_state=0)
    assert real.warnings == ()
    assert not real.leaks
