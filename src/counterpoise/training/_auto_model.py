"""Which backbone ``model="auto"`` takes: the strongest whose fit ends within a budget, measured.

Weights are loaded only where they may pay: the work of a row is counted from its tokens and the
size of the model, and held against the rate that matrix products reach here. What is left is timed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from counterpoise.columns._table import Table
from counterpoise.generation._decoding import Sampling
from counterpoise.models import _smollm2 as embedded
from counterpoise.models._device import Device
from counterpoise.models._registry import (
    COMPACT,
    MAX_PRETRAINED_SAMPLES_SEEN,
    SMOLLM2,
    LoadedBackbone,
    load_backbone,
)
from counterpoise.recipes._base import Recipe
from counterpoise.serialization._serializer import serialize
from counterpoise.training._fit import PreparedTraining, TrainingLength, prepare_training
from counterpoise.training._loop import TrainingPlan
from counterpoise.training._runtime_estimate import (
    RuntimeEstimate,
    estimate_runtime,
    free_memory,
    measure_matrix_rate,
)

AUTO_BUDGET_S = 60.0
"""Seconds that a fit with ``model="auto"`` may take, unless `max_time` says otherwise."""
_N_INNER = 106_203_456
"""Parameters of SmolLM2-135M outside its embedding, all 30 layers."""
_N_LAYERS = 30
_CLEARLY = 0.7
"""The share of the budget that a measured fit may take: a machine is not always as fast."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a fit with a pre-trained model would come to.

    Attributes
    ----------
    n_samples_seen : float
        Rows presented in training at most, a second training included.
    n_rows : int
        Rows to write.
    n_tokens : float
        Of a row, in the serialisation that is used.
    """

    n_samples_seen: float
    n_rows: int
    n_tokens: float

    def operations(self, n_layers: int) -> float:
        """Return the floating-point operations of SmolLM2 with so many layers, at least."""
        n_inner = _N_INNER * n_layers / _N_LAYERS
        return self.n_tokens * n_inner * (6 * self.n_samples_seen + 2 * self.n_rows)


@dataclass(frozen=True, slots=True)
class Fit:
    """What is to be fitted: the arguments of `begin`, and how rows are written.

    Attributes
    ----------
    table, n_deficit, recipe, length, device
        As in `counterpoise.training._fit.fit_generator`.
    batch_size, generation_batch_size : int or None
        Of training and of writing; None leaves it to the backbone.
    lora_rank, n_layers : int or None
        Of a pre-trained model.
    """

    table: Table
    n_deficit: Mapping[int, int]
    recipe: Recipe
    length: TrainingLength
    device: Device
    batch_size: int | None
    generation_batch_size: int | None
    lora_rank: int | None
    n_layers: int | None

    def work(self) -> Work:
        """Count what SmolLM2 would have to do, without loading it.

        Rows are as short as in the table vocabulary; in the model's own they are longer.
        """
        compact = load_backbone(COMPACT, device=self.device)
        alike = replace(compact, max_samples_seen=MAX_PRETRAINED_SAMPLES_SEEN)
        recipe = self.recipe.copy(serialization="table", decoding="grammar")
        prepared = self._begin(alike, recipe)
        corpus = serialize(prepared.row_generator.rows.corpus, prepared.row_generator.serializer)
        n_tokens = float(1 + corpus.lengths(corpus.segments).sum(axis=1).mean())
        n_samples_seen = prepared.n_samples_seen * (1 + prepared.n_repeats)
        return Work(n_samples_seen, sum(self.n_deficit.values()), n_tokens)

    def estimate_runtime(self, backbone: LoadedBackbone) -> RuntimeEstimate:
        """Time a few steps of a fit with `backbone`, whose network is used up."""
        prepared = self._begin(backbone, self.recipe)
        plan = TrainingPlan(
            prepared.n_samples_seen,
            self.batch_size or backbone.batch_size,
            backbone.learning_rate,
            self.recipe.permutation,
        )
        sampling = Sampling(batch_size=self.generation_batch_size or backbone.generation_batch_size)
        return estimate_runtime(
            prepared.row_generator, plan, prepared.n_repeats, self.n_deficit, sampling
        )

    def _begin(self, backbone: LoadedBackbone, recipe: Recipe) -> PreparedTraining:
        rng = np.random.default_rng(0)  # the run's own is not touched
        return prepare_training(
            self.table, self.n_deficit, backbone, recipe, self.length, self.device, rng
        )

    def load(self, name: str, reason: str) -> LoadedBackbone:
        """Load a backbone for this fit."""
        is_pretrained = name != COMPACT
        return load_backbone(
            name,
            device=self.device,
            lora_rank=self.lora_rank if is_pretrained else None,
            n_layers=self.n_layers if is_pretrained else None,
            reason=reason,
        )


def choose_backbone(fit: Fit, max_time: float | None, started: float) -> LoadedBackbone:
    """Take SmolLM2 where its fit ends well within the budget, else the compact model.

    Parameters
    ----------
    max_time : float or None
        The budget in seconds; None is `AUTO_BUDGET_S`.
    started : float
        When the fit began, on the clock of ``time.perf_counter``: choosing takes time too.

    Notes
    -----
    The same table and seed give the same rows only with the same backbone: on a faster machine
    the choice may be another. ``model_name_`` and ``model_reason_`` say which and why.
    """
    budget = AUTO_BUDGET_S if max_time is None else max_time
    stated = f"{budget:.3g} s" + ("" if max_time is not None else "; max_time changes it")
    if not embedded.is_at_hand():
        return fit.load(COMPACT, "the SmolLM2 weights are not on this machine")
    rate = measure_matrix_rate(fit.device)
    least = fit.work().operations(fit.n_layers or _N_LAYERS) / rate + embedded.conversion_s()
    if least > budget * _CLEARLY:
        return fit.load(
            COMPACT,
            f"SmolLM2 would take {least:.0f} s or more, by its work and the {rate / 1e9:.0f} "
            f"GFLOP/s of matrix products here, and the budget is {stated}",
        )
    before = time.perf_counter()
    candidate = fit.load(SMOLLM2, "")
    loading_s = time.perf_counter() - before  # which is done once more, for timing uses it up
    estimate = fit.estimate_runtime(candidate)
    spent_s = time.perf_counter() - started
    seconds = spent_s + loading_s + estimate.training_s + estimate.generation_s
    n_free = free_memory(fit.device)
    if n_free is not None and estimate.n_bytes > n_free * _CLEARLY:
        return fit.load(COMPACT, f"SmolLM2 would take {estimate.n_bytes / 2**30:.1f} GiB")
    measured = f"up to {seconds:.0f} s, by a few steps of it here, and the budget is {stated}"
    if seconds > budget * _CLEARLY:
        return fit.load(COMPACT, f"SmolLM2 would take {measured}")
    return fit.load(SMOLLM2, f"it takes {measured}")
