"""Constrained generation: a batch of rows written together, each under the table's grammar."""

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
from counterpoise.grammar._grammar import NO_COLUMN_TOKEN, BoolArray, Grammar, IntArray, Runs
from counterpoise.models._base import LanguageModel
from counterpoise.models._cache import CachedModel, prepare
from counterpoise.models._device import Device
from counterpoise.serialization._serializer import Serializer, TokenBatch, serialize

FloatArray = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn.

    Attributes
    ----------
    temperature : float
        Positive; 1 draws from the model's own distribution, less sharpens it.
    top_p : float
        In (0, 1]: draw only from the likeliest tokens that together have this probability.
    batch_size : int
        Rows written together.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    batch_size: int = 256


@dataclass(frozen=True, slots=True)
class Generated:
    """Rows as written.

    Attributes
    ----------
    table : Table
        The rows, label first; every cell is within the schema.
    log_likelihood : ndarray of shape (n_rows,), float64
        Log-probability, in nats, of what the model chose given the prompt, at temperature 1.
    n_invalid : ndarray of shape (n_rows,), int64, or None
        How many cells of each row were not possible as they were written, and were filled in;
        None where a grammar sees to it that there are none.
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
    """Complete `prompts`: fill every absent cell, and change no other.

    Parameters
    ----------
    prompts : Table
        One row for each row to write; cells to be written are ``ABSENT``.
    orders : ndarray of shape (n_rows, n_columns)
        The order of the columns in each sentence; given cells come first. A column that is left
        out is not written, and stays as it is in `prompts`.

    Returns
    -------
    Generated
        Exactly the rows asked for.
    """
    n_rows = len(prompts)
    log_likelihood = np.zeros(n_rows)
    codes = prompts.codes.copy()
    texts = {column: list(strings) for column, strings in prompts.texts.items()}
    model.eval()
    torch_generator = torch.Generator(device=device.device)
    open_cache = prepare(model, device)
    allowed = serializer.grammar.allowed
    barred = device.tensor(np.where(allowed, np.float32(0), np.float32(-np.inf)))
    with progress.stage("writing", total=n_rows, unit="rows") as advance:
        for start in range(0, n_rows, sampling.batch_size):
            torch_generator.manual_seed(int(rng.integers(2**63)))
            rows = slice(start, start + sampling.batch_size)
            batch = _Batch(serializer, prompts.take(np.arange(n_rows)[rows]), orders[rows])
            parser = open_cache(len(batch.codes))
            _write(parser, batch, barred, sampling, device, torch_generator)
            codes[rows] = batch.codes
            log_likelihood[rows] = batch.log_likelihood
            for row, column, string in batch.strings():
                codes[start + row, column] = len(texts[column])
                texts[column].append(string)
            advance(len(batch.codes))
    frozen: Mapping[int, tuple[str, ...]] = {c: tuple(strings) for c, strings in texts.items()}
    return Generated(Table(prompts.schema, codes, frozen), log_likelihood)


@torch.inference_mode()
def _write(
    parser: CachedModel,
    batch: _Batch,
    barred: Tensor,
    sampling: Sampling,
    device: Device,
    generator: torch.Generator,
) -> None:
    """Write all rows of `batch`, token by token; each chooses where its grammar leaves a choice.

    `barred`, of shape (n_sets, n_tokens), is 0 where a set of the grammar has a token, else
    ``-inf``.
    """
    grammar = batch.serializer.grammar
    live = np.arange(len(batch.state))  # the rows that the reader goes on with
    while len(writing := np.flatnonzero(batch.state[live] != END)):
        if len(writing) <= len(live) // 2:
            live = live[writing]
            parser.keep(writing)
        # 1. read as much as every unfinished row has written since the last turn, and score the
        #    successors of the last token of those that have written no more
        tokens, column_tokens, due = batch.take(live)
        logits = parser.read(tokens, column_tokens, due)
        # 2. choose among the tokens that the grammar permits, and follow each row's choice
        rows = live[due]
        logits += barred[device.tensor(grammar.allowed_set[batch.state[rows]])]
        choice, log_probability = choose(logits, sampling, generator)
        batch.follow(rows, choice.cpu().numpy(), log_probability.cpu().numpy())


def choose(logits: Tensor, sampling: Sampling, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw one token a row.

    Parameters
    ----------
    logits : Tensor of shape (n_rows, n_tokens), float32
        ``-inf`` where a token is not permitted.

    Returns
    -------
    choice : Tensor of shape (n_rows,), int64
    log_probability : Tensor of shape (n_rows,), float32
        Of the choice, at temperature 1 and without `top_p`.
    """
    probabilities = torch.softmax(logits / sampling.temperature, dim=-1)
    if sampling.top_p < 1.0:
        ordered, tokens = probabilities.sort(dim=-1, descending=True, stable=True)
        before = ordered.cumsum(dim=-1) - ordered
        ordered = ordered.masked_fill(before >= sampling.top_p, 0.0)
        probabilities = torch.zeros_like(probabilities).scatter(-1, tokens, ordered)
    # by the inverse of the distribution function, at one number in (0, 1] a row: a token without
    # probability is never hit, for the function does not rise there
    cumulated = probabilities.cumsum(dim=-1)
    uniform = 1.0 - torch.rand(len(logits), 1, generator=generator, device=logits.device)
    choice = torch.searchsorted(cumulated, uniform * cumulated[:, -1:])
    if sampling.temperature == 1.0 and sampling.top_p == 1.0:
        return choice[:, 0], probabilities.gather(-1, choice)[:, 0].log()
    return choice[:, 0], torch.log_softmax(logits, dim=-1).gather(-1, choice)[:, 0]


class _Batch:
    """The rows being written: where each stands in the grammar, as arrays."""

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
        self._written = _GeneratedTokens(
            serialize(prompts, serializer).token_batch(np.arange(n_rows), orders)
        )
        self._open(np.arange(n_rows))

    def take(self, live: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """Hand over the tokens that come next in each of the rows `live`, as many as all have.

        Returns
        -------
        tokens, cues : ndarray of shape (n_live, n_new)
            Anything in a row that is finished.
        due : ndarray of shape (n_due,)
            Which of `live` have a choice to make now; one or more.
        """
        is_writing = self.state[live] != END
        tokens, column_tokens, is_at_end = self._written.take(live, is_writing)
        return tokens, column_tokens, np.flatnonzero(is_writing & is_at_end)

    def follow(self, rows: IntArray, choice: IntArray, log_probability: FloatArray) -> None:
        """Advance `rows` by the tokens chosen there."""
        grammar: Grammar = self.serializer.grammar
        edges = grammar.edges(self.state[rows], choice)
        self.log_likelihood[rows] += log_probability
        columns = grammar.column[self.state[rows]]
        in_text = self._text_columns[columns]
        if in_text.any():
            self._text_log.append((rows[in_text], columns[in_text], choice[in_text]))
        self._written.append(rows, choice)
        self._written.append_runs(rows, grammar.tails, edges)
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
        """Begin the next cell of each of `rows`; cells with a single value are written at once."""
        grammar: Grammar = self.serializer.grammar
        n_columns = self._orders.shape[1]
        rows = rows[self._n_done[rows] < n_columns]
        while len(rows):
            columns = self._orders[rows, self._n_done[rows]]
            self._written.column_token(rows, grammar.column_tokens[columns])
            self._written.append_runs(rows, grammar.openings, columns)
            self._code[rows] = grammar.first_code[columns]
            self.state[rows] = grammar.first_state[columns]
            constant = rows[self.state[rows] == END]
            self._close(constant)
            rows = constant[self._n_done[constant] < n_columns]

    def strings(self) -> list[tuple[int, int, str]]:
        """Return the free text that was written: (row, column, string)."""
        if not self._text_log:
            return []
        rows, columns, tokens = (np.concatenate(part) for part in zip(*self._text_log, strict=True))
        cells: dict[tuple[int, int], list[int]] = {}
        for row, column, token in np.stack([rows, columns, tokens], axis=1).tolist():
            cells.setdefault((row, column), []).append(token)
        return [
            (row, column, self.serializer.decode_text(written[:-1]))  # the last one is the end mark
            for (row, column), written in cells.items()
            if self.codes[row, column] != MISSING
        ]


class _GeneratedTokens:
    """The sentences so far; the model has read as many tokens of one as of another."""

    def __init__(self, prompt: TokenBatch) -> None:
        """Go on from `prompt`, whose arrays are taken over."""
        self._tokens, self._cues, self._lengths = (
            prompt.tokens,
            prompt.column_tokens,
            prompt.lengths,
        )
        self._n_read = 0

    def take(self, rows: IntArray, is_writing: BoolArray) -> tuple[IntArray, IntArray, BoolArray]:
        """Hand over what comes next in `rows`, and say of which this is all there is so far."""
        lengths = self._lengths[rows]
        new = slice(self._n_read, int(lengths[is_writing].min()))
        self._n_read = new.stop
        return self._tokens[rows, new], self._cues[rows, new], lengths == new.stop

    def column_token(self, rows: IntArray, column_tokens: IntArray) -> None:
        """Add a cue to the last token of each of `rows`."""
        self._cues[rows, self._lengths[rows] - 1] = column_tokens

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
        prepare_training = self._lengths[rows]
        self._reserve(int((prepare_training + lengths).max()))
        n_before = np.repeat(np.cumsum(lengths) - lengths, lengths)
        within = np.arange(lengths.sum()) - n_before
        places = np.repeat(rows, lengths), np.repeat(prepare_training, lengths) + within
        self._tokens[places] = runs.tokens[runs.flat(which)]
        self._lengths[rows] += lengths

    def _reserve(self, n_tokens: int) -> None:
        n_more = n_tokens - self._tokens.shape[1]
        if n_more > 0:
            padding = (0, 0), (0, max(n_more, n_tokens))
            self._tokens = np.pad(self._tokens, padding)
            self._cues = np.pad(self._cues, padding, constant_values=NO_COLUMN_TOKEN)
