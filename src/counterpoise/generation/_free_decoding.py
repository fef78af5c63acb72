"""Generation without a grammar, as published: the model continues a prompt, and rows are parsed.

The code that accompanies the ImbLLM paper splits a text at commas, takes the first value of each
column, drops rows with an unparsable number, and fills in the rest: the most frequent category for
one that is missing or unknown, the mean for a missing number, of the rows that the model was
trained on. That is done here so that its cost can be measured: what is filled in is the middle of
the class again, whatever the prompt was.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from counterpoise._progress import Progress
from counterpoise.columns import ABSENT, MISSING, Column, Table
from counterpoise.columns._base import MISSING_WORD
from counterpoise.generation._decoding import Sampling, choose
from counterpoise.generation._rejection_sampling import RejectionStats
from counterpoise.grammar._grammar import NO_COLUMN_TOKEN, FloatArray, IntArray
from counterpoise.models._device import Device
from counterpoise.models._language_model import LanguageModel
from counterpoise.serialization import Serializer, TokenBatch, Tokenizer
from counterpoise.serialization._tokenizer import START

UNPARSABLE = "unparsable numbers"
"""Why a row is dropped."""


@torch.inference_mode()
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
    with progress.stage("generating", total=n_rows, unit="rows") as advance:
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


class FreeTextParser:
    """Parses the rows of one table from text of up to `n_tokens` tokens.

    What is filled in is taken from `real`, the real rows that the model was trained on.
    """

    def __init__(
        self, serializer: Serializer, tokenizer: Tokenizer, real: Table, n_tokens: int
    ) -> None:
        self.serializer = serializer
        self.n_tokens = n_tokens
        self._tokenizer = tokenizer
        columns = enumerate(real.schema)
        self._typical = [column.typical_code(real.codes[:, at]) for at, column in columns]
        self._texts = real.texts

    def parse(self, tokens: IntArray, prompts: Table) -> tuple[Table, IntArray]:
        """Return a row per text, label first, and how many cells of it were impossible.

        Cells that the prompt gave are as given. A cell is ``ABSENT`` where its row is to be
        dropped, and so is a label that is neither given nor readable: labels are not filled in.
        """
        schema = self.serializer.schema
        names = [str(column.name) for column in schema]
        codes = prompts.codes.copy()
        texts = {at: list(strings) for at, strings in self._texts.items()}
        n_invalid = np.zeros(len(codes), dtype=np.int64)
        for row, text in enumerate(map(self._text, tokens)):
            found = parse_sentence(text, names)
            for at in np.flatnonzero(codes[row] == ABSENT).tolist():
                code, is_valid = _parse_cell(schema[at], found.get(names[at]), texts.get(at))
                if code is None:
                    code = ABSENT if at == 0 else self._typical[at]
                codes[row, at] = code
                n_invalid[row] += not is_valid
        frozen = {at: tuple(strings) for at, strings in texts.items()}
        return Table(schema, codes, frozen), n_invalid

    def _text(self, tokens: IntArray) -> str:
        entries = self.serializer.vocabulary.entries
        pieces = [piece for token in tokens[1:].tolist() for piece in entries[token].pieces]
        return self._tokenizer.decode(pieces).replace("\n", " ")


def _parse_cell(
    column: Column, text: str | None, strings: list[str] | None
) -> tuple[int | None, bool]:
    """Return a cell's code and whether it is possible as generated.

    None is to be filled in; ``ABSENT`` drops the row.
    """
    if text is None:
        return None, False
    if column.has_missing and text == MISSING_WORD:
        return MISSING, True
    if strings is not None:
        strings.append(text)
        return len(strings) - 1, True
    return column.read_text(text)


def free_decoding_stats(n_invalid: IntArray, rejection_stats: RejectionStats) -> dict[str, float]:
    """Return what became of the rows that the model generated, as shares of them.

    `n_invalid` is of the rows that were kept. ``"valid as generated"`` and ``"repaired"`` (a cell
    or more filled in) are estimated from these, because the last draw is cut off; ``"dropped"``
    had an unparsable number, ``"rejected otherwise"`` another class, say, or broke a constraint.
    """
    n_drawn = max(rejection_stats.n_drawn, 1)
    kept = 1.0 - rejection_stats.n_rejected / n_drawn
    n_dropped = rejection_stats.rejected.get(UNPARSABLE, 0)
    valid = float((n_invalid == 0).mean()) if len(n_invalid) else 0.0
    return {
        "valid as generated": kept * valid,
        "repaired": kept * (1.0 - valid),
        "dropped": n_dropped / n_drawn,
        "rejected otherwise": (rejection_stats.n_rejected - n_dropped) / n_drawn,
    }
