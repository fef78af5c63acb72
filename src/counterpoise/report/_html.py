"""A summary as one HTML file that loads nothing and can load nothing."""

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
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            summary=summary,
            lead=wording.lead(summary),
            findings=wording.findings(summary),
            contents=_contents(summary),
            charts=charts,
            max_charts=_MAX_CHARTS,
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            policy=policy,
        )
    )


def in_frame(page: str, height: int = 720) -> str:
    """Return a page in a frame of its own, for a notebook: neither can touch the other's style."""
    frame = Markup(
        '<iframe title="counterpoise report" sandbox="allow-scripts" width="100%" height="{}" '
        'style="border:1px solid #999" srcdoc="{}"></iframe>'
    ).format(height, page)
    return str(frame)


def _contents(summary: Summary) -> list[tuple[str, str]]:
    """Return the anchors and names of the page's parts."""
    parts = []
    if summary.verdict is not None:
        parts += [("verdict", "Verdict"), ("comparison", "Comparison")]
    if wording.findings(summary):
        parts.append(("short", "In short"))
    if summary.notes:
        parts.append(("notes", "Before use"))
    parts.append(("classes", "Classes"))
    for number, section in enumerate(summary.sections, start=1):
        parts.append((f"class-{number}", f"Class {section.name}"))
        if len(summary.sections) == 1:
            inner = {
                "columns": ("Columns", section.columns),
                "association": ("Associations", section.association),
                "map": ("Map", section.map),
                "origins": ("Origins", section.origins),
            }
            parts += [(f"{name}-1", title) for name, (title, there) in inner.items() if there]
    return [*parts, ("schema", "Table"), ("run", "Generation")]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("counterpoise.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("count", "figure", "interval", "p_value", "percent", "signed"):
        environment.filters[name] = getattr(wording, name)
    return environment


@cache
def _file(name: str) -> str:
    place: Any = resources.files("counterpoise.report") / "templates" / name
    text: str = place.read_text(encoding="utf-8")
    return text


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
