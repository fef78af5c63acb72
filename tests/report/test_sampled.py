"""The report of a sampler, and of the command."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from benchmarks._samplers import make_sampler
from counterpoise.cli import main
from counterpoise.report import report
from tests.small_models import mixed_frame


def test_sampler_reports_what_it_wrote() -> None:
    X, y = mixed_frame(100)
    train, held = slice(0, 60), slice(60, 100)
    sampler = make_sampler(model="compact", epochs=1, random_state=0)
    with pytest.raises(NotFittedError):
        report(sampler)
    sampler.fit_resample(X[train], y[train])
    found = report(sampler, title="mixed", holdout=(X[held], y[held]))
    summary = found.summary
    assert (summary.title, summary.target) == ("mixed", "churn")
    assert [(c.name, c.n_real, c.n_synthetic) for c in summary.classes] == [
        ("no", 48, 0),
        ("yes", 12, 36),
    ]
    quality = summary.sections[0].quality
    assert quality is not None
    assert (quality.n_train, quality.n_holdout, quality.n_synthetic) == (12, 8, 36)
    assert sum(origin.n_rows for origin in summary.sections[0].origins) == 36
    assert summary.run.model == "compact"
    assert summary.run.parameters["recipe.epochs"] == "1"
    assert next(iter(summary.run.parameters)) in (
        "recipe.epochs",
        "recipe",
        "model",
        "random_state",
    )
    assert summary.run.parameters["recipe.temperature"] == "1.0 (default)"
    assert set(summary.run.seconds) == {"Training", "Generation"}
    assert "<!DOCTYPE html>" in found.to_html()


def test_command_writes_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    X, y = mixed_frame(40)
    table, page = tmp_path / "mixed.csv", tmp_path / "report.json"
    X.assign(churn=y).to_csv(table, index=False)
    command = ["resample", str(table), "--target", "churn", "--model", "compact"]
    command += ["--set", "recipe.epochs=1"]
    assert main([*command, "--seed", "0", "--report", str(page)]) == 0
    said = capsys.readouterr()
    assert f"wrote a report to {page}" in said.err
    assert pd.read_csv(table).shape[0] < len(said.out.splitlines())  # data still go to stdout
    record = json.loads(page.read_text(encoding="utf-8"))
    assert record["title"] == "mixed"
    assert record["sections"][0]["n_synthetic"] == 24


@pytest.mark.parametrize(
    ("name", "message"), [("report.pdf", "name it .html, .md or .json"), ("there.md", "--force")]
)
def test_report_that_cannot_be_written_is_refused_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, message: str
) -> None:
    table = tmp_path / "t.csv"
    table.write_text("a,y\n1,no\n2,no\n3,yes\n4,yes\n5,no\n", encoding="utf-8")
    (tmp_path / "there.md").write_text("mine", encoding="utf-8")
    assert main(["resample", str(table), "--target", "y", "--report", str(tmp_path / name)]) == 2
    assert message in capsys.readouterr().err
    assert (tmp_path / "there.md").read_text(encoding="utf-8") == "mine"
