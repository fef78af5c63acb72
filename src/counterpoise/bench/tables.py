"""Tables ready to be split."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from counterpoise.bench.sources import package_file, read_csv, read_keel, read_openml
from counterpoise.bench.specification import TABLES, TableSpec
from counterpoise.evaluate.classifiers import categorical_columns

__all__ = ["DATA_DIR_VARIABLE", "BenchTable", "load_table"]

DATA_DIR_VARIABLE = "COUNTERPOISE_DATA_DIR"


@dataclass(frozen=True, slots=True)
class BenchTable:
    """A table as methods and classifiers get it.

    Attributes
    ----------
    spec : TableSpec
    X : DataFrame of shape (n_rows, n_features)
        Numbers where the feature is numeric, text elsewhere.
    y : Series of shape (n_rows,)
        Labels, text.
    positive : str
        The class that is filled and scored.
    """

    spec: TableSpec
    X: pd.DataFrame
    y: pd.Series[Any]
    positive: str

    @property
    def categorical(self) -> list[str]:
        """The features that are no numbers."""
        return [str(name) for name in categorical_columns(self.X)]

    @property
    def column_kinds(self) -> dict[Hashable, str]:
        """The `column_kinds` argument of the language-model over-sampler."""
        kinds: dict[Hashable, str] = dict.fromkeys(self.categorical, "categorical")
        return kinds


def load_table(
    table: str | TableSpec,
    data_dir: Path | None = None,
    *,
    own: Mapping[str, TableSpec] | None = None,
    allow_network: bool = False,
) -> BenchTable:
    """Load a table of the benchmark.

    Its file in `data_dir` comes first, then the package that holds it, then OpenML.

    Parameters
    ----------
    table
        Its name, or what is to be known of it.
    data_dir
        Folder of ``NAME.csv`` files; by default what ``COUNTERPOISE_DATA_DIR`` names.
    own
        Further tables, by name.
    allow_network
        Whether OpenML may be asked.

    Raises
    ------
    ValueError
        If there is no table of that name, its rows are nowhere, or they are not as expected.
    """
    spec = table if isinstance(table, TableSpec) else _specification(table, own or {})
    frame = _read(spec, data_dir, allow_network=allow_network)
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


def _specification(name: str, own: Mapping[str, TableSpec]) -> TableSpec:
    if name in own:
        return own[name]
    if name not in TABLES:
        raise ValueError(f"no table {name!r}; there are {', '.join([*TABLES, *own])}")
    return TABLES[name]


def _read(spec: TableSpec, data_dir: Path | None, *, allow_network: bool) -> pd.DataFrame:
    if spec.file is not None:
        return read_csv(Path(spec.file), spec.numeric)
    folder = data_dir or Path(os.environ.get(DATA_DIR_VARIABLE, "."))
    path = folder / f"{spec.name}.csv"
    if path.is_file():
        return read_csv(path, spec.numeric)
    if spec.package is not None:
        found = package_file(*spec.package)
        if found.suffix == ".dat":
            return read_keel(found)
        frame: pd.DataFrame = pd.read_pickle(found, compression="xz")  # noqa: S301
        return frame.infer_objects()
    if spec.openml is not None and allow_network:
        number, names = spec.openml
        return read_openml(number).rename(columns=names)
    raise ValueError(
        f"no {spec.name}.csv in {str(folder)!r}: get the table from {spec.page} and name its "
        f"folder with --data-dir or {DATA_DIR_VARIABLE}"
    )


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
