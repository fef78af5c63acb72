"""Processes that ``torchrun`` starts train one model together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch

from counterpoise import LLMOverSampler
from counterpoise.cli import main
from counterpoise.errors import ModelError
from counterpoise.training import _data_parallel
from counterpoise.training._data_parallel import agree, agreed_clock, data_parallel, gather, shared
from tests.small_models import mixed_frame

N_ROWS = 150
QUICK = ["--seed", "0", "--device", "cpu", "--model", "compact", "--set", "recipe.epochs=2"]
QUICK += ["--recipe", "counterpoise-no-selection"]


def torchrun(*command: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in two processes."""
    starter = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.run(
        [sys.executable, "-m", *starter, "-m", "counterpoise", *command],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    X, y = mixed_frame(N_ROWS)
    path = tmp_path_factory.mktemp("table") / "rows.csv"
    X.assign(churn=y).to_csv(path, index=False)
    return path


def test_two_processes_train_the_model_of_one_and_the_first_writes(table, tmp_path):
    command = ["resample", str(table), "--target", "churn", *QUICK]
    outputs = {
        name: ["-o", str(tmp_path / f"{name}.csv"), "--save", str(tmp_path / name)]
        for name in ("one", "two")
    }
    assert main([*command, *outputs["one"]]) == 0
    done = torchrun(*command, *outputs["two"])
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("wrote ") == 1
    assert done.stderr.count("training: ") == 2  # the bar's last line, and the summary
    rows = [pd.read_csv(tmp_path / f"{name}.csv") for name in outputs]
    assert [frame["churn"].value_counts().to_dict() for frame in rows] == [
        {"yes": 120, "no": 120}
    ] * 2
    assert not rows[1].iloc[N_ROWS:].duplicated().all()
    models = [LLMOverSampler.load(tmp_path / name).generator_.model for name in outputs]
    for one, two in zip(*(model.parameters() for model in models), strict=True):
        torch.testing.assert_close(one, two, rtol=0.02, atol=2e-3)


def test_two_processes_share_the_parts_of_a_data_set(tmp_path):
    (tmp_path / "rows").mkdir()
    for at in range(2):
        X, y = mixed_frame(N_ROWS, seed=at)
        X.assign(churn=y).to_parquet(tmp_path / "rows" / f"{at}.parquet")
    command = ["resample", str(tmp_path / "rows"), "--target", "churn", *QUICK]
    command += ["--strategy", "yes=10160", "--rows-per-part", "5000"]
    done = torchrun(*command, "-o", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "3 files are in" in done.stderr
    parts = sorted((tmp_path / "out").glob("synthetic-*.parquet"))
    assert [pq.read_metadata(part).num_rows for part in parts] == [5000, 5000, 100]
    assert pd.concat(map(pd.read_parquet, parts)).duplicated().mean() < 0.5


def test_a_single_process_is_left_alone(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "1")
    with data_parallel() as is_first:
        assert is_first
        assert (agree(3), gather(3), shared(())) == (3, [3], ())
        assert agreed_clock(float) is float


def test_a_checkpoint_is_for_a_single_process(tmp_path, monkeypatch):
    monkeypatch.setattr("counterpoise.training._fit.place", lambda: (0, 2))
    X, y = mixed_frame()
    with pytest.raises(ModelError, match="checkpoint_dir"):
        LLMOverSampler(checkpoint_dir=tmp_path / "kept").fit(X, y)


@pytest.mark.parametrize("n_processes", [2, 3, 40])
def test_shares_of_a_batch_are_all_of_it(monkeypatch, n_processes):
    batches = []
    monkeypatch.setattr(
        _data_parallel.SerializedTable, "token_batch", lambda _, rows, orders: (rows, orders)
    )
    rows = np.arange(10, 30)
    for which in range(n_processes):
        monkeypatch.setattr(_data_parallel, "place", lambda which=which: (which, n_processes))
        share = _data_parallel._SharedTable(None, None, None, None)
        own, orders = share.token_batch(rows, rows[:, None])
        assert len(own) >= 1
        assert (own == orders[:, 0]).all()
        batches += own.tolist()
    assert set(batches) == set(rows.tolist())
    assert len(batches) == max(len(rows), n_processes)
