"""All measures at once: anchors, the cheat that must be caught, and real rows that must not be."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterpoise.columns import Schema
from counterpoise.metrics import Quality, measure_quality
from tests.metrics.frames import with_noise

FOLDER = Path(
    os.environ.get("COUNTERPOISE_DATA_DIR")
    or Path(__file__).parents[2] / ".." / "shared" / "datasets"
)


def made_rows(n_rows: int, seed: int) -> pd.DataFrame:
    """Two kinds of rows whose columns depend on each other, with missing cells."""
    random = np.random.default_rng(seed)
    kind = random.integers(0, 2, n_rows)
    height = random.normal(150 + 30 * kind, 10).round(1)
    frame = pd.DataFrame(
        {
            "height": height,
            "weight": (height / 2 + random.normal(0, 5, n_rows)).round(2),
            "visits": random.poisson(3, n_rows),
            "colour": np.where(random.random(n_rows) < 0.8, np.array(["a", "b"])[kind], "c"),
            "since": pd.Timestamp("2024-01-01")
            + pd.to_timedelta(random.integers(0, 900, n_rows), "D"),
            "member": random.random(n_rows) < 0.3,
        }
    )
    frame.loc[random.random(n_rows) < 0.2, "weight"] = np.nan
    frame.loc[random.random(n_rows) < 0.1, "colour"] = None
    return frame


def test_the_cheat_is_caught_and_real_rows_are_not() -> None:
    rows = made_rows(600, seed=0)
    train, holdout, unseen = rows[:200], rows[200:400], rows[400:]
    schema = Schema.infer(rows)
    cheat = measure_quality(
        train, holdout, with_noise(train, 300, seed=1), schema, aspects=["privacy"], random_state=0
    )
    assert cheat["near_copies"].value > 0.95
    assert cheat["closer_to_training"].interval is not None
    assert cheat["closer_to_training"].interval[0] > 0.9
    assert cheat["membership_inference"].value > 0.8
    assert len(cheat.warnings) >= 3
    # a fixed draw, so it cannot fail by chance; over draws, about 1 in 20 would warn
    real = measure_quality(train, holdout, unseen, schema, aspects=["privacy"], random_state=0)
    assert real.warnings == ()
    assert not real.leaks


@pytest.fixture(scope="module")
def quality() -> Quality:
    rows = made_rows(200, seed=5)
    return measure_quality(
        rows[:80], rows[80:120], rows[120:], Schema.infer(rows), n_draws=8, random_state=0
    )


def test_every_measure_stands_beside_its_anchors(quality: Quality) -> None:
    assert {measure.aspect for measure in quality} == {"diversity", "fidelity", "privacy"}
    assert len({measure.name for measure in quality}) == len(quality.measures) == 17
    for measure in quality:
        assert measure.real_anchor is not None
        assert measure.duplicate_anchor is not None
        assert measure.shuffled_anchor is not None
        anchors = measure.real_anchor, measure.duplicate_anchor, measure.shuffled_anchor
        assert np.isfinite([measure.value, *anchors]).all()
        assert measure.better in ("higher", "lower", "real")
        if measure.interval is not None:
            assert measure.interval[0] <= measure.value <= measure.interval[1]
    assert quality.n_compared == 40


def test_duplicates_are_told_from_real_rows(quality: Quality) -> None:
    assert quality["distinct_row_rate"].duplicate_anchor < 0.8
    assert quality["exact_copies"].duplicate_anchor == 1
    assert quality["closer_to_training"].duplicate_anchor > 0.9
    assert abs(quality["closer_to_training"].real_anchor - 0.5) < 0.2


def test_every_column_has_its_figures(quality: Quality) -> None:
    assert set(quality.columns) == set(made_rows(1, 0).columns)
    for figures in quality.columns.values():
        assert set(figures) == {"column_entropy", "support_coverage", "marginal_distance"}
        assert 0 <= figures["marginal_distance"] <= 1
    entropies = [figures["column_entropy"] for figures in quality.columns.values()]
    assert np.mean(entropies) == pytest.approx(quality["column_entropy"].value)


def test_the_summary_serialises(quality: Quality) -> None:
    record = json.loads(quality.to_json())
    assert record["measures"][0]["name"] == quality.measures[0].name
    assert record["leaks"] == quality.leaks
    assert quality.to_frame().loc["coverage", "value"] == quality["coverage"].value
    assert quality.of("privacy")[0].name == "exact_copies"
    with pytest.raises(KeyError):
        quality["beauty"]
    broken = replace(quality, measures=(replace(quality.measures[0], value=float("nan")),))
    assert json.loads(broken.to_json())["measures"][0]["value"] is None


def test_the_same_seed_gives_the_same_figures() -> None:
    rows = made_rows(60, seed=6)
    arguments = rows[:30], rows[30:45], rows[45:], Schema.infer(rows)
    first, again = (measure_quality(*arguments, n_draws=3, random_state=3) for _ in range(2))
    assert first == again


def test_without_a_holdout_what_can_be_measured_is() -> None:
    rows = made_rows(60, seed=7)
    found = measure_quality(
        rows[:30], None, rows[30:], Schema.infer(rows), aspects=["diversity", "privacy"]
    )
    assert found.n_holdout == 0
    assert found["coverage"].real_anchor is None
    assert found["near_copies"].real_anchor is not None
    assert "closer_to_training" not in found
    assert len(found.notes) == 2


def test_a_tiny_class_is_measured_as_far_as_it_goes() -> None:
    rows = made_rows(12, seed=8)
    found = measure_quality(rows[:3], rows[3:5], rows[5:], Schema.infer(rows), n_draws=3)
    assert "detection_auc" not in found
    assert any("Detection AUC" in note for note in found.notes)
    assert found["coverage"].value <= 1


def test_large_frames_are_thinned() -> None:
    rows = made_rows(200, seed=9)
    found = measure_quality(
        rows[:90], rows[90:150], rows[150:], Schema.infer(rows), max_rows=20, aspects=["diversity"]
    )
    assert found.n_train == 90
    assert found.n_compared == 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"aspects": ["beauty"]}, "aspects must be"), ({"aspects": []}, "aspects must be")],
)
def test_what_cannot_be_measured_is_refused(arguments: dict[str, Any], message: str) -> None:
    rows = made_rows(20, seed=0)
    with pytest.raises(ValueError, match=message):
        measure_quality(rows[:9], rows[9:], rows, Schema.infer(rows), **arguments)
    with pytest.raises(ValueError, match="at least 2 rows are needed to be measured; got 1"):
        measure_quality(rows[:9], rows[9:], rows[:1], Schema.infer(rows))


@pytest.mark.parametrize(
    ("stem", "target", "minority"), [("german", "credit", "2"), ("sick", "Class", "sick")]
)
def test_the_cheat_is_caught_on_real_tables(stem: str, target: str, minority: str) -> None:
    path = FOLDER / f"{stem}.csv"
    if not path.exists():
        pytest.skip(f"no {stem}.csv beside the repository or in COUNTERPOISE_DATA_DIR")
    frame = pd.read_csv(path)
    rows = frame[frame[target].astype(str) == minority].drop(columns=target)
    rows = rows.sample(frac=1, random_state=0).reset_index(drop=True)
    third = len(rows) // 3
    parts = rows[:third], rows[third : 2 * third], rows[2 * third :]
    schema = Schema.infer(frame.drop(columns=target))
    cheat = with_noise(parts[0], 200, seed=1)
    found = measure_quality(parts[0], parts[1], cheat, schema, aspects=["privacy"], random_state=0)
    assert len(found.warnings) >= 3
    real = measure_quality(*parts, schema, aspects=["privacy"], random_state=0)
    assert real.warnings == ()
