"""Constrained generation: a batch of rows written together, each under the table's grammar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from counterpoise.language.automaton import END
from counterpoise.language.grammar import NO_CUE, Grammar, IntArray, Runs
from counterpoise.language.language import Language
from counterpoise.language.sentences import spell
from counterpoise.model.device import Device
from counterpoise.model.language_model import LanguageModel
from counterpoise.model.reader import Reader, prepare
from counterpoise.progress import Progress
from counterpoise.table import ABSENT, MISSING, Table, TextColumn

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
    language: Language,
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
    open_reader = prepare(model, device)
    with progress.stage("writing", total=n_rows, unit="rows") as advance:
        for start in range(0, n_rows, sampling.batch_size):
            torch_generator.manual_seed(int(rng.integers(2**63)))
            rows = slice(start, start + sampling.batch_size)
            batch = _Batch(language, prompts.take(np.arange(n_rows)[rows]), orders[rows])
            _write(open_reader(len(batch.codes)), batch, sampling, device, torch_generator)
            codes[rows] = batch.codes
            log_likelihood[rows] = batch.log_likelihood
            for row, column, string in batch.strings():
                codes[start + row, column] = len(texts[column])
                texts[column].append(string)
            advance(len(batch.codes))
    frozen: Mapping[int, tuple[str, ...]] = {c: tuple(strings) for c, strings in texts.items()}
    return Generated(Table(prompts.schema, codes, frozen), log_likelihood)


@torch.no_grad()
def _write(
    reader: Reader,
    batch: _Batch,
    sampling: Sampling,
    device: Device,
    generator: torch.Generator,
) -> None:
    """Write all rows of `batch`, one choice a row in each turn."""
    grammar = batch.language.grammar
    allowed = device.tensor(grammar.allowed)
    while batch.is_writing().any():
        # 1. read what was written since the last turn (the choice, and all that it forces), and
        #    score the successors of each unfinished row's last token
        rows = np.flatnonzero(batch.is_writing())
        logits = reader.read(*batch.take_pending(), rows)
        # 2. choose among the tokens that the grammar permits, and follow each row's choice
        sets = device.tensor(grammar.allowed_set[batch.state[rows]])
        logits = logits.masked_fill(~allowed[sets], -torch.inf)
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
    log_probabilities = torch.log_softmax(logits, dim=-1)
    probabilities = log_probabilities.exp()
    if sampling.temperature != 1.0:
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
    return choice[:, 0], log_probabilities.gather(-1, choice)[:, 0]


class _Batch:
    """The rows being written: where each stands in the grammar, as arrays."""

    def __init__(self, language: Language, prompts: Table, orders: IntArray) -> None:
        self.language = language
        self.codes = prompts.codes.copy()
        n_rows = len(self.codes)
        self.log_likelihood = np.zeros(n_rows)
        self.state = np.full(n_rows, END, dtype=np.int64)
        self._orders = orders
        self._n_done = (np.take_along_axis(self.codes, orders, 1) != ABSENT).sum(axis=1)
        self._code = np.zeros(n_rows, dtype=np.int64)
        self._text_columns = np.array([isinstance(c, TextColumn) for c in language.schema])
        self._text_log: list[tuple[IntArray, IntArray, IntArray]] = []
        prompt = spell(prompts, language).sentences(np.arange(n_rows), orders)
        self._pending = _Pending(n_rows)
        self._pending.append(np.arange(n_rows), prompt.tokens, prompt.lengths, prompt.cues)
        self._open(np.arange(n_rows))

    def is_writing(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which rows have a choice left to make, shape (n_rows,)."""
        writing: np.ndarray[Any, np.dtype[np.bool_]] = self.state != END
        return writing

    def take_pending(self) -> tuple[IntArray, IntArray, IntArray]:
        """Hand over the tokens that the model has not read, their cues, and how many a row."""
        return self._pending.take()

    def follow(self, rows: IntArray, choice: IntArray, log_probability: FloatArray) -> None:
        """Advance `rows` by the tokens chosen there."""
        grammar: Grammar = self.language.grammar
        edges = grammar.edges(self.state[rows], choice)
        self.log_likelihood[rows] += log_probability
        columns = grammar.column[self.state[rows]]
        in_text = self._text_columns[columns]
        if in_text.any():
            self._text_log.append((rows[in_text], columns[in_text], choice[in_text]))
        self._pending.append(rows, choice[:, None], np.ones(len(rows), dtype=np.int64))
        self._pending.append_runs(rows, grammar.tails, edges)
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
        grammar: Grammar = self.language.grammar
        n_columns = self._orders.shape[1]
        rows = rows[self._n_done[rows] < n_columns]
        while len(rows):
            columns = self._orders[rows, self._n_done[rows]]
            self._pending.cue(rows, grammar.cues[columns])
            self._pending.append_runs(rows, grammar.openings, columns)
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
            (row, column, self.language.read_text(written[:-1]))  # the last one is the end mark
            for (row, column), written in cells.items()
            if self.codes[row, column] != MISSING
        ]


class _Pending:
    """Tokens that each row has written and the model has not read yet."""

    def __init__(self, n_rows: int) -> None:
        self._tokens = np.zeros((n_rows, 16), dtype=np.int64)
        self._cues = np.full((n_rows, 16), NO_CUE, dtype=np.int64)
        self._lengths = np.zeros(n_rows, dtype=np.int64)

    def take(self) -> tuple[IntArray, IntArray, IntArray]:
        longest = self._lengths.max()
        taken = self._tokens[:, :longest].copy(), self._cues[:, :longest].copy(), self._lengths
        self._lengths = np.zeros_like(self._lengths)
        return taken

    def cue(self, rows: IntArray, cues: IntArray) -> None:
        """Add a cue to the last token of each of `rows`."""
        self._cues[rows, self._lengths[rows] - 1] = cues

    def append_runs(self, rows: IntArray, runs: Runs, which: IntArray) -> None:
        """Append to each of `rows` one run, ``runs[which[i]]``."""
        self._write(rows, runs.tokens[runs.flat(which)], runs.lengths(which))

    def append(
        self, rows: IntArray, tokens: IntArray, lengths: IntArray, cues: IntArray | None = None
    ) -> None:
        """Append to each of `rows` the first ``lengths[i]`` of ``tokens[i]``."""
        filled = np.arange(tokens.shape[1]) < lengths[:, None]
        self._write(rows, tokens[filled], lengths, NO_CUE if cues is None else cues[filled])

    def _write(
        self, rows: IntArray, flat: IntArray, lengths: IntArray, cues: IntArray | int = NO_CUE
    ) -> None:
        begin = self._lengths[rows]
        longest = int((begin + lengths).max(initial=0))
        if longest > self._tokens.shape[1]:
            padding = ((0, 0), (0, 2 * longest - self._tokens.shape[1]))
            self._tokens = np.pad(self._tokens, padding)
            self._cues = np.pad(self._cues, padding, constant_values=NO_CUE)
        within = np.arange(len(flat)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        places = np.repeat(rows, lengths), np.repeat(begin, lengths) + within
        self._tokens[places] = flat
        self._cues[places] = cues
        self._lengths[rows] += lengths
