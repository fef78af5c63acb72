"""From a labelled table to a model that writes rows of it: the engine of every method.

How long to train matters more than anything else here: a model of a few dozen rows learns what can
be learned of them in a few passes, and then learns them by heart. So unless it is told how long, it
holds some rows out and stops where it gets no better at them. Where a class is too small to do
without its held-out rows, that first training only finds the length; a second one, from the same
start, uses every row. What a model goes on to learn from, if anything, are rows of its own: see
`counterpoise.training._refinement`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from counterpoise._progress import Progress
from counterpoise.columns._table import Table
from counterpoise.generation._free_decoding import FreeTextParser
from counterpoise.generation._generator import RowGenerator
from counterpoise.generation._selection import SelectionClassifier, XGBoostLabeller
from counterpoise.models._device import Device
from counterpoise.models._registry import LoadedBackbone
from counterpoise.recipes._base import Recipe
from counterpoise.serialization._serializer import SerializedTable, Serializer, TextParts, serialize
from counterpoise.serialization._table_serializer import table_serializer
from counterpoise.serialization._text_serializer import (
    text_serializer,
)
from counterpoise.serialization._tokenizer import CharacterTokenizer, Tokenizer
from counterpoise.training._checkpoint import Checkpoint
from counterpoise.training._history import History, TimeLimit
from counterpoise.training._loop import TrainingPlan, train
from counterpoise.training._refinement import N_EPOCHS, draw_kept, refines, rows_to_learn
from counterpoise.training._rows import (
    LARGE_CLASS,
    MIN_CLASS_SIZE_FOR_HOLDOUT,
    TrainingRows,
    training_rows,
)
from counterpoise.training._runtime_estimate import TimeBudget

PUBLISHED_EPOCHS = 50
_BLIND_EPOCHS = 5
_BLIND_SAMPLES_SEEN = 1000
"""Without held-out rows: this many passes, but no fewer training samples than this."""


@dataclass(frozen=True, slots=True)
class TrainingLength:
    """How long to train.

    Attributes
    ----------
    epochs : int or None
        Passes over the rows; None finds out.
    held_out_share : float or None
        Share of each class held out; None decides by the size of the class.
    patience : int
        Looks at the held-out loss without a better one after which training stops.
    max_samples_seen : int or None
        Rows presented at most, whatever the epochs.
    """

    epochs: int | None = None
    held_out_share: float | None = None
    patience: int = 3
    max_samples_seen: int | None = None

    @classmethod
    def of(cls, recipe: Recipe) -> TrainingLength:
        """Return the length that `recipe` asks for."""
        share = recipe.validation_fraction
        return cls(
            epochs=None if recipe.epochs == "auto" else int(recipe.epochs),
            held_out_share=None if share == "auto" else float(share),
            patience=recipe.patience,
            max_samples_seen=recipe.max_samples_seen,
        )


@dataclass(frozen=True, slots=True)
class PreparedTraining:
    """What a training begins with.

    Attributes
    ----------
    writer : RowWriter
        With a model that has learned nothing yet.
    n_samples_seen : int
        At most so many rows are presented in the first training.
    n_repeats : float
        How often what it has presented is presented again in a second one, on all rows; 0 where
        there is a single training.
    """

    row_generator: RowGenerator
    n_samples_seen: int
    n_repeats: float


def prepare_training(
    table: Table,
    n_deficit: Mapping[int, int],
    backbone: LoadedBackbone,
    recipe: Recipe,
    length: TrainingLength,
    device: Device,
    rng: np.random.Generator,
) -> PreparedTraining:
    """Build the model and choose the rows that it learns from; see `learn`."""
    tokenizer = backbone.tokenizer if backbone.is_pretrained else None
    serializer = build_serializer(table, tokenizer, recipe)
    model = backbone.build(serializer.vocabulary.entries, int(rng.integers(2**31)))
    model.to(device.device)
    rows = training_rows(table, n_deficit, recipe, _held_out_share(length), rng)
    n_held_out = 0 if rows.held_out is None else len(rows.held_out)
    n_repeats = 1 + n_held_out / len(rows.corpus) if _is_search(rows, length) else 0.0
    n_max = _max_samples_seen(len(rows.corpus), rows.held_out, length, backbone)
    row_generator = RowGenerator(serializer, model, recipe, rows, device, History())
    return PreparedTraining(row_generator, n_max, n_repeats)


def fit_generator(
    table: Table,
    n_deficit: Mapping[int, int],
    backbone: LoadedBackbone,
    recipe: Recipe,
    length: TrainingLength,
    *,
    batch_size: int,
    learning_rate: float,
    device: Device,
    rng: np.random.Generator,
    progress: Progress,
    checkpoint: Checkpoint | None = None,
    budget: TimeBudget | None = None,
) -> RowGenerator:
    """Train `backbone` to write rows of `table`.

    Parameters
    ----------
    table : Table
        All rows, label first.
    n_deficit : mapping of int to int
        Rows to be written for each label code.
    recipe : Recipe
        What to train on, and how rows are written.
    batch_size, learning_rate : int, float
        Of the training.
    checkpoint : Checkpoint, optional
        Where a killed training goes on from.
    budget : Budget, optional
        What training and writing may take.
    """
    prepared = prepare_training(table, n_deficit, backbone, recipe, length, device, rng)
    row_generator, rows = prepared.row_generator, prepared.row_generator.rows
    serializer, model = row_generator.serializer, row_generator.model
    is_free = recipe.decoding == "free"

    def serialized(rows: Table) -> SerializedTable:
        corpus = serialize(rows, serializer)
        return corpus.unconstrained() if is_free else corpus

    def plan_of(rows: TrainingRows, n_samples_seen: int) -> TrainingPlan:
        n_held_out = 0 if rows.held_out is None else len(rows.held_out)
        return TrainingPlan(
            n_samples_seen=n_samples_seen,
            batch_size=batch_size,
            learning_rate=learning_rate,
            permutation=recipe.permutation,
            check_every=max(min(len(rows.corpus), 500), 4 * n_held_out),
            patience=length.patience,
        )

    def fit(rows: TrainingRows, plan: TrainingPlan, limit: TimeLimit | None) -> History:
        held_out = None if rows.held_out is None else serialized(rows.held_out)
        corpus = serialized(rows.corpus)
        model.check_length(corpus.longest)
        return train(
            model,
            corpus,
            serializer.unconstrained_grammar() if is_free else serializer.grammar,
            plan,
            device=device,
            rng=rng,
            progress=progress,
            held_out=held_out,
            limit=limit,
            checkpoint=checkpoint,
        )

    # before the time that is left is shared out: on a large table it takes a good part of it
    selection_classifier = (
        SelectionClassifier.fit(table, rng) if recipe.selection == "classifier" else None
    )
    row_generator = replace(row_generator, selection_classifier=selection_classifier)
    start = copy.deepcopy(model.state_dict()) if prepared.n_repeats else None
    plan = plan_of(rows, prepared.n_samples_seen)
    limit = (
        None if budget is None else budget.limit(row_generator, plan, prepared.n_repeats, progress)
    )
    history = fit(rows, plan, limit)
    labeller = XGBoostLabeller.fit(table, rng) if recipe.labelled_by == "xgboost" else None
    parser = _free_text_parser(table, rows, serializer, backbone.tokenizer) if is_free else None
    row_generator = replace(row_generator, history=history, labeller=labeller, parser=parser)
    limit = limit and replace(limit, repeats=0.0)
    if start is not None:
        model.load_state_dict(start)
        every = training_rows(table, n_deficit, recipe, lambda _: 0.0, rng)
        n_best = round(history.best_n_samples_seen * len(every.corpus) / len(rows.corpus))
        again = fit(every, plan_of(every, n_best), limit)
        row_generator = replace(row_generator, rows=every, history=again, search=history)
    if (
        selection_classifier is None
        or not refines(recipe)
        or row_generator.history.stopped_by == "max_time"
    ):
        return row_generator
    if checkpoint is not None:
        if (finished := checkpoint.finished(model, rng)) is not None:
            return replace(row_generator, refinement=finished)
        checkpoint.begin_with(model)
    size = backbone.generation_batch_size if budget is None else budget.sampling.batch_size
    kept = draw_kept(row_generator, n_deficit, size, rng=rng, progress=progress)
    if kept is None:
        return row_generator
    own = rows_to_learn(kept, row_generator.rows, rng)
    refined = fit(own, plan_of(own, N_EPOCHS * len(own.corpus)), limit)
    return replace(row_generator, refinement=refined)


def _free_text_parser(
    table: Table, rows: TrainingRows, serializer: Serializer, tokenizer: Tokenizer
) -> FreeTextParser:
    """Return what reads rows from text, filled in from all real rows of the trained classes."""
    is_trained = np.isin(table.codes[:, 0], np.unique(rows.corpus.codes[:, 0]))
    real = table.take(np.flatnonzero(is_trained))
    return FreeTextParser.of(serializer, tokenizer, real, serialize(real, serializer).longest_row)


def _held_out_share(length: TrainingLength) -> Callable[[int], float]:
    """Return the share of a class that is held out, from its number of rows."""
    share = length.held_out_share
    if share is not None:
        return lambda _: share
    if length.epochs is not None:
        return lambda n_rows: 0.1 if n_rows >= LARGE_CLASS else 0.0
    return lambda n_rows: (
        0.1 if n_rows >= LARGE_CLASS else 0.2 if n_rows >= MIN_CLASS_SIZE_FOR_HOLDOUT else 0.0
    )


def _is_search(rows: TrainingRows, length: TrainingLength) -> bool:
    """Whether the training with held-out rows only finds out how long to train."""
    if rows.held_out is None or length.epochs is not None or length.held_out_share is not None:
        return False
    real = rows.corpus.codes[: rows.n_real, 0]
    n_rows = np.unique(np.concatenate([real, rows.held_out.codes[:, 0]]), return_counts=True)[1]
    return bool((n_rows < LARGE_CLASS).any())


def _max_samples_seen(
    n_rows: int, held_out: Table | None, length: TrainingLength, backbone: LoadedBackbone
) -> int:
    if length.epochs is not None:
        n_samples_seen = length.epochs * n_rows
    elif held_out is None:
        n_samples_seen = max(_BLIND_EPOCHS * n_rows, _BLIND_SAMPLES_SEEN)
    else:
        n_samples_seen = PUBLISHED_EPOCHS * n_rows
    most = length.max_samples_seen
    if most is None and length.epochs is None:
        most = backbone.max_samples_seen
    return n_samples_seen if most is None else min(n_samples_seen, most)


def build_serializer(
    table: Table,
    tokenizer: Tokenizer | None,
    recipe: Recipe,
    parts: Mapping[int, TextParts] | None = None,
) -> Serializer:
    """Build the language in which the rows of `table` are written.

    Parameters
    ----------
    tokenizer : Tokenizer or None
        The pre-trained model's; None for a model from scratch.
    parts : mapping of int to TextParts, optional
        By position of each column of free text, what takes the place of its strings.
    """
    if recipe.serialization == "text":
        own = tokenizer or CharacterTokenizer()
        return text_serializer(
            table,
            own,
            digit_tokens=recipe.digit_tokens,
            unconstrained=recipe.decoding == "free",
            parts=parts,
        )
    return table_serializer(table, tokenizer, parts)
