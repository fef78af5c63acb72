"""The methods, one file each; every departure from a paper is marked ``NOTE[DIFF]`` there.

- ``_base.py``: :class:`Recipe`, the parameters of a method, and the registry of names
- ``_counterpoise.py``: the default
- ``_imbllm.py``: ImbLLM (arXiv 2510.09783) and its ablations
- ``_great.py``: GReaT (arXiv 2210.06280)
- ``_taptap.py``: TapTap (arXiv 2305.09696)
- ``_predllm.py``: Pred-LLM (arXiv 2410.21717)

A new method is one file here with one `register_recipe` call, and a line below that imports it.
"""

from counterpoise.recipes import _counterpoise, _great, _imbllm, _predllm, _taptap  # noqa: F401
from counterpoise.recipes._base import Recipe, get_recipe, recipe_names, register_recipe

__all__ = ["Recipe", "get_recipe", "recipe_names", "register_recipe"]
