"""What a summary holds: the figures of the tables it was made from."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterpoise.columns import Schema
from counterpoise.report._build import (
    LabelledRows,
    compare_columns,
    draw_map,
    report_rows,
    summarize,
)
from counterpoise.report._summary import Run, Share, Summary
from tests.report.conftest import HOSTILE, make_rows

RUN = Run("", "", {}, {}, {}, "")


def test_classes_are_counted(summary: Summary) -> None:
    counts = {(c.name, c.n_real, c.n_synthetic) for c in summary.classes}
    assert counts == {("stays", 100, 0), ("leaves", 50, 20)}
    assert [(s.name, s.n_real, s.n_synthetic) for s in summary.sections] == [("leaves", 50, 20)]


def test_columns_are_as_understood(summary: Summary) -> None:
    kinds = {fact.name: (fact.kind, fact.domain) for fact in summary.facts}
    assert kinds["age"][0] == "integer"
    assert kinds["income"][1].endswith(", 2 decimals")
    assert kinds["constant"] == ("categorical", "same")
    assert kinds["plan | tariff"][1].endswith("and 14 more")
    (age,) = [fact for fact in summary.facts if fact.name == "age"]
    assert 0 < age.missing_share < 0.3


def test_shares_of_each_column_sum_to_one(summary: Summary) -> None:
    (section,) = summary.sections
    assert {column.name for column in section.columns} == {fact.name for fact in summary.facts}
    for column in section.columns:
        assert sum(share.real for share in column.shares) == pytest.approx(1)
        assert sum(share.synthetic for share in column.shares) == pytest.approx(1)


def test_booleans_are_values_like_others() -> None:
    X = pd.DataFrame({"member": [True, False, False, False]})
    (found,) = compare_columns(X, X[:2], Schema.infer(X))
    assert found.shares == (Share("False", 0.75, 0.5), Share("True", 0.25, 0.5))
    assert found.gap == 0.25


@pytest.mark.parametrize("step", [1, 5, 0.1])
def test_ranges_of_numbers_on_a_grid_hold_equally_many_values(step: float) -> None:
    # 40 values: in ranges of 2.5, every second range would look fuller
    X = pd.DataFrame({"age": np.repeat(np.arange(18, 58) * step, 5).round(1)})
    (found,) = compare_columns(X, X, Schema.infer(X))
    shares = [share.real for share in found.shares]
    assert len(shares) > 10
    assert shares[:-1] == pytest.approx([shares[0]] * (len(shares) - 1))
    assert 0 < shares[-1] <= shares[0]
    low, high = (f"{end * step:.4g}" for end in (18, 20))
    assert found.shares[0].label == f"{low} to {high}"


def test_ranges_of_counts_have_no_empty_ones_between() -> None:
    X = pd.DataFrame({"visits": np.repeat(np.arange(3, 21), 3)})  # 18 values for 16 ranges
    (found,) = compare_columns(X, X, Schema.infer(X))
    assert min(share.real for share in found.shares) > 0
    assert len(found.shares) == 9


def test_nearly_unique_categories_have_no_association() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "age": rng.integers(18, 80, 150),
            "plan": rng.choice(["a", "b"], 150),
            "street": [f"street {at % 140}" for at in range(150)],
        }
    )
    y = pd.Series(["a", "b"] * 75)
    rows = LabelledRows(X, y)
    schema = Schema.infer(X, kinds={"street": "categorical"})
    found = summarize(rows, rows, schema, RUN, title="t", target="y")
    for section in found.sections:
        assert section.association is not None
        assert section.association.names == ("age", "plan")


def test_shifted_column_comes_first(summary: Summary) -> None:
    # 20 rows shifted by 0.8 standard deviations
    names = [column.name for column in summary.sections[0].columns]
    assert names.index("income") < names.index("constant")
    (constant,) = [c for c in summary.sections[0].columns if c.name == "constant"]
    assert constant.gap == 0
    assert constant.expected_gap == 0


def test_gap_of_rows_drawn_alike_is_what_chance_makes() -> None:
    # the mean over 40 pairs of tables lies within 15 % of the expectation: its relative standard
    # error is below 3 %, so this fails by chance less than once in a million
    gaps, expected = [], []
    for seed in range(40):
        one, other = make_rows(200, 2 * seed), make_rows(200, 2 * seed + 1)
        schema = Schema.infer(one.X)
        found = compare_columns(one.X, other.X, schema)
        gaps += [column.gap for column in found if column.name != "constant"]
        expected += [column.expected_gap for column in found if column.name != "constant"]
    assert np.mean(gaps) == pytest.approx(np.mean(expected), rel=0.15)


def test_map_places_like_rows_alike() -> None:
    real, others = make_rows(120, 0), make_rows(120, 1)
    far = LabelledRows(real.X.assign(income=real.X["income"] + 60), real.y)
    schema = Schema.infer(others.X)
    rng = np.random.default_rng(0)
    same = draw_map(real.X, real.X, others.X, schema, rng)
    assert same is not None
    assert same.layers[0].points == same.layers[1].points
    moved = draw_map(real.X, far.X, others.X, schema, rng)
    assert moved is not None
    assert moved.layers[0].points != moved.layers[1].points


def test_tables_without_room_for_a_map_have_none() -> None:
    rows = make_rows(9, 0)
    X = rows.X[["constant"]]
    found = summarize(
        LabelledRows(X, rows.y),
        LabelledRows(X[:3], rows.y[:3]),
        Schema.infer(X),
        RUN,
        title="t",
        target="left",
    )
    assert {section.map for section in found.sections} == {None}
    assert {section.association for section in found.sections} == {None}


def test_nothing_written_is_a_report_too() -> None:
    rows = make_rows(9, 0)
    none = LabelledRows(rows.X[:0], rows.y[:0])
    found = summarize(rows, none, Schema.infer(rows.X), RUN, title="t", target="left")
    assert found.sections == ()


def test_without_held_out_rows_halves_are_compared_and_leakage_is_not_claimed() -> None:
    rows = make_rows(180, 0)
    found = summarize(rows, rows, Schema.infer(rows.X), RUN, title="t", target="left")
    quality = found.sections[0].quality
    assert quality is not None
    assert quality["coverage"].real_anchor is not None
    assert quality["exact_copies"].value == 1
    assert "closer_to_training" not in quality or quality["closer_to_training"].real_anchor is None
    assert any("held out" in note for note in quality.notes)


def test_origins_are_counted(summary: Summary) -> None:
    origins = {origin.column: origin.n_rows for origin in summary.sections[0].origins}
    assert origins == {"age": 10, HOSTILE: 10}


def test_json_has_no_value_that_readers_reject(summary: Summary) -> None:
    record = json.loads(json.dumps(summary.to_dict(), allow_nan=False))
    assert record["format"] == 1
    assert record["verdict"]["decision"] == "use"
    assert len(record["facts"]) == 6


def test_rows_of_any_generator_are_reported_without_a_sampler() -> None:
    real, synthetic, holdout = (make_rows(n, seed) for n, seed in ((150, 0), (60, 1), (90, 2)))
    frames = [rows.X.assign(left=rows.y) for rows in (real, synthetic, holdout)]
    found = report_rows(frames[0], frames[1], target="left", holdout=frames[2], title="any")
    counts = {(c.name, c.n_real, c.n_synthetic) for c in found.summary.classes}
    assert counts == {("stays", 100, 40), ("leaves", 50, 20)}
    assert all(section.quality is not None for section in found.summary.sections)
    assert "How this report was made" in found.to_html()
    together = report_rows(frames[0], frames[1][frames[0].columns[::-1]])
    (section,) = together.summary.sections
    assert (section.n_real, section.n_synthetic) == (150, 60)
    assert "## Class" not in together.to_markdown()
    assert "class" not in together.summary.to_dict()["notes"][0]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda rows: rows.drop(columns="age"), "The rows of synthetic lack the column age"),
        (lambda rows: rows[:0], "table is empty"),
        (lambda rows: rows.assign(left="perhaps"), "'perhaps' of 'left' is in no real row"),
        (lambda rows: rows.assign(left=None), "missing in 60 rows of synthetic"),
    ],
)
def test_rows_that_do_not_fit_the_real_ones_are_refused(change: Any, told: str) -> None:
    real, synthetic = (rows.X.assign(left=rows.y) for rows in (make_rows(90, 0), make_rows(60, 1)))
    with pytest.raises(ValueError, match=told):
        report_rows(real, change(synthetic), target="left")
