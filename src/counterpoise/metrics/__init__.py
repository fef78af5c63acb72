"""Metrics of synthetic rows: validity, fidelity, diversity, privacy; and the one distance.

Start with `measure_quality`: every metric at once, each beside what real and what repeated rows
reach. A metric is a function of a `Sample` (rows beside the real ones), and `register_metric` adds
one of your own; reports show it too.

- ``_distance``: the distance between rows of mixed types
- ``_sample``: rows beside the real ones, with their distances and bins, computed once
- ``_metric``: the list of metrics; ``_estimate``: values with intervals
- ``_diversity``, ``_fidelity``, ``_privacy``: the metrics, a function each
- ``_associations``: how strongly columns are associated
- ``_quality``: `measure_quality`
- ``_validity``: `check_validity`, whether each cell is possible in the real table
"""

from counterpoise.metrics._associations import association_matrix
from counterpoise.metrics._diversity import (
    beta_recall,
    column_entropies,
    column_entropy,
    column_support_coverage,
    coverage,
    density,
    distinct_row_rate,
    joint_entropy,
    mean_pairwise_distance,
    subgroup_coverage,
    subgroup_shares,
    support_coverage,
)
from counterpoise.metrics._estimate import Estimate
from counterpoise.metrics._fidelity import (
    alpha_precision,
    association_error,
    detection_auc,
    marginal_distance,
    marginal_distances,
    two_sample_test,
)
from counterpoise.metrics._metric import METRICS, Metric, register_metric
from counterpoise.metrics._privacy import (
    closer_to_training,
    column_text_near_copies,
    exact_copies,
    membership_inference,
    near_copies,
    text_near_copies,
)
from counterpoise.metrics._quality import Measure, Quality, measure_quality
from counterpoise.metrics._sample import Sample
from counterpoise.metrics._validity import Validity, check_validity

__all__ = [
    "METRICS",
    "Estimate",
    "Measure",
    "Metric",
    "Quality",
    "Sample",
    "Validity",
    "alpha_precision",
    "association_error",
    "association_matrix",
    "beta_recall",
    "check_validity",
    "closer_to_training",
    "column_entropies",
    "column_entropy",
    "column_support_coverage",
    "column_text_near_copies",
    "coverage",
    "density",
    "detection_auc",
    "distinct_row_rate",
    "exact_copies",
    "joint_entropy",
    "marginal_distance",
    "marginal_distances",
    "mean_pairwise_distance",
    "measure_quality",
    "membership_inference",
    "near_copies",
    "register_metric",
    "subgroup_coverage",
    "subgroup_shares",
    "support_coverage",
    "text_near_copies",
    "two_sample_test",
]
