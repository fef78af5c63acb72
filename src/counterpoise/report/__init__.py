"""Reports on synthetic rows: first a plain summary object, then HTML, Markdown or JSON.

Start with `report`, in ``_report``.

- ``_summary``: what a report says, as plain values; ``_verdict``: the outcome of a comparison
- ``_build``: from real and synthetic rows to a summary; ``_columns``: columns, and the map of rows
- ``_wording``: numbers and sentences, the same in every form
- ``_html`` (with ``templates/``), ``_charts`` (SVG), ``_markdown``: the forms
"""

from counterpoise.report._report import Report, report
from counterpoise.report._summary import Summary
from counterpoise.report._verdict import StrategyResult, Verdict

__all__ = ["Report", "StrategyResult", "Summary", "Verdict", "report"]
