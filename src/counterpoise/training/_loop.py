"""Fine-tuning: one loop over the rows of a corpus."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from counterpoise._progress import Progress
from counterpoise.errors import ModelError
from counterpoise.generation._scoring import Scorer
from counterpoise.grammar._grammar import Grammar, IntArray
from counterpoise.models._device import Device
from counterpoise.models._language_model import LanguageModel
from counterpoise.serialization._serializer import SerializedTable, draw_orders, label_is_given
from counterpoise.training._checkpoint import Checkpoint, Training, distinct_tensors, load_tensors
from counterpoise.training._history import Clock, History, TimeLimit, TrainingState

_N_BATCHES_SORTED_TOGETHER = 16
_N_HELD_OUT_ORDERS = 2
_MAX_WARMUP_STEPS = 20
_WEIGHT_DECAY = 0.01
_MAX_GRADIENT_NORM = 1.0


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How to train.

    Attributes
    ----------
    n_samples_seen : int
        Training samples seen at most, repeats included.
    learning_rate : float
        Peak; it is reached after a warm-up and falls along a cosine to a tenth of itself.
    evaluate_every : int
        Training samples between two evaluations.
    patience : int
        Evaluations without a better held-out loss after which training stops.
    """

    n_samples_seen: int
    batch_size: int
    learning_rate: float
    permutation: str = "label-first"
    evaluate_every: int = 500
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
    clock: Clock = time.perf_counter,
) -> History:
    """Train `model` in place on `corpus`; with `held_out` rows, keep the best weights.

    Step 4 of the paper: fine-tuning. `rng` draws the order of rows and columns, and seeds what
    dropout the model has. A ModelError says that the loss is no longer a number.
    """
    if checkpoint is not None and (finished := checkpoint.finished(model, rng)) is not None:
        model.eval()
        return finished
    scores_label = not label_is_given(plan.permutation)
    scorer = Scorer(model, grammar, device, scores_label=scores_label)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters, lr=plan.learning_rate, weight_decay=_WEIGHT_DECAY, fused=True
    )
    n_steps = math.ceil(plan.n_samples_seen / plan.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _warmup_cosine(n_steps))
    state = TrainingState(next_evaluation=plan.evaluate_every)
    training = Training(model, optimizer, schedule, rng, state)
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
            advance(state.n_samples_seen)
        history = state.history
        started = clock() - history.seconds
        for rows, orders in batches:
            # 1. one step, on rows whose columns are in a fresh order
            _take_step(training, scorer.log_likelihood(corpus.token_batch(rows, orders))[0])
            state.n_batches += 1
            state.n_samples_seen += len(rows)
            advance(len(rows))
            history.seconds = clock() - started
            if limit is not None and limit.is_over(history.best_seconds):
                history.stopped_by = "max_time"
            is_last = history.stopped_by == "max_time" or (
                state.n_samples_seen >= plan.n_samples_seen
            )
            # 2. evaluate now and then: has it diverged, does it still get better?
            if state.n_samples_seen >= state.next_evaluation or is_last:
                state.next_evaluation = state.n_samples_seen + plan.evaluate_every
                _evaluate(training, plan, scorer, held_out, held_out_seed)
                if history.stopped_by == "held-out rows":
                    is_last = True
            if is_last:
                break
            if checkpoint is not None:
                checkpoint.save_now_and_then(training)
    if state.best_weights is None:
        history.best_n_samples_seen = state.n_samples_seen
        history.best_seconds = history.seconds
    else:
        load_tensors(model, state.best_weights)
    model.eval()
    history.seconds = clock() - started
    if checkpoint is not None:
        checkpoint.finish(model, history, rng)
    return history


def _take_step(training: Training, log_likelihood: Tensor) -> None:
    if not len(log_likelihood):  # a row of constants alone leaves nothing to learn
        return
    optimizer = training.optimizer
    loss = -log_likelihood.mean()
    loss.backward()  # type: ignore[no-untyped-call]
    parameters = optimizer.param_groups[0]["params"]
    torch.nn.utils.clip_grad_norm_(parameters, _MAX_GRADIENT_NORM)
    optimizer.step()
    training.schedule.step()
    optimizer.zero_grad(set_to_none=True)
    training.state.losses.append(loss.detach())


def _evaluate(
    training: Training,
    plan: TrainingPlan,
    scorer: Scorer,
    held_out: SerializedTable | None,
    held_out_seed: int,
) -> None:
    """Note the losses, keep the weights if they are the best so far, decide whether to stop."""
    state = training.state
    history, losses = state.history, state.losses
    history.samples_seen.append(state.n_samples_seen)
    history.train_loss.append(float(torch.stack(losses).mean()) if losses else 0.0)
    losses.clear()
    if not math.isfinite(history.train_loss[-1]):
        raise ModelError(
            f"training diverged after {state.n_samples_seen} rows: the loss is no longer a number; "
            f"lower learning_rate (it was {plan.learning_rate:g})"
        )
    if held_out is None:
        return
    rng = np.random.default_rng(held_out_seed)
    loss = scorer.loss_per_row(held_out, plan.permutation, rng, _N_HELD_OUT_ORDERS)
    history.held_out_loss.append(loss)
    if loss < state.best_loss:
        state.best_loss = loss
        history.best_n_samples_seen = state.n_samples_seen
        history.best_seconds = history.seconds
        weights = distinct_tensors(training.model)
        state.best_weights = {name: tensor.clone() for name, tensor in weights.items()}
    n_since_best = len(history.held_out_loss) - 1 - np.argmin(history.held_out_loss)
    if n_since_best >= plan.patience and history.stopped_by == "length":
        history.stopped_by = "held-out rows"


def _batches(
    corpus: SerializedTable, plan: TrainingPlan, rng: np.random.Generator
) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield (rows, orders of their columns) without end, one shuffled epoch after another.

    Step 3 of the paper, the second idea: permutation. Rows of similar length share a batch, within
    a window of shuffled rows, which saves padding.
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
    n_warmup = max(1, min(_MAX_WARMUP_STEPS, n_steps // 10))

    def factor(step: int) -> float:
        if step < n_warmup:
            return (step + 1) / n_warmup
        done = (step - n_warmup) / max(1, n_steps - n_warmup)
        return 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    return factor
