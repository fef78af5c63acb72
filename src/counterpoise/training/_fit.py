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
from counterpoise.generation._free_decoding import FreeReader
from counterpoise.generation._generator import RowWriter
from counterpoise.generation._selection import Judge, XGBoostLabeller
from counterpoise.models._device import Device
from counterpoise.models._registry import Backbone
from counterpoise.recipes._base import Recipe
from counterpoise.serialization._serializer import Corpus, Language, TextParts, spell
from counterpoise.serialization._table_serializer import table_language
from counterpoise.serialization._text_serializer import (
    all_chosen,
    anything,
    text_language,
    with_every_piece,
)
from counterpoise.serialization._tokenizer import CharacterTokenizer, Tokenizer
from counterpoise.training._checkpoint import Checkpoint
from counterpoise.training._history import History, TimeLimit
from counterpoise.training._loop import TrainingPlan, train
from counterpoise.training._refinement import N_EPOCHS, draw_kept, refines, rows_to_learn
from counterpoise.training._rows import (
    LARGE_CLASS,
    SMALLEST_CLASS_TO_HOLD_OUT,
    TrainingRows,
    training_rows,
)
from counterpoise.training._runtime_estimate import Budget

PUBLISHED_EPOCHS = 50
_BLIND_EPOCHS = 5
_BLIND_PRESENTATIONS = 1000
"""Without held-out rows: this many passes, but no fewer presentations than this."""


@dataclass(frozen=True, slots=True)
class Length:
    """How long to train.

    Attributes
    ----------
    epochs : int or None
        Passes over the rows; None finds out.
    held_out_share : float or None
        Share of each class held out; None decides by the size of the class.
    patience : int
        Looks at the held-out loss without a better one after which training stops.
    most_presentations : int or None
        Rows presented at most, whatever the epochs.
    """

    epochs: int | None = None
    held_out_share: float | None = None
    patience: int = 3
    most_presentations: int | None = None

    @classmethod
    def of(cls, recipe: Recipe, patience: int, most_presentations: int | None) -> Length:
        """Return the length that `recipe` asks for."""
        share = recipe.validation_fraction
        return cls(
            epochs=None if recipe.epochs == "auto" else int(recipe.epochs),
            held_out_share=None if share == "auto" else float(share),
            patience=patience,
            most_presentations=most_presentations,
        )


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a training begins with.

    Attributes
    ----------
    writer : RowWriter
        With a model that has learned nothing yet.
    n_presentations : int
        At most so many rows are presented in the first training.
    n_repeats : float
        How often what it has presented is presented again in a second one, on all rows; 0 where
        there is a single training.
    """

    writer: RowWriter
    n_presentations: int
    n_repeats: float


def begin(
    table: Table,
    n_deficit: Mapping[int, int],
    backbone: Backbone,
    recipe: Recipe,
    length: Length,
    device: Device,
    rng: np.random.Generator,
) -> Beginning:
    """Build the model and choose the rows that it learns from; see `learn`."""
    tokenizer = backbone.tokenizer if backbone.is_pretrained else None
    language = build_language(table, tokenizer, recipe)
    model = backbone.build(language.vocabulary.entries, int(rng.integers(2**31)))
    model.to(device.device)
    rows = training_rows(table, n_deficit, recipe, _held_out_share(length), rng)
    n_held_out = 0 if rows.held_out is None else len(rows.held_out)
    n_repeats = 1 + n_held_out / len(rows.corpus) if _is_search(rows, length) else 0.0
    n_most = _most_presentations(len(rows.corpus), rows.held_out, length, backbone)
    writer = RowWriter(language, model, recipe, rows, device, History())
    return Beginning(writer, n_most, n_repeats)


def learn(
    table: Table,
    n_deficit: Mapping[int, int],
    backbone: Backbone,
    recipe: Recipe,
    length: Length,
    *,
    batch_size: int,
    learning_rate: float,
    device: Device,
    rng: np.random.Generator,
    progress: Progress,
    checkpoint: Checkpoint | None = None,
    budget: Budget | None = None,
) -> RowWriter:
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
    beginning = begin(table, n_deficit, backbone, recipe, length, device, rng)
    writer, rows = beginning.writer, beginning.writer.rows
    language, model = writer.language, writer.model
    is_free = recipe.decoding == "free"

    def spelled(rows: Table) -> Corpus:
        corpus = spell(rows, language)
        return all_chosen(corpus) if is_free else corpus

    def plan_of(rows: TrainingRows, n_presentations: int) -> TrainingPlan:
        n_held_out = 0 if rows.held_out is None else len(rows.held_out)
        return TrainingPlan(
            n_presentations=n_presentations,
            batch_size=batch_size,
            learning_rate=learning_rate,
            permutation=recipe.permutation,
            check_every=max(min(len(rows.corpus), 500), 4 * n_held_out),
            patience=length.patience,
        )

    def fit(rows: TrainingRows, plan: TrainingPlan, limit: TimeLimit | None) -> History:
        held_out = None if rows.held_out is None else spelled(rows.held_out)
        corpus = spelled(rows.corpus)
        model.check_length(corpus.longest)
        return train(
            model,
            corpus,
            anything(language) if is_free else language.grammar,
            plan,
            device=device,
            rng=rng,
            progress=progress,
            held_out=held_out,
            limit=limit,
            checkpoint=checkpoint,
        )

    # before the time that is left is shared out: on a large table it takes a good part of it
    judge = Judge.fit(table, rng) if recipe.selection == "classifier" else None
    writer = replace(writer, judge=judge)
    start = copy.deepcopy(model.state_dict()) if beginning.n_repeats else None
    plan = plan_of(rows, beginning.n_presentations)
    limit = None if budget is None else budget.limit(writer, plan, beginning.n_repeats, progress)
    history = fit(rows, plan, limit)
    labeller = XGBoostLabeller.fit(table, rng) if recipe.labelled_by == "xgboost" else None
    reader = _free_reader(table, rows, language, backbone.tokenizer) if is_free else None
    writer = replace(writer, history=history, labeller=labeller, reader=reader)
    limit = limit and replace(limit, repeats=0.0)
    if start is not None:
        model.load_state_dict(start)
        every = training_rows(table, n_deficit, recipe, lambda _: 0.0, rng)
        n_best = round(history.best_presentations * len(every.corpus) / len(rows.corpus))
        again = fit(every, plan_of(every, n_best), limit)
        writer = replace(writer, rows=every, history=again, search=history)
    if judge is None or not refines(recipe) or writer.history.stopped_by == "max_time":
        return writer
    if checkpoint is not None:
        if (finished := checkpoint.finished(model, rng)) is not None:
            return replace(writer, refinement=finished)
        checkpoint.begin_with(model)
    size = backbone.generation_batch_size if budget is None else budget.sampling.batch_size
    kept = draw_kept(writer, n_deficit, size, rng=rng, progress=progress)
    if kept is None:
        return writer
    own = rows_to_learn(kept, writer.rows, rng)
    refined = fit(own, plan_of(own, N_EPOCHS * len(own.corpus)), limit)
    return replace(writer, refinement=refined)


def _free_reader(
    table: Table, rows: TrainingRows, language: Language, tokenizer: Tokenizer
) -> FreeReader:
    """Return what reads rows from text, filled in from all real rows of the trained classes."""
    is_trained = np.isin(table.codes[:, 0], np.unique(rows.corpus.codes[:, 0]))
    real = table.take(np.flatnonzero(is_trained))
    return FreeReader.of(language, tokenizer, real, spell(real, language).longest_row)


def _held_out_share(length: Length) -> Callable[[int], float]:
    """Return the share of a class that is held out, from its number of rows."""
    share = length.held_out_share
    if share is not None:
        return lambda _: share
    if length.epochs is not None:
        return lambda n_rows: 0.1 if n_rows >= LARGE_CLASS else 0.0
    return lambda n_rows: (
        0.1 if n_rows >= LARGE_CLASS else 0.2 if n_rows >= SMALLEST_CLASS_TO_HOLD_OUT else 0.0
    )


def _is_search(rows: TrainingRows, length: Length) -> bool:
    """Whether the training with held-out rows only finds out how long to train."""
    if rows.held_out is None or length.epochs is not None or length.held_out_share is not None:
        return False
    real = rows.corpus.codes[: rows.n_real, 0]
    n_rows = np.unique(np.concatenate([real, rows.held_out.codes[:, 0]]), return_counts=True)[1]
    return bool((n_rows < LARGE_CLASS).any())


def _most_presentations(
    n_rows: int, held_out: Table | None, length: Length, backbone: Backbone
) -> int:
    if length.epochs is not None:
        n_presentations = length.epochs * n_rows
    elif held_out is None:
        n_presentations = max(_BLIND_EPOCHS * n_rows, _BLIND_PRESENTATIONS)
    else:
        n_presentations = PUBLISHED_EPOCHS * n_rows
    most = length.most_presentations
    if most is None and length.epochs is None:
        most = backbone.max_presentations
    return n_presentations if most is None else min(n_presentations, most)


def build_language(
    table: Table,
    tokenizer: Tokenizer | None,
    recipe: Recipe,
    parts: Mapping[int, TextParts] | None = None,
) -> Language:
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
        language = text_language(table, own, recipe.numbers, parts)
        return with_every_piece(language, own) if recipe.decoding == "free" else language
    return table_language(table, tokenizer, parts)
