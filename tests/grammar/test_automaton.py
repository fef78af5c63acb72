import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.grammar import Automaton, expand, framed, from_sequences
from counterpoise.grammar._automaton import END, AmbiguousSequencesError, Edge, lift, repeat, union


def accepted(automaton: Automaton) -> dict[tuple, int]:
    """Every accepted sequence, with its code, by walking the whole automaton."""
    found = {}
    stack = [(0, (), 0)]
    while stack:
        state, written, code = stack.pop()
        for edge in automaton.edges[state]:
            word, value = (*written, edge.symbol), code * edge.scale + edge.add
            if edge.target == END:
                found[word] = value
            else:
                stack.append((edge.target, word, value))
    return found


words = st.dictionaries(
    st.integers(0, 50), st.text("ab", max_size=4).map(lambda word: word + "."), max_size=8
).filter(lambda d: len(set(d.values())) == len(d) and d)


@given(words)
def test_prefix_tree_accepts_its_sequences_and_nothing_else(sequences):
    automaton = from_sequences(sequences)
    assert accepted(automaton) == {tuple(word): code for code, word in sequences.items()}


@pytest.mark.parametrize(("one", "other"), [("ab", "ab"), ("a", "ab"), ("ab", "a"), ("", "a")])
def test_prefix_tree_refuses_what_cannot_be_told_apart(one, other):
    with pytest.raises(AmbiguousSequencesError):
        from_sequences({3: one, 7: other})


@given(words, st.data())
def test_union_accepts_both(sequences, data):
    in_first = data.draw(st.sets(st.sampled_from(sorted(sequences)), min_size=1))
    first = {code: sequences[code] for code in in_first}
    second = {code: word for code, word in sequences.items() if code not in in_first}
    parts = [from_sequences(part) for part in (first, second) if part]
    assert accepted(union(*parts)) == accepted(from_sequences(sequences))


def test_framed_adds_both_ends_and_keeps_the_codes():
    automaton = framed(from_sequences({5: "x", 6: "yz"}), before="<-", after="->")
    assert accepted(automaton) == {tuple("<-x->"): 5, tuple("<-yz->"): 6}


def test_expand_replaces_symbols_and_shares_prefixes():
    symbols = Automaton(((Edge("one", END, 1, 1), Edge("onto", END, 1, 2), Edge("two", 0, 1, 0)),))
    finite = Automaton((symbols.edges[0][:2],))
    automaton = expand(finite, lambda symbol: str(symbol))
    assert accepted(automaton) == {tuple("one"): 1, tuple("onto"): 2}
    assert [len(edges) for edges in automaton.edges] == [1, 1, 2, 1]


@pytest.mark.parametrize("texts", [("1", "19"), ("19", "1"), ("1", "1")])
def test_expand_refuses_what_cannot_be_told_apart(texts):
    with pytest.raises(ValueError, match="cannot be told apart"):
        expand(
            from_sequences({0: ["a"], 1: ["b"]}), dict(zip("ab", texts, strict=True)).__getitem__
        )


def test_lift_permits_every_way_to_cut_a_text_and_none_past_its_end():
    characters = from_sequences({0: "12.", 1: "13."})
    lifted = lift(characters, {10: "1", 11: "2", 12: "12", 13: "3.", 14: ".", 15: "12.4", 16: "4"})
    assert accepted(lifted) == {(12, 14): 0, (10, 11, 14): 0, (10, 13): 1}


def test_repeat_is_bounded():
    automaton = repeat({"a": 1, "b": 1}, ".", 0, 2)
    assert set(accepted(automaton)) == {
        tuple(word) for word in [".", "a.", "b.", "aa.", "ab.", "ba.", "bb."]
    }


def test_repeat_counts_lengths_and_has_no_dead_ends():
    automaton = repeat({"aa": 2, "bbb": 3}, ".", 5, 5)
    assert set(accepted(automaton)) == {("aa", "bbb", "."), ("bbb", "aa", ".")}
