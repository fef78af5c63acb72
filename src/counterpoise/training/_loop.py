"""Fine-tuning with permutation and early stopping: one loop over the rows of a corpus."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from counterpoise._progress import Progress
from counterpoise.errors import ModelError
from counterpoise.generation._scoring import Scorer
from counterpoise.grammar._grammar import Grammar, IntArray
from counterpoise.models._language_model import Device, LanguageModel
from counterpoise.serialization import SerializedTable
from counterpoise.serialization._serializer import draw_orders, label_is_given
from counterpoise.training._checkpoint import (
    Checkpoint,
    Clock,
    History,
    TrainingState,
    distinct_tensors,
    load_tensors,
)
from counterpoise.training._plan import TrainingPlan

_N_BATCHES_SORTED_TOGETHER = 16
_N_HELD_OUT_ORDERS = 2
_MAX_WARMUP_STEPS = 20
_WEIGHT_DECAY = 0.01
_MAX_GRADIENT_NORM = 1.0


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
    deadline: float = math.inf,
    n_repeats: float = 0.0,
    checkpoint: Checkpoint | None = None,
    clock: Clock = time.perf_counter,
) -> History:
    """Train `model` in place on `corpus`; with `held_out` rows, keep the best weights.

    Step 4 of the paper: fine-tuning. `rng` draws the order of rows and columns, and seeds what
    dropout the model has. At the `deadline`, in seconds on the `clock`, the training up to its best
    weights must be over, and `n_repeats` times as long a second one. A ModelError says that the
    loss is no longer a number.
    """
    if checkpoint is not None and (finished := checkpoint.finished(model, rng)) is not None:
        model.eval()
        return finished
    scorer = Scorer(model, grammar, device, scores_label=not label_is_given(plan.permutation))
    state = initial_state(model, plan, rng)
    with (
        torch.random.fork_rng(),
        progress.stage("training", total=plan.n_samples_seen, unit="rows") as advance,
    ):
        torch.manual_seed(int(rng.integers(2**31)))
        held_out_seed = int(rng.integers(2**31))
        model.train()
        batches = _batches(corpus, plan, rng)
        if checkpoint is not None:
            checkpoint.resume(state, batches)
            advance(state.n_samples_seen)
        history = state.history
        started = clock() - history.seconds
        for rows, orders in batches:
            # 1. one step, on rows whose columns are in a fresh order
            take_step(state, scorer.log_likelihood(corpus.token_batch(rows, orders))[0])
            state.n_batches += 1
            state.n_samples_seen += len(rows)
            advance(len(rows))
            history.seconds = clock() - started
            if deadline < math.inf and clock() + n_repeats * history.best_seconds >= deadline:
                history.stopped_by = "max_time"
            is_last = state.n_samples_seen >= plan.n_samples_seen
            is_last = is_last or history.stopped_by == "max_time"
            # 2. evaluate now and then: has it diverged, does it still get better?
            if state.n_samples_seen >= state.next_evaluation or is_last:
                _evaluate(state, scorer, plan, held_out, held_out_seed)
            if is_last or history.stopped_by == "held-out rows":
                break
            if checkpoint is not None:
                checkpoint.save_now_and_then(state)
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


def initial_state(
    model: LanguageModel, plan: TrainingPlan, rng: np.random.Generator
) -> TrainingState:
    """Return the state before the first step."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters, lr=plan.learning_rate, weight_decay=_WEIGHT_DECAY, fused=True
    )
    n_steps = math.ceil(plan.n_samples_seen / plan.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _warmup_cosine(n_steps))
    return TrainingState(model, optimizer, schedule, rng, next_evaluation=plan.evaluate_every)


def take_step(state: TrainingState, log_likelihood: Tensor) -> None:
    """Change the weights so that a batch gets likelier."""
    if not len(log_likelihood):  # a row of constants alone leaves nothing to learn
        return
    loss = -log_likelihood.mean()
    loss.backward()  # type: ignore[no-untyped-call]
    parameters = state.optimizer.param_groups[0]["params"]
    torch.nn.utils.clip_grad_norm_(parameters, _MAX_GRADIENT_NORM)
    state.optimizer.step()
    state.schedule.step()
    state.optimizer.zero_grad(set_to_none=True)
    state.losses.append(loss.detach())


def _evaluate(
    state: TrainingState,
    scorer: Scorer,
    plan: TrainingPlan,
    held_out: SerializedTable | None,
    seed: int,
) -> None:
    """Note the losses, keep the weights if they are the best, decide whether to stop early.

    The `seed` fixes the orders of the held-out rows' columns.
    """
    history, losses = state.history, state.losses
    state.next_evaluation = state.n_samples_seen + plan.evaluate_every
    history.samples_seen.append(state.n_samples_seen)
    history.train_loss.append(float(torch.stack(losses).mean()) if losses else 0.0)
    losses.clear()
    if not math.isfinite(history.train_loss[-1]):
        raise ModelError(
            f"training diverged after {state.n_samples_seen} rows: the loss is no longer a "
            f"number; lower learning_rate (it was {plan.learning_rate:g})"
        )
    if held_out is None:
        return
    rng = np.random.default_rng(seed)
    loss = scorer.loss_per_row(held_out, plan.permutation, rng, _N_HELD_OUT_ORDERS)
    history.held_out_loss.append(loss)
    if loss < state.best_loss:
        state.best_loss = loss
        history.best_n_samples_seen = state.n_samples_seen
        history.best_seconds = history.seconds
        weights = distinct_tensors(state.model)
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
