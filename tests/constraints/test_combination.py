"""Combinations of codes, found without a loop over rows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from counterpoise.columns import ABSENT, MISSING
from counterpoise.constraints._layout import Combination, distinct_rows

CODES = st.sampled_from([MISSING, ABSENT, -(2**62), -1, 0, 1, 2, 2**62])


def rows(n_columns: int) -> st.SearchStrategy[np.ndarray]:
    sizes = st.integers(0, 12)
    return sizes.flatmap(lambda n: arrays(np.int64, (n, n_columns), elements=CODES))


@given(st.integers(1, 4).flatmap(lambda n: st.tuples(rows(n), rows(n))))
def test_rows_are_found_by_all_their_codes(both):
    observed, given_rows = both
    known = distinct_rows(observed)[0]
    joined = Combination(tuple(range(observed.shape[1])), known).join(given_rows)
    places = {tuple(row): at for at, row in enumerate(known.tolist())}
    assert joined.tolist() == [places.get(tuple(row), ABSENT) for row in given_rows.tolist()]


@given(rows(3))
def test_distinct_rows_are_ascending_and_counted(codes):
    found, counts = distinct_rows(codes)
    expected, n_each = np.unique(codes, axis=0, return_counts=True)
    assert found.tolist() == expected.tolist()
    assert counts.tolist() == n_each.tolist()
