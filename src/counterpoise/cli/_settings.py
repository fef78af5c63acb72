"""What ``--set`` changes: the parameters of the recipe and of the model."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import click

from counterpoise.cli._declared import Parameter, declared_parameters
from counterpoise.cli._terminal import say

SET_HELP = (
    "A parameter of the recipe or the model, such as recipe.temperature=0.7 or "
    "model.batch_size=16; --list-settings shows all."
)
_MODELS = {"compact": "CompactModel", "auto": "AutoModel"}  # all others are PretrainedModel


def matched(pattern: str, text: str, form: str) -> tuple[str, ...]:
    """Return the groups of `pattern` in `text`, which is to be of the `form` that is named."""
    found = re.fullmatch(pattern, text, re.DOTALL)
    if found is None:
        raise click.BadParameter(f"{text!r} is not of the form {form}")
    return found.groups()


def parse_setting(text: str) -> tuple[str, str, Any]:
    """Return owner, name and value.

    >>> parse_setting("recipe.epochs=20"), parse_setting("recipe.selection=none")
    (('recipe', 'epochs', 20), ('recipe', 'selection', None))
    """
    form = "recipe.NAME=VALUE or model.NAME=VALUE"
    owner, name, value = matched(r"\s*(recipe|model)\.(\w+)\s*=(.*)", text, form)
    return owner, name, parse_value(value)


def parse_value(text: str) -> Any:
    """Return the number, boolean, null or list that `text` is, else `text` itself."""
    text = text.strip()
    literals = {"": None, "none": None, "null": None, "true": True, "false": False}
    if text.lower() in literals:
        return literals[text.lower()]
    for parse in (int, float, json.loads):
        try:
            return parse(text)
        except ValueError:
            continue
    return text


def check_setting(owner: str, name: str, model: str) -> None:
    """Raise unless the recipe or the model has such a parameter, and show those that it has."""
    known = _parameters(owner, model)
    if name not in known:
        say("\n".join(_listed(owner, model)))
        raise click.BadParameter(
            f"there is no {owner}.{name}; there are {', '.join(known)}", param_hint="--set"
        )


def _parameters(owner: str, model: str) -> Mapping[str, Parameter]:
    if owner == "recipe":
        return declared_parameters("recipes", "Recipe")
    declared = declared_parameters("models", _MODELS.get(model, "PretrainedModel"))
    # the name of a pre-trained model is what --model gives
    return {name: parameter for name, parameter in declared.items() if name != "name"}


def _listed(owner: str, model: str) -> Iterator[str]:
    for name, parameter in _parameters(owner, model).items():
        default = json.dumps(parameter.default).strip('"')
        yield f"  {owner}.{name}={default}"
        yield textwrap.fill(parameter.help, 100, initial_indent=" " * 6, subsequent_indent=" " * 6)


def _show_settings(ctx: click.Context, _: click.Parameter, is_wanted: bool) -> None:
    if is_wanted:
        click.echo("What --set can change, with the defaults; a recipe may have others.\n")
        click.echo("\n".join(_listed("recipe", "")))
        for model in (*_MODELS, "NAME"):
            click.echo("\n".join(["", f"With --model {model}:", *_listed("model", model)]))
        ctx.exit()


list_settings_option = click.option(
    "--list-settings",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_settings,
    help="Show what --set can change, and exit.",
)
