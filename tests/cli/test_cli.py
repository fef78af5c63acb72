"""The command line: what it writes where, and how it refuses."""

from __future__ import annotations

import inspect
import io
import json
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from counterpoise import LLMOverSampler
from counterpoise.cli._commands import resample
from counterpoise.cli._options import check_column, parse_relation
from counterpoise.cli._terminal import _in_options, _keep_numbers_of_streams
from counterpoise.columns import Schema
from counterpoise.columns._frames import with_rows
from counterpoise.columns._unlearned import unlearned_columns
from counterpoise.constraints import (
    Formula,
    FunctionalDependency,
    Inequality,
    NoCopies,
    Relation,
)
from counterpoise.errors import DecodingError, MissingDependencyError, ModelError, SchemaError
from tests.doubles import CopyingSampler, Shell

TABLE = "id,plan,fee,left\n1,a,1.50,no\n2,b,2.00,no\n3,a,3.25,no\n4,b,,yes\n"
BALANCED = TABLE + "4,b,,yes\n4,b,,yes\n"


@pytest.fixture
def table(shell: Shell) -> str:
    return shell.write("table.csv", TABLE)


# --- what it writes --------------------------------------------------------------------------


def test_writes_the_real_rows_and_the_synthetic_ones_below(shell: Shell, table: str) -> None:
    code, out, err = shell("resample", table, "--target", "left", "-o", "out.csv")
    assert (code, out) == (0, "")
    assert shell.read("out.csv") == BALANCED
    assert shell.names == ["out.csv", "table.csv"]
    assert err.endswith("wrote 6 rows to out.csv\n")


@pytest.mark.parametrize("output", [[], ["-o", "-"]])
def test_writes_csv_to_standard_output(shell: Shell, table: str, output: list[str]) -> None:
    code, out, _ = shell("resample", table, "--target", "left", *output)
    assert (code, out) == (0, BALANCED)


def test_sums_up_on_standard_error(shell: Shell, table: str) -> None:
    _, _, err = shell("resample", table, "--target", "left")
    assert err.splitlines() == [
        "class  before  synthetic  after",
        "no          3          0      3",
        "yes         1          2      3",
        "model: copies (no model is faster)",
        "training: 1.5 s, 1,234 rows/s",
        "generation: 1.5 s, 99 rows/s",
    ]


def test_summary_fits_a_screen(shell: Shell, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "a_column_with_a_name_that_is_as_long_as_those_of_some_surveys"
    found = [
        Relation(Formula(name, "a + b"), "formula", (name, "a", "b"), 90, -9, at, (1,), not at)
        for at in (0, 2)
        for _ in range(20)
    ]
    ids = unlearned_columns(
        pd.DataFrame({f"{name}_{at}": range(9) for at in range(10)}),
        id_columns=[f"{name}_{at}" for at in range(9)],
    )
    monkeypatch.setattr(CopyingSampler, "relations_", found, raising=False)
    monkeypatch.setattr(CopyingSampler, "unlearned_columns_", ids, raising=False)
    _, _, err = shell("resample", table, "--target", "left", "-o", "out.csv")
    lines = err.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80


def test_json_says_what_was_done(shell: Shell, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = Schema.infer(pd.DataFrame({"fee": [1.5, 2.0]}))
    monkeypatch.setattr(CopyingSampler, "schema_", schema, raising=False)
    monkeypatch.setattr(CopyingSampler, "unlearned_columns_", [], raising=False)
    code, out, _ = shell("resample", table, "--target", "left", "-o", "out.csv", "--json")
    record = json.loads(out)
    assert code == 0
    assert record["classes"] == [
        {"name": "no", "n_real": 3, "n_synthetic": 0},
        {"name": "yes", "n_real": 1, "n_synthetic": 2},
    ]
    assert record["timings"]["training_s"] == 1.5
    code, out, err = shell("resample", table, "--target", "left", "--json")
    assert (code, out) == (2, "")
    assert "--output" in err


def test_quiet_says_nothing(shell: Shell, table: str) -> None:
    code, _, err = shell("resample", table, "--target", "left", "-o", "out.csv", "--quiet")
    assert (code, err) == (0, "")
    assert shell.sampler.arguments["verbose"] is False


def test_balanced_table_is_written_as_it_is(shell: Shell) -> None:
    content = "x,y\n1,a\n2,b\n"
    code, out, err = shell("resample", shell.write("t.csv", content), "--target", "y")
    assert (code, out) == (0, content)
    assert "nothing to add" in err


def test_synthetic_rows_can_be_marked(shell: Shell, table: str) -> None:
    _, out, _ = shell("resample", table, "--target", "left", "--mark-synthetic", "made up")
    marks = [line.rsplit(",")[-1] for line in out.splitlines()]
    assert marks == ["made up", *["False"] * 4, *["True"] * 2]


def test_teacher_probability_is_a_column_by_the_columns_that_are_learned(shell: Shell) -> None:
    rows = [f"{i},{i % 7},{'yes' if i % 7 > 4 else 'no'}" for i in range(60)]
    table = shell.write("t.csv", "\n".join(["row,fee,left", *rows]) + "\n")
    command = ["resample", table, "--target", "left", "--seed", "0", "-o"]
    assert shell(*command, "both.csv", "--teacher-probability", "p", "--quiet")[0] == 0
    both = pd.read_csv(shell.folder / "both.csv")
    assert list(both) == ["row", "fee", "left", "p"]
    is_yes = (both["left"] == "yes").to_numpy()
    assert both["p"].between(0, 1).all()
    assert both["p"][is_yes].min() > both["p"][~is_yes].max(), "fee tells them apart"
    only = [*command, "some.csv", "--teacher-probability", "p", "--only-synthetic", "--quiet"]
    assert shell(*only)[0] == 0
    some = pd.read_csv(shell.folder / "some.csv")
    assert some["p"].tolist() == both["p"].iloc[60:].tolist()


def test_a_column_of_probabilities_needs_a_name_of_its_own(shell: Shell) -> None:
    table = shell.write("t.csv", "x,y\n1,no\n2,no\n3,yes\n")
    command = ["resample", table, "--target", "y", "--teacher-probability"]
    for more in (["x"], ["y"], ["p", "--mark-synthetic", "p"]):
        code, _, err = shell(*command, *more)
        assert (code, "already has a column" in err) == (2, True)
    assert shell.samplers == []


def test_synthetic_rows_alone(shell: Shell, table: str) -> None:
    _, out, _ = shell("resample", table, "--target", "left", "--only-synthetic")
    assert out == "id,plan,fee,left\n4,b,,yes\n4,b,,yes\n"


def test_parquet_in_and_out(shell: Shell) -> None:
    frame = pd.DataFrame({"n": [1, 2, 3], "c": pd.Categorical(["x", "y", "x"]), "y": [0, 0, 1]})
    frame.to_parquet("t.parquet")
    code, _, _ = shell("resample", "t.parquet", "--target", "y", "-o", "out.parquet")
    assert code == 0
    written = pd.read_parquet("out.parquet")
    pd.testing.assert_frame_equal(written.iloc[:3], frame)
    assert written.iloc[3].to_dict() == {"n": 3, "c": "x", "y": 1}


def test_existing_file_is_replaced_by_force(shell: Shell, table: str) -> None:
    shell.write("out.csv", "old")
    code, _, _ = shell("resample", table, "--target", "left", "-o", "out.csv", "--force")
    assert (code, shell.read("out.csv")) == (0, BALANCED)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ([], 'x;y\n1;"a;b"\n2;"a;b"\n3;c\n3;c\n'),
        (["-o", "out.csv"], 'x;y\n1;"a;b"\n2;"a;b"\n3;c\n3;c\n'),
        (["-o", "out.tsv"], "x\ty\n1\ta;b\n2\ta;b\n3\tc\n3\tc\n"),
    ],
)
def test_delimiter_is_kept_in_an_output_of_the_same_kind(
    shell: Shell, output: list[str], expected: str
) -> None:
    shell.write("t.csv", 'x;y\n1;"a;b"\n2;"a;b"\n3;c\n')
    code, out, _ = shell("resample", "t.csv", "--target", "y", "--delimiter", ";", *output)
    assert (code, shell.read(output[1]) if output else out) == (0, expected)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_identifiers_and_columns_that_are_carried_along(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    copy_rows = CopyingSampler.fit_resample

    def fit_resample(self: Any, X: pd.DataFrame, y: pd.Series[Any]) -> Any:
        copy_rows(self, X, y)
        self.unlearned_columns_ = unlearned_columns(X, id_columns=["id"], passthrough_columns=["n"])
        row = pd.DataFrame({"id": [4], "n": pd.array([None], dtype="Int64"), "plan": ["a"]})
        return with_rows(X, row), pd.concat([y, pd.Series(["yes"])], ignore_index=True)

    monkeypatch.setattr(CopyingSampler, "fit_resample", fit_resample)
    shell.write("t.csv", "id,n,plan,left\n1,7,a,no\n2,8,b,no\n3,9,a,yes\n")
    output = f"out.{suffix}"
    options = ["--target", "left", "--id", "id", "--drop", "n", "-o", output]
    pd.read_csv("t.csv").to_parquet("t.parquet")
    code, _, err = shell("resample", f"t.{suffix}", *options)
    assert code == 0
    assert shell.sampler.arguments["id_columns"] == ["id"]
    assert shell.sampler.arguments["passthrough_columns"] == ["n"]
    written = pd.read_csv(output) if suffix == "csv" else pd.read_parquet(output)
    assert written["id"].tolist() == [1, 2, 3, 4]
    assert written["n"].fillna(-1).tolist() == [7, 8, 9, -1]
    assert "identifier: id, not learned: synthetic rows get new values, such as 4, 5\n" in err
    assert "carried along: n, not learned: synthetic rows are missing here\n" in err
    code, _, err = shell("resample", "t.csv", "--target", "left", "--drop", "Plan")
    assert code != 0
    assert "no column 'Plan' (the column of --drop). Did you mean 'plan'?" in err


def test_target_may_stand_anywhere_and_have_any_name(shell: Shell) -> None:
    content = "self,x,y\na,1,2\na,3,4\nb,5,6\n"
    code, out, _ = shell("resample", shell.write("t.csv", content), "--target", "self")
    assert (code, out) == (0, content + "b,5,6\n")


# --- what it passes on -----------------------------------------------------------------------


def test_options_reach_the_sampler(shell: Shell, table: str) -> None:
    from counterpoise import constraints
    from counterpoise.models import PretrainedModel
    from counterpoise.recipes import get_recipe

    code, _, _ = shell(
        *["resample", table, "--target", "left", "--model", "smollm2-135m", "--recipe", "imbllm"],
        *["--set", "recipe.interpolation=none", "--set", "recipe.epochs=3"],
        *["--set", "recipe.temperature=0.7", "--set", "recipe.digit_tokens=true"],
        *["--set", "model.n_layers=8", "--set", "model.learning_rate=1e-3"],
        *["--type", "fee=ordered", "--categorical", "id", "--device", "cpu", "--seed", "7"],
        *["--range", "fee=1..9.5", "--range-margin", "0.1", "--categories", "plan=a,c"],
        *["--combination", "id, fee", "--inequality", "fee <= id", "--no-copies"],
        *["--relations", "auto", "--relation", "fee = 2 * id", "--relation", "id,fee -> plan"],
        *["--relation", "id < fee", "--drop-relation", "plan, fee"],
        *["--max-time", "60", "--checkpoint-dir", "unfinished"],
    )
    assert code == 0
    assert shell.sampler.arguments == {
        "sampling_strategy": "auto",
        "id_columns": "auto",
        "passthrough_columns": None,
        "model": PretrainedModel("smollm2-135m", n_layers=8, learning_rate=1e-3),
        "recipe": get_recipe(
            "imbllm", interpolation=None, epochs=3, temperature=0.7, digit_tokens=True
        ),
        "column_types": {"id": "categorical", "fee": "ordered"},
        "constraints": [
            "auto",
            constraints.Range("fee", 1, 9.5),
            constraints.RangeMargin(0.1),
            constraints.Categories("plan", ["a", "c"]),
            constraints.FixedCombinations(["id", "fee"]),
            constraints.Inequality("fee", "<=", "id"),
            constraints.NoCopies(),
            constraints.Formula("fee", "2 * id"),
            constraints.FunctionalDependency(["id", "fee"], "plan"),
            constraints.Inequality("id", "<", "fee"),
            constraints.Drop(["plan", "fee"]),
        ],
        "device": "cpu",
        "max_time": 60.0,
        "checkpoint_dir": "unfinished",
        "random_state": 7,
        "verbose": True,
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "auto"),
        (["--relations", "auto"], ["auto"]),
        (["--relations", "off"], None),
        (["--recipe", "imbllm"], "auto"),  # where the recipe has none
        (["--recipe", "imbllm", "--relations", "auto"], ["auto"]),
        (["--no-copies"], ["auto", NoCopies()]),
        (["--no-copies", "--relations", "off"], [NoCopies()]),
        (["--no-copies", "--recipe", "imbllm"], [NoCopies()]),
    ],
    ids=str,
)
def test_relations_are_searched_where_recipe_or_option_say_so(
    shell: Shell, table: str, options: list[str], expected: object
) -> None:
    assert shell("resample", table, "--target", "left", *options)[0] == 0
    assert shell.sampler.arguments["constraints"] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("unit price=`net price`*1.2", ("Formula", ("unit price", "`net price`*1.2"))),
        (" a = b / (a + b) ", ("Formula", ("a", "b / (a + b)"))),
        ("a=b - 3", ("Formula", ("a", "b - 3"))),
        ("min price<=max price", ("Inequality", ("min price", "<=", "max price"))),
        ("a > b", ("Inequality", ("a", ">", "b"))),
        ("zip->city", ("FunctionalDependency", ("zip", "city"))),
        ("zip, street -> city", ("FunctionalDependency", ("zip, street", "city"))),
    ],
)
def test_relation_in_words_is_a_constraint(text: str, expected: object) -> None:
    assert parse_relation(text) == expected


def test_relation_of_columns_with_odd_names(shell: Shell) -> None:
    name = shell.write("odd.csv", '"a, b",unit price,net,y\n1,2,3,n\n1,2,3,n\n1,2,3,p\n')
    relations = ["`unit price` = net", "a, b -> net", "unit price <= net"]
    options = [text for relation in relations for text in ("--relation", relation)]
    assert shell("resample", name, "--target", "y", *options)[0] == 0
    assert shell.sampler.arguments["constraints"] == [
        "auto",
        Formula("unit price", "net"),
        FunctionalDependency(["a, b"], "net"),
        Inequality("unit price", "<=", "net"),
    ]


def test_summary_has_a_line_for_each_of_few_relations(
    shell: Shell, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def relation(at: int, **values: Any) -> Relation:
        return Relation(
            Formula(f"x{at}", "a + b"), "formula", (f"x{at}", "a", "b"), 90, -9, **values
        )

    found = [relation(at) for at in range(12)]
    found.append(relation(12, n_exceptions=2, exceptions=(4, 17), is_kept=False))
    found.append(relation(13, n_exceptions=5, exceptions=(1, 2, 3, 4, 5), is_kept=False))
    found.append(relation(14, is_kept=False))  # as Drop has it
    monkeypatch.setattr(CopyingSampler, "relations_", found, raising=False)
    _, _, err = shell("resample", table, "--target", "left")
    lines = err.splitlines()[6:]
    assert lines[:3] == [
        "relations between columns that every synthetic row satisfies:",
        "  x0 = a + b (90 rows)",
        "  x1 = a + b (90 rows)",
    ]
    assert lines[5:] == [
        "  x4 = a + b (90 rows)",
        "  and 7 more; --report shows all",
        "relations that nearly all real rows satisfy, not kept (rows count from 0):",
        "  x12 = a + b, but for 2 of 92 rows (rows 4, 17)",
        "  x13 = a + b, but for 5 of 95 rows (rows 1, 2, 3, ...)",
    ]


def test_categories_of_a_parquet_file_keep_their_type(shell: Shell) -> None:
    frame = pd.DataFrame({"n": [1, 2, 3], "y": ["a", "a", "b"]})
    frame.to_parquet("t.parquet")
    for values in ("1,2,7", "[1, 2, 7]"):
        options = ["--type", "n=categorical", "--categories", f"n={values}"]
        assert shell("resample", "t.parquet", "--target", "y", *options)[0] == 0
        assert shell.samplers[-1].arguments["constraints"][1].values == [1, 2, 7]


def test_provenance_of_nothing_is_an_empty_table(shell: Shell) -> None:
    name = shell.write("even.csv", "x,y\n1,a\n2,b\n")
    code, _, _ = shell("resample", name, "--target", "y", "--provenance", "origin.csv")
    assert code == 0
    assert shell.read("origin.csv").startswith("class,condition_column,condition_value")


def test_parameters_of_the_sampler_are_options_with_their_defaults(
    shell: Shell, table: str
) -> None:
    parameters = inspect.signature(LLMOverSampler).parameters
    defaults = {name: parameter.default for name, parameter in parameters.items()}
    shell("resample", table, "--target", "left")
    # --categorical is an entry of column_types
    assert set(defaults) - set(shell.sampler.arguments) == {"categorical_features"}
    assert {**defaults, **shell.sampler.arguments} == {**defaults, "verbose": True}


def test_help_shows_what_most_need_and_help_all_every_option(shell: Shell) -> None:
    some, every = (set(shell("resample", flag)[1].split()) for flag in ("--help", "--help-all"))
    options = resample.params[1:]
    assert all(every.intersection(option.opts) for option in options)
    n_shown = sum(bool(some.intersection(option.opts)) for option in options)
    assert 20 <= n_shown <= 26
    assert some & {"--target", "--model", "--help-all"} == {"--target", "--model", "--help-all"}
    assert not some & {"--delimiter", "--debug", "--checkpoint-dir"}


def test_command_without_settings_has_help_all_too(shell: Shell) -> None:
    code, out, _ = shell("sample", "--help-all")
    assert (code, "--debug" in out, "--set" in out) == (0, True, False)
    assert "--debug" not in shell("sample", "--help")[1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("minority", "minority"),
        ("not majority", "not majority"),
        ("0.5", 0.5),
        (".5", 0.5),
        ('{"1": 4}', {1: 4}),
        ("1=4", {1: 4}),
        ("1 = 4, 0=3", {1: 4, 0: 3}),
    ],
)
def test_strategy(shell: Shell, text: str, expected: object) -> None:
    shell.write("t.csv", "x,y\n1,0\n2,0\n3,1\n")
    shell("resample", "t.csv", "--target", "y", "--strategy", text)
    assert shell.sampler.arguments["sampling_strategy"] == expected


def test_messages_name_options_and_not_parameters() -> None:
    flags = {"class_": "--class", "max_time": "--max-time", "device": "--device"}
    assert _in_options("class_ must be 'class_' or 'a'", flags) == "--class must be 'class_' or 'a'"
    assert _in_options("stopped by max_time=3.5;\n a device", flags) == (
        "stopped by --max-time 3.5; a device"
    )
    assert _in_options("device='cuda:0' is not here", flags) == "--device cuda:0 is not here"
    assert _in_options("with Recipe(train_on='all')", {}) == "with --set recipe.train_on=all"
    said = "Convert it with `pandas.to_numeric`, or declare it categorical."
    assert _in_options(said, {}) == "Rewrite its cells, or declare it categorical."


def test_strategy_matches_classes_of_text(shell: Shell, table: str) -> None:
    _, out, _ = shell("resample", table, "--target", "left", "--strategy", '{"yes": 2}')
    assert out == TABLE + "4,b,,yes\n"


def test_categorical_names_may_hold_commas(shell: Shell) -> None:
    shell.write("t.csv", 'a,b,"c, d",y\n1,2,3,no\n1,2,3,no\n1,2,3,yes\n')
    shell("resample", "t.csv", "--target", "y", "--categorical", "a,b", "--categorical", "c, d")
    assert shell.sampler.arguments["column_types"] == dict.fromkeys(
        ["a", "b", "c, d"], "categorical"
    )


def test_categorical_column_keeps_its_na(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.write("t.csv", "a,b,y\n1,NA,no\nNA,2,no\n1,1,yes\n")
    seen: dict[str, int] = {}
    resample = CopyingSampler.fit_resample

    def look(self: CopyingSampler, X: pd.DataFrame, y: Any) -> Any:
        seen.update(X.isna().sum().to_dict())
        return resample(self, X, y)

    monkeypatch.setattr(CopyingSampler, "fit_resample", look)
    shell("resample", "t.csv", "--target", "y", "--categorical", "a")
    assert seen == {"a": 0, "b": 1}


def test_text_and_categorical_columns_stay_unparsed(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = "phone,zip,n,y\n1,1.50,1,no\n2,2,2,no\n3,3,3,yes\n"
    shell.write("t.csv", content)
    seen: dict[str, list[object]] = {}
    resample = CopyingSampler.fit_resample

    def look(self: CopyingSampler, X: pd.DataFrame, y: Any) -> Any:
        seen.update(X.to_dict("list"))
        return resample(self, X, y)

    monkeypatch.setattr(CopyingSampler, "fit_resample", look)
    kinds = ["--type", "phone=text", "--type", "zip=categorical"]
    code, out, _ = shell("resample", "t.csv", "--target", "y", *kinds)
    assert (code, out) == (0, content + "3,3,3,yes\n")
    assert seen == {"phone": ["1", "2", "3"], "zip": ["1.50", "2", "3"], "n": [1, 2, 3]}


def test_missing_spelling_can_be_given(shell: Shell) -> None:
    content = "a,y\nred,no\n-,no\n-,yes\n"
    shell.write("t.csv", content)
    code, out, _ = shell("resample", "t.csv", "--target", "y", "--missing", "-")
    assert (code, out) == (0, content + "-,yes\n")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Churn", "Did you mean 'churn'?"),
        ("chrun", "Did you mean 'churn'?"),
        ("spaced", "Did you mean ' spaced'?"),
        ("qqq", "It has 'churn', 'state', ' spaced'."),
    ],
)
def test_unknown_column(name: str, hint: str) -> None:
    with pytest.raises(SchemaError) as caught:
        check_column(name, ["churn", "state", " spaced"], "target")
    assert str(caught.value).endswith(hint)
    assert caught.value.column == name


# --- how it refuses --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.csv", "--target", "left"], "There is no file 'nowhere.csv'"),
        (["table.csv"], "Missing option '--target'"),
        (["table.csv", "--target", "Left"], "Did you mean 'left'?"),
        (["table.csv", "--target", "left", "-o", "folder/out.csv"], "There is no folder"),
        (["table.csv", "--target", "left", "-o", "there.csv"], "--force"),
        (["table.csv", "--target", "left", "-o", "out.xlsx"], "files are read, not written"),
        (["table.csv", "--target", "fee"], "missing in 1 of 4 rows"),
        (["same.csv", "--target", "y"], "nothing to balance"),
        (["alone.csv", "--target", "y"], "no other column"),
        (["ragged.csv", "--target", "y"], "line 3 has 1 cell"),
        (["table.csv", "--target", "left", "--set", "recipe.epochs=many"], "epochs must be"),
        (["table.csv", "--target", "left", "--set", "model.learning_rate=x"], "learning_rate must"),
        (["table.csv", "--target", "left", "--set", "epochs=3"], "recipe.NAME=VALUE"),
        (["table.csv", "--target", "left", "--recipe", "x"], "there is no recipe 'x'"),
        (["table.csv", "--target", "left", "--max-time", "soon"], "'soon' is not a valid float"),
        (["table.csv", "--target", "left", "--strategy", "most"], "is not auto"),
        (["table.csv", "--target", "left", "--strategy", "{"], "rows by class, such as yes=900"),
        (["table.csv", "--target", "left", "--strategy", "true"], "is not auto"),
        (["table.csv", "--target", "left", "--strategy", "900"], "as in CLASS=900"),
        (["table.csv", "--target", "left", "--strategy", "0.1"], "rows per majority row already"),
        (["table.csv", "--target", "left", "--strategy", "no=1"], "'no' has 3 rows already"),
        (["table.csv", "--target", "id", "--strategy", "1"], "a number is for two classes"),
        (["table.csv", "--target", "left", "--max-time", "0"], "'--max-time': 0.0 is not"),
        (
            ["table.csv", "--target", "left", "--strategy", '{"y": 3}'],
            "no class 'y'; there are",
        ),
        (["table.csv", "--target", "left", "--strategy", '{"yes": 0}'], "1 row or more"),
        (["table.csv", "--target", "left", "--type", "fee"], "COLUMN=TYPE"),
        (["table.csv", "--target", "left", "--type", "fees=text"], "Did you mean 'fee'?"),
        (["table.csv", "--target", "left", "--categorical", "plam"], "Did you mean 'plan'?"),
        (["table.csv", "--target", "left", "--categorical", "left"], "is the target"),
        (
            ["table.csv", "--target", "left", "--mark-synthetic", "fee"],
            "has a column 'fee'",
        ),
        (
            ["table.csv", "--target", "left", "--type", "fee=text", "--categorical", "fee"],
            "cannot be both",
        ),
        (["table.csv", "--target", "left", "--encoding", "x"], "no encoding"),
        (["table.csv", "--target", "left", "--encoding", "hex"], "no encoding 'hex' of text"),
        (["dates.csv", "--target", "y", "--type", "d=datetime:%d.%m.%Y"], "written as %d.%m.%Y"),
        (["dates.csv", "--target", "y", "--type", "d=duration"], "as a number"),
        (["table.csv", "--target", "left", "--bogus"], "No such option"),
        (["table.csv", "--target", "left", "--range", "fee=3"], "COLUMN=LOW..HIGH"),
        (["table.csv", "--target", "left", "--categories", "fee=[a]"], "not a JSON list"),
        (["table.csv", "--target", "left", "--inequality", "fee=id"], "COLUMN <= COLUMN"),
        (["table.csv", "--target", "left", "--relation", "fee"], "'total = a + b'"),
        (["table.csv", "--target", "left", "--relation", "feee = id"], "Did you mean 'fee'?"),
        (["table.csv", "--target", "left", "--relation", "id, plam -> fee"], "'plan'?"),
        (["table.csv", "--target", "left", "--drop-relation", "plam"], "Did you mean 'plan'?"),
        (["table.csv", "--target", "left", "--relations", "on"], "'auto', 'off'"),
        (["table.csv", "--target", "left", "--provenance", "there.csv"], "exists already"),
        (["table.csv", "--target", "left", "--provenance", "a.doc"], "a.doc"),
        (["table.csv", "--target", "left", "--save", "new", "--no-copies"], "--save-rows"),
        (["table.csv", "--target", "left", "--save-rows"], "there is no --save"),
        (["table.csv", "--target", "left", "--save", "new", "--recipe", "taptap"], "XGBoost"),
        (
            [
                *("table.csv", "--target", "left", "--save", "new", "--recipe", "great"),
                *("--set", "recipe.serialization=text", "--set", "recipe.decoding=free"),
            ],
            "without a grammar",
        ),
        (["table.csv", "table.csv", "--target", "left"], "unexpected extra argument"),
    ],
)
def test_mistake_is_one_line_and_code_2_before_any_training(
    shell: Shell, table: str, arguments: list[str], message: str
) -> None:
    shell.write("there.csv", "old")
    shell.write("same.csv", "x,y\n1,a\n2,a\n")
    shell.write("alone.csv", "y\na\nb\n")
    shell.write("dates.csv", "d,y\n03/04/2020,a\n05/04/2020,b\n")
    shell.write("ragged.csv", "x,y\n1,a\n2\n")
    names = shell.names
    code, out, err = shell("resample", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("counterpoise: error: ")
    assert err.count("\n") == 1
    assert message in err
    assert shell.samplers == []
    assert shell.names == names
    assert shell.read("there.csv") == "old"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (SchemaError("Column 'a' is bad.\n  See there.", column="a"), 2, "is bad. See there."),
        (ModelError("There is no model 'x'."), 2, "There is no model 'x'."),
        (MissingDependencyError("Needs peft."), 2, "Needs peft."),
        (ValueError("y needs more than 1 class"), 2, "more than 1 class"),
        (DecodingError("A dead end."), 1, "A dead end."),
        (RuntimeError("shapes differ"), 1, "RuntimeError: shapes differ (--debug shows where)"),
        (KeyError("x"), 1, "KeyError: 'x' (--debug"),
        (MemoryError(), 1, "Out of memory. Try --set model.batch_size"),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
    ],
)
def test_error_of_the_sampler_is_one_line(
    shell: Shell,
    table: str,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    code: int,
    message: str,
) -> None:
    def fail(self: object, X: object, y: object) -> None:
        raise error

    monkeypatch.setattr(CopyingSampler, "fit_resample", fail)
    got, out, err = shell("resample", table, "--target", "left", "-o", "out.csv")
    assert (got, out) == (code, "")
    assert err.startswith("counterpoise: error: ")
    assert err.count("\n") == 1
    assert message in err
    assert shell.names == ["table.csv"]
    _, _, err = shell("resample", table, "--target", "left", "--debug")
    assert "Traceback (most recent call last)" in err


def test_interrupt_is_code_130_and_leaves_nothing(
    shell: Shell, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: object, X: object, y: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(CopyingSampler, "fit_resample", interrupt)
    code, out, err = shell("resample", table, "--target", "left", "-o", "out.csv")
    assert (code, out, err) == (130, "", "counterpoise: interrupted\n")
    assert shell.names == ["table.csv"]


class Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("stream", [Full(), None])
def test_what_cannot_be_said_ends_no_work(
    shell: Shell, table: str, monkeypatch: pytest.MonkeyPatch, stream: io.StringIO | None
) -> None:
    def warn(self: CopyingSampler, X: pd.DataFrame, y: pd.Series[Any]) -> Any:
        warnings.warn("a class is small", UserWarning, stacklevel=1)
        return fit_resample(self, X, y)

    fit_resample = CopyingSampler.fit_resample
    monkeypatch.setattr(CopyingSampler, "fit_resample", warn)
    monkeypatch.setattr(sys, "stderr", stream)
    assert shell("resample", table, "--target", "left", "-o", "out.csv")[0] == 0
    assert "out.csv" in shell.names
    assert shell("resample", table, "--target", "nowhere")[0] == 2


def test_output_to_nowhere_is_refused_before_training(
    shell: Shell, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", None)  # as after >&-
        code, _, err = shell("resample", table, "--target", "left")
    assert (code, shell.samplers) == (2, [])
    assert "The standard output is closed" in err
    monkeypatch.setattr(sys, "stdout", Full())
    code, _, err = shell("resample", table, "--target", "left")
    assert code == 1
    assert "Cannot write to standard output: No space left on device." in err


def test_very_long_messages_are_cut(shell: Shell, table: str) -> None:
    _, _, err = shell("resample", table, "--target", "left", "--type", f"{'x' * 10_000}=text")
    assert err.startswith("counterpoise: error: The table has no column 'xxx")
    assert len(err) < 3000


def test_a_closed_stream_keeps_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    def stat_of(number: int) -> None:
        if number == 2:
            raise OSError(9, "Bad file descriptor")

    with monkeypatch.context() as patch:
        patch.setattr("counterpoise.cli._terminal.os.fstat", stat_of)
        patch.setattr("counterpoise.cli._terminal.os.open", lambda path, _: opened.append(path))
        _keep_numbers_of_streams()
    assert opened == [os.devnull]


def test_warnings_are_one_line_and_chatter_is_dropped(
    shell: Shell, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resample = CopyingSampler.fit_resample

    def warn(self: CopyingSampler, X: pd.DataFrame, y: Any) -> Any:
        warnings.warn("class 'yes' has\n1 row", UserWarning, stacklevel=1)
        warnings.warn("soon gone", FutureWarning, stacklevel=1)
        place = "/site-packages/transformers/utils.py"
        warnings.warn_explicit("loss_type=None", UserWarning, place, 1)
        return resample(self, X, y)

    monkeypatch.setattr(CopyingSampler, "fit_resample", warn)
    _, _, err = shell("resample", table, "--target", "left", "--quiet")
    assert err == "counterpoise: warning: class 'yes' has 1 row\n"


def test_without_a_command_there_is_help(shell: Shell) -> None:
    code, out, err = shell()
    assert code == 2
    assert "resample" in out + err
    assert "error" not in err


def test_unknown_command(shell: Shell) -> None:
    code, _, err = shell("frobnicate")
    assert code == 2
    assert err.startswith("counterpoise: error: No such command 'frobnicate'")


def test_version(shell: Shell) -> None:
    import counterpoise

    assert shell("--version") == (0, f"counterpoise {counterpoise.__version__}\n", "")


def test_libraries_are_asked_for_silence_unless_the_user_asked(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRANSFORMERS_VERBOSITY", "info")
    monkeypatch.delenv("HF_HUB_DISABLE_PROGRESS_BARS", raising=False)
    shell("--version")
    assert os.environ["TRANSFORMERS_VERBOSITY"] == "info"
    assert os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] == "1"


def test_closed_pipe_ends_quietly(tmp_path: Path) -> None:
    """As in ``counterpoise ... | head``: the reader is gone before anything is written."""
    (tmp_path / "t.csv").write_text(TABLE, encoding="utf-8")
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from tests.doubles import CopyingSampler\n"
        "from counterpoise import sampler\n"
        "from counterpoise.cli import main\n"
        "sampler.LLMOverSampler = CopyingSampler\n"
        "sys.stdin.read()\n"
        "sys.exit(main(['resample', 't.csv', '--target', 'left', '--quiet']))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(Path(__file__).parents[2])],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    process.stdin.close()
    assert process.wait() == 141
    assert process.stderr.read() == ""
    process.stderr.close()


# --- the real sampler ------------------------------------------------------------------------


@pytest.mark.slow
def test_real_sampler(tmp_path: Path) -> None:
    rows = "".join(
        f"{n % 7},{'ab'[n % 2]},{n / 4:.2f},{'no' if n % 4 else 'yes'}\n" for n in range(80)
    )
    (tmp_path / "t.csv").write_text("n,c,x,y\n" + rows, encoding="utf-8")
    done = subprocess.run(
        [
            *[sys.executable, "-m", "counterpoise", "resample", "t.csv", "--target", "y"],
            *["--model", "compact", "--set", "recipe.epochs=1", "--device", "cpu"],
            *["--seed", "0", "--range", "n=2..4", "--combination", "n,c"],
            *["--provenance", "origin.csv"],
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "\n".join(lines[1:81]) + "\n" == rows
    assert [line.split(",")[-1] for line in lines[81:]] == ["yes"] * 40
    assert {int(line.split(",")[0]) for line in lines[81:]} <= {2, 3, 4}
    origin = pd.read_csv(tmp_path / "origin.csv")
    assert len(origin) == 40
    assert set(origin["condition_column"]) == {"n, c", "x"}
    assert "model: compact" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_ends_a_command_without_a_draft(
    shell: Shell, table: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It comes while the output is written."""
    number = getattr(signal, name)
    before = signal.signal(number, signal.SIG_DFL)
    drafts = []

    def interrupt(self: pd.DataFrame, stream: Any, **_: object) -> None:
        drafts.append([one for one in shell.names if one.endswith(".tmp")])
        signal.raise_signal(number)

    monkeypatch.setattr(pd.DataFrame, "to_csv", interrupt)
    try:
        code, _, _ = shell("resample", table, "--target", "left", "-o", "out.csv")
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)
    assert code == 128 + number
    assert len(drafts[0]) == 1
    assert shell.names == ["table.csv"]


def test_two_options_do_not_name_one_file(shell: Shell, table: str) -> None:
    arguments = ["resample", table, "--target", "left", "--force", "-o", "out.csv"]
    for more in (["--provenance", "./out.csv"], ["--save", "ck", "--checkpoint-dir", "ck"]):
        code, _, err = shell(*arguments, *more)
        assert code == 2
        assert "are the same" in err
    code, _, err = shell("resample", table, "--target", "left", "--force", "-o", table)
    assert (code, shell.read(table)) == (2, TABLE)
    assert shell.samplers == []


def test_checkpoint_is_kept_until_the_output_is_written(
    shell: Shell, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    arguments = ["resample", table, "--target", "left", "-o", "out.csv", "--checkpoint-dir", "ck"]
    (shell.folder / "ck").mkdir()
    (shell.folder / "ck" / "training.pt").touch()
    with monkeypatch.context() as patch:
        patch.setattr(pd.DataFrame, "to_csv", fail)
        assert shell(*arguments)[0] == 1
    assert (shell.folder / "ck" / "training.pt").exists()
    assert shell(*arguments)[0] == 0
    assert not (shell.folder / "ck" / "training.pt").exists()
