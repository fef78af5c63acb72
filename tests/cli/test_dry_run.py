"""``resample --dry-run``: what is understood and what a run would take; and shell completion."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from counterpoise.cli import main


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    months, fee = rng.integers(0, 72, 240), rng.choice([19.5, 29.9, 49.0], 240)
    day = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, 240), "D")
    frame = pd.DataFrame(
        {
            "customer_id": [f"C{at:05d}" for at in range(240)],
            "months": months,
            "fee": fee,
            "total": (months * fee).round(2),
            "since": day.strftime("%d.%m.%Y"),
            "churn": np.where(np.arange(240) % 4, "no", "yes"),
        }
    )
    frame.to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "table.csv"


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a dry run trains")

    monkeypatch.setattr("counterpoise.sampler.fit", refuse)


def dry_run(table: Path, *options: str) -> int:
    output = str(table.with_name("balanced.csv"))
    fixed = ["--target", "churn", "--model", "compact", "--dry-run", "-o", output]
    return main(["resample", str(table), *fixed, *options])


def test_says_how_the_table_is_understood_and_writes_nothing(
    table: Path, untrained: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dry_run(table) == 0
    shown = capsys.readouterr().out
    words = [line.split() for line in shown.splitlines()]
    assert ["since", "datetime:%d.%m.%Y"] in [line[:2] for line in words]
    assert ["customer_id", "identifier"] in [line[:2] for line in words]
    assert ["yes", "60", "120", "180"] in words
    assert "total = months * fee (240 rows)" in shown
    assert "estimate: training up to " in shown
    assert [path.name for path in table.parent.iterdir()] == ["table.csv"]


def test_says_so_to_machines(
    table: Path, untrained: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dry_run(table, "--json", "--strategy", "0.5") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["target"] == "churn"
    assert {one["name"]: one["n_synthetic"] for one in record["classes"]} == {"no": 0, "yes": 30}
    assert [one["text"] for one in record["relations"]] == ["total = months * fee"]
    assert record["model"] == "compact"
    assert record["estimate"]["n_bytes"] > 0


def test_nothing_to_add_takes_no_estimate(
    table: Path, untrained: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dry_run(table, "--strategy", "yes=60") == 0
    assert "nothing to add" in capsys.readouterr().out


def test_mistakes_are_found_as_in_a_run(
    table: Path, untrained: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dry_run(table, "--relation", "total = 2 * months") == 2
    assert "total = 2 * months" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["zsh", "fish"])  # bash would be asked for its version
def test_shells_get_a_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "_COUNTERPOISE_COMPLETE" in capsys.readouterr().out


def test_commands_and_options_are_completed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_COUNTERPOISE_COMPLETE", "bash_complete")
    for words, at, expected in (
        ("counterpoise re", "1", {"plain,report", "plain,resample"}),
        ("counterpoise resample t.csv --tar", "3", {"plain,--target"}),
    ):
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", at)
        assert main([]) == 0
        assert set(capsys.readouterr().out.split()) == expected
