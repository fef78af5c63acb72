"""Where synthetic rows came from, and which real rows they are near to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from counterpoise.columns._schema import Schema
from counterpoise.columns._table import Table
from counterpoise.constraints._fixed_combinations import Layout
from counterpoise.generation._decoding import Generated
from counterpoise.generation._prompts import LABEL_ONLY, Prompts
from counterpoise.metrics._distance import encode, nearest


def describe_origin(
    generated: Generated, prompts: Prompts, made: Table, observed: Table, layout: Layout
) -> pd.DataFrame:
    """Return one row a synthetic row of a single class.

    Parameters
    ----------
    generated, prompts : Generated, Prompts
        The rows as they were written, and what with.
    made : Table
        The same rows in the user's columns, label first.
    observed : Table
        The real rows in these columns, of every class.

    Returns
    -------
    DataFrame of shape (n_rows, 6)
        ``class``; ``condition_column`` and ``condition_value`` (None where the prompt was the
        class alone; tuples for a fixed combination); ``log_likelihood`` in nats;
        ``nearest_distance`` to the real rows of the class, in [0, 1] (see `metrics._distance`),
        and ``nearest_row``, the position in X of the first row at that distance.
        Where rows were read from free text also ``invalid_cells``, how many cells were not
        possible as they were written.
    """
    frame = made.to_frame()
    names: list[Any] = [None]
    for members in layout.members[1:]:
        columns = tuple(made.schema[member].name for member in members)
        names.append(columns if len(members) > 1 else columns[0])
    condition_columns = pd.Series(
        [names[position] for position in prompts.condition.tolist()], dtype=object
    )
    values = [
        _value(frame, row, layout.members[position]) if position != LABEL_ONLY else None
        for row, position in enumerate(prompts.condition.tolist())
    ]
    distance, row = np.empty(0, dtype=np.float32), np.empty(0, dtype=np.int64)
    if len(made):
        of_class = np.flatnonzero(observed.codes[:, 0] == made.codes[0, 0])
        features = Schema(made.schema.columns[1:])  # not the label
        real, synthetic = encode(features, [observed.take(of_class).to_frame()], [frame])
        distance, row = nearest(synthetic, real)
        row = of_class[row]
    origin = pd.DataFrame(
        {
            "class": frame.iloc[:, 0].to_numpy(),
            "condition_column": condition_columns,
            "condition_value": pd.Series(values, dtype=object),
            "log_likelihood": generated.log_likelihood,
            "nearest_distance": distance.astype(np.float64),
            "nearest_row": row,
        }
    )
    if generated.n_invalid is not None:
        origin["invalid_cells"] = generated.n_invalid
    return origin


def _value(frame: pd.DataFrame, row: int, members: tuple[int, ...]) -> Any:
    cells = tuple(frame.iat[row, member] for member in members)
    return cells if len(cells) > 1 else cells[0]
