"""TapTap (arXiv 2305.09696): all rows without a label, a digit per token; XGBoost labels the rows.

NOTE[DIFF] The code that accompanies the ImbLLM paper appends every generated row with the label
that XGBoost gives it, majority rows too. Here rows are generated until there are as many of the
class as asked for, and a `DecodingError` ends it where the class (nearly) never comes.
NOTE[DIFF] That code prompts with a label that no serialized row of the training had; here with a
value of a feature, as TapTap itself does.
"""

from counterpoise.recipes._base import register_recipe
from counterpoise.recipes._imbllm import IMBLLM

register_recipe(
    "taptap",
    IMBLLM.copy(
        train_on="all",
        interpolation=None,
        permutation="no-label",
        condition="any-feature",
        digit_tokens=True,
    ),
)
