"""Metrics of synthetic rows: validity, fidelity, diversity, privacy; and the one distance.

Start with `measure_quality`: every metric at once, each beside what real and what repeated rows
reach. `METRICS` has them by name; one of them alone is
``METRICS["coverage"].measure(Sample.from_frames(...))``. `register_metric` adds one of your own;
reports show it too.

- ``_distance``: the distance between rows of mixed types; associations between columns
- ``_metric``: `Sample`, rows beside the real ones; what a metric of it is; values with intervals
- ``_builtin``: the metrics of diversity, fidelity and privacy, a function each
- ``_quality``: `measure_quality`, and `check_validity`: is each cell possible in the real table?
"""

from counterpoise.metrics._metric import METRICS, Estimate, Measure, Metric, Sample, register_metric
from counterpoise.metrics._quality import Quality, check_validity, measure_quality

__all__ = [
    "METRICS",
    "Estimate",
    "Measure",
    "Metric",
    "Quality",
    "Sample",
    "check_validity",
    "measure_quality",
    "register_metric",
]
