"""Tables in files, by suffix: CSV, TSV and other text, Parquet, and Excel to read.

A real cell of a text file is written as it was read, and a generated one in the form of its column:
``007`` is a code and stays text, ``1.50`` keeps its zero, and ``NA`` is missing in a column of
numbers or dates and a category elsewhere. Start with `read_table`; `parse_cells` says what cells
mean, and `format_like` writes values in their form.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import difflib
import gzip
import io
import os
import re
import stat
import sys
import unicodedata
import uuid
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
import pandas as pd
from pandas.api import types

from counterpoise.errors import TableFileError, TableWriteError, needs_extra, warn_user

if TYPE_CHECKING:
    import pyarrow as pa

STDIN = Path("-")
_STDOUT = "to standard output"
DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
_PARQUET = (".parquet", ".pq")
_EXCEL = (".xlsx",)
_COMPRESSED = (".gz", ".zst")  # text files that are read

# in lower case; missing in a column of numbers or dates
_MISSING = ("", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "none", "?")

_NUMBER = r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*"
_INTEGER = r"\s*[+-]?\d+\s*"
_CODE = r"\s*[+-]?0\d.*"  # leading zeros, which only text keeps
_LARGEST_EXACT_FLOAT = 2**53

_DELIMITER_LINE = re.compile(
    r"""["']?sep=([^"'\w\r\n])["']?[ ,;\t]*(?:\r\n|\r|\n)""", re.IGNORECASE
)

_FORMULA = re.compile(r"\s*[=+@\uff1d\uff0b\uff0d\uff20-]|[\t\r\n]")
_SIGNED = re.compile(r"\s*[+-][\d\s.,'%]*(?:[eE][+-]?\d+)?")  # a number, which is no formula

_BEGINNINGS = {  # of files that are often named as tables of text, and what to do with them
    b"\x1f\x8b": "It is compressed by gzip: name it .csv.gz, or unpack it.",
    b"PK\x03\x04": "It is a spreadsheet or a zip archive: name it .xlsx, or unpack it.",
    b"\xd0\xcf\x11\xe0": "It is a spreadsheet: save it as CSV.",
    b"BZh": "It is compressed by bzip2: unpack it.",
    b"\xfd7zXZ": "It is compressed by xz: unpack it.",
    b"\x28\xb5\x2f\xfd": "It is compressed by zstd: name it .csv.zst, or unpack it.",
    b"PAR1": "It is a Parquet file: name it .parquet.",
    b"\xff\xfe": "Give its encoding, --encoding utf-16.",
    b"\xfe\xff": "Give its encoding, --encoding utf-16.",
}
_LONGEST_INTEGER = 20  # characters of an int64, with its sign

_DAY = r"(?!0000)\d{4}-\d\d-\d\d"  # there is no year 0
_DATE_FORMATS = {  # pattern -> format of the ISO dates that are understood
    _DAY: "%Y-%m-%d",
    rf"{_DAY} \d\d:\d\d": "%Y-%m-%d %H:%M",
    rf"{_DAY} \d\d:\d\d:\d\d": "%Y-%m-%d %H:%M:%S",
    rf"{_DAY}T\d\d:\d\d": "%Y-%m-%dT%H:%M",
    rf"{_DAY}T\d\d:\d\d:\d\d": "%Y-%m-%dT%H:%M:%S",
}


def _error(path: Path, problem: str) -> TableFileError:
    return TableFileError(f"{str(path)!r} {problem}")


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it was read: its values, and what the file itself holds and gets again."""

    frame: pd.DataFrame
    cells: pd.DataFrame | None = None  # of a text file
    delimiter: str | None = None
    arrow: pa.Table | None = None  # of a Parquet file

    def append(self, rows: pd.DataFrame, *, as_text: bool) -> pd.DataFrame:
        """Return the real rows followed by generated `rows`; with `as_text` for a text file."""
        rows = rows[list(self.frame.columns)]
        if as_text and self.cells is not None:
            cells = {
                name: format_like(rows[name], self.frame[name], self.cells[name]) for name in rows
            }
            return pd.concat([self.cells, pd.DataFrame(cells, dtype=object)], ignore_index=True)
        gaps = rows.columns[rows.isna().any()]  # numbers that are carried along
        dtypes = {
            name: rows[name].dtype if name in gaps and dtype.kind in "iub" else dtype
            for name, dtype in self.frame.dtypes.items()
        }
        rows = rows.astype(dtypes)
        if self.arrow is None:
            return pd.concat([self.frame, rows], ignore_index=True)
        import pyarrow as pa

        if as_text:
            whole = pd.concat([self.frame, rows], ignore_index=True)
            for name, column in zip(self.arrow.column_names, self.arrow.columns, strict=True):
                if pa.types.is_decimal(column.type):
                    made = arrow_like(column, rows[name])
                    decimals = [*column.to_pylist(), *made.to_pylist()]
                    whole[name] = [None if cell is None else f"{cell:f}" for cell in decimals]
            return whole
        columns = [arrow_like(self.arrow[name], rows[name]) for name in rows]
        parts = pa.concat_tables([self.arrow, pa.table(columns, schema=self.arrow.schema)])
        return pd.DataFrame(parts.unify_dictionaries().to_pandas(types_mapper=pd.ArrowDtype))

    def check_as_text(self) -> None:
        """Raise if a column of a Parquet file has no form in a text file, warn if one says less."""
        if self.arrow is None:
            return
        import pyarrow as pa
        import pyarrow.compute as pc

        for field in self.arrow.schema:
            kind, column = field.type, self.arrow[field.name]
            if pa.types.is_dictionary(kind):
                kind, column = kind.value_type, column.cast(kind.value_type)
            if pa.types.is_nested(kind) or "binary" in str(kind):
                raise TableFileError(
                    f"Column {field.name!r} holds {kind}, which a text file cannot. Write .parquet."
                )
            texts = column.cast(pa.large_string()) if "string" in str(kind) else None
            if texts is not None and texts.null_count and pc.any(pc.equal(texts, "")).as_py():
                message = (
                    f"Column {field.name!r} holds empty text and missing cells, which are the same "
                    "in a text file. Write .parquet to tell them apart."
                )
                warn_user(message)


def read_table(
    path: Path,
    *,
    missing: Collection[str] = (),
    as_text: Collection[str] = (),
    delimiter: str | None = None,
    encoding: str = "utf-8",
) -> Table:
    """Read a table; the options are for text files, `as_text` names columns; see `parse_cells`."""
    suffix = table_suffix(path)
    if path == STDIN:
        path = Path("stdin")
    elif not path.exists():
        raise TableFileError(f"There is no file {str(path)!r}.{_similar_file(path)}")
    if path.is_dir():
        raise _error(path, "is a folder; a table is a file.")
    if suffix in _PARQUET:
        return _read_parquet(path)
    if suffix in _EXCEL:
        return _read_excel(path, missing, as_text)
    usual = None if suffix == ".txt" else DELIMITERS[suffix]
    cells, delimiter = _read_cells(path, delimiter, usual, encoding)
    columns = {
        name: parse_cells(cells[name], missing=missing, as_text=name in as_text) for name in cells
    }
    return Table(pd.DataFrame(columns), cells, delimiter)


def write_table(
    frame: pd.DataFrame,
    path: Path | None,
    *,
    delimiter: str | None = None,
    source: Table | None = None,
    n_real: int = 0,
    escape_formulas: bool = False,
) -> None:
    """Write a table without its index: to a file, whole or not at all, or to stdout as CSV.

    Columns of `source` keep the types that they have in its file. The first `n_real` rows are its
    own: they are read again, and compared with it, before the file takes its place. With
    `escape_formulas`, text and names that a spreadsheet would compute get an apostrophe in front,
    in a text file.
    """
    if escape_formulas and (path is None or table_suffix(path) in DELIMITERS):
        frame = _escaped(frame)
        source = source and replace(
            source,
            frame=_escaped(source.frame),
            cells=None if source.cells is None else _escaped(source.cells),
        )
    if path is None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", newline="")  # as a file, in any locale
        with writing_to(_STDOUT):
            _write_delimited(frame, sys.stdout, delimiter or ",")
            sys.stdout.flush()
        return
    delimiter = delimiter or DELIMITERS.get(table_suffix(path))
    with writing_to(repr(str(path))), atomic_write(path) as draft:
        if delimiter is None:
            _write_parquet(frame, draft, source)
        else:
            with draft.open("w", encoding="utf-8", newline="") as stream:
                _write_delimited(frame, stream, delimiter)
        if source is not None and n_real and draft.is_file():
            _check_real_rows(draft, delimiter, source, n_real)


@contextmanager
def writing_to(what: str) -> Iterator[None]:
    """Turn an OSError into the TableWriteError that `what` cannot be written."""
    try:
        yield
    except OSError as error:
        if isinstance(error, BrokenPipeError) and what == _STDOUT:
            raise  # what reads it has seen enough
        raise TableWriteError(f"Cannot write {what}: {error.strerror or error}.") from error


def _check_real_rows(draft: Path, delimiter: str | None, source: Table, n_real: int) -> None:
    """Raise unless a file begins with the rows of `source`: its cells, or else its values."""
    names = list(source.frame.columns)
    if delimiter is None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        written = pq.ParquetFile(draft).read(names)
        own = source.arrow or pa.Table.from_pandas(source.frame, preserve_index=False)
        wrong = [name for name in names if not _is_same(own[name], written[name][:n_real])]
    else:
        cells = _read_cells(draft, delimiter, delimiter, "utf-8")[0].iloc[:n_real]
        wrong = []
        for at, name in enumerate(names):
            if source.cells is not None:
                is_same = cells.iloc[:, at].equals(source.cells[name])
            else:
                is_same = _stands_for(cells.iloc[:, at], source.frame[name])
            wrong += [] if is_same else [name]
    if wrong:
        raise OSError(f"real rows would not be as they were read, in {', '.join(wrong)}")


def _stands_for(cells: pd.Series[Any], values: pd.Series[Any]) -> bool:
    """Return whether the cells of a text file are read as `values`; the missing are empty."""
    is_present = values.notna().to_numpy()
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(object).infer_objects()
    texts, present = cells[is_present].tolist(), values[is_present]
    if (cells[~is_present] != "").any():
        return False
    if types.is_datetime64_any_dtype(present):
        read = pd.Series(texts, index=present.index, dtype=object).astype(present.dtype)
        return bool((read == present).all())
    if types.is_numeric_dtype(present) and not types.is_bool_dtype(present):
        parse = int if types.is_integer_dtype(present) else present.dtype.type
        return list(map(parse, texts)) == present.tolist()
    return texts == [f"{one:f}" if isinstance(one, Decimal) else str(one) for one in present]


def _escaped(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which no text or name begins as a formula of a spreadsheet does."""
    columns = {
        _without_formula(name): column
        if types.is_numeric_dtype(column) or types.is_datetime64_any_dtype(column)
        else pd.Series(list(map(_without_formula, column)), index=frame.index, dtype=object)
        for name, column in frame.items()
    }
    return pd.DataFrame(columns, index=frame.index)


def _without_formula(value: Any) -> Any:
    is_formula = isinstance(value, str) and _FORMULA.match(value) and not _SIGNED.fullmatch(value)
    return f"'{value}" if is_formula else value


def check_output(path: Path | None, *, overwrite: bool) -> None:
    """Raise unless a table can be written to `path`, or to stdout, before any long work."""
    if path is None:
        if sys.stdout is None:  # closed, as by >&-
            raise TableFileError("The standard output is closed. Name a file with --output.")
        return
    suffix = table_suffix(path)
    if suffix in _EXCEL or path.suffix.lower() in _COMPRESSED:
        raise TableFileError(
            f"{path.suffix} files are read, not written: name {str(path)!r} .csv, .tsv or .parquet."
        )
    check_destination(path, overwrite=overwrite)
    if suffix in _PARQUET:
        _require_pyarrow(path)


def check_destination(path: Path, *, overwrite: bool) -> None:
    """Raise unless a file, of whatever kind, can be written to `path`."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        mode = stat.S_IFREG
    except OSError as error:
        raise TableFileError(f"Cannot write {str(path)!r}: {error.strerror}.") from error
    else:
        if stat.S_ISDIR(mode):
            raise _error(path, "is a folder; name a file in it.")
        if stat.S_ISREG(mode) and not overwrite:
            raise _error(path, "exists already; give --force to replace it.")
    folder = path.resolve().parent
    if not folder.is_dir():
        raise TableFileError(f"There is no folder {str(folder)!r} to write {path.name!r} in.")
    if not stat.S_ISREG(mode):
        return  # a pipe or a device
    try:  # what is allowed says less: a disk may be full or read-only
        draft = _draft_of(path.resolve())
        draft.touch(exist_ok=False)
        draft.unlink()
    except OSError as error:
        message = f"The folder {str(folder)!r} is not writable: {error.strerror}."
        raise TableFileError(message) from error


def check_distinct(paths: Iterable[tuple[str, Path | None]], *, may_hold: str = "") -> None:
    """Raise if two paths, each with the option that named it, lead to one file or folder.

    No path is inside of another either, but for that of the option `may_hold`.
    """
    given = [(option, path) for option, path in paths if path is not None]
    options: dict[object, str] = {}
    for option, path in given:
        if (key := _identity(path)) in options:
            raise TableFileError(f"{options[key]} and {option} are the same, {str(path)!r}.")
        options[key] = option
    for option, path in given:
        for folder in Path(os.path.realpath(path)).parents:
            holder = options.get(_identity(folder), may_hold)
            if holder != may_hold:
                raise TableFileError(f"{option}, {str(path)!r}, is inside of {holder}.")


def _identity(path: Path) -> object:
    """Return what is equal for two paths to one file, through links and on a disk without case."""
    with contextlib.suppress(OSError):
        found = path.stat()
        return found.st_dev, found.st_ino
    path = Path(os.path.realpath(path))
    return _identity(path.parent), unicodedata.normalize("NFC", path.name).casefold()


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a path to write to; the file written there replaces `path` at the end of the block.

    It has the owner and the permissions of the file that it replaces, and fewer until then.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        yield target  # a pipe or a device cannot be replaced
        return
    old = target.stat() if target.exists() else None
    draft = _draft_of(target)
    try:
        draft.touch(0o666 if old is None else 0o600, exist_ok=False)
        yield draft
        with draft.open("r+b") as file:
            os.fsync(file.fileno())
        if old is not None:
            with contextlib.suppress(AttributeError, PermissionError):  # none on Windows
                os.chown(draft, old.st_uid, old.st_gid)
            draft.chmod(stat.S_IMODE(old.st_mode))
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _draft_of(target: Path) -> Path:
    """Return a new name beside `target`, however long its own is."""
    return target.with_name(f".{target.name[:40]}.{uuid.uuid4().hex[:8]}.tmp")


def table_suffix(path: Path) -> str:
    """Return the suffix that says how a table is written; what comes from stdin is CSV."""
    suffix = ".csv" if path == STDIN else _without_compression(path).suffix.lower()
    known = (*DELIMITERS, *_PARQUET, *_EXCEL)
    if path.suffix.lower() in _COMPRESSED and suffix not in DELIMITERS:
        raise _error(path, f"is compressed, so it must be text, such as .csv{path.suffix}.")
    if suffix not in known:
        given = f"unknown suffix {path.suffix!r}" if suffix else "no suffix"
        raise _error(path, f"has {given}; known are {', '.join(known)}.")
    return suffix


def table_name(path: Path) -> str:
    """Return the name of a table in a file, for titles."""
    return "Table" if path == STDIN else _without_compression(path).stem


def _without_compression(path: Path) -> Path:
    return path.with_suffix("") if path.suffix.lower() in _COMPRESSED else path


def _similar_file(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return f" Its folder {str(path.parent)!r} does not exist either."
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.8)
    return f" Did you mean {str(path.with_name(near[0]))!r}?" if near else ""


def _read_cells(
    path: Path, delimiter: str | None, usual: str | None, encoding: str
) -> tuple[pd.DataFrame, str]:
    """Return every cell of a delimited text file as it stands there, and the delimiter.

    Without a given delimiter, it is that of a first line ``sep=;``, as Excel writes and hides it,
    or what is in the header most often if there is no `usual` one.
    """
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise TableFileError(f"A delimiter is one character, not {delimiter!r}.")
    content, n_skipped = _decode(path, encoding), 0
    if declared := _DELIMITER_LINE.match(content):
        delimiter = delimiter or declared[1]
        content, n_skipped = content[declared.end() :], 1
    if not content.strip():
        raise _error(path, "is empty.")
    delimiter = delimiter or usual or max("\t;,|", key=content.splitlines()[0].count)
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    try:
        for row in filter(None, reader):  # not the blank lines
            rows.append(row)
            # another delimiter in the only name of a header
            other = re.search(r"[;\t|,]", row[0].replace(delimiter, ""))
            if len(rows) == len(row) == 1 and other is not None:
                raise _error(
                    path,
                    f"has one column, {row[0][:60]!r}. If its cells are separated by "
                    f"{other[0]!r}, give --delimiter.",
                )
            if len(row) != len(rows[0]):
                raise TableFileError(
                    f"{str(path)!r}: line {reader.line_num + n_skipped} has {len(row)} "
                    f"cell{'' if len(row) == 1 else 's'}, the header has {len(rows[0])}."
                )
    except csv.Error as error:
        raise _error(
            path, f"cannot be read: {error} (line {reader.line_num + n_skipped})."
        ) from error
    frame = pd.DataFrame(rows[1:], columns=rows[0], dtype=object)
    _check_shape(rows[0], len(frame), path)
    return frame, delimiter


def _read_bytes(path: Path) -> bytes:
    """Return the content of a file, decompressed, or of stdin."""
    if path == Path("stdin"):
        return sys.stdin.buffer.read()
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if suffix == ".zst":
        _require_pyarrow(path)
        import pyarrow as pa

        with pa.input_stream(path, compression="zstd") as stream:
            return bytes(stream.read())
    return path.read_bytes()


def _decode(path: Path, encoding: str) -> str:
    try:
        content = _read_bytes(path)
        codec = codecs.lookup(encoding).name
        # a byte order mark is dropped
        text = content.decode("utf-8-sig" if codec == "utf-8" else codec)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise TableFileError(f"Cannot read {str(path)!r}: {reason}.") from error
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        advice = _advice(content) or "Give its encoding, such as --encoding cp1252."
        raise _error(
            path,
            f"is not {encoding}: line {line} holds the byte 0x{content[error.start]:02x}. {advice}",
        ) from error
    except (LookupError, ValueError) as error:  # none of text, such as hex
        raise TableFileError(f"There is no encoding {encoding!r} of text.") from error
    if re.search("[\ud800-\udfff]", text):
        raise _error(path, f"holds halves of characters: it is not {encoding}.")
    if "\0" in text:
        advice = "If it is text, give its encoding, such as --encoding utf-16."
        raise _error(
            path,
            f"holds NUL characters: it is not text in {encoding}. {_advice(content) or advice}",
        )
    return text


def _advice(content: bytes) -> str:
    """Return what to do with a file that is of another kind, by how it begins; "" if unknown."""
    return next((text for start, text in _BEGINNINGS.items() if content.startswith(start)), "")


def _write_delimited(frame: pd.DataFrame, stream: TextIO, delimiter: str) -> None:
    # the csv module does not quote a lone carriage return, but reads it as the end of a line
    cells = (cell for name in frame.columns for cell in frame[name])
    has_returns = any("\r" in cell for cell in cells if isinstance(cell, str))
    frame.to_csv(
        stream,
        sep=delimiter,
        index=False,
        lineterminator="\n",
        quoting=csv.QUOTE_ALL if has_returns else csv.QUOTE_MINIMAL,
    )


def _read_excel(path: Path, missing: Collection[str], as_text: Collection[str]) -> Table:
    """Read the first sheet."""
    with needs_extra("excel", f"{str(path)!r} is an Excel file: pip install openpyxl."):
        import openpyxl  # noqa: F401
    na_values = ["", *missing]
    try:
        with pd.ExcelFile(path, engine="openpyxl") as file:
            n_sheets = len(file.sheet_names)
            frame = pd.read_excel(file, header=None, keep_default_na=False, na_values=na_values)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise _error(path, f"cannot be read as Excel: {error}.") from error
    if frame.empty:
        raise _error(path, "is empty.")
    names = ["" if pd.isna(name) else str(name) for name in frame.iloc[0]]
    _check_shape(names, len(frame) - 1, path)
    if n_sheets > 1:
        message = f"only the first of the {n_sheets} sheets of {str(path)!r} is read"
        warn_user(message)
    cells = frame.iloc[1:].set_axis(names, axis=1).reset_index(drop=True)
    frame = cells.infer_objects()
    for name in frame.select_dtypes("float"):  # of whole numbers with missing ones
        if set(map(type, cells[name].dropna())) == {int}:
            frame[name] = cells[name].astype("Int64")
    for name in frame.columns[frame.columns.isin(list(as_text))]:
        frame[name] = frame[name].astype(object).map(str, na_action="ignore")
    return Table(frame)


def _require_pyarrow(path: Path) -> None:
    with needs_extra("parquet", f"{str(path)!r} needs pyarrow: run `pip install pyarrow`."):
        import pyarrow  # noqa: F401


def _read_parquet(path: Path) -> Table:
    _require_pyarrow(path)
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read()
        index = (table.schema.pandas_metadata or {}).get("index_columns", ())
        if index := [name for name in index if name in table.column_names]:
            metadata = {k: v for k, v in table.schema.metadata.items() if k != b"pandas"}
            table = table.drop_columns(index).replace_schema_metadata(metadata)
        _check_shape(table.column_names, table.num_rows, path)
        read = table_from_arrow(table)
    except TableFileError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        raise _error(path, f"cannot be read as Parquet: {reason}.") from error
    if index:
        message = f"The index of {str(path)!r} is left out: generated rows have none."
        warn_user(message)
    return read


def table_from_arrow(table: pa.Table) -> Table:
    """Return a table of Arrow with its values as pandas has them."""
    columns = {}
    for name in table.column_names:
        column = _without_decimals(table[name])
        columns[name] = column.to_pandas(types_mapper=_nullable if column.null_count else None)
    return Table(pd.DataFrame(columns), arrow=table)


def _without_decimals(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return decimals as int64 or float64 where these are equal; no other numbers are learned."""
    import pyarrow as pa

    if not pa.types.is_decimal(column.type):
        return column
    cells = column.to_pylist()
    to_number, kind = (float, pa.float64()) if column.type.scale > 0 else (int, pa.int64())
    numbers = [None if cell is None else to_number(cell) for cell in cells]
    is_exact = cells == [None if number is None else Decimal(str(number)) for number in numbers]
    try:
        return pa.chunked_array([pa.array(numbers, kind)]) if is_exact else column
    except (OverflowError, pa.ArrowInvalid):  # of more than 64 bits
        return column


def _nullable(kind: pa.DataType) -> Any:
    """Return the type of pandas for whole numbers with missing ones, which NumPy has not."""
    import pyarrow as pa

    name = str(kind).replace("u", "U").replace("int", "Int")
    return pd.api.types.pandas_dtype(name) if pa.types.is_integer(kind) else None


def arrow_like(column: pa.ChunkedArray, values: pd.Series[Any]) -> pa.Array:
    """Return `values` in the type of a column of a file, which may have NaN for what is missing."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        plain = pa.array(values.astype(object), kind.value_type, from_pandas=True)
        return plain.dictionary_encode().cast(kind)
    if pa.types.is_decimal(kind):
        cells = [None if pd.isna(cell) else Decimal(str(cell)) for cell in values]
        return pa.array(cells, kind)
    has_nulls = column.null_count > 0 or not pa.types.is_floating(kind)
    return pa.array(values, kind, from_pandas=has_nulls)


def _is_same(own: pa.ChunkedArray, other: pa.ChunkedArray) -> bool:
    """Return whether two columns are equal, bit for bit."""
    import pyarrow as pa

    if not pa.types.is_floating(own.type):
        return bool(own.equals(other.cast(own.type)))
    parts = [(part.is_null().to_pylist(), part.to_numpy().tobytes()) for part in (own, other)]
    return parts[0] == parts[1]


def _write_parquet(frame: pd.DataFrame, path: Path, source: Table | None) -> None:
    """Write a table, with fields and metadata as in the file of the `source`."""
    _require_pyarrow(path)
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False)
    if source is not None and source.arrow is not None:
        own = source.arrow.schema
        fields = [own.field(f.name) if f.name in own.names else f for f in table.schema]
        fields = [f.with_nullable(f.nullable or table[f.name].null_count > 0) for f in fields]
        table = table.cast(pa.schema(fields, own.metadata))
    elif source is None:  # a column without a value has one type in all parts of a data set
        kinds = (pa.string() if pa.types.is_null(f.type) else f.type for f in table.schema)
        fields = [f.with_type(kind) for f, kind in zip(table.schema, kinds, strict=True)]
        table = table.cast(pa.schema(fields, table.schema.metadata))
    pq.write_table(table, path)


def _check_shape(names: Sequence[str], n_rows: int, path: Path) -> None:
    """Raise unless there are rows, and columns that each have a name of their own."""
    repeated = [repr(name) for name, count in Counter(names).items() if count > 1 and name]
    if repeated:
        raise _error(
            path,
            f"has columns of the same name: {', '.join(repeated)}. Rename all but one of each.",
        )
    for position, name in enumerate(names, start=1):
        if not name.strip():
            raise TableFileError(
                f"Column {position} of {str(path)!r} has no name. Name it or remove it "
                "(pandas writes row numbers as such a column, unless to_csv gets index=False)."
            )
    if not n_rows:
        raise _error(path, "has a header and no row.")


def parse_cells(
    cells: pd.Series[Any], *, missing: Collection[str] = (), as_text: bool = False
) -> pd.Series[Any]:
    """Return a column's values: int64, float64, datetime64 or text, with NaN or NaT for missing.

    The empty cell and those in `missing` are missing anywhere. With `as_text`, all others are text.

    >>> parse_cells(pd.Series(["1", "NA", "3"])).tolist()
    [1.0, nan, 3.0]
    >>> parse_cells(pd.Series(["a", "NA", "3"])).tolist()
    ['a', 'NA', '3']
    """
    is_missing = (cells == "") | cells.isin(list(missing))
    has_no_value = is_missing | _is_missing_word(cells)
    if not as_text and not has_no_value.all():
        for parse in (_numbers, _dates):
            if (values := parse(cells, has_no_value)) is not None:
                return values
    return cells.mask(is_missing, np.nan).infer_objects()


def without_missing(cells: pd.Series[Any]) -> pd.Series[Any]:
    """Return text with the words for missing cells, such as NA, as NaN."""
    return cells.mask(_is_missing_word(cells), np.nan)


def format_like(values: pd.Series[Any], column: pd.Series[Any], cells: pd.Series[Any]) -> list[str]:
    """Return `values` as cells in the form of a column, given its parsed values and its cells.

    >>> cells = pd.Series(["1.50", "2.00", ""])
    >>> format_like(pd.Series([2.5, None]), parse_cells(cells), cells)
    ['2.50', '']
    """
    missing, present = cells[column.isna()], cells[column.notna()]
    missing_cell = str(missing.mode().iloc[0]) if len(missing) else ""
    to_cell: Callable[[Any], str] = str
    if len(present) and types.is_numeric_dtype(column):
        to_cell = _number_format(present)
    elif len(present) and types.is_datetime64_any_dtype(column):
        to_cell = _date_format(present)
    return [missing_cell if pd.isna(value) else to_cell(value) for value in values]


def _is_missing_word(cells: pd.Series[Any]) -> pd.Series[bool]:
    return cells.str.strip().str.lower().isin(_MISSING)


def _numbers(cells: pd.Series[Any], missing: pd.Series[bool]) -> pd.Series[Any] | None:
    """Return int64 or float64 values; None unless all are numbers that one of them keeps."""
    present = cells[~missing]
    if not present.str.fullmatch(_NUMBER).all() or present.str.fullmatch(_CODE).any():
        return None
    if not present.str.fullmatch(_INTEGER).all():
        return cells.mask(missing, "nan").astype(float)
    if present.str.strip().str.len().max() > _LONGEST_INTEGER:
        return None
    integers = [int(cell) for cell in present]
    largest = max(map(abs, integers))
    if not missing.any():
        return pd.Series(integers, index=cells.index, dtype="int64") if largest < 2**63 else None
    if largest > _LARGEST_EXACT_FLOAT:
        return None
    return pd.Series(integers, index=present.index, dtype=float).reindex(cells.index)


def _dates(cells: pd.Series[Any], missing: pd.Series[bool]) -> pd.Series[Any] | None:
    date_format = _find_date_format(cells[~missing])
    if date_format is None:
        return None
    dates = pd.to_datetime(cells.mask(missing, np.nan), format=date_format, errors="coerce")
    return None if dates[~missing].isna().any() else dates


def _find_date_format(cells: pd.Series[Any]) -> str | None:
    matching = (f for pattern, f in _DATE_FORMATS.items() if cells.str.fullmatch(pattern).all())
    return next(matching, None)


def _date_format(cells: pd.Series[Any]) -> Callable[[Any], str]:
    form = str(_find_date_format(cells))
    # strftime does not pad years to four digits on Linux
    return lambda date: str(date.strftime(form.replace("%Y", f"{date.year:04d}")))


def _number_format(cells: pd.Series[Any]) -> Callable[[Any], str]:
    """Return how a column writes numbers: with a fixed number of decimals, or the shortest form.

    A plus sign, a capital E, and no zero before the point, are kept where all its cells have them.
    """
    cells, numbers = cells.str.strip(), cells.astype(float)
    n_decimals = cells.str.partition(".")[2].str.len()
    has_exponent = cells.str.contains("e", case=False).any()
    fixed = int(n_decimals.iloc[0]) if n_decimals.nunique() == 1 and not has_exponent else None
    has_integers = not cells.str.contains(".", regex=False).all()
    plus = cells.str.startswith("+")
    has_plus = bool(plus[numbers > 0].all()) and bool((numbers > 0).any())
    zero_has_plus = bool(plus[numbers == 0].all()) if (numbers == 0).any() else has_plus
    fractions = cells[numbers.abs() < 1].str.lstrip("+-")
    is_bare = len(fractions) > 0 and bool(fractions.str.startswith(".").all())
    is_capital = cells.str.contains("E").any() and not cells.str.contains("e").any()

    def to_plain_cell(value: Any) -> str:
        if isinstance(value, int | np.integer):
            return str(value)
        number = float(value)
        if fixed is not None and float(f"{number:.{fixed}f}") == number:
            return f"{number:.{fixed}f}"
        shortest = repr(number) if has_exponent else np.format_float_positional(number, trim="0")
        return shortest.removesuffix(".0") if has_integers else shortest

    def to_cell(value: Any) -> str:
        cell = to_plain_cell(value)
        sign = "-" * cell.startswith("-") or "+" * (has_plus if value else zero_has_plus)
        cell = cell.removeprefix("-")
        if is_bare and cell.startswith("0."):
            cell = cell[1:]
        return sign + (cell.upper() if is_capital else cell)

    return to_cell
