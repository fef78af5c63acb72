"""What a training depends on, in short: so that a checkpoint is not taken for another run's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from counterpoise.table import Table

_WITHOUT_EFFECT = frozenset(
    {
        "checkpoint_dir",
        "generation_batch_size",
        "max_time",
        "random_state",
        "sampling_strategy",
        "temperature",
        "top_p",
        "verbose",
    }
)
"""Parameters that may change between a killed fit and its repetition: training is the same, or (for
the strategy and the seed) what they come to is compared."""


def fingerprint(
    table: Table,
    n_deficit: Mapping[int, int],
    parameters: Mapping[str, Any],
    rng: np.random.Generator | None,
) -> dict[str, str]:
    """Return a digest of each thing that a training depends on, by its name.

    Parameters
    ----------
    table : Table
        All rows, label first.
    n_deficit : mapping of int to int
        Rows to be written for each label code.
    parameters : mapping
        The sampler's, those it took for "auto" included.
    rng : numpy.random.Generator or None
        In its first state; None where no seed was asked for, so that any will do.
    """
    texts = {str(position): list(strings) for position, strings in table.texts.items()}
    parts: dict[str, Any] = {
        "the rows": [hashlib.sha256(table.codes.tobytes()).hexdigest(), texts],
        "the columns": table.schema.to_dict(),
        "the rows to write": sorted((int(label), int(n)) for label, n in n_deficit.items()),
    }
    parts |= {
        name: repr(value) for name, value in parameters.items() if name not in _WITHOUT_EFFECT
    }
    if rng is not None:
        parts["random_state"] = repr(rng.bit_generator.state)
    return {name: _digest(part) for name, part in parts.items()}


def _digest(part: Any) -> str:
    return hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()
