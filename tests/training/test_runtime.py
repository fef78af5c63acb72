"""What a fit will take, estimated without a trace, and held to a limit."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from counterpoise import LLMOverSampler
from counterpoise.models import CompactModel, get_model
from counterpoise.models._language_model import resolve_device
from counterpoise.recipes import Recipe, get_recipe
from counterpoise.training._loop import PreparedTraining, prepare_training
from counterpoise.training._runtime import (
    RuntimeEstimate,
    TimeBudget,
    estimate_runtime,
    free_memory,
    measure_step,
)
from tests.doubles import TickingClock
from tests.small_models import labelled_table, mixed_frame

CPU = resolve_device("cpu", "float32")
YES = 1


def prepared() -> PreparedTraining:
    table = labelled_table(*mixed_frame(60))
    rng, model = np.random.default_rng(0), get_model("compact").load("cpu")
    return prepare_training(table, {YES: 36}, model, Recipe(epochs=100), rng)


def test_it_leaves_no_trace():
    training = prepared()
    model = training.row_generator.model
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state, is_training = torch.get_rng_state(), model.training
    clock = TickingClock(1.0)
    estimate = estimate_runtime(training, {YES: 36}, clock)
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training == is_training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert all(parameter.grad is None for parameter in model.parameters())
    assert estimate.s_per_sample == 1 / 32, "each step takes a second of this clock"
    assert estimate.training_s == 100 * 48 / 32, "100 epochs of 12 real and 36 interpolated rows"
    assert estimate.generation_s == 1
    n_bytes = sum(p.numel() * 4 for p in model.parameters())
    assert 6 * n_bytes < estimate.n_bytes < 6 * n_bytes + 2**30


def test_what_the_backward_pass_keeps_grows_with_the_batch():
    training = prepared()
    few, many = (
        measure_step(replace(training, plan=replace(training.plan, batch_size=n)))[1]
        for n in (8, 64)
    )
    assert many > 3 * few


def test_free_memory_is_read():
    assert free_memory(CPU) is None or free_memory(CPU) > 2**20


class Timed(LLMOverSampler):
    """On a clock on which each training step takes a few hundredths of a second."""

    _clock = TickingClock(0.01)


def fit(n_rows=60, *, recipe="ranking", verbose=False, max_time=None, **changes):
    Timed._clock = TickingClock(0.01)
    X, y = mixed_frame(n_rows)
    sampler = Timed(
        model=CompactModel(),
        recipe=get_recipe(recipe, **changes),
        random_state=0,
        max_time=max_time,
        verbose=verbose,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        X_new, y_new = sampler.fit_resample(X, y)
    return sampler, X_new, y_new, " ".join(str(warning.message) for warning in caught)


@pytest.mark.parametrize("recipe", ["ranking", "counterpoise"])
def test_training_stops_in_time_and_all_rows_come_back(recipe):
    sampler, _, y, said = fit(max_time=2.0, epochs=10_000, recipe=recipe)
    assert sampler.history_.stopped_by == "max_time"
    assert 0 < sampler.history_.n_samples_seen < 100 * 32
    assert y.value_counts().to_dict() == {"no": 48, "yes": 48}
    assert "training was stopped after" in said
    assert "max_samples_seen=" in said


def test_a_search_is_stopped_too():
    sampler, _, y_new, said = fit(200, max_time=2.0, patience=10**6, interpolation="smotenc")
    assert "stopped" in said
    assert (y_new == "yes").sum() == 160
    search = sampler.training_.search
    assert search is not None
    assert search.stopped_by == "max_time"


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


def test_what_reduces_it_is_named():
    budget = TimeBudget(10.0, 0.0, lambda: -1e12)
    estimate = RuntimeEstimate(1e13, 1e13, 1.0, 2**50, 0.5)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        budget.warn(estimate, n_free=2**30)
    memory, duration = (str(warning.message) for warning in caught)
    assert "batch_size" in memory
    assert "max_samples_seen=" in duration
    with pytest.warns(UserWarning, match="no time to train in"):
        TimeBudget(1e-9, 0.0).warn(estimate, None)
