"""A language model that has learned a table and generates rows of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from counterpoise._progress import Progress
from counterpoise.columns._base import ABSENT
from counterpoise.columns._table import Table
from counterpoise.generation._decoding import Generated, Sampling, generate
from counterpoise.generation._free_decoding import UNPARSABLE, FreeTextParser, generate_text
from counterpoise.generation._prompts import (
    Prompts,
    ValueCounts,
    draw_generation_orders,
    draw_prompts,
)
from counterpoise.generation._rejection_sampling import Accept
from counterpoise.generation._selection import SelectionClassifier, XGBoostLabeller
from counterpoise.grammar._grammar import IntArray
from counterpoise.models._device import Device
from counterpoise.models._language_model import LanguageModel
from counterpoise.recipes._base import Recipe
from counterpoise.serialization._serializer import Serializer, serialize


@dataclass(frozen=True, slots=True)
class RowGenerator:
    """A language model that has learned a table, and all that generating rows takes beside it.

    Attributes
    ----------
    labeller : XGBoostLabeller or None
        Labels rows that are generated without a label.
    parser : FreeTextParser or None
        Parses rows from text that is generated without a grammar.
    selection_classifier : SelectionClassifier or None
        Says which rows are kept, where the recipe selects.
    """

    serializer: Serializer
    model: LanguageModel
    recipe: Recipe
    value_counts: ValueCounts
    device: Device
    labeller: XGBoostLabeller | None = None
    parser: FreeTextParser | None = None
    selection_classifier: SelectionClassifier | None = None

    def generate(
        self,
        label: int,
        n_rows: int,
        sampling: Sampling,
        *,
        rng: np.random.Generator,
        progress: Progress,
        given: Mapping[int, IntArray] | None = None,
    ) -> tuple[Generated, Prompts]:
        """Generate `n_rows` rows of the class `label`; return their prompts too.

        `given` fixes the codes of some columns, by position, each of shape (n_rows,); then
        nothing else is drawn as a condition. Where rows are labelled after they are generated, or
        parsed from free text, not every row is a usable one: see `acceptance`.
        """
        # Step 5 of the paper: conditioned sampling
        condition = "label" if given else self.recipe.condition
        prompted = label if self.recipe.labelled_by == "prompt" else None
        prompts = draw_prompts(self.value_counts, prompted, n_rows, condition, rng)
        for position, codes in (given or {}).items():
            prompts.table.codes[:, position] = codes
        orders = draw_generation_orders(
            prompts.table.codes, prompts.condition, self.recipe.permutation, rng
        )
        how: dict[str, Any] = {"device": self.device, "rng": rng, "progress": progress}
        with self.device.threads():
            if self.parser is None:
                generated = generate(
                    self.model, self.serializer, prompts.table, orders, sampling, **how
                )
            else:
                generated = self._generate_freely(prompts.table, orders, sampling, self.parser, how)
        # Step 6 of the paper: the rows carry the label of their prompt
        if self.labeller is not None:
            generated.table.codes[:, 0] = self.labeller.label(generated.table)
        assert self.parser is not None or not (generated.table.codes == ABSENT).any()
        return generated, prompts

    def _generate_freely(
        self,
        prompts: Table,
        orders: IntArray,
        sampling: Sampling,
        parser: FreeTextParser,
        how: dict[str, Any],
    ) -> Generated:
        batch = serialize(prompts, self.serializer).token_batch(np.arange(len(prompts)), orders)
        tokens, log_likelihood = generate_text(self.model, batch, parser.n_tokens, sampling, **how)
        table, n_invalid = parser.parse(tokens, prompts)
        return Generated(table, log_likelihood, n_invalid)

    def acceptance(self, label: int) -> dict[str, Accept]:
        """Return what a row must satisfy to be one of the class `label`, by the reason if not."""
        accept: dict[str, Accept] = {}
        if self.parser is not None:
            accept[UNPARSABLE] = lambda table: ~(table.codes[:, 1:] == ABSENT).any(axis=1)
        if self.recipe.labelled_by != "prompt":
            accept["labelled otherwise"] = lambda table: table.codes[:, 0] == label
        return accept

    def advice(self) -> list[str]:
        """Return what to do where too few rows are accepted."""
        advice = []
        if self.parser is not None:
            advice.append("train for longer, or use decoding='grammar'")
        if self.recipe.labelled_by != "prompt":
            advice.append(
                "ask for fewer rows, raise temperature, or use a recipe whose prompt holds the "
                "label, such as recipe='imbllm'"
            )
        return advice
