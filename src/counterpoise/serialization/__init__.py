"""A row as tokens, and back.

A serialized row is the start token and, for each cell in turn, a *segment* of tokens. Segments are
self-contained, so that the columns can come in any order. Two serializers:

- `table_serializer`, the default: one token per column, category and digit. ``age = 39`` is the
  tokens ``3 9``; which column they belong to is told by the embedding of the column token, which is
  added to that of the token before the cell.
- `text_serializer`: the published text, ``age is 39,``, in the pieces of a model's own tokenizer.

Building one asks each column for an automaton of its possible values, gives each symbol a token,
and compiles the automata into one `Grammar`. `serialize` then encodes each distinct cell of a table
once (`SerializedTable`), from which `token_batch` assembles rows as arrays (`TokenBatch`).
Decoding is left to the grammar: the tokens chosen in a cell add up to its code, and the column
decodes that. A missing cell is one token of its column's own; as text, the word ``missing``.
"""

from counterpoise.serialization._serializer import (
    CharacterTokenizer,
    Entry,
    SerializedTable,
    Serializer,
    TokenBatch,
    Tokenizer,
    serialize,
    table_serializer,
    text_serializer,
)

__all__ = [
    "CharacterTokenizer",
    "Entry",
    "SerializedTable",
    "Serializer",
    "TokenBatch",
    "Tokenizer",
    "serialize",
    "table_serializer",
    "text_serializer",
]
