"""Generation without a grammar, as published: the model continues a prompt, and rows are parsed.

As the code that accompanies the ImbLLM paper does: a text is split at commas, the first value of
each column counts, rows with an unparsable number are dropped, and the rest is filled in from the
rows that the model was trained on: the most frequent category, the mean of a missing number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from counterpoise._progress import Advance
from counterpoise.columns import ABSENT, MISSING, Column, Table, TextColumn
from counterpoise.columns._base import MISSING_WORD
from counterpoise.generation._decoding import Sampling, choose
from counterpoise.generation._rejection_sampling import RejectionStats
from counterpoise.grammar._grammar import NO_COLUMN_TOKEN, FloatArray, IntArray
from counterpoise.models._language_model import Device, LanguageModel
from counterpoise.serialization import START, Serializer, TokenBatch

UNPARSABLE = "unparsable numbers"  # why a row is dropped


@torch.inference_mode()
def generate_text(
    model: LanguageModel,
    prompts: TokenBatch,
    n_tokens: int,
    sampling: Sampling,
    *,
    device: Device,
    rng: np.random.Generator,
    advance: Advance,
) -> tuple[IntArray, FloatArray]:
    """Continue each of `prompts` up to `n_tokens` in all; a longer prompt is cut.

    Returns the tokens, (n_rows, n_tokens), and the log-probability of each row's continuation, in
    nats, at temperature 1, (n_rows,).
    """
    n_rows = len(prompts.tokens)
    tokens = np.full((n_rows, n_tokens), START, dtype=np.int64)
    longest = min(prompts.tokens.shape[1], n_tokens)
    tokens[:, :longest] = prompts.tokens[:, :longest]
    log_likelihood = np.zeros(n_rows)
    model.eval()
    generator = torch.Generator(device=device.device)
    for start in range(0, n_rows, sampling.batch_size):
        generator.manual_seed(int(rng.integers(2**63)))
        batch = tokens[start : start + sampling.batch_size]  # a view: filled in place
        lengths = np.minimum(prompts.lengths[start : start + len(batch)], n_tokens)
        n_read = 0
        cache = model.open_cache(len(batch), device)
        while (shortest := int(lengths.min())) < n_tokens:
            # 1. read as much as every row has; score what may follow in those that end there
            pending = batch[:, n_read:shortest]
            rows = np.flatnonzero(lengths == shortest)
            logits = cache.read(pending, np.full_like(pending, NO_COLUMN_TOKEN), rows)
            n_read = shortest
            # 2. choose any token but the start of a row
            logits[:, START] = -torch.inf
            choice, log_probability = choose(logits, sampling, generator)
            batch[rows, shortest] = choice.cpu().numpy()
            log_likelihood[start + rows] += log_probability.double().cpu().numpy()
            lengths[rows] += 1
        advance(len(batch))
    return tokens, log_likelihood


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
class FreeTextParser:
    """Parses the rows of one table from text of up to `n_tokens` tokens."""

    serializer: Serializer  # of published text
    real: Table  # the real rows that the model was trained on: what is filled in is theirs
    n_tokens: int

    def parse(self, tokens: IntArray, prompts: Table) -> tuple[Table, IntArray]:
        """Return a row per text, label first, and how many cells of it were impossible.

        A cell is ``ABSENT`` where its row is to be dropped, and so is a label that is neither given
        nor readable: labels are not filled in.
        """
        schema = self.serializer.schema
        names = [str(column.name) for column in schema]
        typical = [c.typical_code(self.real.codes[:, at]) for at, c in enumerate(schema)]
        typical[0] = ABSENT
        codes = prompts.codes.copy()
        texts = {at: list(strings) for at, strings in self.real.texts.items()}
        n_invalid = np.zeros(len(codes), dtype=np.int64)
        for row, text in enumerate(map(self._text, tokens)):
            found = parse_sentence(text, names)
            for at in np.flatnonzero(codes[row] == ABSENT).tolist():
                code, is_valid = _parse_cell(schema[at], found.get(names[at]), texts.get(at))
                codes[row, at] = typical[at] if code is None else code
                n_invalid[row] += not is_valid
        frozen = {at: tuple(strings) for at, strings in texts.items()}
        return Table(schema, codes, frozen), n_invalid

    def _text(self, tokens: IntArray) -> str:
        entries, tokenizer = self.serializer.vocabulary, self.serializer.tokenizer
        assert tokenizer is not None
        pieces = [piece for token in tokens[1:].tolist() for piece in entries[token].pieces]
        return tokenizer.decode(pieces).replace("\n", " ")


def _parse_cell(
    column: Column, text: str | None, strings: list[str] | None
) -> tuple[int | None, bool]:
    """Return a cell's code (None: fill it in; ABSENT: drop the row) and whether it was possible."""
    if text is None:
        return None, False
    if column.has_missing and text == MISSING_WORD:
        return MISSING, True
    if isinstance(column, TextColumn) and strings is not None:
        if not column.can_be(text):
            return None, False
        strings.append(text)
        return len(strings) - 1, True
    return column.read_text(text)


def free_decoding_stats(
    n_invalid: IntArray, rejection_stats: Iterable[RejectionStats]
) -> dict[str, float]:
    """Return what became of the rows that the model generated, as shares of them.

    ``"valid as generated"`` and ``"repaired"`` (a cell or more filled in) are estimated from
    `n_invalid`, of the rows that were kept, because the last draw is cut off.
    """
    counts = [(s.n_drawn, s.n_rejected, s.rejected.get(UNPARSABLE, 0)) for s in rejection_stats]
    drawn, rejected, unparsable = np.sum(counts, axis=0).tolist()
    kept = 1.0 - rejected / drawn
    valid = float((n_invalid == 0).mean())
    return {
        "valid as generated": kept * valid,
        "repaired": kept * (1.0 - valid),
        "dropped": unparsable / drawn,
        "rejected otherwise": (rejected - unparsable) / drawn,
    }
