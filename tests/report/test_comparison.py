"""`counterpoise.compare` and the command: from a table to a verdict and its page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

import counterpoise
from counterpoise.cli import main
from counterpoise.columns._frames import CallerType
from counterpoise.comparison._compare import (
    Comparison,
    _on_learned_columns,
    _sampler_to_show,
    _samplers_by_name,
    _unlearned,
)
from counterpoise.constraints import Constraint, Inequality, Range
from counterpoise.errors import SchemaError
from counterpoise.recipes import get_recipe
from tests.comparison.known_truths import noise
from tests.doubles import RecombiningSampler


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    X, y = noise(0, n_rows=120, n_rare=36)
    return counterpoise.compare(
        X,
        y,
        sampler=RecombiningSampler(),
        classifiers=GaussianNB(),
        teacher=[GaussianNB(), LogisticRegression()],
        n_folds=2,
        n_repeats=1,
    )


def test_report_shows_the_verdict_and_the_rows_of_the_first_split(comparison: Comparison) -> None:
    summary = comparison.report.summary
    assert summary.verdict is comparison.verdict
    assert str(comparison) == comparison.verdict.sentence
    parts = (comparison.report, summary, comparison.verdict, comparison.cross_validation)
    assert all(len(repr(one)) < 500 for one in (comparison, *parts))  # as notebooks show them
    assert comparison.verdict.sentence in repr(comparison)
    assert "24 of the class 'rare'" in repr(comparison.report)
    assert "teacher, counterpoise with GaussianNB on 2 splits" in repr(comparison.cross_validation)
    assert set(comparison.verdict.results) == {"GaussianNB"}
    assert [result.name for result in comparison.verdict.results["GaussianNB"]] == [
        "nothing",
        "class weights",
        "random over-sampling",
        "SMOTENC",
        "best single kind",
        "soft labels",
        "distilled",
        "teacher",
        "counterpoise",
    ]
    (section,) = summary.sections
    assert (section.name, section.n_real, section.n_synthetic) == ("rare", 18, 24)
    assert section.quality is not None
    assert section.quality.n_holdout == 18
    assert "those of counterpoise in the first of 2 splits" in summary.notes[0]
    page = comparison.report.to_html()
    assert comparison.verdict.sentence.split(":")[0].replace("'", "&#39;") in page
    assert json.loads(comparison.report.to_json())["verdict"]["decision"] in page.replace(
        "&#39;", "'"
    )


class FailingSampler(RecombiningSampler):
    """Cannot do it."""

    def fit_resample(self, X: Any, y: Any) -> Any:
        raise RuntimeError("no luck")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Replace the language model by a quick sampler; return what it is asked for."""
    asked: list[dict[str, Any]] = []

    def make(**parameters: Any) -> RecombiningSampler:
        asked.append(parameters)
        return RecombiningSampler()

    monkeypatch.setattr("counterpoise.sampler.LLMOverSampler", make)
    return asked


def test_both_recipes_are_tried_by_default(made: list[dict[str, Any]]) -> None:
    X, y = noise(0, n_rows=120, n_rare=36)
    types = {"c": "categorical"}
    found = counterpoise.compare(
        X, y, column_types=types, classifiers=GaussianNB(), teacher=None, n_folds=2, n_repeats=1
    )
    assert [(asked["recipe"], asked["column_types"]) for asked in made] == [
        ("counterpoise", types),
        ("ranking", types),
    ]
    ours = [result.name for result in found.verdict.results["GaussianNB"]][-2:]
    assert ours == ["counterpoise (true rows)", "ranking (clear cases)"]
    assert [reason for reason in found.verdict.reasons if "two recipes" in reason] == [
        "Of the two recipes, counterpoise generates true rows, which people and tools can look at; "
        "ranking generates clear cases of the class, only to train a classifier on."
    ]


def test_sampler_by_itself_is_the_only_one_and_named_after_its_recipe(
    comparison: Comparison,
) -> None:
    assert not any("two recipes" in reason for reason in comparison.verdict.reasons)
    for recipe, name in (
        ("counterpoise", "counterpoise (true rows)"),
        ("ranking", "ranking (clear cases)"),
        ("imbllm", "imbllm"),
        (get_recipe("ranking", temperature=0.7), "counterpoise"),
    ):
        sampler = counterpoise.LLMOverSampler(recipe=recipe)
        assert _samplers_by_name(sampler, None) == {name: sampler}


def test_rows_shown_are_those_to_use_or_the_first_that_there_are() -> None:
    names = ["one", "two", "three"]
    assert _sampler_to_show(names, names, "two") == "two"
    assert _sampler_to_show(names, names, "SMOTENC") == "one"
    assert _sampler_to_show(names, names, None) == "one"
    assert _sampler_to_show(names, ["three", "SMOTENC"], "two") == "three"
    assert _sampler_to_show(names, [], None) == "one"


def test_report_shows_the_rows_of_a_sampler_that_generated_some() -> None:
    X, y = noise(0, n_rows=120, n_rare=36)
    samplers = {"broken": FailingSampler(), "mixed": RecombiningSampler()}
    found = counterpoise.compare(
        X, y, sampler=samplers, classifiers=GaussianNB(), teacher=None, n_folds=2, n_repeats=1
    )
    assert "those of mixed in the first" in found.report.summary.notes[0]
    assert "broken is left out because it failed: RuntimeError: no luck" in found.verdict.reasons


@pytest.mark.parametrize(
    ("samplers", "message"),
    [
        ({}, "sampler must name at least one"),
        ({"SMOTENC": RecombiningSampler()}, "'SMOTENC' is the name of another strategy"),
    ],
)
def test_samplers_that_cannot_be_told_apart_are_refused(
    samplers: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        counterpoise.compare(*noise(0), sampler=samplers)


def test_constraints_of_the_sampler_hold(small_compact: None) -> None:
    X, y = noise(0, n_rows=120, n_rare=36)
    X["d"] = X["a"] + 1
    sampler = counterpoise.LLMOverSampler(
        recipe=get_recipe("counterpoise", max_samples_seen=64, selection=None),
        constraints=[Range("b", 0.0, 0.5), Inequality("a", "<=", "d")],
    )
    found = counterpoise.compare(
        X,
        y,
        sampler=sampler,
        classifiers="logistic-regression",
        teacher=None,
        n_folds=2,
        n_repeats=1,
    )
    assert found.cross_validation.failures == {}
    _, (synthetic, _), _ = found.cross_validation.examples["counterpoise"]
    assert len(synthetic) == 24
    assert synthetic["b"].between(0.0, 0.5).all()
    assert (synthetic["a"] <= synthetic["d"]).all()
    listed = {one.text: one for one in found.report.summary.relations}
    assert listed["a <= d"].status == "declared"
    assert (listed["a <= d"].real, listed["a <= d"].synthetic) == (1, 1)


def test_relations_of_the_rows_are_listed_that_no_sampler_kept() -> None:
    X, y = noise(0, n_rows=240, n_rare=72)
    X["a"] = X["a"].round(2)
    X["d"] = (X["a"] + 2 * X["b"].round(2)).round(2)
    X["b"] = X["b"].round(2)
    found = counterpoise.compare(
        X,
        y,
        sampler=RecombiningSampler(),
        classifiers=GaussianNB(),
        teacher=None,
        n_folds=2,
        n_repeats=1,
    )
    (relation,) = [one for one in found.report.summary.relations if one.kind == "formula"]
    assert (relation.status, relation.real) == ("not kept", 1)
    assert relation.synthetic is not None
    assert relation.synthetic < 0.5


@pytest.mark.parametrize(
    ("constraint", "message"),
    [
        (Range("age", 0, 1), "age"),
        (Inequality("a", "<=", "b"), "a <= b"),
    ],
)
def test_constraints_that_cannot_be_met_are_refused_before_any_training(
    constraint: Constraint, message: str
) -> None:
    sampler = counterpoise.LLMOverSampler(constraints=[constraint])
    with pytest.raises(SchemaError, match=message):
        counterpoise.compare(*noise(0), sampler=sampler)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classifiers": "forest"}, "classifier must be one of .*got 'forest'"),
        ({"classifiers": [GaussianNB(), GaussianNB()]}, "are called GaussianNB: give a mapping"),
        ({"classifiers": []}, "at least one classifier"),
        ({"teacher": "forest"}, "teacher must be 'auto' or classifiers"),
        ({"score": "cost"}, "needs costs"),
        ({"score": "accuracy"}, "score must be one of"),
        ({"cost_fn": 3.0}, "give both cost_fn and cost_fp"),
        ({"positive": "x"}, "positive must be one of"),
        ({"n_folds": 1}, "n_folds must be a whole number from 2 up"),
        ({"n_repeats": 0}, "n_repeats must be a whole number from 1 up"),
        ({"max_time": 0.0}, "max_time must be a number above 0"),
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


def quick_command(folder: Path) -> list[str]:
    """The command that compares on a table of noise, in two splits and without a teacher."""
    X, y = noise(0, n_rows=120, n_rare=36)
    table = folder / "noise.csv"
    X.assign(kind=y).to_csv(table, index=False)
    command = ["compare", str(table), "--target", "kind", "--classifier", "logistic-regression"]
    return [*command, "--no-teacher", "--folds", "2", "--repeats", "1"]


@pytest.mark.usefixtures("made")
def test_command_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, record = tmp_path / "page.html", tmp_path / "record.json"
    command = [*quick_command(tmp_path), "--cost-fn", "20", "--cost-fp", "1"]
    assert main([*command, "--report", str(page), "--report", str(record)]) == 0
    said = capsys.readouterr()
    found = json.loads(record.read_text(encoding="utf-8"))
    assert said.out.startswith(found["verdict"]["sentence"])
    assert "Cost per 1,000 rows" in said.out
    assert "\ncounterpoise (true rows) " in said.out
    assert "\nranking (clear cases) " in said.out
    assert "comparing" in said.err
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert main([*command, "--report", str(page)]) == 2
    assert "--force" in capsys.readouterr().err


def test_command_passes_settings_and_constraints_to_both_recipes_or_the_one_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], made: list[dict[str, Any]]
) -> None:
    command = [*quick_command(tmp_path), "--quiet", "--set", "recipe.temperature=0.7"]
    command += ["--range", "b=0..0.5", "--relations", "off"]
    assert main(command) == 0
    assert [asked["recipe"] for asked in made] == [
        get_recipe(name, temperature=0.7) for name in ("counterpoise", "ranking")
    ]
    assert all(asked["constraints"] == [Range("b", 0, 0.5)] for asked in made)
    made.clear()
    capsys.readouterr()
    assert main([*command, "--recipe", "ranking"]) == 0
    (asked,) = made
    assert asked["recipe"] == get_recipe("ranking", temperature=0.7)
    said = capsys.readouterr().out
    assert "\nranking (clear cases) " in said
    assert "\ncounterpoise" not in said
    assert "\nteacher " not in said


def test_command_refuses_before_any_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "t.csv"
    pd.DataFrame({"a": [1, 2, 3], "y": ["n", "n", "p"]}).to_csv(table, index=False)
    for option, message in (
        (["--positive", "q"], "no class 'q'; there are 'n', 'p'"),
        (["--report", "x.pdf"], "name it .html, .md or .json"),
        (["--score", "cost"], "needs costs"),
        (["--range", "b=0..1"], "'b'"),
    ):
        assert main(["compare", str(table), "--target", "y", *option]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert message in error


class ColumnSpy(RecombiningSampler):
    """Says which columns it was given."""

    seen: ClassVar[set[tuple[str, ...]]] = set()

    def fit_resample(self, X: Any, y: Any) -> Any:
        self.seen.add(tuple(X))
        return super().fit_resample(X, y)


def test_no_strategy_and_no_classifier_gets_identifiers() -> None:
    X, y = noise(0, n_rows=120, n_rare=36)
    order = y.sort_values().index
    X, y = X.loc[order].reset_index(drop=True), y.loc[order].reset_index(drop=True)
    options: dict[str, Any] = {
        "classifiers": "logistic-regression",
        "teacher": DecisionTreeClassifier(),
    }
    options |= {"n_folds": 2, "n_repeats": 1}
    found = counterpoise.compare(
        X.assign(row=range(120)),  # tells the classes apart
        y,
        sampler=ColumnSpy(),
        **options,
    )
    expected = counterpoise.compare(X, y, sampler=RecombiningSampler(), **options)
    assert ColumnSpy.seen == {tuple(X)}
    pd.testing.assert_frame_equal(
        found.cross_validation.runs.drop(columns="seconds"),
        expected.cross_validation.runs.drop(columns="seconds"),
    )
    (fact,) = (fact for fact in found.report.summary.facts if fact.name == "row")
    assert fact.kind == "identifier"


def test_samplers_of_compare_get_the_table_without_what_they_do_not_learn() -> None:
    X = pd.DataFrame({"row": range(100), "note": "x", "a": range(100), "b": 1.5})
    own = counterpoise.LLMOverSampler(
        id_columns=["row"], passthrough_columns=["note"], categorical_features=[2]
    )
    samplers = {"own": own, "other": counterpoise.LLMOverSampler(id_columns=None)}
    found = _unlearned(X, CallerType.of(X), samplers, {})
    assert [column.name for column in found] == ["row", "note"]
    learned = _on_learned_columns(own, X)
    assert learned.column_types == {"a": "categorical"}  # by position no longer the third
    assert learned._find_unlearned(X[["a", "b"]], CallerType.of(X)) == []
    assert own.id_columns == ["row"]
