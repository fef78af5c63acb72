from datetime import date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.grammar import expand
from counterpoise.grammar._ranges import UNITS_PER_DAY, instant_symbols, instants, iso_text
from tests.grammar.test_automaton import accepted


@given(st.dates(date(1890, 1, 1), date(2110, 1, 1)), st.integers(0, 800))
def test_days_are_exactly_the_range_in_iso(first, n_days):
    low = (first - date(1970, 1, 1)).days
    automaton = expand(instants(low, low + n_days, "D"), iso_text)
    expected = {tuple((first + timedelta(days=i)).isoformat()): low + i for i in range(n_days + 1)}
    assert accepted(automaton) == expected


@given(st.datetimes(datetime(1999, 12, 31, 23), datetime(2000, 3, 1)), st.integers(0, 5000))
def test_minutes_are_exactly_the_range(first, n_minutes):
    low = int(np.datetime64(first, "m").astype(int))
    found = accepted(instants(low, low + n_minutes, "m"))
    assert sorted(found.values()) == list(range(low, low + n_minutes + 1))
    for code in (low, low + n_minutes):
        assert found[tuple(instant_symbols(code, "m"))] == code


@pytest.mark.parametrize("unit", UNITS_PER_DAY)
def test_every_unit_reads_back_and_prints_as_numpy_does(unit):
    moment = np.datetime64("2024-02-29T23:59:58.123456789", unit)
    code = int(moment.astype(int))
    low, high = code - 10**4, code + 10**4
    automaton = expand(instants(low, high, unit), iso_text)
    text = "".join(iso_text(symbol) for symbol in instant_symbols(code, unit))
    assert text == str(moment).replace("T", " ")
    for inside in (code, low, high):
        assert instants(low, high, unit).read(instant_symbols(inside, unit)) == inside
    for outside in (low - 1, high + 1):
        assert instants(low, high, unit).read(instant_symbols(outside, unit)) is None
    assert automaton.read(text) == code


def test_there_is_no_30_february():
    automaton = expand(instants(0, 20_000, "D"), iso_text)
    assert automaton.read("2024-02-29") is not None
    assert automaton.read("2023-02-29") is None
    assert automaton.read("2024-02-30") is None
    assert automaton.read("2024-13-01") is None


def test_an_open_end_in_the_year_9999_is_no_burden():
    high = (date(9999, 12, 31) - date(1970, 1, 1)).days
    automaton = expand(instants(0, high, "D"), iso_text)
    assert automaton.read("9999-12-31") == high
    assert len(automaton.edges) < 20_000
