"""Metrics of fidelity against scipy and closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.stats import contingency

from counterpoise.columns import Schema
from counterpoise.metrics import Sample
from counterpoise.metrics._builtin import (
    alpha_precision,
    association_error,
    detection_auc,
    marginal_distance,
    two_sample_test,
)
from counterpoise.metrics._distance import associations, distances, encode
from tests.metrics.frames import made_rows

REAL, MADE = made_rows(60, 0), made_rows(45, 1)
SCHEMA = Schema.infer(pd.concat([REAL, MADE]))


def sample(
    real: pd.DataFrame, made: pd.DataFrame, schema: Schema = SCHEMA, *, seed: int = 0
) -> Sample:
    return Sample.from_frames(real, made, schema, random_state=seed)


def association_matrix(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    (rows,) = encode(schema, [frame])
    names = [column.name for column in rows.columns]
    matrix = pd.DataFrame(associations(rows, np.arange(len(names))), names, names)
    return matrix.loc[list(frame.columns), list(frame.columns)]


def gaps(prepared: Sample) -> dict[Any, float]:
    """Return the marginal distances by column."""
    names = [column.name for column in prepared.rows.columns]
    return dict(zip(names, marginal_distance(prepared), strict=True))


def test_numbers_have_the_kolmogorov_smirnov_distance() -> None:
    found = gaps(sample(REAL, MADE))
    for name in ("height", "visits"):
        expected = stats.ks_2samp(REAL[name], MADE[name]).statistic
        assert found[name] == pytest.approx(expected)
    # a missing cell is smaller than any number
    weights = [frame["weight"].fillna(-np.inf) for frame in (REAL, MADE)]
    assert found["weight"] == pytest.approx(stats.ks_2samp(*weights).statistic)


def test_categories_have_the_total_variation_distance() -> None:
    found = gaps(sample(REAL, MADE))["colour"]
    shares = [f["colour"].value_counts(normalize=True, dropna=False) for f in (REAL, MADE)]
    expected = shares[0].sub(shares[1], fill_value=0).abs().sum() / 2
    assert found == pytest.approx(expected)


def test_marginal_distance_at_their_ends() -> None:
    assert marginal_distance(sample(REAL, REAL)).tolist() == [0] * 6
    real = pd.DataFrame({"x": [1, 2, 3], "c": ["a", "b", "a"], "d": ["u", "u", "v"]})
    made = pd.DataFrame({"x": [7, 8], "c": ["z", "z"], "d": [None, None]})
    assert marginal_distance(sample(real, made, Schema.infer(real))).tolist() == pytest.approx(
        [1, 1, 1]
    )


def test_columns_agree_with_sdmetrics() -> None:
    single = pytest.importorskip("sdmetrics.single_column")
    found = gaps(sample(REAL, MADE))
    ours = 1 - found["visits"], 1 - found["member"]
    theirs = (
        single.KSComplement.compute(REAL["visits"], MADE["visits"]),
        single.TVComplement.compute(REAL["member"], MADE["member"]),
    )
    assert ours == pytest.approx(theirs)


def test_associations_are_scipys() -> None:
    frame = made_rows(200, 2)
    found = association_matrix(frame, Schema.infer(frame))
    both = frame.dropna(subset="weight")
    assert found.loc["height", "weight"] == pytest.approx(
        stats.spearmanr(both["height"], both["weight"]).statistic
    )
    table = pd.crosstab(frame["colour"].fillna("none"), frame["member"])
    cramer = contingency.association(table.to_numpy(), method="cramer")
    assert found.loc["colour", "member"] == pytest.approx(cramer)
    ranks = frame["height"].rank()
    groups = [ranks[frame["colour"].fillna("none") == c] for c in ("a", "b", "c", "none")]
    # the correlation ratio from the F statistic of an analysis of variance
    ratio = stats.f_oneway(*groups).statistic * 3 / (200 - 4)
    assert found.loc["height", "colour"] == pytest.approx(np.sqrt(ratio / (1 + ratio)))
    assert found.index.tolist() == frame.columns.tolist()
    assert np.allclose(found, found.T)


def test_associations_at_their_ends() -> None:
    n = np.arange(50)
    frame = pd.DataFrame({"x": n, "y": -(n**3), "one": 1, "c": np.where(n < 25, "a", "b")})
    frame["d"] = frame["c"].map({"a": "u", "b": "v"})
    frame["same"] = "k"
    found = association_matrix(frame, Schema.infer(frame))
    assert found.loc["x", "y"] == pytest.approx(-1)
    assert found.loc["c", "d"] == pytest.approx(1)
    assert found.loc["x", ["one", "same"]].tolist() == [0, 0]
    assert found.loc["c", ["one", "same"]].tolist() == [0, 0]


def test_pairs_are_those_of_a_bounded_number_of_columns() -> None:
    random = np.random.default_rng(6)
    wide = pd.DataFrame(random.normal(size=(30, 200)), columns=[f"c{at}" for at in range(200)])
    prepared = sample(wide, wide, Schema.infer(wide))
    assert len(prepared.real.paired_columns) == 64
    assert prepared.real.paired_columns[[0, -1]].tolist() == [0, 199]
    assert prepared.real.associations.shape == (64, 64)
    assert association_error(prepared) == 0
    few = sample(REAL, MADE).real
    assert few.paired_columns.tolist() == list(range(len(REAL.columns)))


def test_shuffled_columns_have_the_right_marginals_and_no_associations() -> None:
    random = np.random.default_rng(4)
    frame = made_rows(300, 3)
    schema = Schema.infer(frame)
    shuffled = frame.apply(lambda column: random.permutation(column.to_numpy()))
    shuffled = shuffled.astype(frame.dtypes)
    assert marginal_distance(sample(frame, shuffled, schema)).max() == pytest.approx(0)
    assert association_error(sample(frame, frame, schema)) == 0
    truth = association_matrix(frame, schema).abs().to_numpy()[np.tril_indices(6, -1)].mean()
    assert association_error(sample(frame, shuffled, schema)) > truth / 2


def test_alpha_precision_is_that_of_its_definition() -> None:
    rows, others = encode(SCHEMA, [REAL], [MADE])
    central = distances(rows, rows).sum(axis=1, dtype=float) / (len(REAL) - 1)
    made = distances(rows, others).mean(axis=0, dtype=float)
    levels = np.arange(1, 21) / 20
    curve = [np.mean(made <= np.quantile(central, level)) for level in levels]
    expected = 1 - np.abs(np.array(curve) - levels).sum() / levels.sum()
    assert alpha_precision(sample(REAL, MADE)) == pytest.approx(expected)


def test_alpha_precision_falls_outside_and_in_the_middle() -> None:
    frame = pd.DataFrame(np.random.default_rng(5).normal(size=(200, 3)), columns=list("abc"))
    schema = Schema.infer(frame)
    good = alpha_precision(sample(frame[:100], frame[100:], schema))
    assert good > 0.85
    assert alpha_precision(sample(frame[:100], frame[100:] * 0.05, schema)) < 0.3
    assert alpha_precision(sample(frame[:100], frame[100:] + 30, schema)) < 0.1


def test_a_classifier_cannot_tell_rows_of_one_distribution() -> None:
    values = []
    for seed in range(4):
        frames = made_rows(80, seed), made_rows(80, seed + 50)
        test = two_sample_test(sample(*frames, seed=seed))
        values.append(test.p_value)
        assert test.interval[0] < 0.5 < test.interval[1] or test.p_value < 0.05
    # all four below one half by chance: 1 in 16; one below 0.001: 1 in 250; the seeds are fixed
    assert max(values) > 0.5
    assert min(values) > 0.001
    auc = detection_auc(sample(made_rows(120, 1), made_rows(120, 2)))
    assert auc.interval[0] < 0.5 < auc.interval[1]


def test_a_classifier_tells_what_is_plainly_made() -> None:
    made = MADE.assign(height=MADE["height"] + 60, colour="c")
    test = two_sample_test(sample(REAL, made))
    assert test.value > 0.9
    assert test.p_value is not None
    assert test.p_value < 1e-6
    assert detection_auc(sample(REAL, made)).interval[0] > 0.95
