"""Constraints kept while rows are decoded: against every possible row, and in generated rows."""

from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from counterpoise.columns import ABSENT, MISSING, Table
from counterpoise.constraints import (
    FixedCombinations,
    Formula,
    Implication,
    Inequality,
    MissingTogether,
)
from counterpoise.errors import DecodingError
from counterpoise.generation import _restricting
from counterpoise.generation._restricting import FREE, RestrictedCells
from counterpoise.serialization import table_serializer
from tests.untrained import constrained, untrained_rows

NAMES = tuple("abcd")


VALUES = {
    "a": [0.0, 1.0, 2.0],
    "b": [1.0, 2.0, 3.0],
    "c": [0.9, 1.0, 1.1, 1.2],
    "d": [1.1, 1.2, 1.3],
}
"""All that columns can have: whole numbers, and tenths between them."""


def small_table(missing):
    """Two columns of whole numbers and two of tenths, of which `missing` can be missing."""
    X = pd.DataFrame({name: np.resize(values, 12) for name, values in VALUES.items()})
    X.loc[12] = {name: np.nan if name in missing else values[0] for name, values in VALUES.items()}
    return X


def values_of(name, missing):
    return [*VALUES[name], None] if name in missing else VALUES[name]


@st.composite
def constraints_of_few_columns(draw):
    missing = draw(st.sets(st.sampled_from(NAMES)))

    def values(name):
        return draw(st.lists(st.sampled_from(values_of(name, missing)), min_size=1, unique=True))

    found = []
    for kind in draw(st.lists(st.sampled_from("iiioom"), min_size=1, max_size=6)):
        first, second = draw(st.permutations(NAMES))[:2]
        if kind == "i":
            found.append(Implication(first, values(first), second, values(second)))
        elif kind == "m":
            found.append(MissingTogether([first, second]))
        else:
            found.append(Inequality(first, draw(st.sampled_from(["<", "<=", ">", ">="])), second))
    return missing, found


@given(constraints_of_few_columns(), st.data())
@settings(max_examples=150)
def test_a_cell_can_be_exactly_what_some_row_has_there(constraints, data):
    """Of all rows that satisfy the constraints, those that have the cells before it.

    Of rows in which both restrictions and orders hold columns together, or orders go in a circle, a
    value that no row has may be left: it is never a value too few, and rows are tested again.
    """
    missing, constraints = constraints
    ready = constrained(small_table(missing), constraints, check=False)
    schema = ready.table.schema
    domains = [schema[at].encode(pd.Series([*values_of(name, missing)], dtype=float, name=name))
               for at, name in enumerate(NAMES, 1)]  # fmt: skip
    codes = np.array(list(product([0], *domains)))
    rows = codes[np.all([c.accepts(Table(schema, codes)) for c in constraints], axis=0)]
    assume(len(rows))
    order = data.draw(st.permutations(range(1, 5)))
    row = rows[data.draw(st.integers(0, len(rows) - 1))]
    cells = Restricted(ready)
    is_mixed = len({type(one) is Inequality for one in constraints}) > 1 or is_circle(constraints)
    for n_given, column in enumerate(order):
        given_cells = np.full(5, ABSENT)
        given_cells[[0, *order[:n_given]]] = row[[0, *order[:n_given]]]
        fits = (rows == given_cells) | (given_cells == ABSENT)
        expected = set(rows[fits.all(axis=1), column].tolist())
        found = cells.possible(given_cells, column, domains[column - 1])
        assert found >= expected if is_mixed else found == expected


def is_circle(constraints):
    greater = {}
    for one in constraints:
        if isinstance(one, Inequality):
            ends = [one.left, one.right][:: 1 if one.operator.startswith("<") else -1]
            greater.setdefault(ends[0], set()).add(ends[1])
    with suppress(CycleError):
        TopologicalSorter(greater).prepare()
        return False
    return True


class Restricted:
    """What decoding allows, one row and one cell at a time."""

    def __init__(self, ready):
        self.grammar = table_serializer(ready.table).grammar
        kept = [*ready.constraints.restrictions(), *ready.constraints.computed()]
        self.cells = RestrictedCells(kept, self.grammar, ready.table.schema)

    def possible(self, row, column, domain):
        limits = self.cells.open(row[None], np.array([column]))
        if limits.which[0] == FREE:
            return set(domain.tolist())
        in_set = np.where(domain == MISSING, domain, domain * limits.factor[0] + limits.shift[0])
        one = self.cells._sets[limits.which[0]].contains(in_set)
        is_within = (domain >= limits.low[0]) & (domain <= limits.high[0]) | (domain == MISSING)
        return set(domain[one & is_within].tolist())


FORMULAS = {
    "a + b - c": lambda a, b, c: a + b - c,
    "2 * a - 0.5 * b": lambda a, b, c: 2 * a - 0.5 * b,
    "a * b * c": lambda a, b, c: a * b * c,
    "(a - 1) * c": lambda a, b, c: (a - 1) * c,
    "a / c + b": lambda a, b, c: a / c + b,
    "a / (b - 4)": lambda a, b, c: a / (b - 4),
}


@given(
    st.sampled_from(sorted(FORMULAS)),
    st.sets(st.sampled_from("abc"), max_size=2),
    st.sampled_from([None, "<", ">="]),
    st.data(),
)
@settings(max_examples=150)
def test_a_cell_leaves_what_is_computed_in_range(text, missing, operator, data):
    """Of all rows whose result is in range, those that have the cells before it.

    Never a value too few; and none too many in the last cell, if the total can be all in its range,
    or is a sum and held to nothing else.
    """
    cells = [*product(*(values_of(name, missing) for name in NAMES))]
    X = pd.DataFrame(cells, columns=list(NAMES), dtype=float)
    X["total"] = FORMULAS[text](X["a"], X["b"], X["c"]).round(2)
    ends = st.sampled_from(sorted(X["total"].dropna()))
    X = X[X["total"].isna() | X["total"].between(*sorted([data.draw(ends), data.draw(ends)]))]
    if operator is not None:
        compared = getattr(X["total"], {"<": "lt", ">=": "ge"}[operator])(X["d"])
        X = X[X["total"].isna() | compared]
    assume(all(X[name].nunique() > 1 for name in X))
    kept = [Formula("total", text)] + [Inequality("total", operator, "d")] * (operator is not None)
    kinds = dict.fromkeys(X, "decimal")
    ready = constrained(X.reset_index(drop=True), kept, check=False, **kinds)
    schema, total = ready.table.schema, ready.constraints.layout.schema[5]
    (low, high), learned = total.code_range, range(1, len(schema))
    domains = [np.unique(ready.table.codes[:, at]) for at in learned]
    codes = np.array(list(product([0], *domains)))
    tests = ready.constraints.accepts().values()
    rows = codes[np.all([test(Table(schema, codes)) for test in tests], axis=0)]
    order = data.draw(st.permutations(learned))
    row = rows[data.draw(st.integers(0, len(rows) - 1))]
    restricted = Restricted(ready)
    for n_given, column in enumerate(order):
        given_cells = np.full(len(schema), ABSENT)
        given_cells[[0, *order[:n_given]]] = row[[0, *order[:n_given]]]
        fits = (rows == given_cells) | (given_cells == ABSENT)
        expected = set(rows[fits.all(axis=1), column].tolist())
        found = restricted.possible(given_cells, column, domains[column - 1])
        assert found >= expected
        is_whole = total.n_values == high - low + 1
        if n_given == len(order) - 1 and (is_whole or (text == "a + b - c" and operator is None)):
            assert found == expected


# Generated rows


def shop(n_rows=120, seed=0):
    """A table that keeps all of `RELATIONS`."""
    rng = np.random.default_rng(seed)
    plan = rng.choice(["no", "basic", "full"], n_rows)
    low = rng.integers(-40, 160, n_rows)
    X = pd.DataFrame(
        {
            "plan": plan,
            "least": low / 4,
            "messages": np.where(plan == "no", 0, rng.integers(1, 140, n_rows)),
            "median": np.ceil(low / 4) + rng.integers(0, 20, n_rows),
            "start": pd.Timestamp("2020-01-28") + pd.to_timedelta(rng.integers(0, 90, n_rows), "D"),
            "charge": np.where(plan == "no", 0.0, rng.gamma(2.0, 9.0, n_rows).round(2)),
        }
    )
    X["greatest"] = X["median"] + rng.integers(0, 60, n_rows) / 2
    X["end"] = X["start"] + pd.to_timedelta(rng.integers(0, 90 * 24, n_rows), "h")
    X["comment"] = ["note " + "x" * (at % 5) + str(at % 7) for at in range(n_rows)]
    is_missing = rng.random(n_rows) < 0.3
    X.loc[is_missing, ["start", "comment", "charge"]] = None
    X.loc[is_missing, ["plan", "messages"]] = ["no", 0]
    return X


RELATIONS = [
    Implication("plan", ["no"], "messages", [0]),
    Implication("messages", [0], "charge", [0.0, None]),
    Implication("charge", ("range", 0.01, None), "plan", ["basic", "full"]),
    Inequality("least", "<=", "median"),
    Inequality("greatest", ">=", "median"),
    Inequality("start", "<=", "end"),
    MissingTogether(["start", "charge", "comment"]),
]


def kept(X):
    """Share of the rows in which all of `RELATIONS` hold, checked without the package."""
    no_plan, is_missing = X["plan"] == "no", X["start"].isna()
    return (
        (~no_plan | (X["messages"] == 0))
        & ((X["messages"] != 0) | ~(X["charge"] > 0))
        & (~(X["charge"] > 0) | ~no_plan)
        & (X["least"] <= X["median"])
        & (X["median"] <= X["greatest"])
        & (is_missing | (X["start"] <= X["end"]))
        & (is_missing == X["comment"].isna())
        & (is_missing == X["charge"].isna())
    ).mean()


@pytest.mark.parametrize("permutation", ["label-first", "none", "all"])
@pytest.mark.parametrize("text", [False, True])
def test_a_model_that_knows_nothing_generates_rows_that_keep_everything(text, permutation):
    X = shop()
    assert kept(X) == 1
    made, stats = untrained_rows(X, RELATIONS, 200, text=text, permutation=permutation)
    assert kept(made) == 1
    assert stats.n_rejected == 0
    free, _ = untrained_rows(X, [], 200, text=text, permutation=permutation)
    assert kept(free) < 0.1
    assert made["plan"].nunique() == 3
    assert made["start"].isna().mean() == pytest.approx(0.3, abs=0.3)
    assert made["messages"].nunique() > 20


def test_columns_of_a_fixed_combination_are_restricted_too():
    X = shop()
    X["fee"] = X["plan"].map({"no": "none", "basic": "low", "full": "high"})
    constraints = [FixedCombinations(["plan", "fee"]), *RELATIONS]
    made, stats = untrained_rows(X, constraints, 200)
    assert kept(made) == 1
    assert stats.n_rejected == 0
    assert (made["fee"] == made["plan"].map({"no": "none", "basic": "low", "full": "high"})).all()


def test_an_order_of_a_column_in_a_fixed_combination_is_kept_by_rejection():
    X = pd.DataFrame({"a": [1, 2, 3] * 8, "b": ["x", "y", "z"] * 8, "c": [2, 3, 4] * 8})
    constraints = [FixedCombinations(["a", "b"]), Inequality("a", "<", "c")]
    made, stats = untrained_rows(X, constraints, 100)
    assert (made["a"] < made["c"]).all()
    assert stats.rejected["not a < c"] > 0


def test_beyond_the_limit_rows_are_rejected_instead(monkeypatch):
    monkeypatch.setattr(_restricting, "MAX_CLASSES", 1)
    X = shop()
    made, stats = untrained_rows(X, RELATIONS[:1], 100)
    assert (made.loc[made["plan"] == "no", "messages"] == 0).all()
    assert stats.n_rejected > 0


def test_a_row_without_any_possible_value_is_finished_and_rejected():
    X = pd.DataFrame({"a": [1, 1, 2, 2], "b": [1, 2, 1, 2], "c": [1, 2, 2, 1]})
    never = [
        Implication("a", [1, 2], "b", [1]),
        Implication("a", [1, 2], "b", [2]),
        Inequality("b", "<=", "c"),
    ]
    ready = constrained(X, never, check=False)
    cells = Restricted(ready)
    row = np.full(4, ABSENT)
    for column in (1, 2):
        assert cells.possible(row, column, np.array([1, 2])) == {1, 2}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.untrained.constrained", lambda *_, **__: ready)
        with pytest.raises(DecodingError, match=r"0 of 5 rows.*where a is 1 or 2, b is"):
            untrained_rows(X, never, 5)


def test_cells_that_are_given_and_leave_nothing_are_rejected_and_not_an_endless_loop():
    X = pd.DataFrame({"a": [1, 5, 9] * 4, "b": [2, 6, 9] * 4, "c": [3, 7, 10] * 4})
    X.loc[2::3, "a"] = 8
    with pytest.raises(DecodingError, match="not a < b"):
        untrained_rows(
            X.assign(a=X["a"] + (X.index == 2)),
            [Inequality("a", "<", "b")],
            3,
            check=False,
            fixed={"a": 9},
        )


def test_long_chains_of_orders_leave_room_for_what_comes():
    rng = np.random.default_rng(0)
    values = np.sort(rng.choice(40, (60, 8)), axis=1) + np.arange(8)
    X = pd.DataFrame(values, columns=list("abcdefgh"))
    X["c"], X["f"] = X["c"].astype(float), X["f"] / 1.0 + 0.25
    names = X.columns.tolist()
    chain = [Inequality(one, "<", other) for one, other in pairwise(names)]
    X = X[[(row[1:] > row[:-1]).all() for row in X.to_numpy()]]
    made, stats = untrained_rows(X, chain, 100)
    assert (np.diff(made.to_numpy(), axis=1) > 0).all()
    assert stats.n_rejected == 0


def test_orders_in_a_circle_leave_equal_values():
    X = pd.DataFrame({"a": [1, 5, 9] * 4, "b": [1.0, 5.5, 9.0] * 4, "c": [1, 6, 9] * 4})
    circle = [Inequality("a", "<=", "b"), Inequality("b", "<=", "c"), Inequality("c", "<=", "a")]
    ready = constrained(X, circle, check=False)
    cells = Restricted(ready)
    row = np.array([0, ABSENT, ABSENT, ABSENT])
    assert cells.possible(row, 2, np.arange(10, 91)) >= {10, 20, 90}
    row[1] = 5
    assert cells.possible(row, 2, np.arange(10, 91)) == {50}
    assert cells.possible(row, 3, np.arange(1, 10)) == {5}


def test_few_rows_are_rejected_for_what_is_computed():
    """Two in three rows of independent cells have a share out of range, or too small a total."""
    rng = np.random.default_rng(0)
    people = rng.integers(100, 10_000, 200)
    X = pd.DataFrame({"people": people, "part": (people * rng.uniform(0, 0.05, 200)).round()})
    X["share"] = (100 * X["part"] / X["people"]).round(3)
    X["first"], X["second"] = rng.integers(0, 50, (2, 200))
    X["total"] = X["first"] + X["second"]
    X["most"] = X[["first", "total"]].mean(axis=1).round()
    relations = [
        Formula("share", "100 * part / people"),
        Formula("total", "first + second"),
        Inequality("first", "<=", "most"),
        Inequality("most", "<=", "total"),
    ]
    rows, stats = untrained_rows(X, relations, 200)
    assert rows["share"].between(X["share"].min(), X["share"].max()).all()
    np.testing.assert_allclose(rows["share"], 100 * rows["part"] / rows["people"], atol=0.0006)
    assert (rows["total"] == rows["first"] + rows["second"]).all()
    assert ((rows["first"] <= rows["most"]) & (rows["most"] <= rows["total"])).all()
    assert stats.n_drawn <= 1.1 * stats.n_rows
