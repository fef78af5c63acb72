"""Balance imbalanced tables with synthetic rows written by a language model.

The language model is fine-tuned on the table itself (the ImbLLM method, arXiv 2510.09783), and it
decodes under the table's grammar, so that every generated cell is valid.

Importing this package is cheap: what needs torch or pandas is imported on first use.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from counterpoise.comparison import compare
    from counterpoise.sampler import LLMOverSampler

    __version__: str

__all__ = ["LLMOverSampler", "__version__", "compare"]

_HOMES = {
    "LLMOverSampler": "counterpoise.sampler",
    "compare": "counterpoise.comparison",
}
"""Public name -> the module that defines it."""


def __getattr__(name: str) -> object:
    if name == "__version__":
        value: object = _installed_version()
    elif name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _installed_version() -> str:
    """Return the installed distribution's version; ``0+unknown`` from a bare source tree."""
    from importlib import metadata

    try:
        return metadata.version("counterpoise")
    except metadata.PackageNotFoundError:
        return "0+unknown"
