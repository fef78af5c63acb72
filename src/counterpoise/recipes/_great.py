"""GReaT (arXiv 2210.06280), prompted with the label: all rows, everything shuffled."""

from counterpoise.recipes._base import Recipe, register_recipe
from counterpoise.recipes._imbllm import PUBLISHED

GREAT = Recipe(
    train_on="all",
    interpolation=None,
    permutation="all",
    condition="label",
    **PUBLISHED,  # type: ignore[arg-type]
)

register_recipe("great", GREAT)
