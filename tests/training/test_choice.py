"""``model="auto"``: what fits, by figures, and no weights loaded where a count rules them out."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from counterpoise.models import _smollm2 as embedded
from counterpoise.models._device import resolve_device
from counterpoise.models._registry import COMPACT, SMOLLM2, load_backbone
from counterpoise.recipes._base import Recipe
from counterpoise.training import _auto_model as choice
from counterpoise.training._auto_model import Fit, Work, choose_backbone
from counterpoise.training._fit import TrainingLength
from counterpoise.training._runtime_estimate import RuntimeEstimate
from tests.small_models import labelled_table, mixed_frame

CPU = resolve_device("cpu", "float32")
YES = 1


@pytest.fixture
def loaded(monkeypatch) -> list[str]:
    """Names of the backbones that are loaded; SmolLM2 is the compact model by another name."""
    names: list[str] = []

    def load(name: str, *, device: Any, reason: str = "asked for", **_: Any) -> Any:
        names.append(name)
        return replace(load_backbone(COMPACT, device=device, reason=reason), name=name)

    monkeypatch.setattr(choice, "load_backbone", load)
    monkeypatch.setattr(embedded, "is_at_hand", lambda: True)
    monkeypatch.setattr(embedded, "conversion_s", lambda: 0.0)
    return names


def fit(epochs: int = 2) -> Fit:
    table = labelled_table(*mixed_frame(60))
    return Fit(table, {YES: 36}, Recipe(), TrainingLength(epochs), CPU, None, None, None, None)


def test_what_fits_is_taken(loaded, monkeypatch):
    monkeypatch.setattr(choice, "measure_matrix_rate", lambda _: 1e15)
    estimate = RuntimeEstimate(20.0, 5.0, 2**20, 0.1)
    monkeypatch.setattr(Fit, "estimate_runtime", lambda *_: estimate)
    backbone = choose_backbone(fit(), None, time.perf_counter())
    assert backbone.name == SMOLLM2
    assert "it takes up to 2" in backbone.reason
    assert "budget is 60 s" in backbone.reason
    assert choose_backbone(fit(), 30.0, time.perf_counter()).name == COMPACT, (
        "not clearly within 30 s"
    )


def test_what_cannot_fit_is_not_even_loaded(loaded, monkeypatch):
    monkeypatch.setattr(choice, "measure_matrix_rate", lambda _: 1e9)
    backbone = choose_backbone(fit(50), 10.0, time.perf_counter())
    assert backbone.name == COMPACT
    assert SMOLLM2 not in loaded
    assert "1 GFLOP/s" in backbone.reason


def test_what_takes_too_much_memory_is_not_taken(loaded, monkeypatch):
    monkeypatch.setattr(choice, "measure_matrix_rate", lambda _: 1e15)
    monkeypatch.setattr(choice, "free_memory", lambda _: 2**30)
    monkeypatch.setattr(Fit, "estimate_runtime", lambda *_: RuntimeEstimate(1.0, 1.0, 2**31, 0.1))
    backbone = choose_backbone(fit(), None, time.perf_counter())
    assert backbone.name == COMPACT
    assert "2.0 GiB" in backbone.reason


def test_it_is_measured(loaded, monkeypatch):
    """With the compact model in place of SmolLM2, all the way."""
    monkeypatch.setattr(choice, "measure_matrix_rate", lambda _: 1e15)
    assert choose_backbone(fit(), 1e6, time.perf_counter()).name == SMOLLM2
    assert choose_backbone(fit(10_000), 0.001, time.perf_counter()).name == COMPACT


def test_without_weights_it_is_the_compact_model(loaded, monkeypatch):
    monkeypatch.setattr(embedded, "is_at_hand", lambda: False)
    assert (
        choose_backbone(fit(), 1e9, time.perf_counter()).reason
        == "the SmolLM2 weights are not on this machine"
    )


def test_work_is_counted():
    assert Work(10, 5, 4.0).operations(30) == pytest.approx(4 * 106_203_456 * (60 + 10))
    assert Work(10, 5, 4.0).operations(15) == pytest.approx(Work(10, 5, 2.0).operations(30))
    work = fit().work()
    assert work.n_rows == 36
    assert work.n_samples_seen == 2 * 48
    assert 5 < work.n_tokens < 40
