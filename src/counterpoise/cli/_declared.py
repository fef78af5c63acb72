"""Parameters as the package declares them: defaults from signatures, help from numpydoc.

They are read from the source without importing it, so that ``--help`` loads neither NumPy nor torch
and no option repeats what is documented elsewhere. The first paragraph of a parameter's description
is its help; what only concerns Python belongs in a second one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

_Definition = ast.ClassDef | ast.FunctionDef


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a public class or function; `type` is numpydoc's: ``int or "auto"``."""

    name: str
    type: str
    default: Any
    help: str


@cache
def declared_parameters(module: str, name: str) -> dict[str, Parameter]:
    """Return those parameters of a class or function that have a default.

    `module` is where users import it from, relative to the package. What a class inherits is looked
    up in the file that defines it.
    """
    definitions = list(_with_bases(_definitions(module, name), name))
    documented: dict[str, tuple[str, str]] = {}
    for definition in reversed(definitions):
        documented |= _documented(ast.get_docstring(definition) or "")
    return {
        parameter: Parameter(parameter, documented[parameter][0], default, documented[parameter][1])
        for parameter, default in _defaults(definitions)
    }


def summary(module: str, name: str) -> str:
    """Return the first line of a docstring."""
    docstring = ast.get_docstring(_definitions(module, name)[name]) or ""
    return _plain(docstring.partition("\n")[0])


def _definitions(module: str, name: str) -> dict[str, _Definition]:
    """Return the classes and functions of the file that defines `name`, by name."""
    source = _parsed(module)
    for node in ast.walk(source):  # imports may be under TYPE_CHECKING
        if isinstance(node, ast.ImportFrom) and name in [alias.name for alias in node.names]:
            source = _parsed(str(node.module).removeprefix("counterpoise."))
            break
    return {node.name: node for node in source.body if isinstance(node, _Definition)}


@cache
def _parsed(module: str) -> ast.Module:
    package, path = files("counterpoise"), module.replace(".", "/")
    is_package = package.joinpath(path).is_dir()
    file = package.joinpath(f"{path}/__init__.py" if is_package else f"{path}.py")
    return ast.parse(file.read_text(encoding="utf-8"))


def _with_bases(definitions: dict[str, _Definition], name: str) -> Iterator[_Definition]:
    """Yield a definition, and for a class its bases in the same module."""
    yield definitions[name]
    for base in getattr(definitions[name], "bases", []):
        if isinstance(base, ast.Name) and base.id in definitions:
            yield from _with_bases(definitions, base.id)


def _defaults(definitions: list[_Definition]) -> Iterator[tuple[str, Any]]:
    """Yield name and default of each parameter of a function, ``__init__`` or a dataclass."""
    nodes = [
        node
        for definition in definitions
        for node in (definition.body if isinstance(definition, ast.ClassDef) else [definition])
    ]
    for node in nodes:
        if isinstance(node, ast.FunctionDef) and node.name in ("__init__", definitions[0].name):
            yield from _argument_defaults(node)
            return
    for node in nodes:
        if not isinstance(node, ast.AnnAssign) or "ClassVar" in ast.unparse(node.annotation):
            continue
        if node.value is not None:
            yield ast.unparse(node.target), ast.literal_eval(node.value)


def _argument_defaults(function: ast.FunctionDef) -> Iterator[tuple[str, Any]]:
    arguments = function.args
    positional = arguments.args[len(arguments.args) - len(arguments.defaults) :]
    defaults = [*arguments.defaults, *arguments.kw_defaults]
    for argument, default in zip([*positional, *arguments.kwonlyargs], defaults, strict=True):
        if default is not None:
            yield argument.arg, ast.literal_eval(default)


def _documented(docstring: str) -> dict[str, tuple[str, str]]:
    """Return type and help by name from the section "Parameters"."""
    section = re.search(
        r"^Parameters\n-+\n(.*?)(?:^\S+\n-{3,}$|\Z)", docstring, re.MULTILINE | re.DOTALL
    )
    entry = r"^(\S.*?) : (.*)\n((?:(?: .*)?\n)*)"
    found = re.findall(entry, f"{section[1]}\n" if section else "", re.MULTILINE)
    return {
        name: (re.sub(r",? default=.*", "", type_), _plain(description.strip().split("\n\n")[0]))
        for names, type_, description in found
        for name in names.split(", ")
    }


def _plain(text: str) -> str:
    """Return reStructuredText as it reads on a command line, where strings have no quotes."""
    text = re.sub(r"\s*\[\d+\]_|:\w+:(?=`)", "", text)
    text = re.sub(r'``"([^"`]*)"``|(?<==)"(\w+)"', r"\1\2", text)
    return " ".join(text.replace("`", "").split())
