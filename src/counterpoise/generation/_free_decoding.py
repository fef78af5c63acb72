"""Writing without a grammar: the model goes on from a prompt, whatever it makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from counterpoise._progress import Progress
from counterpoise.columns._base import ABSENT, MISSING, MISSING_WORD, Column
from counterpoise.columns._table import Table
from counterpoise.generation._decoding import FloatArray, Sampling, choose
from counterpoise.generation._rejection_sampling import RejectionStats
from counterpoise.grammar._grammar import NO_COLUMN_TOKEN, IntArray
from counterpoise.models._base import LanguageModel
from counterpoise.models._cache import prepare
from counterpoise.models._device import Device
from counterpoise.serialization._serializer import Serializer, TokenBatch
from counterpoise.serialization._tokenizer import START, Tokenizer


@torch.no_grad()
def generate_text(
    model: LanguageModel,
    prompts: TokenBatch,
    n_tokens: int,
    sampling: Sampling,
    *,
    device: Device,
    rng: np.random.Generator,
    progress: Progress,
) -> tuple[IntArray, FloatArray]:
    """Continue each of `prompts` up to `n_tokens` in all.

    Returns
    -------
    tokens : ndarray of shape (n_rows, n_tokens), int64
        The prompt and what the model wrote; a prompt longer than that is cut.
    log_likelihood : ndarray of shape (n_rows,), float64
        Log-probability, in nats, of what was written, at temperature 1.
    """
    n_rows = len(prompts.tokens)
    tokens = np.full((n_rows, n_tokens), START, dtype=np.int64)
    longest = min(prompts.tokens.shape[1], n_tokens)
    tokens[:, :longest] = prompts.tokens[:, :longest]
    log_likelihood = np.zeros(n_rows)
    model.eval()
    generator = torch.Generator(device=device.device)
    open_cache = prepare(model, device)
    with progress.stage("writing", total=n_rows, unit="rows") as advance:
        for start in range(0, n_rows, sampling.batch_size):
            generator.manual_seed(int(rng.integers(2**63)))
            batch = tokens[start : start + sampling.batch_size]  # a view: filled in place
            n_written = np.minimum(prompts.lengths[start : start + len(batch)], n_tokens)
            n_read = 0
            parser = open_cache(len(batch))
            while (shortest := int(n_written.min())) < n_tokens:
                # 1. read as much as every row has; score what may follow in those that end there
                pending = batch[:, n_read:shortest]
                rows = np.flatnonzero(n_written == shortest)
                logits = parser.read(pending, np.full_like(pending, NO_COLUMN_TOKEN), rows)
                n_read = shortest
                # 2. choose any token but the start of a sentence
                logits[:, START] = -torch.inf
                choice, log_probability = choose(logits, sampling, generator)
                batch[rows, shortest] = choice.cpu().numpy()
                log_likelihood[start + rows] += log_probability.double().cpu().numpy()
                n_written[rows] += 1
            advance(len(batch))
    return tokens, log_likelihood


# The published way to read what a model wrote freely: split at commas, drop, fill in.
#
# The code that accompanies the ImbLLM paper splits a text at commas, takes the first value of
# each column, drops rows with an unparsable number, and fills in the rest: the most frequent
# category for one that is missing or unknown, the mean for a missing number, of the rows that the
# model was trained on. That is done here so that its cost can be measured: what is filled in is
# the middle of the class again, whatever the model was asked for.


FLAWED = "numbers that are none"
"""Why a row is dropped."""


def parse_sentence(text: str, names: Sequence[str]) -> dict[str, str]:
    """Split `text` at commas, and take the first value of each of `names`.

    Examples
    --------
    >>> parse_sentence("age is 39, plan is basic, x is 1, age is 4", ["age", "plan", "fee"])
    {'age': '39', 'plan': 'basic'}
    """
    found: dict[str, str] = {}
    for part in text.split(","):
        name, is_there, value = part.strip().partition(" is ")
        if is_there and name in names:
            found.setdefault(name, value.strip())
    return found


@dataclass(frozen=True, slots=True)
class ParsedRows:
    """Rows read from free text.

    Attributes
    ----------
    table : Table
        The rows, label first; a cell is ``ABSENT`` where it makes its row one to be dropped.
    n_invalid : ndarray of shape (n_rows,), int64
        How many cells of each row were not possible ones as they were written.
    """

    table: Table
    n_invalid: IntArray


@dataclass(frozen=True, slots=True)
class FreeTextParser:
    """What is needed to read the rows of one table from text.

    Attributes
    ----------
    language : Language
        Of the table, in the model's own tokens.
    tokenizer : Tokenizer
        The model's.
    n_tokens : int
        How long a text is, in tokens: the longest sentence of a training row.
    fill : ndarray of shape (n_columns,), int64
        By column the code of the most frequent category or the mean number.
    """

    serializer: Serializer
    tokenizer: Tokenizer
    n_tokens: int
    fill: IntArray
    texts: dict[int, tuple[str, ...]]

    @classmethod
    def of(
        cls, serializer: Serializer, tokenizer: Tokenizer, real: Table, n_tokens: int
    ) -> FreeTextParser:
        """Take what is filled in from the rows that the model was trained on."""
        fill = [c.typical_code(real.codes[:, at]) for at, c in enumerate(real.schema)]
        return cls(
            serializer, tokenizer, n_tokens, np.array(fill, dtype=np.int64), dict(real.texts)
        )

    def read(self, tokens: IntArray, prompts: Table) -> ParsedRows:
        """Read a row from each text; cells that the prompt gave are as given.

        A label that is not given and can't be read stays ``ABSENT``: it is nothing to fill in.
        """
        schema = self.serializer.schema
        columns = {str(column.name): at for at, column in enumerate(schema)}
        codes = prompts.codes.copy()
        texts = {at: list(strings) for at, strings in self.texts.items()}
        n_invalid = np.zeros(len(codes), dtype=np.int64)
        for row, written in enumerate(tokens):
            found = parse_sentence(self._text(written), list(columns))
            for name, at in columns.items():
                if codes[row, at] != ABSENT:
                    continue
                code, is_valid = _read(schema[at], found.get(name), texts.get(at))
                if code is None:
                    code = ABSENT if at == 0 else int(self.fill[at])
                codes[row, at] = code
                n_invalid[row] += not is_valid
        frozen = {at: tuple(strings) for at, strings in texts.items()}
        return ParsedRows(Table(schema, codes, frozen), n_invalid)

    def _text(self, tokens: IntArray) -> str:
        entries = self.serializer.vocabulary.entries
        pieces = [piece for token in tokens[1:].tolist() for piece in entries[token].pieces]
        return self.tokenizer.decode(pieces).replace("\n", " ")


def share_by_fate(n_invalid: IntArray, rejection_stats: RejectionStats) -> dict[str, float]:
    """Return what became of the rows that the model wrote, as shares of them.

    Parameters
    ----------
    n_invalid : ndarray of shape (n_rows,)
        Of the rows that were kept.
    redraws : Redraws
        What it took to get them.

    Returns
    -------
    dict of str to float
        ``"valid as written"``; ``"repaired"``, with a cell or more filled in; ``"dropped"``, for
        a number that is none; ``"rejected otherwise"``, as of another class or by a rule. The
        first two are estimated from the rows kept, for the last draw is cut off.
    """
    n_drawn = max(rejection_stats.n_drawn, 1)
    kept = 1.0 - rejection_stats.n_rejected / n_drawn
    n_flawed = rejection_stats.rejected.get(FLAWED, 0)
    valid = float((n_invalid == 0).mean()) if len(n_invalid) else 0.0
    return {
        "valid as written": kept * valid,
        "repaired": kept * (1.0 - valid),
        "dropped": n_flawed / n_drawn,
        "rejected otherwise": (rejection_stats.n_rejected - n_flawed) / n_drawn,
    }


def _read(column: Column, text: str | None, strings: list[str] | None) -> tuple[int | None, bool]:
    """Return a cell's code and whether it is possible as written.

    None for what is to be filled in; ``ABSENT`` for what makes its row one to be dropped.
    """
    if text is None:
        return None, False
    if column.has_missing and text == MISSING_WORD:
        return MISSING, True
    if strings is not None:
        strings.append(text)
        return len(strings) - 1, True
    return column.read_text(text)
