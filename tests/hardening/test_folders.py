"""Of a saved folder that was damaged, or written by a stranger, nothing is executed or believed.

``COUNTERPOISE_FUZZ`` is the number of folders of the slow tests.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from counterpoise import LLMOverSampler
from counterpoise.errors import CounterpoiseError, ModelError
from counterpoise.models import get_model
from counterpoise.persistence._folder import MANIFEST, to_json
from tests.hardening.amount import CHUNK, chunks
from tests.persistence.test_saved import FILES, at, fitted, resealed
from tests.small_models import save_gpt2


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "sampler"
    fitted().save(folder)
    return folder


@pytest.fixture(scope="module")
def expected(original) -> pd.DataFrame:
    X, y = LLMOverSampler.load(original).sample(3, random_state=1)
    return X.assign(churn=y)


CANARY = "counterpoise-was-here"
BAD = [None, True, -1, 3.5, 10**30, "x", "../../../etc/passwd", [], ["x"], {}, {"a": "b"}]


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def paths(document):
    found = [()]
    for path in found:
        value = at(document, path)
        if isinstance(value, dict):
            found += [(*path, key) for key in value]
        elif isinstance(value, list):
            found += [(*path, index) for index in range(len(value) if len(value) <= 20 else 3)]
    return found[1:]


def damage_bytes(folder: Path, chance: random.Random) -> str:
    """Change a file without its checksum."""
    name = chance.choice(FILES)
    content = bytearray((folder / name).read_bytes())
    how = chance.choice(["flip", "flip", "flip", "cut", "empty", "longer", "missing", "folder"])
    if how == "flip":
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    elif how == "cut":
        del content[chance.randrange(len(content)) :]
    elif how == "empty":
        content.clear()
    elif how == "longer":
        content += b" "
    (folder / name).unlink()
    if how == "folder":
        (folder / name).mkdir()
    elif how != "missing":
        (folder / name).write_bytes(content)
    return f"{how} {name}"


LIMIT = ("model", "shape", "max_length")
"""A number is as possible there as null, and changes nothing as long as rows are shorter."""


def json_type(value) -> type:
    return float if type(value) is int else type(value)


def damage_json(folder: Path, chance: random.Random) -> str:
    """Give a value of the JSON another type, drop it or add one, with the right checksum."""
    document = json.loads((folder / "sampler.json").read_text())
    path = chance.choice([path for path in paths(document) if path != LIMIT])
    holder, value = at(document, path[:-1]), at(document, path)
    other = [bad for bad in BAD if json_type(bad) is not json_type(value)]
    how = chance.choice(["other", "other", "other", "drop", "add"])
    is_parameter = path[0] == "parameters" and len(path) == 2  # an older version has fewer
    if how == "drop" and isinstance(holder, dict) and not is_parameter:
        del holder[path[-1]]
    elif how == "add" and isinstance(value, dict):
        value["unknown"] = chance.choice(BAD)
    else:
        how, holder[path[-1]] = "other", chance.choice(other)
    (folder / "sampler.json").write_text(json.dumps(document))
    resealed(folder)
    return f"{how} {path}: {value!r:.60}"


@contextmanager
def forged_tensors(
    folder: Path, chance: random.Random
) -> Iterator[tuple[str, dict[str, torch.Tensor], str]]:
    """Yield a file's name, its tensors and the name of one; then save them, with a checksum."""
    path = folder / chance.choice([name for name in FILES if name.endswith(".safetensors")])
    tensors = load_file(path)
    yield path.name, tensors, chance.choice(sorted(tensors))
    save_file(tensors, path)
    resealed(folder)


def damage_tensors(folder: Path, chance: random.Random) -> str:
    """Change tensors, with the right checksum."""
    with forged_tensors(folder, chance) as (file, tensors, name):
        tensor = tensors[name]
        how = chance.choice(["shape", "dtype", "gone", "more", "name", "low"])
        if how == "shape":
            tensors[name] = tensor[:-1].clone()
        elif how == "dtype":
            others = {torch.float32: torch.float64, torch.float64: torch.float32}
            tensors[name] = tensor.to(others.get(tensor.dtype, torch.int32))
        elif how == "gone":
            del tensors[name]
        elif how == "more":
            tensors["../more"] = torch.zeros(2)
        elif how == "name":
            tensors[f"../{name}"] = tensors.pop(name)
        else:
            tensors[name] = tensor[None]
    return f"{how} {file} {name}"


def damage_format(folder: Path, chance: random.Random) -> str:
    """Put something else altogether in place of a file, or other names in the manifest."""
    name = chance.choice(FILES[1:])
    how = chance.choice(["pickle", "torch", "manifest names", "version", "deep", "swapped"])
    if how in ("pickle", "torch"):
        bomb = Bomb(folder.parent / CANARY)
        write = pickle.dump if how == "pickle" else torch.save
        with (folder / name).open("wb") as file:
            write(bomb, file)
        resealed(folder)
    elif how == "deep":
        (folder / "sampler.json").write_text("[" * 100_000)
        resealed(folder)
    elif how == "swapped":
        other = next(file for file in FILES[1:] if file != name)
        one, two = (folder / name).read_bytes(), (folder / other).read_bytes()
        (folder / name).write_bytes(two)
        (folder / other).write_bytes(one)
        resealed(folder)
    else:
        manifest = json.loads((folder / MANIFEST).read_text())
        if how == "version":
            manifest["format"] = chance.choice([0, 1, "1", None, True, 1.0])
        else:
            new = chance.choice(["../sampler.json", "/etc/passwd", "a/../b", "", "\x00", "c:\\x"])
            manifest["files"][new] = manifest["files"].pop(name)
        unsealed = to_json({**manifest, "sha256": ""})
        manifest["sha256"] = hashlib.sha256(unsealed).hexdigest()
        (folder / MANIFEST).write_bytes(to_json(manifest))
    return f"{how} {name}"


def outcome(folder: Path, expected: pd.DataFrame) -> str:
    """ "refused", or "equal" where what was changed makes no difference."""
    try:
        loaded = LLMOverSampler.load(folder)
    except ModelError:
        return "refused"
    finally:
        assert not (folder.parent / CANARY).exists(), "nothing was executed"
    X, y = loaded.sample(3, random_state=1)
    pd.testing.assert_frame_equal(X.assign(churn=y), expected)
    return "equal"


def mutations(original, tmp_path, damages, n, seed, use):
    """What came of `n` folders, each damaged in one way."""
    chance = random.Random(seed)
    outcomes = []
    for number in range(n):
        folder = Path(shutil.copytree(original, tmp_path / str(number)))
        what = damages[number % len(damages)](folder, chance)
        try:
            outcomes.append((use(folder), what))
        except Exception as error:
            raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
        shutil.rmtree(folder)
    return outcomes


def damage_values(folder: Path, chance: random.Random) -> str:
    """Change a number or a text for another of its type, with the right checksum."""
    document = json.loads((folder / "sampler.json").read_text())
    plain = [path for path in paths(document) if type(at(document, path)) in (int, float, str)]
    path = chance.choice(plain)
    value = at(document, path)
    if isinstance(value, str):
        other = chance.choice(["", value + "x", value[:-1], "-1", "1e999", "\x00", "\ud800"])
    else:
        other = chance.choice([0, -1, 1, value + 1, value - 1, -value, 2 * value, 2**31, 2**63])
        other = type(value)(other)
    at(document, path[:-1])[path[-1]] = other
    (folder / "sampler.json").write_text(json.dumps(document))
    resealed(folder)
    return f"{path}: {value!r:.60} -> {other!r:.60}"


def damage_numbers(folder: Path, chance: random.Random) -> str:
    """Change some numbers of a tensor, with the right checksum."""
    with forged_tensors(folder, chance) as (file, tensors, name):
        tensor = tensors[name].flatten()
        values: list[float] = [0, 1]
        if tensor.is_floating_point():
            values += [-1, 1e20, torch.finfo(tensor.dtype).max, float("nan"), float("inf")]
        elif tensor.dtype != torch.bool:
            limits = torch.iinfo(tensor.dtype)
            values += [limits.min, limits.max, limits.max // 2]
        places = [chance.randrange(len(tensor)) for _ in range(chance.choice([1, 1, 5]))]
        for place in places if len(tensor) else ():
            tensor[place] = chance.choice(values)
        tensors[name] = tensor.view(tensors[name].shape)
    return f"{file} {name} {places} {tensors[name].flatten()[places].tolist()}"


def use(folder: Path) -> str:
    """Use a folder that may be whole, and hold other values than were saved."""
    try:
        X, y = LLMOverSampler.load(folder).sample(3, random_state=1)
    except CounterpoiseError:
        return "refused"
    except ValueError as error:
        if "class_ must be" not in str(error):  # it may be of other classes
            raise
        return "refused"
    assert len(X) == len(y) == 3
    return "used"


OF_BYTES = [damage_bytes, damage_format, damage_json, damage_tensors]
OF_VALUES = [damage_values, damage_numbers]


def assert_refused(number, n, original, tmp_path, expected):
    outcomes = mutations(original, tmp_path, OF_BYTES, n, number, lambda at: outcome(at, expected))
    harmless = [what for result, what in outcomes if result != "refused"]
    assert not harmless, "\n".join(harmless)


def test_a_damaged_folder_is_refused(original, tmp_path, expected):
    assert_refused(0, 160, original, tmp_path, expected)


def test_a_forged_folder_is_refused_or_works(original, tmp_path):
    mutations(original, tmp_path, OF_VALUES, 60, 0, use)


@pytest.mark.parametrize("kind", ["weights", "code", "both"])
def test_a_model_of_transformers_runs_no_code(kind, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder, canary = save_gpt2(tmp_path / "model"), tmp_path / CANARY
    if kind != "code":
        (folder / "model.safetensors").unlink()
        with (folder / "pytorch_model.bin").open("wb") as file:
            pickle.dump(Bomb(canary), file)
    if kind != "weights":
        code = f"import pathlib\npathlib.Path({str(canary)!r}).touch()\nclass Model: pass\n"
        (folder / "modeling_own.py").write_text(code)
        config = json.loads((folder / "config.json").read_text())
        config["auto_map"] = {"AutoModelForCausalLM": "modeling_own.Model"}
        (folder / "config.json").write_text(json.dumps(config))
    try:
        get_model(str(folder)).load("cpu")
    except ModelError:
        pass
    else:
        assert kind == "code", "it is GPT-2 by its type"
    assert not canary.exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", chunks(500))
def test_many_damaged_folders_are_refused(number, original, tmp_path, expected):
    assert_refused(number + 1, CHUNK, original, tmp_path, expected)


@pytest.mark.slow
@pytest.mark.parametrize("number", chunks(500))
def test_many_forged_folders_are_refused_or_work(number, original, tmp_path):
    mutations(original, tmp_path, OF_VALUES, CHUNK, number + 1, use)
