"""Training that survives being killed: its whole state in one file, replaced at once or not at all.

The file is safetensors, whose header holds the rest as JSON: reading it executes nothing. What a
run computes again from its seed (the first weights, which rows are held out) is not in it; the
random generator is set to its state at the start of the killed run, and the rest follows.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from counterpoise.columns._table import Table
from counterpoise.errors import ModelError
from counterpoise.training._history import Clock, History, TrainingState

FILE_NAME = "training.safetensors"
SECONDS_BETWEEN = 30.0
"""Between two checkpoints, at least."""
_SHARE_OF_TIME = 0.05
"""Of a training that may go into writing checkpoints, at most."""
_FORMAT = 1
_KEY = "counterpoise_checkpoint"


@dataclass(frozen=True, slots=True)
class Training:
    """The objects whose state is a training's."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    rng: np.random.Generator
    state: TrainingState


class Checkpoint:
    """The checkpoint of one run, which may train more than once: phase after phase.

    Parameters
    ----------
    folder : Path
        Where the file is; made if it isn't there.
    fingerprint : mapping of str to str
        What the run depends on, by name: its table, its parameters.
    rng : numpy.random.Generator
        The run's generator, before it has drawn anything. Where there is a checkpoint, it is set
        to the state in which the run that wrote it began.
    model_name : str
        The model, which a run that chooses it by measurement has to go on with.

    Raises
    ------
    ModelError
        If the folder has a checkpoint that can't be read, or of a run with another fingerprint.
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
        self._fingerprint = dict(fingerprint)
        self._model_name = model_name
        self._clock = clock
        self._phase = 0
        self._done: list[dict[str, Any]] = []
        self._unfinished: dict[str, Any] | None = None
        self._first: dict[str, Tensor] = {}
        self._written = clock()
        self._interval = SECONDS_BETWEEN
        facts = read_facts(folder)
        if facts is None:
            folder.mkdir(parents=True, exist_ok=True)
            self._rng_at_start = rng.bit_generator.state
            return
        self._check(facts)
        self._rng_at_start = facts["rng_at_start"]
        self._done, self._unfinished = facts["done"], facts["unfinished"]
        rng.bit_generator.state = self._rng_at_start

    def _check(self, facts: Mapping[str, Any]) -> None:
        theirs: Mapping[str, str] = facts["fingerprint"]
        names = sorted({*theirs, *self._fingerprint})
        other = [name for name in names if theirs.get(name) != self._fingerprint.get(name)]
        if other:
            raise ModelError(
                f"{self._path} is the checkpoint of another run: it differs in "
                f"{', '.join(other)}. Repeat that run as it was, or use another checkpoint_dir, "
                "or delete the file to start afresh",
                path=str(self._path),
                differs=other,
            )

    def finished(self, model: nn.Module, rng: np.random.Generator) -> History | None:
        """Return the history of the phase that begins now, if it was finished before.

        Then `rng` is set to where the phase left it, and `model` gets the weights that it ended
        with, if no later phase has begun.
        """
        if self._phase >= len(self._done):
            return None
        record = self._done[self._phase]
        self._phase += 1
        rng.bit_generator.state = record["rng"]
        if self._phase == len(self._done) and self._unfinished is None:
            load_tensors(model, _part(self._tensors(), "model"))
        return History(**record["history"])

    def begin_with(self, model: nn.Module) -> None:
        """Let the phase that begins now depend on the weights that it begins with.

        They are kept beside the weights of the phase; if it has begun before, `model` gets them.
        """
        if self._unfinished is not None and self._phase == len(self._done):
            load_tensors(model, _part(self._tensors(), "first"))
        self._first = {name: t.clone() for name, t in distinct_tensors(model).items()}

    def resume(self, training: Training, batches: Iterator[object]) -> None:
        """Set `training` to where the checkpoint has this phase, if it has; skip its `batches`."""
        facts, self._unfinished = self._unfinished, None
        if facts is None:
            return
        tensors, state = self._tensors(), training.state
        load_tensors(training.model, _part(tensors, "model"))
        _load_optimizer(training.optimizer, _part(tensors, "optimizer"), facts["optimizer"])
        training.schedule.load_state_dict(facts["schedule"])
        state.history = History(**facts["history"])
        state.n_batches = facts["n_batches"]
        state.n_samples_seen = facts["n_samples_seen"]
        state.next_evaluation = facts["next_evaluation"]
        if "losses" in tensors:
            state.losses = list(tensors["losses"].to(_device(training.model)))
        if facts["best_loss"] is not None:
            state.best_loss = facts["best_loss"]
            state.best_weights = _part(tensors, "best")
        for _ in range(state.n_batches):
            next(batches)
        if training.rng.bit_generator.state != facts["rng"]:
            raise ModelError(
                f"{self._path} cannot be resumed: this version of counterpoise or NumPy presents "
                "rows in another order than the one that wrote it. Delete the file to start afresh",
                path=str(self._path),
            )
        _set_torch_rng(tensors, _device(training.model))

    def save_now_and_then(self, training: Training) -> None:
        """Write a checkpoint of `training` between two steps, if the last one is long ago."""
        if self._clock() - self._written < self._interval:
            return
        state = training.state
        tensors = _prefixed("model", distinct_tensors(training.model))
        optimizer_tensors, groups = _optimizer_state(training.optimizer)
        tensors |= _prefixed("optimizer", optimizer_tensors)
        tensors |= _prefixed("best", state.best_weights or {})
        tensors |= _prefixed("first", self._first)
        tensors |= _torch_rng(_device(training.model))
        if state.losses:
            tensors["losses"] = torch.stack(state.losses)
        facts = {
            "history": asdict(state.history),
            "n_batches": state.n_batches,
            "n_samples_seen": state.n_samples_seen,
            "next_evaluation": state.next_evaluation,
            "best_loss": state.best_loss if math.isfinite(state.best_loss) else None,
            "optimizer": groups,
            "schedule": _plain(training.schedule.state_dict()),
            "rng": training.rng.bit_generator.state,
        }
        self._write(tensors, facts)

    def finish(self, model: nn.Module, history: History, rng: np.random.Generator) -> None:
        """Write that the phase has ended, and the weights that it ended with."""
        self._phase += 1
        self._done.append({"history": asdict(history), "rng": rng.bit_generator.state})
        self._first = {}
        self._write(_prefixed("model", distinct_tensors(model)), None)

    def remove(self) -> None:
        """Delete the file: what it was for is done."""
        self._path.unlink(missing_ok=True)

    def _write(self, tensors: Mapping[str, Tensor], unfinished: Mapping[str, Any] | None) -> None:
        started = self._clock()
        facts = {
            "format": _FORMAT,
            "fingerprint": self._fingerprint,
            "model_name": self._model_name,
            "rng_at_start": self._rng_at_start,
            "done": self._done,
            "unfinished": unfinished,
        }
        on_processor = {name: tensor.detach().cpu() for name, tensor in tensors.items()}
        whole = {name: tensor.contiguous() for name, tensor in on_processor.items()}
        metadata = {_KEY: json.dumps(facts)}
        replace_file(self._path, lambda path: save_file(whole, path, metadata))
        self._written = self._clock()
        # a large model's takes seconds: then write more rarely
        self._interval = max(SECONDS_BETWEEN, (self._written - started) / _SHARE_OF_TIME)

    def _tensors(self) -> dict[str, Tensor]:
        with _opened(self._path) as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def read_facts(folder: Path) -> dict[str, Any] | None:
    """Return what the checkpoint in `folder` says beside its tensors; None without one."""
    path = folder / FILE_NAME
    if not path.is_file():
        return None
    with _opened(path) as file:
        metadata = file.metadata() or {}
    try:
        facts: dict[str, Any] = json.loads(metadata[_KEY])
        version = facts["format"]
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path} is no checkpoint of counterpoise; delete it") from error
    if version != _FORMAT:
        raise ModelError(
            f"{path} has the checkpoint format {version!r}, and this version of counterpoise "
            f"reads {_FORMAT}; delete it to start afresh"
        )
    return facts


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Have `write` make a file, and move it to `path` whole or not at all, even in a power cut."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        write(partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def distinct_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Return the weights of `module` by name, those with several names (tied ones) once."""
    seen: set[int] = set()
    distinct = {}
    for name, tensor in module.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            distinct[name] = tensor.detach()
    return distinct


@torch.no_grad()
def load_tensors(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy `tensors` into the weights of `module`, which must have these names and shapes.

    Raises
    ------
    ModelError
        If a name, a shape or a dtype differs.
    """
    own = distinct_tensors(module)
    if set(own) != set(tensors):
        name = min(set(own) ^ set(tensors))
        where = "is missing" if name in own else "is not one of the model's"
        raise ModelError(f"the weights do not fit the model: {name} {where}")
    for name, tensor in tensors.items():
        if tensor.shape != own[name].shape or tensor.dtype != own[name].dtype:
            raise ModelError(
                f"the weights do not fit the model: {name} is {tensor.dtype} of shape "
                f"{tuple(tensor.shape)}, and should be {own[name].dtype} of shape "
                f"{tuple(own[name].shape)}"
            )
        own[name].copy_(tensor)


def _opened(path: Path) -> Any:
    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{path} cannot be read as a checkpoint ({error}); delete it to start afresh"
        ) from error


def _optimizer_state(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], Any]:
    """Return the tensors of an optimizer, named ``parameter.key``, and its groups as JSON."""
    whole = optimizer.state_dict()
    tensors = {
        f"{index}.{key}": torch.as_tensor(value)
        for index, state in whole["state"].items()
        for key, value in state.items()
    }
    return tensors, _plain(whole["param_groups"])


def _load_optimizer(
    optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], groups: Any
) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _plain(value: Any) -> Any:
    """Return the state of an optimizer's groups or of a schedule as JSON has it."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, Tensor) else value


def _torch_rng(device: torch.device) -> dict[str, Tensor]:
    states = {"rng.cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["rng.cuda"] = torch.cuda.get_rng_state(device)
    return states


def _set_torch_rng(tensors: Mapping[str, Tensor], device: torch.device) -> None:
    torch.set_rng_state(tensors["rng.cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(tensors["rng.cuda"], device)


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def _prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose name begins with `prefix` and a dot, without them."""
    start = f"{prefix}."
    return {n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)}


_WITHOUT_EFFECT = frozenset(
    {
        "checkpoint_dir",
        "generation_batch_size",
        "max_time",
        "random_state",
        "sampling_strategy",
        "temperature",
        "top_p",
        "verbose",
    }
)
"""Parameters that may change between a killed fit and its repetition: training is the same, or (for
the strategy and the seed) what they come to is compared."""


def fingerprint(
    table: Table,
    n_deficit: Mapping[int, int],
    parameters: Mapping[str, Any],
    rng: np.random.Generator | None,
) -> dict[str, str]:
    """Return a digest of each thing that a training depends on, by its name.

    `parameters` are the sampler's and the model that is used; `rng` is in its first state, or None
    where no seed was asked for, so that any will do.
    """
    texts = {str(position): list(strings) for position, strings in table.texts.items()}
    parts: dict[str, Any] = {
        "the rows": [hashlib.sha256(table.codes.tobytes()).hexdigest(), texts],
        "the columns": table.schema.to_dict(),
        "the rows to write": sorted((int(label), int(n)) for label, n in n_deficit.items()),
    }
    parts |= {
        name: repr(value) for name, value in parameters.items() if name not in _WITHOUT_EFFECT
    }
    if rng is not None:
        parts["random_state"] = repr(rng.bit_generator.state)
    return {name: _digest(part) for name, part in parts.items()}


def _digest(part: Any) -> str:
    return hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()
