"""Refinement: training on generated rows that selection accepts.

Where selection rejects most rows, each row that is kept costs several. A model that is trained on
some that were kept generates more of their kind (rejection-sampling fine-tuning, as in RAFT,
arXiv 2304.06767); what it generates then is selected as before.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

import numpy as np

from counterpoise._progress import Progress
from counterpoise.columns import Table
from counterpoise.generation._decoding import Sampling
from counterpoise.generation._generator import RowGenerator
from counterpoise.generation._rejection_sampling import SELECTION_DRAWS_PER_ROW, expected_draws
from counterpoise.grammar._grammar import IntArray
from counterpoise.recipes import Recipe
from counterpoise.training._rows import TrainingRows

N_EPOCHS = 5
"""Passes over the rows that were kept, at most."""
_ROWS_PER_CLASS = 300
_MIN_ROWS = 50
"""Nothing is learned from fewer rows."""
_FIRST_DRAWS = 128
"""After so many it is decided for the first time whether it is worth it."""
_SHARE_KEPT_AFTERWARDS = 0.65
"""About the share of the rows that is kept after refinement (docs/log.md)."""
_DRAWS_PER_SAMPLE = 2.5
"""What a training sample costs, in rows that could be generated (docs/log.md)."""
_HELD_OUT_SHARE = 0.1


def refines(recipe: Recipe) -> bool:
    """Whether a model of this recipe is refined, if it is worth it."""
    return (
        recipe.refinement is not None
        and recipe.selection is not None
        and recipe.labelled_by == "prompt"
        and recipe.decoding == "grammar"
    )


def is_worth_it(n_rows: int, n_classes: int, n_kept: int, n_drawn: int) -> bool:
    """Whether refinement on rows of `n_classes` classes saves more draws than it costs.

    `n_rows` rows are to be generated, and `n_kept` of the `n_drawn` so far were kept.
    """
    draws_per_row = min(expected_draws(1, n_kept, n_drawn), SELECTION_DRAWS_PER_ROW)
    cost = n_classes * _ROWS_PER_CLASS * (draws_per_row + N_EPOCHS * _DRAWS_PER_SAMPLE)
    return n_rows * (draws_per_row - 1 / _SHARE_KEPT_AFTERWARDS) > cost


def draw_selected(
    generator: RowGenerator,
    labels: list[int],
    n_deficit: Mapping[int, int],
    batch_size: int,
    *,
    rng: np.random.Generator,
    progress: Progress,
) -> Table | None:
    """Generate rows until enough of them are selected to learn from; None if not worth it.

    `labels` are those of every class that the model has learned, so that it forgets none;
    `n_deficit` says how many rows are to be generated for each afterwards.
    """
    selection = generator.selection_classifier
    assert selection is not None
    # the class that lacks most comes first, and tells whether to go on
    labels = sorted(labels, key=lambda label: -n_deficit.get(label, 0))
    always, n_rows = generator.recipe.refinement == "always", sum(n_deficit.values())
    if not always and not is_worth_it(n_rows, len(labels), 0, SELECTION_DRAWS_PER_ROW):
        return None  # not even if hardly any row were kept
    sampling, parts = Sampling(batch_size=batch_size), []
    for label in labels:
        n_kept, n_drawn, n = 0, 0, _FIRST_DRAWS
        while n_kept < _ROWS_PER_CLASS and n > 0:
            rows = generator.generate(label, n, sampling, rng=rng, progress=progress).table
            parts.append(rows.take(selection.margin(rows) >= 0))
            n_kept += len(parts[-1])
            n_drawn += n
            decides = label == labels[0] and not always
            if decides and not is_worth_it(n_rows, len(labels), n_kept, n_drawn):
                return None
            n_more = ceil(expected_draws(_ROWS_PER_CLASS - n_kept, n_kept, n_drawn))
            n = min(n_more, batch_size, SELECTION_DRAWS_PER_ROW * _ROWS_PER_CLASS - n_drawn)
    whole = Table.concat(parts)
    return whole if len(whole) >= _MIN_ROWS else None


def rows_to_learn(selected: Table, rows: TrainingRows, rng: np.random.Generator) -> TrainingRows:
    """Return the selected rows as what to train on, a tenth of them held out."""
    shuffled: IntArray = rng.permutation(len(selected))
    n_held_out = ceil(_HELD_OUT_SHARE * len(shuffled))
    corpus = selected.take(shuffled[n_held_out:])
    return TrainingRows(corpus, 0, selected.take(shuffled[:n_held_out]), rows.value_counts)
