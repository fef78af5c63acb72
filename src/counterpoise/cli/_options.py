"""Options that commands share, each declared once, and the values that their texts stand for.

An option that is a parameter of `LLMOverSampler` has its default, type and help from there, and one
that is a constraint has the summary of its class. ``--help`` leaves out what few need;
``--help-all`` shows it, and the parameters of the recipe and the model, which ``--set`` changes.
"""

from __future__ import annotations

import contextlib
import difflib
import glob
import json
import re
import textwrap
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from counterpoise.cli._declared import Parameter, declared_parameters, parameters_of, summary
from counterpoise.cli._terminal import say
from counterpoise.errors import SchemaError

if TYPE_CHECKING:
    import pandas as pd

    from counterpoise.columns import Column
    from counterpoise.io import Table

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

SAMPLER = declared_parameters("sampler", "LLMOverSampler")
PATH = click.Path(path_type=Path)
_STRATEGIES = ("auto", "minority", "not minority", "not majority", "all")


class RareOption(click.Option):
    """An option that ``--help`` leaves out and ``--help-all`` shows."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        return super().get_help_record(ctx) if ctx.meta.get("counterpoise.help_all") else None


def option(
    usage: str, text: str | None, name: str | None = None, *, rare: bool = False, **attributes: Any
) -> Decorator:
    """Return the option that is used as ``--force``, ``--output -o FILE``, ``--report FILE ...``.

    One without a value is a flag; a trailing ``...`` says that it can be given several times.
    """
    flags = [word for word in usage.split() if word.startswith("-")]
    value = usage.split(maxsplit=len(flags))[len(flags) :]
    metavar = value[0].removesuffix(" ...") if value else None
    if metavar is None and "type" not in attributes:
        attributes["is_flag"] = True
    elif metavar in ("FILE", "FOLDER"):
        attributes = {"type": PATH, **attributes}
    attributes |= {"cls": RareOption} if rare else {}
    several, names = usage.endswith(" ..."), [name] if name else []
    return click.option(*flags, *names, metavar=metavar, help=text, multiple=several, **attributes)


def parameter_option(declared: Parameter, usage: str, **attributes: Any) -> Decorator:
    """Return the option for a declared parameter: default, type and help are the parameter's."""
    choices = re.findall(r'"([^"]+)"', declared.type) if declared.type.startswith("{") else None
    words = re.findall(r"\w+", declared.type)
    number_or_text = float if "float" in words else int if "int" in words else str
    from_declaration = {
        "type": click.Choice(choices) if choices else number_or_text,
        "default": declared.default,
        "show_default": declared.default is not None,
        "text": declared.help,
    }
    return option(usage, name=declared.name, **{**from_declaration, **attributes})


def grouped(*options: Decorator) -> Decorator:
    """Return one decorator for several options, in the order in which help shows them."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def matched(pattern: str, form: str, text: str) -> tuple[str, ...]:
    """Return the groups of `pattern` in `text`, which is to be of the `form` that is named."""
    found = re.fullmatch(pattern, text, re.DOTALL)
    if found is None:
        raise click.BadParameter(f"{text!r} is not of the form {form}")
    return found.groups()


def parse_value(text: str) -> Any:
    """Return the number, boolean, null or list that `text` is, else `text` itself."""
    text = text.strip()
    literals = {"": None, "none": None, "null": None, "true": True, "false": False}
    if text.lower() in literals:
        return literals[text.lower()]
    for parse in (int, float, json.loads):
        with contextlib.suppress(ValueError):
            return parse(text)
    return text


def parse_setting(text: str) -> tuple[str, str, Any]:
    """Return owner, name and value of a setting, such as ``recipe.epochs=20``."""
    form = "recipe.NAME=VALUE or model.NAME=VALUE"
    owner, name, value = matched(r"\s*(recipe|model)\.(\w+)\s*=(.*)", form, text)
    return owner, name, parse_value(value)


def parse_strategy(text: str) -> str | float | dict[str, int]:
    """Return a sampling strategy; the keys of a dict are still texts."""
    if text in _STRATEGIES:
        return text
    strategy = parse_value(text)
    if type(strategy) in (int, float):
        if not 0 < strategy <= 1:
            ratio = "minority rows per majority row, above 0 and at most 1"
            raise click.BadParameter(f"a number is {ratio}; rows are given as in CLASS={text}")
        return float(strategy)
    if not isinstance(strategy, dict):
        pairs = [re.fullmatch(r"(.+)=\s*(\d+)", part.strip()) for part in text.split(",")]
        if not all(pairs):
            raise click.BadParameter(
                f"{text!r} is not {', '.join(_STRATEGIES)}, a number up to 1, or rows by class, "
                'such as yes=900,maybe=300 or the JSON {"yes": 900}'
            )
        strategy = {pair[1].strip(): int(pair[2]) for pair in pairs if pair}
    for name, count in strategy.items():
        if type(count) is not int or count < 1:
            raise click.BadParameter(f"class {name!r} must get 1 row or more, not {count!r}")
    return strategy


def parse_range(text: str) -> tuple[str, Any, Any]:
    """Return the arguments of a Range; an end that is left out is None.

    >>> parse_range("fee=0.5.."), parse_range("day=2020-01-01..2020-12-31")
    (('fee', 0.5, None), ('day', '2020-01-01', '2020-12-31'))
    """
    column, low, high = matched(r"(.+)=(.*?)\.\.(.*)", "COLUMN=LOW..HIGH", text)
    return column, parse_value(low), parse_value(high)


def parse_categories(text: str) -> tuple[str, list[Any]]:
    """Return the arguments of Categories, given with commas between them or as a JSON list.

    >>> parse_categories("plan=basic,plus"), parse_categories('plan=["a, b"]')
    (('plan', ['basic', 'plus']), ('plan', ['a, b']))
    """
    column, values = matched(r"(.+?)=(.+)", "COLUMN=VALUE,VALUE", text)
    if not values.startswith("["):
        return column, [value.strip() for value in values.split(",")]
    if not isinstance(parsed := parse_value(values), list):
        raise click.BadParameter(f'{values!r} is not a JSON list, such as ["a, b"]')
    return column, parsed


def parse_shard(text: str) -> tuple[int, int]:
    """Return a shard and the number of shards, as in ``3/64``."""
    which, n_shards = map(int, matched(r"(\d{1,9})/(\d{1,9})", "SHARD/SHARDS, such as 3/64", text))
    if which >= n_shards:
        raise click.BadParameter(f"shards count from 0, and {text!r} is none of them")
    return which, n_shards


def parse_relation(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the name of a constraint and the texts of its arguments."""
    for name, pattern in _RELATIONS.items():
        if found := re.fullmatch(rf"\s*{pattern}\s*", text, re.DOTALL):
            return name, tuple(part.strip() for part in found.groups())
    raise click.BadParameter(
        f"{text!r} is not of the form 'total = a + b', 'start <= end' or 'branch, day -> city'"
    )


def parse_condition(text: str, columns: Iterable[Column]) -> tuple[Hashable, Any]:
    """Return a column and the value of it that ``COLUMN=VALUE`` names, in the column's type."""
    fitting = [column for column in columns if text.startswith(f"{column.name}=")]
    if not fitting:
        name = matched(r"(.+?)=.*", "COLUMN=VALUE", text)[0]
        check_column(name, [str(column.name) for column in columns], "column of --condition")
    column = max(fitting, key=lambda column: len(str(column.name)))
    value = text[len(f"{column.name}=") :]
    if column.is_text:
        return column.name, value  # which the sampler refuses
    by_text = {str(value): value for value in getattr(column, "categories", ())}
    for candidate in (*([by_text[value]] if value in by_text else []), value, parse_value(value)):
        with contextlib.suppress(ValueError):
            column.code_of(candidate)
            return column.name, candidate
    return column.name, value  # of which the sampler says what is wrong


def unknown(what: str, known: Iterable[str], flag: str) -> click.BadParameter:
    """Return the error that what an option names is not among those `known`."""
    message = f"there is no {what}; there are {', '.join(known)}"
    return click.BadParameter(message, param_hint=flag)


def class_named(text: str, classes: Iterable[Hashable], flag: str) -> Any:
    """Return the class that `text` stands for."""
    by_text = {str(class_): class_ for class_ in classes}
    if text not in by_text:
        raise unknown(f"class {text!r}", map(repr, by_text), flag)
    return by_text[text]


def strategy_for(strategy: Any, y: pd.Series[Any]) -> Any:
    """Return what `parse_strategy` gave for the classes in `y`; raise where it asks for less."""
    counts, problem = y.value_counts(), None
    if isinstance(strategy, float):
        if len(counts) != 2:
            problem = f"a number is for two classes, and there are {len(counts)}: give a=900,b=300"
        elif strategy < (ratio := counts.iloc[1] / counts.iloc[0]):
            already = f"{ratio:.3g} minority rows per majority row already"
            problem = f"there are {already}, more than {strategy:g}: no row is removed"
    elif isinstance(strategy, dict):
        names = counts.index
        strategy = {class_named(name, names, "--strategy"): n for name, n in strategy.items()}
        for class_, n in strategy.items():
            if n < counts[class_]:
                already = f"class {str(class_)!r} has {counts[class_]:,} rows already"
                problem = f"{already}, more than {n:,}: give the rows that it is to have in all"
    if problem is not None:
        raise click.BadParameter(problem, param_hint="--strategy")
    return strategy


def _settings(owner: str, model: str) -> dict[str, Parameter]:
    """Return the parameters of the recipe, or of the model with the name `model`."""
    from counterpoise.models import get_model
    from counterpoise.recipes import Recipe

    declared = parameters_of(Recipe if owner == "recipe" else type(get_model(model)))
    # the name of a pre-trained model is what --model gives
    return {name: parameter for name, parameter in declared.items() if name != "name"}


def _listed_settings(owner: str, model: str) -> Iterator[str]:
    for name, parameter in _settings(owner, model).items():
        default = json.dumps(parameter.default).strip('"')
        yield f"  {owner}.{name}={default}"
        yield textwrap.fill(parameter.help, 100, initial_indent=" " * 6, subsequent_indent=" " * 6)


def _show_all_options(ctx: click.Context, _: click.Parameter, is_wanted: bool) -> None:
    if not is_wanted:
        return
    ctx.meta["counterpoise.help_all"] = True
    click.echo(ctx.get_help())
    if any(option.name == "settings" for option in ctx.command.params):
        click.echo("\nWhat --set can change, with the defaults; a recipe may have others.\n")
        click.echo("\n".join(_listed_settings("recipe", "")))
        for model in ("compact", "auto", "NAME"):
            click.echo(f"\nWith --model {model}:")
            click.echo("\n".join(_listed_settings("model", model)))
    ctx.exit()


_RELATIONS = {
    "FunctionalDependency": r"(.+?)\s*->\s*(.+?)",
    "Inequality": r"(.+?)\s*(<=|>=|<|>)\s*(.+?)",
    "Formula": r"(.+?)\s*=\s*([^=].*?)",
}
"""By constraint the form in which ``--relation`` gives it; the first that matches counts."""

_INEQUALITY = r"\s*(.+?)\s+(<=|>=|<|>)\s+(.+?)\s*", "'COLUMN <= COLUMN', with the spaces"
_CONSTRAINTS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "Range": ("--range COLUMN=LOW..HIGH ...", parse_range),
    "RangeMargin": ("--range-margin SHARE ...", lambda text: (click.FloatRange(min=0)(text),)),
    "Categories": ("--categories COLUMN=VALUE,... ...", parse_categories),
    "FixedCombinations": ("--combination COLUMN,... ...", lambda text: (_split_names([text], ()),)),
    "Inequality": ("--inequality 'COLUMN <= COLUMN' ...", lambda text: matched(*_INEQUALITY, text)),
}
"""By constraint its option, and what that is parsed by."""

file_options = grouped(
    option("--missing TEXT ...", "A cell that means missing, as the empty one does."),
    option(
        "--delimiter CHARACTER",
        "What separates the cells of a text file. [default: a comma in .csv, a tab in .tsv]",
        rare=True,
    ),
    option(
        "--encoding NAME",
        "Encoding of text files that are read; output is UTF-8.",
        rare=True,
        default="utf-8",
        show_default=True,
    ),
    option("--categorical COLUMN,... ...", "Columns of categories that look like numbers."),
    option(
        "--type COLUMN=TYPE ...",
        SAMPLER["column_types"].help,
        "column_types",
        type=lambda text: matched(r"(.+)=(.+)", "COLUMN=TYPE", text),
    ),
    option(
        "--decimal",
        "The decimal mark of numbers. [default: per column, as its cells show]",
        rare=True,
        type=click.Choice([".", ","]),
    ),
    option(
        "--date-format FORMAT ...",
        "How dates are written, such as %d/%m/%Y: in each column where all cells are so. "
        "[default: per column, as its cells show]",
        "date_formats",
        rare=True,
    ),
)
table_options = grouped(
    click.argument("data", type=PATH),
    option("--target COLUMN", "The column of the classes.", required=True),
    file_options,
)


engine_options = grouped(
    option(
        "--engine",
        "Have the workers of a cluster of Ray write the parts; all must reach --output.",
        rare=True,
        type=click.Choice(["ray"]),
    ),
    option("--address ADDRESS", "Of the cluster; without it, of this machine.", rare=True),
)


def dataset_options(declared: dict[str, Parameter]) -> Decorator:
    """Return the options for data sets in many files."""
    number = click.IntRange(min=1)
    rows = "--rows-per-part INTEGER"
    return grouped(
        parameter_option(declared["copy"], "--copy", rare=True, is_flag=True, type=bool),
        parameter_option(declared["max_rows"], "--max-rows INTEGER", rare=True, type=number),
        parameter_option(declared["rows_per_part"], rows, rare=True, type=number),
        parameter_option(
            declared["shard"],
            "--shard SHARD/SHARDS",
            text="Of a data set: write one of so many shards of the parts, counted from 0.",
            rare=True,
            type=parse_shard,
            default="0/1",
        ),
        engine_options,
    )


def is_dataset(data: Path, output: Path | None) -> bool:
    """Whether a table is given as a folder, a glob or an address, or is to be written in parts."""
    text = str(data)
    is_pattern = glob.has_magic(text) and not data.exists()
    is_file = data.suffix in (".parquet", ".pq") and output is not None and not output.suffix
    return data.is_dir() or is_pattern or is_file or re.match(r"\w{2,}:/", text) is not None


device_option = parameter_option(SAMPLER["device"], "--device NAME", rare=True)


def sampler_options(**recipe: Any) -> Decorator:
    """Return the options that `sampler_parameters` reads; `recipe` is for ``--recipe``."""
    return grouped(
        parameter_option(SAMPLER["model"], "--model NAME"),
        parameter_option(SAMPLER["recipe"], "--recipe NAME", **recipe),
        option("--id COLUMN,... ...", SAMPLER["id_columns"].help, "id_columns"),
        option("--drop COLUMN,... ...", SAMPLER["passthrough_columns"].help, "passthrough_columns"),
        option(
            "--set NAME=VALUE ...",
            "A parameter of the recipe or the model, such as recipe.temperature=0.7 or "
            "model.batch_size=16; --help-all shows all.",
            "settings",
            type=parse_setting,
        ),
        *(
            option(
                usage,
                summary("constraints", name),
                name,
                rare=name not in ("Range", "Categories"),
                type=parse,
            )
            for name, (usage, parse) in _CONSTRAINTS.items()
        ),
        option("--no-copies", summary("constraints", "NoCopies")),
        option(
            "--relations",
            "Keep the relations between columns that hold in every row, or none of them. "
            "[default: auto, but off with the published recipes]",
            type=click.Choice(["auto", "off"]),
        ),
        option(
            "--relation TEXT ...",
            "A relation that every synthetic row satisfies: 'total = a + b', 'start <= end' or "
            "'branch -> city' (the branch determines the city).",
            type=parse_relation,
        ),
        option(
            "--drop-relation COLUMN,... ...",
            "Do not keep what was found between these columns.",
            rare=True,
        ),
        device_option,
    )


output_option = option(
    "--output -o FILE",
    "Where to write: .csv, .tsv or .parquet; without it, or with -, CSV on stdout.",
    type=lambda text: None if text == "-" else Path(text),
)
report_option = option(
    "--report FILE ...", "Write a report: .html (a single file), .md or .json.", "reports"
)
escape_option = option(
    "--escape-formulas",
    "In .csv and .tsv, put an apostrophe before text that a spreadsheet would compute, as it "
    "begins with =, +, - or @; in real rows too.",
    rare=True,
)
force_option = option("--force", "Replace existing files.")
seed_option = parameter_option(
    SAMPLER["random_state"], "--seed INTEGER", type=click.IntRange(min=0)
)
verbosity_options = grouped(
    option(
        "--verbose/--quiet -v/-q",
        "Progress and a summary on stderr, or errors and warnings only.",
        default=True,
    ),
    option("--debug", "Show the traceback of an error.", rare=True, expose_value=False),
    option(
        "--help-all",
        "Show all options, also those that few need, and exit.",
        is_eager=True,
        expose_value=False,
        callback=_show_all_options,
    ),
)


def sampler_parameters(options: dict[str, Any], X: pd.DataFrame) -> dict[str, Any]:
    """Return the parameters that `sampler_options` set, whose values are taken out of `options`."""
    from counterpoise import constraints
    from counterpoise.models import get_model
    from counterpoise.recipes import get_recipe, recipe_names

    model_name, recipe_name = options.pop("model"), options.pop("recipe")
    changes: dict[str, dict[str, Any]] = {"recipe": {}, "model": {}}
    for owner, name, value in options.pop("settings"):
        known = _settings(owner, model_name)
        if name not in known:
            say("\n".join(_listed_settings(owner, model_name)))
            raise unknown(f"{owner}.{name}", known, "--set")
        changes[owner][name] = value
    if recipe_name not in (known_recipes := recipe_names()):
        raise unknown(f"recipe {recipe_name!r}", known_recipes, "--recipe")
    recipe = get_recipe(recipe_name, **changes["recipe"])
    model = get_model(model_name).set_params(**changes["model"])
    try:
        recipe.validate()
        model.validate()
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--set") from error
    options["Categories"] = [
        (name, _in_types_of(X.get(name), values)) for name, values in options["Categories"]
    ]
    wanted = [
        getattr(constraints, name)(*arguments)
        for name in _CONSTRAINTS
        for arguments in options.pop(name)
    ]
    if options.pop("no_copies"):
        wanted.append(constraints.NoCopies())
    names, relations = list(X.columns), options.pop("relations")
    wanted += [_relation(name, arguments, names) for name, arguments in options.pop("relation")]
    for text in options.pop("drop_relation"):
        wanted.append(constraints.Drop(named_columns([text], names, "--drop-relation")))
    if relations == "auto" or (relations is None and wanted and recipe.relations):
        wanted.insert(0, "auto")
    passed_through = named_columns(options.pop("passthrough_columns"), names, "--drop")
    return {
        "model": model if changes["model"] else model_name,
        "recipe": recipe if changes["recipe"] else recipe_name,
        "constraints": wanted or ("auto" if relations is None else None),
        "id_columns": named_columns(options.pop("id_columns"), names, "--id") or "auto",
        "passthrough_columns": passed_through or None,
        "device": options.pop("device"),
    }


def _in_types_of(column: pd.Series[Any] | None, texts: list[Any]) -> list[Any]:
    """Return values as a column has them: one of a Parquet file may hold numbers."""
    if column is None:
        return texts
    by_text, is_number = {str(value): value for value in column}, column.dtype.kind in "iuf"
    return [by_text.get(str(one), parse_value(str(one)) if is_number else one) for one in texts]


def _relation(constraint: str, arguments: tuple[str, ...], columns: Sequence[str]) -> Any:
    """Return the constraint, and name similar columns where one is not there."""
    from counterpoise import constraints

    given: tuple[Any, ...] = arguments
    if constraint == "Formula":
        column = arguments[0].removeprefix("`").removesuffix("`")
        named, given = [column], (column, arguments[1])
    elif constraint == "FunctionalDependency":
        determinants = _split_names(arguments[:1], columns)
        named, given = [*determinants, arguments[1]], (determinants, arguments[1])
    else:
        named = [arguments[0], arguments[2]]
    for name in named:
        check_column(name, columns, "column of --relation")
    return getattr(constraints, constraint)(*given)


def read_source(
    data: Path, target: str | None, options: dict[str, Any]
) -> tuple[Table, dict[str, str]]:
    """Return a checked table and its named types; takes the `file_options` out of `options`."""
    from counterpoise.columns import Schema

    names = ("missing", "delimiter", "encoding", "decimal", "date_formats")
    given = {name: options.pop(name) for name in names}
    categorical, pairs = options["categorical"], options["column_types"]
    as_text = {name for name, type_ in pairs if type_ in ("categorical", "text") or ":" in type_}
    table = _read(data, as_text.union(categorical, _split_names(categorical, ())), given)
    columns = list(table.frame.columns)
    if target is not None:
        check_column(target, columns, "target")
        if len(columns) == 1:
            raise SchemaError(f"The table has the target {target!r} and no other column.")
    types = declared_types(options, columns, target)
    types |= _read_notations(table, target, types, given)
    known: dict[Hashable, str] = {
        name: type_ for name, type_ in types.items() if table.frame[name].notna().any()
    }
    if known:
        Schema.infer(table.frame[list(known)], kinds=known)  # raises where a type does not fit
    if target is not None and (n_missing := int(table.frame[target].isna().sum())):
        message = (
            f"is missing in {n_missing:,} of {len(table.frame):,} rows: fill in or remove them"
        )
        raise SchemaError(f"The target {target!r} {message}.", column=target)
    return table, types


def declared_types(
    options: dict[str, Any], columns: Sequence[str], target: str | None
) -> dict[str, str]:
    """Return the types of --type and --categorical, which are taken out of `options`."""
    types: dict[str, str] = {}
    categorical = _split_names(options.pop("categorical"), columns)
    pairs = [*options.pop("column_types"), *((name, "categorical") for name in categorical)]
    for name, type_ in pairs:
        check_column(name, columns, "column of --type or --categorical")
        if types.setdefault(name, type_) != type_:
            raise SchemaError(f"{name!r} cannot be both {types[name]} and {type_}", column=name)
        if name == target:
            raise SchemaError(f"{name!r} is the target, which has no type", column=name)
    return types


def _read(path: Path, as_text: Collection[str], given: Mapping[str, Any]) -> Table:
    from counterpoise.io import read_table

    how = {name: given[name] for name in ("missing", "delimiter", "encoding")}
    return read_table(path, as_text=as_text, **how)


def check_classes(y: pd.Series[Any]) -> None:
    """Raise if there is a single class, or what is no class."""
    if y.dtype.kind == "f" and (fractions := y[y % 1 != 0]).size:
        message = f"holds numbers such as {fractions.iloc[0]:g}. Put them into a few groups first."
        raise SchemaError(f"The target {y.name!r} {message}", column=y.name)
    if y.nunique() == 1:
        message = f"is {y.iloc[0]!r} in every row: there is nothing to balance."
        raise SchemaError(f"The target {y.name!r} {message}", column=y.name)


def read_like(
    path: Path, real: Table, target: str | None, types: dict[str, str], options: Mapping[str, Any]
) -> pd.DataFrame:
    """Return another table with the columns of `real`, whose cells are read as those of `real`."""
    import pandas as pd

    from counterpoise.io import parse_cells
    from counterpoise.report._build import check_same_columns

    known = real.frame
    table = _read(path, [str(name) for name in known if known[name].dtype.kind == "O"], options)
    frame = table.frame
    check_same_columns(list(known), list(frame), f"The rows of {str(path)!r}")
    _read_notations(table, target, types, options)
    for name in known:
        kind, own = known[name].dtype.kind, frame[name].dtype.kind
        where = f"{str(path)!r}: column {name!r} holds"
        if own == "f" and (is_infinite := frame[name].abs() == float("inf")).any():
            row = int(is_infinite.to_numpy().argmax()) + 1
            raise SchemaError(f"{where} an infinite number in row {row}. Replace it.", column=name)
        if table.cells is not None and own == "O" and kind in "iufM" and frame[name].notna().any():
            cells = table.cells[name][frame[name].notna()]
            is_wrong = cells.map(lambda cell: parse_cells(pd.Series([cell])).dtype.kind == "O")
            at = int(is_wrong.to_numpy().argmax())
            wrong = f"{cells.iloc[at]!r} in row {cells.index[at] + 1}"
            others = f"{'dates' if kind == 'M' else 'numbers'} in the real rows"
            raise SchemaError(f"{where} {wrong}, and {others}.", column=name)
        if (table.cells is None) != (real.cells is None) and kind not in "iufM":
            for one in (known, frame):  # a Parquet file has other types of the same values
                one[name] = one[name].astype(object).map(str, na_action="ignore")
    return frame


def _read_notations(
    table: Table, target: str | None, types: Mapping[str, str], given: Mapping[str, Any]
) -> dict[str, str]:
    """Replace numbers and dates that a text file holds as text; return the types of these."""
    found: dict[str, str] = {}
    if table.cells is None:
        return found
    frame = table.frame
    for name in frame.columns.difference([target], sort=False):
        cells, type_ = table.cells[name], types.get(name, "")
        frame[name], type_ = _written(frame[name], cells, type_, given)
        if type_:
            found[name] = type_
    return found


def _split_names(texts: Sequence[str], columns: Collection[str]) -> list[str]:
    """Return the columns that are given one by one or with commas between.

    >>> _split_names(["zip,plan", "fee, total"], ["zip", "plan", "fee, total"])
    ['zip', 'plan', 'fee, total']
    """
    names: list[str] = []
    for text in texts:
        names += [text] if text in columns else [name.strip() for name in text.split(",")]
    return names


def named_columns(texts: Sequence[str], columns: Sequence[str], flag: str) -> list[str]:
    """Return the columns that an option names, all of which there are."""
    names = _split_names(texts, columns)
    for name in names:
        check_column(name, columns, f"column of {flag}")
    return names


def check_column(name: str, columns: Sequence[str], role: str) -> None:
    """Raise unless `name` is one of `columns`, and suggest similar ones."""
    if name in columns:
        return
    folded = {column.casefold().strip(): column for column in columns}
    near = difflib.get_close_matches(name.casefold().strip(), folded, n=3, cutoff=0.6)
    if near:
        hint = f"Did you mean {' or '.join(repr(folded[key]) for key in near)}?"
    else:
        shown = ", ".join(repr(column) for column in columns[:20])
        hint = f"It has {shown}{', ...' if len(columns) > 20 else ''}."
    raise SchemaError(f"The table has no column {name!r} (the {role}). {hint}", column=name)


def _written(
    values: pd.Series[Any], cells: pd.Series[Any], type_: str, given: Mapping[str, Any]
) -> tuple[pd.Series[Any], str]:
    """Return a column of a text file, and its type, where it holds numbers or dates as text."""
    from counterpoise.columns._written import DateNotation, NumberNotation, texts_of, written_values
    from counterpoise.io import without_missing

    if type_.partition(":")[0] in ("categorical", "ordered", "text"):
        return values, type_
    decimal, has_points = given["decimal"], cells.str.contains(".", regex=False).any()
    may_be_thousands = values.dtype.kind == "f" and has_points and decimal == "," and not type_
    if values.dtype.kind != "O" and not may_be_thousands:
        return values, type_
    text = without_missing(cells.mask(values.isna()))
    if type_:
        return text, type_
    texts = texts_of(text)
    for form in given["date_formats"]:
        try:
            notation = DateNotation.parse(form).padded_as(texts)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--date-format") from error
        if notation is not None and texts:
            return text, f"datetime:{notation}"
    many = written_values(text)
    if decimal is not None:
        for one in NumberNotation.found(many):
            if one.decimal == decimal or (not one.decimal and one.thousands != decimal):
                return text, f"{'decimal' if one.decimal else 'integer'}:{one}"
    is_written = DateNotation.found(many) or NumberNotation.found(many)
    return (text if is_written else values), ""
