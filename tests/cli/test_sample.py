"""``counterpoise resample --save`` and ``counterpoise sample``, for real."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from counterpoise.cli import main


def test_kept_and_sampled(make_churn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.chdir(tmp_path)
    make_churn(40, 8).to_csv("churn.csv", index=False)
    kept = "resample churn.csv --target churn --set recipe.epochs=1 --seed 0 -q --save kept"
    assert main([*kept.split(), "-o", "balanced.csv"]) == 0
    assert main(["sample", "kept", "-n", "5", "--class", "yes", "--seed", "1", "-q"]) == 0
    first = capsys.readouterr().out
    assert main(["sample", "kept", "-n", "5", "--seed", "1", "-o", "rows.csv"]) == 0
    rows = pd.read_csv("rows.csv")
    assert (tmp_path / "rows.csv").read_text() == first
    assert rows.columns.tolist() == ["state", "calls", "minutes", "churn"]
    assert (rows["churn"] == "yes").all()
    assert len(rows) == 5
    assert main([*kept.split(), "-o", "again.csv"]) == 2
    assert "kept exists" in capsys.readouterr().err
    assert not (tmp_path / "again.csv").exists()
    assert main(["sample", "nowhere", "-n", "5"]) == 2
    assert "there is no folder nowhere" in capsys.readouterr().err


def test_sampler_without_copies_is_saved_with_the_rows(
    make_churn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    make_churn(40, 8).to_csv("churn.csv", index=False)
    kept = "resample churn.csv --target churn --set recipe.epochs=1 --seed 0 -q -o balanced.csv"
    assert main([*kept.split(), "--no-copies", "--save", "kept", "--save-rows"]) == 0
    assert main(["sample", "kept", "-n", "5", "--seed", "1", "-o", "rows.csv"]) == 0
    assert len(pd.read_csv("rows.csv")) == 5
