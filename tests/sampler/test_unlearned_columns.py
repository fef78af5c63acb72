"""Identifiers and columns that are carried along, from fit to file."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from benchmarks._samplers import make_sampler
from counterpoise import LLMOverSampler
from counterpoise.constraints import Range
from counterpoise.errors import SchemaError
from counterpoise.report import report
from tests.small_models import QUICK

pytestmark = [
    pytest.mark.usefixtures("small_compact"),
    pytest.mark.filterwarnings("ignore:class .* too few to hold any out"),
]
N = 120
LEARNED = pd.DataFrame({"a": np.arange(N) % 7, "b": ["x", "y", "z", "x"] * (N // 4)})
X = LEARNED.assign(
    **{
        "customer": [f"C-{k:04d}" for k in np.random.default_rng(0).permutation(N)],
        "seen": pd.date_range("2020", periods=N, tz="Europe/Rome"),
        "visits": np.arange(N) + 2**60,
        "is new": np.arange(N) % 2 == 0,
    }
)[["customer", "a", "seen", "b", "visits", "is new"]]
Y = pd.Series(["no", "no", "yes"] * (N // 3), name="left")
CARRIED = ["seen", "visits", "is new"]


def sampler_of(**parameters) -> LLMOverSampler:
    return make_sampler(**{**QUICK, "passthrough_columns": CARRIED, **parameters})


@pytest.fixture
def fitted():
    sampler = sampler_of()
    return sampler, *sampler.fit_resample(X, Y)


def test_real_rows_stay_and_synthetic_ones_get_new_identifiers(fitted):
    sampler, resampled, y = fitted
    assert y.value_counts().to_dict() == {"no": 80, "yes": 80}
    assert [(c.name, c.kind) for c in sampler.unlearned_columns_] == [
        ("customer", "identifier"),
        *((name, "passthrough") for name in CARRIED),
    ]
    real = resampled[:N]
    pd.testing.assert_frame_equal(real.astype(X.dtypes), X)  # 2**60 + 1 too, which no float is
    assert resampled.dtypes[CARRIED].astype(str).tolist() == [
        str(X["seen"].dtype),
        "Int64",
        "boolean",
    ]
    assert resampled[N:][CARRIED].isna().all(axis=None)
    assert resampled["customer"].is_unique
    assert resampled["customer"].str.fullmatch(r"C-\d{4}").all()
    assert sampler.n_features_in_ == 6
    assert sampler.feature_names_in_.tolist() == list(X)


def test_the_model_does_not_see_them(fitted):
    sampler, resampled, _ = fitted
    other = make_sampler(**QUICK)
    expected, _ = other.fit_resample(LEARNED, Y)
    pd.testing.assert_frame_equal(resampled[["a", "b"]], expected)
    pd.testing.assert_frame_equal(sampler.provenance_, other.provenance_)
    assert [column.name for column in sampler.schema_] == ["a", "b"]
    scores = sampler.score_samples(X[:5], Y[:5])
    np.testing.assert_array_equal(scores, other.score_samples(LEARNED[:5], Y[:5]))
    np.testing.assert_array_equal(scores, sampler.score_samples(LEARNED[:5], Y[:5]))


def test_identifiers_of_further_rows_are_new_too(fitted, tmp_path):
    sampler, resampled, _ = fitted
    sampler.save(tmp_path / "saved")
    loaded = LLMOverSampler.load(tmp_path / "saved")
    assert loaded.unlearned_columns_ == sampler.unlearned_columns_
    assert loaded.feature_names_in_.tolist() == list(X)
    first, _ = sampler.sample(5, class_="yes")
    chunks = [chunk for chunk, _ in sampler.sample_chunks(5, chunk_size=2, class_="yes")]
    assert list(first) == list(X)
    made = pd.concat([resampled, first, *chunks])["customer"]
    assert len(made) == len(resampled) + 10
    assert made.is_unique
    pd.testing.assert_frame_equal(loaded.sample(5, class_="yes")[0], first)
    seeded = [sampler.sample(5, class_="yes", random_state=1)[0] for _ in range(2)]
    pd.testing.assert_frame_equal(*seeded)
    assert not seeded[0]["customer"].isin(resampled["customer"]).any()
    with pytest.raises(ValueError, match="condition names the column 'customer'"):
        sampler.sample(1, class_="yes", condition={"customer": "C-0001"})


def test_reports_say_what_is_not_learned(fitted):
    summary = report(fitted[0], holdout=(X[:60], Y[:60])).summary
    facts = {fact.name: (fact.kind, fact.domain) for fact in summary.facts}
    assert facts["customer"] == (
        "identifier",
        "not learned: synthetic rows get new values, such as C-0120, C-0121",
    )
    assert facts["visits"] == ("passthrough", "not learned: synthetic rows are missing here")
    shown = {column.name for section in summary.sections for column in section.columns}
    assert shown == {"a", "b"}


@pytest.mark.filterwarnings("ignore:column .* has another value in every row")
def test_declared_types_and_constraints_make_a_column_one_to_learn():
    frame = LEARNED.assign(row=np.arange(N))
    cases = (
        ({}, ["row"]),
        ({"id_columns": None}, []),
        ({"column_types": {"row": "integer"}}, []),
        ({"categorical_features": [2]}, []),
        ({"constraints": [Range("row", 0, 500)]}, []),
        ({"id_columns": ["b"]}, ["b"]),
    )
    for parameters, expected in cases:
        sampler = make_sampler(**QUICK, max_samples_seen=64, **parameters)
        sampler.fit(frame, Y)
        assert [column.name for column in sampler.unlearned_columns_] == expected


def test_features_are_counted_with_the_columns_that_are_not_learned():
    sampler = sampler_of(categorical_features=[1], max_samples_seen=64).fit(X, Y)
    assert sampler.schema_[0].kind == "categorical"
    assert sampler.schema_[0].name == "a"


def test_a_frame_of_polars():
    frame = pl.from_pandas(X)
    resampled, _ = sampler_of(max_samples_seen=64).fit_resample(frame, Y)
    assert resampled.schema == frame.schema
    assert resampled[:N].equals(frame)
    assert resampled["customer"].is_unique().all()
    assert resampled[N:].select(CARRIED).null_count().row(0) == (40, 40, 40)


@pytest.mark.filterwarnings("ignore:column .* has another value in every row")
def test_arrays_and_lists_have_identifiers_only_by_position():
    array = np.column_stack([np.arange(N), np.arange(N) % 7, np.arange(N) % 5])
    options = {**QUICK, "max_samples_seen": 64}
    sampler = make_sampler(**options)
    sampler.fit_resample(array, Y)
    assert sampler.unlearned_columns_ == []
    resampled, _ = make_sampler(**options, id_columns=[0]).fit_resample(array, Y)
    assert resampled.dtype == array.dtype
    assert resampled[:, 0].tolist() == list(range(N + 40))
    rows, _ = make_sampler(**options, id_columns=[0], passthrough_columns=[2]).fit_resample(
        array.tolist(), Y.tolist()
    )
    assert rows[N:][0][0] == N
    assert {row[2] for row in rows[N:]} == {None}
    floats, _ = make_sampler(**options, passthrough_columns=[2]).fit_resample(array * 1.0, Y)
    assert np.isnan(floats[N:, 2]).all()
    with pytest.raises(ValueError, match=r"2 is in passthrough_columns.*int64 has no missing"):
        make_sampler(**options, passthrough_columns=[2]).fit_resample(array, Y)


def test_mistakes_are_named_before_training():
    with pytest.raises(SchemaError, match="names the column 'Customer'"):
        make_sampler(**QUICK, id_columns=["Customer"]).fit(X, Y)
    with pytest.raises(SchemaError, match="no room for 40"):
        make_sampler(**QUICK).fit_resample(LEARNED.assign(id=np.arange(N, dtype="int8")), Y)


def test_arrays_that_follow_the_rows(fitted):
    sampler, _, y = fitted
    weights = np.where(Y == "yes", 3.0, 1.0) + np.arange(N) / N
    extended = sampler.extend(weights)
    assert extended.shape == y.shape
    np.testing.assert_array_equal(extended[:N], weights)
    np.testing.assert_allclose(extended[N:], weights[Y == "yes"].mean())
    two = sampler.extend(pd.DataFrame({"w": weights, "v": 2}))
    np.testing.assert_allclose(two[N:], [[extended[-1], 2]] * 40)
    assert sampler.extend(X["b"], fill="made")[N - 1 :].tolist() == ["x", *["made"] * 40]
    with pytest.raises(ValueError, match="for each of the 120 rows"):
        sampler.extend(weights[1:])
    with pytest.raises(ValueError, match="have no mean"):
        sampler.extend(X["b"])
