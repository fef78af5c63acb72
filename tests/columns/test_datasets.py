"""The benchmark tables, where they are: COUNTERPOISE_DATA_DIR, or beside the repository."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from counterpoise.columns import NumericColumn, Schema, Table

FOLDER = Path(
    os.environ.get("COUNTERPOISE_DATA_DIR")
    or Path(__file__).parents[2] / ".." / "shared" / "datasets"
)
FILES = sorted(FOLDER.glob("*.csv"))

pytestmark = pytest.mark.skipif(
    not FILES, reason="no CSV files beside the repository or in COUNTERPOISE_DATA_DIR"
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_real_table_comes_back(path: Path) -> None:
    frame = pd.read_csv(path)
    schema = Schema.infer(frame)
    table = Table.from_frame(frame, schema)
    assert not table.invalid_cells().any()
    restored = table.to_frame()
    pd.testing.assert_frame_equal(restored, frame, rtol=1e-12, atol=1e-12)
    again = Schema.from_dict(json.loads(json.dumps(schema.to_dict())))
    assert again == schema
    assert np.array_equal(Table.from_frame(restored, again).codes, table.codes)
    assert not any(column.kind == "text" for column in schema)


@pytest.mark.parametrize(
    ("stem", "name", "decimals"),
    [
        ("credit_card", "Total_Amt_Chng_Q4_Q1", 3),
        ("credit_card", "Credit_Limit", 1),
        ("housing", "total_bedrooms", 0),
        ("housing", "median_income", 4),
        ("insurance", "charges", 6),
        ("gem_price", "carat", 2),
    ],
)
def test_decimals_are_those_of_the_file(stem: str, name: str, decimals: int) -> None:
    path = FOLDER / f"{stem}.csv"
    if not path.exists():
        pytest.skip(f"no {stem}.csv in the folder of tables")
    schema = Schema.infer(pd.read_csv(path))
    column = schema[schema.position(name)]
    assert isinstance(column, NumericColumn)
    assert column.decimals == decimals
