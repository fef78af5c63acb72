"""How long to train, and the untrained model to begin with.

How long to train matters more than anything else: a model of a few dozen rows learns what can be
learned of them in a few passes, and then learns them by heart. So unless a recipe sets the epochs,
some rows are held out, and training stops where they get no likelier. Where a class is too small to
do without its held-out rows, that training is a search: it only finds the length, and a second
one, from the same weights, uses every row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from counterpoise.columns import Table
from counterpoise.generation._decoding import Sampling
from counterpoise.generation._generator import RowGenerator
from counterpoise.models._backbone import LoadedModel
from counterpoise.recipes import Recipe
from counterpoise.serialization import (
    CharacterTokenizer,
    Serializer,
    Tokenizer,
    table_serializer,
    text_serializer,
)
from counterpoise.serialization._serializer import TextParts
from counterpoise.training._rows import LARGE_CLASS, TrainingRows, training_rows

_PUBLISHED_EPOCHS = 50
# without held-out rows: this many passes, but no fewer training samples than this
_BLIND_EPOCHS = 5
_BLIND_SAMPLES_SEEN = 1000


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How to train."""

    n_samples_seen: int  # training samples at most, repeats included
    batch_size: int
    learning_rate: float  # peak, after a warm-up; it falls along a cosine to a tenth of itself
    permutation: str = "label-first"
    evaluate_every: int = 500  # training samples
    patience: int = 3  # evaluations without a better held-out loss after which training stops

    @classmethod
    def of(
        cls, rows: TrainingRows, n_samples_seen: int, model: LoadedModel, recipe: Recipe
    ) -> TrainingPlan:
        """Return the plan of a training on `rows`."""
        return cls(
            n_samples_seen=n_samples_seen,
            batch_size=model.batch_size,
            learning_rate=model.learning_rate,
            permutation=recipe.permutation,
            evaluate_every=max(min(len(rows.corpus), 500), 4 * rows.n_held_out),
            patience=recipe.patience,
        )


@dataclass(frozen=True, slots=True)
class PreparedTraining:
    """What the first training begins with: an untrained generator, rows and a plan."""

    row_generator: RowGenerator
    rows: TrainingRows
    plan: TrainingPlan
    # how many times as many samples a second training sees, on all rows; 0: there is none
    n_repeats: float
    sampling: Sampling


def prepare_training(
    table: Table,
    n_deficit: Mapping[int, int],
    model: LoadedModel,
    recipe: Recipe,
    rng: np.random.Generator,
) -> PreparedTraining:
    """Build the network and choose the rows that it learns from; see `fit`."""
    serializer = build_serializer(table, model.tokenizer if model.is_pretrained else None, recipe)
    network = model.build(serializer.vocabulary, int(rng.integers(2**31)))
    network.to(model.device.device, model.device.weight_precision)
    rows = training_rows(table, n_deficit, recipe, rng)
    return PreparedTraining(
        RowGenerator(serializer, network, recipe, rows.value_counts, model.device),
        rows,
        TrainingPlan.of(rows, _max_samples_seen(rows, recipe, model), model, recipe),
        1 + rows.n_held_out / len(rows.corpus) if _is_search(rows, recipe) else 0.0,
        Sampling(recipe.temperature, recipe.top_p, model.generation_batch_size),
    )


def _is_search(rows: TrainingRows, recipe: Recipe) -> bool:
    """Whether the training with held-out rows only finds out how long to train."""
    if rows.held_out is None or recipe.epochs != "auto" or recipe.validation_fraction != "auto":
        return False
    real = rows.corpus.codes[: rows.n_real, 0]
    n_rows = np.unique(np.concatenate([real, rows.held_out.codes[:, 0]]), return_counts=True)[1]
    return bool((n_rows < LARGE_CLASS).any())


def _max_samples_seen(rows: TrainingRows, recipe: Recipe, model: LoadedModel) -> int:
    n_rows, most = len(rows.corpus), recipe.max_samples_seen
    if recipe.epochs != "auto":
        n_samples_seen = int(recipe.epochs) * n_rows
    else:
        most = model.max_samples_seen if most is None else most
        n_samples_seen = _PUBLISHED_EPOCHS * n_rows
        if rows.held_out is None:
            n_samples_seen = max(_BLIND_EPOCHS * n_rows, _BLIND_SAMPLES_SEEN)
    return n_samples_seen if most is None else min(n_samples_seen, most)


def build_serializer(
    table: Table,
    tokenizer: Tokenizer | None,
    recipe: Recipe,
    parts: Mapping[int, TextParts] | None = None,
) -> Serializer:
    """Return the serializer of the rows of `table`.

    `tokenizer` is the pre-trained model's, None for a model from scratch; `parts` are, by position
    of each column of free text, what takes the place of its strings.
    """
    if recipe.serialization != "text":
        return table_serializer(table, tokenizer, parts)
    return text_serializer(
        table,
        tokenizer or CharacterTokenizer(),
        digit_tokens=recipe.digit_tokens,
        unconstrained=recipe.decoding == "free",
        parts=parts,
    )
