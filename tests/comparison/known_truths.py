"""Tables of which we know whether balancing helps."""

from __future__ import annotations

import numpy as np
import pandas as pd

Labelled = tuple[pd.DataFrame, "pd.Series"]


def noise(seed: int, n_rows: int = 200, n_rare: int = 40) -> Labelled:
    """Features that have nothing to do with the class: no strategy can help."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "a": rng.normal(size=n_rows),
            "b": rng.normal(size=n_rows),
            "c": rng.choice(list("xyz"), n_rows),
        }
    )
    y = np.where(np.arange(n_rows) < n_rare, "rare", "usual")
    return X, pd.Series(y, name="kind")


def missing_variety(seed: int, n_rows: int = 700, n_rare: int = 45) -> Labelled:
    """Sub-groups of the rare class combine three independent factors, and most are never seen.

    Each factor has 12 values. A rare row has one of 6 in every factor: 216 sub-groups, and at most
    45 rows. A usual row has one of these 6 in two factors, one of the others in the third: so it is
    as near to any rare row as an unseen rare one is. To a classifier that goes by near rows, what
    the rare class lacks is its other combinations; rows that recombine its values have them, and
    repeated or interpolated rows do not.
    """
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 6, (n_rows, 3))
    usual = np.arange(n_rare, n_rows)
    codes[usual, rng.integers(0, 3, len(usual))] += 6
    columns = {}
    for at in range(3):
        names = np.array([f"value {code:02d}" for code in rng.permutation(12)])
        columns[f"factor {at}"] = names[codes[:, at]]
    y = np.where(np.arange(n_rows) < n_rare, "rare", "usual")
    return pd.DataFrame(columns), pd.Series(y, name="kind")
