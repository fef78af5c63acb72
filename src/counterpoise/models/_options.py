"""The models by name, and what can be set about each; importing this does not import torch."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from counterpoise._parameters import Parameters
from counterpoise.errors import ModelError


class Backbone(Parameters):
    """A language model before it has seen a table.

    Parameters
    ----------
    batch_size : int or "auto", default="auto"
        Rows per training step; ``"auto"``: 32, as published.
    learning_rate : float or "auto", default="auto"
        Peak learning rate of AdamW.
    generation_batch_size : int or "auto", default="auto"
        Rows generated together; ``"auto"``: 1024 for the compact model, 256 for a pre-trained one.
        Rows are the same for the same seed *and* batch size.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Of matrix products. ``"auto"``: float32 for the compact model, so that rows do not depend on
        the machine; for a pre-trained one bfloat16 where the hardware multiplies in it.
    """

    def __init__(
        self,
        *,
        batch_size: int | str = "auto",
        learning_rate: float | str = "auto",
        generation_batch_size: int | str = "auto",
        precision: str = "auto",
    ) -> None:
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.generation_batch_size = generation_batch_size
        self.precision = precision

    def validate(self) -> None:
        """Raise a ModelError if a parameter has a value that is not allowed."""
        for name in ("batch_size", "generation_batch_size"):
            self._check(name, Integral, 1, "auto")
        rate: Any = self.learning_rate
        is_number = isinstance(rate, Real) and not isinstance(rate, bool)
        if rate != "auto" and not (is_number and rate > 0):
            raise ModelError(f"learning_rate must be above 0, or 'auto'; got {rate!r}")
        if self.precision not in ("auto", "float32", "bfloat16"):
            raise ModelError(
                f"precision must be 'auto', 'float32' or 'bfloat16'; got {self.precision!r}"
            )

    def _check(self, name: str, kind: Any, least: int, other: Any) -> None:
        value = getattr(self, name)
        is_right = isinstance(value, kind) and not isinstance(value, bool) and value >= least
        if value != other and not is_right:
            raise ModelError(f"{name} must be {least} or more, or {other!r}; got {value!r}")


class CompactModel(Backbone):
    """A small Llama-architecture model from scratch: the default, for machines without a GPU.

    Parameters
    ----------
    batch_size, learning_rate, generation_batch_size, precision
        See `Backbone`.
    """

    name = "compact"


class PretrainedModel(Backbone):
    """A pre-trained causal language model.

    Parameters
    ----------
    name : str, default="smollm2-135m"
        ``"smollm2-135m"``, or the folder or hub id of any Hugging Face causal language model.
    n_layers : int, default=None
        Keep its first layers only, which is faster and weaker.
    lora_rank : int, default=None
        Train low-rank adapters of this rank instead of all weights.
    batch_size, learning_rate, generation_batch_size, precision
        See `Backbone`.
    """

    def __init__(
        self,
        name: str = "smollm2-135m",
        *,
        n_layers: int | None = None,
        lora_rank: int | None = None,
        batch_size: int | str = "auto",
        learning_rate: float | str = "auto",
        generation_batch_size: int | str = "auto",
        precision: str = "auto",
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            learning_rate=learning_rate,
            generation_batch_size=generation_batch_size,
            precision=precision,
        )
        self.name = name
        self.n_layers = n_layers
        self.lora_rank = lora_rank

    def validate(self) -> None:
        """Raise a ModelError if a parameter has a value that is not allowed."""
        super().validate()
        if not isinstance(self.name, str):
            raise ModelError(f"the name of a model must be a string; got {self.name!r}")
        self._check("n_layers", Integral, 1, None)
        self._check("lora_rank", Integral, 1, None)


class AutoModel(PretrainedModel):
    """SmolLM2 where its weights are at hand and its fit ends well within `max_time`, else compact.

    `max_time` counts as 60 s if it is not given. What is taken depends on the size of the table and
    on a few timed steps on this machine, so the rows can differ from machine to machine;
    ``model_reason_`` has the figures.

    Parameters
    ----------
    n_layers, lora_rank, batch_size, learning_rate, generation_batch_size, precision
        See `PretrainedModel`.
    """

    def __init__(
        self,
        *,
        n_layers: int | None = None,
        lora_rank: int | None = None,
        batch_size: int | str = "auto",
        learning_rate: float | str = "auto",
        generation_batch_size: int | str = "auto",
        precision: str = "auto",
    ) -> None:
        super().__init__(
            "auto",
            n_layers=n_layers,
            lora_rank=lora_rank,
            batch_size=batch_size,
            learning_rate=learning_rate,
            generation_batch_size=generation_batch_size,
            precision=precision,
        )


def get_model(model: str | Backbone) -> Backbone:
    """Return the backbone of a name: ``"compact"``, ``"auto"``, or that of a pre-trained model.

    Raises
    ------
    ModelError
        If it is neither a string nor a Backbone, or has a parameter that is not allowed.
    """
    if isinstance(model, str):
        known: dict[str, type[Backbone]] = {"compact": CompactModel, "auto": AutoModel}
        return known[model]() if model in known else PretrainedModel(model)
    if not isinstance(model, Backbone):
        raise ModelError(f"model must be a name or an object of counterpoise.models; got {model!r}")
    model.validate()
    return model
