"""The page in a browser: no errors, no requests, and names that are scripts stay text."""

from __future__ import annotations

import html
from pathlib import Path

import pytest

from counterpoise.report import Report
from counterpoise.report._summary import Summary
from tests.report.browser import Opened, open_page
from tests.report.conftest import CLOSING, HOSTILE, summary_of_long_names

_PROBE = """<script>
addEventListener("load", () => {
  const loaded = performance.getEntriesByType("resource").length;
  document.title = [document.images.length, document.scripts.length, loaded].join(" ");
});
</script>"""

# labels of charts that begin or end outside of their chart are clipped
_MEASURE = """<style>iframe { border: 0 }</style><script>
addEventListener("load", () => {
  const page = frames[0].document;
  const place = (element) => element.getBoundingClientRect();
  const clipped = [...page.querySelectorAll("svg text")].filter((text) => {
    const [inner, outer] = [place(text), place(text.closest("svg"))];
    return inner.left < outer.left - 1 || inner.right > outer.right + 1;
  });
  const { scrollWidth, clientWidth } = page.documentElement;
  const fits = scrollWidth <= clientWidth ? "fits" : `${scrollWidth} of ${clientWidth}`;
  document.title = `${fits}, clipped: ${clipped.length}`;
});
</script>"""


@pytest.fixture(scope="module")
def opened(summary: Summary, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    folder = tmp_path_factory.mktemp("browser")
    (folder / "page.html").write_text(Report(summary).to_html(), encoding="utf-8")
    return open_page(folder / "page.html", folder / "profile")


def test_browser_complains_of_nothing(opened: Opened) -> None:
    assert "<h1>" in opened.dom
    assert opened.console == []


def test_names_are_text_to_the_browser(opened: Opened) -> None:
    # the browser's own reading of the page: had a name opened an element, it would stand here
    assert opened.dom.count("<script>") == 1
    assert "<img" not in opened.dom
    assert html.escape(HOSTILE, quote=False) in opened.dom
    assert html.escape(CLOSING, quote=False) in opened.dom


def test_policy_refuses_what_is_slipped_in(summary: Summary, tmp_path: Path) -> None:
    # a script and an image that some later mistake might let through do not run, and load nothing
    page = (
        Report(summary)
        .to_html()
        .replace("</main>", f'{_PROBE}<img src="https://example.org/x"></main>')
    )
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    opened = open_page(tmp_path / "page.html", tmp_path / "profile")
    assert "<title>" in opened.dom
    assert opened.dom.split("<title>")[1][:1] not in "0123456789"
    refused = " ".join(opened.console)
    assert "script-src" in refused
    assert "img-src" in refused or "default-src" in refused


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_fits_a_phone(scheme: str, tmp_path: Path) -> None:
    # in a frame, as a window of a browser has a smallest width; only tables and charts scroll
    page = Report(summary_of_long_names()).to_html()
    if scheme == "dark":
        page = page.replace("(prefers-color-scheme: dark)", "all")
    start = page.index('<meta http-equiv="Content-Security-Policy"')  # it has the style's hash
    page = page[:start] + page[page.index(">", start) + 1 :]
    frame = f'<iframe width="390" height="800" srcdoc="{html.escape(page)}"></iframe>{_MEASURE}'
    (tmp_path / "page.html").write_text(frame, encoding="utf-8")
    opened = open_page(tmp_path / "page.html", tmp_path / "profile")
    assert "<title>fits, clipped: 0</title>" in opened.dom


def test_page_loads_nothing(summary: Summary, tmp_path: Path) -> None:
    # the same page with a probe in place of its policy: what it loads by itself is counted
    page = Report(summary).to_html()
    start = page.index('<meta http-equiv="Content-Security-Policy"')
    page = page[:start] + _PROBE + page[page.index(">", start) + 1 :]
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    opened = open_page(tmp_path / "page.html", tmp_path / "profile")
    assert "<title>0 2 0</title>" in opened.dom
    assert opened.console == []
