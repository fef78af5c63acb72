"""What every synthetic row satisfies; one file per constraint, or for a few that are alike.

``_base``         `Constraint`: what it can say, when it is asked, what decoding can keep of it
``_layout``       which columns the model learns: not those that are computed from others; and
                  the combinations of values that columns have in the real rows
``_expression``   what a `Formula` computes; ``_intervals`` what cells leave its result in range
``_discovery``    the search for relations that hold in a table; ``_evidence`` knows chance
``_shares``       in which rows of any table a relation holds
``_set``          all constraints of a sampler, and the table under them

A new constraint is one file with one subclass of `Constraint` and ``@register_constraint``.
"""

from counterpoise.constraints._base import Constraint, register_constraint
from counterpoise.constraints._discovery import Drop, Relation, discover
from counterpoise.constraints._domains import Categories, Range, RangeMargin
from counterpoise.constraints._fixed_combinations import FixedCombinations, OneHot
from counterpoise.constraints._formula import Formula
from counterpoise.constraints._functional_dependency import FunctionalDependency
from counterpoise.constraints._implication import Implication, MissingTogether
from counterpoise.constraints._inequality import Inequality
from counterpoise.constraints._no_copies import NoCopies
from counterpoise.constraints._shares import relation_shares

__all__ = [
    "Categories",
    "Constraint",
    "Drop",
    "FixedCombinations",
    "Formula",
    "FunctionalDependency",
    "Implication",
    "Inequality",
    "MissingTogether",
    "NoCopies",
    "OneHot",
    "Range",
    "RangeMargin",
    "Relation",
    "discover",
    "register_constraint",
    "relation_shares",
]
