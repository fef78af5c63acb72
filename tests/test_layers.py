"""Imports point one way: a package imports only what stands below it."""

import ast
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "counterpoise"

LAYERS = [
    {"errors", "_parameters", "_progress"},
    {"io", "grammar", "_table_classifier"},
    {"_munge"},
    {"columns"},
    {"serialization"},
    {"metrics"},
    {"models", "recipes", "constraints"},
    {"generation"},
    {"training"},
    {"persistence"},
    {"sampler"},
    {"calibration", "distillation", "scale"},
    {"report"},
    {"comparison"},
    {"cli"},
    {"__init__", "__main__"},
]
"""From the lowest to the highest; the packages of one layer do not import each other."""

RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}


@cache
def imports() -> list[tuple[str, str, str]]:
    """Every import between packages: importing file, importing package, imported package."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        own = path.relative_to(SOURCE).with_suffix("").parts[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or node.module is None:
                continue
            first, _, rest = node.module.partition(".")
            if first != "counterpoise":
                continue
            packages = [rest.partition(".")[0]] if rest else [name.name for name in node.names]
            found += [
                (str(path.relative_to(SOURCE)), own, package)
                for package in packages
                if package != own and package in RANK
            ]
    return found


def test_every_module_has_its_layer() -> None:
    tops = {path.stem if path.suffix else path.name for path in SOURCE.iterdir()}
    assert tops - {"__pycache__", "py"} <= set(RANK) | {"py"}


@pytest.mark.parametrize("layer", range(len(LAYERS)))
def test_a_package_imports_only_what_stands_below_it(layer: int) -> None:
    wrong = [
        f"{path} imports {imported}"
        for path, package, imported in imports()
        if RANK[package] == layer and RANK[imported] >= layer
    ]
    assert not wrong
