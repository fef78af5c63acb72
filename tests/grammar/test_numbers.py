from hypothesis import given
from hypothesis import strategies as st

from counterpoise.grammar._automaton import without
from counterpoise.grammar._ranges import (
    fixed_numbers,
    fixed_symbols,
    plain_numbers,
    plain_text,
)
from tests.grammar.test_automaton import accepted

small_ranges = st.tuples(st.integers(-250, 1200), st.integers(0, 300)).map(
    lambda pair: (pair[0], sum(pair))
)
wide_ranges = st.lists(st.integers(-(2**62), 2**62), min_size=3, max_size=3).map(sorted)


@given(small_ranges)
def test_fixed_numbers_are_exactly_the_range(bounds):
    low, high = bounds
    serialized = {
        tuple(fixed_symbols(code, range(low, high + 1))): code for code in range(low, high + 1)
    }
    assert accepted(fixed_numbers(range(low, high + 1))) == serialized
    assert len({len(word) for word in serialized}) == 1, "all of one width"


@given(small_ranges, st.integers(0, 3))
def test_plain_numbers_are_exactly_the_range(bounds, decimals):
    low, high = bounds
    serialized = {(*plain_text(code, decimals), ","): code for code in range(low, high + 1)}
    assert accepted(plain_numbers(range(low, high + 1), decimals, ",")) == serialized


@given(small_ranges, st.integers(0, 3))
def test_plain_numbers_read_as_numbers(bounds, decimals):
    for code in bounds:
        text = plain_text(code, decimals)
        assert round(float(text) * 10**decimals) == code
        assert len(text.partition(".")[2]) == decimals


@given(wide_ranges)
def test_wide_ranges_keep_every_digit_and_reject_what_is_outside(bounds):
    low, middle, high = bounds
    fixed, plain = (
        fixed_numbers(range(low, high + 1)),
        plain_numbers(range(low, high + 1), 2, ","),
    )
    for code in (low, middle, high):
        assert fixed.read(fixed_symbols(code, range(low, high + 1))) == code
        assert plain.read(plain_text(code, 2) + ",") == code
    for code in (low - 1, high + 1):
        assert plain.read(plain_text(code, 2) + ",") is None


@given(small_ranges)
def test_multiples_of_a_step_are_written_with_the_decimals_that_they_need(bounds):
    multiples = range(bounds[0] // 10, bounds[1] // 10 + 1)
    fixed = {tuple(fixed_symbols(number, multiples)): number * 100 for number in multiples}
    assert accepted(fixed_numbers(multiples, 100)) == fixed
    plain = {(*plain_text(number * 100, 3, 100), ","): number * 100 for number in multiples}
    assert accepted(plain_numbers(multiples, 3, ",", 100)) == plain


@given(small_ranges, st.sets(st.integers(-400, 400)))
def test_some_numbers_are_left_out(bounds, left_out):
    numbers = range(bounds[0], bounds[1] + 1)
    left_out = left_out.intersection(numbers)
    whole = fixed_numbers(numbers)
    rest = without(whole, [fixed_symbols(number, numbers) for number in left_out])
    assert accepted(rest) == {k: v for k, v in accepted(whole).items() if v not in left_out}
    reached = {edge.target for edges in rest.edges for edge in edges}
    assert all(edges or not state for state, edges in enumerate(rest.edges))  # no dead ends
    assert reached <= {-1, *range(len(rest.edges))}


def test_usual_numbers_are_written_with_usual_decimals():
    assert [plain_text(code, 3, 100) for code in (2100, 2137, -300)] == ["2.1", "2.137", "-0.3"]
