"""Whether balancing a table is worth it, and by which strategy: `counterpoise.compare`.

Start with `_compare.py`, then follow the order in which it works:

_compare.py           `compare` and `Comparison`, what users import
_cross_validation.py  the strategies (add one there); scores of each and every classifier by fold
_verdict.py           the rule that decides, and the verdict in words
_scores.py            scores, thresholds, costs of errors; the corrected resampled t-test
_smotenc.py           SMOTENC on tables as they are
"""

from counterpoise.comparison._compare import Comparison, compare

__all__ = ["Comparison", "compare"]
