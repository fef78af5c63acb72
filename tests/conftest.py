"""Fixtures that the tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

from tests.doubles import CopyingSampler, Shell

os.environ.setdefault("HF_HUB_OFFLINE", "1")

# no test is judged by its time: a busy machine is no mistake
settings.register_profile("counterpoise", deadline=None)
settings.load_profile("counterpoise")


@pytest.fixture
def small_compact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the compact model tiny, where it only matters that rows come out."""
    from counterpoise.models import _llama as compact

    build = compact.compact_model

    def tiny(n_tokens: int, seed: int, width: int, n_layers: int, device: Any) -> Any:
        return build(n_tokens, seed, width // 4, n_layers // 2, device)

    monkeypatch.setattr(compact, "compact_model", tiny)


@pytest.fixture(autouse=True)
def no_weights_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that names no model is not to load 135 million parameters where they are at hand."""
    monkeypatch.setattr("counterpoise.models._huggingface.smollm2_is_installed", lambda: False)


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Shell]:
    samplers: list[CopyingSampler] = []

    def build(**arguments: Any) -> CopyingSampler:
        samplers.append(CopyingSampler(**arguments))
        return samplers[-1]

    environment = dict(os.environ)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("counterpoise.sampler.LLMOverSampler", build)
    yield Shell(tmp_path, samplers, capsys)
    os.environ.clear()
    os.environ.update(environment)


@pytest.fixture
def make_churn() -> Callable[..., pd.DataFrame]:
    """Return a function that makes a small table in the likeness of the churn table."""

    def make(n_rows: int = 60, n_minority: int = 12, seed: int = 0) -> pd.DataFrame:
        random = np.random.default_rng(seed)
        churn = np.where(np.arange(n_rows) < n_minority, "yes", "no")
        return pd.DataFrame(
            {
                "state": random.choice(["KS", "OH", "NJ"], n_rows),
                "calls": random.integers(0, 30, n_rows),
                "minutes": random.normal(180, 40, n_rows).round(1),
                "churn": churn,
            }
        )

    return make
