"""What a model goes on to learn from: rows of its own that a classifier of the real ones keeps.

Where most of the rows that it writes are put back, each row that is kept costs several. A model
that goes on to learn from some that were kept writes more of their like (rejection-sampling
fine-tuning, as in RAFT, arXiv 2304.06767); what it writes then is selected as before.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

import numpy as np

from counterpoise._progress import Progress
from counterpoise.columns._table import Table
from counterpoise.generation._decoding import Sampling
from counterpoise.generation._generator import RowGenerator
from counterpoise.generation._rejection_sampling import PREFERRING_DRAWS_PER_ROW, draws_expected
from counterpoise.grammar._grammar import IntArray
from counterpoise.recipes._base import Recipe
from counterpoise.training._rows import TrainingRows

N_EPOCHS = 5
"""Passes over the rows that were kept, at most."""

_ROWS_A_CLASS = 300
"""Rows of a class to learn from."""
_FEWEST_ROWS = 50
"""Of fewer rows nothing is learned."""
_FIRST_DRAWS = 128
"""After as many it is seen for the first time whether it is worth it."""
_KEPT_AFTERWARDS = 0.65
"""About the share of the rows that is kept afterwards (docs/log.md)."""
_DRAWS_PER_SAMPLE = 2.5
"""What it costs to learn from a row, in rows that could be written (docs/log.md)."""
_HELD_OUT_SHARE = 0.1


def refines(recipe: Recipe) -> bool:
    """Whether a model of this recipe goes on to learn from its own rows, if it is worth it."""
    return (
        recipe.refinement is not None
        and recipe.selection is not None
        and recipe.labelled_by == "prompt"
        and recipe.decoding == "grammar"
    )


def is_worth_it(n_rows: int, n_classes: int, n_kept: int, n_drawn: int) -> bool:
    """Whether learning from rows that were kept saves more draws than it costs.

    Parameters
    ----------
    n_rows : int
        Rows to be written.
    n_classes : int
        Classes whose rows are learned from.
    n_kept, n_drawn : int
        Of `n_drawn` rows that were written, how many were kept.
    """
    draws_a_row = min(draws_expected(1, n_kept, n_drawn), PREFERRING_DRAWS_PER_ROW)
    cost = n_classes * _ROWS_A_CLASS * (draws_a_row + N_EPOCHS * _DRAWS_PER_SAMPLE)
    return n_rows * (draws_a_row - 1 / _KEPT_AFTERWARDS) > cost


def draw_kept(
    row_generator: RowGenerator,
    n_deficit: Mapping[int, int],
    batch_size: int,
    *,
    rng: np.random.Generator,
    progress: Progress,
) -> Table | None:
    """Write rows until enough of them are kept to learn from.

    Parameters
    ----------
    n_deficit : mapping of int to int
        Rows to be written for each label code.

    Returns
    -------
    Table or None
        Label first; None where it is not worth it.
    """
    # every class that it has learned, so that it forgets none; first the one that lacks most,
    # which tells whether to go on
    labels = np.unique(row_generator.rows.corpus.codes[:, 0]).tolist()
    labels.sort(key=lambda label: -n_deficit.get(label, 0))
    always, n_rows = row_generator.recipe.refinement == "always", sum(n_deficit.values())
    if not always and not is_worth_it(n_rows, len(labels), 0, PREFERRING_DRAWS_PER_ROW):
        return None  # not even if hardly any row were kept
    sampling, parts = Sampling(batch_size=batch_size), []
    for label in labels:
        n_kept, n_drawn, n = 0, 0, _FIRST_DRAWS
        while n_kept < _ROWS_A_CLASS and n > 0:
            generated, _ = row_generator.write(label, n, sampling, rng=rng, progress=progress)
            kept = _kept(row_generator, generated.table)
            parts.append(kept)
            n_kept += len(kept)
            n_drawn += n
            is_asked = label == labels[0] and not always
            if is_asked and not is_worth_it(n_rows, len(labels), n_kept, n_drawn):
                return None
            n_more = ceil(draws_expected(_ROWS_A_CLASS - n_kept, n_kept, n_drawn))
            n = min(n_more, batch_size, PREFERRING_DRAWS_PER_ROW * _ROWS_A_CLASS - n_drawn)
    whole = Table.concat(parts)
    return whole if len(whole) >= _FEWEST_ROWS else None


def _kept(row_generator: RowGenerator, table: Table) -> Table:
    assert row_generator.selection_classifier is not None
    return table.take(np.flatnonzero(row_generator.selection_classifier.margin(table) >= 0))


def rows_to_learn(kept: Table, rows: TrainingRows, rng: np.random.Generator) -> TrainingRows:
    """Return the rows that were kept as what to train on, a tenth of them held out."""
    shuffled: IntArray = rng.permutation(len(kept))
    n_held_out = ceil(_HELD_OUT_SHARE * len(shuffled))
    corpus = kept.take(shuffled[n_held_out:])
    return TrainingRows(corpus, 0, kept.take(shuffled[:n_held_out]), rows.value_counts)
