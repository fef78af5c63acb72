"""Options that commands share, each declared once, and the values that their texts stand for.

An option that is a parameter of `LLMOverSampler` has its default, type and help from there, and one
that is a constraint has the summary of its class.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from counterpoise.cli._declared import Parameter, declared_parameters, summary
from counterpoise.cli._settings import (
    SET_HELP,
    check_setting,
    list_settings_option,
    matched,
    parse_setting,
    parse_value,
)

if TYPE_CHECKING:
    import pandas as pd

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

SAMPLER = declared_parameters("sampler", "LLMOverSampler")
PATH = click.Path(path_type=Path)
_STRATEGIES = ("auto", "minority", "not minority", "not majority", "all")


def parameter_option(declared: Parameter, *flags: str, **attributes: Any) -> Decorator:
    """Return the option for a declared parameter: default, type and help are the parameter's."""
    choices = re.findall(r'"([^"]+)"', declared.type) if declared.type.startswith("{") else None
    words = re.findall(r"\w+", declared.type)
    numbers = [number for number in (float, int) if number.__name__ in words]
    from_declaration = {
        "type": click.Choice(choices) if choices else next(iter(numbers), str),
        "default": declared.default,
        "show_default": declared.default is not None,
        "help": declared.help,
    }
    return click.option(*flags, declared.name, **{**from_declaration, **attributes})


def path_option(flag: str, text: str, metavar: str = "FILE") -> Decorator:
    """Return the option for a file or folder to write."""
    return click.option(flag, type=PATH, metavar=metavar, help=text)


def repeatable(flag: str, name: str, metavar: str, text: str, parse: Any = str) -> Decorator:
    """Return the option for a list, of which `parse` reads each value."""
    return click.option(flag, name, metavar=metavar, type=parse, multiple=True, help=text)


def grouped(*options: Decorator) -> Decorator:
    """Return one decorator for several options, in the order in which help shows them."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def parse_strategy(text: str) -> str | float | dict[str, int]:
    """Return a sampling strategy; the keys of a dict are still texts.

    >>> parse_strategy("minority"), parse_strategy("0.5"), parse_strategy('{"yes": 900}')
    ('minority', 0.5, {'yes': 900})
    """
    strategy = parse_value(text)
    if text in _STRATEGIES:
        return text
    if type(strategy) in (int, float):
        return float(strategy)
    if not isinstance(strategy, dict):
        raise click.BadParameter(
            f'{text!r} is not {", ".join(_STRATEGIES)}, a number, or JSON like {{"yes": 900}}'
        )
    for name, count in strategy.items():
        if type(count) is not int or count < 1:
            raise click.BadParameter(f"class {name!r} must get 1 row or more, not {count!r}")
    return strategy


def parse_type(text: str) -> tuple[str, str]:
    """Return a column and its type.

    >>> parse_type("a=b=text")
    ('a=b', 'text')
    """
    column, type_ = matched(r"(.+)=(.+)", text, "COLUMN=TYPE")
    return column, type_


def parse_range(text: str) -> tuple[str, Any, Any]:
    """Return the arguments of a Range; an end that is left out is None.

    >>> parse_range("fee=0.5.."), parse_range("day=2020-01-01..2020-12-31")
    (('fee', 0.5, None), ('day', '2020-01-01', '2020-12-31'))
    """
    column, low, high = matched(r"(.+)=(.*?)\.\.(.*)", text, "COLUMN=LOW..HIGH")
    return column, parse_value(low), parse_value(high)


def parse_share(text: str) -> tuple[float]:
    """Return the arguments of a RangeMargin."""
    return (click.FloatRange(min=0)(text),)


def parse_categories(text: str) -> tuple[str, list[Any]]:
    """Return the arguments of Categories, given with commas between them or as a JSON list.

    >>> parse_categories("plan=basic,plus"), parse_categories('plan=["a, b"]')
    (('plan', ['basic', 'plus']), ('plan', ['a, b']))
    """
    column, values = matched(r"(.+?)=(.+)", text, "COLUMN=VALUE,VALUE")
    if not values.startswith("["):
        return column, [value.strip() for value in values.split(",")]
    try:
        return column, list(json.loads(values))
    except json.JSONDecodeError as error:
        raise click.BadParameter(f"{values!r} is not a JSON list: {error}") from None


def parse_columns(text: str) -> tuple[list[str]]:
    """Return the arguments of FixedCombinations."""
    return ([name.strip() for name in text.split(",")],)


def parse_inequality(text: str) -> tuple[str, str, str]:
    """Return the arguments of an Inequality.

    >>> parse_inequality("min price <= max price")
    ('min price', '<=', 'max price')
    """
    form = "'COLUMN <= COLUMN', with the spaces"
    left, operator, right = matched(r"\s*(.+?)\s+(<=|>=|<|>)\s+(.+?)\s*", text, form)
    return left, operator, right


def parse_output(text: str) -> Path | None:
    """Return the path of the output; None for ``-``, which is stdout."""
    return None if text == "-" else Path(text)


def class_named(text: str, classes: Iterable[Hashable], flag: str) -> Any:
    """Return the class that `text` stands for."""
    by_text = {str(class_): class_ for class_ in classes}
    if text not in by_text:
        message = f"there is no class {text!r}; there are {', '.join(map(repr, by_text))}"
        raise click.BadParameter(message, param_hint=flag)
    return by_text[text]


_CONSTRAINTS = {  # flag -> constraint, what follows the flag, what it is parsed by
    "--range": ("Range", "COLUMN=LOW..HIGH", parse_range),
    "--range-margin": ("RangeMargin", "SHARE", parse_share),
    "--categories": ("Categories", "COLUMN=VALUE,...", parse_categories),
    "--combination": ("FixedCombinations", "COLUMN,...", parse_columns),
    "--inequality": ("Inequality", "'COLUMN <= COLUMN'", parse_inequality),
}

table_options = grouped(
    click.argument("data", type=PATH),
    click.option("--target", required=True, metavar="COLUMN", help="The column of the classes."),
    repeatable("--missing", "missing", "TEXT", "A cell that means missing, as the empty one does."),
    click.option(
        "--delimiter",
        metavar="CHARACTER",
        help="What separates the cells of DATA, if not a comma in .csv and a tab in .tsv.",
    ),
    click.option(
        "--encoding",
        default="utf-8",
        metavar="NAME",
        show_default=True,
        help="Encoding of DATA; output is UTF-8.",
    ),
    repeatable(
        "--categorical",
        "categorical",
        "COLUMN,...",
        "Columns of categories that look like numbers.",
    ),
    repeatable("--type", "column_types", "COLUMN=TYPE", SAMPLER["column_types"].help, parse_type),
)
model_option = parameter_option(SAMPLER["model"], "--model", metavar="NAME")
device_option = parameter_option(SAMPLER["device"], "--device", metavar="NAME")
sampler_options = grouped(
    model_option,
    parameter_option(SAMPLER["recipe"], "--recipe", metavar="NAME"),
    repeatable("--set", "settings", "NAME=VALUE", SET_HELP, parse_setting),
    list_settings_option,
    *(
        repeatable(flag, name, metavar, summary("constraints", name), parse)
        for flag, (name, metavar, parse) in _CONSTRAINTS.items()
    ),
    click.option("--no-copies", is_flag=True, help=summary("constraints", "NoCopies")),
    device_option,
)
output_option = click.option(
    "--output",
    "-o",
    type=parse_output,
    metavar="FILE",
    help="Where to write: .csv, .tsv or .parquet; without it, or with -, CSV on stdout.",
)
force_option = click.option("--force", is_flag=True, help="Replace existing files.")
seed_option = parameter_option(
    SAMPLER["random_state"], "--seed", type=click.IntRange(min=0), metavar="INTEGER"
)
verbosity_options = grouped(
    click.option(
        "--verbose/--quiet",
        "-v/-q",
        default=True,
        help="Progress and a summary on stderr, or errors and warnings only.",
    ),
    click.option(
        "--debug", is_flag=True, expose_value=False, help="Show the traceback of an error."
    ),
)


def sampler_parameters(options: dict[str, Any], X: pd.DataFrame) -> dict[str, Any]:
    """Return the parameters that `sampler_options` set, whose values are taken out of `options`."""
    from counterpoise import constraints
    from counterpoise.models import get_model
    from counterpoise.recipes import get_recipe

    model_name, recipe_name = options.pop("model"), options.pop("recipe")
    changes: dict[str, dict[str, Any]] = {"recipe": {}, "model": {}}
    for owner, name, value in options.pop("settings"):
        check_setting(owner, name, model_name)
        changes[owner][name] = value
    recipe = get_recipe(recipe_name, **changes["recipe"])
    model = get_model(model_name).set_params(**changes["model"])
    recipe.validate()
    model.validate()
    wanted = [
        getattr(constraints, name)(*arguments)
        for name, *_ in _CONSTRAINTS.values()
        for arguments in options.pop(name)
    ]
    for constraint in wanted:
        if isinstance(constraint, constraints.Categories):  # a Parquet file may hold numbers
            by_text = {str(value): value for value in X.get(constraint.column, ())}
            constraint.values = [by_text.get(value, value) for value in constraint.values]
    if options.pop("no_copies"):
        wanted.append(constraints.NoCopies())
    return {
        "model": model if changes["model"] else model_name,
        "recipe": recipe if changes["recipe"] else recipe_name,
        "constraints": ["auto", *wanted] if wanted else "auto",
        "device": options.pop("device"),
    }
