"""Fill the classes with rows of a trained writer, and account for each row."""

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
from counterpoise.constraints._set import ConstraintSet
from counterpoise.generation._condition import Fixed
from counterpoise.generation._decoding import Generated, Sampling
from counterpoise.generation._generator import RowGenerator
from counterpoise.generation._prompts import Prompts
from counterpoise.generation._provenance import describe_origin
from counterpoise.generation._rejection_sampling import (
    SMALLEST_BOUND,
    RejectionStats,
    sample_with_rejection,
)

DRAWS_PER_LABELLED_ROW = 100
"""How many draws a row may take on average where rows are labelled after they are written."""


@dataclass(frozen=True, slots=True)
class RowSampler:
    """A writer and what its rows must satisfy.

    Attributes
    ----------
    writer : RowWriter
    constraints : ConstraintSet
    sampling : Sampling
    progress : Progress
    """

    row_generator: RowGenerator
    constraints: ConstraintSet
    sampling: Sampling
    progress: Progress

    def draw(
        self, class_: Any, n_rows: int, rng: np.random.Generator, fixed: Fixed | None = None
    ) -> tuple[Generated, Prompts, RejectionStats]:
        """Write exactly `n_rows` rows of a class that satisfy the rules, as they are learned.

        Raises
        ------
        DecodingError
            If the rules reject too many.
        """
        schema = self.row_generator.serializer.schema
        label = label_code(schema, class_)

        def draw(n: int) -> tuple[Generated, Prompts]:
            given = None
            if fixed is not None:
                given = fixed.draw(n, self.row_generator.rows.value_counts, label, rng)
            return self.row_generator.write(
                label, n, self.sampling, rng=rng, progress=self.progress, given=given
            )

        labelling = self.row_generator.acceptance(label)
        advice = self.row_generator.advice()
        return sample_with_rejection(
            draw,
            {**labelling, **self.constraints.accepts()},
            n_rows,
            prefer=None
            if self.row_generator.selection_classifier is None
            else self.row_generator.selection_classifier.margin,
            class_=class_,
            most_drawn=max(DRAWS_PER_LABELLED_ROW * n_rows, SMALLEST_BOUND) if labelling else None,
            advice="; ".join([*advice, *self.constraints.advice(label)]),
        )


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
    redraws : dict of object to Redraws
        By class, what it took.
    seconds : float
        How long it took to write them.
    """

    rows: pd.DataFrame
    provenance: pd.DataFrame
    copy_rate: float
    rejection_stats: dict[Any, RejectionStats]
    seconds: float


def fill(
    row_sampler: RowSampler, observed: Table, n_rows: Mapping[Any, int], rng: np.random.Generator
) -> Filling:
    """Write the rows that each class lacks; at least one in all.

    Parameters
    ----------
    observed : Table
        The real rows as they are, label first.
    n_rows : mapping of object to int
        By class, how many.
    """
    rows, provenance, rejection_stats, n_copies = [], [], {}, 0
    seconds = 0.0
    assert row_sampler.constraints.real_rows is not None
    for class_, n in n_rows.items():
        started = time.perf_counter()
        generated, prompts, rejection_stats[class_] = row_sampler.draw(class_, n, rng)
        seconds += time.perf_counter() - started
        made = row_sampler.constraints.layout.split(generated.table)
        n_copies += int(row_sampler.constraints.real_rows.has(made).sum())
        rows.append(made.to_frame())
        provenance.append(
            describe_origin(generated, prompts, made, observed, row_sampler.constraints.layout)
        )
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
