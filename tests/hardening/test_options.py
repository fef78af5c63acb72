"""Whatever stands on the command line, a command works or refuses it in words of its own.

``COUNTERPOISE_FUZZ`` is the number of command lines of the slow test.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import click
import pytest

from counterpoise.cli import _commands, main
from counterpoise.comparison import _compare
from counterpoise.errors import ModelError
from tests.hardening.amount import CHUNK, chunks
from tests.persistence.test_saved import fitted
from tests.small_models import mixed_frame

COMMANDS = ["resample", "sample", "report", "compare"]
VALUES = [
    *["", " ", "-1", "0", "1", "2", "3.5", "1e400", "nan", "inf", "9" * 400, "é\x00", "\x1b[1m"],
    *["x", "=", "=x", "x=", "fee=", "fee=1", "fee<1", "fee in a,b", "fee=1..2", "1..2", "1/0"],
    *["2/1", "churn", "churn=yes", "yes", "yes=10", "yes=-1", "yes=1e9", "yes=nan", "all", "auto"],
    *["off", "t.csv", "new.csv", "new.parquet", "new.html", "nowhere/new.csv", "kept", ".", "/"],
    *["fee=integer", "fee=text", "state=decimal", "fee=datetime:%Q", "total = fee + 1", "a = b +"],
    *["model.x=1", "recipe.epochs=-1", "recipe.epochs=1", "max_time=0", "__class__=1", "compact"],
    *["cpu", "cuda:99", "utf-8", "utf-99", ",", ",,", "fee,state", "fee,fee", "../x", "\ud800"],
]


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """A table, and a sampler that was fitted on one."""
    folder = tmp_path_factory.mktemp("options")
    X, y = mixed_frame(60)
    X.assign(churn=y).to_csv(folder / "t.csv", index=False)
    fitted().save(folder / "kept")
    return folder


@pytest.fixture(autouse=True)
def stops_before_the_comparison(monkeypatch):
    def stop(*_, **__):
        raise ModelError("options were read")

    monkeypatch.setattr(_compare, "compare", stop)


def command_line(command: str, chance: random.Random) -> list[str]:
    """Return a command that works, and up to three options with whatever values."""
    options = [one for one in _commands.commands[command].params if isinstance(one, click.Option)]
    arguments = {
        "resample": ["t.csv", "--target", "churn", "--model", "compact", "--dry-run"],
        "sample": ["kept", "-n", "3"],
        "report": ["--real", "t.csv", "--synthetic", "t.csv"],
        "compare": ["t.csv", "--target", "churn", "--model", "compact"],
    }[command]
    for option in chance.sample(options, chance.choice([1, 1, 1, 2, 3])):
        flag = chance.choice(option.opts)
        if option.is_flag:
            arguments.append(flag)
        elif command == "sample" and option.name == "n_samples":
            arguments += [flag, chance.choice(["", "-1", "0", "2", "1.5", "x", "nan"])]
        else:  # other names of models are looked for on the web
            values = ["", "compact", "nowhere/new.csv/x", "kept"] if flag == "--model" else VALUES
            arguments += [flag, chance.choice(values)]
    return [command, *arguments]


def check(n: int, seed: int, files: Path, folder: Path, capsys, monkeypatch) -> list[int]:
    """Run `n` command lines, each in a folder of its own; return their exit codes."""
    chance = random.Random(seed)
    codes = []
    for number in range(n):
        own = Path(shutil.copytree(files, folder / str(number)))
        monkeypatch.chdir(own)
        line = command_line(COMMANDS[number % len(COMMANDS)], chance)
        codes.append(main(line))
        said = capsys.readouterr().err
        assert codes[-1] in (0, 1, 2), line
        assert "--debug shows where" not in said, f"{line}: {said}"
        if codes[-1]:
            assert "error: " in said or "Usage: " in said, line
        assert (own / "t.csv").read_bytes() == (files / "t.csv").read_bytes(), line
        for path in (files / "kept").iterdir():
            assert (own / "kept" / path.name).read_bytes() == path.read_bytes(), line
        shutil.rmtree(own)
    return codes


def test_any_options_are_taken_or_refused(files, tmp_path, capsys, monkeypatch):
    codes = check(80, 0, files, tmp_path, capsys, monkeypatch)
    assert {0, 2} <= set(codes)


def test_an_empty_name_is_that_of_this_folder(files, monkeypatch, capsys):
    monkeypatch.chdir(files)
    line = ["resample", "t.csv", "--target", "churn", "--model", "compact", "--dry-run"]
    assert main([*line, "--checkpoint-dir", ""]) == 0
    assert "error" not in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("number", chunks(500))
def test_many_options_are_taken_or_refused(number, files, tmp_path, capsys, monkeypatch):
    check(CHUNK, number + 1, files, tmp_path, capsys, monkeypatch)
