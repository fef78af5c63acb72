"""`counterpoise.compare` and the command: from a table to a verdict and its page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.naive_bayes import GaussianNB

import counterpoise
from counterpoise.cli import main
from counterpoise.comparison._compare import Comparison
from tests.comparison.known_truths import noise
from tests.doubles import RecombiningSampler


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    X, y = noise(0, n_rows=120, n_rare=36)
    return counterpoise.compare(
        X, y, sampler=RecombiningSampler(), classifiers=GaussianNB(), n_folds=2, n_repeats=1
    )


def test_report_shows_the_verdict_and_the_rows_of_the_first_split(comparison: Comparison) -> None:
    summary = comparison.report.summary
    assert summary.verdict is comparison.verdict
    assert str(comparison) == comparison.verdict.sentence
    assert set(comparison.verdict.results) == {"GaussianNB"}
    assert [result.name for result in comparison.verdict.results["GaussianNB"]] == [
        "nothing",
        "class weights",
        "random over-sampling",
        "SMOTENC",
        "counterpoise",
    ]
    (section,) = summary.sections
    assert (section.name, section.n_real, section.n_synthetic) == ("rare", 18, 24)
    assert section.quality is not None
    assert section.quality.n_holdout == 18
    assert "first of 2 splits" in summary.notes[0]
    page = comparison.report.to_html()
    assert comparison.verdict.sentence.split(":")[0].replace("'", "&#39;") in page
    assert json.loads(comparison.report.to_json())["verdict"]["decision"] in page.replace(
        "&#39;", "'"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classifiers": "forest"}, "classifier must be one of .*got 'forest'"),
        ({"classifiers": [GaussianNB(), GaussianNB()]}, "are called GaussianNB: give a mapping"),
        ({"classifiers": []}, "at least one classifier"),
        ({"score": "cost"}, "needs costs"),
        ({"score": "accuracy"}, "score must be one of"),
        ({"cost_fn": 3.0}, "give both cost_fn and cost_fp"),
        ({"positive": "x"}, "positive must be one of"),
        ({"n_folds": 1}, "n_folds must be 2 or more"),
        ({"n_repeats": 0}, "n_repeats must be 1 or more"),
        ({"max_time": 0.0}, "max_time must be above 0"),
    ],
)
def test_mistakes_are_refused(arguments: dict[str, object], message: str) -> None:
    X, y = noise(0)
    with pytest.raises(ValueError, match=message):
        counterpoise.compare(X, y, sampler=RecombiningSampler(), **arguments)  # type: ignore[arg-type]


def test_missing_labels_are_refused() -> None:
    X, y = noise(0)
    with pytest.raises(ValueError, match="1 of the labels"):
        counterpoise.compare(X, y.where(np.arange(len(y)) > 0))


def test_command_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("counterpoise.sampler.LLMOverSampler", lambda **_: RecombiningSampler())
    X, y = noise(0, n_rows=120, n_rare=36)
    table = tmp_path / "noise.csv"
    X.assign(kind=y).to_csv(table, index=False)
    page, record = tmp_path / "page.html", tmp_path / "record.json"
    command = ["compare", str(table), "--target", "kind", "--classifier", "logistic-regression"]
    command += ["--folds", "2", "--repeats", "1", "--cost-fn", "20", "--cost-fp", "1"]
    assert main([*command, "--report", str(page), "--report", str(record)]) == 0
    said = capsys.readouterr()
    found = json.loads(record.read_text(encoding="utf-8"))
    assert said.out.startswith(found["verdict"]["sentence"])
    assert "Cost per 1,000 rows" in said.out
    assert "counterpoise" in said.out
    assert "comparing" in said.err
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert main([*command, "--report", str(page)]) == 2
    assert "--force" in capsys.readouterr().err


def test_command_refuses_before_any_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "t.csv"
    pd.DataFrame({"a": [1, 2, 3], "y": ["n", "n", "p"]}).to_csv(table, index=False)
    for option, message in (
        (["--positive", "q"], "no class 'q'; there are 'n', 'p'"),
        (["--report", "x.pdf"], "name it .html, .md or .json"),
        (["--score", "cost"], "needs costs"),
    ):
        assert main(["compare", str(table), "--target", "y", *option]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert message in error
