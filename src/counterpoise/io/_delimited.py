"""Delimited text files as cells of text: CSV and TSV, in any encoding."""

from __future__ import annotations

import codecs
import csv
import re
from pathlib import Path
from typing import TextIO

import pandas as pd

from counterpoise.errors import TableFileError


def read_cells(path: Path, delimiter: str, encoding: str) -> pd.DataFrame:
    """Return every cell of a delimited text file as it stands there."""
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise TableFileError(f"A delimiter is one character, not {delimiter!r}.")
    content = _decode(path, encoding)
    if not content.strip():
        raise TableFileError(f"{str(path)!r} is empty.")
    reader = csv.reader(_lines(content), delimiter=delimiter, strict=True)
    header: list[str] = []
    rows = []
    try:
        for row in reader:
            if row and not header:
                header = row
                _check_delimiter(header, delimiter, path)
            elif row:  # not a blank line
                _check_length(len(row), len(header), reader.line_num, path)
                rows.append(row)
    except csv.Error as error:
        raise TableFileError(
            f"{str(path)!r} cannot be read: {error} (line {reader.line_num})."
        ) from error
    return pd.DataFrame(rows, columns=header, dtype=object)


def write_delimited(frame: pd.DataFrame, stream: TextIO, delimiter: str) -> None:
    """Write a table as delimited text."""
    # the csv module does not quote a lone carriage return, but reads it as the end of a line
    has_returns = any(
        "\r" in cell for name in frame.columns for cell in frame[name] if isinstance(cell, str)
    )
    frame.to_csv(
        stream,
        sep=delimiter,
        index=False,
        lineterminator="\n",
        quoting=csv.QUOTE_ALL if has_returns else csv.QUOTE_MINIMAL,
    )


def _decode(path: Path, encoding: str) -> str:
    try:
        codec = codecs.lookup(encoding).name
    except (LookupError, ValueError) as error:
        raise TableFileError(f"There is no encoding {encoding!r}.") from error
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TableFileError(f"Cannot read {str(path)!r}: {error.strerror or error}.") from error
    try:
        # a byte order mark is dropped
        text = content.decode("utf-8-sig" if codec == "utf-8" else codec)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise TableFileError(
            f"{str(path)!r} is not {encoding}: line {line} holds the byte "
            f"0x{content[error.start]:02x}. Give its encoding, such as --encoding cp1252."
        ) from error
    except (LookupError, UnicodeError) as error:  # a codec of bytes, such as hex
        raise TableFileError(f"{encoding!r} is not a text encoding.") from error
    if "\0" in text:
        raise TableFileError(
            f"{str(path)!r} holds NUL characters: it is not text in {encoding}. If it is text, "
            "give its encoding, such as --encoding utf-16."
        )
    return text


def _lines(content: str) -> list[str]:
    """Split at line ends only; `str.splitlines` also splits at other characters, inside cells."""
    return re.findall(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+$", content)


def _check_delimiter(header: list[str], delimiter: str, path: Path) -> None:
    if len(header) > 1:
        return
    for other in (";", "\t", "|", ","):
        if other != delimiter and other in header[0]:
            raise TableFileError(
                f"{str(path)!r} has one column, {header[0][:60]!r}. If its cells are separated by "
                f"{other!r}, give --delimiter."
            )


def _check_length(n_cells: int, n_columns: int, line: int, path: Path) -> None:
    if n_cells != n_columns:
        raise TableFileError(
            f"{str(path)!r}: line {line} has {n_cells} cell{'' if n_cells == 1 else 's'}, "
            f"the header has {n_columns}."
        )
