"""The distance between rows of mixed types, against a reference that is slow and plain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks._samplers import make_sampler
from counterpoise.columns import Schema
from counterpoise.errors import SchemaError
from counterpoise.metrics import _distance as distance
from counterpoise.metrics._distance import distances, encode, nearest
from tests.metrics.frames import made_rows
from tests.small_models import QUICK, mixed_frame


def plain_position(real: list[float], value: float) -> float:
    """Share of real values below, with half of the equal ones; straight lines in between."""
    values = sorted(set(real))
    ranks = [
        (sum(v < at for v in real) + sum(v <= at for v in real)) / 2 / len(real) for at in values
    ]
    span = values[-1] - values[0]
    if value < values[0]:
        return ranks[0] - (values[0] - value) / span
    if value > values[-1]:
        return ranks[-1] + (value - values[-1]) / span
    return float(np.interp(value, values, ranks))


def plain_distance(real: pd.DataFrame, one: pd.Series[Any], other: pd.Series[Any]) -> float:
    gaps = []
    for name in real.columns:
        a, b = one[name], other[name]
        if pd.isna(a) or pd.isna(b):
            gaps.append(float(pd.isna(a) != pd.isna(b)))
        elif name in ("colour", "member"):
            gaps.append(float(a != b))
        else:
            known = real[name].dropna()
            if name == "since":
                known, a, b = known.astype("int64"), *(pd.Series([a, b]).astype("int64"))
            known = [float(v) for v in known]
            positions = [plain_position(known, float(value)) for value in (a, b)]
            gaps.append(min(1.0, abs(positions[0] - positions[1])))
    return float(np.mean(gaps))


def test_equal_to_the_plain_reference() -> None:
    real, other = made_rows(15, 0), made_rows(6, 1)
    schema = Schema.infer(real)
    real["since"] = real["since"].astype("datetime64[us]")
    other["since"] = other["since"].astype("datetime64[us]")
    other.loc[0, "height"] = 500.0  # beyond all real ones
    rows, others = encode(schema, [real], [other])
    found = distances(rows, others)
    for i in range(len(real)):
        for j in range(len(other)):
            expected = plain_distance(real, real.iloc[i], other.iloc[j])
            assert found[i, j] == pytest.approx(expected, abs=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_it_is_a_metric(seed: int) -> None:
    frame = made_rows(12, seed)
    (rows,) = encode(Schema.infer(frame), [frame])
    gaps = distances(rows, rows)
    assert (gaps.diagonal() == 0).all()
    assert np.allclose(gaps, gaps.T)
    assert gaps.min() >= 0
    assert gaps.max() <= 1
    assert (gaps[:, :, None] <= gaps[:, None, :] + gaps[None, :, :].transpose(0, 2, 1) + 1e-5).all()


def test_units_and_long_tails_do_not_matter() -> None:
    frame = made_rows(40, 3)
    stretched = frame.assign(height=np.exp(frame["height"] / 10), visits=frame["visits"] ** 3)
    gaps = []
    for each in (frame, stretched):
        (rows,) = encode(Schema.infer(each, kinds={"height": "decimal"}), [each])
        gaps.append(distances(rows, rows))
    assert np.allclose(gaps[0], gaps[1], atol=1e-5)


def test_pieces_and_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    frame, other = made_rows(30, 4), made_rows(17, 5)
    rows, others = encode(Schema.infer(frame), [frame], [other])
    whole = distances(rows, others)
    monkeypatch.setattr(distance, "_PAIRS_PER_CHUNK", 50)
    assert np.array_equal(distances(rows, others), whole)
    distance_, position = nearest(rows, others)
    assert np.array_equal(distance_, whole.min(axis=1))
    assert np.array_equal(position, whole.argmin(axis=1))


def test_rows_that_are_the_same_have_the_same_key() -> None:
    frame = made_rows(20, 6)
    rows, others = encode(Schema.infer(frame), [frame], [frame.assign(height=frame["height"] + 1)])
    again = encode(Schema.infer(frame), [pd.concat([frame, frame])])[0].keys()
    assert again[:20] == again[20:]
    assert len(set(rows.keys())) == 20
    assert not set(rows.keys()) & set(others.keys())


def test_other_generators_types_are_read() -> None:
    real = pd.DataFrame({"age": [20, 30, 40], "code": [1, 2, 1], "plan": ["a", "b", "a"]})
    schema = Schema.infer(real, kinds={"code": "categorical"})
    made = pd.DataFrame({"plan": ["a", "c"], "age": [20.0, 31.5], "code": [1.0, 2.0]})
    rows, others = encode(schema, [real], [made])
    assert rows.keys()[0] == others.keys()[0]
    assert distances(rows, others)[1, 1] == pytest.approx((0.05 + 0 + 1) / 3)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({"age": [1]}, "lacks the columns"),
        ({"age": ["old"], "plan": ["a"]}, "holds 'old'"),
    ],
)
def test_what_cannot_be_compared_is_refused(made: dict[str, list[Any]], message: str) -> None:
    real = pd.DataFrame({"age": [20, 30], "plan": ["a", "b"]})
    with pytest.raises(SchemaError, match=message):
        encode(Schema.infer(real), [real], [pd.DataFrame(made)])
    with pytest.raises(SchemaError, match="no real row"):
        encode(Schema.infer(real), [real.iloc[:0]], [real])


def test_ordered_categories_stand_in_their_order() -> None:
    sizes = pd.Categorical(["s", "m", "l", "l"], categories=["s", "m", "l"], ordered=True)
    real = pd.DataFrame({"size": sizes})
    (rows,) = encode(Schema.infer(real), [real])
    assert distances(rows, rows)[0].tolist() == pytest.approx([0, 0.25, 0.625, 0.625])


def test_beyond_the_real_rows_the_difference_grows_up_to_one() -> None:
    real = pd.DataFrame({"x": [0, 10, 20, 30]})
    made = pd.DataFrame({"x": [33, 10**6]})
    rows, others = encode(Schema.infer(real), [real], [made])
    assert distances(others, rows)[0].tolist() == pytest.approx([0.85, 0.6, 0.35, 0.1])
    assert distances(others, rows)[1].tolist() == [1, 1, 1, 1]


def test_an_equal_row_is_at_no_distance_and_the_first_of_several_is_named() -> None:
    frame, _ = mixed_frame(20)
    twice, rows = encode(Schema.infer(frame), [pd.concat([frame, frame])], [frame])
    distance_, position = nearest(rows, twice)
    assert (distance_ == 0).all()
    assert position.tolist() == list(range(20))


def test_long_integers_have_a_distance() -> None:
    frame = pd.DataFrame({"id": [2**60, 2**60 + 2**40, 2**60 + 2**41]})
    real, made = encode(Schema.infer(frame), [frame[:2]], [frame[2:]])
    assert distances(made, real).tolist() == [[1.0, 1.0]]


def test_provenance_and_report_name_the_same_row_on_a_long_tailed_column() -> None:
    random = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "income": np.exp(random.normal(8, 3, 90)).round(),  # from tens to millions
            "age": random.integers(18, 80, 90),
            "plan": random.choice(["a", "b"], 90),
        }
    )
    y = np.where(np.arange(90) % 3 == 0, "rare", "common")
    sampler = make_sampler(**QUICK)
    X_resampled, _ = sampler.fit_resample(X, y)
    of_class = np.flatnonzero(y == "rare")
    real, made = encode(sampler.schema_, [X.iloc[of_class]], [X_resampled[90:]])
    distance_, position = nearest(made, real)
    assert sampler.provenance_["nearest_row"].tolist() == of_class[position].tolist()
    assert sampler.provenance_["nearest_distance"].tolist() == pytest.approx(distance_.tolist())
