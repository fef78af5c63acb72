"""Shapes of texts: what the strings of a column have in common, such as ``AB-######``.

A shape is a sequence of fields, and a field the strings that can stand there: one for what is
always the same, words, or single characters. A field with "" among them may be left out, and then
so are those behind it up to the next that has none: ``#{1,5}`` is one field of digits and four of
digits or "".
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice, zip_longest
from typing import Final, TypeAlias

from counterpoise.grammar._automaton import Automaton, Step, from_steps

Field: TypeAlias = tuple[str, ...]
Shape: TypeAlias = tuple[Field, ...]

MAX_SHAPES: Final = 5  # of a column
MAX_FIELDS: Final = 100  # of a shape
MIN_CELLS: Final = 10  # that have a shape,
MIN_STRINGS: Final = 10  # and different strings of a column with shapes
MIN_SHARE: Final = 0.95  # of the cells have one of the shapes, or none is kept
MAX_STRINGS: Final = 10_000  # from which shapes are learned
MAX_WORDS: Final = 40  # that a field may have,
CELLS_PER_WORD: Final = 3  # each in at least so many cells: a rarer word could tell on one row
_CELLS_PER_CHARACTER: Final = 10  # with so many, a character that is never seen is not possible
_DIGITS: Final = frozenset("0123456789")

# What makes texts alike, each with what a text is split into then: letters and digits in the same
# places; runs of letters and of digits in the same order; letters or digits in the same places, as
# in hexadecimal numbers.
_LETTERS_OR_DIGITS, _PARTS = re.compile(r"([^\W\d_])|([0-9])"), r"[^\W\d_]+|[0-9]+|."
_ALIKE: Final = ((True, False), (False, False), (True, True))


def learn_shapes(n_cells: Mapping[str, int]) -> tuple[Shape, ...]:
    """Return the shapes of strings (string -> number of cells), the most frequent first.

    There are none where they would be too many, or would leave too much out: prose has none.
    """
    best: tuple[Shape, ...] = ()
    if len(n_cells) < MIN_STRINGS:
        return best
    every = -(-len(n_cells) // MAX_STRINGS)
    n_cells = dict(islice(n_cells.items(), 0, None, every))
    n_all = sum(n_cells.values())
    most = MIN_SHARE * n_all
    for keeps_lengths, is_mixed in _ALIKE:
        groups: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for text, n in n_cells.items():
            groups[_mask(text, keeps_lengths, is_mixed)][text] = n
        largest = sorted(groups.values(), key=Counter.total, reverse=True)[:MAX_SHAPES]
        if sum(map(Counter.total, largest)) < most:
            continue
        part = re.compile(r"[^\W_]+|." if is_mixed else _PARTS, re.DOTALL)
        found = [_shape(group, part) for group in largest if group.total() >= MIN_CELLS]
        shapes = tuple(shape for shape in found if shape is not None)
        n_kept = sum(n for text, n in n_cells.items() if split(text, shapes) is not None)
        if n_kept >= most and (not best or n_kept > most):
            best, most = shapes, n_kept
        if n_kept == n_all:
            break
    return best


def _mask(text: str, keeps_lengths: bool, is_mixed: bool) -> str:
    if is_mixed:
        return re.sub(r"[^\W_]", "x", text)
    mask = _LETTERS_OR_DIGITS.sub(lambda match: "a" if match[1] else "0", text)
    return mask if keeps_lengths else re.sub(r"a+|0+", lambda match: match[0][0], mask)


def _shape(group: Counter[str], part: re.Pattern[str]) -> Shape | None:
    """Return the shape of strings that consist of equally many parts; None if they have none."""
    fields: list[Field] = []
    for parts in zip(*map(part.findall, group), strict=True):
        words: Counter[str] = Counter()
        for word, n in zip(parts, group.values(), strict=True):
            words[word] += n
        if (found := _fields(words)) is None:
            return None
        for field in found:
            if fields and len(field) == len(fields[-1]) == 1:
                fields[-1] = (fields[-1][0] + field[0],)
            else:
                fields.append(field)
    return tuple(fields) if len(fields) <= MAX_FIELDS else None


def _fields(words: Counter[str]) -> list[Field] | None:
    """Return the fields of one part of a shape, of the `words` that stand there."""
    frequent = sorted(word for word, n in words.items() if n >= CELLS_PER_WORD)
    n_frequent = sum(words[word] for word in frequent)
    if len(words) == 1 or (len(frequent) <= MAX_WORDS and n_frequent >= 0.99 * words.total()):
        return [tuple(frequent or words)]
    shortest = min(map(len, words))
    characters = frozenset("".join(words))
    if shortest < max(map(len, words)) and not characters <= _DIGITS:
        return None  # names and the like: prose
    fields = []
    for at, column in enumerate(zip_longest(*words, fillvalue="")):
        seen: Counter[str] = Counter()
        for character, n in zip(column, words.values(), strict=True):
            seen[character] += n
        del seen[""]
        possible = sorted(_possible(seen, characters, is_first=at == 0))
        fields.append(tuple(possible) if at < shortest else ("", *possible))
    return fields


def _possible(seen: Counter[str], characters: frozenset[str], *, is_first: bool) -> set[str]:
    """Return the characters of a place: those `seen`, or all of their kind where few cells tell."""
    found, n = set(seen), seen.total()
    if n < MIN_CELLS:
        return found | characters
    kinds = [set(_DIGITS), *({c for c in characters if is_kind(c)} for is_kind in _CASES)]
    for kind in kinds:
        if 2 * len(found & kind) >= len(kind) and n < _CELLS_PER_CHARACTER * len(characters):
            found |= kind - {"0"} if is_first else kind
    return found


_CASES = str.islower, str.isupper


def split(text: str, shapes: Sequence[Shape]) -> tuple[int, list[str]] | None:
    """Return the first of the shapes that `text` has, and what stands in its fields, or None."""
    for which, shape in enumerate(shapes):
        if match := _pattern(shape).fullmatch(text):
            return which, [part for part in match.groups() if part]
    return None


@lru_cache(maxsize=256)
def _pattern(shape: Shape) -> re.Pattern[str]:
    """Return the regular expression of a shape, which never goes back: it takes linear time."""
    pattern, n_open = "", 0
    for field in shape:
        words = sorted((word for word in field if word), key=len, reverse=True)
        one = f"((?>{'|'.join(map(re.escape, words))}))"
        if "" in field:
            pattern, n_open = f"{pattern}(?:{one}", n_open + 1
        else:
            pattern, n_open = pattern + ")?+" * n_open + one, 0
    return re.compile(pattern + ")?+" * n_open)


def automaton(shape: Shape) -> Automaton:
    """Accept what can stand in the fields of a shape, one symbol each, then "" as the end."""

    def steps(at: int) -> Iterator[Step[int]]:
        found: dict[str, int] = {}  # what can come next, and the field behind it
        while at < len(shape):
            for word in shape[at]:
                found.setdefault(word, at + 1)
            if "" not in found:
                break
            while at < len(shape) and "" in shape[at]:
                at += 1
            del found[""]
        else:
            yield "", None, 1, 0
        for word, target in found.items():
            yield word, target, 1, 0

    return from_steps(0, steps)


def example(shape: Shape) -> str:
    """Return a text of a shape for people, with # for any digit and * for other characters."""

    def one(field: Field) -> str:
        if max(map(len, field)) > 1 or len(field) == 1:
            return field[0]
        return "#" if set(field) <= _DIGITS else "*"

    return "".join(one(field) for field in shape if "" not in field)
