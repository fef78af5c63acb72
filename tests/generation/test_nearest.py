"""The nearest real row, compared with a naive reading of its definition."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.columns._schema import Schema
from counterpoise.columns._table import Table
from counterpoise.generation import _provenance as module
from counterpoise.generation._provenance import nearest
from tests.small_models import labelled_table, mixed_frame


def naive(one, other, schema):
    total = 0.0
    for column in list(schema)[1:]:
        a, b = one[column.name], other[column.name]
        if pd.isna(a) or pd.isna(b):
            total += pd.isna(a) != pd.isna(b)
        elif hasattr(column, "low") and column.high > column.low:
            span = column.decode(np.array([column.low, column.high]))
            total += min(1, abs((a - b) / (span.iloc[1] - span.iloc[0])))
        elif column.kind == "ordered":
            ranks = column.categories
            total += abs(ranks.index(a) - ranks.index(b)) / (len(ranks) - 1)
        else:
            total += a != b
    return total / (len(schema) - 1)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), most_pairs=st.sampled_from([1, 50, 10**6]))
def test_it_is_the_row_at_the_least_distance(seed, most_pairs):
    frame, labels = mixed_frame(30, seed)
    level = pd.CategoricalDtype(["low", "mid", "high"], ordered=True)
    frame["level"] = pd.Series(["low", "high", "mid", None, "low"] * 6, dtype=level)
    frame["note"] = [f"note {i % 7} with some words in it" for i in range(30)]
    schema = Schema.infer(frame.assign(churn=labels)[["churn", *frame]], kinds={"note": "text"})
    table = Table.from_frame(frame.assign(churn=labels)[["churn", *frame]], schema)
    made, real = table.take(range(10)), table.take(range(10, 30))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_PAIRS", most_pairs)
        distance, row = nearest(made, real)
    ones, others = made.to_frame(), real.to_frame()
    for at in range(10):
        expected = [naive(ones.iloc[at], others.iloc[i], schema) for i in range(20)]
        assert distance[at] == pytest.approx(min(expected), abs=1e-6)
        assert expected[row[at]] == pytest.approx(min(expected), abs=1e-6)


def test_an_equal_row_is_at_no_distance_and_the_first_of_several_is_named():
    table = labelled_table(*mixed_frame(20))
    twice = table.take([*range(20), *range(20)])
    distance, row = nearest(table, twice)
    assert (distance == 0).all()
    assert row.tolist() == list(range(20))


def test_long_integers_and_values_beyond_the_range():
    frame = pd.DataFrame({"class": list("aab"), "id": [2**60, 2**60 + 2**40, 2**60 + 2**41]})
    table = Table.from_frame(frame, Schema.infer(frame))
    distance, _ = nearest(table.take([2]), table.take([0, 1]))
    assert distance[0] == pytest.approx(0.5)
