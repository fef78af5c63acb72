"""The language of one table: how a row is written as a sentence, and what may be written.

A sentence is the start token and, for each cell in turn, a *segment*: the column's name and the
cell's value. Segments are self-contained, so that a permutation of the columns is a permutation
of segments. A name is either written, as tokens before the value, or it is a *cue*: one token that
takes no place of its own, because its embedding is added to that of the token before the cell.
Two serialisations build a :class:`Language`: `table_language` (cues) and `text_language` (names).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from counterpoise.language.automaton import Automaton, from_sequences, repeat, union
from counterpoise.language.grammar import NO_CUE, Grammar, compile_grammar
from counterpoise.language.tokenizer import Tokenizer
from counterpoise.language.vocabulary import Vocabulary
from counterpoise.table import MISSING, CategoricalColumn, Schema

MISSING_WORD = "missing"

Spell = Callable[[int], Sequence[int]]
"""From a cell's code to the tokens of its value."""


@dataclass(frozen=True, slots=True)
class TextParts:
    """What is known of a column of free text: what new text is made of, and how long it may be.

    Attributes
    ----------
    parts : tuple of (str, tuple of int)
        The parts that its strings are cut into, by first appearance, with the pieces of each.
    shortest, longest : int
        Length of its strings, in characters.
    """

    parts: tuple[tuple[str, tuple[int, ...]], ...]
    shortest: int
    longest: int


@dataclass(frozen=True, slots=True)
class Cell:
    """How the cells of one column are written: name or cue, what may follow, and spelling."""

    automaton: Automaton
    spell: Spell
    name: tuple[int, ...] = ()
    cue: int = NO_CUE
    parts: TextParts | None = None

    def or_missing(self, word: Sequence[int]) -> Cell:
        """Return the cell with `word` as a further way to fill it, with the code ``MISSING``."""
        written = tuple(word)
        either = union(self.automaton, from_sequences({MISSING: written}))
        return replace(
            self, automaton=either, spell=partial(_spell_or_missing, self.spell, written)
        )


@dataclass(frozen=True, slots=True)
class Language:
    """The language of one table.

    Attributes
    ----------
    schema : Schema
        The columns, the label first.
    vocabulary : Vocabulary
        Every token that can occur, and no other.
    cells : tuple of Cell
        How each column is written.
    grammar : Grammar
        What may follow what, compiled from the cells.
    tokenizer : Tokenizer or None
        The model's own, where rows are written with it.
    """

    schema: Schema
    vocabulary: Vocabulary
    cells: tuple[Cell, ...]
    grammar: Grammar
    tokenizer: Tokenizer | None = None

    def segment(self, column: int, code: int) -> list[int]:
        """Return the tokens of one cell, its name first where names are written.

        For free text the code is the position of the string among ``Table.texts[column]`` of the
        table that the language was built for.
        """
        cell = self.cells[column]
        return [*cell.name, *cell.spell(code)]

    def read_text(self, tokens: Iterable[int]) -> str:
        """Return the string that the value tokens of a free-text cell write, end mark aside."""
        return "".join(self.vocabulary.entries[token].text for token in tokens)


def compile_language(
    schema: Schema,
    vocabulary: Vocabulary,
    cells: Sequence[Cell],
    tokenizer: Tokenizer | None = None,
) -> Language:
    """Compile `cells`, one a column of `schema`, into a language."""
    grammar = compile_grammar(
        [cell.name for cell in cells],
        [cell.cue for cell in cells],
        [cell.automaton for cell in cells],
        len(vocabulary),
    )
    return Language(schema, vocabulary, tuple(cells), grammar, tokenizer)


def text_cell(
    texts: Sequence[str] | TextParts,
    tokenizer: Tokenizer,
    token: Callable[[str, tuple[int, ...]], int],
    end: int,
) -> Cell:
    """Write free text: any of the parts seen in `texts`, no shorter or longer than they are.

    `token` numbers a part, given its text and its pieces; `end` is a token apart from all of them,
    so that the end of a cell cannot be mistaken. Where only the parts of the texts are known, no
    code can be spelled.
    """
    written = []
    if isinstance(texts, TextParts):
        known = texts
    else:
        cut = [tokenizer.cut(text) for text in texts]
        distinct = dict.fromkeys(part for parts in cut for part in parts)
        known = TextParts(tuple(distinct), min(map(len, texts)), max(map(len, texts)))
        written = [[*(token(part, pieces) for part, pieces in parts), end] for parts in cut]
    lengths: dict[Hashable, int] = {token(part, pieces): len(part) for part, pieces in known.parts}
    automaton = repeat(lengths, end, known.shortest, known.longest)
    return Cell(automaton, written.__getitem__, parts=known)


# Spelling is by functions of modules and their arguments, not by closures: a language pickles.


def _spell_or_missing(spell: Spell, missing: tuple[int, ...], code: int) -> Sequence[int]:
    return missing if code == MISSING else spell(code)


def category_texts(column: CategoricalColumn) -> list[str]:
    """Return each category as text; those that would read alike (1 and "1") say their type."""
    texts = [str(category) for category in column.categories]
    n_alike = Counter(texts)
    return [
        f"{text} ({type(category).__name__})" if n_alike[text] > 1 else text
        for text, category in zip(texts, column.categories, strict=True)
    ]
