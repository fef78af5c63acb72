"""A language model that has learned a table, and writes rows of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from counterpoise._progress import Progress
from counterpoise.columns._base import ABSENT
from counterpoise.columns._table import Table
from counterpoise.generation._decoding import Generated, Sampling, generate
from counterpoise.generation._free_decoding import FLAWED, FreeTextParser, generate_text
from counterpoise.generation._prompts import Prompts, draw_generation_orders, draw_prompts
from counterpoise.generation._rejection_sampling import Accept
from counterpoise.generation._selection import SelectionClassifier, XGBoostLabeller
from counterpoise.grammar._grammar import IntArray
from counterpoise.models._base import LanguageModel
from counterpoise.models._device import Device
from counterpoise.recipes._base import Recipe
from counterpoise.serialization._serializer import Serializer, serialize
from counterpoise.training._history import History
from counterpoise.training._rows import TrainingRows


@dataclass(frozen=True, slots=True)
class RowGenerator:
    """A language model that has learned a table.

    Attributes
    ----------
    language : Language
        How rows are written.
    model : LanguageModel
        What writes them.
    recipe : Recipe
        How it was trained and is prompted.
    rows : TrainingRows
        What it was trained on; prompts draw from it.
    device : Device
        Where the model is.
    history : History
        What happened in training.
    search : History or None
        What happened in the training that only found out how long to train.
    refinement : History or None
        What happened when it went on to learn from rows of its own.
    labeller : XGBoostLabeller or None
        What labels rows that are written without a label.
    reader : FreeReader or None
        What reads rows from text that is written without a grammar.
    judge : Judge or None
        What says which rows are kept, where the recipe selects.
    """

    serializer: Serializer
    model: LanguageModel
    recipe: Recipe
    rows: TrainingRows
    device: Device
    history: History
    search: History | None = None
    refinement: History | None = None
    labeller: XGBoostLabeller | None = None
    parser: FreeTextParser | None = None
    selection_classifier: SelectionClassifier | None = None

    def write(
        self,
        label: int,
        n_rows: int,
        sampling: Sampling,
        *,
        rng: np.random.Generator,
        progress: Progress,
        given: Mapping[int, IntArray] | None = None,
    ) -> tuple[Generated, Prompts]:
        """Write `n_rows` rows of the class `label`, and say what each was prompted with.

        `given` fixes the codes of some columns, by position, each of shape (n_rows,); then
        nothing else is drawn as a condition. Where rows are labelled after they are written, they
        may be of any class, and where there is no grammar, a row may not have come off: keep those
        that `acceptance` accepts.
        """
        condition = "label" if given else self.recipe.condition
        prompted = label if self.recipe.labelled_by == "prompt" else None
        prompts = draw_prompts(self.rows.value_counts, prompted, n_rows, condition, rng)
        for position, codes in (given or {}).items():
            prompts.table.codes[:, position] = codes
        orders = draw_generation_orders(
            prompts.table.codes, prompts.condition, self.recipe.permutation, rng
        )
        if self.parser is not None:
            generated = self._write_freely(
                self.parser, prompts.table, orders, sampling, rng=rng, progress=progress
            )
        else:
            generated = generate(
                self.model,
                self.serializer,
                prompts.table,
                orders,
                sampling,
                device=self.device,
                rng=rng,
                progress=progress,
            )
        if self.labeller is not None:
            generated.table.codes[:, 0] = self.labeller.label(generated.table)
        assert self.parser is not None or not (generated.table.codes == ABSENT).any()
        return generated, prompts

    def _write_freely(
        self,
        parser: FreeTextParser,
        prompts: Table,
        orders: IntArray,
        sampling: Sampling,
        *,
        rng: np.random.Generator,
        progress: Progress,
    ) -> Generated:
        """Let the model write what it likes, and read rows from it."""
        corpus = serialize(prompts, self.serializer)
        tokens, log_likelihood = generate_text(
            self.model,
            corpus.token_batch(np.arange(len(prompts)), orders),
            parser.n_tokens,
            sampling,
            device=self.device,
            rng=rng,
            progress=progress,
        )
        reading = parser.read(tokens, prompts)
        return Generated(reading.table, log_likelihood, reading.n_invalid)

    @property
    def trainings(self) -> list[History]:
        """What happened in each training, in their order."""
        every = self.search, self.history, self.refinement
        return [history for history in every if history is not None]

    def acceptance(self, label: int) -> dict[str, Accept]:
        """Return what a row must satisfy to be of the class `label`, by the reason if it is not."""
        accept: dict[str, Accept] = {}
        if self.parser is not None:
            accept[FLAWED] = lambda table: ~(table.codes[:, 1:] == ABSENT).any(axis=1)
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
