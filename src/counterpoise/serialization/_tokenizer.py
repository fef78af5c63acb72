"""Tokens: those of one table, and the pieces that a model's own tokenizer cuts text into."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

START = 0
"""The token that begins every row."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One token of a table."""

    text: str
    pieces: tuple[int, ...] = ()  # of a pre-trained vocabulary: it starts from their mean embedding


@dataclass(slots=True)
class Vocabulary:
    """The tokens that can occur in the rows of one table, numbered as they were first asked for."""

    entries: list[Entry] = field(default_factory=list)
    _index: dict[Hashable, int] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.entries)

    def token(self, key: Hashable, text: str, pieces: tuple[int, ...] = ()) -> int:
        """Return the token of `key`, adding it when it is new."""
        if key not in self._index:
            self._index[key] = len(self.entries)
            self.entries.append(Entry(text, pieces))
        return self._index[key]


class Tokenizer(Protocol):
    """What a serializer asks of a model's tokenizer; pieces are ids of the model's vocabulary."""

    @property
    def start(self) -> int | None:
        """The piece that begins a text, or None where the tokenizer has none."""
        ...

    def encode(self, text: str) -> list[int]:
        """Return the pieces of `text`, without any special ones."""
        ...

    def cut(self, text: str) -> list[tuple[str, tuple[int, ...]]]:
        """Return `text` in consecutive parts, each with the pieces that it consists of.

        The parts join to exactly `text`; a character that takes several pieces is one part.
        """
        ...

    def pieces_over(self, alphabet: str) -> dict[int, str]:
        """Return the pieces whose text has only characters of `alphabet`, with the text of each."""
        ...

    def pieces(self) -> list[int]:
        """Return every piece that a model may generate by itself."""
        ...

    def decode(self, pieces: Sequence[int]) -> str:
        """Return the text of `pieces`; special ones have none."""
        ...


class CharacterTokenizer:
    """One piece per character, its code point: for models that are trained from scratch."""

    start = None

    def encode(self, text: str) -> list[int]:
        return [ord(character) for character in text]

    def cut(self, text: str) -> list[tuple[str, tuple[int, ...]]]:
        return [(character, (ord(character),)) for character in text]

    def pieces_over(self, alphabet: str) -> dict[int, str]:
        return {ord(character): character for character in alphabet}

    def pieces(self) -> list[int]:
        return []  # a model from scratch knows the characters of its table, and no others

    def decode(self, pieces: Sequence[int]) -> str:
        return "".join(map(chr, pieces))
