"""The page: whole, small, self-contained, and deaf to what names try."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from counterpoise.report import Report
from counterpoise.report._charts import _short
from counterpoise.report._render import _breakable
from counterpoise.report._summary import Summary
from tests.report.conftest import CLOSING, HOSTILE, summary_of_long_names

VOID = {"meta", "input", "br", "img", "hr", "link", "wbr"}


class Structure(HTMLParser):
    """Checks that elements are closed in order; gathers elements, attributes and texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"{tag} repeats an attribute"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.texts.append(data)


@pytest.fixture(scope="session")
def page(summary: Summary) -> str:
    return Report(summary).to_html()


@pytest.fixture(scope="session")
def structure(page: str) -> Structure:
    return Structure(page)


def test_every_element_is_closed_and_ids_are_unique(structure: Structure) -> None:
    assert structure.open == []
    ids = [attributes["id"] for _, attributes in structure.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {attributes["href"] for tag, attributes in structure.elements if tag == "a"}
    assert targets <= {f"#{name}" for name in ids}
    assert targets


def test_nothing_is_loaded_from_anywhere(page: str, structure: Structure) -> None:
    for tag, attributes in structure.elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form")
        assert "src" not in attributes
        assert not any(name.startswith("on") for name in attributes), "inline handlers"
        assert "style" not in attributes, "the policy forbids it"
    assert not re.search(r"url\(|@import|https?://", page)
    assert len(page.encode()) < 1_000_000


def test_policy_admits_our_own_style_and_script_and_nothing_else(
    page: str, structure: Structure
) -> None:
    (policy,) = [
        attributes["content"] or ""
        for tag, attributes in structure.elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_names_are_shown_as_text(page: str, structure: Structure) -> None:
    assert "<img" not in page
    assert page.count("<script>") == 1
    assert HOSTILE in structure.texts
    assert any(CLOSING in text for text in structure.texts)


def test_charts_say_what_they_show(structure: Structure) -> None:
    charts = [
        attributes
        for tag, attributes in structure.elements
        if tag == "svg" and "chart" in (attributes["class"] or "")
    ]
    assert len(charts) > 20
    assert all(chart.get("role") == "img" and chart.get("aria-label") for chart in charts)
    n_tables = sum(tag == "table" for tag, _ in structure.elements)
    n_columns = 6
    assert n_tables > n_columns  # each column's chart has its table


def test_tables_have_headers_with_scope(structure: Structure) -> None:
    headers = [attributes for tag, attributes in structure.elements if tag == "th"]
    assert headers
    assert all(header.get("scope") in ("row", "col") for header in headers)


def test_verdict_comes_first(page: str) -> None:
    assert page.index('id="verdict"') < page.index('id="short"') < page.index('id="classes"')


def test_shows_itself_in_a_notebook(summary: Summary) -> None:
    frame = Report(summary)._repr_html_()
    assert type(frame) is str
    shown = Structure(frame)
    ((tag, attributes),) = shown.elements
    assert tag == "iframe"
    assert attributes["sandbox"] == "allow-scripts"
    assert attributes["srcdoc"] == Report(summary).to_html()


def test_what_is_not_known_is_not_drawn(summary: Summary) -> None:
    # one split has no interval, and a measure may have no value: no chart has a place that is NaN
    assert summary.verdict is not None
    (arms,) = summary.verdict.results.values()
    unknown = tuple(replace(arm, interval=None, p_value=float("nan")) for arm in arms)
    verdict = replace(summary.verdict, results={"trees": unknown})
    (section,) = summary.sections
    assert section.quality is not None
    measures = tuple(
        replace(m, value=float("nan"), interval=(float("nan"),) * 2, real_anchor=None)
        for m in section.quality.measures
    )
    blank = replace(section, quality=replace(section.quality, measures=measures))
    page = Report(replace(summary, verdict=verdict, sections=(blank,))).to_html()
    places = re.findall(r'(?:x|y|x1|x2|y1|y2|cx|cy|d|width|height)="([^"]*)"', page)
    assert len(places) > 100
    assert not [place for place in places if "nan" in place or "inf" in place]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("monthly_charges", ["monthly_", "charges"]),
        ("monthlyCharges", ["monthly", "Charges"]),
        ("_private_", ["_", "private_"]),
        ("plan", ["plan"]),
        ("a<b", ["a&lt;b"]),
    ],
)
def test_names_break_between_their_words(name: str, lines: list[str]) -> None:
    assert _breakable(name).split("<wbr>") == lines


def test_captions_do_not_scroll_out_of_sight_with_their_tables() -> None:
    shown = Structure(Report(summary_of_long_names()).to_html())
    classes = [attributes.get("class") for _, attributes in shown.elements]
    n_open, captions = classes.count("scroll"), classes.count("caption")
    assert n_open > 4
    assert captions == n_open - 1  # the chart of the differences has its own


@pytest.mark.parametrize("text", ["W" * 40, "i" * 40, "\u5ba2" * 40, "measurement number 17"])
def test_labels_without_room_are_cut_in_the_middle(text: str) -> None:
    for room in (0, 40, 98):
        shown = _short(text, room)
        start, _, end = shown.partition("…")
        assert text.startswith(start)
        assert text.endswith(end)
        assert len(shown) <= len(text)
    assert _short(text, 1000) == text


def test_labels_that_differ_at_their_end_stay_different() -> None:
    labels = [f"The customer wanted another tariff, reason {at}" for at in range(9)]
    assert len({_short(label, 98) for label in labels}) == 9
