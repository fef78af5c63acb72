"""Fine-tuning: one visible loop over the rows of a corpus."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from counterpoise._progress import Progress
from counterpoise.errors import ModelError
from counterpoise.generation._scoring import Scorer
from counterpoise.grammar._grammar import Grammar, IntArray
from counterpoise.models._base import LanguageModel
from counterpoise.models._device import Device
from counterpoise.serialization._serializer import SerializedTable, draw_orders, label_is_given
from counterpoise.training._checkpoint import Checkpoint, Training, distinct_tensors, load_tensors
from counterpoise.training._history import History, TimeLimit, TrainingState

_N_BATCHES_SORTED_TOGETHER = 16
_N_HELD_OUT_ORDERS = 2
_LONGEST_WARMUP = 20
"""Steps in which the learning rate rises, at most."""


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How to train.

    Attributes
    ----------
    n_samples_seen : int
        At most this many rows are presented, repeats included.
    batch_size : int
        Rows a step.
    learning_rate : float
        Peak; it is reached after a warm-up and falls along a cosine to a tenth of itself.
    permutation : {"label-first", "label-last", "no-label", "all", "none"}
        Order of the columns, drawn anew for each presentation of a row.
    weight_decay, max_gradient_norm : float
        Of AdamW, and where the gradient is clipped.
    check_every : int
        Rows presented between two looks at the held-out loss.
    patience : int
        Looks without a better held-out loss after which training stops, where rows are held out.
    """

    n_samples_seen: int
    batch_size: int
    learning_rate: float
    permutation: str = "label-first"
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    check_every: int = 500
    patience: int = 3


def train(
    model: LanguageModel,
    corpus: SerializedTable,
    grammar: Grammar,
    plan: TrainingPlan,
    *,
    device: Device,
    rng: np.random.Generator,
    progress: Progress,
    held_out: SerializedTable | None = None,
    limit: TimeLimit | None = None,
    checkpoint: Checkpoint | None = None,
) -> History:
    """Train `model` in place on `corpus`; with `held_out` rows, keep the best weights.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the order of rows and columns, and seeds what dropout the model has.
    limit : TimeLimit, optional
        When to stop, whatever has been reached.
    checkpoint : Checkpoint, optional
        Where to go on from, and to write to now and then.

    Raises
    ------
    ModelError
        If the loss stops being a number.
    """
    if checkpoint is not None and (finished := checkpoint.finished(model, rng)) is not None:
        model.eval()
        return finished
    scores_label = not label_is_given(plan.permutation)
    scorer = Scorer(model, grammar, device, scores_label=scores_label)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters, lr=plan.learning_rate, weight_decay=plan.weight_decay, fused=True
    )
    n_steps = math.ceil(plan.n_samples_seen / plan.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _warmup_cosine(n_steps))
    training_state = TrainingState(next_evaluation=plan.check_every)
    training = Training(model, optimizer, schedule, rng, training_state)
    with (
        torch.random.fork_rng(),
        progress.stage("training", total=plan.n_samples_seen, unit="rows") as advance,
    ):
        torch.manual_seed(int(rng.integers(2**31)))
        held_out_seed = int(rng.integers(2**31))
        model.train()
        batches = _batches(corpus, plan, rng)
        if checkpoint is not None:
            checkpoint.resume(training, batches)
            advance(training_state.n_samples_seen)
        history = training_state.history
        started = time.perf_counter() - history.seconds
        for rows, orders in batches:
            # 1. one step
            log_likelihood, _ = scorer.log_likelihood(corpus.token_batch(rows, orders))
            if len(log_likelihood):  # a row of constants alone leaves nothing to learn
                loss = -log_likelihood.mean()
                loss.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(parameters, plan.max_gradient_norm)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad(set_to_none=True)
                training_state.losses.append(loss.detach())
            training_state.n_batches += 1
            training_state.n_samples_seen += len(rows)
            advance(len(rows))
            history.seconds = time.perf_counter() - started
            if limit is not None and limit.is_over(history.best_seconds):
                history.stopped_by = "max_time"
            is_last = (
                training_state.n_samples_seen >= plan.n_samples_seen
                or history.stopped_by == "max_time"
            )
            # 2. a look now and then: has it diverged, does it still get better?
            if training_state.n_samples_seen >= training_state.next_evaluation or is_last:
                training_state.next_evaluation = training_state.n_samples_seen + plan.check_every
                _evaluate(training, plan, scorer, held_out, held_out_seed)
                if history.stopped_by == "held-out rows":
                    is_last = True
            if is_last:
                break
            if checkpoint is not None:
                checkpoint.save_now_and_then(training)
    if training_state.best_weights is None:
        history.best_n_samples_seen = training_state.n_samples_seen
        history.best_seconds = history.seconds
    else:
        load_tensors(model, training_state.best_weights)
    model.eval()
    history.seconds = time.perf_counter() - started
    if checkpoint is not None:
        checkpoint.finish(model, history, rng)
    return history


def _evaluate(
    training: Training,
    plan: TrainingPlan,
    scorer: Scorer,
    held_out: SerializedTable | None,
    held_out_seed: int,
) -> None:
    """Note the losses, keep the weights if they are the best so far, see whether to stop."""
    training_state, history = training.training_state, training.training_state.history
    losses = training_state.losses
    history.samples_seen.append(training_state.n_samples_seen)
    history.train_loss.append(float(torch.stack(losses).mean()) if losses else 0.0)
    losses.clear()
    if not math.isfinite(history.train_loss[-1]):
        raise ModelError(
            f"training diverged after {training_state.n_samples_seen} rows: the loss is no longer "
            "a number; "
            f"lower learning_rate (it was {plan.learning_rate:g})"
        )
    if held_out is None:
        return
    rng = np.random.default_rng(held_out_seed)
    looked = scorer.loss_per_row(held_out, plan.permutation, rng, _N_HELD_OUT_ORDERS)
    history.held_out_loss.append(looked)
    if looked < training_state.best_loss:
        training_state.best_loss = looked
        history.best_n_samples_seen = training_state.n_samples_seen
        history.best_seconds = history.seconds
        weights = distinct_tensors(training.model)
        training_state.best_weights = {name: tensor.clone() for name, tensor in weights.items()}
    n_since_best = len(history.held_out_loss) - 1 - np.argmin(history.held_out_loss)
    if n_since_best >= plan.patience and history.stopped_by == "length":
        history.stopped_by = "held-out rows"


def _batches(
    corpus: SerializedTable, plan: TrainingPlan, rng: np.random.Generator
) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield (rows, orders of their columns) without end, one shuffled epoch after another.

    Rows of like length share a batch, within a window of shuffled rows: less padding.
    """
    n_rows, n_columns = corpus.segments.shape
    lengths = corpus.lengths(corpus.segments).sum(axis=1)
    window = plan.batch_size * _N_BATCHES_SORTED_TOGETHER
    while True:
        shuffled = rng.permutation(n_rows)
        batches = []
        for start in range(0, n_rows, window):
            near = shuffled[start : start + window]
            near = near[np.argsort(lengths[near], kind="stable")]
            batches += np.split(near, range(plan.batch_size, len(near), plan.batch_size))
        for which in rng.permutation(len(batches)):
            rows = batches[which]
            yield rows, draw_orders(len(rows), n_columns, plan.permutation, rng)


def _warmup_cosine(n_steps: int) -> Callable[[int], float]:
    """Return the learning rate's factor by step: a straight rise to 1, a cosine down to 0.1."""
    n_warmup = max(1, min(_LONGEST_WARMUP, n_steps // 10))

    def factor(step: int) -> float:
        if step < n_warmup:
            return (step + 1) / n_warmup
        done = (step - n_warmup) / max(1, n_steps - n_warmup)
        return 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    return factor
