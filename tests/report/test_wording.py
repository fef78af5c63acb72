"""Numbers as a report shows them."""

from __future__ import annotations

from counterpoise.report._summary import count, figure, interval, p_value, percent, signed


def test_numbers_keep_three_significant_digits() -> None:
    shown = [figure(number) for number in (0.61234, 12345.6, 17.25, 0.0, 2e-5, None)]
    assert shown == ["0.612", "12,346", "17.2", "0", "2e-05", "-"]
    assert count(12345) == "12,345"


def test_differences_have_a_sign() -> None:
    assert [signed(number) for number in (0.0421, -3.0, 0.0)] == ["+0.042", "-3.00", "0"]
    assert interval((-0.25, 0.5), is_difference=True) == "-0.250 to +0.500"
    assert (interval((0.5, 1.25)), interval(None)) == ("0.500 to 1.25", "-")


def test_small_shares_and_p_values_are_not_rounded_to_nothing() -> None:
    assert [percent(share) for share in (0.1234, 0.5, 0.0004, 0.0)] == ["12%", "50%", "0.04%", "0%"]
    assert [p_value(p) for p in (0.0321, 0.00001, 1.0)] == ["0.032", "< 0.001", "1.000"]
