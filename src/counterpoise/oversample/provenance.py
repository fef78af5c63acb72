"""Where synthetic rows came from."""

from __future__ import annotations

import pandas as pd

from counterpoise.model.generation import Generated
from counterpoise.oversample.condition import LABEL_ONLY, Prompts


def describe_origin(generated: Generated, prompts: Prompts, frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a synthetic row: class, condition column and value, log-likelihood.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, 1 + n_features)
        The generated rows, label first.
    """
    names = [None, *(column.name for column in generated.table.schema.columns[1:])]
    values = [
        None if position == LABEL_ONLY else frame.iat[row, position]
        for row, position in enumerate(prompts.condition.tolist())
    ]
    return pd.DataFrame(
        {
            "class": frame.iloc[:, 0].to_numpy(),
            "condition_column": [names[position] for position in prompts.condition],
            "condition_value": pd.Series(values, dtype=object),
            "log_likelihood": generated.log_likelihood,
        }
    )
