"""Our own recipes, chosen by experiments (``docs/log.md``): one for true rows, one for ranking.

NOTE[DIFF] from ImbLLM, in both: no interpolated rows, temperature 1. The notes of `_imbllm.py` on
the table vocabulary, the model and `top_k` hold here too.
"""

from counterpoise.recipes._base import Recipe, register_recipe

COUNTERPOISE = Recipe(
    # NOTE[DIFF] Every class is trained on: how columns go together, all rows show.
    train_on="all",
    interpolation=None,
    # NOTE[DIFF] Relations that hold in every real row hold in every synthetic row.
    relations=True,
    # NOTE[DIFF] One feature moves to the front instead of a permutation of all: the third idea
    # needs no more, and n orders are learned sooner than n!.
    permutation="condition-first",
    # NOTE[DIFF] Generated rows are as clear and as doubtful cases of their class as the real ones.
    selection="classifier",
    selection_rule="calibrated",
    # NOTE[DIFF] Ten epochs instead of 50, or what of them is worth it. Held-out rows of a small
    # class are too few to tell when to stop, and the learning rate is at its end only where the
    # length is known.
    epochs="auto",
    validation_fraction=0.0,
)
"""The default: rows that people and tools will look at."""

RANKING = Recipe(interpolation=None, relations=True, selection="classifier", refinement="auto")
"""Rows for training a classifier: clear cases of the class, of a model of the minority alone.

NOTE[DIFF] Training stops by itself; where few rows are selected, the model is trained further on
some that were.
"""

register_recipe("counterpoise", COUNTERPOISE)
register_recipe("counterpoise-no-selection", COUNTERPOISE.copy(selection=None))
register_recipe("ranking", RANKING)
register_recipe("ranking-no-refinement", RANKING.copy(refinement=None))
register_recipe("ranking-no-selection", RANKING.copy(selection=None, refinement=None))
