"""In which rows relations hold: real, held-out, synthetic, and those of other generators."""

import numpy as np
import pandas as pd
import pytest

from counterpoise.columns import Schema
from counterpoise.constraints import (
    Formula,
    FunctionalDependency,
    Implication,
    Inequality,
    MissingTogether,
    OneHot,
    relation_shares,
)

DAY = pd.Timestamp("2024-03-01")


def orders(n_rows: int = 60) -> pd.DataFrame:
    """Rows in which all of `RELATIONS` hold."""
    rng = np.random.default_rng(0)
    depot = rng.choice(["north 1", "north 2", "south 1"], n_rows)
    express = rng.random(n_rows) < 0.4
    weight = rng.integers(10, 900, n_rows) / 10
    sent = DAY + pd.to_timedelta(rng.integers(0, 90, n_rows), "D")
    colour = rng.integers(0, 2, n_rows)
    return pd.DataFrame(
        {
            "depot": depot,
            "region": pd.Series(depot).str.split().str[0],
            "express": np.where(express, "yes", "no"),
            "surcharge": np.where(express, rng.integers(3, 9, n_rows), 0),
            "weight": weight,
            "freight": (weight * 0.35).round(2),
            "sent": sent,
            "delivered": sent + pd.to_timedelta(rng.integers(1, 9, n_rows), "D"),
            "red": colour,
            "blue": 1 - colour,
            "door": np.where(express, "left", None),
            "floor": np.where(express, 2.0, np.nan),
        }
    )


RELATIONS = [
    FunctionalDependency(["depot"], "region"),
    Implication("express", ["no"], "surcharge", [0]),
    Formula("freight", "0.35 * weight"),
    Inequality("sent", "<=", "delivered"),
    OneHot(["red", "blue"]),
    MissingTogether(["door", "floor"]),
]


def test_all_hold_in_the_real_rows():
    real = orders()
    assert relation_shares(RELATIONS, real, real=real).tolist() == [1.0] * 6


def test_each_broken_row_counts():
    real = orders()
    rows = real.iloc[:20].reset_index(drop=True)
    rows.loc[0, "region"] = "south" if rows["region"][0] == "north" else "north"
    rows.loc[[1, 2], ["express", "surcharge"]] = ["no", 5]
    rows.loc[[3, 4, 5], "freight"] += 0.02
    rows.loc[:3, "delivered"] = rows["sent"][:4] - pd.Timedelta("1D")
    rows.loc[:4, ["red", "blue"]] = 1
    rows.loc[:5, ["door", "floor"]] = [None, 2.0]
    found = relation_shares(RELATIONS, rows, real=real, schema=Schema.infer(real))
    assert found == pytest.approx(1 - np.arange(1, 7) / 20)


def test_rows_of_other_generators_are_compared_as_the_real_column_writes_them():
    real = orders()
    rows = real.astype({"surcharge": float, "red": float, "depot": "category", "express": object})
    rows["weight"] += 0.004  # which one decimal does not show
    rows["freight"] = 0.35 * rows["weight"].round(1)
    rows["sent"] -= pd.Timedelta("9h")
    assert relation_shares(RELATIONS, rows, real=real).tolist() == [1.0] * 6
    # numbers and dates outside of the range are told too
    rows["weight"], rows["freight"] = 1000.0, 350.0
    rows["sent"] = rows["delivered"] = DAY + pd.Timedelta("4000D")
    assert relation_shares(RELATIONS, rows, real=real).tolist() == [1.0] * 6
    rows["freight"] = 351.0
    rows["sent"] += pd.Timedelta("1D")
    assert relation_shares(RELATIONS[2:4], rows, real=real).tolist() == [0.0, 0.0]


def test_what_no_real_row_shows_is_left_out_of_the_share_of_a_dependency():
    real = orders()
    rows = real.iloc[:4].assign(depot=["north 1", "south 1", "west", None], region="north")
    assert relation_shares(RELATIONS[:1], rows, real=real).tolist() == [0.5]
    assert np.isnan(relation_shares(RELATIONS[:1], rows.iloc[2:], real=real)).all()


def test_two_determinants_are_looked_up_together():
    real = pd.DataFrame({"a": list("xxyy"), "b": [1, 2, 1, 2], "c": list("pqqp")})
    rows = pd.DataFrame({"a": list("xy"), "b": [1, 1], "c": list("pp")})
    relation = FunctionalDependency(["a", "b"], "c")
    assert relation_shares([relation], rows, real=real).tolist() == [0.5]


def test_nothing_is_asked_of_no_relations_and_no_rows():
    real = orders()
    assert relation_shares([], real, real=real).shape == (0,)
    assert np.isnan(relation_shares(RELATIONS, real.iloc[:0], real=real)).all()


def test_constraints_are_left_as_they_were():
    real = orders()
    relation = Formula("freight", "0.35 * weight")
    relation_shares([relation], real, real=real)
    assert relation.rounding == "auto"
