"""Situations that users of other tools reported in public; docs/public-reports.md lists them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterpoise import LLMOverSampler, Recipe
from counterpoise.constraints import FixedCombinations, Inequality, Range
from counterpoise.errors import SchemaError

N = 60
IS_RARE = np.arange(N) % 5 == 0
Y = pd.Series(np.where(IS_RARE, "yes", "no"), name="left")
RNG = np.random.default_rng(0)


def fitted(X: Any, y: Any = Y, **parameters: Any) -> tuple[LLMOverSampler, Any, Any]:
    sampler = LLMOverSampler(recipe=Recipe(epochs=1), random_state=0, **parameters)
    return sampler, *sampler.fit_resample(X, y)


def mixed() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "age": np.arange(N) % 37 + 18,
            "fee": np.round(RNG.normal(50, 9, N), 2),
            "plan": np.resize(["basic", "plus", "max"], N),
        }
    )


def test_every_feature_may_be_categorical() -> None:
    X = pd.DataFrame({name: np.resize(["a", "b", "c"], N) for name in "pqrs"})
    _, X_new, _ = fitted(X)
    assert X_new.iloc[N:].isin(["a", "b", "c"]).all(axis=None)


@pytest.mark.parametrize("name", ["age", "fee", "plan"])
def test_cells_may_be_missing(name: str) -> None:
    X = mixed()
    X[name] = X[name].astype(object).where(np.arange(N) % 3 > 0).infer_objects()
    _, X_new, y_new = fitted(X)
    assert y_new.value_counts().nunique() == 1
    pd.testing.assert_frame_equal(X_new.iloc[:N], X)
    assert X_new.dtypes.equals(X.dtypes)
    assert 0 < X_new[name].iloc[N:].isna().mean() < 1


def test_sample_weights_follow_the_rows() -> None:
    sampler, X_new, y_new = fitted(mixed())
    weights = sampler.extend(np.arange(N, dtype=float))
    assert len(weights) == len(X_new)
    assert set(weights[N:]) == {np.arange(N)[IS_RARE].mean()}
    assert set(y_new[N:]) == {"yes"}


def test_it_is_known_which_rows_are_new_and_what_they_are_near() -> None:
    sampler, X_new, _ = fitted(mixed())
    assert len(X_new) - sampler.n_synthetic_ == N
    assert len(sampler.provenance_) == sampler.n_synthetic_
    assert sampler.provenance_["nearest_row"].between(0, N - 1).all()


def test_real_rows_stay_first_whatever_the_index_is_called() -> None:
    X = mixed().set_axis([f"person {at}" for at in range(N)])
    _, X_new, y_new = fitted(X, Y.set_axis(X.index))
    pd.testing.assert_frame_equal(X_new.iloc[:N].set_axis(X.index), X)
    assert X_new.index.equals(y_new.index)


@pytest.mark.parametrize("is_missing", [np.zeros(N, dtype=bool), np.arange(N) % 4 == 0])
def test_times_with_a_zone_may_be_constrained_and_missing(is_missing: Any) -> None:
    start = pd.Series(pd.date_range("2024-01-01", periods=N, tz="UTC"))
    end = (start + pd.to_timedelta(np.arange(N) % 9, "D")).mask(is_missing)
    X = pd.DataFrame({"start": start, "end": end})
    _, X_new, _ = fitted(X, constraints=[Inequality("start", "<=", "end")])
    assert ((X_new["start"] <= X_new["end"]) | X_new["end"].isna()).all()
    assert str(X_new["start"].dt.tz) == "UTC"


def test_a_range_of_dates_that_are_stored_as_integers() -> None:
    days = pd.date_range("2020-01-01", periods=N, freq="29D").strftime("%Y%m%d").astype(int)
    X = mixed().assign(day=days)
    _, X_new, _ = fitted(X, constraints=[Range("day", 20200101, 20241231)])
    assert pd.to_datetime(X_new["day"].astype(str), format="%Y%m%d").dt.year.max() <= 2024


def test_a_range_of_integers_that_look_like_years() -> None:
    X = mixed().assign(year=2020 + np.arange(N) % 5)
    _, X_new, _ = fitted(X, constraints=[Range("year", 2019, 2025)])
    assert X_new["year"].iloc[N:].between(2019, 2025).all()


def test_fixed_combinations_that_share_a_column_are_refused_and_one_of_all_works() -> None:
    X = pd.DataFrame({"city": np.resize(["Rome", "Bari", "Bonn", "Kiel"], N)})
    X["country"] = X["city"].map({"Rome": "IT", "Bari": "IT", "Bonn": "DE", "Kiel": "DE"})
    X["tax"] = X["country"].map({"IT": "IVA", "DE": "MwSt"})
    both = [FixedCombinations(["city", "country"]), FixedCombinations(["country", "tax"])]
    with pytest.raises(SchemaError, match=r"'country'.*into a single combination"):
        fitted(X, constraints=both)
    _, X_new, _ = fitted(X, constraints=[FixedCombinations(["city", "country", "tax"])])
    assert len(X_new.drop_duplicates()) == 4


def test_more_unique_keys_than_there_were_rows() -> None:
    X = mixed().assign(key=[f"K-{7 * at:05d}" for at in range(N)])
    sampler, X_new, _ = fitted(X)
    more, _ = sampler.sample(3 * N, class_="yes")
    keys = pd.concat([X_new["key"], more["key"]])
    assert keys.is_unique
    assert keys.str.fullmatch(r"K-\d{5,}").all()


@pytest.mark.parametrize(
    ("condition", "named"),
    [
        ({"plan": "gold"}, "'plan' has no 'gold'"),
        ({"plam": "basic"}, "'plam'"),
        ({"age": 999}, "999"),
    ],
)
def test_a_condition_that_cannot_be_met_is_named(condition: dict[str, Any], named: str) -> None:
    sampler, *_ = fitted(mixed())
    with pytest.raises(ValueError, match=named):
        sampler.sample(3, class_="yes", condition=condition)


def test_every_row_meets_the_condition_also_where_others_have_missing_cells() -> None:
    X = mixed()
    X.loc[::3, "fee"] = np.nan
    X.loc[1::3, "plan"] = None
    sampler, *_ = fitted(X)
    rows, _ = sampler.sample(25, class_="yes", condition={"plan": "basic"})
    assert (len(rows), set(rows["plan"])) == (25, {"basic"})


def test_wide_tables_with_long_names_and_texts_give_as_many_rows_as_asked_for() -> None:
    X = pd.DataFrame(
        {f"a rather long name of the column number {at}": RNG.integers(0, 9, N) for at in range(24)}
    )
    X['note, which is "free" text'] = [f"a text, is it {at}: 'so', or not?" for at in range(N)]
    _, X_new, y_new = fitted(X)
    assert y_new.value_counts().nunique() == 1
    assert X_new.columns.equals(X.columns)


def test_numbers_alone_in_columns_whose_names_have_spaces() -> None:
    X = pd.DataFrame(RNG.normal(size=(N, 3)), columns=["X1 house age", "X2 is", "X3, and"])
    _, X_new, _ = fitted(X)
    assert np.isfinite(X_new).all(axis=None)


def test_whole_numbers_with_missing_ones_keep_their_type() -> None:
    X = mixed().assign(n=pd.array(np.arange(N) % 4, dtype="Int64"))
    X.loc[::4, "n"] = pd.NA
    _, X_new, _ = fitted(X)
    assert X_new["n"].dtype == "Int64"
    assert X_new["n"].dropna().isin(range(4)).all()


def test_few_rows_and_defaults_are_enough_to_sample() -> None:
    sampler = LLMOverSampler(random_state=0)
    _, y_new = sampler.fit_resample(mixed().iloc[:12], Y.iloc[:12])
    assert y_new.value_counts().nunique() == 1
    assert len(sampler.sample(5, class_="yes")[0]) == 5


def test_a_rare_class_of_two_rows() -> None:
    y = Y.where(np.arange(N) > 1, "other")
    y.iloc[2:] = y.iloc[2:].replace("yes", "no")
    _, _, y_new = fitted(mixed(), y)
    assert y_new.value_counts().to_dict() == {"no": 58, "other": 58}


def test_codes_keep_their_leading_zeros() -> None:
    X = mixed().assign(zip=np.resize(["00501", "01002", "10001"], N))
    _, X_new, _ = fitted(X)
    assert set(X_new["zip"].iloc[N:]) <= {"00501", "01002", "10001"}


def test_a_column_of_one_value_and_one_of_none() -> None:
    X = mixed().assign(constant=7, empty=np.nan)
    _, X_new, _ = fitted(X)
    assert (X_new["constant"] == 7).all()
    assert X_new["empty"].isna().all()


def test_the_same_seed_gives_the_same_rows_whatever_the_global_one_is() -> None:
    X = mixed()
    np.random.seed(1)  # noqa: NPY002
    first, rows, _ = fitted(X)
    np.random.seed(2)  # noqa: NPY002
    second, again, _ = fitted(X)
    pd.testing.assert_frame_equal(rows, again)
    pd.testing.assert_frame_equal(*(one.sample(9, class_="yes")[0] for one in (first, second)))
