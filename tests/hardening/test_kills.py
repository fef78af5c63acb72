"""A command that is killed, whenever and by whatever signal, loses nothing and is resumed.

It kills itself at an event of its progress, so that no clock has a say. ``COUNTERPOISE_FUZZ`` is
the number of kills of the slow test.
"""

from __future__ import annotations

import multiprocessing
import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from counterpoise import LLMOverSampler
from counterpoise.recipes import get_recipe
from tests.hardening import killed
from tests.hardening.amount import CHUNK, chunks
from tests.small_models import mixed_frame

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="signals of POSIX")

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGKILL")
WRITTEN = {"out.csv", "p.csv"}
_MAX_CALLS = 20_000


def run(folder: Path, number: int | None = None, at: int = 0, n_calls: int = 0) -> int:
    """Run the command in a process of its own, and return its exit code."""
    return exit_code(killed.run, folder, number, at, n_calls)


def exit_code(target: Callable[..., None], *arguments: object) -> int:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.hardening.killed", "counterpoise.sampler"])
    process = context.Process(target=target, args=arguments)
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """The folder of a command that was not killed."""
    folder = tmp_path_factory.mktemp("whole")
    X, y = mixed_frame(60)
    X.assign(churn=y).to_csv(folder / "t.csv", index=False)
    assert run(folder) == 0
    (folder / killed.ERRORS).unlink()
    return folder


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {
        killed.ERRORS
    }


def events(whole: Path) -> tuple[int, int]:
    n_events, n_until_saved = (whole / killed.EVENTS).read_text().split()
    return int(n_events), int(n_until_saved)


def assert_same(folder: Path, whole: Path, written: set[str]) -> None:
    for name in written:
        assert (folder / name).read_bytes() == (whole / name).read_bytes(), name


def kill_and_resume(whole: Path, folder: Path, number: int, at: int, n_calls: int) -> str:
    """Kill a command, check what is there, run it again, and compare; return what had happened."""
    shutil.copy(whole / "t.csv", folder)
    code = run(folder, number, at, n_calls)
    assert code in (0, -number, 128 + number)
    found, expected = names(folder), names(whole) - {killed.EVENTS}
    assert_same(folder, whole, {"t.csv"} | (found & WRITTEN))
    is_kept = "work/training.pt" in found
    assert is_kept or expected <= found or at < events(whole)[1], "what was learned is lost"
    left = found - expected - {"work/training.pt"}
    assert not left or (code == -signal.SIGKILL and all(".tmp" in name for name in left)), left
    if (folder / "saved").exists():
        LLMOverSampler.load(folder / "saved")
        shutil.rmtree(folder / "saved")
    assert run(folder) == 0
    drafts_beside = {name for name in left if not name.startswith("work/")}
    assert names(folder) == names(whole) | drafts_beside
    weights = {name for name in expected if name.endswith(".safetensors")}
    assert_same(folder, whole, {"t.csv"} | WRITTEN | weights)
    return f"exit {code}, {'checkpoint' if is_kept else 'none'}, {len(left)} drafts"


def moment(whole: Path, chance: random.Random) -> tuple[int, int]:
    """Draw an event, and how many calls of functions later the signal comes."""
    return chance.randint(1, events(whole)[0]), chance.choice([0, chance.randrange(_MAX_CALLS)])


@pytest.mark.parametrize("name", SIGNALS)
def test_a_killed_command_is_resumed(name, whole, tmp_path):
    at, n_calls = moment(whole, random.Random(name))
    kill_and_resume(whole, tmp_path, getattr(signal, name), at, n_calls)


@pytest.mark.parametrize("n_bytes", [0, 1000, 2500, 20_000])
def test_a_full_disk_loses_nothing(n_bytes, whole, tmp_path):
    """Between the sizes of what is written: nothing, the table, the provenance, the weights."""
    shutil.copy(whole / "t.csv", tmp_path)
    assert exit_code(killed.run_on_full_disk, tmp_path, n_bytes) == 1
    found = names(tmp_path)
    assert found <= names(whole)
    assert_same(tmp_path, whole, {"t.csv"} | (found & WRITTEN))
    assert not (tmp_path / "saved").exists()
    error = (tmp_path / killed.ERRORS).read_text()
    assert len(error) >= n_bytes or "counterpoise: error: Cannot" in error  # else it is full too
    assert "Error:" not in error


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("number", chunks(100))
def test_many_killed_commands_are_resumed(number, whole, tmp_path):
    chance = random.Random(number)
    for at in range(CHUNK):
        folder = tmp_path / str(at)
        folder.mkdir()
        name = SIGNALS[at % len(SIGNALS)]
        when = moment(whole, chance)
        try:
            kill_and_resume(whole, folder, getattr(signal, name), *when)
        except AssertionError as error:
            raise AssertionError(f"{name} {when[1]} calls after event {when[0]}") from error
        shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", killed.SHARDS)
def test_shards_that_are_killed_ten_times_end_with_the_same_rows(name, tmp_path):
    """Four shards, in any order; where all are done before ten kills, they begin anew."""
    X, y = mixed_frame(60)
    chance, n_kills, n_done = random.Random(name), 0, 0
    shards = [f"{killed.SHARDS[name]} --shard {which}/4" for which in range(4)]

    def begin(folder: Path) -> Path:
        (folder / "rows").mkdir(parents=True)
        X.assign(churn=y).to_parquet(folder / "rows" / "0.parquet")
        if name == "sample":
            recipe = get_recipe("counterpoise-no-selection", max_samples_seen=64)
            LLMOverSampler(recipe=recipe, random_state=0).fit(X, y).save(folder / "kept")
        return folder

    whole = begin(tmp_path / "whole")
    n_events = {}
    for shard in shards:
        assert exit_code(killed.run_shard, shard, whole, None, 0, 0) == 0
        n_events[shard] = events(whole)[0]
    written = {str(path.relative_to(whole)) for path in (whole / "out").glob("[!_.]*")}
    assert len(written) >= 4
    while n_kills < 10:
        folder, left = begin(tmp_path / str(n_done)), list(shards)
        while left:
            shard, number = chance.choice(left), getattr(signal, chance.choice(SIGNALS))
            when = chance.randint(1, n_events[shard]), chance.choice([0, chance.randrange(5_000)])
            code = exit_code(killed.run_shard, shard, folder, number, *when)
            assert_same(folder, whole, names(folder) & written)  # nothing half-written
            if code == 0:
                left.remove(shard)
            else:
                assert code in (-number, 128 + number)
                n_kills += 1
        assert_same(folder, whole, written)
        assert not list((folder / "out").glob(".*"))
        n_done += 1
