"""A metric of one's own: one function and one line, and it is measured and shown."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from imblearn.over_sampling import RandomOverSampler

from counterpoise.columns import Schema
from counterpoise.metrics import METRICS, Sample, measure_quality, register_metric
from counterpoise.report import Report
from counterpoise.report._build import LabelledRows, describe_run, summarize
from tests.report.conftest import make_rows


def farthest_row(sample: Sample) -> float:
    """Largest distance of a row to its nearest training row."""
    return float(sample.to_real.min(axis=0).max())


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    register_metric("Farthest row", aspect="plausibility", better="real")(farthest_row)
    yield
    del METRICS["farthest_row"]


def test_it_is_measured_beside_its_anchors() -> None:
    train, holdout, made = (make_rows(60, seed).X for seed in range(3))
    quality = measure_quality(train, holdout, made, Schema.infer(train), n_draws=3, random_state=0)
    measure = quality["farthest_row"]
    assert measure.value > 0
    assert measure.real_anchor is not None
    assert measure.real_anchor > 0
    assert measure.duplicate_anchor == 0
    assert quality.aspects == ("diversity", "fidelity", "privacy", "plausibility")


@pytest.mark.parametrize("form", ["html", "markdown", "json"])
def test_it_is_in_every_form_of_the_report(form: str) -> None:
    real, made = make_rows(90, 0), make_rows(30, 1)
    run = describe_run(RandomOverSampler(), model="", model_reason="", seconds={})
    summary = summarize(real, made, Schema.infer(real.X), run, title="t", target="left")
    text = getattr(Report(summary), f"to_{form}")()
    assert "Farthest row" in text
    if form == "json":
        sections = json.loads(text)["sections"]
        assert "farthest_row" in {m["name"] for m in sections[0]["quality"]["measures"]}
    if form == "html":
        assert "Largest distance of a row to its nearest training row." in text
        assert "Plausibility" in text


def test_all_that_the_function_needs_is_a_sample() -> None:
    frame: LabelledRows = make_rows(20, 0)
    assert farthest_row(Sample.from_frames(frame.X, frame.X, Schema.infer(frame.X))) == 0
