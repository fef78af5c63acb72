"""What a training begins with: the rows to learn from, for how long, and an untrained model.

How long to train matters more than anything else: a model of a few dozen rows learns what can be
learned of them in a few passes, and then learns them by heart. So unless a recipe sets the epochs,
some rows are held out, and training stops where they get no likelier. Where a class is too small to
do without its held-out rows, that training is a search: it only finds the length, and a second
one, from the same weights, uses every row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from counterpoise.columns._table import Table
from counterpoise.generation._generator import RowGenerator
from counterpoise.generation._prompts import ValueCounts
from counterpoise.grammar._grammar import IntArray
from counterpoise.models._backbone import LoadedModel
from counterpoise.recipes._base import Recipe
from counterpoise.serialization._serializer import (
    Serializer,
    TextParts,
    table_serializer,
    text_serializer,
)
from counterpoise.serialization._tokenizer import CharacterTokenizer, Tokenizer
from counterpoise.training._interpolation import interpolate

PUBLISHED_EPOCHS = 50
LARGE_CLASS = 200
"""From this many rows on, a class can do without its held-out rows in training."""
MIN_CLASS_SIZE_FOR_HOLDOUT = 20
"""Below this, a few held-out rows would tell nothing."""
_BLIND_EPOCHS = 5
_BLIND_SAMPLES_SEEN = 1000
"""Without held-out rows: this many passes, but no fewer training samples than this."""


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """What the model learns from.

    Attributes
    ----------
    corpus : Table
        Real rows, then interpolated ones (categories ``ABSENT``); none in a loaded model that was
        saved without them.
    n_real : int
        How many of them are real.
    held_out : Table or None
        Real rows kept aside for early stopping.
    value_counts : ValueCounts
        What prompts are drawn from: the values of all real rows and the interpolated ones.
    """

    corpus: Table
    n_real: int
    held_out: Table | None
    value_counts: ValueCounts

    @property
    def n_held_out(self) -> int:
        """How many rows are kept aside."""
        return 0 if self.held_out is None else len(self.held_out)


@dataclass(frozen=True, slots=True)
class PreparedTraining:
    """What a training begins with.

    Attributes
    ----------
    row_generator : RowGenerator
        With an untrained model.
    n_samples_seen : int
        Rows presented in the first training, at most.
    n_repeats : float
        How many times as many are presented in a second one, on all rows; 0 without a search.
    """

    row_generator: RowGenerator
    rows: TrainingRows
    n_samples_seen: int
    n_repeats: float


def prepare_training(
    table: Table,
    n_deficit: Mapping[int, int],
    model: LoadedModel,
    recipe: Recipe,
    rng: np.random.Generator,
) -> PreparedTraining:
    """Build the network and choose the rows that it learns from; see `fit_generator`."""
    serializer = build_serializer(table, model.tokenizer if model.is_pretrained else None, recipe)
    network = model.build(serializer.vocabulary.entries, int(rng.integers(2**31)))
    network.to(model.device.device, model.device.weight_precision)
    rows = training_rows(table, n_deficit, recipe, held_out_share(recipe), rng)
    n_repeats = 1 + rows.n_held_out / len(rows.corpus) if _is_search(rows, recipe) else 0.0
    n_max = _max_samples_seen(rows, recipe, model)
    generator = RowGenerator(serializer, network, recipe, rows.value_counts, model.device)
    return PreparedTraining(generator, rows, n_max, n_repeats)


def training_rows(
    table: Table,
    n_deficit: Mapping[int, int],
    recipe: Recipe,
    held_out_share: Callable[[int], float],
    rng: np.random.Generator,
) -> TrainingRows:
    """Choose the rows to learn from; step 2 of the paper: the corpus.

    Parameters
    ----------
    table : Table
        All rows, label first.
    n_deficit : mapping of int to int
        Rows to generate for each label code; the classes it names are the ones to be filled.
    held_out_share : callable
        From the number of rows of a class to the share of them that is kept aside.
    """
    labels = table.codes[:, 0]
    trained = np.unique(labels) if recipe.train_on == "all" else np.array(sorted(n_deficit))
    held_out = _draw_held_out(labels, trained, held_out_share, rng)
    is_held_out = np.zeros(len(labels), dtype=bool)
    is_held_out[held_out] = True
    is_trained = np.isin(labels, trained)
    real = table.take(np.flatnonzero(is_trained & ~is_held_out))
    interpolated = table.take(np.empty(0, dtype=np.int64))
    if recipe.interpolation is not None:
        # from the rows that are trained on: held-out rows must not leak into the corpus
        interpolated = interpolate(table.take(np.flatnonzero(~is_held_out)), n_deficit, rng)
    every = table.take(np.flatnonzero(is_trained))
    return TrainingRows(
        corpus=_stack(real, interpolated),
        n_real=len(real),
        held_out=table.take(held_out) if len(held_out) else None,
        value_counts=ValueCounts.of(_stack(every, interpolated)),
    )


def _draw_held_out(
    labels: IntArray,
    classes: IntArray,
    share: Callable[[int], float],
    rng: np.random.Generator,
) -> IntArray:
    parts = [np.empty(0, dtype=np.int64)]
    for label in classes:
        rows = np.flatnonzero(labels == label)
        n = min(round(share(len(rows)) * len(rows)), len(rows) - 2)
        parts.append(rng.choice(rows, max(n, 0), replace=False))
    return np.sort(np.concatenate(parts))


def _stack(one: Table, other: Table) -> Table:
    return Table(one.schema, np.concatenate([one.codes, other.codes]), one.texts)


def held_out_share(recipe: Recipe) -> Callable[[int], float]:
    """Return the share of a class that is held out, from its number of rows."""
    share = recipe.validation_fraction
    if share != "auto":
        return lambda _: float(share)
    of_small = 0.0 if recipe.epochs != "auto" else 0.2

    def by_size(n_rows: int) -> float:
        if n_rows >= LARGE_CLASS:
            return 0.1
        return of_small if n_rows >= MIN_CLASS_SIZE_FOR_HOLDOUT else 0.0

    return by_size


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
        n_samples_seen = PUBLISHED_EPOCHS * n_rows
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
