from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.columns._number import count_decimals, read_numeral
from counterpoise.grammar._numbers import plain_text


@given(st.integers(-(10**30), 10**30), st.integers(0, 40))
def test_reading_what_was_written_is_the_identity(code: int, decimals: int) -> None:
    assert read_numeral(plain_text(code, decimals), decimals) == code


@pytest.mark.parametrize(
    "text", ["007", "+1", "-0", "1e3", " 1", "1.", ".5", "1,000", "", "nan", "\u0661", "0x1", "1_0"]
)
def test_other_ways_to_write_a_number_are_rejected(text: str) -> None:
    assert read_numeral(text, 0) is None


@given(st.text(st.sampled_from("-.0123456789 e"), max_size=6), st.integers(0, 3))
def test_what_is_read_is_written_alike(text: str, decimals: int) -> None:
    code = read_numeral(text, decimals)
    assert code is None or plain_text(code, decimals) == text


def test_decimals_must_agree() -> None:
    assert count_decimals(["1.50", "-2.25"]) == 2
    assert count_decimals(["1", "2"]) == 0
    assert count_decimals(["1.5", "2.25"]) is None
