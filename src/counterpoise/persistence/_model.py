"""A language model as data: what it is made of as JSON, its weights as safetensors.

Nothing of it is executed when it is made again: the architecture is our own Llama, one registered
by a `kind`, or one that `transformers` has, chosen by name; and of the settings of the latter only
plain values that the architecture has anyway are taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from counterpoise.errors import ModelError
from counterpoise.models._device import Device
from counterpoise.models._huggingface import HuggingFaceModel, add_adapters
from counterpoise.models._language_model import LanguageModel
from counterpoise.models._llama import Llama, LlamaShape
from counterpoise.persistence._folder import Record
from counterpoise.serialization._tokenizer import Entry
from counterpoise.training._checkpoint import distinct_tensors, load_tensors

Shapes: TypeAlias = Mapping[str, tuple[int, ...]]
"""Shapes of weights by name."""
Scalar: TypeAlias = bool | int | float | str | None
_Short = msgspec.Meta(max_length=999)
Setting: TypeAlias = Scalar | Annotated[list[Scalar], _Short] | Annotated[dict[str, Scalar], _Short]
_NOT_OF_THE_MODEL = frozenset(
    {
        "_attn_implementation",
        "_name_or_path",
        "architectures",
        "attn_implementation",
        "auto_map",
        "custom_pipelines",
        "dtype",
        "experts_implementation",
        "model_type",
        "quantization_config",
        "torch_dtype",
        "transformers_version",
    }
)
"""Settings that name code, places or formats instead of describing the model."""


class _Described(Record):
    """A model of `transformers`."""

    kind: str
    model_type: str
    settings: dict[str, Setting]
    lora_rank: int | None


def describe_model(model: LanguageModel) -> dict[str, Any]:
    """Return what `model` is made of, with JSON types only.

    Raises
    ------
    ModelError
        If it does not describe itself, or is not made by the plain settings of its architecture.
    """
    if not isinstance(model, HuggingFaceModel):
        return model.describe()
    config = model.network.config
    allowed = _allowed_settings(config.model_type)
    settings = {
        name: value
        for name, value in config.to_dict().items()
        if name in allowed and _is_plain(value)
    }
    described = _Described(model.kind, config.model_type, settings, model.lora_rank)
    shapes = {name: tuple(tensor.shape) for name, tensor in distinct_tensors(model).items()}
    if model.lora_rank is None and _network_shapes(described, config.vocab_size) != shapes:
        raise ModelError(
            f"{type(model.network).__name__} cannot be saved: its settings alone do not describe it"
        )
    return msgspec.structs.asdict(described)


def rebuild_model(
    description: dict[str, Any], n_tokens: int, weights: Path, device: Device
) -> LanguageModel:
    """Make the model that `describe_model` described, with the weights of a safetensors file.

    Raises
    ------
    ModelError
        If the weights have other names, shapes or dtypes than the model's, or are not finite. A
        malformed description raises anything (see `_folder.refuse_malformed`).
    """
    tensors = read_tensors(weights)
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise ModelError(f"the weights {name} of the saved model are not all finite numbers")
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    model = _rebuild(description, n_tokens, shapes, device).to(dtype=device.weight_precision)
    load_tensors(model, tensors)
    model.eval()
    return model.to(device.device)


def _rebuild(
    description: dict[str, Any], n_tokens: int, shapes: Shapes, device: Device
) -> LanguageModel:
    """Make the model; shapes are compared before memory is taken for what may not fit."""
    kind = description["kind"]
    if kind == HuggingFaceModel.kind:
        described = msgspec.convert(description, _Described)
        return _rebuild_network(described, n_tokens, shapes, device)
    cls = LanguageModel.of_kind(kind)
    if cls is Llama:
        _check_llama(description, len(shapes))
        with torch.device("meta"):
            own = distinct_tensors(cls.rebuild(description, n_tokens, device))
        if {name: tuple(tensor.shape) for name, tensor in own.items()} != shapes:
            raise ValueError("the weights do not fit it")
    return cls.rebuild(description, n_tokens, device)


def _check_llama(description: dict[str, Any], n_tensors: int) -> None:
    shape = msgspec.convert(description["shape"], LlamaShape)
    sizes = msgspec.to_builtins(shape)
    for name, value in sizes.items():
        if value is not None and type(value) is not bool and not 0 < value < 2**31:
            raise ValueError(f"{name} is {value!r}")
    if description != {"kind": Llama.kind, "shape": sizes}:
        raise ValueError("it has other fields than a Llama")
    if shape.n_layers > n_tensors:
        raise ValueError(f"it has {shape.n_layers} layers, and there are {n_tensors} weights")


def _rebuild_network(
    described: _Described, n_tokens: int, shapes: Shapes, device: Device
) -> LanguageModel:
    _check_network(described, len(shapes))
    own, is_whole = _network_shapes(described, n_tokens), described.lora_rank is None
    # adapters are beside what is described
    fits = own == shapes if is_whole else set(own.values()) <= set(shapes.values())
    if not fits:
        raise ValueError("the weights do not fit it")
    with torch.random.fork_rng():  # weights are drawn only to be replaced
        network = _network(described, n_tokens)
    network.set_attn_implementation("sdpa" if device.fuses_attention else "eager")
    model = HuggingFaceModel(network, [Entry("", (token,)) for token in range(n_tokens)])
    if described.lora_rank is not None:
        add_adapters(model, described.lora_rank, seed=0)
    return model


def _network_shapes(described: _Described, n_tokens: int) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of the weights of a described model, without making any."""
    holder = nn.Module()
    with torch.device("meta"):
        holder.network = _network(described, n_tokens)
    return {name: tuple(tensor.shape) for name, tensor in distinct_tensors(holder).items()}


def _check_network(described: _Described, n_tensors: int) -> None:
    rank = described.lora_rank
    if rank is not None and not 1 <= rank <= 2**16:
        raise ValueError(f"lora_rank is {rank!r}")
    allowed = _allowed_settings(described.model_type)
    for name, value in described.settings.items():
        if name not in allowed or not _is_like(value, allowed[name]):
            raise ValueError(f"{name} is no setting of {described.model_type}")
        is_many = any(part in name for part in ("layer", "expert", "block", "head"))
        if is_many and type(value) is int and value > max(n_tensors, 1024):
            raise ValueError(f"{name} is {value}, and there are {n_tensors} weights")


def _is_like(value: Any, default: Any) -> bool:
    """Whether `value` is of the type of a setting's default; a default of None says nothing."""
    kinds = [float if type(one) is int else type(one) for one in (value, default)]
    return value is None or default is None or kinds[0] is kinds[1]


def _allowed_settings(model_type: str) -> dict[str, Any]:
    """Return the settings that an architecture has by itself, with their defaults."""
    from transformers import CONFIG_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING

    if model_type not in CONFIG_MAPPING:
        raise ModelError(f"{model_type!r} is no architecture that transformers knows")
    kind = CONFIG_MAPPING[model_type]
    if kind not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise ModelError(f"{model_type!r} is no causal language model")
    settings = kind().to_dict()
    return {name: value for name, value in settings.items() if name not in _NOT_OF_THE_MODEL}


def _is_plain(value: Any) -> bool:
    """Whether `value` can be a setting: a number, a string, or a short list or dict of these."""
    try:
        msgspec.convert(value, Setting)
    except msgspec.ValidationError:
        return False
    return True


def _network(described: _Described, n_tokens: int) -> Any:
    import transformers

    settings: dict[str, Any] = {**described.settings, "vocab_size": n_tokens}
    config = transformers.CONFIG_MAPPING[described.model_type](**settings)
    make: Any = transformers.AutoModelForCausalLM.from_config
    return make(config, dtype=torch.float32, trust_remote_code=False, attn_implementation="eager")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors in a safetensors file."""
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path.name} of the saved sampler cannot be read ({error})") from error
