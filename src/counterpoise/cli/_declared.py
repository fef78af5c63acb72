"""Parameters as the package declares them: defaults from signatures, help from numpydoc.

Those of the commands are read from the source without importing it, so that ``--help`` loads
neither NumPy nor torch and no option repeats what is documented elsewhere. The first paragraph of a
parameter's description is its help; what only concerns Python belongs in a second one.
"""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a public class or function; `type` is numpydoc's: ``int or "auto"``."""

    name: str
    default: Any
    type: str = ""
    help: str = ""


def declared_parameters(module: str, name: str) -> dict[str, Parameter]:
    """Return the keyword parameters of a function, or of a class with an ``__init__``, by name."""
    function = definition = _definition(module, name)
    if isinstance(definition, ast.ClassDef):
        function = next(n for n in definition.body if getattr(n, "name", "") == "__init__")
    names = [argument.arg for argument in function.args.kwonlyargs]
    defaults = map(ast.literal_eval, function.args.kw_defaults)
    return _parameters(dict(zip(names, defaults, strict=True)), ast.get_docstring(definition) or "")


def parameters_of(cls: type) -> dict[str, Parameter]:
    """Return the parameters of an imported class; what it inherits is documented by its bases."""
    docstrings = [inspect.cleandoc(base.__doc__ or "") for base in reversed(cls.__mro__)]
    defaults = {p.name: p.default for p in inspect.signature(cls).parameters.values()}
    return _parameters(defaults, *docstrings)


def summary(module: str, name: str) -> str:
    """Return the first line of a docstring."""
    docstring = ast.get_docstring(_definition(module, name)) or ""
    return _plain(docstring.partition("\n")[0])


def _definition(module: str, name: str) -> Any:
    """Return the class or function `name`, from the file that `module` imports it from."""
    package, path = files("counterpoise"), module.replace(".", "/")
    is_package = package.joinpath(path).is_dir()
    file = package.joinpath(f"{path}/__init__.py" if is_package else f"{path}.py")
    source = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(source):  # imports may be under TYPE_CHECKING
        if isinstance(node, ast.ImportFrom) and name in [alias.name for alias in node.names]:
            return _definition(str(node.module).removeprefix("counterpoise."), name)
    return next(node for node in source.body if getattr(node, "name", None) == name)


def _parameters(defaults: dict[str, Any], *docstrings: str) -> dict[str, Parameter]:
    documented = {name: own for text in docstrings for name, own in _documented(text).items()}
    return {name: Parameter(name, defaults[name], *documented.get(name, ())) for name in defaults}


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
