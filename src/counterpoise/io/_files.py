"""Tables in files: CSV, TSV and Parquet, read and written with care.

Text files keep their spelling: a cell of a real row is written as it was read, and a synthetic
cell is spelled like its column.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import importlib.util
import os
import re
import stat
import sys
import uuid
import warnings
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pandas as pd

from counterpoise.errors import CounterpoiseError, MissingDependencyError, SchemaError
from counterpoise.io._formats import parse_column, spell_like

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_PARQUET_SUFFIXES = (".parquet", ".pq")
_KNOWN_SUFFIXES = (*_DELIMITERS, *_PARQUET_SUFFIXES)


class TableFileError(CounterpoiseError, ValueError):
    """A file that cannot be read as a table, or a place that no table can be written to."""


class TableWriteError(CounterpoiseError, OSError):
    """A table that was not written, for the system said no: a full disk, say."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it was read.

    Attributes
    ----------
    frame
        Shape (n_rows, n_columns): the values, with NaN for what is missing.
    text
        The same shape: the cells as the file spells them; None if the file is not text.
    delimiter
        What separates the cells in the file; None if the file is not text.
    """

    frame: pd.DataFrame
    text: pd.DataFrame | None = None
    delimiter: str | None = None

    def extended(self, synthetic: pd.DataFrame, *, as_text: bool) -> pd.DataFrame:
        """Return the real rows followed by `synthetic`.

        Parameters
        ----------
        synthetic
            Shape (n_synthetic, n_columns): rows with this table's columns, in any order.
        as_text
            Whether the result goes to a text file: cells are then texts where this table was read
            from one, the real ones exactly as they were read.
        """
        synthetic = synthetic[list(self.frame.columns)]
        if as_text and self.text is not None:
            serialized = {
                name: spell_like(synthetic[name], self.frame[name], self.text[name])
                for name in self.text.columns
            }
            made = pd.DataFrame(serialized, columns=self.text.columns, dtype=object)
            return pd.concat([self.text, made], ignore_index=True)
        return pd.concat([self.frame, synthetic.astype(self.frame.dtypes)], ignore_index=True)


def read_table(
    path: Path,
    *,
    missing: Collection[str] = (),
    as_text: Collection[str] = (),
    delimiter: str | None = None,
    encoding: str = "utf-8",
) -> Table:
    """Read a table from a CSV, TSV or Parquet file, by its suffix.

    In a text file the empty cell is missing. In a column that otherwise holds numbers only, so are
    the usual spellings (``NA``, ``NaN``, ``null``, ``None``, ``?`` and the like), and in one of
    ISO dates; in any other column they are categories. Numbers with leading zeros are texts.

    Parameters
    ----------
    path
        The file.
    missing
        Further spellings of a missing cell, in every column of a text file.
    as_text
        Columns of a text file whose cells stay texts whatever they look like.
    delimiter
        What separates the cells of a text file; by default what its suffix says.
    encoding
        How a text file is encoded; a byte order mark is passed over.

    Raises
    ------
    TableFileError
        If the file is not there, not known by its suffix, not readable as a table, or empty; or if
        its columns do not have names of their own.
    """
    path = Path(path)
    suffix = _known_suffix(path)
    if not path.exists():
        raise TableFileError(f"There is no file {str(path)!r}.{_similar_files(path)}")
    if path.is_dir():
        raise TableFileError(f"{str(path)!r} is a folder; a table is a file.")
    if suffix in _PARQUET_SUFFIXES:
        return Table(_read_parquet(path))
    delimiter = delimiter or _DELIMITERS[suffix]
    text = _read_text(path, delimiter, encoding)
    frame = pd.DataFrame(
        {
            name: parse_column(text[name], missing=missing, stays_text=name in as_text)
            for name in text.columns
        }
    )
    return Table(frame, text, delimiter)


def write_table(frame: pd.DataFrame, path: Path | None, *, delimiter: str | None = None) -> None:
    """Write a table to a file, or to standard output as CSV.

    The file appears whole or not at all: it is written beside its place under another name, and
    renamed. The format follows the suffix.

    Parameters
    ----------
    frame
        The table; its index is not written.
    path
        Where to; None for standard output.
    delimiter
        What separates the cells of a text file; by default what its suffix says.

    Raises
    ------
    TableFileError
        If the suffix is unknown.
    TableWriteError
        If the system does not let it be written.
    """
    if path is None:
        _write_text(frame, sys.stdout, delimiter or ",")
        sys.stdout.flush()
        return
    suffix = _known_suffix(path)
    try:
        with replaced_when_whole(path) as place:
            if suffix in _PARQUET_SUFFIXES:
                _require_pyarrow(path)
                frame.to_parquet(place, index=False)
            else:
                with place.open("w", encoding="utf-8", newline="") as stream:
                    _write_text(frame, stream, delimiter or _DELIMITERS[suffix])
    except OSError as error:
        raise TableWriteError(f"Cannot write {str(path)!r}: {_reason(error)}.") from error


def check_output(path: Path, *, overwrite: bool) -> None:
    """Raise unless a table can be written to `path`: to be called before any long work.

    Parameters
    ----------
    path
        Where a table is to be written later.
    overwrite
        Whether it may take the place of a file.

    Raises
    ------
    TableFileError
        If the suffix is unknown, the folder is not there or not writable, or there is something
        at `path` that must not be replaced.
    """
    suffix = _known_suffix(path)
    check_place(path, overwrite=overwrite)
    if suffix in _PARQUET_SUFFIXES:
        _require_pyarrow(path)


def check_place(path: Path, *, overwrite: bool) -> None:
    """Raise unless a file can be written at `path`; as `check_output`, whatever its suffix."""
    if path.is_dir():
        raise TableFileError(f"{str(path)!r} is a folder; name a file in it.")
    if path.is_file() and not overwrite:
        raise TableFileError(f"{str(path)!r} exists already; give --force to replace it.")
    folder = path.resolve().parent
    if not folder.is_dir():
        raise TableFileError(f"There is no folder {str(folder)!r} to write {path.name!r} in.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise TableFileError(f"The folder {str(folder)!r} is not writable.")


def check_column(name: str, columns: Sequence[str], role: str) -> None:
    """Raise unless `name` is one of `columns`, naming those that are close.

    Raises
    ------
    SchemaError
        If it is not.

    Examples
    --------
    >>> check_column("Churn", ["state", "churn"], "target")
    Traceback (most recent call last):
        ...
    counterpoise.errors.SchemaError: The table has no column 'Churn' (the target).
    Did you mean 'churn'?
    """
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


def _known_suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in _KNOWN_SUFFIXES:
        known = ", ".join(_KNOWN_SUFFIXES)
        what = f"the suffix {path.suffix!r}" if suffix else "no suffix"
        raise TableFileError(f"{str(path)!r} has {what}, which tells no format; known are {known}.")
    return suffix


def _similar_files(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return f" Its folder {str(path.parent)!r} is not there either."
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.8)
    return f" Did you mean {str(path.with_name(near[0]))!r}?" if near else ""


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


# --- Parquet ---------------------------------------------------------------------------------


def _require_pyarrow(path: Path) -> None:
    if importlib.util.find_spec("pyarrow") is None:
        raise MissingDependencyError(
            f"{str(path)!r} is a Parquet file, which needs pyarrow: "
            "pip install 'counterpoise[parquet]'.",
            extra="parquet",
        )


def _read_parquet(path: Path) -> pd.DataFrame:
    _require_pyarrow(path)
    from pyarrow import ArrowException

    try:
        frame = pd.read_parquet(path)
    except (ArrowException, OSError, ValueError) as error:
        raise TableFileError(
            f"{str(path)!r} cannot be read as Parquet: {_first_line(error)}."
        ) from error
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index(drop=True)
        warnings.warn(
            f"The index of {str(path)!r} is left out: a synthetic row has none.",
            UserWarning,
            stacklevel=3,
        )
    frame.columns = frame.columns.map(str)
    _check_header(list(frame.columns), path)
    _check_has_rows(len(frame), path)
    return frame


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


# --- text ------------------------------------------------------------------------------------


def _read_text(path: Path, delimiter: str, encoding: str) -> pd.DataFrame:
    """Return the cells of a delimited text file as they are spelled, all of them texts."""
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise TableFileError(f"A delimiter is one character, not {delimiter!r}.")
    content = _decode(path, encoding)
    if not content.strip():
        raise TableFileError(f"{str(path)!r} is empty.")
    rows = _records(content, delimiter, path)
    _, header = next(rows)
    _check_header(header, path)
    if len(header) == 1:
        _check_delimiter(header[0], delimiter, path)
    cells = [_whole_record(record, line, header, path) for line, record in rows]
    _check_has_rows(len(cells), path)
    return pd.DataFrame(cells, columns=header, dtype=object)


def _decode(path: Path, encoding: str) -> str:
    try:
        codec = codecs.lookup(encoding).name
    except (LookupError, ValueError) as error:
        raise TableFileError(f"There is no encoding {encoding!r}.") from error
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TableFileError(f"Cannot read {str(path)!r}: {_reason(error)}.") from error
    try:
        text = content.decode("utf-8-sig" if codec == "utf-8" else codec)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise TableFileError(
            f"{str(path)!r} is not {encoding}: line {line} holds the byte "
            f"0x{content[error.start]:02x}. Give its encoding, such as --encoding cp1252."
        ) from error
    except (LookupError, UnicodeError) as error:  # a codec of bytes, such as hex
        raise TableFileError(f"{encoding!r} is no encoding of text.") from error
    if "\0" in text:
        raise TableFileError(
            f"{str(path)!r} holds NUL characters: it is not text in {encoding}. If it is text "
            "all the same, give its encoding, such as --encoding utf-16."
        )
    return text


def _records(content: str, delimiter: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of a record's last line, and the record's cells; blank lines are not any."""
    reader = csv.reader(_lines(content), delimiter=delimiter, strict=True)
    try:
        for record in reader:
            if record:
                yield reader.line_num, record
    except csv.Error as error:
        raise TableFileError(
            f"{str(path)!r} cannot be read: {error} (line {reader.line_num})."
        ) from error


def _lines(content: str) -> list[str]:
    """Split at line ends and nowhere else; `str.splitlines` splits inside cells, too."""
    return re.findall(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+$", content)


def _whole_record(record: list[str], line: int, header: list[str], path: Path) -> list[str]:
    if len(record) != len(header):
        raise TableFileError(
            f"{str(path)!r}: line {line} has {_count(len(record), 'cell')}, "
            f"the header has {len(header)}."
        )
    return record


def _check_header(header: list[str], path: Path) -> None:
    twice = [name for name, count in Counter(header).items() if count > 1 and name]
    if twice:
        names = ", ".join(repr(name) for name in twice)
        raise TableFileError(
            f"{str(path)!r} has columns of the same name: {names}. Give each a name of its own."
        )
    for position, name in enumerate(header, start=1):
        if not name.strip():
            raise TableFileError(
                f"Column {position} of {str(path)!r} has no name. Name it, or take it out "
                "(pandas writes row numbers so, unless to_csv gets index=False)."
            )


def _check_delimiter(name: str, delimiter: str, path: Path) -> None:
    for other in (";", "\t", "|", ","):
        if other != delimiter and other in name:
            raise TableFileError(
                f"{str(path)!r} has one column, {name[:60]!r}. If its cells are separated by "
                f"{other!r}, say so with --delimiter."
            )


def _check_has_rows(n_rows: int, path: Path) -> None:
    if not n_rows:
        raise TableFileError(f"{str(path)!r} has a header and no row.")


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def _write_text(frame: pd.DataFrame, stream: TextIO, delimiter: str) -> None:
    # the csv module leaves a lone carriage return unquoted, and then reads it as a line's end
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


@contextmanager
def replaced_when_whole(path: Path) -> Iterator[Path]:
    """Yield a path to write to; a regular file there takes the place of `path` at the end."""
    place = path.resolve()
    if place.exists() and not place.is_file():
        yield place  # a pipe or a device: there is nothing to replace
        return
    draft = place.with_name(f".{place.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        yield draft
        if place.exists():
            draft.chmod(stat.S_IMODE(place.stat().st_mode))
        draft.replace(place)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
