"""Fine-tuning: one visible loop over the rows of a corpus."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch

from counterpoise.errors import ModelError
from counterpoise.language.grammar import Grammar, IntArray
from counterpoise.language.sentences import Corpus, draw_orders
from counterpoise.model.device import Device
from counterpoise.model.language_model import LanguageModel
from counterpoise.model.scoring import Scorer
from counterpoise.progress import Progress

_N_BATCHES_SORTED_TOGETHER = 16
_N_HELD_OUT_ORDERS = 2
_LONGEST_WARMUP = 20
"""Steps in which the learning rate rises, at most."""


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How to train.

    Attributes
    ----------
    n_presentations : int
        At most this many rows are presented, repeats included.
    batch_size : int
        Rows a step.
    learning_rate : float
        Peak; it is reached after a warm-up and falls along a cosine to a tenth of itself.
    permutation : {"label-first", "all", "none"}
        Order of the columns, drawn anew for each presentation of a row.
    weight_decay, max_gradient_norm : float
        Of AdamW, and where the gradient is clipped.
    check_every : int
        Rows presented between two looks at the held-out loss.
    patience : int
        Looks without a better held-out loss after which training stops, where rows are held out.
    """

    n_presentations: int
    batch_size: int
    learning_rate: float
    permutation: str = "label-first"
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    check_every: int = 500
    patience: int = 5


@dataclass(slots=True)
class History:
    """What happened in training.

    Attributes
    ----------
    presentations : list of int
        Rows presented at each look.
    train_loss : list of float
        Mean negative log-likelihood a chosen token since the look before, nats.
    held_out_loss : list of float
        Negative log-likelihood a held-out row, nats; empty without held-out rows.
    best_presentations : int
        Rows presented to the weights that were kept.
    seconds : float
        Wall time.
    """

    presentations: list[int] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    held_out_loss: list[float] = field(default_factory=list)
    best_presentations: int = 0
    seconds: float = 0.0

    @property
    def n_presentations(self) -> int:
        """Rows presented in all, repeats included."""
        return self.presentations[-1] if self.presentations else 0


def train(
    model: LanguageModel,
    corpus: Corpus,
    grammar: Grammar,
    plan: TrainingPlan,
    *,
    device: Device,
    rng: np.random.Generator,
    progress: Progress,
    held_out: Corpus | None = None,
) -> History:
    """Train `model` in place on `corpus`; with `held_out` rows, keep the best weights.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the order of rows and columns, and seeds what dropout the model has.

    Raises
    ------
    ModelError
        If the loss stops being a number.
    """
    scorer = Scorer(model, grammar, device)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters, lr=plan.learning_rate, weight_decay=plan.weight_decay, fused=True
    )
    n_steps = math.ceil(plan.n_presentations / plan.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _warmup_cosine(n_steps))
    history = History()
    best_loss, best_weights = math.inf, None
    losses: list[torch.Tensor] = []
    n_presented, next_look = 0, plan.check_every
    started = time.perf_counter()
    with (
        torch.random.fork_rng(),
        progress.stage("training", total=plan.n_presentations, unit="rows") as advance,
    ):
        torch.manual_seed(int(rng.integers(2**31)))
        held_out_seed = int(rng.integers(2**31))
        model.train()
        for rows, orders in _batches(corpus, plan, rng):
            # 1. one step
            log_likelihood, _ = scorer.log_likelihood(corpus.sentences(rows, orders))
            if len(log_likelihood):  # a row of constants alone leaves nothing to learn
                loss = -log_likelihood.mean()
                loss.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(parameters, plan.max_gradient_norm)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad(set_to_none=True)
                losses.append(loss.detach())
            n_presented += len(rows)
            advance(len(rows))
            # 2. a look now and then: has it diverged, does it still get better?
            is_last = n_presented >= plan.n_presentations
            if n_presented < next_look and not is_last:
                continue
            next_look = n_presented + plan.check_every
            history.presentations.append(n_presented)
            history.train_loss.append(float(torch.stack(losses).mean()) if losses else 0.0)
            losses.clear()
            if not math.isfinite(history.train_loss[-1]):
                raise ModelError(
                    f"training diverged after {n_presented} rows: the loss is no longer a number; "
                    f"lower learning_rate (it was {plan.learning_rate:g})"
                )
            if held_out is not None:
                looked = scorer.loss_a_row(
                    held_out,
                    plan.permutation,
                    np.random.default_rng(held_out_seed),
                    _N_HELD_OUT_ORDERS,
                )
                history.held_out_loss.append(looked)
                if looked < best_loss:
                    best_loss, history.best_presentations = looked, n_presented
                    best_weights = copy.deepcopy(model.state_dict())
                n_since_best = len(history.held_out_loss) - 1 - np.argmin(history.held_out_loss)
                if n_since_best >= plan.patience:
                    break
            if is_last:
                break
    if best_weights is None:
        history.best_presentations = n_presented
    else:
        model.load_state_dict(best_weights)
    model.eval()
    history.seconds = time.perf_counter() - started
    return history


def _batches(
    corpus: Corpus, plan: TrainingPlan, rng: np.random.Generator
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
