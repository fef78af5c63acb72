"""Relations between columns in whole rows: planted ones hold in all that is generated."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier

from benchmarks._samplers import make_sampler
from counterpoise import LLMOverSampler
from counterpoise.columns import ABSENT, MISSING, Table
from counterpoise.constraints import (
    FixedCombinations,
    Formula,
    FunctionalDependency,
    Inequality,
    NoCopies,
    OneHot,
    Range,
)
from counterpoise.errors import ModelError
from tests.constraints.test_formula import prepared
from tests.small_models import QUICK

COLOURS = ["red", "green", "blue"]
RELATIONS = [
    Formula("charge", "0.17 * minutes"),
    Formula("total", "a + b - 2"),
    Formula("end", "start + n_days"),
    Formula("share", "a / (a + b)"),
    FunctionalDependency(["branch"], "city"),
    FunctionalDependency(["city"], "country"),
    FunctionalDependency(["branch", "red"], "code"),
    OneHot(COLOURS),
]
COMPUTED = {"charge", "total", "end", "share", "city", "country", "code"}


def table_of_relations(n_rows: int, seed: int, missing: float = 0.1) -> pd.DataFrame:
    """Return rows that keep all of `RELATIONS`."""
    rng = np.random.default_rng(seed)
    branch = pd.Series(rng.choice(["A1", "A2", "B1", "C1", None], n_rows), dtype=object)
    branch[0] = "A1"
    colour = rng.integers(3, size=n_rows)
    start = pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(900, size=n_rows), "D")
    frame = pd.DataFrame({"minutes": rng.gamma(5, 36, n_rows).round(1), "branch": branch})
    frame["a"] = rng.integers(50, size=n_rows)
    frame["b"] = rng.integers(1000, size=n_rows) / 100
    hidden = rng.random(n_rows) < missing
    hidden[0] = False
    frame.loc[hidden, "b"] = np.nan
    frame["charge"] = (frame["minutes"] * 0.17).round(2)
    frame["total"] = (frame["a"] + frame["b"] - 2).round(2)
    frame["share"] = (frame["a"] / (frame["a"] + frame["b"])).round(3)
    frame["n_days"] = rng.integers(60, size=n_rows)
    frame["start"], frame["end"] = start, start + pd.to_timedelta(frame["n_days"], "D")
    frame["city"] = branch.str[0].map({"A": "Aachen", "B": "Bonn", "C": "Celle"}).astype("category")
    frame["country"] = pd.Series(np.where(branch.isna(), None, "DE")).astype("string")
    for at, name in enumerate(COLOURS):
        frame[name] = (colour == at).astype("float32")
    known = branch.map({"A1": 10, "A2": 20, "B1": 30, "C1": 40}).fillna(0)
    frame["code"] = (known + (colour == 0)).astype("Int16")
    return frame


def keeps_relations(rows: pd.DataFrame, real: pd.DataFrame) -> pd.DataFrame:
    """Return by relation which rows keep it, to the decimals that `real` rows have."""

    def near(column: str, values: pd.Series, decimals: int) -> pd.Series:
        cells = real[column].dropna()
        while decimals and np.allclose(cells, cells.round(decimals - 1), rtol=0, atol=1e-9):
            decimals -= 1
        is_right = (rows[column] - values).abs() <= 0.501 * 10.0**-decimals
        return is_right | (rows[column].isna() & values.isna())

    letter = rows["branch"].str[0]
    known = rows["branch"].map({"A1": 10, "A2": 20, "B1": 30, "C1": 40}).fillna(0)
    city = rows["city"].astype(object).str[0]
    return pd.DataFrame(
        {
            "charge": near("charge", rows["minutes"] * 0.17, 2),
            "total": near("total", rows["a"] + rows["b"] - 2, 2),
            "share": near("share", rows["a"] / (rows["a"] + rows["b"]), 3),
            "end": rows["start"] + pd.to_timedelta(rows["n_days"], "D") == rows["end"],
            "city": (city == letter) | (city.isna() & letter.isna()),
            "country": rows["country"].isna() == letter.isna(),
            "colour": rows[COLOURS].sum(axis=1) == 1,
            "code": rows["code"] == (known + rows["red"]).astype("Int16"),
        }
    )


def draw_codes(table: Table, n_rows: int, seed: int) -> Table:
    """Return rows of cells that the columns of `table` can have, drawn independently."""
    rng = np.random.default_rng(seed)
    codes = []
    for column in table.schema:
        low, high = column.code_range or (0, int(column.n_values) - 1)
        drawn = rng.integers(low, high, size=n_rows, endpoint=True)
        drawn = np.where(column.contains(drawn), drawn, low)  # there may be gaps
        codes.append(np.where(column.has_missing & (rng.random(n_rows) < 0.2), MISSING, drawn))
    return Table(table.schema, np.column_stack(codes))


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(2, 80), st.permutations(RELATIONS))
def test_rows_of_any_learned_cells_keep_all_relations(seed, n_rows, relations):
    frame = table_of_relations(n_rows, seed)
    assert keeps_relations(frame, frame).all(axis=None)
    given_table = prepared(frame, *relations)
    layout, learned = given_table.constraints.layout, given_table.table
    assert len(learned.schema) == 1 + frame.shape[1] - len(COMPUTED) - len(COLOURS) + 1
    drawn = draw_codes(learned, 200, seed)
    rows = layout.split(drawn)
    is_whole = (rows.codes != ABSENT).all(axis=1)
    tests = given_table.constraints.accepts().values()
    accepted = np.logical_and.reduce([accepts(drawn) for accepts in tests])
    assert (accepted == is_whole).all()
    whole = rows.take(is_whole)
    assert not whole.invalid_cells().any()
    made = whole.to_frame().iloc[:, 1:]
    assert (made.dtypes == frame.dtypes).all()
    assert keeps_relations(made, frame).all(axis=None)
    again = layout.join(whole)
    assert (again.codes == drawn.take(is_whole).codes).all()
    assert (layout.split(again).codes == whole.codes).all()


@settings(max_examples=20)
@example(15965, 46)
@given(st.integers(0, 2**32), st.integers(2, 60))
def test_real_rows_come_back_and_agree(seed, n_rows):
    frame = table_of_relations(n_rows, seed)
    given_table = prepared(frame, *RELATIONS)
    layout = given_table.constraints.layout
    real = layout.split(given_table.table)
    # the largest charge can be half a cent that was rounded down, and is computed out of the range
    whole = np.flatnonzero((real.codes != ABSENT).all(axis=1))
    assert len(whole) >= n_rows - 1
    real = real.take(whole)
    assert (real.codes == given_table.constraints.real_rows.codes[whole]).all()
    pd.testing.assert_frame_equal(
        real.to_frame().drop(columns=["t", "charge", "share", "total"]),
        frame.drop(columns=["charge", "share", "total"]).iloc[whole].reset_index(drop=True),
        check_like=True,
    )
    for derivation in layout.derived:
        assert derivation.constraint.agrees(given_table.observed).all()


# With a model


@pytest.fixture(scope="module")
def shop() -> tuple[pd.DataFrame, pd.Series]:
    labels = np.where(np.arange(120) % 4 == 0, "yes", "no")
    return table_of_relations(120, 0, missing=0.3), pd.Series(labels, name="bought")


@pytest.fixture(scope="module")
def fitted(shop):
    sampler = make_sampler(**QUICK, constraints=RELATIONS)
    return sampler, sampler.fit_resample(*shop)[0].iloc[120:]


def test_synthetic_rows_keep_the_relations_and_the_dtypes(fitted, shop):
    sampler, made = fitted
    assert keeps_relations(made, shop[0]).all(axis=None)
    assert (made.dtypes == shop[0].dtypes).all()
    assert made["b"].isna().any()
    names = [column.name for column in sampler.generator_.serializer.schema]
    assert COMPUTED.isdisjoint(names)
    assert [column.name for column in sampler.schema_] == shop[0].columns.tolist()


def test_rejections_are_counted(fitted):
    stats = fitted[0].rejection_stats_["yes"]
    assert stats.rejected["total = a + b - 2 is out of range"] >= 0
    assert len(stats.rejected) >= len(COMPUTED)


def test_provenance_is_in_the_columns_of_the_user(fitted, shop):
    sampler, made = fitted
    origin = sampler.provenance_
    asked = origin["condition_column"].dropna()
    assert not COMPUTED & set(asked)
    assert tuple(COLOURS) in set(asked)
    exact = (origin["nearest_distance"] == 0).to_numpy()
    nearest = shop[0].iloc[origin["nearest_row"][exact]].reset_index(drop=True)
    pd.testing.assert_frame_equal(made[exact].reset_index(drop=True), nearest)


def test_rows_that_break_a_relation_have_no_likelihood(fitted, shop):
    sampler, _ = fitted
    X, y = shop[0][shop[1] == "yes"][:20], ["yes"] * 20
    assert np.isfinite(sampler.score_samples(X, y)).all()
    other = X.assign(city=X["city"].cat.rename_categories({"Aachen": "Bonn", "Bonn": "Aachen"}))
    is_other = X["city"].isin(["Aachen", "Bonn"]).to_numpy()
    assert (np.isneginf(sampler.score_samples(other, y)) == is_other).all()
    # a number that is not known is left out, not wrong
    assert np.isfinite(sampler.score_samples(X.assign(charge=np.nan), y)).all()
    assert np.isneginf(sampler.score_samples(X.assign(charge=X["charge"] + 0.02), y)).all()


def test_conditions_on_computed_columns(fitted, shop):
    sampler, _ = fitted
    made, _ = sampler.sample(15, condition={"city": "Aachen"}, random_state=0)
    assert set(made["branch"]) == {"A1", "A2"}
    assert keeps_relations(made, shop[0]).all(axis=None)
    charge = shop[0]["charge"][5]
    made, _ = sampler.sample(5, condition={"charge": charge, "red": 1}, random_state=0)
    assert (made["charge"] == charge).all()
    assert (made["red"] == 1).all()
    made, _ = sampler.sample(8, condition={"end": "2022-01-05"}, random_state=0)
    assert (made["end"] == pd.Timestamp("2022-01-05")).all()
    assert keeps_relations(made, shop[0]).all(axis=None)
    assert made["start"].nunique() > 1
    with pytest.raises(ValueError, match="no real row has these values"):
        sampler.sample(1, condition={"branch": "A1", "city": "Bonn"})
    with pytest.raises(ValueError, match=r"can't be solved|name values of"):
        sampler.sample(1, condition={"share": 0.5})


def test_a_saved_sampler_keeps_the_relations(fitted, tmp_path):
    sampler, _ = fitted
    sampler.save(tmp_path / "saved")
    loaded = LLMOverSampler.load(tmp_path / "saved")
    assert loaded.constraints_ == sampler.constraints_
    for other in (loaded, pickle.loads(pickle.dumps(sampler))):
        for condition in ({}, {"city": "Celle"}):
            pd.testing.assert_frame_equal(
                other.sample(12, condition=condition, random_state=3)[0],
                sampler.sample(12, condition=condition, random_state=3)[0],
            )
    with pytest.raises(ModelError):
        loaded.save(tmp_path / "again", include_rows=True)


def test_what_is_saved_of_rows_is_the_observed_map_alone(fitted, tmp_path, shop):
    from safetensors.numpy import load_file

    sampler, _ = fitted
    sampler.save(tmp_path / "saved")
    kept = load_file(tmp_path / "saved" / "value_counts.safetensors")["combinations"]
    names = np.array(["bought", *shop[0].columns], dtype=object)
    groups = {tuple(names[row != ABSENT]) for row in kept}
    assert groups == {
        ("branch", "city"),
        ("city", "country"),
        ("branch", "red", "code"),
        tuple(COLOURS),
    }


def test_rows_saved_with_it(shop, tmp_path):
    sampler = make_sampler(**QUICK, constraints=[*RELATIONS, NoCopies()])
    made = sampler.fit_resample(*shop)[0].iloc[120:]
    assert sampler.copy_rate_ == 0
    sampler.save(tmp_path / "saved", include_rows=True)
    loaded = LLMOverSampler.load(tmp_path / "saved")
    made, _ = loaded.sample(10, random_state=0)
    assert keeps_relations(made, shop[0]).all(axis=None)


@pytest.mark.usefixtures("small_compact")
def test_copies_are_found_although_numbers_were_rounded():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 4)) * 1000
    which = rng.integers(4, size=(2, 80))
    X = pd.DataFrame({"x": first[which[0]], "y": second[which[1]]})
    X["z"] = X["x"] - X["y"]
    relations = [
        FunctionalDependency(["x"], "x2"),
        FunctionalDependency(["y"], "y2"),
        Formula("z", "x - y"),
    ]
    X = X.assign(x2=X["x"].rank(method="dense"), y2=X["y"].rank(method="dense"))
    sampler = make_sampler(**QUICK, constraints=relations, selection=None)
    made = sampler.fit_resample(X, pd.Series(np.arange(80) % 4 == 0))[0].iloc[80:]
    real = set(map(tuple, X[np.arange(80) % 4 == 0][["x2", "y2"]].to_numpy()))
    copies = [tuple(row) in real for row in made[["x2", "y2"]].to_numpy()]
    assert sampler.copy_rate_ == pytest.approx(np.mean(copies))
    assert np.mean(copies) > 0


@pytest.mark.usefixtures("small_compact")
@pytest.mark.parametrize(
    "options",
    [
        {"recipe": "great"},
        {"decoding": "free", "serialization": "text", "selection": None, "refinement": None},
        {"serialization": "text"},
        {"selection": RandomForestClassifier(10, random_state=0)},
        {"train_on": "all", "condition": "any-feature"},
    ],
    ids=str,
)
def test_with_other_recipes(shop, options):
    sampler = make_sampler(**{**QUICK, **options}, constraints=RELATIONS)
    made = sampler.fit_resample(*shop)[0].iloc[120:]
    assert keeps_relations(made, shop[0]).all(axis=None)


@pytest.mark.usefixtures("small_compact")
def test_other_constraints_see_computed_columns(shop):
    relations = [*RELATIONS, Inequality("charge", "<=", "total"), Range("total", 5, 30)]
    X, y = shop
    X = X.assign(minutes=X["minutes"] / 20)
    X["minutes"] = X["minutes"].round(1)
    X["charge"] = (X["minutes"] * 0.17).round(2)
    keeps = (X["charge"] <= X["total"]) | X["total"].isna()
    X, y = X[keeps].reset_index(drop=True), y[keeps].reset_index(drop=True)
    sampler = make_sampler(**QUICK, constraints=relations)
    made = sampler.fit_resample(X, y)[0].iloc[len(X) :]
    assert keeps_relations(made, shop[0]).all(axis=None)
    assert (made["total"].between(5, 30) | made["total"].isna()).all()
    assert ((made["charge"] <= made["total"]) | made["total"].isna()).all()


@pytest.mark.usefixtures("small_compact")
def test_all_columns_but_one_computed():
    a = pd.Series(np.arange(60) % 17)
    X = pd.DataFrame({"a": a, "b": 2 * a, "c": a % 3})
    relations = [Formula("b", "a * 2"), FunctionalDependency(["b"], "c")]
    sampler = make_sampler(**QUICK, constraints=relations)
    made = sampler.fit_resample(X, pd.Series(np.arange(60) % 3 == 0))[0].iloc[60:]
    assert (made["b"] == 2 * made["a"]).all()
    assert (made["c"] == made["a"] % 3).all()


@pytest.mark.usefixtures("small_compact")
def test_columns_of_arrays_are_named_by_position():
    rng = np.random.default_rng(0)
    X = rng.integers(9, size=(60, 3))
    X[:, 2] = X[:, 0] + X[:, 1]
    sampler = make_sampler(**QUICK, constraints=[Formula(2, "`0` + `1`")])
    made = sampler.fit_resample(X, np.arange(60) % 3 == 0)[0][60:]
    assert (made[:, 2] == made[:, 0] + made[:, 1]).all()


@pytest.mark.usefixtures("small_compact")
def test_a_determinant_of_many_possible_values_gives_observed_ones():
    rng = np.random.default_rng(0)
    postal = rng.choice([10115, 20095, 50667, 80331, 99999], 60)
    X = pd.DataFrame({"postal": postal, "place": [f"place {n}" for n in postal]})
    relations = [FunctionalDependency(["postal"], "place")]
    sampler = make_sampler(**QUICK, constraints=relations, column_types={"place": "categorical"})
    made = sampler.fit_resample(X, pd.Series(np.arange(60) % 3 == 0))[0].iloc[60:]
    assert (made["place"] == "place " + made["postal"].astype(str)).all()
    assert sampler.rejection_stats_[True].n_rejected == 0 or all(
        "determine" not in reason or not n
        for reason, n in sampler.rejection_stats_[True].rejected.items()
    )


@pytest.mark.usefixtures("small_compact")
def test_a_source_in_a_fixed_combination(shop):
    X, y = shop
    relations = [Formula("charge", "0.17 * minutes"), FixedCombinations(["a", "n_days", "minutes"])]
    made = make_sampler(**QUICK, constraints=relations).fit_resample(X, y)[0].iloc[120:]
    assert keeps_relations(made, X)["charge"].all()
    columns = ["a", "n_days", "minutes"]
    assert set(map(tuple, made[columns].to_numpy())) <= set(map(tuple, X[columns].to_numpy()))


@pytest.mark.usefixtures("small_compact")
def test_a_formula_that_was_solved_for_another_column_is_saved_so(shop, tmp_path):
    relations = [Formula("n_days", "end - start"), Inequality("start", "<=", "end")]
    sampler = make_sampler(**QUICK, constraints=relations)
    made = sampler.fit_resample(*shop)[0].iloc[120:]
    assert keeps_relations(made, shop[0])["end"].all()
    assert sampler.constraints_ == [Formula("end", "n_days + start"), relations[1]]
    assert sampler.constraints == relations
    made, _ = sampler.sample(9, condition={"n_days": 7}, random_state=0)
    assert (made["end"] - made["start"] == pd.Timedelta("7D")).all()
    sampler.save(tmp_path / "saved")
    again, _ = LLMOverSampler.load(tmp_path / "saved").sample(
        9, condition={"n_days": 7}, random_state=0
    )
    pd.testing.assert_frame_equal(again, made)
