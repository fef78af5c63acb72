"""What every synthetic row satisfies; one file per constraint.

``_base``   `Constraint`: what a constraint can say, and when it is asked
``_set``    all constraints of a sampler, and the table under them

A new constraint is one file with one subclass of `Constraint` and ``@register_constraint``.
"""

from counterpoise.constraints._base import Constraint, register_constraint
from counterpoise.constraints._categories import Categories
from counterpoise.constraints._fixed_combinations import FixedCombinations
from counterpoise.constraints._inequality import Inequality
from counterpoise.constraints._no_copies import NoCopies
from counterpoise.constraints._range import Range, RangeMargin

__all__ = [
    "Categories",
    "Constraint",
    "FixedCombinations",
    "Inequality",
    "NoCopies",
    "Range",
    "RangeMargin",
    "register_constraint",
]
