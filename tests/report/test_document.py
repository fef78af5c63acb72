"""The three forms of a report say the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from counterpoise.columns import Schema
from counterpoise.report import Report
from counterpoise.report._build import LabelledRows, summarize
from counterpoise.report._summary import Run, Summary, findings
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


@pytest.fixture(scope="module")
def related() -> pd.DataFrame:
    """Columns of which two pairs belong together."""
    rng = np.random.default_rng(0)
    x, at = rng.normal(size=400).round(2), rng.integers(0, 4, 400)
    y = (x + rng.normal(0, 0.2, 400)).round(2)
    job = [f"job {number}" for number in at]
    return pd.DataFrame({"x": x, "y": y, "job": job, "team": np.where(at < 2, "a", "b")})


def found_of(real: pd.DataFrame, made: pd.DataFrame) -> dict[str, str]:
    labels = [pd.Series("rare", index=range(len(rows))) for rows in (real, made)]
    parts = [LabelledRows(rows, y) for rows, y in zip((real, made), labels, strict=True)]
    run = Run("", "", {}, {}, {}, "")
    return dict(findings(summarize(*parts, Schema.infer(real), run, title="t", target="class")))


def test_first_finding_is_how_well_rows_are_told_apart_beside_real_and_shuffled_ones(
    related: pd.DataFrame,
) -> None:
    rng = np.random.default_rng(1)
    shuffled = related.apply(lambda column: rng.permutation(column.to_numpy()))
    found = found_of(related, shuffled)
    assert list(found)[:3] == ["Fidelity.", "Associations.", "Diversity."]
    pattern = (
        r"A gradient boosting classifier tells synthetic rows from real ones with an AUC of (.*); "
        r"other real rows reach (.*), rows with each column shuffled (.*) "
        r"\(0\.5 is guessing, 1 is certain\)\."
    )
    match = re.fullmatch(pattern, found["Fidelity."])
    assert match is not None
    auc, of_real, of_shuffled = map(float, match.groups())
    # the standard deviation of the area of real rows is 0.04: 1 in 100,000 is above 0.67
    assert of_real < 0.67 < min(auc, of_shuffled)
    assert "of y with x differs most: it is 0.98 in the real rows" in found["Associations."]


def test_associations_that_are_kept_are_not_mentioned(related: pd.DataFrame) -> None:
    assert "Associations." not in found_of(related[:200], related[200:])
    # of twelve rows, associations differ by chance
    rng = np.random.default_rng(2)
    alone = pd.DataFrame(rng.normal(size=(412, 5)).round(2), columns=list("abcde"))
    assert "Associations." not in found_of(alone[:400], alone[400:])
