"""Rows without a grammar."""

import numpy as np

from counterpoise.grammar._grammar import FORCED
from counterpoise.models._huggingface import HuggingFaceTokenizer
from counterpoise.serialization import START, CharacterTokenizer, serialize, text_serializer
from tests.small_models import byte_pair_tokenizer, labelled_table, mixed_frame


def test_every_piece_is_possible_and_rows_stay_as_they_were():
    table = labelled_table(*mixed_frame())
    tokenizer = HuggingFaceTokenizer(byte_pair_tokenizer())
    narrow = text_serializer(table, tokenizer)
    before = serialize(table, narrow)
    wide = text_serializer(table, tokenizer, unconstrained=True)
    after = serialize(table, wide)
    np.testing.assert_array_equal(after.tokens.tokens, before.tokens.tokens)
    pieces = {piece for entry in wide.vocabulary for piece in entry.pieces}
    assert set(tokenizer.pieces()) <= pieces
    assert len(wide.vocabulary) > len(narrow.vocabulary)


def test_anything_but_the_start_may_follow_and_all_of_it_is_scored():
    table = labelled_table(*mixed_frame())
    serializer = text_serializer(table, CharacterTokenizer())
    grammar = serializer.unconstrained_grammar()
    assert grammar.allowed.shape == (1, len(serializer.vocabulary))
    assert not grammar.allowed[0, START]
    assert grammar.allowed[0].sum() == len(serializer.vocabulary) - 1
    assert grammar.column[0] != 0
    corpus = serialize(table, serializer).unconstrained()
    token_batch = corpus.token_batch(np.arange(60), np.tile(np.arange(7), (60, 1)))
    place = np.arange(token_batch.tokens.shape[1])
    is_text = (place > 0) & (place < token_batch.lengths[:, None])
    assert (token_batch.states[is_text] == 0).all()
    assert (token_batch.states[~is_text] == FORCED).all()


def test_tokenizers_decode_what_they_encode():
    tokenizer = HuggingFaceTokenizer(byte_pair_tokenizer())
    for text in (" age is 39, colour is red,", " caf\u00e9 is \U0001f600,"):
        assert tokenizer.decode(tokenizer.encode(text)) == text
        assert CharacterTokenizer().decode(CharacterTokenizer().encode(text)) == text
    assert tokenizer.start not in tokenizer.pieces()
