"""Columns of text: strings that are mostly different and long, or nearly all different.

What their strings have in common are *shapes*, such as ``AB-######``. A shape is a sequence of
fields, and a field the strings that can stand there: one for what is always the same, words, or
single characters. A field with "" among them may be left out, and then so are those behind it up to
the next that has none: ``#{1,5}`` is one field of digits and four of digits or "".
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, zip_longest
from typing import Any, Final, Self, TypeAlias

import numpy as np
import pandas as pd

from counterpoise.columns._base import (
    MISSING,
    Codes,
    Column,
    Mask,
    column_error,
    distinct,
    is_object,
    is_string,
    present_types,
    register_column_type,
)
from counterpoise.grammar import Automaton, from_steps
from counterpoise.grammar._automaton import Step

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

MIN_DISTINCT: Final = 50  # free text has more different strings than this,
DISTINCT_SHARE: Final = 0.5  # more than this share of the cells that are present, and either
MIN_LENGTH: Final = 20.0  # more characters than this on average,
MIN_SPACES: Final = 3.0  # at least so many white-space characters on average,
MAX_LENGTH: Final = 500  # characters of a text that are learned: memory grows with their square
IDENTIFIER_DISTINCT_SHARE: Final = 0.9  # or more different strings than this share of the cells


def _longest(shape: Shape) -> int:
    """Return how many characters a string of a shape has at most."""
    return sum(max(map(len, field), default=0) for field in shape)


@register_column_type
@dataclass(frozen=True)
class TextColumn(Column):
    """A column whose cells each hold a string of their own.

    The strings live in the `Table`, once each; a code is a position among them.
    """

    kinds = ("text",)
    priority = 20
    is_text = True
    generated_values = "new texts, made of the parts of the real ones"

    max_length: int  # characters of the longest string, observed or of one of the shapes
    shapes: tuple[Shape, ...] = ()  # that strings have; see above
    has_others: bool = True  # whether there are strings that have none of these

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (is_string(self.dtype) or is_object(self.dtype)):
            raise self._error(
                f"has dtype {self.dtype}, which cannot hold any text. Convert it: `astype(str)`."
            )
        if self.max_length < 0:
            raise self._error(f"has a negative length, {self.max_length}.")
        for shape in self.shapes:
            is_short = _longest(shape) <= self.max_length and len(shape) <= MAX_FIELDS
            if not is_short or not all(map(any, shape)):
                raise self._error("has a shape that its texts cannot have.")

    @classmethod
    def recognizes(cls, series: pd.Series[Any]) -> bool:
        if is_object(series.dtype):
            if set(present_types(series)) != {str}:
                return False
        elif not is_string(series.dtype):
            return False
        _, values = distinct(series)
        n_distinct, n_present = len(values), int(series.notna().sum())
        if n_distinct <= max(MIN_DISTINCT, DISTINCT_SHARE * n_present):
            return False
        texts = [str(value) for value in values]
        is_long = np.mean([len(text) for text in texts]) > MIN_LENGTH
        is_wordy = np.mean([len(text.split()) - 1 for text in texts]) >= MIN_SPACES
        is_identifier = n_distinct > IDENTIFIER_DISTINCT_SHARE * n_present
        return bool(is_long or is_wordy or is_identifier)

    @classmethod
    def infer(cls, series: pd.Series[Any], kind: str | None = None) -> Self:
        positions, values = distinct(series)
        texts = _strings(values, series.name)
        n_cells = Counter(positions.tolist())
        shapes = learn_shapes({text: n_cells[at] for at, text in enumerate(texts)})
        return cls.describing(
            series,
            kind or "text",
            max_length=max([*map(len, texts), *map(_longest, shapes)]),
            shapes=shapes,
            has_others=any(split(text, shapes) is None for text in texts),
        )

    def encode_texts(self, series: pd.Series[Any]) -> tuple[Codes, tuple[str, ...]]:
        """Code each cell, and return the distinct strings that the codes are positions among."""
        self.check_dtype(series)
        self.check_missing(series.isna().to_numpy())
        positions, values = distinct(series)
        texts = _strings(values, self.name)
        for text in texts:
            if len(text) > self.max_length:
                raise self._error(
                    f"holds a text of {len(text)} characters, at most {self.max_length} may be: "
                    f"{text[:40]!r}... Infer the schema from a table with it, or shorten it.",
                    text,
                )
            if not self.can_be(text):
                raise self._error(
                    f"holds {text!r}, and its texts are like {self._examples()}. Infer the schema "
                    "from a table with it, or correct it.",
                    text,
                )
        return np.where(positions < 0, MISSING, positions), texts

    def encode(self, series: pd.Series[Any]) -> Codes:
        return self.encode_texts(series)[0]

    def decode(self, codes: Codes, texts: Sequence[str] = ()) -> pd.Series[Any]:
        """Restore cells from codes, which are positions in `texts`."""
        assert self.contains(codes, texts).all(), f"codes outside the texts of {self.name!r}"
        pool = np.empty(len(texts) + 1, dtype=object)
        pool[:-1] = texts
        pool[-1] = self.missing_cell
        cells = pool[np.where(codes == MISSING, -1, codes)]
        return pd.Series(cells, name=self.name, dtype=self.dtype)

    def contains(self, codes: Codes, texts: Sequence[str] = ()) -> Mask:
        fits = np.array([self.can_be(text) for text in texts] + [False])
        inside = (codes >= 0) & (codes < len(texts))
        inside &= fits[np.where(inside, codes, -1)]
        return inside | (codes == MISSING) if self.has_missing else inside

    def can_be(self, text: str) -> bool:
        """Whether a cell can hold `text`: it is not too long, and has a shape where all have."""
        is_like = self.has_others or split(text, self.shapes) is not None
        return is_like and len(text) <= self.max_length

    def code_of(self, value: Any) -> int:
        raise ValueError(f"column {self.name!r} holds free text, so {value!r} has no code")

    @property
    def n_values(self) -> float:
        return float("inf")

    def domain(self) -> str:
        if self.shapes:
            others = f", or others of up to {self.max_length} characters" if self.has_others else ""
            return f"text like {self._examples()}{others}"
        return f"text of up to {self.max_length} characters"

    def _examples(self) -> str:
        return ", ".join(map(example, self.shapes))


def _strings(values: Sequence[Hashable], name: Hashable) -> tuple[str, ...]:
    """Return the values, all of which must be strings, up to `MAX_LENGTH` characters of each."""
    for value in values:
        if type(value) is not str:
            raise column_error(
                name,
                f"is text, but holds {value!r}, a {type(value).__name__}. "
                "Convert it with `astype(str)`, or declare the column categorical.",
                value,
            )
    return tuple(str(value)[:MAX_LENGTH] for value in values)


# Shapes


def learn_shapes(n_cells: Mapping[str, int]) -> tuple[Shape, ...]:
    """Return the shapes of strings (string -> its cells), most frequent first; prose has none."""
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
        if (found := _fields(_counts(parts, group.values()))) is None:
            return None
        for field in found:
            if fields and len(field) == len(fields[-1]) == 1:
                fields[-1] = (fields[-1][0] + field[0],)
            else:
                fields.append(field)
    return tuple(fields) if len(fields) <= MAX_FIELDS else None


def _counts(words: Iterable[str], counts: Iterable[int]) -> Counter[str]:
    total: Counter[str] = Counter()
    for word, n in zip(words, counts, strict=True):
        total[word] += n
    return total


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
        seen = _counts(column, words.values())
        del seen[""]
        possible = sorted(_possible(seen, characters, is_first=at == 0))
        fields.append(tuple(possible) if at < shortest else ("", *possible))
    return fields


def _possible(seen: Counter[str], characters: frozenset[str], *, is_first: bool) -> set[str]:
    """Return the characters of a place: those `seen`, or all of their kind where few cells tell."""
    found, n = set(seen), seen.total()
    if n < MIN_CELLS:
        return found | characters
    for kind in (
        set(_DIGITS),
        set(filter(str.islower, characters)),
        set(filter(str.isupper, characters)),
    ):
        if 2 * len(found & kind) >= len(kind) and n < _CELLS_PER_CHARACTER * len(characters):
            found |= kind - {"0"} if is_first else kind
    return found


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


def shape_automaton(shape: Shape) -> Automaton:
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
