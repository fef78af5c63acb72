"""A killed training goes on from where it was, and ends as if nothing had happened."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save

from counterpoise import sampler as sampler_module
from counterpoise.errors import ModelError
from counterpoise.training import _checkpoint as checkpoint
from counterpoise.training._checkpoint import FILE_NAME, Checkpoint, distinct_tensors, replace_file
from tests.interrupted import fitted, stop_at_step

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
    assert len(sampler.generator_.trainings) == 3
    return sampler, rows, len(steps)


def counted_steps(patch) -> list[int]:
    """A list that grows with each step."""
    steps = []
    step = torch.optim.AdamW.step

    def counted(self, *arguments):
        steps.append(1)
        return step(self, *arguments)

    patch.setattr(torch.optim.AdamW, "step", counted)
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
    for own, other in zip(sampler.generator_.trainings, expected.generator_.trainings, strict=True):
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
        patch.setattr(sampler_module, "fill", lambda *_: kill())
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
        seen.append(checkpoint.read_facts(tmp_path))
    assert seen[0]["rng_at_start"] == seen[1]["rng_at_start"] == seen[2]["rng_at_start"]
    assert [facts["standing"]["n_batches"] for facts in seen] == [3, 6, 9]


def test_what_differs_is_named(stopping_at, tmp_path):
    stopping_at(3)
    with pytest.raises(Killed):
        fitted(tmp_path)
    for parameters, named in [
        ({"random_state": 6}, "random_state"),
        ({"batch_size": 8, "temperature": 0.5}, "batch_size"),
        ({"sampling_strategy": {"yes": 30}}, "the rows to write"),
        ({"range_margin": 0.1}, "constraints, the columns"),
    ]:
        with pytest.raises(ModelError, match=f"differs in {named}. Repeat"):
            fitted(tmp_path, **parameters)


@pytest.mark.parametrize("damage", ["cut", "empty", "foreign", "version"])
def test_a_file_that_is_no_checkpoint_is_refused(damage, stopping_at, tmp_path):
    stopping_at(3)
    with pytest.raises(Killed):
        fitted(tmp_path)
    path = tmp_path / FILE_NAME
    whole = path.read_bytes()
    path.write_bytes(
        {
            "cut": whole[: len(whole) // 2],
            "empty": b"",
            "foreign": save({"weight": torch.zeros(2)}),
            "version": whole.replace(b'\\"format\\": 1', b'\\"format\\": 9', 1),
        }[damage]
    )
    with pytest.raises(ModelError, match="delete it"):
        fitted(tmp_path)


def test_an_interrupted_write_leaves_the_checkpoint_before(tmp_path):
    path = tmp_path / FILE_NAME
    replace_file(path, lambda to: to.write_text("one"))

    def fail(to):
        to.write_text("tw")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace_file(path, fail)
    assert [file.read_text() for file in tmp_path.iterdir()] == ["one"]


def run(folder: Path, output: Path, step: int, delay_s: float) -> int:
    """Fit in a process of its own; return how it ended."""
    command = [sys.executable, "-m", "tests.interrupted", folder, output, step, delay_s]
    return subprocess.run([str(part) for part in command], cwd=ROOT, check=False).returncode


def assert_killed_and_resumed(folder, undisturbed, seed):
    moment = random.Random(seed)
    *_, n_steps = undisturbed
    step, delay_s = moment.randint(1, n_steps - 3), moment.uniform(0, 0.02)
    assert run(folder, folder / "rows", step, delay_s) == -signal.SIGKILL
    assert not (folder / "rows.csv").exists()
    assert run(folder, folder / "rows", -1, 0) == 0
    expected, expected_rows, _ = undisturbed
    weights = load_file(folder / "rows.safetensors")
    for name, tensor in distinct_tensors(expected.generator_.model).items():
        assert torch.equal(weights[name], tensor), name
    assert (folder / "rows.csv").read_text() == expected_rows
    assert not (folder / FILE_NAME).exists()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
def test_killed_at_a_random_moment(undisturbed, tmp_path):
    assert_killed_and_resumed(tmp_path, undisturbed, seed=0)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
@pytest.mark.parametrize("seed", range(1, 11))
def test_killed_at_ten_random_moments(seed, undisturbed, tmp_path):
    assert_killed_and_resumed(tmp_path, undisturbed, seed)
