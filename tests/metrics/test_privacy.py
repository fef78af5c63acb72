"""Metrics of privacy: closed forms, chance levels, copies and texts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterpoise.columns import Schema
from counterpoise.errors import MissingDependencyError
from counterpoise.metrics import Estimate, Sample, measure_quality
from counterpoise.metrics import _builtin as privacy
from counterpoise.metrics._distance import distances, encode
from tests.metrics.frames import made_rows, with_noise

ROWS = made_rows(300, 0)
TRAIN, HOLDOUT, UNSEEN = ROWS[:100], ROWS[100:200], ROWS[200:]
SCHEMA = Schema.infer(ROWS)


def measure(
    metric: Callable[[Sample], Any],
    train: pd.DataFrame,
    made: pd.DataFrame,
    schema: Schema = SCHEMA,
    holdout: pd.DataFrame | None = None,
) -> Any:
    return metric(Sample.from_frames(train, made, schema, holdout=holdout))


def test_exact_copies_are_counted() -> None:
    made = pd.concat([TRAIN[:7], UNSEEN[:13]])
    found = measure(privacy.exact_copies, TRAIN, made)
    assert found.value == 7 / 20
    assert found.interval[0] < 7 / 20 < found.interval[1]


def test_near_copies_are_nearer_than_training_rows_are_to_each_other() -> None:
    rows, made = encode(SCHEMA, [TRAIN], [UNSEEN])
    own = np.quantile(np.sort(distances(rows, rows), axis=1)[:, 1], 0.05)
    expected = (distances(made, rows).min(axis=1) < own).mean()
    assert measure(privacy.near_copies, TRAIN, UNSEEN).value == pytest.approx(expected)
    assert measure(privacy.near_copies, TRAIN, with_noise(TRAIN, 50, 1)).value > 0.95


def test_the_share_closer_to_training_is_counted() -> None:
    real = pd.DataFrame({"x": [0.0, 10.0, 20.0, 30.0]})
    train, holdout = real.iloc[[0, 2]], real.iloc[[1, 3]]
    made = pd.DataFrame({"x": [1.0, 2.0, 9.0, 15.0]})  # the last one is a tie
    found = measure(privacy.closer_to_training, train, made, Schema.infer(real), holdout)
    assert found.value == (1 + 1 + 0 + 0.5) / 4


def test_unequal_numbers_of_rows_do_not_tip_the_share() -> None:
    few = HOLDOUT[:25]
    found = measure(privacy.closer_to_training, TRAIN, UNSEEN, SCHEMA, few)
    assert found.interval[0] < 0.5 < found.interval[1]
    assert found.value < 0.65  # without the correction it would be near 100 / 125
    copies = measure(privacy.closer_to_training, TRAIN, TRAIN, SCHEMA, few)
    assert copies.value == 1
    assert copies.interval[0] > 0.7


def test_the_interval_holds_one_half_as_often_as_it_says() -> None:
    random = np.random.default_rng(2)
    held = 0
    for _ in range(120):
        frame = pd.DataFrame(random.normal(size=(140, 2)), columns=["a", "b"]).round(3)
        schema = Schema.infer(frame)
        found = measure(privacy.closer_to_training, frame[:40], frame[60:], schema, frame[40:60])
        held += found.interval[0] <= 0.5 <= found.interval[1]
    # 95 % of 120 is 114; a right interval is below 105 once in 5,000 draws
    assert held >= 105


def test_membership_inference_is_at_chance_and_finds_the_cheat() -> None:
    honest = measure(privacy.membership_inference, TRAIN, UNSEEN, SCHEMA, HOLDOUT)
    assert honest.interval[0] < 0.5 < honest.interval[1]
    cheat = measure(privacy.membership_inference, TRAIN, with_noise(TRAIN, 300, 3), SCHEMA, HOLDOUT)
    assert cheat.interval[0] > 0.8


def texts(n_rows: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    words = [f"word{number}" for number in range(200)]
    written = [" ".join(random.choice(words, 12)) for _ in range(n_rows)]
    return pd.DataFrame({"note": written, "age": random.integers(18, 90, n_rows)})


def test_texts_that_are_nearly_a_training_text() -> None:
    pytest.importorskip("rapidfuzz")
    train, other = texts(40, 0), texts(40, 1)
    schema = Schema.infer(train, kinds={"note": "text"})
    copied = other.assign(note=train["note"].str.replace("word1", "worm1", n=1))
    assert measure(privacy.text_near_copies, train, copied, schema)["note"].value == 1
    assert measure(privacy.text_near_copies, train, other, schema)["note"].value == 0
    gaps = copied.assign(note=copied["note"].where(copied.index < 10))
    assert measure(privacy.text_near_copies, train, gaps, schema)["note"].value == 1
    assert privacy.text_near_copies(Sample.from_frames(ROWS, ROWS, SCHEMA)) == {}
    quality = measure_quality(train, texts(40, 2), copied, schema, aspects=["privacy"])
    assert quality["text_near_copies"].real_anchor == 0
    assert any("'note'" in warning for warning in quality.warnings)


def test_without_rapidfuzz_texts_are_left_out_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidfuzz", None)
    train = texts(30, 0)
    schema = Schema.infer(train, kinds={"note": "text"})
    with pytest.raises(MissingDependencyError, match=r"pip install rapidfuzz"):
        measure(privacy.text_near_copies, train, train, schema)
    quality = measure_quality(train, None, texts(30, 1), schema, aspects=["privacy"])
    assert "text_near_copies" not in quality
    assert any("rapidfuzz" in note for note in quality.notes)


def test_estimates_are_values() -> None:
    assert Estimate(0.5, (0.4, 0.6)) == Estimate(0.5, (0.4, 0.6))
