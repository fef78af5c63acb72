"""How long a fit will take and how much memory, from a few steps that leave no trace.

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
from counterpoise.models._device import Device
from counterpoise.serialization._serializer import draw_orders, serialize
from counterpoise.training._history import Clock, History, TimeLimit
from counterpoise.training._loop import TrainingPlan
from counterpoise.training._preparation import PreparedTraining

_QUICK_S = 0.2
"""A step that takes longer is timed once, a shorter one three times."""
_MATRIX_SIZE = 1024
_FEW_STEPS = 50
"""A shorter training is not estimated: it is over as soon as the estimate."""
_MARGIN = 1.3
"""Generation gets this much of the time that it is estimated to take."""
_SOME_ROWS = (4, 16)
"""How many rows are generated to time a batch of any size, and each further row."""
_SELECTION_DRAWS = 4
"""Draws per row where a classifier selects; they were 1.1 to 8 on eight tables (docs/log.md)."""


@dataclass(frozen=True, slots=True)
class RuntimeEstimate:
    """What a fit will take.

    Attributes
    ----------
    training_s : float
        At most; training may stop earlier where held-out rows get no likelier.
    generation_s : float
        Where no row is rejected but by selection, which is taken to draw each four times.
    n_bytes : int
        Weights, what the optimizer and the backward pass keep, copies of the weights.
    s_per_sample : float
        Of training, a second training included.
    """

    training_s: float
    generation_s: float
    n_bytes: int
    s_per_sample: float

    def __str__(self) -> str:
        return (
            f"training up to {_duration(self.training_s)}, generation about "
            f"{_duration(self.generation_s)}, memory about {self.n_bytes / 2**20:,.0f} MiB"
        )


@dataclass(frozen=True, slots=True)
class TimeBudget:
    """How many seconds a fit may take from `started` on the `clock`; None is no limit."""

    max_time: float | None
    started: float
    clock: Clock = time.perf_counter

    def limit(
        self,
        prepared: PreparedTraining,
        plan: TrainingPlan,
        n_rows: Mapping[int, int],
        sampling: Sampling,
        progress: Progress,
    ) -> TimeLimit | None:
        """Estimate the runtime, report it, warn, and return when training has to end."""
        is_silent = isinstance(progress, SilentProgress)
        n_steps = plan.n_samples_seen / plan.batch_size
        if n_steps < _FEW_STEPS or (is_silent and self.max_time is None):
            return self._limit(0.0, prepared.n_repeats)
        estimate = estimate_runtime(prepared, plan, n_rows, sampling, self.clock)
        if not is_silent:
            with progress.stage("estimate", total=1, unit="fits") as advance:
                advance.note(str(estimate))
                advance()
        self.warn(estimate, free_memory(prepared.row_generator.device))
        return self._limit(estimate.generation_s, prepared.n_repeats)

    def _limit(self, generation_s: float, n_repeats: float) -> TimeLimit | None:
        if self.max_time is None:
            return None
        deadline = self.started + self.max_time - _MARGIN * generation_s
        return TimeLimit(deadline, n_repeats, self.clock)

    def warn(self, estimate: RuntimeEstimate, n_free: int | None) -> None:
        """Warn where the fit takes more time or memory than there is."""
        if n_free is not None and estimate.n_bytes > n_free:
            warnings.warn(
                f"training takes about {estimate.n_bytes / 2**30:.1f} GiB of memory, and "
                f"{n_free / 2**30:.1f} are free. A smaller batch_size, n_layers or lora_rank with "
                "a pre-trained model, or model='compact' reduce it",
                UserWarning,
                stacklevel=2,
            )
        if self.max_time is None:
            return
        left = self.max_time - (self.clock() - self.started) - _MARGIN * estimate.generation_s
        if left <= 0:
            warnings.warn(
                f"generating the rows alone takes about {_duration(estimate.generation_s)}, and "
                f"max_time is {_duration(self.max_time)}: there is no time to train in. "
                "model='compact', fewer rows (sampling_strategy) or a larger "
                "generation_batch_size reduce it",
                UserWarning,
                stacklevel=2,
            )
        elif left < estimate.training_s:
            most = int(left / estimate.s_per_sample)
            warnings.warn(
                f"training may take up to {_duration(estimate.training_s)}, and max_time leaves "
                f"{_duration(left)}: it will then be stopped. max_samples_seen={most} fits; "
                "model='compact', n_layers with a pre-trained model, or fewer epochs reduce it",
                UserWarning,
                stacklevel=2,
            )


def estimate_runtime(
    prepared: PreparedTraining,
    plan: TrainingPlan,
    n_rows: Mapping[int, int],
    sampling: Sampling,
    clock: Clock = time.perf_counter,
) -> RuntimeEstimate:
    """Estimate what training, and generating `n_rows` by label code, take."""
    generator = prepared.row_generator
    s_per_row, bytes_kept = measure_step(prepared, plan, clock)
    s_per_sample = s_per_row * (1 + prepared.n_repeats)
    n_copies = 2  # the best so far, and the start of a second training
    n_bytes = bytes_kept + sum(
        p.numel() * p.element_size() * (1 + n_copies + 3 * p.requires_grad)
        for p in generator.model.parameters()
    )
    generation_s = sum(
        _generation_s(generator, label, n, sampling, clock) for label, n in n_rows.items() if n > 0
    )
    return RuntimeEstimate(s_per_sample * plan.n_samples_seen, generation_s, n_bytes, s_per_sample)


def measure_step(
    prepared: PreparedTraining, plan: TrainingPlan, clock: Clock = time.perf_counter
) -> tuple[float, int]:
    """Return the seconds per row of a training step, and the bytes kept for its backward pass."""
    generator = prepared.row_generator
    model, device = generator.model, generator.device
    corpus = serialize(prepared.rows.corpus, generator.serializer)
    rng = np.random.default_rng(0)
    scorer = Scorer(model, generator.serializer.grammar, device)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=0.0, weight_decay=0.0, fused=True)
    rows = rng.integers(len(corpus), size=plan.batch_size)
    was_training = model.training

    def step() -> float:
        started = clock()
        orders = draw_orders(len(rows), corpus.segments.shape[1], plan.permutation, rng)
        log_likelihood, _ = scorer.log_likelihood(corpus.token_batch(rows, orders))
        if len(log_likelihood):
            (-log_likelihood.mean()).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        _wait(device)
        return clock() - started

    with torch.random.fork_rng():
        model.train()
        with _counting_kept() as kept:
            first = step()
        seconds = [step() for _ in range(1 if first > _QUICK_S else 3)]
    model.train(was_training)
    return min(seconds) / plan.batch_size, sum(kept.values())


def measure_matrix_rate(device: Device, clock: Clock = time.perf_counter) -> float:
    """Return how many floating-point operations per second matrix products reach here."""
    one = torch.ones(_MATRIX_SIZE, _MATRIX_SIZE, dtype=device.precision, device=device.device)
    seconds = []
    for _ in range(4):
        started = clock()
        torch.mm(one, one)
        _wait(device)
        seconds.append(clock() - started)
    return 2.0 * _MATRIX_SIZE**3 / min(seconds[1:])


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


def _generation_s(
    generator: RowGenerator, label: int, n_rows: int, sampling: Sampling, clock: Clock
) -> float:
    if generator.recipe.labelled_by == "xgboost":
        return 0.0  # it has not been trained yet, and rows are not whole without it
    few, more = _SOME_ROWS
    seconds = {}
    was_training = generator.model.training
    for n in (few, few, more):  # the first of all is not counted
        started = clock()
        rng = np.random.default_rng(0)
        generator.generate(label, n, sampling, rng=rng, progress=SilentProgress())
        seconds[n] = clock() - started
    generator.model.train(was_training)
    each = max(0.0, seconds[more] - seconds[few]) / (more - few)
    fixed = max(0.0, seconds[few] - few * each)
    n_draws = n_rows * (1 if generator.recipe.selection is None else _SELECTION_DRAWS)
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
