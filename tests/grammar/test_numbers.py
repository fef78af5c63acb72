from hypothesis import given
from hypothesis import strategies as st

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
        tuple(fixed_symbols(code, range(low, high + 1), 1, {})): code
        for code in range(low, high + 1)
    }
    assert accepted(fixed_numbers(range(low, high + 1), 1, {})) == serialized
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
        fixed_numbers(range(low, high + 1), 1, {}),
        plain_numbers(range(low, high + 1), 2, ","),
    )
    for code in (low, middle, high):
        assert fixed.read(fixed_symbols(code, range(low, high + 1), 1, {})) == code
        assert plain.read(plain_text(code, 2) + ",") == code
    for code in (low - 1, high + 1):
        assert plain.read(plain_text(code, 2) + ",") is None


off_grid = st.lists(st.integers(-40_000, 40_000).filter(lambda code: code % 100), unique=True)


@given(small_ranges, off_grid)
def test_exceptions_stand_beside_the_multiples_of_a_step(bounds, exceptions):
    multiples = range(bounds[0] // 10, bounds[1] // 10)
    codes = [code * 100 for code in multiples] + exceptions
    if not codes:
        return
    words = {code: plain_text(code, 3) for code in exceptions}
    fixed = {tuple(fixed_symbols(c, multiples, 100, words)): c for c in codes}
    assert accepted(fixed_numbers(multiples, 100, words)) == fixed
    plain = {(*plain_text(code, 3, 100), ","): code for code in codes}
    assert len(plain) == len(codes)
    assert accepted(plain_numbers(multiples, 3, ",", 100, exceptions)) == plain


def test_usual_numbers_are_written_with_usual_decimals():
    assert [plain_text(code, 3, 100) for code in (2100, 2137, -300)] == ["2.1", "2.137", "-0.3"]
