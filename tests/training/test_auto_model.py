"""``model="auto"``: SmolLM2 where it fits by a few timed steps, else the compact model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from counterpoise.models import AutoModel, CompactModel, PretrainedModel
from counterpoise.models import _huggingface as huggingface
from counterpoise.models._backbone import COMPACT, SMOLLM2_INSTRUCT, LoadedModel
from counterpoise.recipes import Recipe
from counterpoise.training import _runtime as runtime
from counterpoise.training._checkpoint import Checkpoint, History
from counterpoise.training._runtime import RuntimeEstimate, TimeBudget, load_model
from tests.doubles import TickingClock
from tests.small_models import labelled_table, mixed_frame

YES = 1


@pytest.fixture
def loaded(monkeypatch) -> list[str]:
    """Names of the models that are loaded; SmolLM2 is the compact model by another name."""
    names: list[str] = []

    class Stand(CompactModel):
        def __init__(self, name: str) -> None:
            super().__init__(precision="float32")
            self.name = name

        @property
        def model_name(self) -> str:
            names.append(self.name)
            return self.name

    monkeypatch.setattr(AutoModel, "candidate", lambda _, name: Stand(name))
    monkeypatch.setattr(huggingface, "smollm2_is_installed", lambda: True)
    monkeypatch.setattr(runtime, "free_memory", lambda _: 2**40)
    return names


def choose(max_time: float | None, epochs: int = 2, folder: Path | None = None) -> LoadedModel:
    table, budget = labelled_table(*mixed_frame(60)), TimeBudget(max_time, 0.0, TickingClock(0.01))
    recipe = Recipe(epochs=epochs)
    return load_model(AutoModel(), table, {YES: 36}, recipe, "cpu", budget, folder)


def estimated(monkeypatch, estimate: RuntimeEstimate) -> None:
    monkeypatch.setattr(runtime, "estimate_runtime", lambda *_: estimate)


def test_what_fits_is_taken(loaded, monkeypatch):
    estimated(monkeypatch, RuntimeEstimate(20.0, 20.0, 5.0, 2**20, 0.1))
    model = choose(None)
    assert model.name == SMOLLM2_INSTRUCT
    assert "it takes up to 25 s" in model.reason
    assert "budget is 60 s" in model.reason
    assert choose(30.0).name == COMPACT, "not clearly within 30 s"


def test_with_little_time_it_is_not_even_loaded(loaded):
    model = choose(10.0)
    assert model.name == COMPACT
    assert SMOLLM2_INSTRUCT not in loaded
    assert "10 s" in model.reason


def test_a_checkpoint_is_resumed_with_its_model(loaded, tmp_path):
    rng = np.random.default_rng(0)
    checkpoint = Checkpoint(tmp_path, {}, rng, SMOLLM2_INSTRUCT)
    checkpoint.finish(torch.nn.Linear(1, 1), History(), rng)
    assert choose(10.0, folder=tmp_path).name == SMOLLM2_INSTRUCT


def test_what_takes_too_much_memory_is_not_taken(loaded, monkeypatch):
    monkeypatch.setattr(runtime, "free_memory", lambda _: 2**30)
    estimated(monkeypatch, RuntimeEstimate(1.0, 1.0, 1.0, 2**31, 0.1))
    model = choose(None)
    assert model.name == COMPACT
    assert "2.0 GiB" in model.reason


def test_it_is_measured_by_the_clock(loaded, monkeypatch):
    """With the compact model in place of SmolLM2, all the way."""
    assert choose(100.0).name == SMOLLM2_INSTRUCT
    assert choose(30.0, epochs=10_000).name == COMPACT


def test_without_weights_it_is_the_compact_model(loaded, monkeypatch):
    monkeypatch.setattr(huggingface, "smollm2_is_installed", lambda: False)
    reason = choose(1e9).reason
    assert reason == "the SmolLM2 weights are not on this machine"


def test_the_parameters_of_either_model_are_those_of_auto():
    auto = AutoModel(n_layers=3, batch_size=8)
    assert auto.candidate(COMPACT) == CompactModel(batch_size=8)
    assert auto.candidate(SMOLLM2_INSTRUCT) == PretrainedModel(
        SMOLLM2_INSTRUCT, n_layers=3, batch_size=8
    )
