"""Any file is a table, whose rows come out as they are, or an error in one line; nothing else.

``COUNTERPOISE_FUZZ`` is the number of files of the slow tests.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import os
import random
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tests.doubles import Shell
from tests.hardening.amount import CHUNK, chunks

N = 24
ROWS = "n,x,c,d,y\n" + "".join(
    f"{i},{i / 4:.2f},{['red', 'blue, dark', ''][i % 3]!r},2020-01-{1 + i:02d},{'ab'[i % 4 == 0]}\n"
    for i in range(N)
).replace("'blue, dark'", '"blue, dark"').replace("'", "")
TABLE = ROWS.encode()


def rows_of(content: bytes) -> list[list[str]]:
    """The rows of a text file, by Python's own reader."""
    return [row for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")) if row]


def check_text(shell: Shell, content: bytes, *options: str) -> str:
    """Return what came of a file; real rows are compared cell by cell."""
    (shell.folder / "t.csv").write_bytes(content)
    (shell.folder / "out.csv").unlink(missing_ok=True)
    code, out, err = shell("resample", "t.csv", "--target", "y", "-o", "out.csv", "-q", *options)
    assert out == ""
    assert (shell.folder / "t.csv").read_bytes() == content
    if code:
        *warnings, error = err.splitlines()
        assert code == 2
        assert error.startswith("counterpoise: error: ")
        assert "Error:" not in error.removeprefix("counterpoise: error: "), "no raw exception"
        assert all(one.startswith("counterpoise: warning: ") for one in warnings)
        assert "out.csv" not in shell.names
        return error
    real, written = rows_of(content), rows_of((shell.folder / "out.csv").read_bytes())
    assert written[: len(real)] == real
    assert shell.names == ["out.csv", "t.csv"]
    return "written"


REFUSED = {
    "empty": (b"", "is empty"),
    "white space": (b" \n\n ", "is empty"),
    "a header alone": (b"a,y\n", "no row"),
    "an open quote": (TABLE + b'"1,2', "cannot be read"),
    "NUL": (TABLE.replace(b"red", b"r\0d"), "NUL characters"),
    "another encoding": (TABLE.replace(b"red", b"r\xe9d"), "--encoding cp1252"),
    "UTF-16": (ROWS.encode("utf-16"), "--encoding utf-16"),
    "gzip": (b"\x1f\x8b\x08\0\0\0\0\0\0\xff", "compressed by gzip"),
    "a spreadsheet": (b"PK\x03\x04\x14\0\0\0\x08\0\xe9", "is a spreadsheet"),
    "Parquet": (b"PAR1\x15\0\x15\xbc", "is a Parquet file"),
    "a longer row": (TABLE + b"1,2,3,4,5,6\n", "has 6 cells"),
    "a column twice": (b"a,a,y\n1,2,x\n3,4,z\n", "columns of the same name"),
    "no name": (b"a,,y\n1,2,x\n3,4,z\n", "has no name"),
    "semicolons": (b"a;b;y\n1;2;x\n3;4;z\n", "--delimiter"),
    "a cell beyond the limit": (TABLE.replace(b"red", b"r" * 200_000), "field larger"),
    "a missing class": (TABLE.replace(b",b\n", b",\n"), "is missing in"),
}
READ = {
    "a byte order mark": b"\xef\xbb\xbf" + TABLE,
    "lines of Windows": TABLE.replace(b"\n", b"\r\n"),
    "lines of old Macs": TABLE.replace(b"\n", b"\r"),
    "blank lines": TABLE.replace(b"\n", b"\n\n"),
    "no end of line": TABLE.rstrip(b"\n"),
    "lines within cells": TABLE.replace(b"red", b'"r\ne\r\nd\re"'),
    "quotes within cells": TABLE.replace(b"red", b'"r ""e"" d"'),
    "5,000 digits": TABLE.replace(b"\n7,", b"\n" + b"7" * 5000 + b",").replace(
        b"1.75", b"9" * 5000
    ),
    "more than 64 bits": TABLE.replace(b"\n7,", b"\n18446744073709551616,"),
    "formulas": TABLE.replace(b"red", b"=cmd|' /C calc'!A0"),
    "control characters": TABLE.replace(b"red", "\x1b[2J\x07\u2028\x85\x0b\x0c\u202e".encode()),
    "words for nothing": TABLE.replace(b"red", b"NaN").replace(b"\n7,", b"\nNULL,"),
    "leading zeros": TABLE.replace(b"\n7,", b"\n007,"),
    "the year 0": TABLE.replace(b"2020-01-05", b"0000-01-05"),
    "a long cell": TABLE.replace(b"red", b"r" * 5800),
    "odd names": TABLE.replace(b"n,x,c,d", "NaT,None,=1+1,\u202e".encode()),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_table_is_refused_in_one_line(name: str, shell: Shell) -> None:
    content, message = REFUSED[name]
    assert message in check_text(shell, content)


@pytest.mark.parametrize("name", READ)
def test_rows_come_out_as_they_are(name: str, shell: Shell) -> None:
    assert check_text(shell, READ[name]) == "written"


PIECES = [
    b'"',
    b'""',
    b",",
    b"\n",
    b"\r",
    b"\r\n",
    b"\0",
    b";",
    b"\t",
    b"=1+1",
    b"'",
    b"\\",
    b"\xff",
]
PIECES += [one.encode() for one in ("\ufeff", "\u2028", "\x85", "\U0001f600", "e\u0301", "\u202e")]
PIECES += [b"1e999", b"-0", b"NaN", b"9" * 4400, b" ", b"sep=,\n", b"1,234.5", b"01.02.2020"]


def mutated(chance: random.Random) -> bytes:
    content = bytearray(TABLE)
    for _ in range(chance.choice([1, 1, 2, 5])):
        at, piece = chance.randrange(len(content) + 1), chance.choice(PIECES)
        how = chance.choice(["insert", "insert", "replace", "flip", "cut", "repeat"])
        if how == "insert":
            content[at:at] = piece
        elif how == "replace":
            content[at : at + len(piece)] = piece
        elif how == "flip" and at < len(content):
            content[at] ^= 1 << chance.randrange(8)
        elif how == "cut":
            del content[at : at + chance.choice([1, 10, len(content)])]
        else:
            content[at:at] = content[at : at + 40] * chance.choice([1, 3])
    return bytes(content)


def check_mutated(shell: Shell, seed: int, n: int) -> None:
    chance = random.Random(seed)
    for number in range(n):
        content = mutated(chance)
        try:
            check_text(shell, content)
        except (AssertionError, Exception) as error:
            raise AssertionError(f"file {number} of seed {seed}: {content[:3000]!r}") from error


def test_any_changed_file_is_a_table_or_refused(shell: Shell) -> None:
    check_mutated(shell, 0, 60)


@pytest.mark.slow
@pytest.mark.parametrize("number", chunks(1000))
def test_many_changed_files_are_tables_or_refused(shell: Shell, number: int) -> None:
    check_mutated(shell, number + 1, CHUNK)


# --- Parquet, and from one kind of file to the other --------------------------------------------


def parquet_columns():
    """Columns of N cells by name, of every type that is found in files."""
    pa = pytest.importorskip("pyarrow")

    def some(values, kind=None):
        return pa.array(np.resize(np.array(values, dtype=object), N).tolist(), kind)

    days = [dt.date(2020, 1, 1) + dt.timedelta(i) for i in range(N)]
    seconds = [None, *range(86400, 86400 * N, 86400)]
    return {
        "decimal": some([Decimal("1.50"), None, Decimal("-3.10")], pa.decimal128(10, 2)),
        "decimal of whole numbers": pa.array([Decimal(i) for i in range(N)], pa.decimal128(38, 0)),
        "decimal of 30 digits": some([Decimal(10**29 + 1), None], pa.decimal128(38, 0)),
        "decimal256": some([Decimal("0.0000001"), Decimal(2)], pa.decimal256(50, 7)),
        "float16": some([np.float16(0.25), None, np.float16(1)], pa.float16()),
        "float32": some([0.1, None, 0.3], pa.float32()),
        "NaN and null": some([float("nan"), None, 0.3], pa.float64()),
        "int8": some([-1, None, 3], pa.int8()),
        "int64": pa.array([None, *(2**53 + 1 + 2 * i for i in range(N - 1))], pa.int64()),
        "uint64": pa.array([None, *(2**63 + 1 + 2 * i for i in range(N - 1))], pa.uint64()),
        "boolean": some([True, None, False], pa.bool_()),
        "date32": pa.array(days, pa.date32()),
        "date64": pa.array([None, *days[1:]], pa.date64()),
        "time": some([dt.time(1, 2, 3, 4), None], pa.time64("us")),
        "timestamp in s": pa.array([s and s + 1 for s in seconds], pa.timestamp("s")),
        "timestamp in ns": pa.array([s and s * 10**9 + 1 for s in seconds], pa.timestamp("ns")),
        "zoned": pa.array([s and s * 10**6 for s in seconds], pa.timestamp("us", "Europe/Berlin")),
        "year 1": pa.array([dt.datetime(1, 1, 1, 0, i) for i in range(N)], pa.timestamp("us")),
        "duration": some([dt.timedelta(1, 2), None], pa.duration("us")),
        "text": some(["a", None, " NA", '"'], pa.string()),
        "large text": some(["a", None, "b"], pa.large_string()),
        "text view": some(["a", None, "b"], pa.string_view()),
        "dictionary": some(["a", None, "b"]).dictionary_encode(),
        "dictionary of numbers": some([1, None, 2]).dictionary_encode(),
        "nothing": pa.nulls(N),
        "binary": some([b"a", b"\xff", None], pa.binary()),
        "list": some([[1], [2, 3], None], pa.list_(pa.int64())),
        "struct": some([{"a": 1}, None], pa.struct([("a", pa.int64())])),
    }


WITHOUT_TEXT = ("binary", "list", "struct")
KINDS = [*("decimal", "decimal of whole numbers", "decimal of 30 digits", "decimal256", "float16")]
KINDS += ["float32", "NaN and null", "int8", "int64", "uint64", "boolean", "date32", "date64"]
KINDS += ["time", "timestamp in s", "timestamp in ns", "zoned", "year 1", "duration", "text"]
KINDS += ["large text", "text view", "dictionary", "dictionary of numbers", "nothing"]
KINDS += WITHOUT_TEXT


def write_parquet(path: Path, column) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    labels = pa.array(["yes" if i % 4 == 0 else "no" for i in range(N)])
    pq.write_table(pa.table({"x": column, "y": labels}), path)


def test_every_type_is_tried() -> None:
    assert list(parquet_columns()) == KINDS


@pytest.mark.parametrize("name", KINDS)
def test_parquet_stays_what_it_is(name: str, shell: Shell) -> None:
    import pyarrow.parquet as pq

    write_parquet(shell.folder / "t.parquet", parquet_columns()[name])
    code, _, err = shell("resample", "t.parquet", "--target", "y", "-o", "out.parquet")
    assert code == 0, err
    own, written = (pq.read_table(shell.folder / file) for file in ("t.parquet", "out.parquet"))
    assert written.schema == own.schema
    assert repr(written.slice(0, N).to_pylist()) == repr(own.to_pylist())
    assert len(written) == 2 * own["y"].to_pylist().count("no")


@pytest.mark.parametrize("name", KINDS)
def test_parquet_as_text_has_every_value(name: str, shell: Shell) -> None:
    column = parquet_columns()[name]
    write_parquet(shell.folder / "t.parquet", column)
    code, _, err = shell("resample", "t.parquet", "--target", "y", "-o", "out.csv")
    if name in WITHOUT_TEXT:
        assert (code, shell.samplers) == (2, [])
        assert "which a text file cannot. Write .parquet" in err
        return
    if name == "year 1" and pd.Series(np.array(["0001"], "M8[us]")).astype(str)[0][:4] != "0001":
        assert "real rows would not be as they were read, in x" in err  # pandas 3.0 drops zeros
        return
    assert code == 0, err
    cells = [row[0] for row in rows_of((shell.folder / "out.csv").read_bytes())[1 : N + 1]]
    for cell, value in zip(cells, column.to_pylist(), strict=True):
        if value is None or value != value:
            assert cell == ""
        elif isinstance(value, Decimal):
            assert Decimal(cell) == value
            assert "E" not in cell
        elif isinstance(value, float) and name != "float32":
            assert float(cell) == value
        elif name == "float32":
            assert np.float32(cell) == np.float32(value)
        elif not isinstance(value, dt.datetime | dt.timedelta):
            assert cell == str(value)
        elif isinstance(value, dt.datetime):
            assert pd.Timestamp(cell) == value


def test_empty_text_and_missing_cells_are_told_apart_or_warned_of(shell: Shell) -> None:
    import pyarrow as pa

    write_parquet(shell.folder / "t.parquet", pa.array(["", None, "a", "b"] * (N // 4)))
    arguments = ("resample", "t.parquet", "--target", "y", "-q", "-o")
    assert "which are the same in a text file" in shell(*arguments, "out.csv")[2]
    assert shell(*arguments, "out.parquet")[2] == ""


def test_text_as_parquet_has_every_value(shell: Shell) -> None:
    import pyarrow.parquet as pq

    (shell.folder / "t.csv").write_bytes(TABLE)
    code, _, err = shell("resample", "t.csv", "--target", "y", "-o", "out.parquet")
    assert code == 0, err
    written = pq.read_table(shell.folder / "out.parquet").slice(0, N).to_pylist()
    for row, cells in zip(written, rows_of(TABLE)[1:], strict=True):
        assert (row["n"], row["x"]) == (int(cells[0]), float(cells[1]))
        assert (row["c"] or "", row["d"].date().isoformat(), row["y"]) == tuple(cells[2:])


def check_damaged_parquet(shell: Shell, seed: int, n: int) -> None:
    chance = random.Random(seed)
    columns = parquet_columns()
    for number in range(n):
        write_parquet(shell.folder / "t.parquet", columns[chance.choice(KINDS)])
        content = bytearray((shell.folder / "t.parquet").read_bytes())
        at = chance.randrange(len(content))
        how = chance.choice(["flip", "flip", "cut", "hole", "empty"])
        if how == "flip":
            content[at] ^= 1 << chance.randrange(8)
        elif how == "cut":
            del content[at:]
        elif how == "hole":
            content[at : at + 50] = bytes(50)
        else:
            content.clear()
        (shell.folder / "t.parquet").write_bytes(content)
        code, _, err = shell(
            "resample", "t.parquet", "--target", "y", "-o", "out.parquet", "-q", "--force"
        )
        where = f"{how} at {at}, file {number} of seed {seed}: {err}"
        assert code == 0 or (code == 2 and "error: " in err.splitlines()[-1]), where
        assert set(shell.names) <= {"t.parquet", "out.parquet"}, where


def test_damaged_parquet_is_refused_or_read(shell: Shell) -> None:
    check_damaged_parquet(shell, 0, 40)


@pytest.mark.slow
@pytest.mark.parametrize("number", chunks(500))
def test_much_damaged_parquet_is_refused_or_read(shell: Shell, number: int) -> None:
    check_damaged_parquet(shell, number + 1, CHUNK)


# --- formulas -----------------------------------------------------------------------------------

FORMULAS = ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3", "\t=1", "\uff1d1", " =1"]
HARMLESS = ["-5", "+49 170", "-1.5e-3", "a=b", "-", "'=1", "(1)"]


def test_formulas_are_data_and_escaped_where_asked_for(shell: Shell) -> None:
    cells = FORMULAS + HARMLESS
    rows = [["=n", "y"], *([cell, "=yes" if i % 4 == 0 else "no"] for i, cell in enumerate(cells))]
    rows += [[cell, "no"] for cell in cells]
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    content = text.getvalue().encode()
    assert check_text(shell, content) == "written"
    (shell.folder / "t.csv").write_bytes(content)
    arguments = ["resample", "t.csv", "--target", "y", "-o", "out.csv", "--force"]
    code, _, err = shell(*arguments, "--escape-formulas", "--provenance", "p.csv")
    assert code == 0, err
    header, *written = rows_of((shell.folder / "out.csv").read_bytes())
    assert header == ["'=n", "y"]
    assert [row[0] for row in written[: len(cells)]] == ["'" + f for f in FORMULAS] + HARMLESS
    assert len(written) > len(rows)
    assert not {cell for row in written for cell in row} & {*FORMULAS, "=yes"}


# --- output places ------------------------------------------------------------------------------


def make_places(folder: Path) -> None:
    (folder / "old").write_text("old")
    for suffix in ("csv", "html"):
        (folder / f"old.{suffix}").write_text("old")
        (folder / f"folder.{suffix}").mkdir()
        (folder / f"link.{suffix}").symlink_to(f"old.{suffix}")
        (folder / f"circle.{suffix}").symlink_to(f"circle.{suffix}")
        (folder / f"lost.{suffix}").symlink_to(f"nowhere/x.{suffix}")
    (folder / "file").write_text("old")


def state(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text() if path.is_file() else ""
        for path in sorted(folder.rglob("*"))
    }


PLACES = [
    *("old.{}", "folder.{}", "link.{}", "circle.{}", "lost.{}", "nowhere/x.{}", "file/x.{}"),
    *("x" * 256 + ".{}", "t.csv/x.{}", "x", "x.exe"),
]


@pytest.mark.skipif(os.name != "posix", reason="links")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("option", ["--output", "--provenance", "--report"])
def test_a_place_that_cannot_be_written_to_is_refused_before_training(
    option: str, place: str, shell: Shell
) -> None:
    make_places(shell.folder)
    (shell.folder / "t.csv").write_bytes(TABLE)
    before = state(shell.folder)
    place = place.format("html" if option == "--report" else "csv")
    code, _, err = shell("resample", "t.csv", "--target", "y", option, place)
    assert (code, err.count("\n"), shell.samplers) == (2, 1, []), err
    assert state(shell.folder) == before


@pytest.mark.skipif(os.name != "posix", reason="links")
@pytest.mark.parametrize("place", ["old", "circle.csv", "t.csv", "t.csv/x", "file/x", "x" * 256])
@pytest.mark.parametrize("option", ["--save", "--checkpoint-dir"])
def test_a_folder_that_cannot_be_written_to_is_refused(
    option: str, place: str, shell: Shell
) -> None:
    make_places(shell.folder)
    (shell.folder / "t.csv").write_bytes(TABLE)
    before = state(shell.folder)
    code, _, err = shell("resample", "t.csv", "--target", "y", "-o", "o.csv", option, place)
    assert (code, err.count("\n")) == (2, 1), err
    assert state(shell.folder) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("option", ["--output", "--provenance", "--report"])
def test_a_full_device_is_one_line(
    option: str, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = SimpleNamespace(to_html=lambda path: path.write_text("<html>"))
    monkeypatch.setattr("counterpoise.report.report", lambda *_, **__: written)
    (shell.folder / "t.csv").write_bytes(TABLE)
    link = shell.folder / ("full.html" if option == "--report" else "full.csv")
    link.symlink_to("/dev/full")
    code, _, err = shell("resample", "t.csv", "--target", "y", option, link.name, "-q")
    assert code == 1
    assert "No space left on device" in err.splitlines()[-1]
    assert "OSError" not in err
    assert link.is_symlink()
    assert not [name for name in shell.names if name.endswith(".tmp")]


def test_infinite_numbers_in_synthetic_rows_are_named(shell: Shell) -> None:
    (shell.folder / "t.csv").write_bytes(TABLE)
    (shell.folder / "s.csv").write_bytes(TABLE.replace(b"\n5,1.25", b"\n5,1e999"))
    code, _, err = shell("report", "--real", "t.csv", "--synthetic", "s.csv", "-o", "r.html")
    assert (code, shell.names) == (2, ["s.csv", "t.csv"])
    assert "column 'x' holds an infinite number in row 6" in err
