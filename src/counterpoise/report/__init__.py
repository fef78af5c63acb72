"""Reports on synthetic rows: first a plain summary object, then HTML, Markdown or JSON.

Start with `report`, in ``_report``.

- ``_summary``: what a report says, as plain values; the outcome of a comparison too
- ``_build``: from real and synthetic rows to a summary
- ``_wording``: numbers and sentences, the same in every form
- ``_render`` (with ``templates/``): HTML and Markdown; ``_charts``: SVG
"""

from counterpoise.report._report import Report, report
from counterpoise.report._summary import StrategyResult, Summary, Verdict

__all__ = ["Report", "StrategyResult", "Summary", "Verdict", "report"]
