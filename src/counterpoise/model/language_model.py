"""One small interface to any causal language model, over the tokens of one table."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from counterpoise.errors import ModelError
from counterpoise.language.vocabulary import Entry


class LanguageModel(nn.Module):
    """A Hugging Face causal language model whose vocabulary is that of one table.

    The embedding (and the output layer) keeps a row for each token that can occur and drops the
    rest of the pre-trained vocabulary. A token that stands for several pre-trained pieces starts
    from the mean of their embeddings.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        The model; it is changed in place.
    entries : sequence of Entry
        The table's tokens.
    pretrained : bool
        False for a model from scratch that was made with ``len(entries)`` tokens already.
    """

    def __init__(self, model: Any, entries: Sequence[Entry], *, pretrained: bool) -> None:
        super().__init__()
        self.network = model
        parameters = inspect.signature(model.forward).parameters
        if "past_key_values" not in parameters or "attention_mask" not in parameters:
            raise ModelError(
                f"{type(model).__name__} keeps no key-value cache; counterpoise needs a "
                "decoder-only transformer"
            )
        self._takes_positions = "position_ids" in parameters
        if pretrained:
            _restrict_vocabulary(model, entries)
        self.head_is_plain = self._probe_head()

    @property
    def head(self) -> nn.Module:
        """The output layer."""
        head: nn.Module = self.network.get_output_embeddings()
        return head

    def forward(
        self,
        tokens: Tensor,
        cues: Tensor,
        at: tuple[Tensor, Tensor],
        *,
        positions: Tensor | None = None,
        attention_mask: Tensor | None = None,
        cache: Any = None,
        use_cache: bool = False,
    ) -> tuple[Tensor, Any]:
        """Score the tokens that may follow chosen places.

        Parameters
        ----------
        tokens : Tensor of shape (n_rows, length), int64
            What is written, or with a `cache` what was added since.
        cues : Tensor of shape (n_rows, length), int64
            The token whose embedding is added at each place; negative for none.
        at : pair of Tensors of shape (n_places,)
            Row and column of each place of `tokens` whose successor is scored; the output layer
            runs only there.
        positions : Tensor of shape (n_rows, length), optional
            Position of each token in its sentence; consecutive from 0 if omitted.
        attention_mask : Tensor of shape (n_rows, cached + length), optional
            1 for tokens, 0 for padding; all ones if omitted.

        Returns
        -------
        logits : Tensor of shape (n_places, n_tokens), float32
        cache : object
            The key-value cache, if `use_cache`.
        """
        arguments: dict[str, Any] = {
            "inputs_embeds": self._embed(tokens, cues),
            "attention_mask": attention_mask,
            "past_key_values": cache,
            "use_cache": use_cache,
        }
        if self._takes_positions:
            arguments["position_ids"] = positions
        if self.head_is_plain:
            output = self.network.base_model(**arguments)
            logits = self.head(output.last_hidden_state[at])
        else:
            output = self.network(**arguments)
            logits = output.logits[at]
        return logits.float(), output.past_key_values if use_cache else None

    def check_length(self, n_tokens: int) -> None:
        """Raise ModelError if a sentence of `n_tokens` is longer than the model can read."""
        limit = getattr(self.network.config, "max_position_embeddings", None)
        if limit is not None and n_tokens > limit:
            raise ModelError(
                f"a row of this table takes up to {n_tokens} tokens, but the model reads at most "
                f"{limit}; use serialization='table', or fewer columns"
            )

    def _embed(self, tokens: Tensor, cues: Tensor) -> Tensor:
        embedding = self.network.get_input_embeddings()
        embedded: Tensor = embedding(tokens)
        if bool((cues >= 0).any()):
            embedded = embedded + embedding(cues.clamp(min=0)) * (cues >= 0)[..., None]
        return embedded

    @torch.no_grad()
    def _probe_head(self) -> bool:
        """Whether logits are the output layer of the last hidden state, and nothing else.

        Some architectures scale or squash them; those run whole.
        """
        device = next(self.network.parameters()).device
        n_tokens = self.network.get_input_embeddings().weight.shape[0]
        tokens = torch.arange(min(16, n_tokens), device=device)[None]
        training = self.network.training
        self.network.eval()
        whole = self.network(input_ids=tokens, use_cache=False).logits
        body = self.network.base_model(input_ids=tokens, use_cache=False).last_hidden_state
        self.network.train(training)
        return torch.allclose(self.head(body), whole, rtol=1e-3, atol=1e-5)


@torch.no_grad()
def _restrict_vocabulary(model: Any, entries: Sequence[Entry]) -> None:
    """Keep one embedding a token of the table: the mean of its pieces' pre-trained ones."""
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    tied = head is not None and head.weight is embedding.weight
    embedding.weight = nn.Parameter(_means(embedding.weight, entries))
    embedding.num_embeddings = len(entries)
    embedding.padding_idx = None
    if tied:
        head.weight = embedding.weight
    else:
        head.weight = nn.Parameter(_means(head.weight, entries))
    head.out_features = len(entries)
    if getattr(head, "bias", None) is not None:
        head.bias = nn.Parameter(_means(head.bias[:, None], entries)[:, 0])
    model.config.vocab_size = len(entries)
    for special in ("pad_token_id", "bos_token_id", "eos_token_id"):
        setattr(model.config, special, None)


def _means(weight: Tensor, entries: Sequence[Entry]) -> Tensor:
    average = weight.mean(dim=0)
    rows = [weight[list(e.pieces)].mean(dim=0) if e.pieces else average for e in entries]
    return torch.stack(rows).contiguous()
