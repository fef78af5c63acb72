"""Fill the classes with rows of a trained generator, and account for each row."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from counterpoise._progress import Progress
from counterpoise.columns._schema import Schema
from counterpoise.columns._table import Table
from counterpoise.constraints._no_copies import RealRows
from counterpoise.constraints._set import ConstraintSet
from counterpoise.generation._condition import Fixed
from counterpoise.generation._decoding import Generated, Sampling
from counterpoise.generation._generator import RowGenerator
from counterpoise.generation._prompts import Prompts
from counterpoise.generation._provenance import describe_origin
from counterpoise.generation._rejection_sampling import (
    DRAWS_PER_ROW,
    RejectionSampler,
    RejectionStats,
)

DRAWS_PER_LABELLED_ROW = 100
"""How many draws a row may take on average where rows are labelled after they are generated."""


@dataclass(frozen=True, slots=True)
class RowSampler:
    """A generator, and what its rows must satisfy."""

    row_generator: RowGenerator
    constraints: ConstraintSet
    sampling: Sampling
    progress: Progress

    def draw(
        self, class_: Any, n_rows: int, rng: np.random.Generator, fixed: Fixed | None = None
    ) -> tuple[Generated, Prompts, RejectionStats]:
        """Generate exactly `n_rows` rows of a class that satisfy the constraints.

        A DecodingError says that too many are rejected.
        """
        generator = self.row_generator
        label = label_code(generator.serializer.schema, class_)

        def draw(n: int) -> tuple[Generated, Prompts]:
            given = None if fixed is None else fixed.draw(n, generator.value_counts, label, rng)
            return generator.generate(
                label, n, self.sampling, rng=rng, progress=self.progress, given=given
            )

        own = generator.acceptance(label)
        selection = generator.selection_classifier
        advice = [*generator.advice(), *self.constraints.advice(label)]
        return RejectionSampler(
            draw,
            {**own, **self.constraints.accepts()},
            margin=None if selection is None else selection.margin,
            class_=class_,
            max_draws_per_row=DRAWS_PER_LABELLED_ROW if own else DRAWS_PER_ROW,
            advice="; ".join(advice),
        ).sample(n_rows)


@dataclass(frozen=True, slots=True)
class Filling:
    """The rows that were lacking, and where they came from.

    Attributes
    ----------
    rows : DataFrame of shape (n_synthetic, 1 + n_features)
        Label first.
    provenance : DataFrame of shape (n_synthetic, 6)
    copy_rate : float
        Share of the rows that equal a real one.
    rejection_stats : dict of object to RejectionStats
        By class.
    seconds : float
        How long it took to generate them.
    """

    rows: pd.DataFrame
    provenance: pd.DataFrame
    copy_rate: float
    rejection_stats: dict[Any, RejectionStats]
    seconds: float


def fill(
    row_sampler: RowSampler, observed: Table, n_rows: Mapping[Any, int], rng: np.random.Generator
) -> Filling:
    """Generate the rows that each class lacks, by class; at least one in all.

    `observed` are the real rows as they are, label first.
    """
    rows, provenance, rejection_stats, n_copies = [], [], {}, 0
    seconds = 0.0
    constraints = row_sampler.constraints
    assert constraints.real_rows is not None
    real_rows = RealRows.of(constraints.real_rows)
    for class_, n in n_rows.items():
        started = time.perf_counter()
        generated, prompts, rejection_stats[class_] = row_sampler.draw(class_, n, rng)
        seconds += time.perf_counter() - started
        made = constraints.layout.split(generated.table)
        n_copies += int(real_rows.has(made).sum())
        rows.append(made.to_frame())
        provenance.append(describe_origin(generated, prompts, made, observed, constraints.layout))
    whole = pd.concat(rows, ignore_index=True)
    return Filling(
        rows=whole,
        provenance=pd.concat(provenance, ignore_index=True),
        copy_rate=n_copies / len(whole),
        rejection_stats=rejection_stats,
        seconds=seconds,
    )


def label_code(schema: Schema, class_: Any) -> int:
    """Return the code of a class in the label column, the first of `schema`."""
    label = schema[0]
    return int(label.encode(pd.Series([class_], name=label.name, dtype=label.dtype))[0])
