"""A report: one summary in three forms."""

from __future__ import annotations

import json
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from counterpoise.report._summary import Summary


@dataclass(frozen=True, slots=True)
class Report:
    """What a `summary` says as HTML, Markdown or JSON. In a notebook, it shows itself."""

    summary: Summary

    def to_html(self, path: str | PathLike[str] | None = None) -> str:
        """Return the report as one HTML document, also written to `path` if given.

        The document loads nothing from anywhere, works from disk, and prints.
        """
        from counterpoise.report._html import to_html

        return _written(to_html(self.summary), path)

    def to_markdown(self, path: str | PathLike[str] | None = None) -> str:
        """Return the report as Markdown, also written to `path` if given."""
        from counterpoise.report._markdown import to_markdown

        return _written(to_markdown(self.summary), path)

    def to_json(self, path: str | PathLike[str] | None = None) -> str:
        """Return the report as JSON, also written to `path` if given."""
        record = self.summary.to_dict()
        text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
        return _written(f"{text}\n", path)

    def _repr_html_(self) -> str:
        from counterpoise.report._html import in_frame, to_html

        return in_frame(to_html(self.summary))


def _written(text: str, path: str | PathLike[str] | None) -> str:
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text
