"""Constrained decoding: a batch of rows generated together, each under the table's grammar."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from counterpoise._progress import Advance
from counterpoise.columns import ABSENT, MISSING, Table
from counterpoise.errors import DecodingError
from counterpoise.generation._restricting import FREE, Limits, RestrictedCells
from counterpoise.grammar._automaton import END
from counterpoise.grammar._grammar import NO_COLUMN_TOKEN, BoolArray, FloatArray, IntArray, Runs
from counterpoise.models._language_model import CachedModel, Device, LanguageModel
from counterpoise.serialization import START, Serializer, serialize


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn, and how many rows are generated together."""

    temperature: float = 1.0
    top_p: float = 1.0
    batch_size: int = 256


def generate(
    model: LanguageModel,
    serializer: Serializer,
    prompts: Table,
    orders: IntArray,
    sampling: Sampling,
    *,
    device: Device,
    rng: np.random.Generator,
    advance: Advance,
    restricted: RestrictedCells | None = None,
) -> tuple[Table, FloatArray]:
    """Complete `prompts`: fill every ``ABSENT`` cell, and change no other.

    `orders`, of shape (n_rows, n_columns), is the order of the columns in each row; given cells
    come first. A column that is left out is not generated, and stays as it is in `prompts`.
    Cells keep what `restricted` says of them wherever the cells before leave a choice.

    Also returns the log-probability, in nats, of what the model chose in each row given its
    prompt, at temperature 1; shape (n_rows,).
    """
    n_rows = len(prompts)
    log_likelihood = np.zeros(n_rows)
    codes = prompts.codes.copy()
    texts = {column: list(strings) for column, strings in prompts.texts.items()}
    model.eval()
    torch_generator = torch.Generator(device=device.device)
    permitted = device.tensor(_permitted(serializer.grammar.allowed))
    for start in range(0, n_rows, sampling.batch_size):
        torch_generator.manual_seed(int(rng.integers(2**63)))
        rows = np.arange(start, min(start + sampling.batch_size, n_rows))
        batch = _Batch(serializer, prompts.take(rows), orders[rows], restricted)
        cache = model.open_cache(len(rows), device)
        _generate_batch(cache, batch, permitted, sampling, device, torch_generator)
        codes[rows] = batch.codes
        log_likelihood[rows] = batch.log_likelihood
        for row, column, string in batch.strings:
            codes[start + row, column] = len(texts[column])
            texts[column].append(string)
        advance(len(rows))
    frozen = {column: tuple(strings) for column, strings in texts.items()}
    return Table(prompts.schema, codes, frozen), log_likelihood


def _permitted(allowed: BoolArray) -> IntArray:
    """Return the tokens of each row of `allowed`, ascending; START, never permitted, as padding."""
    n_each = allowed.sum(axis=1)
    tokens = np.full((len(allowed), n_each.max(initial=1)), START)
    tokens[np.arange(tokens.shape[1]) < n_each[:, None]] = np.nonzero(allowed)[1]
    return tokens


@torch.inference_mode()
def _generate_batch(
    cache: CachedModel,
    batch: _Batch,
    permitted: Tensor,
    sampling: Sampling,
    device: Device,
    generator: torch.Generator,
) -> None:
    """Generate all rows of `batch`; `permitted` (n_sets, most) are the tokens of allowed sets."""
    live = np.arange(len(batch.state))  # the rows that are still in the cache
    while len(unfinished := np.flatnonzero(batch.state[live] != END)):
        if len(unfinished) <= len(live) // 2:
            live = live[unfinished]
            cache.keep(unfinished)
        # 1. read what every unfinished row has; score what may follow in those that have no more
        tokens, column_tokens, due = batch.next_tokens(live)
        logits = cache.read(tokens, column_tokens, due)
        # 2. choose among the tokens that the grammar permits, and follow each row's choice
        rows = live[due]
        tokens_of_rows = permitted[device.tensor(batch.grammar.allowed_set[batch.state[rows]])]
        logits[:, START] = -torch.inf
        if len((barred_here := batch.barred(rows))[0]):
            logits[*map(device.tensor, barred_here)] = -torch.inf
        choice, log_probability = choose(logits.gather(1, tokens_of_rows), sampling, generator)
        chosen = tokens_of_rows.gather(1, choice[:, None])[:, 0]
        batch.follow(rows, chosen.cpu().numpy(), log_probability.cpu().numpy())


def choose(logits: Tensor, sampling: Sampling, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw one token per row of `logits`; ``-inf`` is not permitted.

    Returns the choices, int64, and the log-probability of each at temperature 1 and without
    `top_p`; both have shape (n_rows,). A DecodingError says that the scores are no numbers.
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
    if not cumulated[:, -1].isfinite().all():
        raise DecodingError("the model's scores overflow: its weights are damaged or have diverged")
    size, device = (len(logits), 1), logits.device
    uniform = 1.0 - torch.rand(size, generator=generator, device=device, dtype=torch.float32)
    choice = torch.searchsorted(cumulated, uniform * cumulated[:, -1:])
    if sampling.temperature == 1.0 and sampling.top_p == 1.0:
        return choice[:, 0], probabilities.gather(-1, choice)[:, 0].log()
    return choice[:, 0], torch.log_softmax(logits, dim=-1).gather(-1, choice)[:, 0]


class _Batch:
    """The rows being generated: their cells, their tokens, and where each is in the grammar."""

    def __init__(
        self,
        serializer: Serializer,
        prompts: Table,
        orders: IntArray,
        restricted: RestrictedCells | None,
    ) -> None:
        n_rows = len(prompts)
        self._serializer = serializer
        self.grammar = serializer.grammar
        self.codes = prompts.codes.copy()
        self.log_likelihood = np.zeros(n_rows)
        self.state = np.full(n_rows, END, dtype=np.int64)
        self._code = np.zeros(n_rows, dtype=np.int64)  # of the cell being generated, so far
        self._restricted = restricted
        self._limits = Limits.none(n_rows)  # of the cell being generated
        self._orders = orders
        self._n_done = (np.take_along_axis(self.codes, orders, 1) != ABSENT).sum(axis=1)  # cells
        given = serialize(prompts, serializer).token_batch(np.arange(n_rows), orders)
        self._tokens, self._column_tokens = given.tokens, given.column_tokens
        self._n_tokens = given.lengths
        self._n_read = 0  # tokens that the model has read, equally many in each row
        self._is_text = np.array([column.is_text for column in serializer.schema])
        self._n_name = np.array([len(cell.name) for cell in serializer.cells])  # tokens
        self._start = np.zeros(n_rows, dtype=np.int64)  # number of tokens before the cell's value
        self.strings: list[tuple[int, int, str]] = []  # generated free text: row, column, string
        self._open(np.arange(n_rows))

    def next_tokens(self, live: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """Return the next tokens of the rows `live`, as many as all unfinished ones have.

        Tokens and column tokens are of shape (n_live, n_new), and mean nothing in a finished row.
        The third array says which of `live` have a choice to make now: one or more.
        """
        is_unfinished = self.state[live] != END
        n_tokens = self._n_tokens[live]
        new = slice(self._n_read, int(n_tokens[is_unfinished].min()))
        self._n_read = new.stop
        due = np.flatnonzero(is_unfinished & (n_tokens == new.stop))
        return self._tokens[live, new], self._column_tokens[live, new], due

    def barred(self, rows: IntArray) -> tuple[IntArray, IntArray]:
        """Return the tokens that restrictions bar in `rows`: place in `rows` and token of each.

        A cell for which no token is left becomes unrestricted: its row will be rejected.
        """
        places = np.flatnonzero(self._limits.which[rows] != FREE)
        if self._restricted is None or not len(places):
            return places[:0], places[:0]
        own = rows[places]
        limits = Limits(*(part[own] for part in self._limits))
        at, tokens, is_dead = self._restricted.barred(self.state[own], self._code[own], limits)
        self._limits.which[own[is_dead]] = FREE
        return places[at], tokens

    def follow(self, rows: IntArray, choice: IntArray, log_probability: FloatArray) -> None:
        """Advance `rows` by the tokens chosen there."""
        grammar = self.grammar
        edges = grammar.edges(self.state[rows], choice)
        self.log_likelihood[rows] += log_probability
        if self._restricted is not None:  # of free text, the first choice is: missing or not
            in_text = self._is_text[grammar.column[self.state[rows]]]
            self._limits.which[rows[in_text]] = FREE
        at = self._n_tokens[rows]
        self._reserve(int(at.max(initial=0)) + 1)
        self._tokens[rows, at] = choice
        self._n_tokens[rows] += 1
        self._append_runs(rows, grammar.tails, edges)
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
        is_string = self._is_text[columns] & (self._code[rows] != MISSING)
        for row, column in zip(rows[is_string].tolist(), columns[is_string].tolist(), strict=True):
            # less the end mark; forced tokens are part of the string
            tokens = self._tokens[row, self._start[row] : self._n_tokens[row] - 1]
            self.strings.append((row, column, self._serializer.decode_text(tokens.tolist())))

    def _open(self, rows: IntArray) -> None:
        """Begin the next cell of each of `rows`; cells with a single value end at once."""
        grammar = self.grammar
        n_columns = self._orders.shape[1]
        rows = rows[self._n_done[rows] < n_columns]
        while len(rows):
            columns = self._orders[rows, self._n_done[rows]]
            self._column_tokens[rows, self._n_tokens[rows] - 1] = grammar.column_tokens[columns]
            self._start[rows] = self._n_tokens[rows] + self._n_name[columns]
            self._append_runs(rows, grammar.openings, columns)
            self._code[rows] = grammar.first_code[columns]
            self.state[rows] = grammar.first_state[columns]
            if self._restricted is not None:
                limits = self._restricted.open(self.codes[rows], columns)
                for own, part in zip(self._limits, limits, strict=True):
                    own[rows] = part
            constant = rows[self.state[rows] == END]
            self._close(constant)
            rows = constant[self._n_done[constant] < n_columns]

    def _append_runs(self, rows: IntArray, runs: Runs, which: IntArray) -> None:
        """Append to each of `rows` one run, ``runs[which[i]]``."""
        lengths = runs.lengths(which)
        if not lengths.any():
            return
        start = self._n_tokens[rows]
        self._reserve(int((start + lengths).max()))
        n_before = np.repeat(np.cumsum(lengths) - lengths, lengths)
        within = np.arange(lengths.sum()) - n_before
        places = np.repeat(rows, lengths), np.repeat(start, lengths) + within
        self._tokens[places] = runs.tokens[runs.flat(which)]
        self._n_tokens[rows] += lengths

    def _reserve(self, n_tokens: int) -> None:
        """Make room for `n_tokens` tokens per row."""
        if n_tokens > self._tokens.shape[1]:
            padding = (0, 0), (0, n_tokens)
            self._tokens = np.pad(self._tokens, padding)
            self._column_tokens = np.pad(
                self._column_tokens, padding, constant_values=NO_COLUMN_TOKEN
            )
