"""Rows from where they are: a CSV file, a Python package's files, OpenML."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from counterpoise.errors import MissingDependencyError

__all__ = ["package_file", "read_csv", "read_keel", "read_openml"]


def read_csv(path: Path, numeric: Iterable[str] | None) -> pd.DataFrame:
    """Read a CSV file: numbers in the columns named, text elsewhere, an empty cell is missing.

    What is no number in a numeric column is missing too. With `numeric` None, types are those
    that pandas infers.
    """
    if numeric is None:
        return pd.read_csv(path, keep_default_na=False, na_values=[""])
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    for name in numeric:
        if name in frame:
            frame[name] = pd.to_numeric(frame[name], errors="coerce")
    return frame


def package_file(package: str, path: str) -> Path:
    """Find a file of an installed package, without importing the package.

    Raises
    ------
    MissingDependencyError
        If the package is not installed, or has no such file.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise MissingDependencyError(
            f"This table comes with the package {package.replace('_', '-')}: "
            "pip install 'counterpoise[bench]'.",
            extra="bench",
        )
    found = Path(spec.origin).parent / path
    if not found.is_file():
        raise MissingDependencyError(
            f"the installed {package.replace('_', '-')} has no {path}; the version that "
            "'counterpoise[bench]' asks for has",
            extra="bench",
        )
    return found


def read_keel(path: Path) -> pd.DataFrame:
    """Read a file in KEEL's format: numbers where it says real or integer, text elsewhere.

    Raises
    ------
    ValueError
        If a row has another number of cells than there are attributes.
    """
    kinds: dict[str, bool] = {}
    rows: list[list[str]] = []
    lines = _lines(path)
    for line in lines:
        word = line.split(maxsplit=1)[0].lower()
        if word == "@attribute":
            name, is_number = _attribute(line)
            kinds[name] = is_number
        elif word == "@data":
            break
    for line in lines:
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) != len(kinds):
            raise ValueError(f"{path.name}: a row has {len(cells)} cells, not {len(kinds)}: {line}")
        rows.append(cells)
    frame = pd.DataFrame(rows, columns=list(kinds)).replace({"?": None, "<null>": None})
    for name, is_number in kinds.items():
        if is_number:
            frame[name] = pd.to_numeric(frame[name])
    return frame


def _attribute(line: str) -> tuple[str, bool]:
    """Split ``@attribute age integer [0, 9]`` or ``@attribute colour {red, blue}``."""
    body = line.split(maxsplit=1)[1].replace("{", " {").replace("[", " [")
    name, kind = body.split(maxsplit=2)[:2]
    return name.strip("'\""), not kind.startswith("{")


def _lines(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.strip() and not line.startswith("%"):
            yield line.strip()


def read_openml(number: int) -> pd.DataFrame:
    """Fetch a data set of OpenML (needs the network the first time)."""
    from sklearn.datasets import fetch_openml

    frame: pd.DataFrame = fetch_openml(data_id=number, as_frame=True, parser="auto").frame
    return frame
