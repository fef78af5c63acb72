"""Language models behind one small interface.

- ``_options.py``: the models by name and what can be set about each (imports no torch)
- ``_registry.py``: loading one
- ``_llama.py``, ``_llama_cache.py``: our own Llama, for training and for cached inference
- ``_huggingface.py``: every other causal language model of Hugging Face
- ``_smollm2.py``: SmolLM2-135M from its Python package
- ``_device.py``: where a model runs and in which precision
"""

from counterpoise.models._options import (
    AutoModel,
    Backbone,
    CompactModel,
    PretrainedModel,
    get_model,
)

__all__ = ["AutoModel", "Backbone", "CompactModel", "PretrainedModel", "get_model"]
