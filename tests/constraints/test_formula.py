"""Formulas: what they compute, how real rows are checked, and how conditions are solved."""

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from counterpoise.columns import ABSENT, MISSING, Table
from counterpoise.constraints import Constraint, Formula, Range
from counterpoise.constraints._expression import Expression, Ratios, affine, quote
from counterpoise.constraints._set import apply_constraints
from counterpoise.errors import SchemaError
from counterpoise.generation._prompts import read_fixed_values, solve_fixed_values
from tests.untrained import untrained_rows


def prepared(frame: pd.DataFrame, *constraints: Constraint, **column_types: str):
    labels = np.array(["x", "y"] * len(frame))[: len(frame)]
    return apply_constraints(
        frame,
        labels,
        "t",
        is_named=True,
        column_types=column_types,
        constraints=constraints,
        discovers=False,
    )


def computed(frame: pd.DataFrame, *constraints: Constraint, **column_types: str) -> pd.DataFrame:
    """Return the rows after their computed cells were left out and computed again."""
    layout = prepared(frame, *constraints, **column_types).constraints.layout
    table = prepared(frame, **column_types).observed
    learned = layout.join(Table(layout.schema, table.codes, table.texts))
    left_out = {layout.schema[derivation.position].name for derivation in layout.derived}
    assert len(left_out) >= sum(hasattr(constraint, "rounding") for constraint in constraints)
    assert left_out.isdisjoint(column.name for column in learned.schema)
    return layout.split(learned).to_frame().iloc[:, 1:]


def unchanged(frame: pd.DataFrame, *constraints: Constraint, **column_types: str) -> None:
    pd.testing.assert_frame_equal(computed(frame, *constraints, **column_types), frame)


# What is computed


def test_a_product_is_rounded_to_the_decimals_of_the_column():
    minutes = pd.Series([127.4, 3.2, 88.8, 251.5])
    unchanged(pd.DataFrame({"m": minutes, "c": (0.17 * minutes).round(2)}), Formula("c", "0.17*m"))


@pytest.mark.parametrize(
    "dtype", ["int8", "int64", "float32", "float64", "Int64", "Float64", "UInt16", "object"]
)
def test_the_dtype_of_the_column_comes_out(dtype):
    a, b = pd.Series([1, 5, 9, 3]), pd.Series([4, 2, 8, 8])
    unchanged(pd.DataFrame({"a": a, "b": b, "c": (a + b).astype(dtype)}), Formula("c", "a + b"))


def test_arrow_numbers_and_numerals():
    a = pd.Series([1.25, 5.5, 9.75], dtype="double[pyarrow]")
    frame = pd.DataFrame({"a": a, "b": a * 2, "c": ["2.50", "11.00", "19.50"]})
    unchanged(frame, Formula("b", "2 * a"), Formula("c", "a + a"), c="decimal")


def test_dates_differ_by_days_and_durations_are_days():
    start = pd.Series(pd.to_datetime(["2021-01-30", "2021-12-31", "2020-02-28"]))
    n_days = pd.Series([3, 1, 2])
    long = pd.to_timedelta(n_days, "D")
    frame = pd.DataFrame({"start": start, "end": start + long, "n": n_days, "long": long})
    unchanged(frame, Formula("n", "end - start"), Formula("long", "end - start"))
    unchanged(frame, Formula("end", "start + n"))
    unchanged(frame, Formula("start", "end - long"), Formula("n", "long"))
    unchanged(frame.assign(start=frame["start"].dt.date), Formula("start", "end - n"))


def test_years_between_dates_are_whole():
    birth = pd.Series(pd.to_datetime(["2000-02-29", "2000-02-29", "1950-12-31", "1981-05-20"]))
    end = pd.Series(pd.to_datetime(["2021-02-28", "2021-03-01", "2021-12-30", "2021-05-20"]))
    frame = pd.DataFrame({"birth": birth, "end": end, "age": [20, 21, 70, 40]})
    unchanged(frame, Formula("age", "years(birth, end)"))
    unchanged(frame.assign(end=end + pd.Timedelta("7h")), Formula("age", "years(birth, end)"))
    unchanged(frame.assign(age=[41, 43, 141, 81]), Formula("age", "2 * years(birth, end) + 1"))
    unchanged(frame.assign(age=[21, 21, 71, 40]), Formula("age", "years(birth, '2021-12-31')"))
    frame.loc[1, ["birth", "age"]] = [pd.NaT, np.nan]
    unchanged(frame, Formula("age", "years(birth, end)"))
    condition = {"age": 40.0, "end": end[3]}
    found = solved(frame, condition, Formula("age", "years(birth, end)"))["birth"]
    days = pd.to_datetime([min(found), max(found)], unit="D")
    assert days.tolist() == [pd.Timestamp("1980-05-21"), birth[3]]


def test_instants_with_a_time_zone_and_hours():
    start = pd.Series(pd.date_range("2021-03-27 10:00", periods=4, freq="7h", tz="Europe/Rome"))
    hours = pd.Series([1, 30, 5, 7])
    end = start + pd.to_timedelta(hours, "h")
    frame = pd.DataFrame({"start": start, "end": end, "hours": hours})
    unchanged(frame, Formula("hours", "(end - start) * 24"))
    unchanged(frame, Formula("end", "start + hours / 24"))
    unchanged(frame.assign(mid=start + (end - start) / 2), Formula("mid", "(start + end) / 2"))


def test_it_is_missing_where_a_source_is_or_it_divides_by_zero():
    frame = pd.DataFrame({"a": [1.0, np.nan, 6.0, 8.0], "b": [2, 3, 0, 4]})
    frame["c"] = (frame["a"] / frame["b"]).replace(np.inf, np.nan)
    unchanged(frame, Formula("c", "a / b"))
    unchanged(frame.convert_dtypes(), Formula("c", "a / b"))
    unchanged(frame.assign(c=frame["c"] + 1), Formula("c", "1 + 1 / (b / a)"))


def test_columns_that_are_computed_from_computed_ones():
    a = pd.Series([1, 2, 3, 4])
    frame = pd.DataFrame({"d": 6 * a + 1, "c": 6 * a, "a": a, "b": 2 * a})
    unchanged(frame, Formula("d", "c + 1"), Formula("c", "3 * b"), Formula("b", "a + a"))


def test_names_that_are_no_identifiers():
    a = pd.Series([1, 2, 3])
    frame = pd.DataFrame({"unit price": a, "2nd `one`": a + 1, 7: a + 2, "class": 2 * a + 2})
    parts = " + ".join(quote(name) for name in ["2nd `one`", 7])
    unchanged(frame, Formula("class", parts + "- 2 + 1"), Formula(7, "`unit price` + 2"))


def test_results_out_of_range_are_absent():
    frame = pd.DataFrame({"a": [1, 2, 30], "b": [4, 6, 8], "c": [5, 8, 38]})
    layout = prepared(frame, Formula("c", "a + b"), Range("c", 0, 20)).constraints.layout
    codes = np.array([[0, 1, 4], [1, 12, 8], [0, 12, 9]])
    table = layout.split(
        Table(layout.join(Table(layout.schema, np.empty((0, 4), int))).schema, codes)
    )
    assert table.codes[:, 3].tolist() == [5, 20, ABSENT]


def test_results_beyond_64_bits_are_exact_or_absent():
    big = 3 * 10**17
    frame = pd.DataFrame({"a": [big, 2, 4], "b": [10**9, 1, 10], "c": [big, 2, 4]})
    unchanged(frame, Formula("c", "a * b * b * b / b / b / b"))
    layout = prepared(frame, Formula("c", "a * b * b / (b * b)")).constraints.layout
    (derivation,) = layout.derived
    other = Formula("c", "a * a * a")
    assert other.derive(Table(layout.schema, np.array([[0, big, 1, 1]]))).tolist() == [ABSENT]
    assert derivation.constraint.derive(
        Table(layout.schema, np.array([[0, big - 1, 10**9 - 1, 1]]))
    ).tolist() == [big - 1]


@pytest.mark.parametrize(
    ("rounding", "way"), [("half-even", ROUND_HALF_EVEN), ("half-up", ROUND_HALF_UP)]
)
def test_ties_are_rounded_as_in_real_rows(rounding, way):
    a = [Decimal(n) / 10 for n in range(-25, 26)]
    halves = [float((n / 2).quantize(Decimal("0.1"), way)) for n in a]
    frame = pd.DataFrame({"a": [float(n) for n in a], "half": halves})
    unchanged(frame, Formula("half", "a / 2"))
    unchanged(frame, Formula("half", "a / 2", rounding))
    fitted = prepared(frame, Formula("half", "a / 2")).constraints.constraints
    assert fitted == (Formula("half", "a / 2", rounding),)


def test_where_no_real_row_ties_the_rounding_stays_open():
    frame = pd.DataFrame({"a": [1, 2, 3], "b": [2, 4, 6]})
    assert prepared(frame, Formula("b", "a * 2")).constraints.constraints == (
        Formula("b", "a * 2"),
    )


# Real rows


def test_real_rows_may_be_rounded_either_way():
    frame = pd.DataFrame({"a": [0.1, 0.3, 0.3, 0.4], "half": [0.0, 0.2, 0.1, 0.2]})  # 0.05, 0.15
    prepared(frame, Formula("half", "a / 2"))
    with pytest.raises(SchemaError, match="1 of the 4 real rows breaks"):
        prepared(frame.assign(half=[0.0, 0.2, 0.1, 0.1]), Formula("half", "a / 2"))


def test_rows_that_break_it_are_shown_with_what_is_computed():
    frame = pd.DataFrame({"a": range(10), "b": range(10)})
    frame.loc[[2, 5, 7, 8], "b"] = [3, 9, 0, 0]
    with pytest.raises(SchemaError) as caught:
        prepared(frame, Formula("b", "a"))
    said = str(caught.value)
    assert "4 of the 10 real rows break 'b = a'" in said
    assert "row 2: a = 2, b = 3, computed 2; row 5: a = 5, b = 9, computed 5; row 7: " in said
    assert "row 8" not in said
    assert caught.value.context["rows"] == [2, 5, 7, 8]


@pytest.mark.parametrize("b", [[1.0, np.nan, 3.0], [1.0, 2.0, 3.0]])
def test_missing_cells_must_be_missing_in_both(b):
    a = [1.0, 2.0, 3.0] if np.isnan(b).any() else [1.0, np.nan, 3.0]
    with pytest.raises(SchemaError, match=r"row 1: a = .*, b = .*"):
        prepared(pd.DataFrame({"a": a, "b": b}), Formula("b", "a"))


def test_numbers_of_many_digits_are_right_within_their_rounding():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=500) * 7, "b": rng.normal(size=500)})
    frame["c"] = frame["a"] - frame["b"]
    result = computed(frame, Formula("c", "a - b"))
    assert np.abs(result["c"] - frame["c"]).max() < 2e-4
    frame.loc[3, "c"] += 0.01
    with pytest.raises(SchemaError, match="1 of the 500 real rows breaks"):
        prepared(frame, Formula("c", "a - b"))


@pytest.mark.parametrize(
    ("column", "expression", "says"),
    [
        ("c", "a + d", "no column 'd'"),
        ("d", "a + b", "no column 'd'"),
        ("c", "c + a", "circle"),
        ("c", "1 + 1", "names no column"),
        ("c", "a +", "can't be read"),
        ("c", "__import__('os')", "can't be read.*Call"),
        ("c", "years(a, b)", "asks for years, and 'a' is no date"),
        ("c", "years(day)", "can't be read.*Call"),
        ("c", "years(day + 1, later)", "can't be read.*two columns of dates"),
        ("c", "years(day, '2020')", "can't be read"),
        ("c", "years(day, zoned)", "time zone"),
        ("day", "years(day, later)", "gives a number"),
        ("c", "a.b", "can't be read.*Attribute"),
        ("c", "a ** b", "can't be read.*Pow"),
        ("c", "a if b else a", "can't be read.*IfExp"),
        ("c", "a + 'x'", "can't be read.*'x'"),
        ("c", "a + True", "can't be read"),
        ("c", "a + 1e999", "can't be read.*inf"),
        ("c", "a + 1j", "can't be read"),
        ("c", "(" * 400 + "a" + ")" * 400, "can't be read"),
        ("c", "-" * 900 + "a", "can't be read"),
        ("c", "a" + " + a" * 400, "can't be read.*longer"),
        ("c", "", "can't be read"),
        ("c", 5, "can't be read"),
        ("c", "a + name", "'name', which is categorical"),
        ("name", "a + b", "'name', which is categorical"),
        ("c", "a / 0", "divides by zero"),
        ("day", "a + b", "gives a number, and 'day' is datetime"),
        ("c", "a + day", "gives a date, and 'c' is integer"),
        ("c", "day + later", "gives a sum of dates"),
        ("c", "day * later", "multiplies dates"),
        ("c", "day * a", "multiplies dates"),
        ("c", "a / day", "multiplies dates"),
        ("c", "zoned - day", "time zone"),
    ],
)  # fmt: skip
def test_formulas_that_cannot_be_used(column, expression, says):
    day = pd.Series(pd.date_range("2020-01-01", periods=4))
    frame = pd.DataFrame(
        {"a": range(4), "b": range(4), "c": range(4), "name": list("pqrs"), "day": day}
    ).assign(later=day + pd.Timedelta("1D"), zoned=day.dt.tz_localize("UTC"))
    with pytest.raises(SchemaError, match=says):
        prepared(frame, Formula(column, expression))


def test_an_unknown_rounding_and_two_formulas_of_one_column():
    frame = pd.DataFrame({"a": [1, 2], "b": [1, 2]})
    with pytest.raises(SchemaError, match="rounding"):
        prepared(frame, Formula("b", "a", "down"))
    with pytest.raises(SchemaError, match="compute the same column"):
        prepared(frame, Formula("b", "a"), Formula("b", "2 * a - a"))
    with pytest.raises(SchemaError, match="circle"):
        prepared(frame, Formula("b", "a"), Formula("a", "b"))


# Which column is computed


def test_it_is_solved_for_the_column_that_is_in_range_most_often():
    rng = np.random.default_rng(0)
    start = pd.Timestamp("2020-01-01") + pd.to_timedelta(
        pd.Series(rng.integers(900, size=200)), "D"
    )
    n_days = pd.Series(rng.integers(30, size=200))
    end = start + pd.to_timedelta(n_days, "D")
    frame = pd.DataFrame({"start": start, "end": end, "n_days": n_days})
    for declared in (Formula("n_days", "end - start"), Formula("end", "n_days + start")):
        (used,) = prepared(frame, declared).constraints.constraints
        assert used == Formula("end", "n_days + start")
        unchanged(frame, declared)


def test_it_is_solved_for_no_other_where_that_would_round():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.integers(900, size=200), "b": rng.integers(900, size=200) / 100})
    frame["c"] = (frame["a"] + frame["b"]).round(1)
    assert Formula("c", "a + b")._alternatives(prepared(frame).observed.schema) == []


@given(
    st.lists(st.sampled_from([-1, 1]), min_size=2, max_size=4),
    st.integers(-5, 5),
    st.randoms(use_true_random=False),
)
def test_a_sum_solved_for_another_column_says_the_same(signs, added, random):
    names = [f"x {i}" for i in range(len(signs))]
    frame = pd.DataFrame({name: [random.randrange(9) for _ in range(5)] for name in names})
    text = "".join(f" {'-+'[s > 0]} {quote(n)}" for s, n in zip(signs, names, strict=True))
    frame["y"] = frame[names] @ signs + added
    formula = Formula("y", f"{added}{text}".strip())
    table = prepared(frame).observed
    others = formula._alternatives(table.schema)
    assert {other.column for other in others} == set(names)
    for other in others:
        other.validate(table.schema)
        assert (other.derive(table) == table.codes[:, other.derived(table.schema)]).all()


# Conditions


def solved(frame: pd.DataFrame, condition: dict[str, object], *constraints: Constraint):
    layout = prepared(frame, *constraints).constraints.layout
    (choice,) = solve_fixed_values(layout, read_fixed_values(layout, condition))
    names = [layout.schema[member].name for member in choice.members]
    return {
        name: sorted(set(cells.tolist())) for name, cells in zip(names, choice.codes.T, strict=True)
    }


def test_a_condition_on_an_affine_formula_of_one_column_is_solved():
    a = pd.Series(range(100))
    frame = pd.DataFrame({"a": a, "b": 10 - 2 * a, "tens": (a / 10).round().astype(int)})
    both = Formula("b", "10 - 2 * a"), Formula("tens", "a / 10")
    assert solved(frame, {"b": 4}, *both) == {"a": [3]}
    assert solved(frame, {"tens": 3}, *both) == {"a": list(range(26, 35))}
    assert solved(frame, {"tens": 3, "b": -54}, *both) == {"a": [32]}
    with pytest.raises(ValueError, match="no real row has these values"):
        solved(frame, {"tens": 3, "b": 4}, *both)
    with pytest.raises(ValueError, match="no real row has these values of \\['b'\\]"):
        solved(frame, {"b": 5}, *both)


def test_a_condition_on_a_chain_and_with_sources_named():
    a = pd.Series(range(20))
    frame = pd.DataFrame({"a": a, "b": 2 * a, "c": a % 5, "d": 2 * a + a % 5})
    chain = Formula("b", "a * 2"), Formula("d", "b + c")
    assert solved(frame, {"d": 21, "c": 3}, *chain) == {"a": [9], "c": [3]}
    assert solved(frame, {"d": 21}, *chain) == {"a": [9, 10], "c": [1, 3]}
    assert solved(frame, {"d": 21, "a": 10}, *chain) == {"a": [10], "c": [1]}


def test_a_condition_on_a_product_is_solved_where_one_factor_has_few_values():
    frame = pd.DataFrame({"n": [0, 1, 2, 3, 4, 1], "price": [1.5, 20, 0.25, 100, 7.75, 1.25]})
    frame["pay"] = frame["n"] * frame["price"]
    pay = Formula("pay", "n * price")
    assert solved(frame, {"pay": 31.0}, pay) == {"n": [1, 2, 4], "price": [775, 1550, 3100]}
    assert solved(frame, {"pay": 0.0, "price": 20.0}, pay) == {"n": [0], "price": [2000]}
    frame.loc[2, ["price", "pay"]] = np.nan
    with pytest.raises(ValueError, match="name values of"):
        solved(frame, {"pay": np.nan}, pay)


def test_conditions_that_cannot_be_solved_say_what_to_do():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({name: rng.random(50).round(5) for name in "abc"})
    frame["d"] = (frame["a"] * frame["b"] + frame["c"]).round(5)
    frame["e"] = (frame["a"] * frame["a"]).round(5)
    for formula in (Formula("d", "a * b + c"), Formula("e", "a * a")):
        with pytest.raises(ValueError, match="name values of"):
            solved(frame, {formula.column: frame[formula.column][0]}, formula)


def test_a_missing_result_comes_from_a_missing_source():
    frame = pd.DataFrame({"a": [1.0, np.nan, 3.0], "b": [2.0, np.nan, 6.0]})
    assert solved(frame, {"b": np.nan}, Formula("b", "2 * a")) == {"a": [MISSING]}


# Arithmetic


NUMBERS = st.integers(-(10**12), 10**12)
TREES = st.recursive(
    st.sampled_from(["a", "b", "`the c`", "2", "0.125", "7"]),
    lambda parts: st.builds(
        lambda left, sign, right: f"({left} {sign} {right})", parts, st.sampled_from("+-*/"), parts
    ),
    max_leaves=12,
)


@settings(max_examples=200)
@given(TREES, st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=4))
@example("(a / (a / (2 - 2)))", [(1, 0, 0)])
def test_arithmetic_is_exact(text, rows):
    expression = Expression(text)
    columns = dict(zip(["a", "b", "the c"], np.array(rows, dtype=object).T, strict=True))
    values = {name: Ratios(cells, 10 ** len(name)) for name, cells in columns.items()}
    result = expression.evaluate(values, Ratios.constant)
    for row in range(len(rows)):
        scope = {
            name: Fraction(int(cells[row]), 10 ** len(name)) for name, cells in columns.items()
        }
        try:
            expected = expression.evaluate(scope, Fraction)
        except ZeroDivisionError:
            expected = None
        parts = result.over, result.under
        over, under = (int(part if isinstance(part, int) else part[row]) for part in parts)
        assert (Fraction(over, under) if under else None) == expected


def test_affine_functions_have_a_slope_and_an_intercept():
    assert affine(lambda x: (x + 2) * 3 / 2) == (Fraction(3, 2), 3)
    for impossible in (lambda x: x * x, lambda x: 2 / x, lambda x: x / 0):
        with pytest.raises(ArithmeticError):
            affine(impossible)


@given(st.text(min_size=1))
def test_every_name_can_be_quoted(name):
    assert Expression(quote(name)).names == [name]


def test_two_columns_with_few_values_stay_where_the_result_is_in_range():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 40, 300), rng.integers(0, 40, 300)
    kept = (a + b > 20) & (a + b < 26)
    X = pd.DataFrame({"a": a[kept], "b": b[kept], "c": (a + b)[kept]})
    rows, stats = untrained_rows(X, [Formula("c", "a + b")])
    assert (rows["c"] == rows["a"] + rows["b"]).all()
    assert stats.n_rejected == 0


def test_a_formula_whose_results_are_rarely_in_range_is_found_and_not_kept():
    rng = np.random.default_rng(0)
    whole = rng.lognormal(9, 3, 800).round().astype(int) + 50
    part = (whole * rng.uniform(0.95, 1, 800)).round().astype(int)
    X = pd.DataFrame({"part": part, "whole": whole, "percent": (100 * part / whole).round(1)})
    ready = apply_constraints(
        X,
        ["rare"] * len(X),
        "class",
        is_named=True,
        column_types={},
        constraints=[],
        discovers=True,
    )
    kept = {
        str(one.constraint.column): one.is_kept for one in ready.relations if one.kind == "formula"
    }
    assert kept == {"percent": False}
