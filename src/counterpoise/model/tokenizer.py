"""A Hugging Face tokenizer seen through the small window that the languages use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from counterpoise.errors import ModelError


class HuggingFaceTokenizer:
    """Adapts a fast `transformers` tokenizer to `counterpoise.language.tokenizer.Tokenizer`."""

    def __init__(self, tokenizer: Any) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise ModelError(
                f"{type(tokenizer).__name__} is not a fast tokenizer; counterpoise needs one, "
                "for it must know which characters each token writes"
            )
        self._tokenizer = tokenizer

    @classmethod
    def from_json(cls, text: str) -> HuggingFaceTokenizer:
        """Make the tokenizer that `to_json` wrote; it begins no text.

        Raises
        ------
        ModelError
            If the text is no tokenizer.
        """
        from tokenizers import Tokenizer
        from transformers import PreTrainedTokenizerFast

        wrap: Any = PreTrainedTokenizerFast
        try:
            return cls(wrap(tokenizer_object=Tokenizer.from_str(text)))
        except Exception as error:
            raise ModelError(f"the saved tokenizer cannot be read ({error})") from error

    def to_json(self) -> str:
        """Return the tokenizer as `tokenizers` writes it."""
        text: str = self._tokenizer.backend_tokenizer.to_str()
        return text

    @cached_property
    def start(self) -> int | None:
        """The piece that begins a text: the begin token, or else the end token."""
        begin, end = self._tokenizer.bos_token_id, self._tokenizer.eos_token_id
        piece: int | None = begin if begin is not None else end
        return piece

    def encode(self, text: str) -> list[int]:
        """Return the pieces of `text`, without any special ones."""
        return list(self._tokenizer.encode(_encodable(text), add_special_tokens=False))

    def cut(self, text: str) -> list[tuple[str, tuple[int, ...]]]:
        """Return `text` in consecutive parts, each with the pieces that write it."""
        text = _encodable(text)
        encoded = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        parts: list[tuple[str, tuple[int, ...]]] = []
        at = 0
        waiting: tuple[int, ...] = ()  # pieces of a character that is not whole yet
        for piece, (_, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
            if end > at:
                parts.append((text[at:end], (*waiting, piece)))
                at, waiting = end, ()
            elif parts and not waiting:
                part, pieces = parts[-1]
                parts[-1] = (part, (*pieces, piece))
            else:
                waiting = (*waiting, piece)
        if at < len(text):  # characters that the tokenizer drops still belong to the text
            parts.append((text[at:], waiting))
        return parts

    def pieces_over(self, alphabet: str) -> dict[int, str]:
        """Return the pieces that write only characters of `alphabet`, one a text."""
        inside = re.compile(f"[{re.escape(alphabet)}\u0120\u2581]+")
        candidates = {
            piece for token, piece in self._tokenizer.get_vocab().items() if inside.fullmatch(token)
        }
        texts: dict[str, int] = {}
        for piece in sorted(candidates):
            text = self._tokenizer.decode([piece], clean_up_tokenization_spaces=False)
            if text and not set(text) - set(alphabet):
                texts.setdefault(text, piece)
        return {piece: text for text, piece in texts.items()}

    def pieces(self) -> list[int]:
        """Return every piece but those that stand for no text."""
        special = set(self._tokenizer.all_special_ids)
        return sorted(set(self._tokenizer.get_vocab().values()) - special)

    def decode(self, pieces: Sequence[int]) -> str:
        """Return the text that `pieces` write together; special ones write nothing."""
        text: str = self._tokenizer.decode(
            list(pieces), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text


def _encodable(text: str) -> str:
    """Return `text` with lone surrogates, which no tokenizer takes, written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
