"""Whether balancing a table is worth it, and by which strategy: `counterpoise.compare`.

Start with `_compare.py`, then follow the order in which it works:

_compare.py           `compare` and `Comparison`, what users import
_strategies.py        the strategies that are tried (add one there), SMOTENC on tables as they are
_cross_validation.py  the scores of every strategy and classifier on the same folds
_verdict.py           the rule that decides, and the verdict in words
_scores.py            scores, thresholds, costs of errors; the corrected resampled t-test
_classifiers.py       classifiers that take a table as it is
"""

from counterpoise.comparison._compare import Comparison, compare

__all__ = ["Comparison", "compare"]
