"""GReaT (arXiv 2210.06280), prompted with the label: all rows, everything shuffled."""

from counterpoise.recipes._base import register_recipe
from counterpoise.recipes._imbllm import IMBLLM

register_recipe(
    "great",
    IMBLLM.copy(train_on="all", interpolation=None, permutation="all", condition="label"),
)
