"""Rows made of the cells of real rows of the class: what a model has to beat, without any model.

- ``"shuffled"``: every column by itself, so that no two columns go together.
- ``"shuffled-selected"``: the same rows through the selection of `counterpoise`, by the same code.
- ``"munge"``: Bucila, Caruana and Niculescu-Mizil, "Model compression", KDD 2006.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise._munge import munge as library_munge
from counterpoise.columns import Schema, Table
from counterpoise.columns._frames import with_labels
from counterpoise.generation._rejection_sampling import GeneratedRows, draw_accepted
from counterpoise.generation._selection import Likeliest, SelectionClassifier


def shuffle_columns(
    X: pd.DataFrame,
    y: npt.NDArray[Any],
    class_: Any,
    n_rows: int,
    rng: np.random.Generator,
    *,
    categorical: Sequence[Any],
    selects: bool = False,
) -> pd.DataFrame:
    """Return rows whose cells are drawn from those of the class, each column by itself.

    With `selects`, only rows that three classifiers of the real rows call likeliest of the class.
    """
    features = Table.from_frame(X, Schema.infer(X, kinds=dict.fromkeys(categorical, "categorical")))
    table = with_labels(features, y, None, is_named=False)
    own = table.take(y == class_)

    def draw(n: int) -> GeneratedRows:
        codes = np.column_stack([rng.choice(column, n) for column in own.codes.T])
        unused, no_figures = np.zeros(n, dtype=np.int64), np.zeros(n)
        return GeneratedRows(Table(own.schema, codes, own.texts), unused, no_figures, unused)

    classifier = SelectionClassifier.fit(table, rng) if selects else None
    if classifier is None:
        rows = draw(n_rows)
    else:
        rows, _ = draw_accepted(draw, n_rows, {}, Likeliest(classifier), class_=class_)
    return rows.table.to_frame().iloc[:, 1:]


def munge(
    X: pd.DataFrame,
    y: npt.NDArray[Any],
    class_: Any,
    n_rows: int,
    rng: np.random.Generator,
    *,
    categorical: Sequence[Any],
) -> pd.DataFrame:
    """Return copies of the rows of the class that have exchanged cells with their neighbours."""
    own = X[y == class_]
    if len(own) < 2:
        raise ValueError(f"MUNGE needs two rows of a class; class {class_!r} has {len(own)}")
    return library_munge(own, n_rows, rng, categorical=categorical)


MIXED_CELLS: Mapping[str, Callable[..., pd.DataFrame]] = {
    "shuffled": shuffle_columns,
    "shuffled-selected": lambda *given, **options: shuffle_columns(*given, **options, selects=True),
    "munge": munge,
}
