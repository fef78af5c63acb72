"""Sets of codes, and what a cell can still become, against every code one by one."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.columns import MISSING, Schema, Table
from counterpoise.grammar._automaton import END
from counterpoise.grammar._grammar import CodeSet, Reachable
from counterpoise.serialization import CharacterTokenizer, table_serializer, text_serializer

EVERY = range(-8, 9)
some_codes = st.sets(st.sampled_from(EVERY))


@given(some_codes, some_codes)
def test_sets_of_codes_are_sets(one, other):
    a, b = CodeSet.of(one), CodeSet.of(other)
    for mine, expected in (
        (a, one),
        (a | b, one | other),
        (a & b, one & other),
        (~a, set(EVERY) - one),
        (a & ~b, one - other),
    ):
        assert set(np.array(EVERY)[mine.contains(np.array(EVERY))].tolist()) == expected
    assert bool(a) == bool(one)
    assert CodeSet.of(sorted(one, reverse=True)) == a
    assert ~~a == a


def test_the_complement_of_a_set_reaches_the_ends_of_the_integers():
    ends = np.iinfo(np.int64)
    assert (~CodeSet(())).intervals == ((ends.min, ends.max),)
    assert not ~CodeSet.between(int(ends.min), int(ends.max))


def frame():
    rng = np.random.default_rng(0)
    n = 40
    numbers = pd.DataFrame(
        {
            "small": rng.integers(3, 8, n),
            "signed": rng.integers(-13, 105, n),
            "decimal": np.append(rng.integers(-30, 20, n - 1) / 4, 0.0),
            "with a mean": np.append(np.repeat(0.4567, 12), rng.integers(0, 20, n - 12) / 10),
            "one": 7,
            "large": rng.choice([-(2**63) + 2, 2**63 - 1, 0], n),
            "day": pd.Timestamp("2023-12-25") + pd.to_timedelta(rng.integers(0, 70, n), "D"),
            "time": pd.Timestamp("2023-12-31T22:00") + pd.to_timedelta(rng.integers(0, 5, n), "h"),
            "lasts": pd.to_timedelta(rng.integers(0, 30, n), "h"),
            "word": rng.choice(["a", "ab", "b", "missing", "abc, d"], n),
            "gap": np.where(rng.random(n) < 0.5, np.nan, rng.integers(0, 12, n)),
        }
    )
    numbers["blank"] = numbers["word"].where(rng.random(n) < 0.5)
    return numbers


def expanded(own, code):
    """The codes that progressions stand for."""
    found = set()
    for scale, first, last, step in own:
        found |= {code * scale + at for at in range(first, last + 1, max(step, 1))}
    return found


@pytest.mark.parametrize("build", [table_serializer, text_serializer])
def test_every_edge_leads_to_exactly_the_codes_that_are_known_of_it(build):
    X = frame().drop(columns="large")
    serializer = build(Table.from_frame(X, Schema.infer(X)), CharacterTokenizer())
    grammar = serializer.grammar
    reachable = Reachable.of(grammar, range(len(X.columns)), [])
    parts = (reachable.scale, reachable.first, reachable.last, reachable.step)
    n_edges = 0

    def codes_behind(state, code):
        """Walk all edges; return the codes of the cells that end behind `state`."""
        nonlocal n_edges
        if state == END:
            return {code}
        found = set()
        for edge in np.flatnonzero(grammar.edge_key // grammar.n_tokens == state).tolist():
            after = code * int(grammar.edge_scale[edge]) + int(grammar.edge_add[edge])
            behind = codes_behind(int(grammar.edge_target[edge]), after)
            known = slice(*reachable.offsets[edge : edge + 2].tolist())
            own = zip(*(part[known].tolist() for part in parts), strict=True)
            assert expanded(own, after) == behind
            found |= behind
            n_edges += 1
        return found

    for at, column in enumerate(serializer.schema):
        codes = codes_behind(int(grammar.first_state[at]), int(grammar.first_code[at]))
        assert expanded(reachable.by_column[at], 0) == codes
        assert column.contains(np.array(sorted(codes))).all()
        assert len(codes - {MISSING}) == column.n_values
    assert n_edges > 500


@pytest.mark.parametrize("build", [table_serializer, text_serializer])
def test_codes_of_64_bits_do_not_overflow(build):
    X = frame()[["large"]]
    serializer = build(Table.from_frame(X, Schema.infer(X)), CharacterTokenizer())
    reachable = Reachable.of(serializer.grammar, [0], [])
    own = reachable.by_column[0]
    assert min(part.first for part in own) == -(2**63) + 2
    assert max(part.last for part in own) == 2**63 - 1


def test_few_progressions_are_enough():
    X = frame()
    serializer = table_serializer(Table.from_frame(X, Schema.infer(X)))
    reachable = Reachable.of(serializer.grammar, range(len(X.columns)), [])
    n_of = {
        column.name: len(reachable.by_column[at]) for at, column in enumerate(serializer.schema)
    }
    assert n_of["signed"] == n_of["day"] == n_of["word"] == 1
    assert n_of["gap"] == n_of["blank"] == 2
