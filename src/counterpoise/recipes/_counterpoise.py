"""The default recipe: what does best in our own experiments (``docs/log.md``).

NOTE[DIFF] from ImbLLM: no interpolated rows, temperature 1, training stops by itself, and a
generated row is kept only if a classifier of the real rows does not find another class likelier;
where few are kept, the model is trained further on some that were. The notes of `_imbllm.py` on the
table vocabulary, the model and `top_k` hold here too.
"""

from counterpoise.recipes._base import Recipe, register_recipe

COUNTERPOISE = Recipe(interpolation=None, selection="classifier", refinement="auto")

register_recipe("counterpoise", COUNTERPOISE)
register_recipe("counterpoise-no-refinement", COUNTERPOISE.copy(refinement=None))
register_recipe("counterpoise-no-selection", COUNTERPOISE.copy(selection=None, refinement=None))
