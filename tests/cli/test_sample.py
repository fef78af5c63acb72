"""``counterpoise resample --save`` and ``counterpoise sample``, for real."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from counterpoise.cli import main


def test_kept_and_sampled(make_churn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.chdir(tmp_path)
    make_churn(40, 8).to_csv("churn.csv", index=False)
    kept = "resample churn.csv --target churn --set recipe.epochs=1 --seed 0 -q --save kept"
    assert main([*kept.split(), "-o", "balanced.csv"]) == 0
    assert main(["sample", "kept", "-n", "5", "--class", "yes", "--seed", "1", "-q"]) == 0
    first = capsys.readouterr().out
    assert main(["sample", "kept", "-n", "5", "--seed", "1", "-o", "rows.csv"]) == 0
    rows = pd.read_csv("rows.csv")
    assert (tmp_path / "rows.csv").read_text() == first
    assert rows.columns.tolist() == ["state", "calls", "minutes", "churn"]
    assert (rows["churn"] == "yes").all()
    assert len(rows) == 5
    assert main([*kept.split(), "-o", "again.csv"]) == 2
    assert "kept exists" in capsys.readouterr().err
    assert not (tmp_path / "again.csv").exists()
    assert main(["sample", "nowhere", "-n", "5"]) == 2
    assert "there is no folder nowhere" in capsys.readouterr().err


def test_sampler_without_copies_is_saved_with_the_rows(
    make_churn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    make_churn(40, 8).to_csv("churn.csv", index=False)
    kept = "resample churn.csv --target churn --set recipe.epochs=1 --seed 0 -q -o balanced.csv"
    assert main([*kept.split(), "--no-copies", "--save", "kept", "--save-rows"]) == 0
    assert main(["sample", "kept", "-n", "5", "--seed", "1", "-o", "rows.csv"]) == 0
    assert len(pd.read_csv("rows.csv")) == 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sampler of a table of orders, saved by the command."""
    rng = np.random.default_rng(0)
    n = 160
    depot = pd.Series(rng.choice(["north 1", "north 2", "south 1"], n))
    table = pd.DataFrame(
        {
            "depot": depot,
            "region": depot.str.split().str[0],
            "items": rng.integers(1, 40, n),
            "post": rng.integers(100, 900, n) / 100,
            "sent": pd.Timestamp("2024-03-01") + pd.to_timedelta(rng.integers(0, 90, n), "D"),
            "note": [f"parcel {rng.integers(1000)} of {at}" for at in range(n)],
            "a=b": rng.choice([0, 1, 7], n),
        }
    )
    table["total"] = (table["items"] + table["post"]).round(2)
    table.loc[rng.random(n) < 0.2, "sent"] = pd.NaT
    table["late"] = np.where(np.arange(n) % 5, "no", "yes")
    path = tmp_path_factory.mktemp("orders")
    table.to_csv(path / "orders.csv", index=False)
    command = ["resample", str(path / "orders.csv"), "--target", "late", "--type", "note=text"]
    command += ["--set", "recipe.epochs=1", "--seed", "0", "-q", "-o", str(path / "o.csv")]
    command += ["--type", "a=b=categorical"]
    assert main([*command, "--save", str(path / "kept")]) == 0
    return path / "kept"


def sampled(folder: Path, *conditions: str) -> list[str]:
    options = [text for condition in conditions for text in ("--condition", condition)]
    return ["sample", str(folder), "-n", "4", "--class", "yes", "--seed", "1", "-q", *options]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (["depot=south 1"], {"depot": "south 1", "region": "south"}),
        (["region=north", "items=7"], {"region": "north", "items": 7}),
        (["post=4.5"], {"post": 4.5}),
        (["total=20.25"], {"total": 20.25}),  # computed
        (["sent=2024-04-02"], {"sent": "2024-04-02"}),
        (["a=b=7"], {"a=b": 7}),
    ],
    ids=str,
)
def test_condition_is_read_as_the_type_of_its_column(
    folder: Path, capsys: pytest.CaptureFixture[str], conditions: list[str], expected: dict
) -> None:
    assert main(sampled(folder, *conditions)) == 0
    rows = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert len(rows) == 4
    for name, value in expected.items():
        assert rows[name].tolist() == [value] * 4
    assert (rows["region"] == rows["depot"].str.split().str[0]).all()
    assert ((rows["items"] + rows["post"] - rows["total"]).abs() < 0.006).all()


def test_empty_condition_is_a_missing_cell(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(sampled(folder, "sent=")) == 0
    assert pd.read_csv(io.StringIO(capsys.readouterr().out))["sent"].isna().all()


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        (["depot"], "COLUMN=VALUE"),
        (["depott=x"], "Did you mean 'depot'"),
        (["depot=west 1"], "column 'depot' has no 'west 1'"),
        (["items=many"], "column 'items' has no 'many'"),
        (["note=x"], "free text"),
        (["items=3", "items=4"], "'items' is named twice"),
        (["depot=south 1", "region=north"], "no real row has these values"),
    ],
    ids=str,
)
def test_condition_that_cannot_be_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], conditions: list[str], message: str
) -> None:
    assert main(sampled(folder, *conditions)) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert message in said.err


@pytest.fixture
def write_shard(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Run the command for one shard of ten rows in blocks of three."""
    monkeypatch.setattr("counterpoise.sampler._BLOCK_SIZE", 3)

    def write(shard: str, *options: str, kept: Path = folder, output: str = "out") -> int:
        command = ["sample", str(kept), "-n", "10", "--class", "yes", "--shard", shard]
        return main([*command, "-o", str(tmp_path / output), *options])

    return write


@pytest.mark.parametrize("part_format", ["parquet", "csv"])
def test_parts_of_all_shards_are_the_same_rows(write_shard, tmp_path: Path, part_format: str):
    read = {"parquet": pd.read_parquet, "csv": partial(pd.read_csv, dtype=str)}[part_format]
    unions = {}
    for n_shards in (1, 2, 7):
        for which in reversed(range(n_shards)):
            options = ["--part-format", part_format, "-q"]
            assert write_shard(f"{which}/{n_shards}", *options, output=f"{n_shards}") == 0
        parts = sorted((tmp_path / str(n_shards)).glob("part-*"))
        assert [path.name for path in parts] == [
            f"part-{which:05}-of-{n_shards:05}.{part_format}" for which in range(n_shards)
        ]
        frames = [one for one in map(read, parts) if len(one)]
        unions[n_shards] = pd.concat(frames, ignore_index=True)
        pd.testing.assert_frame_equal(unions[n_shards], unions[1])
    assert len(unions[1]) == 10
    if part_format == "parquet":  # one schema, also of the parts without rows
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "7"), unions[1])


@pytest.mark.parametrize("place", ["counterpoise.io._write_parquet", "pathlib.Path.replace"])
def test_an_interrupted_part_is_written_again_and_a_finished_one_is_skipped(
    write_shard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, capsys
):
    assert write_shard("0/2", output="whole") == write_shard("1/2", output="whole") == 0
    assert write_shard("0/2") == 0
    out, name = tmp_path / "out", "part-00001-of-00002.parquet"

    def interrupted(*arguments: object) -> None:
        drafts = [one for one in arguments if isinstance(one, Path)]
        drafts[0].write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(place, interrupted)
        assert write_shard("1/2") == 130
    assert sorted(path.name for path in out.iterdir()) == [
        "_shards.json",
        "part-00000-of-00002.parquet",
    ]
    (out / f".{name}.0123abcd.tmp").write_bytes(b"half")  # of a process that was killed
    before = (out / "part-00000-of-00002.parquet").stat()
    assert write_shard("0/2") == write_shard("1/2") == 0
    assert "is there already" in capsys.readouterr().err
    assert (out / "part-00000-of-00002.parquet").stat() == before
    for path in (tmp_path / "whole").iterdir():
        assert (out / path.name).read_bytes() == path.read_bytes()
    assert len(list(out.iterdir())) == 3


def test_a_folder_has_parts_of_the_same_rows_only(write_shard, tmp_path: Path, capsys):
    assert write_shard("0/2") == 0
    before = (tmp_path / "out" / "part-00000-of-00002.parquet").read_bytes()
    for options, what in ((["--seed", "1"], "seed"), (["-n", "11"], "rows")):
        assert write_shard("1/2", "--force", *options) == 2
        assert f"not of the same {what}." in capsys.readouterr().err
    assert write_shard("0/2", "--seed", "0", "--force") == 0  # 0 is the default
    assert (tmp_path / "out" / "part-00000-of-00002.parquet").read_bytes() == before


@pytest.mark.parametrize("shard", ["2/2", "0/0", "-1/2", "1", "1/2/3", "a/2"])
def test_bad_shards_are_refused(write_shard, tmp_path: Path, shard: str) -> None:
    assert write_shard(shard) == 2
    assert not (tmp_path / "out").exists()


def test_a_shard_is_written_to_a_folder(write_shard, folder: Path, tmp_path: Path, capsys):
    (tmp_path / "file").write_text("")
    assert write_shard("0/2", output="file") == 2
    assert main(["sample", str(folder), "-n", "3", "--shard", "0/2"]) == 2
    assert "name a folder" in capsys.readouterr().err
    assert write_shard("0/2", kept=tmp_path / "nowhere") == 2
    assert not (tmp_path / "out").exists()
