"""A checkpoint that was damaged is refused; a forged one is refused, or its training ends.

``COUNTERPOISE_FUZZ`` is the number of checkpoints of the slow tests.
"""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest
import torch

from counterpoise.errors import ModelError
from counterpoise.training import _checkpoint as checkpoint
from counterpoise.training._checkpoint import FILE_NAME, Checkpoint, read_checkpoint
from tests.hardening.amount import CHUNK, chunks
from tests.interrupted import fitted, stop_at_step

BAD = [None, True, -1, 0, 10**9, 3.5, float("nan"), "x", [], ["x"], {}, {"a": 1}, torch.zeros(2)]


class Killed(BaseException):
    pass


def kill() -> None:
    raise Killed


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    """The file of a training that was killed in its midst."""
    folder = tmp_path_factory.mktemp("checkpoint")
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in [
            (checkpoint, "SECONDS_BETWEEN"),
            (checkpoint, "_SHARE_OF_TIME"),
            (Checkpoint, "save_now_and_then"),
        ]:
            patch.setattr(owner, name, getattr(owner, name))  # put back afterwards
        stop_at_step(12, kill)
        with pytest.raises(Killed):
            fitted(folder)
    return (folder / FILE_NAME).read_bytes()


def damaged(whole: bytes, chance: random.Random) -> bytes:
    content = bytearray(whole)
    how = chance.choice(["flip", "flip", "flip", "cut", "longer", "other", "hole"])
    at = chance.randrange(len(content))
    if how == "flip":
        content[at] ^= 1 << chance.randrange(8)
    elif how == "cut":
        del content[at:]
    elif how == "longer":
        content += bytes(chance.randrange(1, 100))
    elif how == "other":
        content[at : at + 8] = chance.randbytes(8)
    else:
        content[at:] = bytes(len(content) - at)
    return bytes(content)


def assert_damage_is_refused(whole, seed, n, folder):
    chance = random.Random(seed)
    for _ in range(n):
        content = damaged(whole, chance)
        if content != whole:
            (folder / FILE_NAME).write_bytes(content)
            with pytest.raises(ModelError, match="delete it"):
                read_checkpoint(folder)


def places(value, path=()):
    """The path of every value in nested dicts and lists."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:3])
    for key, item in items:
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from places(item, (*path, key))


def forge(whole: bytes, folder: Path, chance: random.Random) -> str:
    """Write a checkpoint with one value changed, and the right checksum."""
    path = folder / FILE_NAME
    path.write_bytes(whole)
    saved = read_checkpoint(folder)
    place = chance.choice([one for one in places(saved) if one[0] not in ("format", "fingerprint")])
    holder = saved
    for key in place[:-1]:
        holder = holder[key]
    how = chance.choice(["drop", "other", "other", "other"])
    if how == "drop":
        del holder[place[-1]]
    else:
        holder[place[-1]] = chance.choice(BAD)
    torch.save(saved, path)
    path.write_bytes(path.read_bytes() + hashlib.sha256(path.read_bytes()).digest())
    return f"{how} {place}: {holder.get(place[-1]) if isinstance(holder, dict) else holder!r:.60}"


def assert_a_forged_one_is_refused_or_ends(whole, seed, n, folder):
    chance = random.Random(seed)
    for _ in range(n):
        what = forge(whole, folder, chance)
        try:
            fitted(folder)
        except ModelError:
            pass
        except Exception as error:
            raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error


def test_a_damaged_checkpoint_is_refused(whole, tmp_path):
    assert_damage_is_refused(whole, 0, 100, tmp_path)


def test_a_forged_checkpoint_is_refused_or_its_training_ends(whole, tmp_path):
    assert_a_forged_one_is_refused_or_ends(whole, 0, 12, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("number", chunks(500))
def test_many_damaged_checkpoints_are_refused(number, whole, tmp_path):
    assert_damage_is_refused(whole, number + 1, CHUNK, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("number", chunks(100))
def test_many_forged_checkpoints_are_refused_or_end(number, whole, tmp_path):
    assert_a_forged_one_is_refused_or_ends(whole, number + 1, CHUNK, tmp_path)
