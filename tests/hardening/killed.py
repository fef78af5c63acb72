"""A command that kills itself: at an event of its progress, and then at a call of a function."""

from __future__ import annotations

import math
import os
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

from counterpoise import _progress, io, sampler, scale
from counterpoise.cli import main
from counterpoise.training import _checkpoint as checkpoint

COMMAND = (
    "resample t.csv --target churn -o out.csv --provenance p.csv --save saved --force --quiet "
    "--checkpoint-dir work --recipe ranking-no-refinement --seed 5 --device cpu "
    "--set recipe.epochs=4 --set model.batch_size=16 --set model.precision=float32"
)
SHARDS = {  # commands that write a shard each, of a data set and of the rows of a sampler
    "resample": "resample rows --target churn -o out --rows-per-part 6 --strategy yes=90 --quiet "
    "--recipe counterpoise-no-selection --seed 5 --device cpu --set recipe.max_samples_seen=64",
    "sample": "sample kept -n 90 --seed 5 -o out --device cpu",
}
EVENTS = "events"
"""A file of a command that was not killed: its events, and those until there was a checkpoint."""


ERRORS = "stderr"


def count_events(event: Callable[[], None]) -> None:
    """Have `event` called at each step of any stage, and around each file that is written."""
    called, stage, write = _progress.Stage.__call__, _progress.Progress.stage, io.atomic_write
    move = scale._Folder._move

    def call_and_tell(self: _progress.Stage, n: int = 1) -> None:
        called(self, n)
        event()

    @contextmanager
    def stage_and_tell(*arguments, **options):
        event()
        with stage(*arguments, **options) as opened:
            yield opened
            event()
        event()

    @contextmanager
    def write_and_tell(path):
        event()
        with write(path) as draft:
            event()
            yield draft
            event()
        event()

    def move_and_tell(self: scale._Folder, draft: str, path: str) -> None:
        event()
        move(self, draft, path)
        event()

    scale._Folder._move = move_and_tell
    _progress.Stage.__call__ = call_and_tell
    _progress.Progress.stage = stage_and_tell
    io.atomic_write = checkpoint.atomic_write = write_and_tell


def run_on_full_disk(folder: Path, n_bytes: int) -> None:
    """Run the command where no file can have more than `n_bytes`."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, most))
    run(folder, None, 0, 0)


def run_shard(command: str, folder: Path, number: int | None, at: int, n_calls: int) -> None:
    """Run a command on blocks of three rows, as `run` does."""
    sampler._BLOCK_SIZE = 3
    run(folder, number, at, n_calls, command)


def run(folder: Path, number: int | None, at: int, n_calls: int, command: str = COMMAND) -> None:
    """Run the command in a folder; send signal `number` `n_calls` calls after event `at`."""
    os.chdir(folder)
    for name in ("SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)  # a script may have them ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    checkpoint.SECONDS_BETWEEN, checkpoint._SHARE_OF_TIME = 0.0, math.inf
    n_events = n_left = n_until_saved = 0

    def called(*_: object) -> None:
        nonlocal n_left
        n_left -= 1
        if n_left < 0:
            sys.setprofile(None)
            os.kill(os.getpid(), number)

    def event() -> None:
        nonlocal n_events, n_left, n_until_saved
        n_events += 1
        if not n_until_saved and Path("work", checkpoint.FILE_NAME).exists():
            n_until_saved = n_events
        if n_events == at and number is not None:
            n_left = n_calls
            sys.setprofile(called)

    count_events(event)
    with warnings.catch_warnings(), Path(folder, ERRORS).open("w") as sys.stderr:
        code = main(command.split())
    sys.setprofile(None)
    if number is None:
        Path(EVENTS).write_text(f"{n_events} {n_until_saved}")
    sys.exit(code)
