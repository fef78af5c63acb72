"""Reports as files: the suffix says which form."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from counterpoise.files import TableFileError, check_place, replaced_when_whole

if TYPE_CHECKING:
    from counterpoise.report.document import Report

__all__ = ["check_report", "write_report"]

_FORMS: Final = {".html": "to_html", ".htm": "to_html", ".md": "to_markdown", ".json": "to_json"}


def check_report(path: Path, *, overwrite: bool) -> None:
    """Raise unless a report can be written to `path`: to be called before any long work.

    Raises
    ------
    TableFileError
        If the suffix is none of .html, .md and .json, or nothing can be written there.
    """
    if path.suffix.lower() not in _FORMS:
        raise TableFileError(f"{str(path)!r} tells no form of report: name it .html, .md or .json.")
    check_place(path, overwrite=overwrite)


def write_report(report: Report, path: Path) -> None:
    """Write a report in the form that the suffix of `path` says."""
    with replaced_when_whole(path) as place:
        getattr(report, _FORMS[path.suffix.lower()])(place)
