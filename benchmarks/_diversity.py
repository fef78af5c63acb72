"""Diversity and leakage of a run's synthetic rows, as plain figures."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from counterpoise.columns._schema import Schema
from counterpoise.metrics import measure_quality

_ASPECTS = ("diversity", "privacy")
"""Fidelity is left out: its classifiers take ten times as long as all the rest of a run."""
_MOST_ROWS = 1000
_N_DRAWS = 10
_FEWEST_ROWS = 2


def diversity_figures(
    train: pd.DataFrame,
    minority: pd.DataFrame,
    held_out: pd.DataFrame,
    synthetic: pd.DataFrame,
    column_kinds: Mapping[Hashable, str],
    seed: int,
) -> dict[str, Any] | None:
    """Measure synthetic minority rows beside real ones that no method saw.

    Parameters
    ----------
    train
        All training rows: what the columns are is read off them.
    minority
        Those of the minority.
    held_out
        Minority rows that were taken out of training; there may be none.
    synthetic
        The rows that were made.

    Returns
    -------
    dict or None
        Name of a measure -> its ``value``, ``real_anchor`` (what the held-out rows reach) and
        ``duplicate_anchor`` (what repeated training rows reach). None with fewer than two rows on
        either side.
    """
    if min(len(minority), len(synthetic)) < _FEWEST_ROWS:
        return None
    quality = measure_quality(
        minority.reset_index(drop=True),
        held_out if len(held_out) >= _FEWEST_ROWS else None,
        synthetic.reset_index(drop=True),
        Schema.infer(train, kinds=column_kinds),
        aspects=_ASPECTS,
        max_rows=_MOST_ROWS,
        n_draws=_N_DRAWS,
        random_state=seed,
    )
    return {
        measure.name: {
            "value": measure.value,
            "real_anchor": measure.real_anchor,
            "duplicate_anchor": measure.duplicate_anchor,
        }
        for measure in quality
    }
