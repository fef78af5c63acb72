"""Samplers from a flat list of options, as plans and command lines have them."""

from __future__ import annotations

from typing import Any

from counterpoise.constraints import (
    Categories,
    Constraint,
    FixedCombinations,
    Inequality,
    NoCopies,
    Range,
    RangeMargin,
)
from counterpoise.models import get_model
from counterpoise.recipes import Recipe, get_recipe
from counterpoise.sampler import LLMOverSampler


def make_sampler(**options: Any) -> LLMOverSampler:
    """Return a sampler from parameters of its recipe, its model and its own, all in one list.

    Constraints go by ``ranges``, ``range_margin``, ``categories``, ``fixed_combinations``,
    ``inequalities`` and ``allow_copies``.
    """
    own = {name: options.pop(name) for name in LLMOverSampler().get_params() if name in options}
    constraints: list[Constraint] = []
    for name, bounds in (options.pop("ranges", None) or {}).items():
        constraints.append(Range(name, *bounds))
    if margin := options.pop("range_margin", 0.0):
        constraints.append(RangeMargin(margin))
    for name, values in (options.pop("categories", None) or {}).items():
        constraints.append(Categories(name, values))
    constraints += [FixedCombinations(c) for c in options.pop("fixed_combinations", None) or ()]
    constraints += [Inequality(*parts) for parts in options.pop("inequalities", None) or ()]
    if not options.pop("allow_copies", True):
        constraints.append(NoCopies())
    if constraints:
        own["constraints"] = constraints
    recipe = {name: options.pop(name) for name in Recipe().get_params() if name in options}
    if recipe:
        own["recipe"] = get_recipe(own.get("recipe", "counterpoise"), **recipe)
    if options:
        own["model"] = get_model(own.get("model", "compact")).copy(**options)
    return LLMOverSampler(**own)
