"""Sentences without a grammar: anything may follow anything."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from counterpoise.language.grammar import Grammar, Runs
from counterpoise.language.language import Language, compile_language
from counterpoise.language.sentences import Corpus
from counterpoise.language.tokenizer import Tokenizer
from counterpoise.language.vocabulary import START


def with_every_piece(language: Language, tokenizer: Tokenizer) -> Language:
    """Return `language` with all pieces of the model's own vocabulary, used or not.

    What a sentence of the table looks like stays as it was.
    """
    for piece in tokenizer.pieces():
        language.vocabulary.token(piece, "", (piece,))
    return compile_language(
        language.schema, language.vocabulary, language.cells, language.tokenizer
    )


def anything(language: Language) -> Grammar:
    """Return a grammar of one state, in which every token but the start may be chosen.

    It is for training and scoring: it does not know where a cell ends.
    """
    allowed = np.ones((1, len(language.vocabulary)), dtype=bool)
    allowed[0, START] = False
    one = np.ones(1, dtype=np.int64)  # no column of the label, whose tokens may go unscored
    return replace(language.grammar, column=one, allowed=allowed, allowed_set=one - 1)


def all_chosen(corpus: Corpus) -> Corpus:
    """Return `corpus` with every token, names and punctuation too, chosen in that one state."""
    states = Runs(np.zeros_like(corpus.states.tokens), corpus.states.offsets)
    return replace(corpus, states=states)
