"""Tables in files: what is read is what is written, and every bad file is named."""

from __future__ import annotations

import gzip
import io
import os
import re
import stat
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.errors import (
    CounterpoiseError,
    MissingDependencyError,
    TableFileError,
    TableWriteError,
)
from counterpoise.io import (
    Table,
    atomic_write,
    check_distinct,
    check_output,
    read_table,
    write_table,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def refused(path: Path, content: bytes | str = b"", **options: str) -> str:
    """Write `content` to `path`; return the message with which the table is refused."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(TableFileError) as caught:
        read_table(path, **options)
    return str(caught.value)


# --- reading ---------------------------------------------------------------------------------


def test_csv_is_read_with_its_types(folder: Path) -> None:
    path = folder / "table.csv"
    path.write_text('n,x,name\n1,1.50,"a, b"\n2,,NA\n', encoding="utf-8")
    frame = read_table(path).frame
    assert frame.dtypes.astype(str).tolist()[:2] == ["int64", "float64"]
    assert frame["name"].tolist() == ["a, b", "NA"]
    assert frame["x"].isna().tolist() == [False, True]


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"', "\ufeffsep=;", "sep=;;"])
def test_the_line_that_names_the_delimiter_for_excel(folder: Path, first: str) -> None:
    path = folder / "table.csv"
    path.write_text(f"{first}\r\na;b\r\n1,5;x\r\n", encoding="utf-8", newline="")
    table = read_table(path)
    assert (list(table.frame), table.delimiter) == (["a", "b"], ";")
    assert table.frame["b"].tolist() == ["x"]
    assert "line 3 has 3 cells" in refused(path, "sep=;\na;b\n1;2;3\n")
    assert read_table_with(path, "sep=;\na|b\n1|2\n", delimiter="|") == ["a", "b"]
    assert read_table_with(path, "sep=ab\n1\n") == ["sep=ab"]


def read_table_with(path: Path, content: str, **options: str) -> list[str]:
    """Write `content` to `path`; return the columns of the table that is read from it."""
    path.write_text(content, encoding="utf-8")
    return list(read_table(path, **options).frame)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.tsv", b"a\tb\n1\tx\n"),
        ("T.CSV", b"a,b\r\n1,x\r\n"),
        ("t.csv", b"\xef\xbb\xbfa,b\n1,x"),
        ("t.csv", b"a,b\n\n1,x\n\n"),
        ("t.csv", b"a,b\r1,x\r"),
    ],
)
def test_spellings_of_one_table(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    frame = read_table(folder / name).frame
    assert frame.to_dict("list") == {"a": [1], "b": ["x"]}


def test_delimiter_and_encoding_can_be_given(folder: Path) -> None:
    path = folder / "t.csv"
    path.write_bytes("größe;ort\n1;Köln\n".encode("cp1252"))
    frame = read_table(path, delimiter=";", encoding="cp1252").frame
    assert frame.to_dict("list") == {"größe": [1], "ort": ["Köln"]}


def test_cell_keeps_line_ends_and_separators(folder: Path) -> None:
    path = folder / "t.csv"
    path.write_bytes('a,b\n"x\r\ny\u2028z\x0c",1\n'.encode())
    assert read_table(path).frame["a"].tolist() == ["x\r\ny\u2028z\x0c"]


@pytest.mark.parametrize("name", ["t.xls", "t", "t.csv.bz2"])
def test_unknown_suffix(folder: Path, name: str) -> None:
    message = refused(folder / name)
    assert "known are .csv, .tsv, .txt, .parquet, .pq, .xlsx" in message


def test_missing_file_and_its_likeness(folder: Path) -> None:
    (folder / "churn.csv").write_text("a\n1\n", encoding="utf-8")
    with pytest.raises(TableFileError, match=r"no file .*chrun\.csv.* mean .*churn\.csv"):
        read_table(folder / "chrun.csv")
    with pytest.raises(TableFileError, match=r"folder .* does not exist either"):
        read_table(folder / "nowhere" / "t.csv")


def test_folder_is_no_table(folder: Path) -> None:
    (folder / "t.csv").mkdir()
    with pytest.raises(TableFileError, match="is a folder"):
        read_table(folder / "t.csv")


@pytest.mark.parametrize("content", ["", "\n \n", "\ufeff"])
def test_empty_file(folder: Path, content: str) -> None:
    assert "is empty" in refused(folder / "t.csv", content)


def test_header_alone(folder: Path) -> None:
    assert "a header and no row" in refused(folder / "t.csv", "a,b\n")


@pytest.mark.parametrize(
    ("row", "cells"), [("1", "1 cell,"), ("1,2,3", "3 cells"), ("1,2,", "3 cells")]
)
def test_row_of_another_length(folder: Path, row: str, cells: str) -> None:
    message = refused(folder / "t.csv", f"a,b\n1,2\n{row}\n")
    assert f"line 3 has {cells}" in message
    assert "the header has 2" in message


@pytest.mark.parametrize("content", ['a,b\n"1,2\n', 'a,b\n"1"x,2\n'])
def test_unbalanced_quotes(folder: Path, content: str) -> None:
    assert "cannot be read" in refused(folder / "t.csv", content)


def test_undecodable_bytes(folder: Path) -> None:
    message = refused(folder / "t.csv", b"a,b\n1,x\n2,K\xf6ln\n")
    assert "line 3 holds the byte 0xf6" in message
    assert "--encoding" in message


def test_unknown_encoding(folder: Path) -> None:
    assert "no encoding 'klingon'" in refused(folder / "t.csv", "a\n1\n", encoding="klingon")


@pytest.mark.parametrize("encoding", ["hex", "base64", "rot13", "undefined"])
def test_encoding_that_is_not_of_text(folder: Path, encoding: str) -> None:
    message = refused(folder / "t.csv", "a\n1\n", encoding=encoding)
    assert f"no encoding '{encoding}'" in message


def test_utf16_is_told_from_text(folder: Path) -> None:
    message = refused(folder / "t.csv", "a,b\n1,x\n".encode("utf-16-le"))
    assert "NUL" in message
    path = folder / "good.csv"
    path.write_bytes("a,b\n1,x\n".encode("utf-16"))
    assert read_table(path, encoding="utf-16").frame.shape == (1, 2)


def test_columns_of_the_same_name(folder: Path) -> None:
    assert "same name: 'a', 'b'." in refused(folder / "t.csv", "a,b,a,b,c\n1,2,3,4,5\n")


def test_column_without_a_name(folder: Path) -> None:
    message = refused(folder / "t.csv", ",a\n0,1\n")
    assert "Column 1 of" in message
    assert "index=False" in message


def test_wrong_delimiter_is_noticed(folder: Path) -> None:
    for content in ("a;b\n1;2\n", "a;b\n1,5;2,5\n"):
        assert "separated by ';'" in refused(folder / "t.csv", content)


@pytest.mark.parametrize("delimiter", ["", ";;", '"'])
def test_delimiter_is_one_character(folder: Path, delimiter: str) -> None:
    if delimiter:
        assert "one character" in refused(folder / "t.csv", "a;b\n1;2\n", delimiter=delimiter)


def test_unparsable_parquet(folder: Path) -> None:
    assert "cannot be read as Parquet" in refused(folder / "t.parquet", b"no parquet")


def test_parquet_round_trip(folder: Path) -> None:
    frame = pd.DataFrame({"n": [1, 2], "c": pd.Categorical(["x", "y"]), "s": ["NA", None]})
    write_table(frame, folder / "t.parquet")
    table = read_table(folder / "t.parquet")
    pd.testing.assert_frame_equal(table.frame, frame)
    assert table.cells is None


def test_parquet_index_is_left_out_with_a_warning(folder: Path) -> None:
    frame = pd.DataFrame({"n": [1, 2]}, index=pd.Index(["u", "v"], name="id"))
    frame.to_parquet(folder / "t.parquet")
    with pytest.warns(UserWarning, match="index of .* is left out"):
        table = read_table(folder / "t.parquet")
    assert table.frame.to_dict("list") == {"n": [1, 2]}


def test_parquet_without_pyarrow(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (folder / "t.parquet").touch()
    with pytest.raises(MissingDependencyError, match=r"pip install pyarrow"):
        read_table(folder / "t.parquet")
    with pytest.raises(MissingDependencyError):
        check_output(folder / "new.parquet", overwrite=False)


# --- the text of the cells -------------------------------------------------------------------


def test_columns_can_stay_text(folder: Path) -> None:
    (folder / "t.csv").write_text("phone,n\n123,1\n456,2\n", encoding="utf-8")
    frame = read_table(folder / "t.csv", as_text=["phone"]).frame
    assert frame.to_dict("list") == {"phone": ["123", "456"], "n": [1, 2]}


def test_real_rows_are_written_as_they_were_read(folder: Path) -> None:
    content = (
        "n,x,code,when,note\n"
        "1,1.50,007,2024-01-31,NA\n"
        ' 2,2.00,010,NA,"a ""b"", c"\n'
        ",,1e5,2023-12-01,\n"
    )
    (folder / "t.csv").write_text(content, encoding="utf-8")
    table = read_table(folder / "t.csv")
    synthetic = table.frame.iloc[[0, 2]]
    write_table(table.append(synthetic, as_text=True), folder / "out.csv")
    written = (folder / "out.csv").read_text(encoding="utf-8")
    assert written.startswith(content)
    assert written.removeprefix(content) == "1,1.50,007,2024-01-31,NA\n,,1e5,2023-12-01,\n"


def test_typed_rows_keep_their_types(folder: Path) -> None:
    (folder / "t.csv").write_text("n,c\n1,x\n2,y\n", encoding="utf-8")
    table = read_table(folder / "t.csv")
    synthetic = pd.DataFrame({"c": ["x"], "n": [2.0]})
    extended = table.append(synthetic, as_text=False)
    assert extended["n"].tolist() == [1, 2, 2]
    assert extended["n"].dtype == "int64"


CELLS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6
) | st.sampled_from(["1", "2.50", "NA", "", "007", "\r", "\n", '"', ","])


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8))
def test_text_survives_reading_and_writing(rows: list[tuple[str, str]]) -> None:
    text = pd.DataFrame([("h", "h"), *rows], columns=["a", "b"], dtype=object)
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "t.csv"
        write_table(text, path)
        table = read_table(path)
        assert table.cells is not None
        assert table.cells.to_numpy().tolist() == text.to_numpy().tolist()
        write_table(table.append(table.frame.iloc[:0], as_text=True), path.with_name("u.csv"))
        assert path.with_name("u.csv").read_bytes() == path.read_bytes()


# --- writing ---------------------------------------------------------------------------------

FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", None]})


def test_standard_output_is_csv(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(FRAME, None)
    assert capsys.readouterr().out == "a,b\n1,x\n2,\n"


def test_delimiter_of_what_is_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_table(FRAME, folder / "t.csv", delimiter=";")
    assert (folder / "t.csv").read_bytes() == b"a;b\n1;x\n2;\n"
    write_table(FRAME, None, delimiter="|")
    assert capsys.readouterr().out == "a|b\n1|x\n2|\n"


def test_tsv_is_separated_by_tabs(folder: Path) -> None:
    write_table(FRAME, folder / "t.tsv")
    assert (folder / "t.tsv").read_bytes() == b"a\tb\n1\tx\n2\t\n"


def test_new_file_has_the_usual_permissions(folder: Path) -> None:
    (folder / "usual").touch()
    write_table(FRAME, folder / "t.csv")
    assert (folder / "t.csv").stat().st_mode == (folder / "usual").stat().st_mode


def test_replaced_file_keeps_its_permissions_and_links(folder: Path) -> None:
    (folder / "t.csv").touch(mode=0o640)
    (folder / "link.csv").symlink_to("t.csv")
    write_table(FRAME, folder / "link.csv")
    assert (folder / "link.csv").is_symlink()
    assert (folder / "t.csv").read_text(encoding="utf-8").startswith("a,b\n")
    assert stat.S_IMODE((folder / "t.csv").stat().st_mode) == 0o640


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_interrupted_writing_leaves_what_was_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException] | BaseException
) -> None:
    path = folder / "t.csv"
    path.write_text("old", encoding="utf-8")

    def write_half(frame: pd.DataFrame, stream: io.TextIOBase, **options: object) -> None:
        stream.write("a,b\n1,")
        raise error

    monkeypatch.setattr(pd.DataFrame, "to_csv", write_half)
    expected = KeyboardInterrupt if error is KeyboardInterrupt else TableWriteError
    with pytest.raises(expected):
        write_table(FRAME, path)
    assert path.read_text(encoding="utf-8") == "old"
    assert [entry.name for entry in folder.iterdir()] == ["t.csv"]


def test_pipe_is_written_to_and_not_replaced(folder: Path) -> None:
    path = folder / "pipe.csv"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    check_output(path, overwrite=False)
    write_table(FRAME, path)
    assert os.read(reader, 100) == b"a,b\n1,x\n2,\n"
    os.close(reader)
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_output_is_checked_beforehand(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "there.csv").touch()
    (folder / "folder.csv").mkdir()

    def message(name: str) -> str:
        with pytest.raises(CounterpoiseError) as caught:
            check_output(folder / name, overwrite=False)
        return str(caught.value)

    check_output(folder / "new.csv", overwrite=False)
    check_output(folder / "there.csv", overwrite=True)
    assert "exists already; give --force" in message("there.csv")
    assert "is a folder" in message("folder.csv")
    assert "There is no folder" in message("nowhere/t.csv")
    assert "unknown suffix '.doc'" in message("t.doc")
    assert "Cannot write" in message("x" * 260 + ".csv")
    (folder / "circle.csv").symlink_to("circle.csv")
    assert "Cannot write" in message("circle.csv")

    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    assert "is not writable: Permission denied" in message("new.csv")


def test_the_longest_name_can_be_written(folder: Path) -> None:
    path = folder / ("x" * 251 + ".csv")
    check_output(path, overwrite=False)
    write_table(FRAME, path)
    assert path.is_file()


# --- real rows, paths, drafts ----------------------------------------------------------------


def test_parquet_rows_come_back_bit_for_bit_in_their_own_types(folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    own = pa.table(
        {
            "id": pa.array([2**53 + 1, None, 2**53 + 3], pa.int64()),
            "small": pa.array([1, None, 2], pa.int8()),
            "x": pa.array([float("nan"), 0.5, -0.0]),
            "c": pa.array(["a", "b", "a"]).dictionary_encode(),
            "s": pa.array(["a", None, "b"], pa.string()),
            "t": pa.array([1, None, 3], pa.timestamp("us", "Europe/Berlin")),
        },
        metadata={"made by": "us"},
    )
    pq.write_table(own, folder / "t.parquet")
    table = read_table(folder / "t.parquet")
    assert table.frame["id"].dropna().tolist() == [2**53 + 1, 2**53 + 3]
    result = table.append(table.frame.iloc[[1, 2]], as_text=False)
    write_table(result, folder / "out.parquet", source=table, n_real=3)
    written = pq.read_table(folder / "out.parquet")
    assert written.schema.equals(table.arrow.schema, check_metadata=True)
    assert repr(written.slice(0, 3).to_pylist()) == repr(own.to_pylist())
    assert written["id"].to_pylist()[3:] == [None, 2**53 + 3]


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_file_whose_real_rows_differ_does_not_take_its_place(folder: Path, name: str) -> None:
    write_table(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}), folder / name)
    table = read_table(folder / name)
    result = table.append(table.frame.iloc[:0], as_text=name == "t.csv")
    result.loc[1, "b"] = "x"
    with pytest.raises(TableWriteError, match="real rows would not be as they were read, in b"):
        write_table(result, folder / f"out{name}", source=table, n_real=2)
    assert [entry.name for entry in folder.iterdir()] == [name]


def test_paths_are_told_apart_by_what_they_lead_to(folder: Path) -> None:
    (folder / "t.csv").touch()
    (folder / "link.csv").symlink_to("t.csv")
    (folder / "hard.csv").hardlink_to(folder / "t.csv")
    (folder / "here").symlink_to(".")
    (folder / "sub").mkdir()
    for other in ("t.csv", "link.csv", "hard.csv", "here/t.csv", "sub/../t.csv"):
        with pytest.raises(TableFileError, match="DATA and --output are the same"):
            check_distinct([("DATA", folder / "t.csv"), ("--output", folder / other)])
    for other in ("new.csv", "here/new.csv", "NEW.csv"):
        with pytest.raises(TableFileError, match="--output and --report are the same"):
            check_distinct([("--output", folder / "new.csv"), ("--report", folder / other)])
    with pytest.raises(TableFileError, match=r"--report, .* is inside of --save"):
        check_distinct([("--save", folder / "s"), ("--report", folder / "s" / "r.md")])
    check_distinct([("--a", folder), ("--b", folder / "x"), ("--c", None)], may_hold="--a")


def test_the_draft_of_a_private_file_is_private(folder: Path) -> None:
    (folder / "t.csv").touch(mode=0o600)
    with atomic_write(folder / "t.csv") as draft:
        assert stat.S_IMODE(draft.stat().st_mode) == 0o600
        draft.write_text("new", encoding="utf-8")
    assert stat.S_IMODE((folder / "t.csv").stat().st_mode) == 0o600


def test_standard_output_is_utf_8_in_any_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    write_table(pd.DataFrame({"a": ["Köln"]}), None)
    assert written.getvalue() == "a\nKöln\n".encode()


def test_halves_of_characters_are_refused(folder: Path) -> None:
    message = refused(folder / "t.csv", "a,b\n\\ud800,1\n", encoding="unicode_escape")
    assert "halves of characters" in message


# --- compressed, from stdin, .txt and Excel ----------------------------------------------------

ROWS = "zip;fee;since\n00123;1.50;2024-01-31\n04567;;2024-02-01\n"


@pytest.fixture
def plain(tmp_path: Path) -> Table:
    (tmp_path / "t.csv").write_text(ROWS.replace(";", ","), encoding="utf-8")
    return read_table(tmp_path / "t.csv")


@pytest.mark.parametrize("delimiter", [";", "\t", ",", "|"])
def test_delimiter_of_txt_is_read_from_its_header(
    tmp_path: Path, plain: Table, delimiter: str
) -> None:
    (tmp_path / "t.txt").write_text(ROWS.replace(";", delimiter), encoding="utf-8")
    table = read_table(tmp_path / "t.txt")
    assert table.delimiter == delimiter
    pd.testing.assert_frame_equal(table.frame, plain.frame)


def test_compressed_text_is_the_same_table(tmp_path: Path, plain: Table) -> None:
    content = (tmp_path / "t.csv").read_bytes()
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(content))
    pa = pytest.importorskip("pyarrow")
    with pa.output_stream(tmp_path / "t.csv.zst", compression="zstd") as stream:
        stream.write(content)
    for name in ("t.csv.gz", "t.csv.zst"):
        pd.testing.assert_frame_equal(read_table(tmp_path / name).frame, plain.frame)


@pytest.mark.parametrize(  # ids of their own: gzip writes the time
    "content", [b"no gzip", gzip.compress(b"a,b\n1,2\n")[:-9]], ids=["no gzip", "cut"]
)
def test_broken_compression_names_the_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv.gz").write_bytes(content)
    with pytest.raises(TableFileError, match=r"Cannot read .*t\.csv\.gz"):
        read_table(tmp_path / "t.csv.gz")


@pytest.mark.parametrize("name", ["t.parquet.gz", "t.gz"])
def test_only_text_is_read_compressed(name: str) -> None:
    with pytest.raises(TableFileError, match=re.escape(name)):
        read_table(Path(name))


@pytest.mark.parametrize("name", ["t.csv.gz", "t.xlsx"])
def test_what_is_only_read_is_refused_as_output(tmp_path: Path, name: str) -> None:
    with pytest.raises(TableFileError, match="read, not written"):
        check_output(tmp_path / name, overwrite=False)


def test_csv_comes_from_stdin(
    tmp_path: Path, plain: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = (tmp_path / "t.csv").read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    pd.testing.assert_frame_equal(read_table(Path("-")).frame, plain.frame)


def test_excel_keeps_the_types_of_its_cells(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    frame = pd.DataFrame(
        {
            "zip": ["00123", "NA", "04567"],
            "months": [1, 2, 3],
            "visits": pd.array([4, None, 6], dtype="Int64"),
            "fee": [1.5, None, 2.0],
            "since": pd.to_datetime(["2024-01-31", "2024-02-01", None]),
        }
    )
    with pd.ExcelWriter(tmp_path / "t.xlsx") as book:
        frame.to_excel(book, sheet_name="rows", index=False)
        frame.to_excel(book, sheet_name="notes", index=False)
    with pytest.warns(UserWarning, match="first of the 2 sheets"):
        table = read_table(tmp_path / "t.xlsx")
    assert table.frame["zip"].tolist() == ["00123", "NA", "04567"]
    assert [table.frame[name].dtype.kind for name in table.frame] == ["O", "i", "i", "f", "M"]
    pd.testing.assert_frame_equal(
        table.frame, frame, check_dtype=False, check_index_type=False, check_column_type=False
    )


def test_excel_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openpyxl")
    (tmp_path / "t.xlsx").write_bytes(b"no book")
    with pytest.raises(TableFileError, match=r"t\.xlsx.* cannot be read as Excel"):
        read_table(tmp_path / "t.xlsx")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingDependencyError, match="pip install openpyxl"):
        read_table(tmp_path / "t.xlsx")
