"""A language model that has learned a table and generates rows of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from counterpoise._progress import Advance
from counterpoise.columns import ABSENT, Schema, Table
from counterpoise.constraints._layout import Layout
from counterpoise.constraints._set import ConstraintSet
from counterpoise.generation._decoding import Sampling, generate
from counterpoise.generation._free_decoding import UNPARSABLE, FreeTextParser, generate_text
from counterpoise.generation._prompts import (
    LABEL_ONLY,
    ValueCounts,
    draw_fixed_cells,
    draw_generation_orders,
    draw_prompts,
    solve_fixed_values,
)
from counterpoise.generation._rejection_sampling import (
    DRAWS_PER_LABELLED_ROW,
    DRAWS_PER_ROW,
    Accept,
    Drawing,
    GeneratedRows,
    RejectionStats,
    draw_accepted,
)
from counterpoise.generation._restricting import RestrictedCells
from counterpoise.generation._selection import Calibrated, Likeliest, SelectionClassifier
from counterpoise.grammar._grammar import IntArray
from counterpoise.metrics._distance import encode, nearest
from counterpoise.models._language_model import Device, LanguageModel
from counterpoise.recipes import Recipe
from counterpoise.serialization import Serializer, serialize


@dataclass(frozen=True, slots=True)
class RowGenerator:
    """A language model that has learned a table, and all that generating rows takes beside it."""

    serializer: Serializer
    model: LanguageModel
    recipe: Recipe
    value_counts: ValueCounts
    device: Device
    labeller: SelectionClassifier | None = None  # where rows are generated without a label
    parser: FreeTextParser | None = None  # where rows are generated without a grammar
    selection_classifier: SelectionClassifier | None = None  # where the recipe selects

    def generate(
        self,
        label: int,
        n_rows: int,
        sampling: Sampling,
        *,
        rng: np.random.Generator,
        advance: Advance,
        given: Mapping[int, IntArray] | None = None,
        restricted: RestrictedCells | None = None,
    ) -> GeneratedRows:
        """Generate `n_rows` rows of the class `label`, of which `sample` can reject some.

        `given` fixes the codes of some columns, by position, each of shape (n_rows,); then
        nothing else is drawn as a condition. `restricted` is what decoding keeps of constraints.
        """
        # Step 5 of the paper: conditioned sampling
        condition = "label" if given else self.recipe.condition
        prompted = label if self.recipe.labelled_by == "prompt" else None
        prompts, conditions = draw_prompts(self.value_counts, prompted, n_rows, condition, rng)
        for position, codes in (given or {}).items():
            prompts.codes[:, position] = codes
        orders = draw_generation_orders(prompts.codes, conditions, self.recipe.permutation, rng)
        n_invalid = np.zeros(n_rows, dtype=np.int64)
        how: dict[str, Any] = {"device": self.device, "rng": rng, "advance": advance}
        with self.device.threads():
            if self.parser is None:
                what = self.model, self.serializer, prompts, orders, sampling
                table, log_likelihood = generate(*what, restricted=restricted, **how)
                assert not (table.codes[:, 1:] == ABSENT).any()
            else:
                batch = serialize(prompts, self.serializer).token_batch(np.arange(n_rows), orders)
                tokens, log_likelihood = generate_text(
                    self.model, batch, self.parser.n_tokens, sampling, **how
                )
                table, n_invalid = self.parser.parse(tokens, prompts)
        # Step 6 of the paper: the rows carry the label of their prompt
        if self.labeller is not None:
            table.codes[:, 0] = self.labeller.label(table)
        return GeneratedRows(table, conditions, log_likelihood, n_invalid)

    def sample(
        self,
        class_: Any,
        n_rows: int,
        sampling: Sampling,
        constraints: ConstraintSet,
        *,
        rng: np.random.Generator,
        drawing: Drawing,
        fixed: Mapping[int, int] | None = None,
        is_late: Callable[[], bool] = lambda: False,
    ) -> tuple[GeneratedRows, RejectionStats]:
        """Generate exactly `n_rows` rows of a class that satisfy the constraints.

        `fixed` are codes that all rows have, by position in the user's table. Selection ends where
        it `is_late`. A DecodingError says that too many rows are rejected.
        """
        schema, grammar = self.serializer.schema, self.serializer.grammar
        label = schema[0].code_of(class_)
        layout, counts = constraints.layout, self.value_counts
        choices = solve_fixed_values(layout, fixed or {})
        restricted: RestrictedCells | None = None
        if self.parser is None and (restrictions := constraints.restrictions()):
            restricted = RestrictedCells(restrictions, grammar, schema)

        def draw(n: int) -> GeneratedRows:
            given = draw_fixed_cells(layout, choices, counts, label, n, rng)
            how: dict[str, Any] = {"rng": rng, "advance": drawing, "restricted": restricted}
            return self.generate(label, n, sampling, given=given, **how)

        accept: dict[str, Accept] = {}
        advice: list[str] = []
        if self.parser is not None:
            accept[UNPARSABLE] = lambda table: ~(table.codes[:, 1:] == ABSENT).any(axis=1)
            advice.append("train for longer, or use decoding='grammar'")
        if self.recipe.labelled_by != "prompt":
            accept["labelled otherwise"] = lambda table: table.codes[:, 0] == label
            advice.append(
                "ask for fewer rows, raise temperature, or use a recipe whose prompt holds the "
                "label, such as recipe='imbllm'"
            )
        select: Likeliest | Calibrated | None = None
        if self.selection_classifier is not None:
            is_calibrated = self.recipe.selection_rule == "calibrated"
            classifier = self.selection_classifier
            select = Calibrated(classifier, n_rows, rng) if is_calibrated else Likeliest(classifier)
        return draw_accepted(
            draw,
            n_rows,
            {**accept, **constraints.accepts()},
            select,
            selection_draws_per_row=0 if select is None else select.draws_per_row,
            drawing=drawing,
            class_=class_,
            max_draws_per_row=DRAWS_PER_LABELLED_ROW if accept else DRAWS_PER_ROW,
            is_late=is_late,
            advice="; ".join([*advice, *constraints.advice(label)]),
        )


def provenance(
    rows: GeneratedRows, observed: Table, layout: Layout, advance: Advance
) -> pd.DataFrame:
    """Return where the rows of one class came from; see `LLMOverSampler.provenance_`.

    `observed` are the real rows as they are, label first.
    """
    table, joined = layout.split(rows.table), layout.members
    frame = table.to_frame()

    columns, values = np.empty((2, len(frame)), dtype=object)
    for position in np.unique(rows.condition[rows.condition != LABEL_ONLY]).tolist():
        members, prompted = joined[position], np.flatnonzero(rows.condition == position)
        names = tuple(table.schema[member].name for member in members)
        cells = list(zip(*(frame.iloc[prompted, member] for member in members), strict=True))
        for at, cell in zip(prompted.tolist(), cells, strict=True):
            # tuples for a fixed combination
            columns[at], values[at] = (names, cell) if len(members) > 1 else (names[0], cell[0])
    of_class = np.flatnonzero(observed.codes[:, 0] == table.codes[0, 0])
    features = Schema(table.schema.columns[1:])  # not the label
    real, synthetic = encode(features, [observed.take(of_class).to_frame()], [frame])
    distance, row = nearest(synthetic, real, advance)
    return pd.DataFrame(
        {
            "class": frame.iloc[:, 0].to_numpy(),
            "condition_column": pd.Series(columns, dtype=object),
            "condition_value": pd.Series(values, dtype=object),
            "log_likelihood": rows.log_likelihood,
            "nearest_distance": distance.astype(np.float64),
            "nearest_row": of_class[row],
        }
    )
