"""Metrics of diversity against references and closed forms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from counterpoise.columns import Schema
from counterpoise.metrics import Sample
from counterpoise.metrics import _builtin as diversity
from counterpoise.metrics._distance import distances, encode
from tests.metrics.frames import made_rows

REAL, MADE = made_rows(60, 0), made_rows(45, 1)
SCHEMA = Schema.infer(pd.concat([REAL, MADE]))


def sample(real: pd.DataFrame, made: pd.DataFrame, schema: Schema = SCHEMA) -> Sample:
    return Sample.from_frames(real, made, schema)


def gaps_of(real: pd.DataFrame, made: pd.DataFrame) -> tuple[np.ndarray, ...]:
    rows, others = encode(SCHEMA, [real], [made])
    return distances(rows, rows), distances(rows, others), distances(others, others)


@pytest.mark.parametrize("k", [1, 5])
def test_density_and_coverage_are_those_of_their_paper(k: int) -> None:
    within, across, _ = gaps_of(REAL, MADE)
    radii = np.sort(within, axis=1)[:, k]  # the row itself is the nearest
    hits = [[across[i, j] <= radii[i] for j in range(len(MADE))] for i in range(len(REAL))]
    density = np.array(hits).sum() / (k * len(MADE))
    coverage = np.mean([any(row) for row in hits])
    assert diversity.density(sample(REAL, MADE), k=k) == pytest.approx(density)
    assert diversity.coverage(sample(REAL, MADE), k=k) == pytest.approx(coverage)


def test_beta_recall_is_that_of_its_definition() -> None:
    within, across, among = gaps_of(REAL, MADE)
    radii = np.sort(within, axis=1)[:, 5]
    n = len(MADE)
    central = among.sum(axis=1, dtype=float) / (n - 1)
    differences, levels = 0.0, [b / 20 for b in range(1, 21)]
    for level in levels:
        core = np.quantile(central, level)
        hits = 0
        for i in range(len(REAL)):
            j = int(across[i].argmin())
            hits += across[i, j] <= radii[i] and central[j] <= core
        differences += abs(hits / len(REAL) - level)
    expected = 1 - differences / sum(levels)
    assert diversity.beta_recall(sample(REAL, MADE)) == pytest.approx(expected)


def test_coverage_and_density_of_rows_of_the_same_distribution() -> None:
    random = np.random.default_rng(0)
    schema = Schema.infer(pd.DataFrame(random.normal(size=(9, 3)), columns=list("abc")))
    covered, dense = [], []
    for _ in range(15):
        frames = [pd.DataFrame(random.normal(size=(150, 3)), columns=list("abc")) for _ in "rs"]
        covered.append(diversity.coverage(sample(*frames, schema), k=3))
        dense.append(diversity.density(sample(*frames, schema), k=3))
    # coverage 1 - 2**-3 by the paper's lemma, standard error of the mean 0.01
    assert np.mean(covered) == pytest.approx(1 - 2**-3, abs=0.04)
    assert np.mean(dense) == pytest.approx(1, abs=0.1)


def test_repeated_rows_cover_everything_and_rows_of_one_kind_do_not() -> None:
    assert diversity.coverage(sample(REAL, REAL)) == 1
    assert diversity.subgroup_coverage(sample(REAL, REAL)) == 1
    one = pd.concat([REAL.iloc[[0]]] * 50, ignore_index=True)
    assert diversity.coverage(sample(REAL, one)) < 0.3
    assert diversity.subgroup_coverage(sample(REAL, one)) < 0.5
    assert diversity.distinct_row_rate(sample(REAL, one)) == 1 / 50
    assert diversity.mean_pairwise_distance(sample(REAL, one)) == 0
    assert diversity.joint_entropy(sample(REAL, one)) == 0
    assert diversity.column_entropy(sample(REAL, one)).tolist() == [0] * 6
    assert diversity.beta_recall(sample(REAL, one)) < diversity.beta_recall(sample(REAL, MADE))


def test_subgroups_are_those_of_a_table_that_has_some() -> None:
    random = np.random.default_rng(2)
    kind = np.repeat([0, 1], [15, 5])
    real = pd.DataFrame({"kind": kind, "x": kind * 10 + random.random(20)})
    real["name"] = np.array(["left", "right"])[kind]
    schema = Schema.infer(real)
    made = real[kind == 0]
    assert sorted(np.bincount(sample(real, made, schema).real.groups)) == [5, 15]
    assert diversity.subgroup_coverage(sample(real, made, schema)) == 0.5


def test_mean_pairwise_distance_of_uniform_numbers() -> None:
    frame = pd.DataFrame({"x": np.arange(400.0), "y": np.random.default_rng(3).permutation(400)})
    # 1/3 but for the rank of a row itself: (n + 1) / (3 n)
    expected = 401 / 1200
    found = diversity.mean_pairwise_distance(sample(frame, frame, Schema.infer(frame)))
    assert found == pytest.approx(expected, abs=1e-6)


def test_entropies_and_support_by_column() -> None:
    names = [column.name for column in sample(REAL, MADE).rows.columns]
    found = dict(zip(names, diversity.column_entropy(sample(REAL, MADE)), strict=True))
    counts = MADE["member"].value_counts().to_numpy()
    assert found["member"] == pytest.approx(stats.entropy(counts) + 1 / (2 * len(MADE)))
    few = MADE[MADE["colour"] == "a"]
    covered = diversity.support_coverage(sample(REAL, few))
    assert covered[names.index("colour")] == 1 / 4  # a, b, c and missing
    assert diversity.support_coverage(sample(REAL, REAL)).tolist() == [1] * 6
    assert set(names) == set(REAL.columns)


def test_taking_rows_of_a_sample_gives_the_sample_of_these_rows() -> None:
    whole = sample(REAL, MADE)
    rows = np.array([3, 7, 7, 21, 40])
    taken = whole.take(rows)
    direct = sample(REAL, MADE.iloc[rows])
    assert np.array_equal(taken.to_real, direct.to_real)
    assert np.array_equal(taken.distances, direct.distances)
    assert np.array_equal(taken.bins, direct.bins)


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 rows are needed"):
        diversity.coverage(sample(REAL, MADE.iloc[:1]))
    with pytest.raises(ValueError, match="at least 2 real rows"):
        diversity.coverage(sample(REAL.iloc[:1], MADE))
