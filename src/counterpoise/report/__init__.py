"""Reports on synthetic rows: first a plain summary object, then HTML, Markdown or JSON.

Start with `report`, and `report_rows` for the rows of any generator, in ``_build``.

- ``_summary``: what a report says, as plain values and sentences; the outcome of a comparison too
- ``_build``: from a sampler, or real and synthetic rows, to a summary
- ``_render`` (with ``templates/``): HTML, Markdown and JSON; ``_charts``: SVG
"""

from counterpoise.report._build import report, report_rows
from counterpoise.report._render import Report
from counterpoise.report._summary import StrategyResult, Summary, Verdict

__all__ = ["Report", "StrategyResult", "Summary", "Verdict", "report", "report_rows"]
