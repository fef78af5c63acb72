"""Training: what it learns from, when it stops, and that it can be repeated."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from counterpoise._progress import Progress
from counterpoise.errors import ModelError
from counterpoise.generation._scoring import Scorer
from counterpoise.grammar._grammar import FORCED
from counterpoise.models import get_model
from counterpoise.models._language_model import resolve_device
from counterpoise.serialization import label_is_given, serialize, table_serializer
from counterpoise.training import _checkpoint as checkpoint_module
from counterpoise.training import _loop as training
from counterpoise.training._checkpoint import Checkpoint
from counterpoise.training._loop import Part, TrainingPlan, train
from tests.doubles import TickingClock
from tests.small_models import labelled_table, mixed_frame

CPU = resolve_device("cpu", "float32")


def built(n_rows=60, seed=0):
    table = labelled_table(*mixed_frame(n_rows, seed))
    serializer = table_serializer(table)
    model = get_model("compact").load("cpu").build(serializer.vocabulary, 0)
    return table, serializer, model


def scorer(model, serializer, plan):
    scores_label = not label_is_given(plan.permutation)
    return Scorer(model, serializer.grammar, CPU, scores_label=scores_label)


def run(plan, *, held_out=None, seed=0, n_rows=60, **limits):
    table, serializer, model = built(n_rows)
    corpora = [serialize(one, serializer) for one in (table, held_out) if one is not None]
    history = train(
        model,
        [Part(scorer(model, serializer, plan), *corpora)],
        plan,
        rng=np.random.default_rng(seed),
        progress=Progress(),
        **limits,
    )
    return model, history


def test_the_loss_falls_and_samples_are_counted():
    _, history = run(TrainingPlan(1500, batch_size=16, learning_rate=5e-3))
    assert history.train_loss[-1] < 0.9 * history.train_loss[0]
    assert 1500 <= history.n_samples_seen < 1516, "to the end of the batch"
    assert history.best_n_samples_seen == history.n_samples_seen


def test_the_same_seed_gives_the_same_weights_and_another_does_not():
    plan = TrainingPlan(120, batch_size=16, learning_rate=3e-3)
    first, again, other = (run(plan, seed=seed)[0].state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_global_random_state_is_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run(TrainingPlan(60, batch_size=16, learning_rate=3e-3))
    assert torch.equal(torch.rand(3), expected)


def test_stops_early_and_keeps_the_best_epoch():
    held_out = labelled_table(*mixed_frame(40, seed=9))
    _, serializer, _ = built(30)
    # the held-out rows are noise to the model: it can only get worse at them after a while
    plan = TrainingPlan(1800, batch_size=8, learning_rate=1e-2, evaluate_every=60, patience=3)
    table, serializer, model = built(30)
    rows = [row for row in range(40) if (held_out.codes[row, 1:3] >= 0).all()]
    inside = [
        row
        for row in rows
        if all(
            column.low <= held_out.codes[row, position] <= column.high
            for position, column in enumerate(serializer.schema)
            if hasattr(column, "low")
        )
    ]
    corpus = serialize(held_out.take(np.array(inside)), serializer)
    history = train(
        model,
        [Part(scorer(model, serializer, plan), serialize(table, serializer), corpus)],
        plan,
        rng=np.random.default_rng(0),
        progress=Progress(),
    )
    losses = history.held_out_loss
    best = int(np.argmin(losses))
    assert len(losses) < 30
    assert best == len(losses) - 4, "three evaluations after the best one"
    assert history.best_n_samples_seen == history.samples_seen[best]
    # the weights that are kept are those of the best evaluation: they score what it scored
    rng = np.random.default_rng(0)
    rng.integers(2**31)
    seed = int(rng.integers(2**31))
    again = scorer(model, serializer, plan).loss_per_row(
        corpus, "label-first", np.random.default_rng(seed), 2
    )
    assert again == pytest.approx(min(losses), rel=1e-5)


def lengthened(losses, monkeypatch, **limits):
    """The history of a training whose held-out rows have these losses, of 160 samples at first."""
    given = iter(losses)
    monkeypatch.setattr(Scorer, "loss_per_row", lambda *_: next(given))
    plan = TrainingPlan(160, 10, 1e-3, evaluate_every=40, patience=1, most_samples_seen=500)
    held_out = labelled_table(*mixed_frame(60))
    return run(plan, held_out=held_out, **limits)[1]


@pytest.mark.parametrize(
    ("losses", "n_samples_seen"),
    [
        ([9.0, 8.8, *[1.0] * 2], 160),  # less than .3 nats
        ([9.0, 9.5, *[1.0] * 2], 160),  # patience is for an early end
        ([9.0, 8.5, 8.5, 8.4, *[1.0] * 4], 320),
        ([9.0, 8.5, 9.9, 8.0, 9.9, 8.0, 9.9, 7.0, *[1.0] * 5], 500),
    ],
)
def test_the_length_doubles_while_held_out_rows_gain_enough(losses, n_samples_seen, monkeypatch):
    history = lengthened(losses, monkeypatch)
    assert history.n_samples_seen == n_samples_seen
    assert history.held_out_loss == losses
    assert (history.stopped_by, history.best_n_samples_seen) == ("length", n_samples_seen)


def test_no_training_is_lengthened_beyond_its_deadline(monkeypatch):
    """On this clock a step takes 2 s: 160 samples 32 s, 320 samples 64 s, 500 samples 100 s."""
    for deadline, n_samples_seen in ((50.0, 160), (90.0, 320), (200.0, 500)):
        losses = [9.0, 8.0, *[7.0] * 12]
        history = lengthened(losses, monkeypatch, deadline=deadline, clock=TickingClock(1.0))
        assert history.n_samples_seen == n_samples_seen
        assert history.stopped_by == "length"


def test_a_lengthened_training_that_was_stopped_ends_with_the_same_weights(tmp_path, monkeypatch):
    plan = TrainingPlan(160, 10, 1e-3, evaluate_every=40, most_samples_seen=500)
    held_out = labelled_table(*mixed_frame(60))
    monkeypatch.setattr(training, "_WORTH_DOUBLING", 0.0)
    expected, history = run(plan, held_out=held_out)
    assert history.n_samples_seen > 160
    monkeypatch.setattr(checkpoint_module, "SECONDS_BETWEEN", 0.0)
    monkeypatch.setattr(checkpoint_module, "_SHARE_OF_TIME", math.inf)
    save, n_saved = Checkpoint.save_now_and_then, []

    def save_and_stop(self, state):
        save(self, state)
        n_saved.append(1)
        if len(n_saved) == 12:  # the length was doubled after the eighth step
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "save_now_and_then", save_and_stop)

    def checkpoint():
        return Checkpoint(tmp_path, {}, np.random.default_rng(0), "compact")

    with pytest.raises(KeyboardInterrupt):
        run(plan, held_out=held_out, checkpoint=checkpoint())
    model, resumed = run(plan, held_out=held_out, checkpoint=checkpoint())
    assert resumed.held_out_loss == history.held_out_loss
    assert resumed.n_samples_seen == history.n_samples_seen
    weights = model.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in expected.state_dict().items())


def test_the_label_is_given_and_never_scored():
    table, serializer, model = built()
    corpus = serialize(table, serializer)
    orders = np.tile(np.arange(table.codes.shape[1]), (len(table), 1))
    token_batch = corpus.token_batch(np.arange(len(table)), orders)
    scored, _, _ = Scorer(model, serializer.grammar, CPU).log_likelihood(token_batch)
    of_label = serializer.grammar.column == 0
    chosen = token_batch.states != FORCED
    n_label = (chosen & of_label[token_batch.states]).sum()
    assert n_label == len(table)
    assert len(scored) == chosen.sum() - n_label


def test_padding_does_not_change_a_row():
    table, serializer, model = built()
    corpus = serialize(table, serializer)
    scorer = Scorer(model.eval(), serializer.grammar, CPU)
    orders = np.tile(np.arange(table.codes.shape[1]), (len(table), 1))
    together, rows, _ = scorer.log_likelihood(corpus.token_batch(np.arange(len(table)), orders))
    for row in range(5):
        alone, _, _ = scorer.log_likelihood(corpus.token_batch(np.array([row]), orders[:1]))
        torch.testing.assert_close(alone, together[rows == row], atol=1e-4, rtol=1e-4)


def test_divergence_is_an_error_that_says_what_to_do():
    with pytest.raises(ModelError, match="lower learning_rate"):
        run(TrainingPlan(1800, batch_size=16, learning_rate=1e30))


@pytest.mark.parametrize("permutation", ["label-first", "condition-first", "all", "none"])
def test_orders_are_drawn_anew_as_the_permutation_says(permutation, monkeypatch):
    seen = []
    true = Scorer.log_likelihood

    def spy(self, token_batch):
        seen.append(token_batch)
        return true(self, token_batch)

    drawn = []
    true_orders = training.draw_orders

    def orders_spy(*arguments):
        drawn.append(true_orders(*arguments))
        return drawn[-1]

    monkeypatch.setattr(Scorer, "log_likelihood", spy)
    monkeypatch.setattr(training, "draw_orders", orders_spy)
    run(TrainingPlan(180, batch_size=60, learning_rate=1e-3, permutation=permutation))
    assert len(seen) == 3
    stacked = np.stack(drawn)
    assert (np.sort(stacked, axis=-1) == np.arange(stacked.shape[-1])).all()
    label_first = (stacked[..., 0] == 0).all()
    anew = (stacked[0] != stacked[1]).any()
    assert (label_first, anew) == {
        "label-first": (True, True),
        "condition-first": (True, True),
        "all": (False, True),
        "none": (True, False),
    }[permutation]


def test_each_row_is_seen_once_per_epoch(monkeypatch):
    plan = TrainingPlan(60, batch_size=7, learning_rate=1e-3)
    table, serializer, _ = built()
    corpus = serialize(table, serializer)
    batches = training._batches([corpus], plan, np.random.default_rng(0))
    for _ in range(2):  # two epochs
        epoch = [next(batches)[1] for _ in range(9)]
        assert sorted(np.concatenate(epoch)) == list(range(60))
        assert max(len(rows) for rows in epoch) == 7


def test_frame_fixture_has_missing_cells():
    frame, _ = mixed_frame()
    assert frame.isna().any().sum() == 3
    assert isinstance(frame, pd.DataFrame)
