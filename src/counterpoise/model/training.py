"""Fine-tuning: one visible loop over the rows of a corpus."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from counterpoise.errors import ModelError
from counterpoise.language.grammar import FORCED, Grammar, IntArray
from counterpoise.language.sentences import Corpus, Sentences, draw_orders
from counterpoise.model.device import Device
from counterpoise.model.language_model import LanguageModel
from counterpoise.progress import Progress

_N_BATCHES_SORTED_TOGETHER = 16


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How to train.

    Attributes
    ----------
    epochs : int
        At most this many passes over the rows.
    batch_size : int
        Rows a step.
    learning_rate : float
        Peak; it is reached after `warmup` and falls along a cosine to a tenth of itself.
    permutation : {"label-first", "all", "none"}
        Order of the columns, drawn anew for each presentation of a row.
    warmup : float
        Share of the steps in which the learning rate rises.
    weight_decay, max_gradient_norm : float
        Of AdamW, and where the gradient is clipped.
    patience : int
        Epochs without a better held-out loss after which training stops, where rows are held out.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    permutation: str = "label-first"
    warmup: float = 0.05
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    patience: int = 5


@dataclass(slots=True)
class History:
    """What happened in training.

    Attributes
    ----------
    train_loss : list of float
        Mean negative log-likelihood a chosen token, nats, by epoch.
    held_out_loss : list of float
        Negative log-likelihood a held-out row, nats, by epoch; empty without held-out rows.
    n_presentations : int
        Rows presented, repeats included.
    seconds : float
        Wall time.
    best_epoch : int
        The epoch (from 1) whose weights were kept.
    """

    train_loss: list[float] = field(default_factory=list)
    held_out_loss: list[float] = field(default_factory=list)
    n_presentations: int = 0
    seconds: float = 0.0
    best_epoch: int = 0


class Scorer:
    """Log-likelihood of written sentences under a model and the grammar.

    A token's probability is its share among the tokens that the grammar permits where it was
    chosen: what generation draws from. Forced tokens, and the label, which is always given,
    have probability one.
    """

    def __init__(self, model: LanguageModel, grammar: Grammar, device: Device) -> None:
        self._model = model
        self._device = device
        self._allowed = device.tensor(grammar.allowed)
        self._allowed_set = grammar.allowed_set
        self._is_scored = grammar.column != 0

    def log_likelihood(self, sentences: Sentences) -> tuple[Tensor, Tensor]:
        """Return the log-probability of each chosen token, and the row it belongs to.

        Both have shape (n_chosen,).
        """
        states = sentences.states[:, 1:]
        chosen = (states != FORCED) & self._is_scored[states]
        rows, columns = np.nonzero(chosen)
        sets = self._device.tensor(self._allowed_set[states[rows, columns]])
        tokens = self._device.tensor(sentences.tokens)
        cues = self._device.tensor(sentences.cues)
        rows_, columns_ = self._device.tensor(rows), self._device.tensor(columns)
        with self._device.autocast():
            logits, _ = self._model(tokens[:, :-1], cues[:, :-1], (rows_, columns_))
        logits = logits.masked_fill(~self._allowed[sets], -torch.inf)
        targets = tokens[rows_, columns_ + 1]
        return -functional.cross_entropy(logits, targets, reduction="none"), rows_


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
    """Train `model` in place on `corpus`; with `held_out` rows, keep the best epoch's weights.

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
    n_steps = plan.epochs * math.ceil(len(corpus) / plan.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _warmup_cosine(n_steps, plan.warmup))
    history = History()
    best_loss, best_weights = math.inf, None
    started = time.perf_counter()
    with (
        torch.random.fork_rng(),
        progress.stage("training", total=plan.epochs * len(corpus), unit="rows") as advance,
    ):
        torch.manual_seed(int(rng.integers(2**31)))
        held_out_seed = int(rng.integers(2**31))
        for epoch in range(1, plan.epochs + 1):
            model.train()
            losses = []
            for rows, orders in _batches(corpus, plan, rng):
                log_likelihood, _ = scorer.log_likelihood(corpus.sentences(rows, orders))
                loss = -log_likelihood.mean()
                loss.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(parameters, plan.max_gradient_norm)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad(set_to_none=True)
                losses.append(loss.detach())
                history.n_presentations += len(rows)
                advance(len(rows))
            history.train_loss.append(float(torch.stack(losses).mean()))
            if not math.isfinite(history.train_loss[-1]):
                raise ModelError(
                    f"training diverged in epoch {epoch}: the loss is no longer a number; "
                    f"lower learning_rate (it was {plan.learning_rate:g})"
                )
            if held_out is None:
                history.best_epoch = epoch
                continue
            loss_a_row = held_out_loss(scorer, held_out, plan, np.random.default_rng(held_out_seed))
            history.held_out_loss.append(loss_a_row)
            if loss_a_row < best_loss:
                best_loss, history.best_epoch = loss_a_row, epoch
                best_weights = copy.deepcopy(model.state_dict())
            elif epoch - history.best_epoch >= plan.patience:
                break
    if best_weights is not None:
        model.load_state_dict(best_weights)
    model.eval()
    history.seconds = time.perf_counter() - started
    return history


@torch.no_grad()
def held_out_loss(
    scorer: Scorer, corpus: Corpus, plan: TrainingPlan, rng: np.random.Generator
) -> float:
    """Return the mean negative log-likelihood of a row of `corpus`, in nats."""
    model = scorer._model
    model.eval()
    total = 0.0
    for rows, orders in _batches(corpus, plan, rng):
        log_likelihood, _ = scorer.log_likelihood(corpus.sentences(rows, orders))
        total -= float(log_likelihood.sum())
    return total / len(corpus)


def _batches(
    corpus: Corpus, plan: TrainingPlan, rng: np.random.Generator
) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield (rows, orders of their columns) for one shuffled epoch.

    Rows of like length share a batch, within a window of shuffled rows: less padding.
    """
    n_rows, n_columns = corpus.segments.shape
    shuffled = rng.permutation(n_rows)
    lengths = np.where(corpus.segments >= 0, corpus.tokens.lengths[corpus.segments], 0).sum(axis=1)
    batches = []
    window = plan.batch_size * _N_BATCHES_SORTED_TOGETHER
    for start in range(0, n_rows, window):
        near = shuffled[start : start + window]
        near = near[np.argsort(lengths[near], kind="stable")]
        batches += np.split(near, range(plan.batch_size, len(near), plan.batch_size))
    for which in rng.permutation(len(batches)):
        rows = batches[which]
        yield rows, draw_orders(len(rows), n_columns, plan.permutation, rng)


def _warmup_cosine(n_steps: int, warmup: float) -> Callable[[int], float]:
    """Return the learning rate's factor by step: a straight rise to 1, a cosine down to 0.1."""
    n_warmup = max(1, round(n_steps * warmup))

    def factor(step: int) -> float:
        if step < n_warmup:
            return (step + 1) / n_warmup
        done = (step - n_warmup) / max(1, n_steps - n_warmup)
        return 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    return factor
