"""What a fit will take, foreseen without a trace, and held to a limit."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from benchmarks._samplers import make_sampler
from counterpoise.generation._decoding import Sampling
from counterpoise.generation._generator import RowGenerator
from counterpoise.models._device import resolve_device
from counterpoise.models._registry import load_backbone
from counterpoise.recipes._base import Recipe
from counterpoise.serialization._serializer import serialize
from counterpoise.serialization._table_serializer import table_serializer
from counterpoise.training._history import History
from counterpoise.training._loop import TrainingPlan
from counterpoise.training._rows import training_rows
from counterpoise.training._runtime_estimate import (
    RuntimeEstimate,
    TimeBudget,
    estimate_runtime,
    free_memory,
    measure_matrix_rate,
    measure_step_times,
)
from tests.small_models import labelled_table, mixed_frame

CPU = resolve_device("cpu", "float32")
YES = 1
PLAN = TrainingPlan(6400, batch_size=32, learning_rate=1e-3)


def unfitted() -> RowGenerator:
    table = labelled_table(*mixed_frame(60))
    serializer = table_serializer(table)
    model = load_backbone("compact", device=CPU).build(serializer.vocabulary.entries, 0)
    rows = training_rows(table, {YES: 36}, Recipe(), lambda _: 0.0, np.random.default_rng(0))
    return RowGenerator(serializer, model, Recipe(), rows, CPU, History())


def test_it_leaves_no_trace():
    row_generator = unfitted()
    before = {name: tensor.clone() for name, tensor in row_generator.model.state_dict().items()}
    state, is_training = torch.get_rng_state(), row_generator.model.training
    estimate = estimate_runtime(row_generator, PLAN, 1.0, {YES: 36}, Sampling())
    assert torch.equal(torch.get_rng_state(), state)
    assert row_generator.model.training == is_training
    for name, tensor in row_generator.model.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert all(parameter.grad is None for parameter in row_generator.model.parameters())
    assert estimate.training_s > 0
    assert estimate.generation_s > 0
    n_bytes = sum(p.numel() * 4 for p in row_generator.model.parameters())
    assert 6 * n_bytes < estimate.n_bytes < 6 * n_bytes + 2**30


def test_what_the_backward_pass_keeps_grows_with_the_batch():
    row_generator = unfitted()
    corpus = serialize(row_generator.rows.corpus, row_generator.serializer)
    kept = [
        measure_step_times(
            row_generator.model, corpus, row_generator.serializer.grammar, "label-first", n, CPU
        ).bytes_kept
        for n in (8, 64)
    ]
    assert kept[1] > 3 * kept[0]


def test_the_machine_is_measured():
    assert measure_matrix_rate(CPU) > 1e8
    assert free_memory(CPU) is None or free_memory(CPU) > 2**20


def fit(**parameters):
    X, y = mixed_frame(60)
    sampler = make_sampler(model="compact", precision="float32", random_state=0, **parameters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        X_new, y_new = sampler.fit_resample(X, y)
    return sampler, X_new, y_new, " ".join(str(warning.message) for warning in caught)


def test_training_stops_in_time_and_all_rows_come_back():
    sampler, _, y, said = fit(max_time=0.5, epochs=10_000)
    assert sampler.history_.stopped_by == "max_time"
    assert sampler.history_.n_samples_seen < 10_000 * 48
    assert y.value_counts().to_dict() == {"no": 48, "yes": 48}
    assert "training was stopped after" in said
    assert "max_samples_seen=" in said or "no time to train" in said


def test_a_search_is_stopped_too():
    X, y = mixed_frame(200)
    sampler = make_sampler(
        model="compact",
        precision="float32",
        random_state=0,
        max_time=2.0,
        patience=10**6,
        interpolation="smotenc",
    )
    with pytest.warns(UserWarning, match="stopped"):
        _, y_new = sampler.fit_resample(X, y)
    assert (y_new == "yes").sum() == 160
    search = sampler.generator_.search
    assert search is not None
    assert sampler.history_.stopped_by == "max_time" or search.stopped_by == "max_time"


def test_a_limit_that_is_not_reached_changes_nothing():
    _, free, _, _ = fit(epochs=2)
    _, limited, _, said = fit(epochs=2, max_time=600)
    assert free.equals(limited)
    assert "stopped" not in said


def test_an_estimate_is_shown_and_changes_nothing(capsys):
    _, silent, _, _ = fit(epochs=200)
    _, shown, _, _ = fit(epochs=200, verbose=True)
    assert silent.equals(shown)
    assert "training up to" in capsys.readouterr().err


def test_what_brings_it_down_is_named():
    budget = TimeBudget({YES: 10}, Sampling(), 10.0, started=1e12)
    estimate = RuntimeEstimate(1e13, 1.0, 2**50, 0.5)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        budget.warn(estimate, n_free=2**30)
    memory, duration = (str(warning.message) for warning in caught)
    assert "batch_size" in memory
    assert "max_samples_seen=" in duration
    with pytest.warns(UserWarning, match="no time to train in"):
        TimeBudget({YES: 10}, Sampling(), 1e-9, started=0.0).warn(estimate, None)
