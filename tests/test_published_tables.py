"""The ten tables of the paper through the command line, each with one short pass of training.

The check of the cells knows nothing of the generator: it compares what was written with what was
read. Needs the CSV files beside the repository (``../shared/datasets``) or in
``COUNTERPOISE_DATA_DIR``, and some minutes.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from counterpoise.cli import main
from counterpoise.metrics import check_validity

_BESIDE = Path(__file__).parents[2] / "shared" / "datasets"
FOLDER = Path(os.environ.get("COUNTERPOISE_DATA_DIR", _BESIDE))
TABLES = {  # target, and where a numeric one is cut
    "adult": ("income-per-year", None),
    "bank": ("subscribe", None),
    "car": ("target", None),
    "credit_card": ("Attrition_Flag", None),
    "fuel": ("CONSUMPTION", 15),
    "gem_price": ("price", 2500),
    "german": ("credit", None),
    "housing": ("median_house_value", 200_000),
    "insurance": ("charges", 10_000),
    "sick": ("Class", None),
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not (FOLDER / "adult.csv").is_file(), reason="the CSV files are not here"),
]


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


@pytest.mark.parametrize("name", TABLES)
def test_exactly_the_rows_asked_for_and_every_cell_valid(name, tmp_path):
    target, cut = TABLES[name]
    frame = read(FOLDER / f"{name}.csv")
    if cut is not None:
        frame[target] = np.where(frame[target] >= cut, "high", "low")
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    frame.to_csv(source, index=False)
    arguments = ["--set", "recipe.epochs=1", "--seed", "0", "--mark-synthetic", "made"]
    assert main(["resample", str(source), "--target", target, "-o", str(output), *arguments]) == 0
    frame, result = read(source), read(output)
    synthetic = result[result["made"]].drop(columns="made")
    real = result[~result["made"]].drop(columns="made").reset_index(drop=True)
    pd.testing.assert_frame_equal(real, frame)
    counts = result[target].value_counts()
    assert (counts == frame[target].value_counts().max()).all()
    features = synthetic.drop(columns=target)
    assert check_validity(features, frame.drop(columns=target)).all(axis=None)
    assert (features.dtypes == frame.drop(columns=target).dtypes).all()
