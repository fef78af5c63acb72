"""Rows as token arrays: every cell spelled once, then rows assembled by indexing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from counterpoise.errors import SchemaError
from counterpoise.language.grammar import FORCED, NO_CUE, IntArray, Runs
from counterpoise.language.language import Language
from counterpoise.language.vocabulary import START
from counterpoise.table import ABSENT, Table


@dataclass(frozen=True, slots=True)
class Sentences:
    """A batch of sentences, padded at the end.

    Attributes
    ----------
    tokens : ndarray of shape (n_rows, longest), int64
        Each begins with the start token; what lies past a row's length has no meaning.
    cues : ndarray of shape (n_rows, longest), int64
        The token added to each token: the name of the column whose cell follows, else ``NO_CUE``.
    states : ndarray of shape (n_rows, longest), int64
        The grammar's state that each token was chosen in, ``FORCED`` where there was no choice
        and in the padding.
    lengths : ndarray of shape (n_rows,), int64
        Number of tokens of each row, the start token included.
    """

    tokens: IntArray
    cues: IntArray
    states: IntArray
    lengths: IntArray


@dataclass(frozen=True, slots=True)
class Corpus:
    """The cells of a table, spelled: each row is a list of segments, each a run of tokens.

    Attributes
    ----------
    segments : ndarray of shape (n_rows, n_columns), int64
        Which run each cell is; -1 where the cell is not in the sentence.
    tokens, states : Runs
        The tokens of each segment and the states they are chosen in.
    cues : ndarray of shape (n_columns,), int64
        By column: the token added to the token before its cells.
    """

    segments: IntArray
    tokens: Runs
    states: Runs
    cues: IntArray

    def __len__(self) -> int:
        return len(self.segments)

    def lengths(self, segments: IntArray) -> IntArray:
        """Return the number of tokens of each of `segments`; 0 for cells that are absent."""
        return np.where(segments >= 0, self.tokens.lengths(segments), 0)

    @property
    def longest(self) -> int:
        """The most tokens that a sentence of any of the spelled cells can have."""
        return 1 + int(self.lengths(self.segments).max(axis=0, initial=0).sum())

    @property
    def longest_row(self) -> int:
        """The most tokens that the sentence of a row has."""
        return 1 + int(self.lengths(self.segments).sum(axis=1).max(initial=0))

    def take(self, rows: IntArray) -> Corpus:
        """Return the corpus of `rows` (indices), sharing the spelled cells."""
        return replace(self, segments=self.segments[rows])

    def sentences(self, rows: IntArray, orders: IntArray) -> Sentences:
        """Assemble `rows`, row i with its columns in the order ``orders[i]``.

        Parameters
        ----------
        rows : ndarray of shape (n,)
            Indices of rows.
        orders : ndarray of shape (n, n_columns)
            A permutation of the columns for each; absent cells are left out.
        """
        segments = np.take_along_axis(self.segments[rows], orders, axis=1)
        present = segments >= 0
        lengths = self.lengths(segments)
        n_tokens = 1 + lengths.sum(axis=1)
        tokens = np.full((len(rows), n_tokens.max()), START, dtype=np.int64)
        states = np.full_like(tokens, FORCED)
        filled = np.arange(tokens.shape[1]) < n_tokens[:, None]
        filled[:, 0] = False  # the start token
        flat = self.tokens.flat(segments[present])
        tokens[filled] = self.tokens.tokens[flat]
        states[filled] = self.states.tokens[flat]
        cues = np.full_like(tokens, NO_CUE)
        row, position = np.nonzero(present)
        before = (np.cumsum(lengths, axis=1) - lengths)[row, position]
        cues[row, before] = self.cues[orders[row, position]]
        return Sentences(tokens, cues, states, n_tokens)


def spell(table: Table, language: Language) -> Corpus:
    """Spell every distinct cell of `table` once.

    Raises
    ------
    SchemaError
        If the grammar would not allow a cell to be written: the table has other categories or
        ranges than the one the language was built for.
    """
    segments = np.full(table.codes.shape, -1, dtype=np.int64)
    tokens: list[list[int]] = []
    states: list[list[int]] = []
    for column in range(len(language.schema)):
        codes, inverse = np.unique(table.codes[:, column], return_inverse=True)
        numbers = np.full(len(codes), -1, dtype=np.int64)
        for position, code in enumerate(codes.tolist()):
            if code == ABSENT:
                continue
            written = language.segment(column, code)
            chosen_in = language.grammar.states_along(column, written)
            if chosen_in is None:
                name = language.schema[column].name
                raise SchemaError(f"column {name!r}: a cell cannot be written", column=name)
            numbers[position] = len(tokens)
            tokens.append(written)
            states.append(chosen_in)
        segments[:, column] = numbers[inverse]
    return Corpus(segments, Runs.of(tokens), Runs.of(states), language.grammar.cues)


def draw_orders(
    n_rows: int, n_columns: int, permutation: str, rng: np.random.Generator
) -> IntArray:
    """Draw the order of the columns for each of `n_rows` sentences; column 0 is the label.

    Parameters
    ----------
    permutation : {"label-first", "label-last", "no-label", "all", "none"}
        ``"label-first"``: the label, then the features shuffled (as published). ``"label-last"``:
        behind them; ``"no-label"``: without it. ``"all"``: everything shuffled. ``"none"``: the
        order of the table.

    Returns
    -------
    ndarray of shape (n_rows, n_columns), int64
        One column less with ``"no-label"``.
    """
    if permutation == "none":
        return np.tile(np.arange(n_columns), (n_rows, 1))
    keys = rng.random((n_rows, n_columns))
    return order_of(keys, permutation)


def order_of(keys: npt.NDArray[np.float64], permutation: str) -> IntArray:
    """Return the columns by ascending key, and the label (column 0) where `permutation` has it.

    Parameters
    ----------
    keys : ndarray of shape (n_rows, n_columns)
        The label's are changed.
    """
    place = {"label-first": -np.inf, "label-last": np.inf, "no-label": -np.inf}.get(permutation)
    if place is not None:
        keys[:, 0] = place
    orders = np.argsort(keys, axis=1, kind="stable")
    return orders[:, 1:] if permutation == "no-label" else orders


def label_is_given(permutation: str) -> bool:
    """Whether the label stands before everything else, so that there is nothing to learn of it."""
    return permutation in ("label-first", "none")
