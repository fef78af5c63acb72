"""The trainings of a model: what one begins with, how long it takes, and the loop.

Unless a recipe sets the epochs, some rows are held out, and training stops where they get no
likelier: then the model begins to learn rows by heart. Where a class is too small to do without its
held-out rows, that training is a search: a second one, from the same weights, uses every row.

With ``validation_fraction=0`` nothing stops early: a training passes its rows ten times, as far as
that are 10,000 training samples. On a larger table, where a few passes may be enough, held-out rows
of the largest class tell when half of it is over whether its length is doubled (docs/log.md).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from counterpoise._progress import Progress
from counterpoise.columns import Table
from counterpoise.errors import ModelError
from counterpoise.generation._blocks import find_blocks
from counterpoise.generation._decoding import Sampling
from counterpoise.generation._generator import RowGenerator
from counterpoise.generation._scoring import Scorer
from counterpoise.grammar._grammar import IntArray
from counterpoise.models._backbone import LoadedModel
from counterpoise.models._language_model import LanguageModel, global_generator
from counterpoise.models._llama import BlockModel, Llama
from counterpoise.recipes import Recipe
from counterpoise.serialization import (
    SerializedTable,
    Serializer,
    TextParts,
    Tokenizer,
    draw_orders,
    label_is_given,
    serialize,
    table_serializer,
    text_serializer,
)
from counterpoise.training._checkpoint import (
    Checkpoint,
    Clock,
    History,
    TrainingState,
    distinct_tensors,
    load_tensors,
)
from counterpoise.training._optimizer import AdamW
from counterpoise.training._rows import (
    FIRST_SAMPLES_SEEN,
    LARGE_CLASS,
    UNSTOPPED_EPOCHS,
    TrainingRows,
    training_rows,
)

_PUBLISHED_EPOCHS = 50
_FEWEST_SAMPLES_SEEN = 2000  # of a training that nothing stops early, whatever its rows
_WORTH_DOUBLING = 0.3  # nats per held-out row, gained since a quarter of the length was over
_SAMPLES_PER_ROW = 0.5  # of each block of a wide table, whose layers learn from all blocks
_N_BATCHES_SORTED_TOGETHER = 16
_N_HELD_OUT_ORDERS = 2
_ENDS = {
    "length": "all of its length",
    "held-out rows": "held-out rows get no likelier",
    "max_time": "stopped by max_time",
}


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How to train."""

    n_samples_seen: int  # training samples at most, repeats included; of one to lengthen, at first
    batch_size: int
    learning_rate: float  # peak, after a warm-up; it falls along a cosine to a tenth of itself
    permutation: str = "label-first"
    evaluate_every: int = 500  # training samples
    patience: int = 3  # evaluations without a better held-out loss after which training stops
    most_samples_seen: int = 0  # to which held-out rows may lengthen it, if they do not end it

    @property
    def longest(self) -> int:
        """Training samples at most, where held-out rows lengthen it as far as they may."""
        return max(self.n_samples_seen, self.most_samples_seen)

    @property
    def may_lengthen(self) -> bool:
        """Whether held-out rows decide on a greater length, instead of an early end."""
        return self.longest > self.n_samples_seen

    @classmethod
    def of(
        cls,
        rows: TrainingRows,
        n_rows_seen: float,
        model: LoadedModel,
        recipe: Recipe,
        samples_per_row: float = 1.0,
        most_samples_seen: int = 0,
    ) -> TrainingPlan:
        """Return the plan of a training on `rows`."""
        n_samples_seen = math.ceil(n_rows_seen * samples_per_row)
        evaluate_every = max(min(len(rows.corpus), 500), 4 * rows.n_held_out)
        if most_samples_seen > n_samples_seen:
            evaluate_every = n_samples_seen // 4
        return cls(
            n_samples_seen=n_samples_seen,
            batch_size=model.batch_size,
            learning_rate=model.learning_rate,
            permutation=recipe.permutation,
            evaluate_every=math.ceil(evaluate_every * samples_per_row),
            patience=recipe.patience,
            most_samples_seen=most_samples_seen,
        )


@dataclass(frozen=True, slots=True)
class PreparedTraining:
    """What the first training begins with: an untrained generator, rows and a plan."""

    row_generator: RowGenerator
    model: LoadedModel  # with the learning rate of this table
    rows: TrainingRows
    plan: TrainingPlan
    # how many times as many samples a second training sees, on all rows; 0: there is none
    n_repeats: float
    sampling: Sampling
    samples_per_row: float = 1.0  # more where each block of columns is a training sample


class Part(NamedTuple):
    """Rows to learn from, or one block of their columns."""

    scorer: Scorer
    corpus: SerializedTable
    held_out: SerializedTable | None = None


def training_parts(generator: RowGenerator, rows: TrainingRows) -> list[Part]:
    """Return what a generator learns of `rows`, for each of its parts."""
    is_free = generator.recipe.decoding == "free"
    scores_label = not label_is_given(generator.recipe.permutation)
    parts = []
    for block, own in generator.parts:
        serializer, tables = own.serializer, [rows.corpus, *filter(None, [rows.held_out])]
        grammar = serializer.unconstrained_grammar() if is_free else serializer.grammar
        serialized = [serialize(block.of(table), serializer) for table in tables]
        scorer = Scorer(
            own.model,
            grammar,
            own.device,
            scores_label=scores_label,
            n_context=block.n_context,
        )
        parts.append(Part(scorer, *(one.unconstrained() if is_free else one for one in serialized)))
    return parts


def prepare_training(
    table: Table,
    n_deficit: Mapping[int, int],
    model: LoadedModel,
    recipe: Recipe,
    rng: np.random.Generator,
    linked: Sequence[Sequence[int]] = (),
) -> PreparedTraining:
    """Build the network and choose the rows that it learns from; see `fit`."""
    serializer = build_serializer(table, model.tokenizer, recipe)
    seed = int(rng.integers(2**31))
    network: Any = model.build(serializer.vocabulary, seed)
    blocks = find_blocks(table, linked) if _learns_blocks(network, model, recipe) else ()
    serializers = [block.serializer(table) for block in blocks]
    if blocks:
        built: list[Any] = [model.build(own.vocabulary, seed) for own in serializers]
        network = BlockModel(built)
        model = replace(model, learning_rate=model.wide_learning_rate)
    network.to(model.device.device, model.device.weight_precision)
    may_lengthen = not blocks and _most_unstopped(recipe, model) > FIRST_SAMPLES_SEEN
    rows = training_rows(table, n_deficit, recipe, rng, may_lengthen=may_lengthen)
    generator = RowGenerator(serializer, network, recipe, rows.value_counts, model.device)
    samples_per_row = len(blocks) * _SAMPLES_PER_ROW if blocks else 1.0
    n_rows_seen, most = _lengths(rows, recipe, model)
    return PreparedTraining(
        generator.in_blocks(blocks, serializers) if blocks else generator,
        model,
        rows,
        TrainingPlan.of(rows, n_rows_seen, model, recipe, samples_per_row, most),
        1 + rows.n_held_out / len(rows.corpus) if _is_search(rows, recipe) else 0.0,
        Sampling(recipe.temperature, recipe.top_p, model.generation_batch_size),
        samples_per_row,
    )


def _learns_blocks(network: LanguageModel, model: LoadedModel, recipe: Recipe) -> bool:
    """Whether a wide table is learned in blocks: by the compact model, in its own vocabulary."""
    return (
        isinstance(network, Llama)
        and model.tokenizer is None
        and recipe.serialization == "table"
        and recipe.labelled_by == "prompt"
        and recipe.permutation in ("label-first", "condition-first", "none")
    )


def _is_search(rows: TrainingRows, recipe: Recipe) -> bool:
    """Whether the training with held-out rows only finds out how long to train."""
    if rows.held_out is None or recipe.epochs != "auto" or recipe.validation_fraction != "auto":
        return False
    real = rows.corpus.codes[: rows.n_real, 0]
    n_rows = np.unique(np.concatenate([real, rows.held_out.codes[:, 0]]), return_counts=True)[1]
    return bool((n_rows < LARGE_CLASS).any())


def _lengths(rows: TrainingRows, recipe: Recipe, model: LoadedModel) -> tuple[int, int]:
    """Return how many rows a training sees, and to how many it may be lengthened, else 0."""
    n_rows, most = len(rows.corpus), recipe.max_samples_seen
    if recipe.epochs != "auto":
        n_rows_seen = int(recipe.epochs) * n_rows
        return (n_rows_seen if most is None else min(n_rows_seen, most)), 0
    if rows.held_out is not None and recipe.validation_fraction != 0:
        return min(_PUBLISHED_EPOCHS * n_rows, model.max_samples_seen if most is None else most), 0
    longest = max(UNSTOPPED_EPOCHS * n_rows, _FEWEST_SAMPLES_SEEN)
    longest = min(longest, _most_unstopped(recipe, model))
    return min(longest, FIRST_SAMPLES_SEEN), 0 if rows.held_out is None else longest


def _most_unstopped(recipe: Recipe, model: LoadedModel) -> int:
    """Return how many rows a training sees at most that nothing stops early."""
    if recipe.max_samples_seen is not None:
        return recipe.max_samples_seen
    return max(model.max_samples_seen, FIRST_SAMPLES_SEEN)


def build_serializer(
    table: Table,
    tokenizer: Tokenizer | None,
    recipe: Recipe,
    parts: Mapping[int, TextParts] | None = None,
) -> Serializer:
    """Return the serializer of the rows of `table`; the rest is as in `table_serializer`."""
    if recipe.serialization != "text":
        return table_serializer(table, tokenizer, parts)
    return text_serializer(
        table,
        tokenizer,
        digit_tokens=recipe.digit_tokens,
        unconstrained=recipe.decoding == "free",
        parts=parts,
    )


def train(
    model: LanguageModel,
    parts: Sequence[Part],
    plan: TrainingPlan,
    *,
    rng: np.random.Generator,
    progress: Progress,
    name: str = "training",
    deadline: float = math.inf,
    n_repeats: float = 0.0,
    checkpoint: Checkpoint | None = None,
    clock: Clock = time.perf_counter,
) -> History:
    """Train `model` in place on `parts`; with held-out rows, keep the best weights.

    Step 4 of the paper: fine-tuning. At the `deadline`, in seconds on the `clock`, the training up
    to its best weights must be over, and `n_repeats` times as long a second one; no training is
    lengthened beyond it. A ModelError says that the loss is no longer a number.
    """
    if checkpoint is not None and (finished := checkpoint.finished(model, rng)) is not None:
        model.eval()
        return finished
    state = initial_state(model, plan, rng)
    seed = int(rng.integers(2**31))
    with (
        global_generator(seed) if model.is_random else nullcontext(),
        progress.stage(name, total=plan.n_samples_seen, unit="rows") as advance,
    ):
        held_out_seed = int(rng.integers(2**31))
        model.train()
        batches = _batches([part.corpus for part in parts], plan, rng)
        if checkpoint is not None:
            checkpoint.resume(state, batches, plan.longest)
            _set_length(state, state.length, plan)
            advance.total = state.length
            advance(state.n_samples_seen)
        history = state.history
        started = clock() - history.seconds
        for which, rows, orders in batches:
            # 1. one step, on rows whose columns are in a fresh order
            batch = parts[which].corpus.token_batch(rows, orders)
            take_step(state, parts[which].scorer.log_likelihood(batch)[0])
            state.n_batches += 1
            state.n_samples_seen += len(rows)
            advance(len(rows))
            history.seconds = clock() - started
            if deadline < math.inf and clock() + n_repeats * history.best_seconds >= deadline:
                history.stopped_by = "max_time"
            is_last = state.n_samples_seen >= state.length
            is_last = is_last or history.stopped_by == "max_time"
            # 2. evaluate now and then: has it diverged, does it still get better?
            if state.n_samples_seen >= state.next_evaluation or is_last:
                _evaluate(state, parts, plan, held_out_seed)
                if _is_worth_doubling(state, plan):
                    _double(state, plan, deadline - clock())
                    advance.total = state.length
            if is_last or history.stopped_by == "held-out rows":
                advance.note(_ENDS[history.stopped_by])
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
    parameters = (parameter for parameter in model.parameters() if parameter.requires_grad)
    optimizer = AdamW(parameters, plan.learning_rate, 0)
    state = TrainingState(model, optimizer, rng, 0, plan.evaluate_every)
    _set_length(state, plan.n_samples_seen, plan)
    return state


def _set_length(state: TrainingState, n_samples: int, plan: TrainingPlan) -> None:
    state.length = n_samples
    state.optimizer.n_steps = math.ceil(n_samples / plan.batch_size)


def take_step(state: TrainingState, log_likelihood: Tensor) -> None:
    """Change the weights so that a batch gets likelier."""
    if not len(log_likelihood):  # a row of constants alone leaves nothing to learn
        return
    loss = -log_likelihood.mean()
    loss.backward()  # type: ignore[no-untyped-call]
    state.optimizer.step()
    state.losses.append(loss.detach())


def _evaluate(state: TrainingState, parts: Sequence[Part], plan: TrainingPlan, seed: int) -> None:
    """Note the losses, keep the weights if they are the best, decide whether to stop early."""
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
    rng = np.random.default_rng(seed)
    losses_ = [
        part.scorer.loss_per_row(part.held_out, plan.permutation, rng, _N_HELD_OUT_ORDERS)
        for part in parts
        if part.held_out is not None
    ]
    if not losses_:
        return
    loss = sum(losses_)
    history.held_out_loss.append(loss)
    if plan.may_lengthen:
        return
    if loss < state.best_loss:
        state.best_loss = loss
        history.best_n_samples_seen = state.n_samples_seen
        history.best_seconds = history.seconds
        weights = distinct_tensors(state.model)
        state.best_weights = {name: tensor.clone() for name, tensor in weights.items()}
    n_since_best = len(history.held_out_loss) - 1 - np.argmin(history.held_out_loss)
    if n_since_best >= plan.patience and history.stopped_by == "length":
        history.stopped_by = "held-out rows"


def _is_worth_doubling(state: TrainingState, plan: TrainingPlan) -> bool:
    """Whether half of the length is over, and the second quarter gained enough."""
    losses = state.history.held_out_loss
    if state.length >= plan.longest or 2 * len(losses) * plan.evaluate_every != state.length:
        return False
    return losses[len(losses) // 2 - 1] - losses[-1] > _WORTH_DOUBLING


def _double(state: TrainingState, plan: TrainingPlan, seconds_left: float) -> None:
    """Double the length, as far as it may be, if there is time for that."""
    longer = min(2 * state.length, plan.longest)
    s_per_sample = state.history.seconds / state.n_samples_seen
    if (longer - state.n_samples_seen) * s_per_sample < seconds_left:
        _set_length(state, longer, plan)


def _batches(
    corpora: Sequence[SerializedTable], plan: TrainingPlan, rng: np.random.Generator
) -> Iterator[tuple[int, IntArray, IntArray]]:
    """Yield (corpus, rows, orders of their columns) without end, one shuffled epoch after another.

    Step 3 of the paper, the second idea: permutation. Within a window of shuffled rows those of
    similar length share a batch, which saves padding.
    """
    lengths = [corpus.lengths(corpus.segments).sum(axis=1) for corpus in corpora]
    window = plan.batch_size * _N_BATCHES_SORTED_TOGETHER
    while True:
        batches: list[tuple[int, IntArray]] = []
        for which, n_tokens in enumerate(lengths):
            shuffled = rng.permutation(len(n_tokens))
            for start in range(0, len(n_tokens), window):
                near = shuffled[start : start + window]
                near = near[np.argsort(n_tokens[near], kind="stable")]
                split = np.split(near, range(plan.batch_size, len(near), plan.batch_size))
                batches += [(which, rows) for rows in split]
        for at in rng.permutation(len(batches)):
            which, rows = batches[at]
            n_columns = corpora[which].segments.shape[1]
            yield which, rows, draw_orders(len(rows), n_columns, plan.permutation, rng)
