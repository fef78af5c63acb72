"""From a labelled table to a language model that writes rows of it: the engine of every method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from counterpoise.language.grammar import IntArray
from counterpoise.language.language import Language
from counterpoise.language.sentences import spell
from counterpoise.language.table_language import table_language
from counterpoise.language.text_language import text_language
from counterpoise.model.backbone import Backbone
from counterpoise.model.device import Device
from counterpoise.model.generation import Generated, Sampling, generate
from counterpoise.model.language_model import LanguageModel
from counterpoise.model.training import History, TrainingPlan, train
from counterpoise.oversample.condition import Prompts, draw_prompts, draw_writing_orders
from counterpoise.oversample.interpolation import interpolate
from counterpoise.oversample.method import Method
from counterpoise.progress import Progress
from counterpoise.table import ABSENT, Table

MIN_ROWS_TO_HOLD_OUT = 200
"""A class smaller than this holds no rows out unless asked to: it needs them all to learn from."""
HELD_OUT_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """What the model learns from.

    Attributes
    ----------
    corpus : Table
        Real rows, then interpolated ones (categories ``ABSENT``).
    n_real : int
        How many of them are real.
    held_out : Table or None
        Real rows kept aside for early stopping.
    starts : Table
        Rows that the values of prompts are drawn from: all real rows, and the interpolated.
    """

    corpus: Table
    n_real: int
    held_out: Table | None
    starts: Table


def training_rows(
    table: Table,
    n_deficit: Mapping[int, int],
    method: Method,
    held_out_share: float | None,
    rng: np.random.Generator,
) -> TrainingRows:
    """Choose the rows to learn from.

    Parameters
    ----------
    table : Table
        All rows, label first.
    n_deficit : mapping of int to int
        Rows to be written for each label code; the classes it names are the ones to be filled.
    held_out_share : float or None
        Share of each class kept aside; None takes a tenth of the classes large enough.
    """
    labels = table.codes[:, 0]
    trained = np.unique(labels) if method.train_on == "all" else np.array(sorted(n_deficit))
    held_out = _draw_held_out(labels, trained, held_out_share, rng)
    is_held_out = np.zeros(len(labels), dtype=bool)
    is_held_out[held_out] = True
    is_trained = np.isin(labels, trained)
    real = table.take(np.flatnonzero(is_trained & ~is_held_out))
    interpolated = table.take(np.empty(0, dtype=np.int64))
    if method.interpolation is not None:
        # from the rows that are trained on: held-out rows must not leak into the corpus
        interpolated = interpolate(table.take(np.flatnonzero(~is_held_out)), n_deficit, rng)
    every = table.take(np.flatnonzero(is_trained))
    return TrainingRows(
        corpus=_stack(real, interpolated),
        n_real=len(real),
        held_out=table.take(held_out) if len(held_out) else None,
        starts=_stack(every, interpolated),
    )


def _draw_held_out(
    labels: IntArray, classes: IntArray, share: float | None, rng: np.random.Generator
) -> IntArray:
    parts = [np.empty(0, dtype=np.int64)]
    for label in classes:
        rows = np.flatnonzero(labels == label)
        if share is None:
            n = round(HELD_OUT_SHARE * len(rows)) if len(rows) >= MIN_ROWS_TO_HOLD_OUT else 0
        else:
            n = min(round(share * len(rows)), len(rows) - 2)
        parts.append(rng.choice(rows, max(n, 0), replace=False))
    return np.sort(np.concatenate(parts))


def _stack(one: Table, other: Table) -> Table:
    return Table(one.schema, np.concatenate([one.codes, other.codes]), one.texts)


@dataclass(frozen=True, slots=True)
class RowWriter:
    """A language model that has learned a table.

    Attributes
    ----------
    language : Language
        How rows are written.
    model : LanguageModel
        What writes them.
    method : Method
        How it was trained and is prompted.
    rows : TrainingRows
        What it was trained on; prompts draw from it.
    device : Device
        Where the model is.
    history : History
        What happened in training.
    """

    language: Language
    model: LanguageModel
    method: Method
    rows: TrainingRows
    device: Device
    history: History

    def write(
        self,
        label: int,
        n_rows: int,
        sampling: Sampling,
        *,
        rng: np.random.Generator,
        progress: Progress,
        given: Mapping[int, int] | None = None,
    ) -> tuple[Generated, Prompts]:
        """Write `n_rows` rows of the class `label`, and say what each was prompted with.

        `given` fixes the codes of some columns, by position; then nothing else is drawn as a
        condition.
        """
        condition = "label" if given else self.method.condition
        prompts = draw_prompts(self.rows.starts, label, n_rows, condition, rng)
        for position, code in (given or {}).items():
            prompts.table.codes[:, position] = code
        orders = draw_writing_orders(
            prompts.table.codes, prompts.condition, self.method.permutation, rng
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
        assert not (generated.table.codes == ABSENT).any()
        return generated, prompts


def build_language(table: Table, backbone: Backbone, serialization: str) -> Language:
    """Build the language in which `backbone` will write the rows of `table`."""
    if serialization == "text":
        return text_language(table, backbone.tokenizer)
    return table_language(table, backbone.tokenizer if backbone.is_pretrained else None)


def train_writer(
    rows: TrainingRows,
    backbone: Backbone,
    method: Method,
    plan: TrainingPlan,
    *,
    serialization: str,
    device: Device,
    rng: np.random.Generator,
    progress: Progress,
) -> RowWriter:
    """Train `backbone` to write the rows of a table."""
    language = build_language(rows.corpus, backbone, serialization)
    model = backbone.build(language.vocabulary.entries, int(rng.integers(2**31)))
    model.to(device.device)
    history = train(
        model,
        spell(rows.corpus, language),
        language.grammar,
        plan,
        device=device,
        rng=rng,
        progress=progress,
        held_out=None if rows.held_out is None else spell(rows.held_out, language),
    )
    return RowWriter(language, model, method, rows, device, history)
