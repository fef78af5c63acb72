"""Constrained decoding: a batch of rows generated together, each under the table's grammar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from counterpoise._progress import Progress
from counterpoise.columns._base import ABSENT, MISSING
from counterpoise.columns._table import Table
from counterpoise.grammar._automaton import END
from counterpoise.grammar._grammar import NO_COLUMN_TOKEN, BoolArray, IntArray, Runs
from counterpoise.models._device import Device
from counterpoise.models._language_model import CachedModel, LanguageModel
from counterpoise.serialization._serializer import Serializer, TokenBatch, serialize

FloatArray = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn, and how many rows are generated together."""

    temperature: float = 1.0
    top_p: float = 1.0
    batch_size: int = 256


@dataclass(frozen=True, slots=True)
class Generated:
    """Generated rows.

    Attributes
    ----------
    table : Table
        The rows, label first; every cell is within the schema.
    log_likelihood : ndarray of shape (n_rows,), float64
        Log-probability, in nats, of what the model chose given the prompt, at temperature 1.
    n_invalid : ndarray of shape (n_rows,), int64, or None
        How many cells of each row were not possible as the model generated them, and were filled
        in; None where a grammar rules them out.
    """

    table: Table
    log_likelihood: FloatArray
    n_invalid: IntArray | None = None

    def take(self, rows: IntArray) -> Generated:
        """Select rows by position."""
        n_invalid = None if self.n_invalid is None else self.n_invalid[rows]
        return Generated(self.table.take(rows), self.log_likelihood[rows], n_invalid)

    @classmethod
    def concat(cls, parts: Sequence[Generated]) -> Generated:
        """Stack rows of one schema; at least one part."""
        table = Table.concat([part.table for part in parts])
        counted = [part.n_invalid for part in parts if part.n_invalid is not None]
        n_invalid = np.concatenate(counted) if counted else None
        return cls(table, np.concatenate([part.log_likelihood for part in parts]), n_invalid)


def generate(
    model: LanguageModel,
    serializer: Serializer,
    prompts: Table,
    orders: IntArray,
    sampling: Sampling,
    *,
    device: Device,
    rng: np.random.Generator,
    progress: Progress,
) -> Generated:
    """Complete `prompts`: fill every ``ABSENT`` cell, and change no other.

    `orders`, of shape (n_rows, n_columns), is the order of the columns in each row; given cells
    come first. A column that is left out is not generated, and stays as it is in `prompts`.
    """
    n_rows = len(prompts)
    log_likelihood = np.zeros(n_rows)
    codes = prompts.codes.copy()
    texts = {column: list(strings) for column, strings in prompts.texts.items()}
    model.eval()
    torch_generator = torch.Generator(device=device.device)
    allowed = serializer.grammar.allowed
    barred = device.tensor(np.where(allowed, np.float32(0), np.float32(-np.inf)))
    with progress.stage("generating", total=n_rows, unit="rows") as advance:
        for start in range(0, n_rows, sampling.batch_size):
            torch_generator.manual_seed(int(rng.integers(2**63)))
            rows = slice(start, start + sampling.batch_size)
            batch = _Batch(serializer, prompts.take(np.arange(n_rows)[rows]), orders[rows])
            cache = model.open_cache(len(batch.codes), device)
            _generate_batch(cache, batch, barred, sampling, device, torch_generator)
            codes[rows] = batch.codes
            log_likelihood[rows] = batch.log_likelihood
            for row, column, string in batch.strings():
                codes[start + row, column] = len(texts[column])
                texts[column].append(string)
            advance(len(batch.codes))
    frozen: Mapping[int, tuple[str, ...]] = {c: tuple(strings) for c, strings in texts.items()}
    return Generated(Table(prompts.schema, codes, frozen), log_likelihood)


@torch.inference_mode()
def _generate_batch(
    cache: CachedModel,
    batch: _Batch,
    barred: Tensor,
    sampling: Sampling,
    device: Device,
    generator: torch.Generator,
) -> None:
    """Generate all rows of `batch`; `barred` (n_sets, n_tokens) is 0 for allowed tokens or -inf."""
    grammar = batch.serializer.grammar
    live = np.arange(len(batch.state))  # the rows that are still in the cache
    while len(unfinished := np.flatnonzero(batch.state[live] != END)):
        if len(unfinished) <= len(live) // 2:
            live = live[unfinished]
            cache.keep(unfinished)
        # 1. read as many new tokens as every unfinished row has, and score what may follow in the
        #    rows that have no more
        tokens, column_tokens, due = batch.take(live)
        logits = cache.read(tokens, column_tokens, due)
        # 2. choose among the tokens that the grammar permits, and follow each row's choice
        rows = live[due]
        logits += barred[device.tensor(grammar.allowed_set[batch.state[rows]])]
        choice, log_probability = choose(logits, sampling, generator)
        batch.follow(rows, choice.cpu().numpy(), log_probability.cpu().numpy())


def choose(logits: Tensor, sampling: Sampling, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw one token per row of `logits`; ``-inf`` is not permitted.

    Returns the choices, int64, and the log-probability of each at temperature 1 and without
    `top_p`; both have shape (n_rows,).
    """
    probabilities = torch.softmax(logits / sampling.temperature, dim=-1)
    if sampling.top_p < 1.0:
        ordered, tokens = probabilities.sort(dim=-1, descending=True, stable=True)
        before = ordered.cumsum(dim=-1) - ordered
        ordered = ordered.masked_fill(before >= sampling.top_p, 0.0)
        probabilities = torch.zeros_like(probabilities).scatter(-1, tokens, ordered)
    # by the inverse of the distribution function at a number in (0, 1]: a token without
    # probability is never hit, since the function does not rise there
    cumulated = probabilities.cumsum(dim=-1)
    uniform = 1.0 - torch.rand(len(logits), 1, generator=generator, device=logits.device)
    choice = torch.searchsorted(cumulated, uniform * cumulated[:, -1:])
    if sampling.temperature == 1.0 and sampling.top_p == 1.0:
        return choice[:, 0], probabilities.gather(-1, choice)[:, 0].log()
    return choice[:, 0], torch.log_softmax(logits, dim=-1).gather(-1, choice)[:, 0]


class _Batch:
    """The rows being generated: where each stands in the grammar, as arrays."""

    def __init__(self, serializer: Serializer, prompts: Table, orders: IntArray) -> None:
        self.serializer = serializer
        self.codes = prompts.codes.copy()
        n_rows = len(self.codes)
        self.log_likelihood = np.zeros(n_rows)
        self.state = np.full(n_rows, END, dtype=np.int64)
        self._orders = orders
        self._n_done = (np.take_along_axis(self.codes, orders, 1) != ABSENT).sum(axis=1)
        self._code = np.zeros(n_rows, dtype=np.int64)
        self._text_columns = np.array([c.is_text for c in serializer.schema])
        self._text_log: list[tuple[IntArray, IntArray, IntArray]] = []
        self._tokens_so_far = _GeneratedTokens(
            serialize(prompts, serializer).token_batch(np.arange(n_rows), orders)
        )
        self._open(np.arange(n_rows))

    def take(self, live: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """Return the next tokens of the rows `live`, as many as all of them have.

        Returns
        -------
        tokens, column_tokens : ndarray of shape (n_live, n_new)
            Anything in a row that is finished.
        due : ndarray of shape (n_due,)
            Which of `live` have a choice to make now; one or more.
        """
        is_unfinished = self.state[live] != END
        tokens, column_tokens, is_at_end = self._tokens_so_far.take(live, is_unfinished)
        return tokens, column_tokens, np.flatnonzero(is_unfinished & is_at_end)

    def follow(self, rows: IntArray, choice: IntArray, log_probability: FloatArray) -> None:
        """Advance `rows` by the tokens chosen there."""
        grammar = self.serializer.grammar
        edges = grammar.edges(self.state[rows], choice)
        self.log_likelihood[rows] += log_probability
        columns = grammar.column[self.state[rows]]
        in_text = self._text_columns[columns]
        if in_text.any():
            self._text_log.append((rows[in_text], columns[in_text], choice[in_text]))
        self._tokens_so_far.append(rows, choice)
        self._tokens_so_far.append_runs(rows, grammar.tails, edges)
        self._code[rows] = self._code[rows] * grammar.edge_scale[edges] + grammar.edge_add[edges]
        self.state[rows] = grammar.edge_target[edges]
        ended = rows[self.state[rows] == END]
        self._close(ended)
        self._open(ended)

    def _close(self, rows: IntArray) -> None:
        """Store the finished cell of each of `rows`."""
        columns = self._orders[rows, self._n_done[rows]]
        self.codes[rows, columns] = self._code[rows]
        self._n_done[rows] += 1

    def _open(self, rows: IntArray) -> None:
        """Begin the next cell of each of `rows`; cells with a single value end at once."""
        grammar = self.serializer.grammar
        n_columns = self._orders.shape[1]
        rows = rows[self._n_done[rows] < n_columns]
        while len(rows):
            columns = self._orders[rows, self._n_done[rows]]
            self._tokens_so_far.set_column(rows, grammar.column_tokens[columns])
            self._tokens_so_far.append_runs(rows, grammar.openings, columns)
            self._code[rows] = grammar.first_code[columns]
            self.state[rows] = grammar.first_state[columns]
            constant = rows[self.state[rows] == END]
            self._close(constant)
            rows = constant[self._n_done[constant] < n_columns]

    def strings(self) -> list[tuple[int, int, str]]:
        """Return the free text that was generated: (row, column, string)."""
        if not self._text_log:
            return []
        rows, columns, tokens = (np.concatenate(part) for part in zip(*self._text_log, strict=True))
        cells: dict[tuple[int, int], list[int]] = {}
        for row, column, token in np.stack([rows, columns, tokens], axis=1).tolist():
            cells.setdefault((row, column), []).append(token)
        return [
            (
                row,
                column,
                self.serializer.decode_text(generated[:-1]),
            )  # the last one is the end mark
            for (row, column), generated in cells.items()
            if self.codes[row, column] != MISSING
        ]


class _GeneratedTokens:
    """The tokens of each row so far, of which the model has read equally many in each."""

    def __init__(self, prompt: TokenBatch) -> None:
        self._tokens, self._lengths = prompt.tokens, prompt.lengths
        self._column_tokens = prompt.column_tokens
        self._n_read = 0

    def take(
        self, rows: IntArray, is_unfinished: BoolArray
    ) -> tuple[IntArray, IntArray, BoolArray]:
        """Return what comes next in `rows`, and for each whether that is all there is so far."""
        lengths = self._lengths[rows]
        new = slice(self._n_read, int(lengths[is_unfinished].min()))
        self._n_read = new.stop
        return self._tokens[rows, new], self._column_tokens[rows, new], lengths == new.stop

    def set_column(self, rows: IntArray, column_tokens: IntArray) -> None:
        """Set the column token at the last token of each of `rows`."""
        self._column_tokens[rows, self._lengths[rows] - 1] = column_tokens

    def append(self, rows: IntArray, tokens: IntArray) -> None:
        """Append one token to each of `rows`."""
        at = self._lengths[rows]
        self._reserve(int(at.max(initial=0)) + 1)
        self._tokens[rows, at] = tokens
        self._lengths[rows] += 1

    def append_runs(self, rows: IntArray, runs: Runs, which: IntArray) -> None:
        """Append to each of `rows` one run, ``runs[which[i]]``."""
        lengths = runs.lengths(which)
        if not lengths.any():
            return
        start = self._lengths[rows]
        self._reserve(int((start + lengths).max()))
        n_before = np.repeat(np.cumsum(lengths) - lengths, lengths)
        within = np.arange(lengths.sum()) - n_before
        places = np.repeat(rows, lengths), np.repeat(start, lengths) + within
        self._tokens[places] = runs.tokens[runs.flat(which)]
        self._lengths[rows] += lengths

    def _reserve(self, n_tokens: int) -> None:
        n_more = n_tokens - self._tokens.shape[1]
        if n_more > 0:
            padding = (0, 0), (0, max(n_more, n_tokens))
            self._tokens = np.pad(self._tokens, padding)
            self._column_tokens = np.pad(
                self._column_tokens, padding, constant_values=NO_COLUMN_TOKEN
            )
