"""The three forms of a report say the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from counterpoise.report import Report
from counterpoise.report._summary import Summary
from tests.report.conftest import CLOSING, HOSTILE


@pytest.mark.parametrize("form", ["to_html", "to_markdown", "to_json"])
def test_file_holds_what_is_returned(summary: Summary, tmp_path: Path, form: str) -> None:
    text = getattr(Report(summary), form)(tmp_path / "report")
    assert (tmp_path / "report").read_text(encoding="utf-8") == text
    assert getattr(Report(summary), form)() == text


def test_json_is_the_summary(summary: Summary) -> None:
    assert json.loads(Report(summary).to_json()) == json.loads(json.dumps(summary.to_dict()))


def test_markdown_says_the_verdict_and_keeps_names_as_text(summary: Summary) -> None:
    text = Report(summary).to_markdown()
    assert "## Verdict: use" in text
    assert "+0.040" in text
    assert "+0.020 to +0.060" in text
    assert HOSTILE not in text
    assert CLOSING not in text
    assert "\\<img src=x" in text
    assert "plan \\| tariff" in text


def test_markdown_tables_are_even(summary: Summary) -> None:
    lines = Report(summary).to_markdown().splitlines()
    widths: list[int] = []
    for line in [*lines, ""]:
        if line.startswith("|"):
            widths.append(line.replace("\\|", "").count("|"))
        else:
            assert len(set(widths)) <= 1, line
            widths = []
