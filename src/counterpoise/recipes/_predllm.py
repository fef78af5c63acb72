"""Pred-LLM (arXiv 2410.21717): all rows, label last; the model labels the rows it has generated.

NOTE[DIFF] The code that accompanies the ImbLLM paper never generates again: it keeps the rows that
the model labels the minority and makes do with fewer than asked, possibly none. Here rows are
generated until there are as many as asked for, or a `DecodingError`.
NOTE[DIFF] It trains on each row twice, shuffled and in the table's order, and asks for the label of
a finished row in a second pass in that order. Here the model labels a row as it has just generated
it. Both sample the label at the temperature of the rest; neither takes the likeliest.
"""

from counterpoise.recipes._base import register_recipe
from counterpoise.recipes._imbllm import IMBLLM

register_recipe(
    "predllm",
    IMBLLM.copy(train_on="all", interpolation=None, permutation="label-last"),
)
