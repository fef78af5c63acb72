"""`constraints="auto"`: relations found in a table are kept in the rows generated from it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from counterpoise import LLMOverSampler
from counterpoise.constraints import (
    Drop,
    FixedCombinations,
    Formula,
    FunctionalDependency,
    Inequality,
    Range,
)
from counterpoise.recipes import get_recipe

CITIES = {"A1": "Aachen", "A2": "Aachen", "B1": "Bonn", "C1": "Celle"}


def orders(n_rows: int = 240, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    """Return a table in which a city goes with its branch and a total is a sum."""
    rng = np.random.default_rng(seed)
    branch = pd.Series(rng.choice(list(CITIES), n_rows))
    frame = pd.DataFrame(
        {
            "branch": branch,
            "goods": rng.integers(1, 90, n_rows),
            "freight": rng.integers(100, 2000, n_rows) / 100,
            "city": branch.map(CITIES),
            "rating": rng.integers(1, 9, n_rows),
        }
    )
    frame["total"] = (frame["goods"] + frame["freight"]).round(2)
    return frame, pd.Series(np.where(np.arange(n_rows) % 5, "usual", "rare"), name="kind")


def sampler_of(recipe: str = "counterpoise", **parameters: object) -> LLMOverSampler:
    changes = {"epochs": 1, "max_samples_seen": 64, "selection": None}
    return LLMOverSampler(recipe=get_recipe(recipe, **changes), random_state=0, **parameters)


def fitted(*args: str, frame: pd.DataFrame | None = None, **parameters: object) -> LLMOverSampler:
    X, y = orders()
    return sampler_of(*args, **parameters).fit(X if frame is None else frame, y)


def kept(sampler: LLMOverSampler) -> dict[str, bool]:
    """Return for each relation found, without its number of rows, whether it is kept."""
    return {str(one).rpartition(" (")[0]: one.is_kept for one in sampler.relations_}


SUM, CITY = "total = goods + freight", "city is determined by branch"


def share_right(rows: pd.DataFrame) -> tuple[float, float]:
    """Return in which share of the rows the sum and the city are right."""
    is_sum = (rows["total"] - rows["goods"] - rows["freight"]).abs() < 0.006
    return float(is_sum.mean()), float((rows["city"] == rows["branch"].map(CITIES)).mean())


def test_relations_are_found_and_kept_without_a_word() -> None:
    X, y = orders()
    sampler = sampler_of()
    X_resampled, _ = sampler.fit_resample(X, y)
    assert sampler.n_synthetic_ == 144
    assert kept(sampler) == {SUM: True, CITY: True}
    assert share_right(X_resampled.iloc[240:]) == (1.0, 1.0)
    assert sampler.constraints_ == [one.constraint for one in sampler.relations_]
    assert [(one.kind, one.n_rows, one.n_exceptions) for one in sampler.relations_] == [
        ("formula", 240, 0),
        ("dependency", 240, 0),
    ]
    assert all(one.log10_chance < -6 for one in sampler.relations_)
    rows, _ = sampler.sample(20, condition={"city": "Bonn"})
    assert set(rows["city"]) == {"Bonn"}
    assert share_right(rows) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("recipe", "constraints", "is_searched"),
    [
        ("counterpoise", "auto", True),
        ("ranking", "auto", True),
        ("counterpoise", None, False),
        ("counterpoise", [], False),
        ("counterpoise", [Range("goods", 0, 99)], False),
        ("counterpoise", [Range("goods", 0, 99), "auto"], True),
        ("imbllm", "auto", False),
        ("imbllm", ["auto"], True),
        ("great", "auto", False),
        ("predllm", "auto", False),
    ],
)
def test_the_recipe_decides_on_auto_and_a_list_says_it_itself(
    recipe, constraints, is_searched
) -> None:
    sampler = fitted(recipe, constraints=constraints)
    assert kept(sampler) == ({SUM: True, CITY: True} if is_searched else {})
    rows, _ = sampler.sample(60, class_="rare")
    shares = share_right(rows)
    assert shares == (1.0, 1.0) if is_searched else max(shares) < 0.9


@pytest.mark.parametrize(
    ("columns", "dropped"),
    [
        (["branch", "city"], {CITY}),
        (["city"], {CITY}),
        (["goods", "total"], {SUM}),
        (["total", "city"], set()),
    ],
    ids=str,
)
def test_dropped_relations_are_listed_and_not_kept(columns, dropped) -> None:
    sampler = fitted(constraints=["auto", Drop(columns)])
    assert kept(sampler) == {one: one not in dropped for one in (SUM, CITY)}
    is_right = dict(zip((SUM, CITY), share_right(sampler.sample(60)[0]), strict=True))
    for one, share in is_right.items():
        assert (share < 0.9) if one in dropped else share == 1.0


def test_several_relations_can_be_dropped_and_an_unknown_column_is_an_error() -> None:
    assert not any(kept(fitted(constraints=["auto", Drop(["city"]), Drop(["total"])])).values())
    with pytest.raises(ValueError, match="'town'"):
        fitted(constraints=["auto", Drop(["town"])])


@pytest.mark.parametrize(
    ("columns", "city_is_right"), [(["branch", "city"], True), (["city", "rating"], False)]
)
def test_no_computed_column_is_in_a_combination(columns, city_is_right) -> None:
    sampler = fitted(constraints=[FixedCombinations(columns), "auto"])
    declared = f"{' and '.join(columns)} go together as observed"
    assert kept(sampler) == {declared: True, SUM: True, CITY: False}
    rows, _ = sampler.sample(60)
    assert share_right(rows)[0] == 1.0
    assert (share_right(rows)[1] == 1.0) == city_is_right


@pytest.mark.parametrize("others", [[], ["auto"]])
@pytest.mark.parametrize(
    ("declared", "text"),
    [
        (Formula("total", "freight + goods"), "total = freight + goods"),
        (FunctionalDependency(["branch"], "city"), CITY),
    ],
    ids=str,
)
def test_what_is_declared_is_listed_once_and_first(declared, text, others) -> None:
    sampler = fitted(constraints=[declared, *others])
    first, *found = sampler.relations_
    assert (str(first), first.is_declared, first.is_kept) == (f"{text} (240 rows)", True, True)
    assert not any(one.is_declared for one in found)
    assert len(found) == len(others)
    assert share_right(sampler.sample(60)[0])[text == CITY] == 1.0


def test_rows_that_break_a_declared_order_are_named() -> None:
    X, y = orders()
    X["goods"] += 8
    X.loc[[5, 10], "goods"] = 1
    X.loc[[5, 10], "rating"] = 2
    with pytest.warns(UserWarning, match="break the inequality 'rating <= goods'"):
        sampler = sampler_of(constraints=[Inequality("rating", "<=", "goods")]).fit(X, y)
    (order,) = sampler.relations_
    assert (order.kind, order.n_rows, order.exceptions) == ("order", 238, (5, 10))
    assert order.is_kept
    X["goods"] -= 9
    with pytest.raises(ValueError, match=r"\(row \d+: goods = -?\d, rating = \d; row .*; row .*\)"):
        sampler_of(constraints=[Inequality("goods", ">", "rating")]).fit(X, y)


def test_a_declared_range_and_a_found_sum_hold_together() -> None:
    sampler = fitted(constraints=["auto", Range("total", 20, 60)])
    rows, _ = sampler.sample(60)
    assert kept(sampler)[SUM]
    assert rows["total"].between(20, 60).all()
    assert share_right(rows) == (1.0, 1.0)


def test_a_declared_order_is_kept_beside_what_is_found() -> None:
    X, _ = orders()
    X["goods"] = X["goods"] + 8
    X["total"] = (X["goods"] + X["freight"]).round(2)
    sampler = fitted(frame=X, constraints=[Inequality("rating", "<", "goods"), "auto"])
    rows, _ = sampler.sample(60)
    assert (rows["rating"] < rows["goods"]).all()
    assert share_right(rows) == (1.0, 1.0)


def test_what_holds_in_nearly_all_rows_is_told_and_not_kept() -> None:
    X, _ = orders()
    X.loc[7, "city"] = "Aachen" if X["branch"][7] == "C1" else "Celle"
    sampler = fitted(frame=X)
    near = [one for one in sampler.relations_ if one.n_exceptions]
    assert [str(one) for one in near] == [f"{CITY}, but for 1 of 240 rows"]
    assert near[0].exceptions == (7,)
    assert not near[0].is_kept
    assert near[0].constraint not in sampler.constraints_


def test_relations_are_saved_with_the_sampler(tmp_path) -> None:
    X, _ = orders()
    X.loc[7, "city"] = "Aachen" if X["branch"][7] == "C1" else "Celle"
    sampler = fitted(frame=X, constraints=["auto", Drop(["rating"])])
    sampler.save(tmp_path / "saved")
    loaded = LLMOverSampler.load(tmp_path / "saved")
    assert loaded.relations_ == sampler.relations_
    assert {one.is_kept for one in loaded.relations_} == {True, False}
    assert loaded.constraints_ == sampler.constraints_
    rows, again = (one.sample(20, random_state=1)[0] for one in (sampler, loaded))
    pd.testing.assert_frame_equal(again, rows)
    assert share_right(again)[0] == 1.0


def test_a_loaded_sampler_solves_conditions_on_computed_columns(tmp_path) -> None:
    sampler = fitted(constraints=["auto", Inequality("freight", "<=", "total")])
    sampler.save(tmp_path / "saved")
    loaded = LLMOverSampler.load(tmp_path / "saved")
    assert loaded.relations_ == sampler.relations_
    assert [one.is_declared for one in loaded.relations_] == [True, False, False]
    for condition in ({"city": "Aachen"}, {"total": 41.5}, {"city": "Bonn", "total": 60.25}):
        rows, again = (one.sample(12, condition=condition)[0] for one in (sampler, loaded))
        pd.testing.assert_frame_equal(again, rows)
        assert share_right(again) == (1.0, 1.0)
        for name, value in condition.items():
            assert set(again[name]) == {value}
    with pytest.raises(ValueError, match="no real row has these values"):
        loaded.sample(1, condition={"city": "Bonn", "branch": "A1"})


def test_a_table_without_relations_has_an_empty_list() -> None:
    X, _ = orders()
    X = X[["branch", "goods", "rating"]]
    assert fitted(frame=X).relations_ == []
