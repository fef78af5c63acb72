"""How long to train, and on which rows."""

import numpy as np
import pytest
import torch

from counterpoise._progress import Progress
from counterpoise.models import get_model
from counterpoise.recipes import Recipe
from counterpoise.training import _fit as fit_module
from counterpoise.training._checkpoint import History
from counterpoise.training._fit import fit
from counterpoise.training._runtime import TimeBudget
from tests.small_models import labelled_table, mixed_frame

YES = 1
UNSTOPPED = Recipe(train_on="all", interpolation=None, validation_fraction=0.0)


def fitted(monkeypatch, n_rows, recipe, best=0.5):
    """(result, trainings): what `train` was called with; each finds its best at `best`."""
    calls = []

    def train(model, parts, plan, **rest):
        ((_, corpus, held_out),) = parts
        weights = {name: value.clone() for name, value in model.state_dict().items()}
        calls.append((len(corpus), plan, None if held_out is None else len(held_out), weights))
        for parameter in model.parameters():
            parameter.data.zero_()
        return History([plan.n_samples_seen], [1.0], [], round(best * plan.n_samples_seen), 1.0)

    monkeypatch.setattr(fit_module, "train", train)
    return fit(**{**arguments(n_rows), "recipe": recipe})[0], calls


def test_a_middling_class_is_trained_twice_the_second_time_on_all_rows(monkeypatch):
    result, calls = fitted(monkeypatch, 300, Recipe())  # 60 rows of the class
    (n_part, search, n_held_out, start), (n_all, plan, nothing, again) = calls
    assert (n_part, n_held_out) == (48 + 100, 12)
    assert (n_all, nothing) == (60 + 100, None)
    assert search.n_samples_seen == 50 * n_part
    assert plan.n_samples_seen == pytest.approx(0.5 * search.n_samples_seen * 160 / 148, abs=1)
    assert all((start[name] == again[name]).all() for name in start), "from the same start"
    assert result.rows.n_real == 60
    assert result.trainings == [result.search, result.history]


def test_a_large_class_is_trained_once_and_keeps_the_best(monkeypatch):
    result, calls = fitted(monkeypatch, 1000, Recipe())  # 200 rows of the class
    ((n_rows, plan, n_held_out, _),) = calls
    assert (n_rows, n_held_out) == (180 + 100, 20)
    assert plan.n_samples_seen == 50 * 280
    assert result.search is None


def test_a_tiny_class_trains_blind_and_short(monkeypatch):
    _, calls = fitted(monkeypatch, 95, Recipe())  # 19 rows of the class
    ((n_rows, plan, n_held_out, _),) = calls
    assert (n_rows, n_held_out) == (119, None)
    assert plan.n_samples_seen == 2000


def test_without_held_out_rows_a_larger_table_is_passed_ten_times(monkeypatch):
    _, calls = fitted(monkeypatch, 300, UNSTOPPED)
    ((n_rows, plan, n_held_out, _),) = calls
    assert (n_rows, n_held_out) == (300, None)
    assert plan.n_samples_seen == 10 * 300


@pytest.mark.parametrize(
    ("length", "held_out", "samples_seen"),
    [
        ({"epochs": 7}, None, 7 * 160),
        ({"epochs": 7, "validation_fraction": 0.5}, 30, 7 * 130),
        ({"validation_fraction": 0.1}, 6, 50 * 154),
        ({"validation_fraction": 0.0}, None, 2000),
        ({"epochs": 7, "max_samples_seen": 99}, None, 99),
    ],
)
def test_what_is_asked_for_is_done(monkeypatch, length, held_out, samples_seen):
    result, calls = fitted(monkeypatch, 300, Recipe(**length))
    ((_, plan, n_held_out, _),) = calls
    assert n_held_out == held_out
    assert plan.n_samples_seen == samples_seen
    assert result.search is None


def test_of_a_large_table_held_out_rows_of_the_largest_class_may_lengthen_the_training(monkeypatch):
    result, calls = fitted(monkeypatch, 2000, UNSTOPPED)  # 1,600 rows of the largest class
    ((n_rows, plan, n_held_out, _),) = calls
    assert (n_rows, n_held_out) == (1840, 160)
    assert (plan.n_samples_seen, plan.most_samples_seen) == (10_000, 18_400)
    assert set(result.rows.held_out.codes[:, 0]) == {1 - YES}
    _, calls = fitted(monkeypatch, 4000, UNSTOPPED)
    assert calls[0][1].most_samples_seen == get_model("compact").max_samples_seen, "three passes"


@pytest.mark.parametrize(
    ("n_rows", "changes"), [(1600, {}), (2000, {"max_samples_seen": 5000}), (2000, {"epochs": 5})]
)
def test_no_rows_are_held_out_where_the_length_is_certain(monkeypatch, n_rows, changes):
    _, calls = fitted(monkeypatch, n_rows, UNSTOPPED.copy(**changes))
    ((_, plan, n_held_out, _),) = calls
    assert (n_held_out, plan.most_samples_seen) == (None, 0)
    assert plan.n_samples_seen <= 10_000


@pytest.mark.parametrize("fails", [False, True])
def test_a_fit_runs_on_one_thread_and_leaves_the_count_as_it_was(monkeypatch, fails):
    seen = []

    def train(*_, **__):
        seen.append(torch.get_num_threads())
        raise KeyboardInterrupt

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        if fails:
            monkeypatch.setattr(fit_module, "train", train)
            with pytest.raises(KeyboardInterrupt):
                fit(**arguments(95))
            assert seen == [1]
        else:
            fit(**arguments(95, selection="classifier", epochs=1))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def arguments(n_rows, **recipe):
    return {
        "table": labelled_table(*mixed_frame(n_rows)),
        "n_deficit": {YES: 100},
        "backbone": get_model("compact"),
        "recipe": Recipe(**recipe),
        "device": "cpu",
        "rng": np.random.default_rng(0),
        "progress": Progress(),
        "budget": TimeBudget(None, 0.0),
        "checkpoint_dir": None,
        "parameters": {},
    }


def test_samples_seen_are_capped(monkeypatch):
    _, calls = fitted(monkeypatch, 4000, Recipe())
    assert calls[0][1].n_samples_seen == get_model("compact").max_samples_seen
    assert calls[0][1].evaluate_every == 500
