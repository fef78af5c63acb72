"""How long a fit takes: the estimate, the time limit, and what ``model="auto"`` takes.

The estimate is from a few steps that leave no trace. They have a learning rate of zero and
generators of their own: weights, gradients, the run's random numbers and torch's are as before.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from counterpoise._progress import Progress, Stage
from counterpoise.columns import Table
from counterpoise.errors import warn_user
from counterpoise.grammar._grammar import IntArray
from counterpoise.models import _huggingface as huggingface
from counterpoise.models._backbone import (
    COMPACT,
    SMOLLM2_INSTRUCT,
    AutoModel,
    Backbone,
    LoadedModel,
)
from counterpoise.models._language_model import Device, global_generator
from counterpoise.recipes import Recipe
from counterpoise.serialization import draw_orders
from counterpoise.training._checkpoint import Clock, read_checkpoint
from counterpoise.training._loop import (
    PreparedTraining,
    initial_state,
    prepare_training,
    take_step,
    training_parts,
)

AUTO_BUDGET_S = 60.0  # that a fit with model="auto" may take, unless `max_time` says otherwise
_LEAST_BUDGET_S = 20.0  # with less, not even loading SmolLM2 and timing it pays
_SHARE_OF_BUDGET = 0.7  # what a measured fit may take of it: a machine is not always as fast
_SHARE_OF_SELECTION = 0.25  # of the time limit, that the selection classifier may have taken
_QUICK_S = 0.2  # a step that takes longer is timed once, a shorter one three times
_FEW_STEPS = 50  # a shorter training is not estimated: it is over as soon as the estimate
_MARGIN = 1.3  # generation gets this much of the time that it is estimated to take
# how many rows are generated to time a batch of any size, and each further row
_SOME_ROWS = (4, 16)
_MANY_ROWS = 128  # instead of the second number, where that goes quickly


@dataclass(frozen=True, slots=True)
class RuntimeEstimate:
    """What a fit will take."""

    training_s: float  # it may stop earlier where held-out rows get no likelier,
    longest_training_s: float  # or take so long where they still do
    generation_s: float  # assumes that only selection rejects rows
    n_bytes: int  # weights, what the optimizer and the backward pass keep, copies of the weights
    s_per_sample: float  # for each row seen in training, a second training included

    def __str__(self) -> str:
        return (
            f"training up to {_duration(self.longest_training_s)}, generation about "
            f"{_duration(self.generation_s)}, memory about {self.n_bytes / 2**20:,.0f} MiB"
        )


@dataclass(frozen=True, slots=True)
class TimeBudget:
    """How many seconds a fit may take from `started` on the `clock`; None is no limit."""

    max_time: float | None
    started: float
    clock: Clock = time.perf_counter

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return self.max_time is not None and self.clock() - self.started >= self.max_time

    def selection_deadline(self) -> float:
        """Return when the selection classifier has to be trained."""
        return self.started + _SHARE_OF_SELECTION * (self.max_time or math.inf)

    def deadline(
        self, prepared: PreparedTraining, n_deficit: Mapping[int, int], progress: Progress
    ) -> float:
        """Estimate the runtime, report it, warn, and return when training has to end."""
        plan, generation_s = prepared.plan, 0.0
        is_silent = type(progress) is Progress
        is_short = plan.n_samples_seen / plan.batch_size < _FEW_STEPS
        if not is_short and not (is_silent and self.max_time is None):
            estimate = estimate_runtime(prepared, n_deficit, self.clock)
            progress.say(f"estimate: {estimate}")
            self.warn(estimate, free_memory(prepared.row_generator.device))
            generation_s = estimate.generation_s
        if self.max_time is None:
            return math.inf
        return self.started + self.max_time - _MARGIN * generation_s

    def warn(self, estimate: RuntimeEstimate, n_free: int | None) -> None:
        """Warn where the fit takes more time or memory than there is."""
        if n_free is not None and estimate.n_bytes > n_free:
            warn_user(
                f"training takes about {estimate.n_bytes / 2**30:.1f} GiB of memory, and "
                f"{n_free / 2**30:.1f} are free. A smaller batch_size, shorter texts, n_layers or "
                "lora_rank with a pre-trained model, or model='compact' reduce it",
            )
        if self.max_time is None:
            return
        left = self.max_time - (self.clock() - self.started) - _MARGIN * estimate.generation_s
        if left < estimate.training_s:
            leaves = _duration(left) if left > 0 else "no time to train in"
            most = max(0, int(left / estimate.s_per_sample))
            warn_user(
                f"training may take up to {_duration(estimate.training_s)}, generating the rows "
                f"takes about {_duration(estimate.generation_s)}, and max_time leaves {leaves}: "
                f"training will then be stopped. max_samples_seen={most} fits; model='compact', "
                "n_layers with a pre-trained model, fewer epochs or fewer rows reduce it",
            )


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def estimate_runtime(
    prepared: PreparedTraining, n_deficit: Mapping[int, int], clock: Clock = time.perf_counter
) -> RuntimeEstimate:
    """Estimate what training, and generating `n_deficit` rows by label code, take."""
    model = prepared.row_generator.model
    was_training = model.training
    s_per_sample, bytes_kept = measure_step(prepared, clock)
    s_per_sample *= 1 + prepared.n_repeats
    n_copies = 2  # the best so far, and the start of a second training
    n_bytes = bytes_kept + sum(
        p.numel() * p.element_size() * (1 + n_copies + 3 * p.requires_grad)
        for p in model.parameters()
    )
    generation_s = _generation_s(prepared, n_deficit, clock)
    model.train(was_training)
    plan, s_per_row = prepared.plan, s_per_sample * prepared.samples_per_row
    training_s = s_per_sample * plan.n_samples_seen
    longest_s = s_per_sample * plan.longest
    return RuntimeEstimate(training_s, longest_s, generation_s, n_bytes, s_per_row)


def measure_step(prepared: PreparedTraining, clock: Clock = time.perf_counter) -> tuple[float, int]:
    """Return the seconds per row of a training step, and the bytes kept for its backward pass."""
    generator, plan = prepared.row_generator, prepared.plan
    model, device = generator.model, generator.device
    parts = training_parts(generator, prepared.rows)
    part = parts[-1]  # all are about as large
    scorer, corpus = part.scorer, part.corpus
    rng = np.random.default_rng(0)
    state = initial_state(model, replace(plan, learning_rate=0.0), rng)
    drawn = rng.integers(len(corpus), size=plan.batch_size)
    # what is kept is most in a batch with the longest row, to which all others are padded
    longest = corpus.lengths(corpus.segments).sum(axis=1).argmax()
    kept: dict[int, int] = {}  # bytes, by where they lie

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    def step(rows: IntArray) -> float:
        started = clock()
        orders = draw_orders(len(rows), corpus.segments.shape[1], plan.permutation, rng)
        take_step(state, scorer.log_likelihood(corpus.token_batch(rows, orders))[0])
        if device.device.type == "cuda":
            torch.cuda.synchronize(device.device)
        return clock() - started

    with global_generator(0) if model.is_random else nullcontext():
        model.train()
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            first = step(np.append(drawn[1:], longest))
        seconds = [step(drawn) for _ in range(1 if first > _QUICK_S else 3)]
    return min(seconds) / plan.batch_size, sum(kept.values())


def _generation_s(prepared: PreparedTraining, n_deficit: Mapping[int, int], clock: Clock) -> float:
    generator, sampling = prepared.row_generator, prepared.sampling
    n_rows = {label: n for label, n in n_deficit.items() if n > 0}
    if not n_rows or generator.recipe.labelled_by == "xgboost":
        return 0.0  # XGBoost has not been trained yet, and rows are not whole without it
    few, more = _SOME_ROWS
    label = max(n_rows, key=lambda one: n_rows[one])  # rows of all classes take about as long

    block, part = generator.parts[-1]  # all take about as long
    context = range(1, 1 + block.n_context)

    def time_rows(n: int) -> float:
        started, rng = clock(), np.random.default_rng(0)
        given = {at: part.value_counts.draw(label, at, n, rng) for at in context}
        part.generate(label, n, sampling, rng=rng, advance=Stage(), given=given)
        return (clock() - started) * len(generator.parts)

    time_rows(few)  # the first of all is not counted
    seconds = {n: time_rows(n) for n in (few, more)}
    if seconds[more] < _QUICK_S * len(generator.parts) and sampling.batch_size >= _MANY_ROWS:
        more = _MANY_ROWS
        seconds[more] = time_rows(more)
    each = max(0.0, seconds[more] - seconds[few]) / (more - few)
    fixed = max(0.0, seconds[few] - few * each)
    n_draws = [n * generator.n_draws_expected for n in n_rows.values()]
    return sum(math.ceil(n / sampling.batch_size) * fixed + n * each for n in n_draws)


def free_memory(device: Device) -> int | None:
    """Return how many bytes can still be taken on `device`; None where that is not known."""
    if device.device.type == "cuda":
        return int(torch.cuda.mem_get_info(device.device)[0])
    meminfo = Path("/proc/meminfo")
    if device.device.type != "cpu" or not meminfo.is_file():
        return None
    sizes = dict(line.split(":", 1) for line in meminfo.read_text(encoding="ascii").splitlines())
    return int(sizes["MemAvailable"].split()[0]) * 1024


def load_model(
    model: Backbone,
    table: Table,
    n_deficit: Mapping[int, int],
    recipe: Recipe,
    device: str,
    budget: TimeBudget,
    checkpoint_dir: Path | None,
) -> LoadedModel:
    """Load the model that was asked for, or for "auto" SmolLM2 where it fits well in the budget."""
    if not isinstance(model, AutoModel):
        return model.load(device)
    begun = None if checkpoint_dir is None else read_checkpoint(checkpoint_dir)
    if begun is not None:  # is resumed with its model, however fast the machine is now
        return model.candidate(begun["model_name"]).load(device, "the checkpoint is of it")
    compact = model.candidate(COMPACT)
    if not huggingface.smollm2_is_installed():
        return compact.load(device, "the SmolLM2 weights are not on this machine")
    seconds = budget.max_time or AUTO_BUDGET_S
    stated = f"the budget is {seconds:.3g} s{'' if budget.max_time else '; max_time changes it'}"
    if seconds < _LEAST_BUDGET_S:
        return compact.load(device, f"{stated}, too little to time SmolLM2 in")
    before = budget.clock()
    candidate = model.candidate(SMOLLM2_INSTRUCT).load(device)
    loading_s = budget.clock() - before  # which is done once more, since timing uses it up
    rng = np.random.default_rng(0)  # the run's own is not touched
    prepared = prepare_training(table, n_deficit, candidate, recipe, rng)
    estimate = estimate_runtime(prepared, n_deficit, budget.clock)
    spent_s = budget.clock() - budget.started
    expected_s = spent_s + loading_s + estimate.training_s + estimate.generation_s
    n_free = free_memory(candidate.device)
    if n_free is not None and estimate.n_bytes > n_free * _SHARE_OF_BUDGET:
        return compact.load(device, f"SmolLM2 would take {estimate.n_bytes / 2**30:.1f} GiB")
    measured = f"up to {expected_s:.0f} s, by a few steps of it here, and {stated}"
    if expected_s > seconds * _SHARE_OF_BUDGET:
        return compact.load(device, f"SmolLM2 would take {measured}")
    return model.candidate(SMOLLM2_INSTRUCT).load(device, f"it takes {measured}")
