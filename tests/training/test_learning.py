"""How long to train, and on which rows."""

import numpy as np
import pytest

from counterpoise._progress import SilentProgress
from counterpoise.models._device import resolve_device
from counterpoise.models._registry import load_backbone
from counterpoise.recipes._base import Recipe
from counterpoise.training import _fit as learning
from counterpoise.training._fit import TrainingLength, fit_generator
from counterpoise.training._history import History
from tests.small_models import labelled_table, mixed_frame

CPU = resolve_device("cpu", "float32")
YES = 1


def learned(monkeypatch, n_rows, length, best=0.5):
    """(writer, trainings): what `train` was called with; each finds its best at `best`."""
    table = labelled_table(*mixed_frame(n_rows))
    calls = []

    def train(model, corpus, grammar, plan, *, held_out, **rest):
        weights = {name: value.clone() for name, value in model.state_dict().items()}
        calls.append((len(corpus), plan, None if held_out is None else len(held_out), weights))
        for parameter in model.parameters():
            parameter.data.zero_()
        return History([plan.n_samples_seen], [1.0], [], round(best * plan.n_samples_seen), 1.0)

    monkeypatch.setattr(learning, "train", train)
    row_generator = fit_generator(
        table,
        {YES: 100},
        load_backbone("compact", device=CPU),
        Recipe(),
        length,
        batch_size=32,
        learning_rate=1e-3,
        device=CPU,
        rng=np.random.default_rng(0),
        progress=SilentProgress(),
    )
    return row_generator, calls


def test_a_middling_class_is_trained_twice_the_second_time_on_all_rows(monkeypatch):
    row_generator, calls = learned(monkeypatch, 300, TrainingLength())  # 60 rows of the class
    (n_part, search, n_held_out, start), (n_all, plan, nothing, again) = calls
    assert (n_part, n_held_out) == (48 + 100, 12)
    assert (n_all, nothing) == (60 + 100, None)
    assert search.n_samples_seen == 50 * n_part
    assert plan.n_samples_seen == pytest.approx(0.5 * search.n_samples_seen * 160 / 148, abs=1)
    assert all((start[name] == again[name]).all() for name in start), "from the same start"
    assert row_generator.rows.n_real == 60
    assert row_generator.search is not None


def test_a_large_class_is_trained_once_and_keeps_the_best(monkeypatch):
    row_generator, calls = learned(monkeypatch, 1000, TrainingLength())  # 200 rows of the class
    ((n_rows, plan, n_held_out, _),) = calls
    assert (n_rows, n_held_out) == (180 + 100, 20)
    assert plan.n_samples_seen == 50 * 280
    assert row_generator.search is None


def test_a_tiny_class_trains_blind_and_short(monkeypatch):
    _, calls = learned(monkeypatch, 95, TrainingLength())  # 19 rows of the class
    ((n_rows, plan, n_held_out, _),) = calls
    assert (n_rows, n_held_out) == (119, None)
    assert plan.n_samples_seen == 1000


@pytest.mark.parametrize(
    ("length", "held_out", "samples_seen"),
    [
        (TrainingLength(epochs=7), None, 7 * 160),
        (TrainingLength(epochs=7, held_out_share=0.5), 30, 7 * 130),
        (TrainingLength(held_out_share=0.1), 6, 50 * 154),
        (TrainingLength(held_out_share=0.0), None, 1000),
    ],
)
def test_what_is_asked_for_is_done(monkeypatch, length, held_out, samples_seen):
    row_generator, calls = learned(monkeypatch, 300, length)
    ((_, plan, n_held_out, _),) = calls
    assert n_held_out == held_out
    assert plan.n_samples_seen == samples_seen
    assert row_generator.search is None


def test_presentations_are_capped(monkeypatch):
    _, calls = learned(monkeypatch, 4000, TrainingLength())
    assert calls[0][1].n_samples_seen == load_backbone("compact", device=CPU).max_samples_seen
    assert calls[0][1].check_every == 500
