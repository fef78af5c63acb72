"""Rows of a model that has learned nothing: it chooses about evenly among what is permitted."""

from functools import cache

import numpy as np
import pandas as pd

from counterpoise.constraints._set import ConstrainedTable, apply_constraints
from counterpoise.generation._decoding import Sampling
from counterpoise.generation._generator import RowGenerator
from counterpoise.generation._prompts import ValueCounts
from counterpoise.generation._rejection_sampling import Drawing
from counterpoise.models._language_model import resolve_device
from counterpoise.models._llama import compact_model
from counterpoise.recipes import Recipe
from counterpoise.serialization import CharacterTokenizer, table_serializer, text_serializer


@cache
def untrained_model(n_tokens):
    return compact_model(n_tokens, 0, 16, 1, resolve_device("cpu", "float32")).eval()


def constrained(X, constraints, *, check=True, **types) -> ConstrainedTable:
    """The table as it is learned; all rows are of the class "rare"."""
    ready = apply_constraints(
        X,
        ["rare"] * len(X),
        "class",
        is_named=True,
        column_types=types,
        constraints=constraints,
        discovers=False,
    )
    if check:
        ready.check({"rare": 0})
    return ready


def untrained_rows(
    X,
    constraints,
    n_rows=64,
    *,
    fixed=None,
    text=False,
    permutation="label-first",
    seed=0,
    check=True,
    condition="feature",
    **types,
):
    """Rows as a frame, and the statistics of their rejection."""
    ready = constrained(X, constraints, check=check, **types)
    build = text_serializer if text else table_serializer
    serializer = build(ready.table, CharacterTokenizer())
    generator = RowGenerator(
        serializer,
        untrained_model(len(serializer.vocabulary)),
        Recipe(permutation=permutation, condition=condition),
        ValueCounts.of(ready.table),
        resolve_device("cpu", "float32"),
    )
    schema = ready.constraints.layout.schema
    codes = {
        at: column.code_of(fixed[column.name])
        for at, column in enumerate(schema)
        if column.name in (fixed or {})
    }
    rows, stats = generator.sample(
        "rare",
        n_rows,
        Sampling(batch_size=32),
        ready.constraints,
        rng=np.random.default_rng(seed),
        drawing=Drawing(),
        fixed=codes,
    )
    frame: pd.DataFrame = ready.constraints.layout.split(rows.table).to_frame().iloc[:, 1:]
    return frame, stats
