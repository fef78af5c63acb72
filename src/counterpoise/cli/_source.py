"""The table that a command is given: read, and checked against what its options name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import typer

from counterpoise.cli._values import column_names
from counterpoise.errors import SchemaError
from counterpoise.io._files import (
    Table,
    TableFileError,
    check_column,
    check_place,
    read_table,
    replaced_when_whole,
)
from counterpoise.io._formats import first_undated

if TYPE_CHECKING:
    from counterpoise.report._document import Report


@dataclass(frozen=True, slots=True)
class Source:
    """A table, its target, and how to read it; an attribute for each option."""

    data: Path
    target: str
    missing: tuple[str, ...]
    delimiter: str | None
    encoding: str
    categorical: tuple[str, ...]
    kinds: Mapping[str, str]

    def read(self) -> tuple[Table, dict[str, str]]:
        """Return the table, and the kinds of the columns that were named.

        Raises
        ------
        TableFileError, SchemaError, typer.BadParameter
            If it cannot be read, or is not what the options say.
        """
        table = _read(self)
        kinds = _check_columns(self, table.frame)
        if table.text is not None:
            _check_times(kinds, table.text, self.missing)
        _check_target(table.frame[self.target])
        return table, kinds


def _read(source: Source) -> Table:
    named = {name for name, kind in source.kinds.items() if kind in ("categorical", "text")}
    for text in source.categorical:
        named |= {text, *column_names([text], ())}
    return read_table(
        source.data,
        missing=source.missing,
        as_text=named,
        delimiter=source.delimiter,
        encoding=source.encoding,
    )


def _check_columns(source: Source, frame: pd.DataFrame) -> dict[str, str]:
    """Check that every column an option names is there; return the kinds of columns."""
    columns = list(frame.columns)
    check_column(source.target, columns, "target")
    if len(columns) == 1:
        raise SchemaError(f"The table has the target {source.target!r} and no other column.")
    kinds = dict(source.kinds)
    for name in kinds:
        check_column(name, columns, "column of --kind")
    for name in column_names(source.categorical, columns):
        check_column(name, columns, "column of --categorical")
        if kinds.setdefault(name, "categorical") != "categorical":
            raise typer.BadParameter(
                f"{name!r} cannot be both categorical and {kinds[name]}",
                param_hint="--categorical",
            )
    if source.target in kinds:
        raise typer.BadParameter(
            f"{source.target!r} is the target, whose values are classes anyway",
            param_hint="--kind / --categorical",
        )
    return kinds


def _check_times(kinds: Mapping[str, str], text: pd.DataFrame, missing: Collection[str]) -> None:
    """Raise where a column of a text file is to hold times that no text file is read with."""
    for name, kind in kinds.items():
        if kind == "duration":
            raise SchemaError(
                f"Column {name!r} cannot be a duration: none is read from a text file. Write it "
                "as a number, or give the table as .parquet.",
                column=name,
            )
        undated = first_undated(text[name], missing=missing) if kind == "datetime" else None
        if undated is not None:
            raise SchemaError(
                f"Column {name!r} holds {undated!r}: only ISO dates are read from a text file, "
                "such as 2024-01-31, 2024-01-31 23:59 or 2024-01-31T23:59:59, and of one form in "
                "a column. Rewrite them, or give the table as .parquet.",
                column=name,
            )


def _check_target(y: pd.Series[Any]) -> None:
    n_missing = int(y.isna().sum())
    if n_missing:
        raise SchemaError(
            f"The target {y.name!r} is missing in {n_missing:,} of {len(y):,} rows. "
            "Fill these cells or take the rows out.",
            column=y.name,
        )
    if y.nunique() == 1:
        raise SchemaError(
            f"The target {y.name!r} is {y.iloc[0]!r} in every row: there is nothing to balance.",
            column=y.name,
        )


# Reports as files: the suffix says which form.


_FORMS: Final = {".html": "to_html", ".htm": "to_html", ".md": "to_markdown", ".json": "to_json"}


def check_report(path: Path, *, overwrite: bool) -> None:
    """Raise unless a report can be written to `path`: to be called before any long work.

    Raises
    ------
    TableFileError
        If the suffix is none of .html, .md and .json, or nothing can be written there.
    """
    if path.suffix.lower() not in _FORMS:
        raise TableFileError(f"{str(path)!r} tells no form of report: name it .html, .md or .json.")
    check_place(path, overwrite=overwrite)


def write_report(report: Report, path: Path) -> None:
    """Write a report in the form that the suffix of `path` says."""
    with replaced_when_whole(path) as place:
        getattr(report, _FORMS[path.suffix.lower()])(place)
