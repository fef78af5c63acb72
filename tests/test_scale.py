"""Data sets in many Parquet files."""

from __future__ import annotations

import contextlib
import errno
import importlib
import json
import os
import shutil
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from imblearn.utils import check_sampling_strategy

from benchmarks._samplers import make_sampler
from counterpoise import sampler as sampler_module
from counterpoise import scale
from counterpoise.cli import main
from counterpoise.constraints import NoCopies
from counterpoise.errors import MissingDependencyError, SchemaError, TableFileError, TableWriteError
from counterpoise.scale import resample_dataset
from tests.small_models import QUICK

pytestmark = pytest.mark.filterwarnings("ignore:class .* too few to hold any out")
QUICKEST = {**QUICK, "recipe": "counterpoise-no-selection", "max_samples_seen": 64}


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(sampler_module, "_BLOCK_SIZE", 3)
    monkeypatch.setattr(scale, "_BATCH_SIZE", 7)


def rows_of(n: int, start: int = 0, n_yes: int = 6) -> pa.Table:
    """Rows of many types, of which `n_yes` are of the class "yes"."""
    rng = np.random.default_rng(start)
    price = pa.array(rng.integers(0, 900, n) / 4)
    gaps = pa.array(np.arange(n) % 5 == 1)
    kind = pa.dictionary(pa.int8(), pa.string())
    columns = {
        "key": pa.array(np.arange(start, start + n), pa.int32()),
        "nan": pa.array(np.where(np.arange(n) % 4 == 1, np.nan, rng.integers(0, 9, n))),
        "null": pa.compute.if_else(gaps, None, price),
        "count": pa.compute.if_else(gaps, None, pa.array(rng.integers(0, 9, n), pa.int16())),
        "cost": pa.array(
            [Decimal(int(k)) / 4 for k in rng.integers(0, 99, n)], pa.decimal128(9, 2)
        ),
        "colour": pa.array(rng.choice(["red", "blue"], n)).dictionary_encode().cast(kind),
        "seen": pa.array(rng.integers(0, 10**6, n) * 10**6, pa.timestamp("us", "UTC")),
        "year": pa.array(rng.choice(["01", "02"], n)),
        "label": pa.array(["yes"] * n_yes + ["no"] * (n - n_yes)).take(
            pa.array(rng.permutation(n))
        ),
    }
    return pa.table(columns)


def write_parts(folder: Path, n_parts: int = 3, n: int = 30) -> Path:
    folder.mkdir()
    for at in range(n_parts):
        pq.write_table(rows_of(n, n * at), folder / f"part-{at}.parquet")
    return folder


def resample(data, output, **options):
    own = {"max_rows": 60, "rows_per_part": 20, **options.pop("parameters", {})}
    return resample_dataset(
        str(data), "label", str(output), sampler=make_sampler(**{**QUICKEST, **options}), **own
    )


def parts_in(folder: Path) -> dict[str, pa.Table]:
    return {
        p.relative_to(folder).as_posix(): pq.ParquetFile(p).read()
        for p in sorted(folder.rglob("synthetic-*.parquet"))
    }


def bytes_in(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in parts_in(folder)}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_parts(tmp_path_factory.mktemp("data") / "rows")


@pytest.fixture(scope="module")
def done(data, tmp_path_factory) -> Path:
    """The output of a call that was not killed."""
    folder = tmp_path_factory.mktemp("done") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampler_module, "_BLOCK_SIZE", 3)
        resample(data, folder)
    return folder


def again(done: Path, output: Path) -> Path:
    """A folder with the plan and the sampler only."""
    shutil.copytree(done / "_counterpoise", output / "_counterpoise")
    for note in (output / "_counterpoise").glob("synthetic-*.json"):
        note.unlink()
    return output


def test_synthetic_rows_fill_the_classes_in_the_schema_of_the_data(data, done):
    parts = parts_in(done)
    assert list(parts) == [f"synthetic-class0-{k:05}-of-00003-0.parquet" for k in range(2 + 1)]
    rows = pa.concat_tables(parts.values())
    real = ds.dataset(data).to_table()
    assert all(part.schema.equals(real.schema, check_metadata=True) for part in parts.values())
    assert rows["label"].to_pylist() == ["yes"] * (72 - 18)
    assert rows["nan"].null_count == 0  # but NaN
    assert rows["cost"].to_pylist()[0].as_tuple().exponent == -2
    assert set(rows["colour"].to_pylist()) <= {"red", "blue"}
    both = [*real["key"].to_pylist(), *rows["key"].to_pylist()]
    assert len(set(both)) == len(both)
    plan = json.loads((done / "_counterpoise" / "plan.json").read_text())
    assert (plan["n_real"], plan["n_learned"]) == ({"no": 72, "yes": 18}, 18 + 30)
    assert ds.dataset(done).to_table().num_rows == 72 - 18  # a reader sees nothing else


def test_a_call_is_the_same_whatever_file_system_and_shards(data, done, tmp_path):
    memory = fsspec.filesystem("memory")
    memory.put(f"{data}/", "/rows/", recursive=True)
    assert memory.exists("/rows/part-0.parquet")
    result = resample("memory://rows/*.parquet", "memory://made")
    assert result.parts == [f"/made/{name}" for name in parts_in(done)]
    memory.get("/made/", f"{tmp_path}/made/", recursive=True)
    assert bytes_in(tmp_path / "made") == bytes_in(done)
    for which in (1, 0):
        resample(f"{data}/*.parquet", tmp_path / "out", parameters={"shard": (which, 2)})
    assert bytes_in(tmp_path / "out") == bytes_in(done)
    assert resample(f"{data}/*.parquet", tmp_path / "out").n_added == {"yes": 54}


def test_rows_are_in_the_folders_of_a_partitioned_data_set(tmp_path):
    keys = ds.partitioning(
        pa.schema([("year", pa.string()), ("label", pa.string())]), flavor="hive"
    )
    for at in range(2):
        table = rows_of(30, 30 * at).drop_columns(["seen"])
        name = f"p{at}-{{i}}.parquet"
        ds.write_dataset(
            table,
            tmp_path / "rows",
            format="parquet",
            partitioning=keys,
            basename_template=name,
            existing_data_behavior="overwrite_or_ignore",
        )
    resample(tmp_path / "rows", tmp_path / "rows")
    assert {name.rpartition("/")[0] for name in parts_in(tmp_path / "rows")} == {
        "year=01/label=yes",
        "year=02/label=yes",
    }
    whole = ds.dataset(tmp_path / "rows", partitioning=keys).to_table()
    assert Counter(whole["label"].to_pylist()) == {"yes": 48, "no": 48}
    before = bytes_in(tmp_path / "rows")
    shutil.rmtree(tmp_path / "rows" / "year=02" / "label=yes")
    with pytest.raises(TableFileError, match="not of the same data"):
        resample(tmp_path / "rows", tmp_path / "rows")
    for file in before:
        (tmp_path / "rows" / file).unlink(missing_ok=True)


@pytest.mark.parametrize("index", [None, ["key"]])
def test_rows_that_pandas_has_written_are_read_with_or_without_an_index(tmp_path, index):
    (tmp_path / "rows").mkdir()
    frame = rows_of(60).to_pandas()
    frame = frame if index is None else frame.set_index(index)
    frame.to_parquet(tmp_path / "rows" / "rows.parquet")
    assert resample(tmp_path / "rows", tmp_path / "out").n_added == {"yes": 48}


def test_the_data_is_copied_on_request(data, done, tmp_path):
    output = again(done, tmp_path / "out")
    for _ in range(2):
        resample(data, output, parameters={"copy": True})
    for own in data.iterdir():
        assert (tmp_path / "out" / own.name).read_bytes() == own.read_bytes()
    assert ds.dataset(tmp_path / "out").to_table().num_rows == 144
    with pytest.raises(TableFileError, match="apart from it"):
        resample(data, data, parameters={"copy": True})


class Killed(BaseException):
    pass


@pytest.mark.parametrize("n_moves", range(1, 8))
def test_a_run_that_was_killed_goes_on_and_ends_with_the_same_rows(
    data, done, tmp_path, monkeypatch, n_moves
):
    move, moved = scale._Folder._move, []

    def killed(self, draft, path):
        moved.append(path)
        if len(moved) == n_moves:
            raise Killed
        move(self, draft, path)

    output = tmp_path / "out" if n_moves == 1 else again(done, tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr(scale._Folder, "_move", killed)
        patch.setattr(scale._Folder, "_remove", lambda *_: None)  # no one tidies up
        if n_moves == 7:
            resample(data, output)
        else:
            with pytest.raises(Killed):
                resample(data, output)
    finished = {p: p.stat().st_mtime_ns for p in output.glob("synthetic-*")}
    notes = len(list((output / "_counterpoise").glob("synthetic-*.json")))
    resample(data, output)
    assert bytes_in(output) == bytes_in(done)
    assert sum(p.stat().st_mtime_ns == at for p, at in finished.items()) == notes
    assert not list(output.glob(".synthetic-*"))


def test_a_full_disk_leaves_finished_parts_and_nothing_else(data, done, tmp_path, monkeypatch):
    write = ds.write_dataset
    output = again(done, tmp_path / "out")

    def full(rows, draft, **options):
        write(rows, draft, **options)
        if "-00001-of" in draft:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ds, "write_dataset", full)
    with pytest.raises(TableWriteError, match="No space left"):
        resample(data, output)
    assert [p.name for p in sorted(output.iterdir())] == [
        "_counterpoise",
        next(iter(parts_in(done))),
    ]
    monkeypatch.undo()
    monkeypatch.setattr(sampler_module, "_BLOCK_SIZE", 3)
    resample(data, output)
    assert bytes_in(output) == bytes_in(done)


def test_the_folder_of_another_call_is_refused(data, done):
    for options in ({"random_state": 1}, {"parameters": {"max_rows": 50}}):
        with pytest.raises(TableFileError, match="rows of another call: not of the same"):
            resample(data, done, **options)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def garble(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4:2000] = b"\xff" * 1996
    path.write_bytes(content)


def recast(name: str, kind: pa.DataType):
    def change(path: Path) -> None:
        table = pq.read_table(path)
        at = table.schema.get_field_index(name)
        pq.write_table(table.set_column(at, name, table[name].cast(kind)), path)

    return change


def into_folder(path: Path) -> None:
    (path.parent / "a=1").mkdir()
    path.rename(path.parent / "a=1" / path.name)


def relabel(labels):
    def change(path: Path) -> None:
        for one in path.parent.iterdir():
            table = pq.read_table(one)
            at = table.schema.get_field_index("label")
            pq.write_table(table.set_column(at, "label", pa.array(labels(len(table)))), one)

    return change


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut, "part-1.parquet' cannot be read as Parquet"),
        (garble, "part-1.parquet' cannot be read as Parquet"),
        (lambda path: path.write_text(""), "part-1.parquet' cannot be read as Parquet"),
        (
            recast("key", pa.int64()),
            "part-1.parquet' has another schema .* 'key' is int64, and int32",
        ),
        (
            lambda p: pq.write_table(pq.read_table(p).drop_columns(["cost"]), p),
            "'cost' is not there",
        ),
        (into_folder, "the column 'a' is not there, and a key"),
        (relabel(lambda n: [None, *["a", "b"] * n][:n]), "missing in 3 of 90 rows"),
        (relabel(lambda n: ["a"] * n), "nothing to balance"),
        (relabel(lambda n: [float(k) for k in range(n)]), "a column of classes"),
    ],
    ids=["cut", "garbled", "empty", "type", "columns", "keys", "missing", "one", "many"],
)
def test_bad_data_is_refused_and_nothing_is_written(tmp_path, monkeypatch, damage, message):
    folder = write_parts(tmp_path / "rows")
    monkeypatch.setattr(scale, "_MAX_CLASSES", 20)
    damage(folder / "part-1.parquet")
    with pytest.raises((TableFileError, SchemaError), match=message):
        resample(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_empty_glob_and_other_places_without_data_are_refused(tmp_path):
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "rows.csv").write_text("a,b\n")
    for place in ("rows", "rows/*.parquet", "nowhere"):
        with pytest.raises(TableFileError, match="no Parquet file in"):
            resample(tmp_path / place, tmp_path / "out")
    pq.write_table(rows_of(30).slice(0, 0), tmp_path / "rows" / "none.parquet")
    with pytest.raises(TableFileError, match="no row"):
        resample(tmp_path / "rows", tmp_path / "out")


def test_a_part_whose_column_has_no_value_is_of_the_type_of_the_others(tmp_path):
    folder = write_parts(tmp_path / "rows")
    first = folder / "part-0.parquet"
    table = pq.read_table(first)
    at = table.schema.get_field_index("null")
    pq.write_table(table.set_column(at, "null", pa.nulls(len(table))), first)
    resample(folder, tmp_path / "out")
    assert all(
        part.schema.field("null").type == pa.float64()
        for part in parts_in(tmp_path / "out").values()
    )


@pytest.mark.parametrize(
    "form", ["K-{:05}", "{:03}-XY-{:04x}"], ids=["counted", "of letters and digits"]
)
def test_identifiers_are_those_of_no_row_also_where_it_was_not_learned(tmp_path, form):
    (tmp_path / "rows").mkdir()
    keys = [form.format(k, 40_503 * k % 65_536) for k in range(300)]
    for at in range(3):
        table = rows_of(100, 100 * at, 20)
        own = pa.array(keys[100 * at : 100 * at + 100])
        pq.write_table(table.set_column(0, "key", own), tmp_path / "rows" / f"{at}.parquet")
    labels = {"yes": 70, "no": 250}
    resample(tmp_path / "rows", tmp_path / "out", sampling_strategy=labels, id_columns=["key"])
    made = [key for part in parts_in(tmp_path / "out").values() for key in part["key"].to_pylist()]
    assert len(made) == 20
    assert len({*keys, *made}) == 320


def test_rows_can_be_kept_from_being_copies(data, tmp_path):
    result = resample(data, tmp_path / "out", constraints=[NoCopies()])
    assert result.n_added == {"yes": 54}


def test_the_sample_of_a_class_is_random_and_does_not_depend_on_batches(tmp_path, monkeypatch):
    (tmp_path / "rows").mkdir()
    for at in range(4):
        pq.write_table(rows_of(500, 500 * at, 10), tmp_path / "rows" / f"{at}.parquet")
    source = scale._Source(tmp_path / "rows", None, None)
    held = []
    for size in (64, 1000):
        monkeypatch.setattr(scale, "_BATCH_SIZE", size)
        counts, rows = scale._scan(source, "label", 400, 3, lambda n: None)
        assert counts == {"yes": 40, "no": 1960}
        assert {c: len(own) for c, own in rows.items()} == {"yes": 40, "no": 200}
        held.append(rows["no"]["key"].to_pylist())
    assert held[0] == held[1] == sorted(held[0])
    # 50 of 200 rows are expected from each part; outside of 20 to 80 with odds below 1e-5
    assert all(20 <= n <= 80 for n in Counter(key // 500 for key in held[0]).values())


@pytest.mark.parametrize(
    "strategy",
    ["auto", "minority", "not minority", "not majority", "all", 0.5, {1: 40, 0: 120}, {"1": 40}],
)
def test_rows_to_add_are_those_of_imbalanced_learn(strategy):
    y = np.repeat([0, 1], [100, 30])
    own = {int(key): n for key, n in strategy.items()} if isinstance(strategy, dict) else strategy
    wanted = check_sampling_strategy(own, y, "over-sampling")
    found = scale._rows_to_add(strategy, Counter(y.tolist()))
    assert {c: n for c, n in found.items() if n} == {c: n for c, n in wanted.items() if n}


@pytest.mark.parametrize("strategy", [{"a": 200}, {0: 99}, 0.1, "everything", lambda y: {1: 40}])
def test_bad_strategies_are_refused(strategy):
    with pytest.raises(ValueError, match=r"asked for|more than|sampling_strategy"):
        scale._rows_to_add(strategy, Counter({0: 100, 1: 30}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shard": (2, 2)}, "no shard 2 of 2"),
        ({"max_rows": 0}, "max_rows"),
        ({"rows_per_part": 0}, "rows_per_part"),
    ],
)
def test_bad_arguments_are_refused(data, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        resample(data, tmp_path / "out", parameters=options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("rows_per_part", "n_rows"), [(20, [18] * 3), (7, [6] * 9), (2, [3] * 18)])
def test_no_part_has_more_rows_than_asked_for_and_none_is_empty(
    data, done, tmp_path, rows_per_part, n_rows
):
    # of blocks of three rows
    with contextlib.ExitStack() as stack:
        if rows_per_part < 3:
            stack.enter_context(pytest.warns(UserWarning, match="blocks of 3 rows"))
        resample(data, tmp_path / "out", parameters={"rows_per_part": rows_per_part})
    parts = [parts_in(folder).values() for folder in (tmp_path / "out", done)]
    assert list(map(len, parts[0])) == n_rows
    one, other = (repr(pa.concat_tables(tables).to_pylist()) for tables in parts)
    assert one == other


def test_balanced_data_needs_no_rows(data, tmp_path):
    result = resample(data, tmp_path / "out", sampling_strategy={"yes": 18})
    assert (result.n_added, result.parts) == ({}, [])


def test_the_command_resamples_a_data_set(data, tmp_path, capsys):
    quick = (
        "--set recipe.epochs=1 --set recipe.max_samples_seen=64 --recipe counterpoise-no-selection"
    )
    command = ["resample", f"{data}/*.parquet", "--target", "label", "-o", str(tmp_path / "out")]
    command += [*quick.split(), "--seed", "0", "--strategy", "yes=40", "--max-rows", "60"]
    assert main([*command, "--type", "price=integer"]) == 2
    assert main([*command, "--rows-per-part", "10"]) == 0
    captured = capsys.readouterr()
    assert "yes" in captured.err
    assert "3 files are in" in captured.err
    assert captured.out == ""
    assert sum(map(len, parts_in(tmp_path / "out").values())) == 22
    assert main([*command, "--rows-per-part", "10", "--report", "r.html"]) == 2
    assert main(["resample", str(data), "--target", "label"]) == 2
    assert main(["resample", str(data / "part-0.parquet"), *command[2:4], "--copy"]) == 2
    assert main(["resample", str(data), "--target", "lable", "-o", str(tmp_path / "no")]) == 2
    assert "Did you mean 'label'" in capsys.readouterr().err
    single = ["resample", str(data / "part-0.parquet"), *command[2:5], str(tmp_path / "single")]
    assert main([*single, *quick.split(), "-q"]) == 0
    assert parts_in(tmp_path / "single")


@pytest.fixture(scope="module")
def cluster():
    """A cluster of two workers on this machine, where Ray is installed."""
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield ray
    ray.shutdown()


class DyingWriter:
    """Ends the process of the first worker that writes the second part."""

    def __init__(self, note: Path) -> None:
        self.note = note

    def __call__(self, part: int) -> list[object]:
        if part == 1 and not self.note.exists():
            self.note.touch()
            os._exit(1)
        return [part, os.getpid()]


def test_ray_writes_the_parts_that_one_process_writes(cluster, data, tmp_path):
    # several blocks per part, as in other processes nothing is patched
    options = {"sampling_strategy": {"yes": 10_100}, "parameters": {"rows_per_part": 5_000}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampler_module, "_BLOCK_SIZE", 5_000)
        resample(data, tmp_path / "one", **options)
    again(tmp_path / "one", tmp_path / "ray")
    parameters = {**options["parameters"], "engine": "ray"}
    result = resample(data, tmp_path / "ray", **{**options, "parameters": parameters})
    assert len(result.parts) == 3
    assert bytes_in(tmp_path / "ray") == bytes_in(tmp_path / "one")


def test_ray_writes_the_shards_of_sample(cluster, done, tmp_path, monkeypatch, capsys):
    commands = importlib.import_module("counterpoise.cli._commands")
    monkeypatch.setattr(commands, "_ROWS_PER_PART", 5_000)
    monkeypatch.setattr(sampler_module, "_BLOCK_SIZE", 5_000)
    kept = str(done / "_counterpoise" / "sampler")
    command = ["sample", kept, "-n", "10100", "--seed", "3", "-o"]
    for which in range(3):
        assert main([*command, str(tmp_path / "one"), "--shard", f"{which}/3"]) == 0
    assert main([*command, str(tmp_path / "ray"), "--engine", "ray"]) == 0
    assert "wrote 10,100 rows" in capsys.readouterr().err
    files = [
        {p.name: p.read_bytes() for p in (tmp_path / name).glob("part-*")}
        for name in ("one", "ray")
    ]
    assert len(files[0]) == 3
    assert files[0] == files[1]
    assert main([*command, str(tmp_path / "ray"), "--engine", "ray"]) == 0
    assert "is there already" in capsys.readouterr().err
    # a folder is where a part is to be written
    broken = tmp_path / "broken" / "part-00001-of-00003.parquet"
    broken.mkdir(parents=True)
    assert main([*command, str(tmp_path / "broken"), "--engine", "ray", "--force"]) == 2


def test_a_worker_of_ray_that_is_lost_is_replaced(cluster, tmp_path):
    note = tmp_path / "died"
    done = scale.on_ray(DyingWriter(note), range(4), None)
    assert note.exists()
    assert [part for part, _ in done] == [0, 1, 2, 3]


def fail(part: int) -> None:
    if part == 2:
        raise TableWriteError(f"Cannot write part {part}: No space left on device.")


def test_an_error_of_a_worker_of_ray_is_that_of_one_process(cluster):
    with pytest.raises(TableWriteError, match=r"^Cannot write part 2: No space left on device\.$"):
        scale.on_ray(fail, range(4), None)


def test_ray_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependencyError, match=r"counterpoise\[ray\]"):
        scale.on_ray(fail, range(4), None)


def test_engines_are_checked(data, tmp_path):
    with pytest.raises(ValueError, match="engine"):
        resample(data, tmp_path / "out", parameters={"engine": "dask"})
    assert main(["sample", "kept", "-n", "3", "--engine", "ray"]) == 2
    shard = ["--shard", "0/2", "--engine", "ray", "-o", str(tmp_path / "out")]
    assert main(["sample", "kept", "-n", "3", *shard]) == 2
