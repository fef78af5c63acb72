"""How the site is built: `make docs`."""

from __future__ import annotations

import re
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

project = "counterpoise"
author = "counterpoise contributors"
release = metadata.version("counterpoise")
html_title = "counterpoise"
extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["gallery/**/*.ipynb", "gallery/**/*.py", "**/sg_execution_times.rst"]
templates_path = ["_templates"]
# reports that `python -m benchmarks` renders may have no title
suppress_warnings = ["config.cache", "myst.header", "toc.no_title"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
numpydoc_show_class_members = False
autosummary_generate = True
autodoc_default_options: dict[str, Any] = {"members": True, "inherited-members": False}
autodoc_typehints = "none"
html_theme = "pydata_sphinx_theme"
html_show_sourcelink = False
toc_object_entries_show_parents = "hide"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options: dict[str, Any] = {
    "show_toc_level": 2,
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars: dict[str, list[str]] = {"index": []}
sphinx_gallery_conf: dict[str, Any] = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": "/plot_",
    "within_subsection_order": "FileNameSortKey",
    "ignore_pattern": r"(demo|__init__)\.py",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
}


def link_to_site(_app: Any, _docname: str, source: list[str]) -> None:
    """Lead links to a file outside of docs/ to the page that includes it."""
    source[0] = source[0].replace("../benchmarks/README.md", "benchmark-commands.md")


def skip_routing(_app: Any, _what: str, name: str, _obj: Any, skip: bool, _options: Any) -> bool:
    """Leave out scikit-learn's methods of metadata routing."""
    return skip or re.fullmatch(r"set_\w+_request", name) is not None


def add_reports(app: Any, error: Exception | None) -> None:
    """Put the reports that scripts of the gallery wrote beside their pages."""
    if error is None:
        for report in (Path(app.srcdir).parent / "examples").glob("*-report.html"):
            shutil.copy(report, Path(app.outdir) / "gallery")


def setup(app: Any) -> None:
    """Connect what is above."""
    app.connect("build-finished", add_reports)
    app.connect("source-read", link_to_site)
    app.connect("autodoc-skip-member", skip_routing)
