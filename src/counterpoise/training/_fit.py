"""From a labelled table to a trained generator: the engine of every method."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from counterpoise._progress import Progress
from counterpoise.columns import Table
from counterpoise.generation._free_decoding import FreeTextParser
from counterpoise.generation._generator import RowGenerator
from counterpoise.generation._selection import SelectionClassifier, fit_labeller
from counterpoise.models._backbone import Backbone, LoadedModel
from counterpoise.recipes import Recipe
from counterpoise.serialization import SerializedTable, serialize
from counterpoise.training._checkpoint import Checkpoint, History, fingerprint
from counterpoise.training._loop import train
from counterpoise.training._plan import TrainingDeadline, TrainingPlan, prepare_training
from counterpoise.training._refinement import N_EPOCHS, draw_selected, refines, rows_to_learn
from counterpoise.training._rows import TrainingRows, training_rows
from counterpoise.training._runtime import TimeBudget, load_model


@dataclass(frozen=True, slots=True)
class FitResult:
    """A trained generator, and how it was trained.

    Attributes
    ----------
    rows : TrainingRows
        What it was trained on.
    history : History
        Of the training on them.
    search : History or None
        Of the training that only found out how long to train.
    refinement : History or None
        Of the training on rows of its own.
    """

    generator: RowGenerator
    rows: TrainingRows
    history: History
    search: History | None = None
    refinement: History | None = None

    @property
    def trainings(self) -> list[History]:
        """The history of each training, in their order."""
        every = self.search, self.history, self.refinement
        return [history for history in every if history is not None]


def fit(
    table: Table,
    n_deficit: Mapping[int, int],
    backbone: Backbone,
    recipe: Recipe,
    *,
    device: str,
    rng: np.random.Generator,
    progress: Progress,
    budget: TimeBudget,
    checkpoint_dir: Path | None,
    parameters: Mapping[str, Any],
) -> tuple[FitResult, LoadedModel, Checkpoint | None]:
    """Load a model and train it, from where a killed training in `checkpoint_dir` had got to.

    `parameters` are the caller's, by name; the training that is resumed must have had the same.
    """
    model = load_model(backbone, table, n_deficit, recipe, device, budget, checkpoint_dir)
    checkpoint = None
    if checkpoint_dir is not None:
        taken = {
            "model": model.name,
            "device": model.device.device,
            "precision": model.device.precision,
        }
        # not the name of the recipe: its values count
        by_name = {name: value for name, value in parameters.items() if name != "recipe"}
        by_name |= {**recipe.get_params(), **backbone.get_params(), **taken}
        seeded = None if parameters["random_state"] is None else rng
        parts = fingerprint(table, n_deficit, by_name, seeded)
        checkpoint = Checkpoint(checkpoint_dir, parts, rng, model.name)
    result = fit_generator(
        table,
        n_deficit,
        model,
        recipe,
        rng=rng,
        progress=progress,
        checkpoint=checkpoint,
        budget=budget,
    )
    return result, model, checkpoint


def fit_generator(
    table: Table,
    n_deficit: Mapping[int, int],
    model: LoadedModel,
    recipe: Recipe,
    *,
    rng: np.random.Generator,
    progress: Progress,
    checkpoint: Checkpoint | None = None,
    budget: TimeBudget | None = None,
) -> FitResult:
    """Train `model` to generate rows of `table`.

    `table` has all rows, label first; `n_deficit` says how many rows to generate for each label
    code. A killed training is resumed from the `checkpoint`; the `budget` is for training and
    generation together.
    """
    budget = budget or TimeBudget(None, 0.0)
    with model.device.threads():
        prepared = prepare_training(table, n_deficit, model, recipe, rng)
        generator, rows = prepared.row_generator, prepared.rows
        trainer = _Trainer(generator, model, rng, progress, checkpoint, budget)
        # before the time that is left is shared out: on a large table it takes a good part of it
        if recipe.selection is not None:
            classifier = SelectionClassifier.fit(table, rng, recipe.selection)
            generator = replace(generator, selection_classifier=classifier)
        limit = budget.limit(prepared, n_deficit, progress)
        first_weights = copy.deepcopy(generator.model.state_dict()) if prepared.n_repeats else None
        search, history = None, trainer.train(rows, prepared.plan.n_samples_seen, limit)
        generator = _completed(generator, table, rows, rng)
        limit = limit and replace(limit, repeats=0.0)
        if first_weights is not None:
            generator.model.load_state_dict(first_weights)
            every = training_rows(table, n_deficit, recipe, rng, holds_out=False)
            n_best = round(history.best_n_samples_seen * len(every.corpus) / len(rows.corpus))
            search, rows = history, every
            history = trainer.train(rows, n_best, limit)
            generator = replace(generator, value_counts=rows.value_counts)
        result = FitResult(generator, rows, history, search)
        refined = refines(recipe) and generator.selection_classifier is not None
        if not refined or history.stopped_by == "max_time":
            return result
        return replace(result, refinement=trainer.refine(result, n_deficit, limit))


@dataclass(frozen=True, slots=True)
class _Trainer:
    """One network and its recipe, to be trained once or several times."""

    generator: RowGenerator
    model: LoadedModel
    rng: np.random.Generator
    progress: Progress
    checkpoint: Checkpoint | None
    budget: TimeBudget

    def train(
        self, rows: TrainingRows, n_samples_seen: int, limit: TrainingDeadline | None
    ) -> History:
        """Train on `rows`."""
        network, serializer = self.generator.model, self.generator.serializer
        recipe = self.generator.recipe
        corpus = self._serialized(rows.corpus)
        network.check_length(corpus.longest)
        return train(
            network,
            corpus,
            serializer.unconstrained_grammar() if recipe.decoding == "free" else serializer.grammar,
            TrainingPlan.of(rows, n_samples_seen, self.model, recipe),
            device=self.model.device,
            rng=self.rng,
            progress=self.progress,
            held_out=None if rows.held_out is None else self._serialized(rows.held_out),
            limit=limit,
            checkpoint=self.checkpoint,
            clock=self.budget.clock,
        )

    def _serialized(self, rows: Table) -> SerializedTable:
        serialized = serialize(rows, self.generator.serializer)
        is_free = self.generator.recipe.decoding == "free"
        return serialized.unconstrained() if is_free else serialized

    def refine(
        self, fitted: FitResult, n_deficit: Mapping[int, int], limit: TrainingDeadline | None
    ) -> History | None:
        """Train on generated rows that selection accepts; None where it is not worth it."""
        network = fitted.generator.model
        if self.checkpoint is not None:
            if (finished := self.checkpoint.finished(network, self.rng)) is not None:
                return finished
            self.checkpoint.begin_with(network)
        selected = draw_selected(
            fitted.generator,
            np.unique(fitted.rows.corpus.codes[:, 0]).tolist(),
            n_deficit,
            self.model.generation_batch_size,
            rng=self.rng,
            progress=self.progress,
        )
        if selected is None:
            return None
        rows = rows_to_learn(selected, fitted.rows, self.rng)
        return self.train(rows, N_EPOCHS * len(rows.corpus), limit)


def _completed(
    generator: RowGenerator, table: Table, rows: TrainingRows, rng: np.random.Generator
) -> RowGenerator:
    """Add what labels rows without a label, and what parses rows from free text, if needed."""
    if generator.recipe.labelled_by == "xgboost":
        generator = replace(generator, labeller=fit_labeller(table, rng))
    if generator.recipe.decoding == "free":
        # what can't be parsed is filled in from all real rows of the trained classes
        is_trained = np.isin(table.codes[:, 0], np.unique(rows.corpus.codes[:, 0]))
        real = table.take(np.flatnonzero(is_trained))
        longest = serialize(real, generator.serializer).longest_row
        parser = FreeTextParser(generator.serializer, real, longest)
        generator = replace(generator, parser=parser)
    return generator
