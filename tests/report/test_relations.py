"""What a report says of relations between columns."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from counterpoise import LLMOverSampler
from counterpoise.columns import Schema
from counterpoise.constraints import Formula, FunctionalDependency, Inequality, Relation
from counterpoise.recipes import get_recipe
from counterpoise.report import Report, report
from counterpoise.report._build import LabelledRows, compare_relations, summarize
from counterpoise.report._summary import (
    RelationShares,
    Run,
    Summary,
    findings,
    relation_finding,
    share_text,
)
from tests.report.conftest import HOSTILE


def parcels(n_rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"items": rng.integers(1, 40, n_rows), "post": rng.integers(9, 99, n_rows)}
    )
    frame["total"] = frame["items"] + frame["post"]
    frame[HOSTILE] = rng.choice(["n1", "n2", "s1"], n_rows)
    frame["side"] = frame[HOSTILE].str[0]
    return frame


REAL, HELD, MADE = (parcels(n, seed) for n, seed in ((80, 0), (40, 1), (50, 2)))
REAL.loc[[3, 9], "side"] = "x"
MADE.loc[:9, "total"] += 1
SUM, SIDE = Formula("total", "items + post"), FunctionalDependency([HOSTILE], "side")
RELATIONS = [
    Relation(SIDE, "dependency", ("side", HOSTILE), 78, -20.0, 2, (3, 9), is_kept=False),
    Relation(Inequality("items", "<=", "total"), "order", ("items", "total"), 80, -20.0),
    Relation(SUM, "formula", ("total", "items", "post"), 80, -90.0, is_kept=False),
]


@pytest.fixture(scope="module")
def summary() -> Summary:
    real, held, made = (
        LabelledRows(frame, pd.Series(np.where(np.arange(len(frame)) % 2, "a", "b")))
        for frame in (REAL, HELD, MADE)
    )
    run = Run("", "", {}, {}, {}, "")
    schema = Schema.infer(REAL)
    return summarize(
        real, made, schema, run, title="t", target="y", holdout=held, relations=RELATIONS
    )


def test_shares_stand_side_by_side_the_kept_first(summary: Summary) -> None:
    assert [(one.text, one.status) for one in summary.relations] == [
        ("items <= total", "kept"),
        ("total = items + post", "not kept"),
        (f"side is determined by {HOSTILE}", "nearly true"),
    ]
    assert [(one.real, one.holdout, one.synthetic) for one in summary.relations] == [
        (1.0, 1.0, 1.0),
        (1.0, 1.0, 0.8),
        (78 / 80, 1.0, 1.0),
    ]
    assert summary.relations[2].exceptions == (3, 9)


def test_the_summary_says_which_hold(summary: Summary) -> None:
    name, text = findings(summary)[0]
    assert name == "Relations."
    assert text == (
        "1 relation between columns holds in every real row and in every synthetic row. "
        "\u201ctotal = items + post\u201d holds in every real row and in 80.0% of the synthetic "
        "ones. "
        "1 relation holds in nearly all real rows: look at the exceptions."
    )


def test_all_three_forms_have_them(summary: Summary) -> None:
    found = Report(summary)
    page, text, record = found.to_html(), found.to_markdown(), json.loads(found.to_json())
    for form in (page, text):
        assert "Relations between columns" in form
        assert "80.0%" in form
        assert "97.5%" in form
        assert "rows 3, 9" in form
        assert HOSTILE not in form
    assert '<a href="#relations">' in page
    assert "Held out</th>" in page
    assert record["relations"][2]["exceptions"] == [3, 9]
    assert record["relations"][1]["synthetic"] == 0.8
    assert record["relations"][0]["kind"] == "order"


def test_without_held_out_rows_there_is_no_share_of_them() -> None:
    found = compare_relations(RELATIONS, REAL, MADE.iloc[:0], Schema.infer(REAL))
    assert {(one.holdout, one.synthetic) for one in found} == {(None, None)}
    assert compare_relations([], REAL, MADE, Schema.infer(REAL)) == ()


def test_without_relations_nothing_is_said(summary: Summary) -> None:
    assert relation_finding(()) is None
    none = Report(Summary("t", "y", summary.classes, summary.facts, (), summary.run))
    assert "Relations" not in none.to_html()
    assert "Relations" not in none.to_markdown()


def shares(status: str, real: float, synthetic: float | None, at: int = 0) -> RelationShares:
    return RelationShares(f"r{at}", "order", status, 9, real, None, synthetic, 0, ())


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([shares("kept", 1, 1)] * 3, "3 relations between columns hold in every real row and in"),
        (
            [shares("declared", 0.95, 1)],
            "\u201cr0\u201d holds in 95.0% of the real rows and in 100%",
        ),
        ([shares("not kept", 1, 0.5, at) for at in range(5)], "So it is with 2 more."),
        ([shares("nearly true", 0.995, 0.2)], "1 relation holds in nearly all real rows"),
    ],
)
def test_finding_in_words(found: list[RelationShares], expected: str) -> None:
    assert expected in str(relation_finding(found))


@pytest.mark.parametrize(
    ("share", "text"),
    [(1, "100%"), (0, "0%"), (0.99996, "99.996%"), (0.0002, "0.02%"), (0.5, "50.0%"), (None, "-")],
)
def test_only_all_rows_are_100_percent(share: float | None, text: str) -> None:
    assert share_text(share) == text


def test_report_of_a_sampler_has_the_declared_and_the_found() -> None:
    X = parcels(200, 3).rename(columns={HOSTILE: "depot"})
    y = np.where(np.arange(200) % 5, "no", "yes")
    recipe = get_recipe("counterpoise", epochs=1, max_samples_seen=64, selection=None)
    constraints = ["auto", Formula("post", "total - items")]
    sampler = LLMOverSampler(recipe=recipe, constraints=constraints, random_state=0)
    sampler.fit_resample(X, y)
    held = parcels(60, 4).rename(columns={HOSTILE: "depot"})
    summary = report(sampler, holdout=(held, np.resize(["no", "yes"], 60))).summary
    assert {(one.text, one.status) for one in summary.relations} == {
        ("post = total - items", "declared"),
        ("total = items + post", "not kept"),  # for then post would be computed from itself
        ("side is determined by depot", "kept"),
    }
    for one in summary.relations:
        assert (one.real, one.holdout, one.synthetic) == (1.0, 1.0, 1.0)
