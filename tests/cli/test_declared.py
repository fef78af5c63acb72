"""Defaults and help read from the source are those of the objects, and `--set` uses them."""

from __future__ import annotations

import inspect

import pytest

import counterpoise
from counterpoise import models, recipes
from counterpoise.cli import _declared
from counterpoise.cli._declared import Parameter, declared_parameters, parameters_of
from counterpoise.cli._options import parse_setting
from tests.doubles import Shell


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        (counterpoise.LLMOverSampler, declared_parameters("sampler", "LLMOverSampler")),
        (counterpoise.compare, declared_parameters("comparison", "compare")),
        (recipes.Recipe, parameters_of(recipes.Recipe)),
        (models.CompactModel, parameters_of(models.CompactModel)),
        (models.PretrainedModel, parameters_of(models.PretrainedModel)),
        (models.AutoModel, parameters_of(models.AutoModel)),
        (models.Backbone, parameters_of(models.Backbone)),
    ],
)
def test_parameters_are_read_as_they_are_declared(
    declared: object, found: dict[str, Parameter]
) -> None:
    parameters = inspect.signature(declared).parameters.values()
    expected = {p.name: p.default for p in parameters if p.default is not p.empty}
    assert {name: parameter.default for name, parameter in found.items()} == expected
    for parameter in found.values():
        assert parameter.type
        assert parameter.help.endswith(".")
        assert "`" not in parameter.help


def test_help_is_the_first_paragraph_without_markup() -> None:
    docstring = """Do something.

Parameters
----------
X : array of shape (n, m)
a, b : int or "auto", default="auto"
    Take ``"x"`` [1]_ or
    `this`.

    Python only.
c : {"d", "e"}, default="d"
    Choose.

Returns
-------
f : int
    Not a parameter.
"""
    both = ('int or "auto"', "Take x or this.")
    expected = {"a": both, "b": both, "c": ('{"d", "e"}', "Choose.")}
    assert _declared._documented(docstring) == {"X": ("array of shape (n, m)", ""), **expected}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("0.5", 0.5),
        ("1e-3", 1e-3),
        ("True", True),
        ("false", False),
        ("None", None),
        ("null", None),
        ("all", "all"),
        ('"3"', "3"),
        ("a=b", "a=b"),
        ("", None),
        (".5", 0.5),
        ("2020-01-01", "2020-01-01"),
        ("[1, 2]", [1, 2]),
    ],
)
def test_value_of_a_setting(text: str, value: object) -> None:
    assert parse_setting(f"recipe.name={text}") == ("recipe", "name", value)


def test_unknown_setting_shows_those_that_there_are(shell: Shell) -> None:
    table = shell.write("t.csv", "x,y\n1,no\n2,no\n3,yes\n")
    code, out, err = shell("resample", table, "--target", "y", "--set", "recipe.warmth=2")
    assert (code, out) == (2, "")
    assert "  recipe.temperature=1.0\n      Sampling temperature." in err
    assert "there is no recipe.warmth; there are train_on," in err.splitlines()[-1]
    code, _, err = shell("resample", table, "--target", "y", "--set", "model.lora_rank=2")
    assert (code, "model.batch_size" in err, "lora_rank=" in err) == (2, True, False)
    assert shell.samplers == []


def test_settings_are_listed_with_defaults_and_help(shell: Shell) -> None:
    code, out, _ = shell("compare", "--help-all")
    assert code == 0
    for name in inspect.signature(recipes.Recipe).parameters:
        assert f"  recipe.{name}=" in out
    assert "With --model compact:" in out
    assert "  model.n_layers=2\n      Number of transformer layers." in out
    assert "  model.n_layers=null\n      Keep the first layers only" in out
