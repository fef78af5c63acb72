"""A language model that has learned a table, and writes rows of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from counterpoise.language.grammar import IntArray
from counterpoise.language.language import Language
from counterpoise.model.device import Device
from counterpoise.model.generation import Generated, Sampling, generate
from counterpoise.model.history import History
from counterpoise.model.language_model import LanguageModel
from counterpoise.oversample.condition import Prompts, draw_prompts, draw_writing_orders
from counterpoise.oversample.labeller import XGBoostLabeller
from counterpoise.oversample.recipe import Recipe
from counterpoise.oversample.redraw import Accept
from counterpoise.oversample.rows import TrainingRows
from counterpoise.progress import Progress
from counterpoise.table import ABSENT


@dataclass(frozen=True, slots=True)
class RowWriter:
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
    labeller : XGBoostLabeller or None
        What labels rows that are written without a label.
    """

    language: Language
    model: LanguageModel
    recipe: Recipe
    rows: TrainingRows
    device: Device
    history: History
    search: History | None = None
    labeller: XGBoostLabeller | None = None

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
        may be of any class: keep those that `acceptance` accepts.
        """
        condition = "label" if given else self.recipe.condition
        prompted = label if self.recipe.labelled_by == "prompt" else None
        prompts = draw_prompts(self.rows.starts, prompted, n_rows, condition, rng)
        for position, codes in (given or {}).items():
            prompts.table.codes[:, position] = codes
        orders = draw_writing_orders(
            prompts.table.codes, prompts.condition, self.recipe.permutation, rng
        )
        generated = generate(
            self.model,
            self.language,
            prompts.table,
            orders,
            sampling,
            device=self.device,
            rng=rng,
            progress=progress,
        )
        if self.labeller is not None:
            generated.table.codes[:, 0] = self.labeller.label(generated.table)
        assert not (generated.table.codes == ABSENT).any()
        return generated, prompts

    def acceptance(self, label: int) -> dict[str, Accept]:
        """Return what a row must satisfy to be of the class `label`, by the reason if it is not."""
        if self.recipe.labelled_by == "prompt":
            return {}
        return {"labelled otherwise": lambda table: table.codes[:, 0] == label}
