"""Whether balancing a table is worth it, and by which strategy: `counterpoise.compare`.

Start with `_compare.py`, then follow the order in which it works:

_compare.py           `compare` and `Comparison`, what users import
_cross_validation.py  the strategies (add one there); scores of each and every classifier by fold
_verdict.py           the rule that decides, and the verdict in words
_scores.py            scores, thresholds, costs of errors; the corrected resampled t-test
"""

from counterpoise.comparison._compare import Comparison, compare

__all__ = ["Comparison", "compare"]
