"""The files of a command: the table it reads, checked against its options, and its report."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoise.errors import SchemaError, TableFileError

if TYPE_CHECKING:
    import pandas as pd

    from counterpoise.io import Table

_REPORT_METHODS = {".html": "to_html", ".htm": "to_html", ".md": "to_markdown", ".json": "to_json"}


def read_source(data: Path, target: str, options: dict[str, Any]) -> tuple[Table, dict[str, str]]:
    """Return a table and the types of columns that were named, once they have been checked.

    The other values of `table_options` are taken out of `options`.
    """
    from counterpoise.io import read_table

    missing, categorical = options.pop("missing"), options.pop("categorical")
    pairs = options.pop("column_types")
    types = dict(pairs)
    as_text = {name for name, type_ in types.items() if type_ in ("categorical", "text")}
    table = read_table(
        data,
        missing=missing,
        as_text=as_text.union(categorical, split_names(categorical, ())),
        delimiter=options.pop("delimiter"),
        encoding=options.pop("encoding"),
    )
    columns = list(table.frame.columns)
    check_column(target, columns, "target")
    if len(columns) == 1:
        raise SchemaError(f"The table has the target {target!r} and no other column.")
    pairs += tuple((name, "categorical") for name in split_names(categorical, columns))
    for name, type_ in pairs:
        check_column(name, columns, "column of --type or --categorical")
        if types.setdefault(name, type_) != type_:
            raise SchemaError(f"{name!r} cannot be both {types[name]} and {type_}", column=name)
        if name == target:
            raise SchemaError(f"{name!r} is the target, which has no type", column=name)
        if table.cells is not None:
            _check_times(table.cells[name], type_, missing)
    _check_target(table.frame[target])
    return table, types


def split_names(texts: Sequence[str], columns: Collection[str]) -> list[str]:
    """Return the columns that are given one by one or with commas between.

    >>> split_names(["zip,plan", "fee, total"], ["zip", "plan", "fee, total"])
    ['zip', 'plan', 'fee, total']
    """
    names: list[str] = []
    for text in texts:
        names += [text] if text in columns else [name.strip() for name in text.split(",")]
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


def check_report(path: Path, *, overwrite: bool) -> None:
    """Raise unless a report can be written to `path`, before any long work."""
    from counterpoise.io import check_destination

    if path.suffix.lower() not in _REPORT_METHODS:
        raise TableFileError(
            f"{str(path)!r} has no suffix of a report format: name it .html, .md or .json."
        )
    check_destination(path, overwrite=overwrite)


def write_report(report: Any, path: Path) -> None:
    """Write a report in the format of the suffix of `path`."""
    from counterpoise.io import atomic_write

    with atomic_write(path) as draft:
        getattr(report, _REPORT_METHODS[path.suffix.lower()])(draft)


def _check_times(cells: pd.Series[Any], type_: str, missing: Collection[str]) -> None:
    """Raise if a column of a text file holds times that are not read from such files."""
    from counterpoise.io import first_invalid_date

    if type_ == "duration":
        raise SchemaError(
            f"Column {cells.name!r} cannot be a duration: none are read from text files. Write it "
            "as a number, or give the table as .parquet.",
            column=cells.name,
        )
    invalid = first_invalid_date(cells, missing=missing) if type_ == "datetime" else None
    if invalid is not None:
        raise SchemaError(
            f"Column {cells.name!r} holds {invalid!r}: only ISO dates are read from text files, "
            "such as 2024-01-31, 2024-01-31 23:59 or 2024-01-31T23:59:59, in one form per column. "
            "Rewrite them, or give the table as .parquet.",
            column=cells.name,
        )


def _check_target(y: pd.Series[Any]) -> None:
    n_missing = int(y.isna().sum())
    if n_missing:
        raise SchemaError(
            f"The target {y.name!r} is missing in {n_missing:,} of {len(y):,} rows. "
            "Fill in these cells or remove the rows.",
            column=y.name,
        )
    if y.nunique() == 1:
        raise SchemaError(
            f"The target {y.name!r} is {y.iloc[0]!r} in every row: there is nothing to balance.",
            column=y.name,
        )
