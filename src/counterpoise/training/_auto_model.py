"""Which model ``model="auto"`` takes: the strongest whose fit ends within a budget, measured.

Weights are loaded only where they may pay: the work per row is counted from its tokens and the size
of the model, and compared with the rate that matrix products reach here. What is left is timed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from counterpoise.columns._table import Table
from counterpoise.generation._decoding import Sampling
from counterpoise.models import _smollm2 as smollm2
from counterpoise.models._backbone import (
    COMPACT,
    SMOLLM2,
    AutoModel,
    LoadedModel,
    PretrainedModel,
)
from counterpoise.recipes._base import Recipe
from counterpoise.serialization._serializer import serialize
from counterpoise.training._loop import TrainingPlan
from counterpoise.training._preparation import PreparedTraining, prepare_training
from counterpoise.training._runtime_estimate import (
    RuntimeEstimate,
    TimeBudget,
    estimate_runtime,
    free_memory,
    measure_matrix_rate,
)

AUTO_BUDGET_S = 60.0
"""Seconds that a fit with ``model="auto"`` may take, unless `max_time` says otherwise."""
_N_INNER = 106_203_456
"""Parameters of SmolLM2-135M outside its embedding, all 30 layers."""
_N_LAYERS = 30
_SHARE_OF_BUDGET = 0.7
"""What a measured fit may take of it: a machine is not always as fast."""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A fit, and the models that it may take."""

    table: Table
    n_deficit: Mapping[int, int]
    recipe: Recipe
    model: AutoModel
    device: str

    def choose(self, budget: TimeBudget) -> LoadedModel:
        """Load SmolLM2 where its fit ends well within the budget, else the compact model."""
        seconds = AUTO_BUDGET_S if budget.max_time is None else budget.max_time
        stated = f"{seconds:.3g} s" + (
            "" if budget.max_time is not None else "; max_time changes it"
        )
        if not smollm2.is_installed():
            return self._load(COMPACT, "the SmolLM2 weights are not on this machine")
        device = self.model.candidate(SMOLLM2).resolve_device(self.device)
        rate = measure_matrix_rate(device, budget.clock)
        least = self.n_operations(self.model.n_layers or _N_LAYERS) / rate + smollm2.conversion_s()
        if least > seconds * _SHARE_OF_BUDGET:
            return self._load(
                COMPACT,
                f"SmolLM2 would take {least:.0f} s or more, by its work and the {rate / 1e9:.0f} "
                f"GFLOP/s of matrix products here, and the budget is {stated}",
            )
        before = budget.clock()
        candidate = self._load(SMOLLM2, "")
        loading_s = budget.clock() - before  # which is done once more, since timing uses it up
        estimate = self.estimate_runtime(candidate, budget)
        spent_s = budget.clock() - budget.started
        expected_s = spent_s + loading_s + estimate.training_s + estimate.generation_s
        n_free = free_memory(device)
        if n_free is not None and estimate.n_bytes > n_free * _SHARE_OF_BUDGET:
            return self._load(COMPACT, f"SmolLM2 would take {estimate.n_bytes / 2**30:.1f} GiB")
        measured = (
            f"up to {expected_s:.0f} s, by a few steps of it here, and the budget is {stated}"
        )
        if expected_s > seconds * _SHARE_OF_BUDGET:
            return self._load(COMPACT, f"SmolLM2 would take {measured}")
        return self._load(SMOLLM2, f"it takes {measured}")

    def _load(self, name: str, reason: str) -> LoadedModel:
        return self.model.candidate(name).load(self.device, reason)

    def n_operations(self, n_layers: int) -> float:
        """Return the floating-point operations of a fit of SmolLM2, at least, without loading it.

        Rows are taken to be as short as in the table vocabulary; as text they are longer.
        """
        compact = self._load(COMPACT, "")
        alike = replace(compact, max_samples_seen=PretrainedModel.max_samples_seen)
        prepared = self._prepare(alike, serialization="table", decoding="grammar")
        corpus = serialize(prepared.rows.corpus, prepared.row_generator.serializer)
        n_tokens = float(1 + corpus.lengths(corpus.segments).sum(axis=1).mean())
        n_samples_seen = prepared.n_samples_seen * (1 + prepared.n_repeats)
        n_inner = _N_INNER * n_layers / _N_LAYERS
        return n_tokens * n_inner * (6 * n_samples_seen + 2 * sum(self.n_deficit.values()))

    def estimate_runtime(self, model: LoadedModel, budget: TimeBudget) -> RuntimeEstimate:
        """Time a few steps of a fit with `model`, whose network is used up."""
        prepared = self._prepare(model)
        plan = TrainingPlan(
            prepared.n_samples_seen, model.batch_size, model.learning_rate, self.recipe.permutation
        )
        sampling = Sampling(batch_size=model.generation_batch_size)
        return estimate_runtime(prepared, plan, self.n_deficit, sampling, budget.clock)

    def _prepare(self, model: LoadedModel, **changes: str) -> PreparedTraining:
        recipe = self.recipe.copy(**changes)
        rng = np.random.default_rng(0)  # the run's own is not touched
        return prepare_training(self.table, self.n_deficit, model, recipe, rng)
