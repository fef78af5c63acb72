"""The tokens that can occur in the sentences of one table, and only those."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

START = 0
"""The token that begins every sentence."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One token: what it stands for, and the pieces of a pre-trained vocabulary that write it.

    A pre-trained model's embedding of the token is the mean of the embeddings of its pieces.
    """

    text: str
    pieces: tuple[int, ...] = ()


@dataclass(slots=True)
class Vocabulary:
    """Tokens numbered from 0 in the order in which they were first asked for."""

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
