"""Functional dependencies: what is computed, what is rejected, how conditions are solved."""

import numpy as np
import pandas as pd
import pytest

from counterpoise.columns import ABSENT, Table
from counterpoise.constraints import Categories, FixedCombinations, FunctionalDependency
from counterpoise.errors import SchemaError
from tests.constraints.test_formula import prepared, solved, unchanged

SHOPS = pd.DataFrame(
    {"branch": ["A1", "A2", "B1", "A1", "B2", "B1"], "n": [1, 2, 3, 4, 5, 6]}
).assign(city=lambda frame: frame["branch"].str[0].map({"A": "Aachen", "B": "Bonn"}))
CITY = FunctionalDependency(["branch"], "city")


@pytest.mark.parametrize(
    "convert",
    [
        lambda city: city,
        lambda city: city.astype("category"),
        lambda city: pd.Categorical(city, ["Bonn", "Aachen", "Celle"], ordered=True),
        lambda city: city.astype("string"),
        lambda city: city == "Bonn",
        lambda city: (city == "Bonn").astype("boolean"),
        lambda city: city.map({"Aachen": 52062, "Bonn": 53111}),
        lambda city: city.map({"Aachen": 52062, "Bonn": None}).astype("Int64"),
        lambda city: city.map({"Aachen": 0.1, "Bonn": 2.75}),
        lambda city: city.map({"Aachen": "2020-01-01", "Bonn": None}).astype("datetime64[ns]"),
        lambda city: city.where(city == "Bonn", None),
    ],
)
def test_the_dtype_and_the_missing_cells_of_the_column_come_out(convert):
    unchanged(SHOPS.assign(city=convert(SHOPS["city"])), CITY)


def test_a_missing_determinant_is_a_value():
    frame = SHOPS.assign(branch=SHOPS["branch"].where(SHOPS["n"] != 3, None))
    with pytest.raises(SchemaError, match="breaks"):
        prepared(frame.assign(branch=frame["branch"].where(SHOPS["n"] != 4, None)), CITY)
    unchanged(frame, CITY)


def test_several_determinants():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.integers(4, size=80), "b": rng.choice(list("xyz"), 80)})
    frame["c"] = frame["a"].astype(str) + frame["b"]
    unchanged(frame, FunctionalDependency(["b", "a"], "c"))


def test_combinations_that_no_real_row_has_are_absent():
    frame = pd.DataFrame({"a": list("xxyz"), "b": list("pqpq"), "c": [1, 2, 3, 4]})
    layout = prepared(frame, FunctionalDependency(["a", "b"], "c")).constraints.layout
    learned = layout.join(prepared(frame).observed)
    assert [column.name for column in learned.schema] == ["t", "a", "b"]
    rows = layout.split(Table(learned.schema, np.array([[0, 0, 1], [0, 2, 0], [1, 2, 1]])))
    assert rows.codes[:, 3].tolist() == [2, ABSENT, 4]


def test_determinants_of_few_among_many_values_become_one_column():
    postal = [10115, 20095, 50667, 80331] * 3
    frame = pd.DataFrame({"postal": postal, "city": [f"c{n}" for n in postal], "land": postal})
    frame["land"] //= 30000
    both = FunctionalDependency(["postal"], "city"), FunctionalDependency(["postal"], "land")
    layout = prepared(frame, *both).constraints.layout
    learned = layout.join(prepared(frame).observed)
    assert [column.name for column in learned.schema] == ["t", "postal"]
    assert learned.schema[1].categories == ("10115", "20095", "50667", "80331")
    unchanged(frame, *both)
    assert solved(frame, {"land": 1}, *both) == {"postal": [50667]}
    unchanged(frame.assign(other=postal), *both, FixedCombinations(["other", "postal"]))


def test_rows_that_break_it_are_shown():
    frame = pd.concat([SHOPS] * 3, ignore_index=True)
    frame.loc[[6, 13], "city"] = "Bonn"
    with pytest.raises(SchemaError) as caught:
        prepared(frame, CITY)
    said = str(caught.value)
    assert "2 of the 18 real rows break 'city is determined by branch'" in said
    assert "row 6: branch = A1, city = Bonn, computed Aachen" in said
    assert "row 13: branch = A2, city = Bonn, computed Aachen" in said


@pytest.mark.parametrize(
    ("constraint", "says"),
    [
        (FunctionalDependency("branch", "city"), "a list of one or more"),
        (FunctionalDependency([], "city"), "a list of one or more"),
        (FunctionalDependency(["branch", "branch"], "city"), "twice"),
        (FunctionalDependency(["city"], "city"), "twice"),
        (FunctionalDependency(["street"], "city"), "no column 'street'"),
        (FunctionalDependency(["branch"], "street"), "no column 'street'"),
        (FunctionalDependency(["branch"], "note"), "'note', which holds free text"),
    ],
)
def test_dependencies_that_cannot_be_used(constraint, says):
    with pytest.raises(SchemaError, match=says):
        prepared(SHOPS.assign(note=[f"note {i}" for i in range(6)]), constraint, note="text")


def test_a_computed_column_is_in_no_combination():
    with pytest.raises(SchemaError, match=r"'city'.*computed"):
        prepared(SHOPS, CITY, FixedCombinations(["city", "n"]))
    with pytest.raises(SchemaError, match="same column"):
        prepared(SHOPS, CITY, FunctionalDependency(["n"], "city"))
    codes = SHOPS.assign(code=SHOPS["branch"].map({"A1": 1, "A2": 2, "B1": 3, "B2": 4}))
    there, back = (FunctionalDependency(*ab) for ab in ((["branch"], "code"), (["code"], "branch")))
    with pytest.raises(SchemaError, match="circle"):
        prepared(codes, there, back)


def test_a_determinant_can_be_in_a_combination():
    frame = SHOPS.assign(size=SHOPS["n"] % 2)
    unchanged(frame, CITY, FixedCombinations(["branch", "size"]))
    assert len(solved(frame, {"city": "Bonn"}, CITY, FixedCombinations(["branch", "size"]))) == 2


def test_values_that_other_constraints_leave_out_are_not_known():
    layout = prepared(SHOPS, CITY, Categories("city", ["Bonn"])).constraints.layout
    table = layout.split(layout.join(prepared(SHOPS).observed))
    assert (table.codes[:, 3] == ABSENT).tolist() == SHOPS["city"].eq("Aachen").tolist()
    with pytest.raises(SchemaError, match="No row has values of the columns"):
        prepared(SHOPS, CITY, Categories("city", ["Bonn"]), Categories("branch", ["A1", "A2"]))


def test_a_condition_leaves_the_determinants_that_give_the_value():
    frame = SHOPS.assign(code=SHOPS["city"].map({"Aachen": 3, "Bonn": 4}))
    chain = CITY, FunctionalDependency(["city"], "code")
    assert solved(frame, {"code": 4}, *chain) == {"branch": [2, 3]}
    assert solved(frame, {"code": 4, "branch": "B2"}, *chain) == {"branch": [3]}
    with pytest.raises(ValueError, match=r"no real row has these values of \['branch', 'city'\]"):
        solved(frame, {"branch": "A1", "city": "Bonn"}, CITY)
    with pytest.raises(ValueError, match="no real row"):
        solved(frame, {"city": "Aachen", "code": 4}, *chain)
