"""From a labelled table to a trained generator: the engine of every method.

The last training is refinement, where selection rejects most rows: on generated rows that it kept,
so that the model generates more of their kind (rejection-sampling fine-tuning, as in RAFT,
arXiv 2304.06767).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from counterpoise._progress import Progress
from counterpoise.columns import Table
from counterpoise.errors import ModelError, warn_user
from counterpoise.generation._decoding import Sampling
from counterpoise.generation._free_decoding import FreeTextParser
from counterpoise.generation._generator import RowGenerator
from counterpoise.generation._rejection_sampling import Drawing, expected_draws
from counterpoise.generation._selection import Likeliest, SelectionClassifier, fit_labeller
from counterpoise.models._backbone import Backbone, LoadedModel
from counterpoise.recipes import Recipe
from counterpoise.serialization import serialize
from counterpoise.training._checkpoint import Checkpoint, History, fingerprint
from counterpoise.training._data_parallel import agree, agreed_clock, place, shared
from counterpoise.training._loop import TrainingPlan, prepare_training, train, training_parts
from counterpoise.training._rows import TrainingRows, training_rows
from counterpoise.training._runtime import TimeBudget, load_model

_REFINEMENT_EPOCHS = 5  # passes over the rows that were kept, at most
_ROWS_PER_CLASS = 300
_MIN_ROWS = 50  # nothing is learned from fewer rows
_FIRST_DRAWS = 128  # after so many it is decided for the first time whether it is worth it
_SHARE_KEPT_AFTERWARDS = 0.65  # about; of the rows, after refinement (docs/log.md)
_DRAWS_PER_SAMPLE = 2.5  # what a training sample costs, in rows that could be generated
_HELD_OUT_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class FitResult:
    """A trained generator, and how it was trained."""

    generator: RowGenerator
    rows: TrainingRows  # what it was trained on
    history: History  # of the training on them
    search: History | None = None  # of the training that only found out how long to train
    refinement: History | None = None  # of the training on rows of its own

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
    linked: Sequence[Sequence[int]] = (),
) -> tuple[FitResult, LoadedModel]:
    """Load a model and train it, from where a killed training in `checkpoint_dir` had got to.

    `table` has all rows, label first; `n_deficit` says how many rows to generate for each label
    code. Of the `parameters` of the sampler, the constraints and the random state must be those of
    the training that is resumed. `linked` are pairs of columns that are learned together.
    """
    if checkpoint_dir is not None and place()[1] > 1:
        raise ModelError("checkpoint_dir is for a single process: with torchrun, leave it out")
    model = load_model(backbone, table, n_deficit, recipe, device, budget, checkpoint_dir)
    if (name := agree(model.name, rng)) != model.name:  # of those that "auto" chooses from
        model = backbone.candidate(name).load(device, "the first process took it")
    checkpoint = None
    if checkpoint_dir is not None:
        by_name = {**recipe.get_params(), **backbone.get_params(), "model": model.name}
        by_name |= {"device": model.device.device, "precision": model.device.precision}
        by_name["constraints"] = parameters["constraints"]
        seeded = None if parameters["random_state"] is None else rng
        parts = fingerprint(table, n_deficit, by_name, seeded)
        checkpoint = Checkpoint(checkpoint_dir, parts, rng, model.name)
    with model.device.threads():
        prepared = prepare_training(table, n_deficit, model, recipe, rng, linked)
        generator, rows = prepared.row_generator, prepared.rows
        network, serializer = generator.model, generator.serializer
        samples_per_row = prepared.samples_per_row

        def train_on(
            rows: TrainingRows, n_rows_seen: float, name: str, n_repeats: float = 0.0, most: int = 0
        ) -> History:
            parts = training_parts(generator, rows)
            network.check_length(max(part.corpus.longest for part in parts))
            return train(
                network,
                shared(parts),
                TrainingPlan.of(rows, n_rows_seen, prepared.model, recipe, samples_per_row, most),
                rng=rng,
                progress=progress,
                name=name,
                deadline=deadline,
                n_repeats=n_repeats,
                checkpoint=checkpoint,
                clock=agreed_clock(budget.clock),
            )

        # 1. the selection classifier, before the time that is left is shared out
        if recipe.selection is not None:
            until = budget.selection_deadline()
            with progress.stage("selection classifier", total=len(table), unit="rows") as stage:
                classifier = SelectionClassifier.fit(
                    table, rng, recipe.selection, until=until, clock=budget.clock, advance=stage
                )
            generator = replace(generator, selection_classifier=agree(classifier, rng))
        deadline = agree(budget.deadline(prepared, n_deficit, progress))
        # 2. training with held-out rows
        first_weights = copy.deepcopy(network.state_dict()) if prepared.n_repeats else None
        name = "training with held-out rows" if prepared.n_repeats else "training"
        n_rows_seen, search = prepared.plan.n_samples_seen / samples_per_row, None
        most = prepared.plan.most_samples_seen
        history = train_on(rows, n_rows_seen, name, prepared.n_repeats, most)
        if recipe.labelled_by == "xgboost":
            generator = replace(generator, labeller=fit_labeller(table, rng))
        if recipe.decoding == "free":
            # what can't be parsed is filled in from all real rows of the trained classes
            is_trained = np.isin(table.codes[:, 0], np.unique(rows.corpus.codes[:, 0]))
            real = table.take(np.flatnonzero(is_trained))
            longest = serialize(real, serializer).longest_row
            generator = replace(generator, parser=FreeTextParser(serializer, real, longest))
        # 3. if that only found out how long to train: the same on every row
        if first_weights is not None:
            network.load_state_dict(first_weights)
            every = training_rows(table, n_deficit, recipe, rng, holds_out=False)
            n_best = round(history.best_n_samples_seen * len(every.corpus) / len(rows.corpus))
            search, rows = history, every
            history = train_on(rows, n_best / samples_per_row, "training on all rows")
            generator = generator.counting(rows.value_counts)
        # 4. refinement
        refinement = None
        is_over = history.stopped_by == "max_time" or generator.selection_classifier is None
        if refines(recipe) and not is_over:
            refinement = None if checkpoint is None else checkpoint.finished(network, rng)
            if refinement is None:
                sampling = Sampling(batch_size=model.generation_batch_size)
                learned = selected_rows(generator, rows, n_deficit, sampling, rng, progress)
                learned = agree(learned, rng)
                if learned is not None:
                    n_rows_seen = _REFINEMENT_EPOCHS * len(learned.corpus)
                    refinement = train_on(learned, n_rows_seen, "refinement")
    result = FitResult(generator, rows, history, search, refinement)
    stopped = [one for one in result.trainings if one.stopped_by == "max_time"]
    if stopped:
        warn_user(
            f"training was stopped after {stopped[0].n_samples_seen:,} rows because of "
            f"max_time={budget.max_time:g}",
        )
    return result, model


def refines(recipe: Recipe) -> bool:
    """Whether a model of this recipe is refined, if it is worth it."""
    return (
        recipe.refinement is not None
        and recipe.selection is not None
        and recipe.selection_rule == "likeliest"
        and recipe.labelled_by == "prompt"
        and recipe.decoding == "grammar"
    )


def is_worth_it(n_rows: int, n_classes: int, n_kept: int, n_drawn: int) -> bool:
    """Whether refinement on rows of `n_classes` classes saves more draws than it costs."""
    draws_per_row = min(expected_draws(1, n_kept, n_drawn), Likeliest.draws_per_row)
    samples_per_row = _REFINEMENT_EPOCHS * _DRAWS_PER_SAMPLE
    cost = n_classes * _ROWS_PER_CLASS * (draws_per_row + samples_per_row)
    return n_rows * (draws_per_row - 1 / _SHARE_KEPT_AFTERWARDS) > cost


def selected_rows(
    generator: RowGenerator,
    rows: TrainingRows,
    n_deficit: Mapping[int, int],
    sampling: Sampling,
    rng: np.random.Generator,
    progress: Progress,
) -> TrainingRows | None:
    """Generate rows until enough of each class are selected to learn from; None if not worth it."""
    selection = generator.selection_classifier
    assert selection is not None
    # the class that lacks most comes first, and tells whether to go on
    learned = np.unique(rows.corpus.codes[:, 0]).tolist()
    labels = sorted(learned, key=lambda label: -n_deficit.get(label, 0))
    always, n_rows = generator.recipe.refinement == "always", sum(n_deficit.values())
    if not always and not is_worth_it(n_rows, len(labels), 0, Likeliest.draws_per_row):
        return None  # not even if hardly any row were kept
    parts = []
    total = len(labels) * _ROWS_PER_CLASS
    with progress.stage("rows to refine on", total=total, unit="rows") as stage:
        drawing = Drawing(stage)
        for label in labels:
            n_kept, n_drawn, n = 0, 0, _FIRST_DRAWS
            while n_kept < _ROWS_PER_CLASS and n > 0:
                drawn = generator.generate(label, n, sampling, rng=rng, advance=drawing).table
                parts.append(drawn.take(selection.margin(drawn) >= 0))
                drawing.decide(len(parts[-1]), n - len(parts[-1]))
                n_kept += len(parts[-1])
                n_drawn += n
                decides = label == labels[0] and not always
                if decides and not is_worth_it(n_rows, len(labels), n_kept, n_drawn):
                    stage.note("refinement is not worth it")
                    return None
                n_more = ceil(expected_draws(_ROWS_PER_CLASS - n_kept, n_kept, n_drawn))
                most = Likeliest.draws_per_row * _ROWS_PER_CLASS - n_drawn
                n = min(n_more, sampling.batch_size, most)
    whole = Table.concat(parts)
    if len(whole) < _MIN_ROWS:
        return None
    shuffled = rng.permutation(len(whole))
    n_held_out = ceil(_HELD_OUT_SHARE * len(shuffled))
    corpus, held_out = whole.take(shuffled[n_held_out:]), whole.take(shuffled[:n_held_out])
    return TrainingRows(corpus, 0, held_out, rows.value_counts)
