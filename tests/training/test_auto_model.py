"""``model="auto"``: what fits, by figures, and no weights loaded where a count rules them out."""

from __future__ import annotations

import pytest

from counterpoise.models import AutoModel, CompactModel, PretrainedModel
from counterpoise.models import _smollm2 as smollm2
from counterpoise.models._backbone import COMPACT, SMOLLM2
from counterpoise.recipes import Recipe
from counterpoise.training import _runtime as runtime
from counterpoise.training._runtime import ModelChoice, RuntimeEstimate, TimeBudget
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
    monkeypatch.setattr(smollm2, "is_installed", lambda: True)
    monkeypatch.setattr(smollm2, "conversion_s", lambda: 0.0)
    monkeypatch.setattr(runtime, "free_memory", lambda _: 2**40)
    return names


def choice(epochs: int = 2) -> ModelChoice:
    table = labelled_table(*mixed_frame(60))
    return ModelChoice(table, {YES: 36}, Recipe(epochs=epochs), AutoModel(), "cpu")


def budget(max_time: float | None) -> TimeBudget:
    return TimeBudget(max_time, 0.0, TickingClock(0.01))


def estimated(monkeypatch, estimate: RuntimeEstimate) -> None:
    monkeypatch.setattr(runtime, "estimate_runtime", lambda *_: estimate)


def test_what_fits_is_taken(loaded, monkeypatch):
    monkeypatch.setattr(runtime, "measure_matrix_rate", lambda *_: 1e15)
    estimated(monkeypatch, RuntimeEstimate(20.0, 5.0, 2**20, 0.1))
    model = choice().choose(budget(None))
    assert model.name == SMOLLM2
    assert "it takes up to 25 s" in model.reason
    assert "budget is 60 s" in model.reason
    assert choice().choose(budget(30.0)).name == COMPACT, "not clearly within 30 s"


def test_what_cannot_fit_is_not_even_loaded(loaded, monkeypatch):
    monkeypatch.setattr(runtime, "measure_matrix_rate", lambda *_: 1e9)
    model = choice(50).choose(budget(10.0))
    assert model.name == COMPACT
    assert SMOLLM2 not in loaded
    assert "1 GFLOP/s" in model.reason


def test_what_takes_too_much_memory_is_not_taken(loaded, monkeypatch):
    monkeypatch.setattr(runtime, "measure_matrix_rate", lambda *_: 1e15)
    monkeypatch.setattr(runtime, "free_memory", lambda _: 2**30)
    estimated(monkeypatch, RuntimeEstimate(1.0, 1.0, 2**31, 0.1))
    model = choice().choose(budget(None))
    assert model.name == COMPACT
    assert "2.0 GiB" in model.reason


def test_it_is_measured_by_the_clock(loaded, monkeypatch):
    """With the compact model in place of SmolLM2, all the way."""
    monkeypatch.setattr(runtime, "measure_matrix_rate", lambda *_: 1e15)
    assert choice().choose(budget(100.0)).name == SMOLLM2
    assert choice(10_000).choose(budget(10.0)).name == COMPACT


def test_without_weights_it_is_the_compact_model(loaded, monkeypatch):
    monkeypatch.setattr(smollm2, "is_installed", lambda: False)
    reason = choice().choose(budget(1e9)).reason
    assert reason == "the SmolLM2 weights are not on this machine"


def test_work_is_counted(monkeypatch):
    once, twice = (choice(epochs).n_operations(30) for epochs in (1, 2))
    n_inner, n_rows = 106_203_456, 36
    n_tokens = (twice - once) / (6 * 48 * n_inner)  # 48 training rows, real and interpolated
    assert 5 < n_tokens < 40
    assert once == pytest.approx(n_tokens * n_inner * (6 * 48 + 2 * n_rows))
    assert choice().n_operations(15) == pytest.approx(twice / 2)


def test_the_parameters_of_either_model_are_those_of_auto():
    auto = AutoModel(n_layers=3, batch_size=8)
    assert auto.candidate(COMPACT) == CompactModel(batch_size=8)
    assert auto.candidate(SMOLLM2) == PretrainedModel(n_layers=3, batch_size=8)
