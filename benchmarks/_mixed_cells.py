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
from sklearn.neighbors import NearestNeighbors

from counterpoise.columns import Schema, Table
from counterpoise.columns._frames import with_labels
from counterpoise.generation._rejection_sampling import GeneratedRows, draw_accepted
from counterpoise.generation._selection import Likeliest, SelectionClassifier

_MAX_DECIMALS = 10


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
    p: float = 0.5,
    s: float = 1.0,
) -> pd.DataFrame:
    """Return copies of the rows of the class, in which nearest neighbours have exchanged cells.

    In each pass, every row meets its nearest neighbour; with probability `p` each, two categories
    change places, and two numbers are drawn anew around each other, with their difference over `s`
    as standard deviation.

    NOTE[DIFF] Numbers are rounded as the real ones are, neighbours are those of the real rows, and
    where a number is missing, the two cells change places.
    """
    own = X[y == class_].reset_index(drop=True)
    if len(own) < 2:
        raise ValueError(f"MUNGE needs two rows of a class; class {class_!r} has {len(own)}")
    is_category = own.columns.isin(list(categorical))
    numbers = own.loc[:, ~is_category].astype(float).to_numpy()
    codes = np.column_stack(
        [
            np.empty((len(own), 0), dtype=int),
            *(pd.factorize(own[c])[0] for c in own.columns[is_category]),
        ]
    )
    neighbour = _nearest_neighbours(numbers, codes)
    decimals = [_n_decimals(column) for column in numbers.T]
    passes = []
    for _ in range(-(-n_rows // len(own))):
        new_numbers, new_codes = numbers.copy(), codes.copy()
        for row, other in enumerate(neighbour):
            pair, swapped = np.array([row, other]), np.array([other, row])
            swaps = np.flatnonzero(rng.random(codes.shape[1]) < p)
            new_codes[np.ix_(pair, swaps)] = new_codes[np.ix_(swapped, swaps)]
            changes = np.flatnonzero(rng.random(numbers.shape[1]) < p)
            around = new_numbers[np.ix_(swapped, changes)]
            spread = np.nan_to_num(np.abs(around[0] - around[1]) / s)
            new_numbers[np.ix_(pair, changes)] = rng.normal(around, spread)
        passes.append((new_numbers, new_codes))
    all_numbers, all_codes = (np.concatenate(part)[:n_rows] for part in zip(*passes, strict=True))
    columns: dict[Any, Any] = {}
    for name, column, places in zip(
        own.columns[~is_category], all_numbers.T, decimals, strict=True
    ):
        columns[name] = column.round(places)
    for name, column in zip(own.columns[is_category], all_codes.T, strict=True):
        values: list[Any] = [*pd.factorize(own[name])[1], None]  # -1 is the code of a missing cell
        columns[name] = pd.Series([values[code] for code in column], dtype=object)
    return pd.DataFrame(columns)[list(own.columns)].astype(own.dtypes)


def _nearest_neighbours(
    numbers: npt.NDArray[np.float64], codes: npt.NDArray[Any]
) -> npt.NDArray[np.int64]:
    """Return the nearest other row of each: standardised numbers, categories equal or not."""
    frame = pd.DataFrame(numbers)
    scaled = ((frame - frame.mean()) / frame.std().replace(0.0, np.nan)).fillna(0.0).to_numpy()
    one_hot = np.empty((len(codes), 0))
    if codes.shape[1]:  # pandas refuses a frame without columns
        one_hot = pd.get_dummies(pd.DataFrame(codes).astype(str)).to_numpy(dtype=float)
    points = np.hstack(
        [scaled, one_hot / np.sqrt(2)]
    )  # two categories that differ: a distance of 1
    found = NearestNeighbors(n_neighbors=1).fit(points).kneighbors(return_distance=False)
    return np.asarray(found[:, 0])


def _n_decimals(numbers: npt.NDArray[np.float64]) -> int:
    """Return how many decimals the numbers have."""
    known = numbers[~np.isnan(numbers)]
    for n in range(_MAX_DECIMALS):
        if np.allclose(known, known.round(n), rtol=1e-12, atol=10.0 ** -(n + 4)):
            return n
    return _MAX_DECIMALS


MIXED_CELLS: Mapping[str, Callable[..., pd.DataFrame]] = {
    "shuffled": shuffle_columns,
    "shuffled-selected": lambda *given, **options: shuffle_columns(*given, **options, selects=True),
    "munge": munge,
}
