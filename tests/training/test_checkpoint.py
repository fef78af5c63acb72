"""A killed training goes on from where it was, and ends as if nothing had happened."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save

from counterpoise import LLMOverSampler
from counterpoise.errors import ModelError
from counterpoise.training import _checkpoint as checkpoint
from counterpoise.training._checkpoint import (
    FILE_NAME,
    Checkpoint,
    TrainingState,
    checkpoint_folder,
    distinct_tensors,
)
from counterpoise.training._optimizer import AdamW
from tests.doubles import TickingClock
from tests.interrupted import MOMENTS, fitted, stop_at_step

ROOT = Path(__file__).parents[2]


class Killed(BaseException):
    """What no code catches."""


def kill() -> None:
    raise Killed


@pytest.fixture(scope="module")
def undisturbed():
    """(sampler, rows, steps of all trainings) of a fit without checkpoints."""
    with pytest.MonkeyPatch.context() as patch:
        steps = counted_steps(patch)
        sampler, rows = fitted(None)
    assert len(sampler.training_.trainings) == 3
    return sampler, rows, len(steps)


def counted_steps(patch) -> list[int]:
    """A list that grows with each step."""
    steps = []
    step = AdamW.step

    def counted(self):
        steps.append(1)
        step(self)

    patch.setattr(AdamW, "step", counted)
    return steps


@pytest.fixture
def stopping_at(monkeypatch):
    """Write checkpoints after every step, and stop at one."""
    for owner, name in [
        (checkpoint, "SECONDS_BETWEEN"),
        (checkpoint, "_SHARE_OF_TIME"),
        (Checkpoint, "save_now_and_then"),
    ]:
        monkeypatch.setattr(owner, name, getattr(owner, name))  # put back afterwards
    return lambda step: stop_at_step(step, kill)


def assert_same(sampler, rows, undisturbed):
    expected, expected_rows, _ = undisturbed
    own, other = (distinct_tensors(s.generator_.model) for s in (sampler, expected))
    assert all(torch.equal(own[name], other[name]) for name in other)
    assert rows == expected_rows
    assert sampler.history_.train_loss == expected.history_.train_loss
    for own, other in zip(sampler.training_.trainings, expected.training_.trainings, strict=True):
        assert own.held_out_loss == other.held_out_loss
    assert sampler._rng.bit_generator.state == expected._rng.bit_generator.state


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.95])
def test_a_training_that_was_stopped_ends_with_the_same_weights(
    share, undisturbed, stopping_at, tmp_path, monkeypatch
):
    *_, n_steps = undisturbed
    stopping_at(1 + int(share * (n_steps - 2)))
    with pytest.raises(Killed):
        fitted(tmp_path)
    assert (tmp_path / FILE_NAME).is_file() == (share > 0)
    steps = counted_steps(monkeypatch)
    stopping_at(-1)
    sampler, rows = fitted(tmp_path)
    assert len(steps) <= n_steps * (1 - share) + 3, "it did not start afresh"
    assert_same(sampler, rows, undisturbed)
    assert not list(tmp_path.iterdir()), "deleted when done"


def test_stopped_while_it_writes(undisturbed, tmp_path, monkeypatch):
    """All trainings are over, the rows are not."""
    with monkeypatch.context() as patch:
        patch.setattr(LLMOverSampler, "_generate", lambda *_: kill())
        with pytest.raises(Killed):
            fitted(tmp_path)
    steps = counted_steps(monkeypatch)
    sampler, rows = fitted(tmp_path)
    assert not steps
    assert_same(sampler, rows, undisturbed)


def test_stopped_again_and_again_without_a_seed(stopping_at, tmp_path):
    """The seed that was drawn for the first attempt holds for all."""
    seen = []
    for _ in range(3):
        stopping_at(4)
        with pytest.raises(Killed):
            fitted(tmp_path, random_state=None)
        seen.append(checkpoint.read_checkpoint(tmp_path))
    assert seen[0]["rng_at_start"] == seen[1]["rng_at_start"] == seen[2]["rng_at_start"]
    assert [facts["unfinished"]["n_batches"] for facts in seen] == [3, 6, 9]


def test_what_differs_is_named(stopping_at, tmp_path):
    stopping_at(3)
    with pytest.raises(Killed):
        fitted(tmp_path)
    for parameters, named in [
        ({"random_state": 6}, "random_state"),
        ({"batch_size": 8, "temperature": 0.5}, "batch_size"),
        ({"sampling_strategy": {"yes": 30}}, "the rows to generate"),
        ({"range_margin": 0.1}, "constraints, the columns"),
    ]:
        with pytest.raises(ModelError, match=f"differs in {named}. Repeat"):
            fitted(tmp_path, **parameters)


@pytest.fixture(scope="module")
def begun(tmp_path_factory) -> bytes:
    """The checkpoint of a training that was stopped."""
    folder = tmp_path_factory.mktemp("begun")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "SECONDS_BETWEEN", 0.0)
        patch.setattr(checkpoint, "_SHARE_OF_TIME", np.inf)
        patch.setattr(Checkpoint, "save_now_and_then", Checkpoint.save_now_and_then)
        stop_at_step(3, kill)
        with pytest.raises(Killed):
            fitted(folder)
    return (folder / FILE_NAME).read_bytes()


@pytest.mark.parametrize("damage", ["cut", "empty", "foreign", "one bit"])
def test_a_damaged_checkpoint_is_refused(damage, begun, tmp_path):
    flipped = bytearray(begun)
    flipped[len(begun) // 2] ^= 1
    damaged = {
        "cut": begun[: len(begun) // 2],
        "empty": b"",
        "foreign": save({"weight": torch.zeros(2)}),
        "one bit": bytes(flipped),
    }
    (tmp_path / FILE_NAME).write_bytes(damaged[damage])
    with pytest.raises(ModelError, match="delete it"):
        fitted(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == damaged[damage]


@pytest.mark.parametrize("seed", range(40))
def test_any_changed_byte_is_noticed(seed, begun, tmp_path):
    rng = np.random.default_rng(seed)
    changed = bytearray(begun)
    changed[rng.integers(len(begun))] ^= int(rng.integers(1, 256))
    (tmp_path / FILE_NAME).write_bytes(changed)
    with pytest.raises(ModelError, match="changed after it was written"):
        checkpoint.read_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", 99),
        ("done", None),
        ("rng_at_start", {"bit_generator": "PCG64"}),
        ("unfinished", []),
        ("unfinished.n_batches", 10**9),
        ("unfinished.n_batches", -1),
        ("unfinished.n_batches", 2.0),
        ("unfinished.n_samples_seen", 10**9),
        ("unfinished.losses", [1.0]),
        ("unfinished.history", {"seconds": "long"}),
        ("unfinished.history", {"minutes": 1}),
        ("unfinished.model", {}),
        ("unfinished.optimizer", {}),
        ("unfinished.optimizer.n_taken", -1),
        ("unfinished.optimizer.exp_avgs", []),
        ("unfinished.optimizer.state_steps", [1.0]),
    ],
)
def test_a_forged_checkpoint_is_refused(name, value, begun, tmp_path):
    """Whole, with the right checksum, but of values that it cannot have."""
    path = tmp_path / FILE_NAME
    path.write_bytes(begun)
    forged = part = torch.load(path, weights_only=True)
    *owner, name = name.split(".")
    for step in owner:
        part = part[step]
    part[name] = value
    torch.save(forged, path)
    path.write_bytes(path.read_bytes() + hashlib.sha256(path.read_bytes()).digest())
    with pytest.raises(ModelError, match="delete it"):
        fitted(tmp_path)


def test_a_failed_write_is_a_warning_and_leaves_the_checkpoint_before(
    begun, tmp_path, undisturbed, stopping_at, monkeypatch
):
    (tmp_path / FILE_NAME).write_bytes(begun)
    seen = []

    def full(_, path):
        path.write_bytes(b"half")
        seen.append((tmp_path / FILE_NAME).read_bytes())
        raise RuntimeError("PytorchStreamWriter failed writing file: file write failed\nat 0x1")

    stopping_at(-1)
    monkeypatch.setattr(torch, "save", full)
    with pytest.warns(UserWarning, match=r"no checkpoint could be written .* write failed\);"):
        sampler, rows = fitted(tmp_path)
    assert set(seen) == {begun}
    assert_same(sampler, rows, undisturbed)
    assert not list(tmp_path.iterdir()), "no draft is left"


def test_a_folder_is_for_one_training_at_a_time(tmp_path):
    outcomes = []

    def fit_too():
        try:
            fitted(tmp_path)
        except ModelError as error:
            outcomes.append(str(error))

    with checkpoint_folder(tmp_path):
        other = threading.Thread(target=fit_too)
        other.start()
        other.join()
    assert len(outcomes) == 1
    assert "another training uses" in outcomes[0]
    with checkpoint_folder(tmp_path):
        pass  # it is free again


def test_a_checkpoint_is_kept_until_the_outermost_block_ends_well(tmp_path):
    path = tmp_path / FILE_NAME

    def write(*, fails: bool) -> None:
        with checkpoint_folder(tmp_path):
            with checkpoint_folder(tmp_path / "."):
                path.touch()
            assert path.exists()
            if fails:
                raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        write(fails=True)
    assert path.exists()
    write(fails=False)
    assert not path.exists()


def test_drafts_of_killed_trainings_are_removed_and_nothing_else(tmp_path):
    (tmp_path / f".{FILE_NAME}.0a1b2c3d.tmp").touch()
    (tmp_path / "notes.txt").touch()
    with checkpoint_folder(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_that_cannot_be_is_named_before_training(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    steps = counted_steps(monkeypatch)
    with pytest.raises(ModelError, match="Cannot write to the checkpoint_dir"):
        fitted(tmp_path / "file")
    assert not steps


def run(folder: Path, step: int, moment: str) -> int:
    """Fit in a process of its own, which is killed at a step; return how it ended."""
    command = [sys.executable, "-m", "tests.interrupted", folder, folder / "rows", step, moment]
    return subprocess.run([str(part) for part in command], cwd=ROOT, check=False).returncode


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_process_is_resumed(moment, undisturbed, tmp_path):
    expected, expected_rows, n_steps = undisturbed
    assert run(tmp_path, n_steps // 2, moment) == -signal.SIGKILL
    assert not (tmp_path / "rows.csv").exists()
    assert run(tmp_path, -1, moment) == 0
    weights = load_file(tmp_path / "rows.safetensors")
    for name, tensor in distinct_tensors(expected.generator_.model).items():
        assert torch.equal(weights[name], tensor), name
    assert (tmp_path / "rows.csv").read_text() == expected_rows
    assert not (tmp_path / FILE_NAME).exists()


def test_checkpoints_are_written_now_and_then(tmp_path, monkeypatch):
    """Every 30 s, or more rarely where one takes long, on a clock that no machine sets."""
    clock = TickingClock(0.0)
    written = []
    monkeypatch.setattr(torch, "save", lambda *_: written.append(clock.now))
    own = Checkpoint(tmp_path, {}, np.random.default_rng(0), "compact", clock)
    model = torch.nn.Linear(1, 1)
    optimizer = AdamW(model.parameters(), 1e-3, 100)
    state = TrainingState(model, optimizer, np.random.default_rng(0), 100, next_evaluation=1)
    for second in range(100):
        clock.now = float(second)
        own.save_now_and_then(state)
    assert written == [30.0, 60.0, 90.0]
