"""What happened in a training, where it stands, and the checkpoint that resumes a killed one.

A checkpoint is one file of `torch.save` and the SHA-256 of it, replaced at once or not at all, and
read with ``weights_only``: tensors and plain values, no code. What a run computes again from its
seed is not in it: the random generator is set to its state at the start of the killed run.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, TypeAlias

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from counterpoise.columns import Table
from counterpoise.errors import ModelError, warn_user
from counterpoise.io import atomic_write
from counterpoise.training._optimizer import AdamW

if sys.platform != "win32":
    import fcntl

Clock: TypeAlias = Callable[[], float]  # seconds since some moment, as `time.perf_counter`
FILE_NAME = "training.pt"
SECONDS_BETWEEN = 30.0  # between two checkpoints, at least
_SHARE_OF_TIME = 0.05  # of a training that may go into writing checkpoints, at most
_FORMAT = 6
_PARTS: dict[str, Any] = {
    "format": int,
    "fingerprint": dict,
    "model_name": str,
    "rng_at_start": dict,
    "done": list,  # of each phase that was finished, its history and where it left the generator
    "unfinished": dict | None,  # of the phase that was interrupted
    "final_weights": dict | None,  # of the last finished phase, which a later one may depend on
}
_SAVED: dict[str, Any] = {  # of a `TrainingState`, as it is
    "n_batches": int,
    "n_samples_seen": int,
    "length": int,
    "next_evaluation": int,
    "losses": list,
    "best_loss": float,
    "best_weights": dict | None,
}
_N_DIGEST = hashlib.sha256().digest_size
_MALFORMED = (AttributeError, LookupError, RuntimeError, TypeError, ValueError)
_UNREADABLE = (*_MALFORMED, OSError, EOFError, UnpicklingError)


@dataclass(slots=True)
class History:
    """What happened in a training.

    Attributes
    ----------
    samples_seen : list of int
        Training samples seen at each evaluation; each block of columns of a wide table is one.
    train_loss : list of float
        Mean negative log-likelihood per chosen token since the evaluation before, in nats.
    held_out_loss : list of float
        Negative log-likelihood per held-out row, in nats; empty without held-out rows. These are
        of each class that is trained, or of the largest one if they decide on the length.
    best_n_samples_seen : int
        Training samples seen by the weights that were kept.
    seconds, best_seconds : float
        Wall time in all, and until the weights that were kept.
    stopped_by : {"length", "held-out rows", "max_time"}
        What ended it: all samples were seen; held-out rows got no likelier; time was up.
    """

    samples_seen: list[int] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    held_out_loss: list[float] = field(default_factory=list)
    best_n_samples_seen: int = 0
    seconds: float = 0.0
    best_seconds: float = 0.0
    stopped_by: str = "length"

    @property
    def n_samples_seen(self) -> int:
        """Training samples seen in all, repeats included."""
        return self.samples_seen[-1] if self.samples_seen else 0


@dataclass(slots=True)
class TrainingState:
    """Where a training stands between two steps."""

    model: nn.Module
    optimizer: AdamW
    rng: np.random.Generator
    length: int  # training samples after which it is over, unless it ends early
    next_evaluation: int  # at so many training samples seen
    n_batches: int = 0
    n_samples_seen: int = 0
    losses: list[Tensor] = field(default_factory=list)  # of each step since the last evaluation
    best_loss: float = math.inf  # the lowest held-out loss so far, of `best_weights`
    best_weights: dict[str, Tensor] | None = None
    history: History = field(default_factory=History)


class Checkpoint:
    """The checkpoint of one run, which may train more than once: phase after phase.

    `fingerprint` is what the run depends on, by name. `rng` has drawn nothing yet: where there is a
    checkpoint, it is set to the state in which the run that wrote it began.
    """

    def __init__(
        self,
        folder: Path,
        fingerprint: Mapping[str, str],
        rng: np.random.Generator,
        model_name: str,
        clock: Clock = time.perf_counter,
    ) -> None:
        self._path = folder / FILE_NAME
        self._clock = clock
        self._written = clock()
        self._interval = SECONDS_BETWEEN
        self._phase = 0
        saved = read_checkpoint(folder)
        if saved is None:
            saved = {"format": _FORMAT, "fingerprint": dict(fingerprint), "model_name": model_name}
            saved |= {"rng_at_start": rng.bit_generator.state, "done": []}
            saved |= {"unfinished": None, "final_weights": None}
        self._saved = saved
        other = sorted({name for name, _ in saved["fingerprint"].items() ^ fingerprint.items()})
        if other:
            raise ModelError(
                f"{self._path} is the checkpoint of another run: it differs in "
                f"{', '.join(other)}. Repeat that run as it was, or use another checkpoint_dir, "
                "or delete the file to start afresh",
                path=str(self._path),
                differs=other,
            )
        with self._refuse_malformed():
            rng.bit_generator.state = saved["rng_at_start"]

    def finished(self, model: nn.Module, rng: np.random.Generator) -> History | None:
        """Return the history of the phase that begins now, if it was finished before.

        Then `rng` and, if no later one was finished, `model` are set to where the phase left them.
        """
        done, weights = self._saved["done"], self._saved["final_weights"]
        if self._phase >= len(done):
            return None
        record = done[self._phase]
        self._phase += 1
        with self._refuse_malformed():
            rng.bit_generator.state = record["rng"]
            if self._phase == len(done) and weights is not None:
                load_tensors(model, weights)
            return _read_history(record["history"])

    def resume(self, state: TrainingState, batches: Iterator[object], n_samples: int) -> None:
        """Set `state` to where the checkpoint has this phase, if it has; skip its `batches`."""
        saved, self._saved["unfinished"] = self._saved["unfinished"], None
        if saved is None:
            return
        device = _device(state.model)
        with self._refuse_malformed():
            load_tensors(state.model, saved["model"])
            state.optimizer.load_state_dict(saved["optimizer"])
            state.history = _read_history(saved["history"])
            _check_kinds(saved, _SAVED)
            for name in _SAVED:
                setattr(state, name, saved[name])
            if not 0 <= state.n_batches <= state.n_samples_seen <= state.length <= n_samples:
                raise ValueError(f"{state.n_batches} batches of {n_samples} training samples")
            if state.best_weights is not None:
                check_tensors(state.model, state.best_weights)
            state.losses = [loss.reshape(()).to(device) for loss in state.losses]
            for _ in range(state.n_batches):
                next(batches)
            is_same_order = state.rng.bit_generator.state == saved["rng"]
        if not is_same_order:
            raise ModelError(
                f"{self._path} cannot be resumed: this version of counterpoise or NumPy presents "
                "rows in another order than the one that wrote it. Delete the file to start afresh",
                path=str(self._path),
            )
        if not getattr(state.model, "is_random", True):
            return
        with self._refuse_malformed():
            torch.set_rng_state(saved["torch_rng"])
            if device.type == "cuda":
                torch.cuda.set_rng_state(saved["cuda_rng"], device)

    def save_now_and_then(self, state: TrainingState) -> None:
        """Write a checkpoint of a training between two steps, if the last one is long ago."""
        if self._clock() - self._written < self._interval:
            return
        device = _device(state.model)
        unfinished = {
            "model": distinct_tensors(state.model),
            "optimizer": state.optimizer.state_dict(),
            "history": asdict(state.history),
            "rng": state.rng.bit_generator.state,
            "torch_rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
            **{name: getattr(state, name) for name in _SAVED},
        }
        self._write(unfinished)

    def finish(self, model: nn.Module, history: History, rng: np.random.Generator) -> None:
        """Write that the phase has ended, and the weights that it ended with."""
        self._phase += 1
        self._saved["done"].append({"history": asdict(history), "rng": rng.bit_generator.state})
        weights = distinct_tensors(model)
        self._saved["final_weights"] = {name: t.cpu().clone() for name, t in weights.items()}
        self._write(None)

    def _write(self, unfinished: dict[str, Any] | None) -> None:
        """Write the file; a training goes on without it where that fails."""
        started, state = self._clock(), {**self._saved, "unfinished": unfinished}
        try:
            with atomic_write(self._path) as draft:
                torch.save(state, draft)
                with draft.open("r+b") as file:
                    digest = hashlib.file_digest(file, "sha256").digest()
                    file.seek(0, os.SEEK_END)
                    file.write(digest)
        except (OSError, RuntimeError) as error:  # torch's own where a disk is full
            warn_user(
                f"no checkpoint could be written to {self._path} ({_reason(error)}); the training "
                "goes on, and would be resumed from the one before",
            )
        self._written = self._clock()
        # a large model's takes seconds: then write more rarely
        self._interval = max(SECONDS_BETWEEN, (self._written - started) / _SHARE_OF_TIME)

    @contextmanager
    def _refuse_malformed(self) -> Iterator[None]:
        """Turn what a file gives rise to that is no checkpoint of ours into a ModelError."""
        try:
            yield
        except _MALFORMED as error:
            raise ModelError(
                f"{self._path} is not a checkpoint of this training ({_reason(error)}); delete it "
                "to start afresh",
                path=str(self._path),
            ) from error


_folders: ContextVar[frozenset[Path]] = ContextVar("_folders", default=frozenset())


@contextmanager
def checkpoint_folder(folder: str | os.PathLike[str] | None) -> Iterator[None]:
    """Make and lock a `checkpoint_dir`, whose checkpoint is deleted if all in the block goes well.

    Of nested blocks the outermost counts: a command keeps a checkpoint until its rows are written.
    """
    if folder is None or (path := Path(os.path.realpath(folder))) in _folders.get():
        yield
        return
    try:
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    except OSError as error:
        message = f"Cannot write to the checkpoint_dir {folder}: {error.strerror}"
        raise ModelError(message) from error
    token = _folders.set(_folders.get() | {path})
    try:
        with _locked(path):
            for draft in path.glob(f".{FILE_NAME}.*.tmp"):  # of a training that was killed
                draft.unlink(missing_ok=True)
            yield
            (path / FILE_NAME).unlink(missing_ok=True)
    finally:
        _folders.reset(token)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Raise a ModelError where another process, or thread, is in such a block for `folder`."""
    if sys.platform == "win32":  # locks no folders
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # of a file system without locks
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ModelError(
                    f"another training uses the checkpoint_dir {folder}. Give each its own, or "
                    "wait until the other has ended"
                ) from error
        yield
    finally:
        os.close(handle)


def _reason(error: BaseException) -> str:
    """Return the first line of a message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def read_checkpoint(folder: Path) -> dict[str, Any] | None:
    """Return what the checkpoint in `folder` holds; None without one."""
    path = folder / FILE_NAME
    if not path.is_file():
        return None
    try:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
            memoryview(content) as view,
        ):
            if hashlib.sha256(view[:-_N_DIGEST]).digest() != view[-_N_DIGEST:]:
                raise ValueError("it was changed after it was written")
        saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        if saved["format"] != _FORMAT:
            raise ValueError(f"its format is {saved['format']!r}, not {_FORMAT}")
        _check_kinds(saved, _PARTS)
    except _UNREADABLE as error:
        raise ModelError(
            f"{path} cannot be read as a checkpoint of this version of counterpoise "
            f"({_reason(error)}); delete it to start afresh"
        ) from error
    return saved


def _read_history(saved: dict[str, Any]) -> History:
    return msgspec.convert(asdict(History(**saved)), History)  # checks the types


def _check_kinds(saved: Mapping[str, Any], kinds: Mapping[str, Any]) -> None:
    for name, kind in kinds.items():
        if not isinstance(saved[name], kind):
            raise TypeError(f"{name} is a {type(saved[name]).__name__}")


def distinct_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Return the weights of `module` by name, those with several names (tied ones) once."""
    seen: set[int] = set()
    distinct = {}
    for name, tensor in module.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            distinct[name] = tensor.detach()
    return distinct


def check_tensors(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Raise a ModelError unless `tensors` are the weights of such a module by name."""
    expected, found = (
        {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in weights.items()}
        for weights in (distinct_tensors(module), tensors)
    )
    if expected != found:
        name = min(name for name, _ in expected.items() ^ found.items())
        raise ModelError(
            f"the weights do not fit the model: {name} is {found.get(name)}, and should be "
            f"{expected.get(name)}"
        )


@torch.no_grad()
def load_tensors(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy `tensors` into the weights of `module`, which must have these names and shapes."""
    check_tensors(module, tensors)
    own = distinct_tensors(module)
    for name, tensor in tensors.items():
        own[name].copy_(tensor)


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def fingerprint(
    table: Table,
    n_deficit: Mapping[int, int],
    parameters: Mapping[str, Any],
    rng: np.random.Generator | None,
) -> dict[str, str]:
    """Return a digest of each thing that a training depends on, by its name.

    `rng` is in its first state, or None where no seed was asked for, so that any will do.
    """
    texts = {str(position): list(strings) for position, strings in table.texts.items()}
    parts: dict[str, Any] = {
        "the rows": [hashlib.sha256(table.codes.tobytes()).hexdigest(), texts],
        "the columns": table.schema.to_dict(),
        "the rows to generate": sorted((int(label), int(n)) for label, n in n_deficit.items()),
    }
    without_effect = ("temperature", "top_p")
    parts |= {name: repr(v) for name, v in parameters.items() if name not in without_effect}
    if rng is not None:
        parts["random_state"] = repr(rng.bit_generator.state)
    return {
        name: hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()
        for name, part in parts.items()
    }
