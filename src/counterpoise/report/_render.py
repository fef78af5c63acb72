"""A summary as one HTML file that loads nothing and can load nothing, and as Markdown."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from counterpoise.report import _charts as charts
from counterpoise.report import _wording as wording
from counterpoise.report._summary import Summary

_MAX_CHARTS = 40
"""Columns per class that get a chart, so that a page of hundreds of columns stays small."""
_FILTERS = ("count", "figure", "interval", "p_value", "percent", "result_row", "signed")


def to_html(summary: Summary) -> str:
    """Return a summary as a whole HTML document.

    Its content security policy admits its own style sheet and script, by their hashes, and nothing
    else: the browser itself refuses whatever else would run or be fetched.
    """
    style, script = _file("style.css"), _file("script.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return _render(
        "report.html.jinja",
        summary,
        charts=charts,
        max_charts=_MAX_CHARTS,
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        policy=policy,
    )


def to_markdown(summary: Summary) -> str:
    """Return a summary as Markdown: what the page says, without its charts."""
    return _render("report.md.jinja", summary)


def in_frame(page: str) -> str:
    """Return a page in a frame of its own, for a notebook: neither can touch the other's style."""
    frame = Markup(
        '<iframe title="counterpoise report" sandbox="allow-scripts" width="100%" height="720" '
        'style="border:1px solid #999" srcdoc="{}"></iframe>'
    ).format(page)
    return str(frame)


def _render(template: str, summary: Summary, **values: Any) -> str:
    is_markdown = template.endswith(".md.jinja")
    return (
        _environment(is_markdown=is_markdown)
        .get_template(template)
        .render(
            summary=summary,
            lead=wording.lead(summary),
            findings=wording.findings(summary),
            **values,
        )
    )


@cache
def _environment(*, is_markdown: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("counterpoise.report"),
        autoescape=not is_markdown,  # noqa: S701 - Markdown is escaped by `finalize`
        finalize=_markdown_text if is_markdown else None,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=is_markdown,
    )
    environment.filters |= {name: getattr(wording, name) for name in _FILTERS}
    return environment


def _markdown_text(value: Any) -> str:
    """Return a text that means itself in Markdown, on one line."""
    plain = " ".join(str(value).split())
    for mark in "\\`*_[]<>|":
        plain = plain.replace(mark, f"\\{mark}")
    return plain


@cache
def _file(name: str) -> str:
    place: Any = resources.files("counterpoise.report") / "templates" / name
    text: str = place.read_text(encoding="utf-8")
    return text


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
