"""What the values of prompts are drawn from."""

import numpy as np
import pandas as pd
from scipy.stats import chisquare

from counterpoise.columns import ABSENT, Schema, Table
from counterpoise.columns._frames import with_labels
from counterpoise.generation._prompts import ValueCounts

NO, YES = 0, 1


def counted() -> ValueCounts:
    sizes, labels = [1, 1, 1, 2, 5, 5], np.array(["yes"] * 4 + ["no"] * 2)
    frame = pd.DataFrame({"size": sizes, "note": [f"{i} words of it" for i in "abcdef"]})
    features = Table.from_frame(frame, Schema.infer(frame, kinds={"note": "text"}))
    table = with_labels(features, labels, "t")
    absent = table.take([0])
    absent.codes[:, 1:] = ABSENT
    codes = np.concatenate([table.codes, absent.codes])
    return ValueCounts.of(Table(table.schema, codes, table.texts))


def test_values_are_counted_by_class_and_column():
    value_counts = counted()
    assert value_counts.labels.tolist() == [NO, YES]
    assert [part.tolist() for part in value_counts.values(YES, 1)] == [[1, 2], [3, 1]]
    assert [part.tolist() for part in value_counts.values(None, 1)] == [[1, 2, 5], [3, 1, 2]]
    assert value_counts.features(YES) == value_counts.features(None) == [1], "no free text"
    assert not len(value_counts.values(7, 1)[0])


def test_values_are_drawn_as_often_as_they_occur():
    """Fails by chance once in a million runs, if the seed were not fixed."""
    drawn = counted().draw(None, 1, 6000, np.random.default_rng(0))
    values, n_each = np.unique(drawn, return_counts=True)
    assert values.tolist() == [1, 2, 5]
    assert chisquare(n_each, [3000, 1000, 2000]).pvalue > 1e-6
