"""The log-likelihood that a fitted over-sampler gives to real rows that it was not trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from counterpoise.columns._table import Table
from counterpoise.errors import SchemaError

if TYPE_CHECKING:
    from counterpoise import LLMOverSampler

_N_ORDERS = 3


def codes_within_schema(sampler: LLMOverSampler, rows: pd.DataFrame, label: int) -> Any:
    """Return rows as codes, the label first, shape (n, n_columns).

    Rows with a value outside of what training showed have no likelihood and are left out.
    """
    codes = []
    for i in range(len(rows)):
        try:
            features = Table.from_frame(rows.iloc[[i]], sampler.schema_).codes[0]
        except SchemaError:
            continue
        codes.append(np.concatenate([[label], features]))
    return np.array(codes, dtype=np.int64)


def held_out_log_likelihood(
    sampler: LLMOverSampler, rows: pd.DataFrame, class_: Any
) -> dict[str, Any]:
    """Return the mean log-likelihood per row (nats, given the label, over random orders).

    ``n_held_out`` says of how many rows it is.
    """
    from counterpoise.generation._scoring import Scorer
    from counterpoise.serialization._serializer import serialize

    generator = sampler.generator_
    serializer = generator.serializer
    label = serializer.schema[0]
    label_code = int(label.encode(pd.Series([class_], name=label.name, dtype=label.dtype))[0])
    codes = codes_within_schema(sampler, rows, label_code)
    if not len(codes):
        return {"held_out_log_likelihood": None, "n_held_out": 0}
    corpus = serialize(Table(serializer.schema, codes, {}), serializer)
    scorer = Scorer(generator.model, serializer.grammar, generator.device)
    rng = np.random.default_rng(0)
    loss = scorer.loss_per_row(corpus, generator.recipe.permutation, rng, _N_ORDERS)
    return {"held_out_log_likelihood": -loss, "n_held_out": len(codes)}
