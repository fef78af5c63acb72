"""`Report`: a summary as one HTML file that can load nothing, as Markdown or as JSON."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from counterpoise.report import _charts as charts
from counterpoise.report import _summary as wording
from counterpoise.report._summary import Summary

_MAX_CHARTS = 40  # columns per class that get a chart, so that a wide page stays small
_FILTERS = ("count", "figure", "interval", "p_value", "percent", "result_row", "signed")


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """What a `summary` says as HTML, Markdown or JSON. In a notebook, it shows itself."""

    summary: Summary

    def __repr__(self) -> str:
        text = f"{self.summary.title}: {wording.lead(self.summary)}"
        return f"<Report of {text} See to_html, to_markdown, to_json and summary>"

    def to_html(self, path: str | PathLike[str] | None = None) -> str:
        """Return the report as one HTML document, also written to `path` if given.

        The document loads nothing from anywhere, works from disk, and prints. Its content security
        policy admits its own style sheet and script, by their hashes, and nothing else: the browser
        itself refuses whatever else would run or be fetched.
        """
        templates = resources.files("counterpoise.report") / "templates"
        style, script = (
            (templates / name).read_text(encoding="utf-8") for name in ("style.css", "script.js")
        )
        policy = (
            f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
            "base-uri 'none'; form-action 'none'"
        )
        text = _render(
            "report.html.jinja",
            self.summary,
            charts=charts,
            max_charts=_MAX_CHARTS,
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            policy=policy,
        )
        return _written(text, path)

    def to_markdown(self, path: str | PathLike[str] | None = None) -> str:
        """Return what the page says, without its charts, also written to `path` if given."""
        return _written(_render("report.md.jinja", self.summary), path)

    def to_json(self, path: str | PathLike[str] | None = None) -> str:
        """Return the report as JSON, also written to `path` if given."""
        record = self.summary.to_dict()
        text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
        return _written(f"{text}\n", path)

    def _repr_html_(self) -> str:
        frame = Markup(  # in a frame of its own, no style sheet touches another
            '<iframe title="counterpoise report" sandbox="allow-scripts" width="100%" height="720" '
            'style="border:1px solid #999" srcdoc="{}"></iframe>'
        )
        return str(frame.format(self.to_html()))


def _render(template: str, summary: Summary, **values: Any) -> str:
    is_markdown = template.endswith(".md.jinja")
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
    environment.filters |= {"share": wording.share_text, "breakable": _breakable}
    values |= {"lead": wording.lead(summary), "findings": wording.findings(summary)}
    return environment.get_template(template).render(summary=summary, **values)


def _breakable(name: str) -> Markup:
    """Return a name that a line can break behind an underscore, as in ``monthly_charges``."""
    parts = re.split(r"(?<=[_.])(?=\w)|(?<=[a-z])(?=[A-Z])", name)
    return Markup("<wbr>").join(map(escape, parts))


def _markdown_text(value: Any) -> str:
    """Return a text that means itself in Markdown, on one line."""
    plain = " ".join(str(value).split())
    for mark in "\\`*_[]<>|":
        plain = plain.replace(mark, f"\\{mark}")
    return plain


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _written(text: str, path: str | PathLike[str] | None) -> str:
    # half of a surrogate pair, which a cell or a name can hold, is no UTF-8
    text = text.encode(errors="backslashreplace").decode()
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text
