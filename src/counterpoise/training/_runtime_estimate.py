"""How fast a model trains here, found out in a few steps that leave no trace.

The steps have a learning rate of zero and generators of their own: weights, gradients, the run's
random numbers and torch's are as before.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from counterpoise._progress import Progress, SilentProgress
from counterpoise.generation._decoding import Sampling
from counterpoise.generation._generator import RowGenerator
from counterpoise.generation._scoring import Scorer
from counterpoise.grammar._grammar import Grammar
from counterpoise.models._base import LanguageModel
from counterpoise.models._device import Device
from counterpoise.serialization._serializer import SerializedTable, draw_orders, serialize
from counterpoise.training._history import History, TimeLimit
from counterpoise.training._loop import TrainingPlan

_QUICK_S = 0.2
"""A step that takes longer is timed once, a shorter one three times."""
_MATRIX = 1024


@dataclass(frozen=True, slots=True)
class StepTimes:
    """What one step of training takes.

    Attributes
    ----------
    seconds_a_row : float
        Of training.
    bytes_kept : int
        By one step for its backward pass.
    """

    s_per_row: float
    bytes_kept: int


def measure_step_times(
    model: LanguageModel,
    corpus: SerializedTable,
    grammar: Grammar,
    permutation: str,
    batch_size: int,
    device: Device,
) -> StepTimes:
    """Time steps of training `model` on rows of `corpus`, after one that is not timed."""
    rng = np.random.default_rng(0)
    scorer = Scorer(model, grammar, device)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=0.0, weight_decay=0.0, fused=True)
    rows = rng.integers(len(corpus), size=batch_size)
    was_training = model.training

    def step() -> float:
        started = time.perf_counter()
        orders = draw_orders(len(rows), corpus.segments.shape[1], permutation, rng)
        log_likelihood, _ = scorer.log_likelihood(corpus.token_batch(rows, orders))
        if len(log_likelihood):
            (-log_likelihood.mean()).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        _wait(device)
        return time.perf_counter() - started

    with torch.random.fork_rng():
        model.train()
        with _counting_kept() as kept:
            first = step()
        seconds = [step() for _ in range(1 if first > _QUICK_S else 3)]
    model.train(was_training)
    return StepTimes(min(seconds) / batch_size, sum(kept.values()))


def measure_matrix_rate(device: Device) -> float:
    """Return how many floating-point operations a second matrix products reach here."""
    one = torch.ones(_MATRIX, _MATRIX, dtype=device.precision, device=device.device)
    seconds = []
    for _ in range(4):
        started = time.perf_counter()
        torch.mm(one, one)
        _wait(device)
        seconds.append(time.perf_counter() - started)
    return 2.0 * _MATRIX**3 / min(seconds[1:])


def free_memory(device: Device) -> int | None:
    """Return how many bytes can still be taken on `device`; None where that is not known."""
    if device.device.type == "cuda":
        return int(torch.cuda.mem_get_info(device.device)[0])
    if device.device.type != "cpu":
        return None
    try:
        with open("/proc/meminfo", encoding="ascii") as file:  # noqa: PTH123 - no path of ours
            sizes = dict(line.split(":", 1) for line in file)
        return int(sizes["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None


@contextmanager
def _counting_kept() -> Iterator[dict[int, int]]:
    """Count the bytes that are kept for the backward pass, by where they lie."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield kept


def _wait(device: Device) -> None:
    if device.device.type == "cuda":
        torch.cuda.synchronize(device.device)


# How long a fit will take and how much memory, before it begins.


_FEW_STEPS = 50
"""A shorter training is not foreseen: it is over as soon as the estimate."""
_MARGIN = 1.3
"""Writing gets this much of the time that it is estimated to take."""
_SOME_ROWS = (4, 16)
"""How many rows are written to time how long a batch takes whatever its size, and a row more."""


DRAWS_TO_SELECT = 4
"""Draws a row where a classifier selects; they were 1.1 to 8 on eight tables (docs/log.md)."""


@dataclass(frozen=True, slots=True)
class RuntimeEstimate:
    """What a fit will take.

    Attributes
    ----------
    training_s : float
        At most; training may stop earlier where held-out rows get no likelier.
    writing_s : float
        Where no row has to be drawn again but those that a selection puts back: it is reckoned
        with `DRAWS_TO_SELECT` draws a row.
    n_bytes : int
        Weights, what the optimizer and the backward pass keep, copies of the weights.
    seconds_a_presentation : float
        Of training, a second training included.
    """

    training_s: float
    generation_s: float
    n_bytes: int
    s_per_sample: float

    def __str__(self) -> str:
        return (
            f"training up to {_duration(self.training_s)}, writing about "
            f"{_duration(self.generation_s)}, memory about {self.n_bytes / 2**20:,.0f} MiB"
        )


@dataclass(frozen=True, slots=True)
class TimeBudget:
    """What a fit may take, and what it is to write.

    Attributes
    ----------
    n_rows : mapping of int to int
        By label code.
    sampling : Sampling
    max_time : float or None
        Seconds from `started`, on the clock of ``time.perf_counter``.
    started : float
    """

    n_rows: Mapping[int, int]
    sampling: Sampling
    max_time: float | None
    started: float

    def limit(
        self, row_generator: RowGenerator, plan: TrainingPlan, n_repeats: float, progress: Progress
    ) -> TimeLimit | None:
        """Foresee, say so, warn, and return when training has to end.

        Parameters
        ----------
        writer : RowWriter
            With the model before its training.
        plan : TrainingPlan
            The training that is ahead.
        n_repeats : float
            How often it is repeated on all rows.
        progress : Progress
            Gets a note where it shows anything.
        """
        is_silent = isinstance(progress, SilentProgress)
        n_steps = plan.n_samples_seen / plan.batch_size
        if n_steps < _FEW_STEPS or (is_silent and self.max_time is None):
            return self._limit(0.0, n_repeats)
        estimate = estimate_runtime(row_generator, plan, n_repeats, self.n_rows, self.sampling)
        if not is_silent:
            with progress.stage("estimate", total=1, unit="fits") as advance:
                advance.note(str(estimate))
                advance()
        self.warn(estimate, free_memory(row_generator.device))
        return self._limit(estimate.generation_s, n_repeats)

    def _limit(self, generation_s: float, n_repeats: float) -> TimeLimit | None:
        if self.max_time is None:
            return None
        return TimeLimit(self.started + self.max_time - _MARGIN * generation_s, n_repeats)

    def warn(self, estimate: RuntimeEstimate, n_free: int | None) -> None:
        """Warn where the fit takes more time or memory than there is."""
        if n_free is not None and estimate.n_bytes > n_free:
            warnings.warn(
                f"training takes about {estimate.n_bytes / 2**30:.1f} GiB of memory, and "
                f"{n_free / 2**30:.1f} are free. A smaller batch_size, n_layers or lora_rank with "
                "a pre-trained model, or model='compact' bring it down",
                UserWarning,
                stacklevel=2,
            )
        if self.max_time is None:
            return
        left = self.max_time - (time.perf_counter() - self.started)
        left -= _MARGIN * estimate.generation_s
        if left <= 0:
            warnings.warn(
                f"writing the rows alone takes about {_duration(estimate.generation_s)}, and "
                f"max_time is {_duration(self.max_time)}: there is no time to train in. "
                "model='compact', fewer rows (sampling_strategy) or a larger "
                "generation_batch_size bring it down",
                UserWarning,
                stacklevel=2,
            )
        elif left < estimate.training_s:
            most = int(left / estimate.s_per_sample)
            warnings.warn(
                f"training may take up to {_duration(estimate.training_s)}, and max_time leaves "
                f"{_duration(left)}: it will then be stopped. max_samples_seen={most} fits; "
                "model='compact', n_layers with a pre-trained model, or fewer epochs bring it down",
                UserWarning,
                stacklevel=2,
            )


def estimate_runtime(
    row_generator: RowGenerator,
    plan: TrainingPlan,
    n_repeats: float,
    n_rows: Mapping[int, int],
    sampling: Sampling,
) -> RuntimeEstimate:
    """Estimate what training and writing take, from a few of their steps.

    The model, and every generator of the run, are as before.
    """
    corpus = serialize(row_generator.rows.corpus, row_generator.serializer)
    step_times = measure_step_times(
        row_generator.model,
        corpus,
        row_generator.serializer.grammar,
        plan.permutation,
        plan.batch_size,
        row_generator.device,
    )
    each = step_times.s_per_row * (1 + n_repeats)
    weights = [
        (p.numel() * p.element_size(), p.requires_grad) for p in row_generator.model.parameters()
    ]
    n_copies = 2  # the best so far, and the start of a second training
    n_bytes = step_times.bytes_kept + sum(
        size * (1 + n_copies + 3 * is_trained) for size, is_trained in weights
    )
    generation_s = sum(
        _generation_s(row_generator, label, n, sampling) for label, n in n_rows.items() if n > 0
    )
    return RuntimeEstimate(each * plan.n_samples_seen, generation_s, n_bytes, each)


def _generation_s(
    row_generator: RowGenerator, label: int, n_rows: int, sampling: Sampling
) -> float:
    if row_generator.recipe.labelled_by == "xgboost":
        return 0.0  # it has not been trained yet, and rows are not whole without it
    few, more = _SOME_ROWS
    seconds = {}
    was_training = row_generator.model.training
    for n in (few, few, more):  # the first of all is not counted
        started = time.perf_counter()
        rng = np.random.default_rng(0)
        row_generator.write(label, n, sampling, rng=rng, progress=SilentProgress())
        seconds[n] = time.perf_counter() - started
    row_generator.model.train(was_training)
    each = max(0.0, seconds[more] - seconds[few]) / (more - few)
    fixed = max(0.0, seconds[few] - few * each)
    n_draws = n_rows * (1 if row_generator.recipe.selection is None else DRAWS_TO_SELECT)
    return math.ceil(n_draws / sampling.batch_size) * fixed + n_draws * each


def warn_about_stopped_training(trainings: Sequence[History], max_time: float | None) -> None:
    """Warn where training was stopped before its end."""
    stopped = [one for one in trainings if one.stopped_by == "max_time"]
    if stopped:
        warnings.warn(
            f"training was stopped after {stopped[0].n_samples_seen:,} rows because of "
            f"max_time={max_time:g}; history_ has how far it came",
            UserWarning,
            stacklevel=2,
        )


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
