"""ImbLLM as published (arXiv 2510.09783), and its ablations.

The three ideas are three independent parameters: `interpolation` (steps 1 and 2 of the paper),
`permutation` (step 3), `condition` (step 5). The other values are those of the paper (50 epochs,
batches of 32) and of the code that accompanies it (temperature 0.7, no early stopping).

NOTE[DIFF] The paper fine-tunes distilgpt2 on text; here rows use the table's own vocabulary unless
``serialization="text"`` is asked for.
NOTE[DIFF] The code leaves `top_k` at the 50 of its generation library; here nothing is cut off.
"""

from counterpoise.recipes._base import Recipe, register_recipe

IMBLLM = Recipe(
    train_on="minority",
    interpolation="smotenc",
    permutation="label-first",
    condition="feature",
    # these three the code that accompanies the paper has for all four published methods
    epochs=50,
    validation_fraction=0.0,
    temperature=0.7,
)

register_recipe("imbllm", IMBLLM)
register_recipe("imbllm-no-interpolation", IMBLLM.copy(interpolation=None))
register_recipe("imbllm-no-permutation", IMBLLM.copy(permutation="none"))
register_recipe("imbllm-no-condition", IMBLLM.copy(condition="label"))
register_recipe(
    "imbllm-none", IMBLLM.copy(interpolation=None, permutation="none", condition="label")
)
