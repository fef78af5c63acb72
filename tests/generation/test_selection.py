"""The classifiers that say which generated rows are kept."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from benchmarks._samplers import make_sampler
from counterpoise import LLMOverSampler
from counterpoise._progress import Stage
from counterpoise.columns import MISSING, Schema, Table
from counterpoise.errors import DecodingError
from counterpoise.generation._prompts import ValueCounts
from counterpoise.generation._raking import POOL_ROWS_PER_ROW, Raking, rake
from counterpoise.generation._rejection_sampling import (
    NOT_SELECTED,
    Drawing,
    GeneratedRows,
    PoolDrawing,
    choose_from_pool,
)
from counterpoise.generation._selection import (
    N_STRATA,
    Likeliest,
    SelectionClassifier,
)
from counterpoise.persistence._selection import Trees
from tests.small_models import labelled_table


def two_sides(n_rows: int = 400, n_rare: int = 80) -> Table:
    """Rare rows have large numbers of "a", whatever "b" is."""
    rng = np.random.default_rng(0)
    is_rare = np.arange(n_rows) < n_rare
    frame = pd.DataFrame(
        {
            "a": np.where(is_rare, 600, 0) + rng.integers(0, 500, n_rows),
            "b": rng.choice(["x", "y", None], n_rows),
        }
    )
    return labelled_table(frame, pd.Series(np.where(is_rare, "rare", "usual"), name="y"))


def test_a_row_is_selected_where_its_own_class_is_the_likeliest() -> None:
    table = two_sides()
    selection_classifier = SelectionClassifier.fit(table, np.random.default_rng(0))
    assert selection_classifier is not None
    assert (selection_classifier.margin(table) >= 0).mean() > 0.99
    swapped = Table(table.schema, table.codes.copy(), table.texts)
    swapped.codes[:, 0] = 1 - table.codes[:, 0]
    assert (selection_classifier.margin(swapped) >= 0).mean() < 0.01


def test_of_several_classes_the_own_one_must_lead() -> None:
    frame = pd.DataFrame({"a": np.tile(np.arange(90) // 30, 4)})
    labels = pd.Series(np.array(["low", "middle", "high"])[frame["a"]], name="y")
    table = labelled_table(frame, labels)
    selection_classifier = SelectionClassifier.fit(table, np.random.default_rng(0))
    assert selection_classifier is not None
    assert (selection_classifier.margin(table) > 0.9).all()
    shifted = Table(table.schema, table.codes.copy(), table.texts)
    shifted.codes[:, 0] = (table.codes[:, 0] + 1) % 3
    assert (selection_classifier.margin(shifted) < -0.9).all()


@pytest.mark.parametrize(
    "selection",
    [
        RandomForestClassifier(30),
        [
            HistGradientBoostingClassifier(),
            make_pipeline(StandardScaler(), LogisticRegression()),
            LinearSVC(),
        ],
    ],
    ids=["one", "list"],
)
def test_any_classifiers_of_scikit_learn_select(selection) -> None:
    table = two_sides()
    table.codes[::7, 1] = MISSING  # which not all of them take
    fitted = SelectionClassifier.fit(table, np.random.default_rng(0), selection)
    assert fitted is not None
    assert len(fitted.classifiers) == 3
    is_known = table.codes[:, 1] != MISSING
    assert (fitted.margin(table.take(is_known)) >= 0).mean() > 0.97
    again = SelectionClassifier.fit(table, np.random.default_rng(0), selection)
    assert again is not None
    np.testing.assert_array_equal(again.margin(table), fitted.margin(table))


def test_each_classifier_is_fitted_without_a_third_and_with_balanced_classes() -> None:
    seen: list[tuple[int, float]] = []

    class Noting(DummyClassifier):
        def fit(self, X, y, sample_weight=None):
            seen.append((len(y), sample_weight[y == 0].sum() / sample_weight[y == 1].sum()))
            return super().fit(X, y, sample_weight)

    SelectionClassifier.fit(two_sides(n_rows=300, n_rare=60), np.random.default_rng(0), Noting())
    assert [n for n, _ in seen] == [200, 200, 200]
    assert [ratio for _, ratio in seen] == pytest.approx([1.0, 1.0, 1.0])


def test_a_column_with_hardly_a_value_is_no_obstacle() -> None:
    """Some of the classifiers are trained without the one row that has one."""
    table = two_sides(n_rows=60, n_rare=20)
    table.codes[1:, 1] = MISSING
    selection_classifier = SelectionClassifier.fit(table, np.random.default_rng(0))
    assert selection_classifier is not None
    assert np.isfinite(selection_classifier.margin(table)).all()


def test_classifiers_that_know_nothing_select_every_row() -> None:
    table = two_sides(n_rows=30, n_rare=10)  # too few rows for a single split
    selection_classifier = SelectionClassifier.fit(table, np.random.default_rng(0))
    assert selection_classifier is not None
    assert (selection_classifier.margin(table) >= 0).all()


def test_there_is_no_classifier_without_usable_features_or_a_second_class() -> None:
    frame = pd.DataFrame({"y": ["a", "b"] * 4, "note": [f"note {i}" for i in range(8)]})
    texts = Table.from_frame(frame, Schema.infer(frame, kinds={"note": "text"}))
    assert SelectionClassifier.fit(texts, np.random.default_rng(0)) is None
    one_class = two_sides().take(np.arange(80))
    assert SelectionClassifier.fit(one_class, np.random.default_rng(0)) is None


def sampler_of(table: Table, selection: object, **changes: object) -> LLMOverSampler:
    frame = table.to_frame()
    sampler = make_sampler(
        model="compact", selection=selection, epochs=2, random_state=0, **changes
    )
    sampler.fit_resample(frame.drop(columns="y"), frame["y"])
    return sampler


def test_generated_rows_are_selected_and_the_number_is_as_asked(tmp_path) -> None:
    table = two_sides()
    sampler = sampler_of(table, "classifier", recipe="ranking")
    selection_classifier = sampler.generator_.selection_classifier
    assert selection_classifier is not None
    rejection_stats = sampler.rejection_stats_["rare"]
    assert sampler.n_synthetic_ == rejection_stats.n_rows == 240
    assert rejection_stats.rejected[NOT_SELECTED] > 0, "two epochs teach it little"
    written = sampler.sample(100, random_state=1)
    sampler.save(tmp_path / "saved")
    loaded = LLMOverSampler.load(tmp_path / "saved")
    pd.testing.assert_frame_equal(loaded.sample(100, random_state=1)[0], written[0])
    assert isinstance(loaded.generator_.selection_classifier.classifiers[0], Trees)
    every = sampler_of(table, None, recipe="ranking")
    assert every.generator_.selection_classifier is None
    assert not every.rejection_stats_["rare"].rejected

    def mean_of_a(one: LLMOverSampler) -> float:
        return float(one.sample(200, random_state=2)[0]["a"].mean())

    assert mean_of_a(sampler) > mean_of_a(every)


def test_the_calibrated_rule_is_the_same_after_loading(tmp_path) -> None:
    sampler = sampler_of(two_sides(), "classifier", max_samples_seen=800)
    rejection_stats = sampler.rejection_stats_["rare"]
    assert sampler.n_synthetic_ == rejection_stats.n_rows == 240
    assert rejection_stats.rejected[NOT_SELECTED] > 0
    assert rejection_stats.n_drawn == POOL_ROWS_PER_ROW * 240
    sampler.save(tmp_path / "saved")
    loaded = LLMOverSampler.load(tmp_path / "saved")
    one, other = sampler.generator_.selection_classifier, loaded.generator_.selection_classifier
    np.testing.assert_array_equal(other.quantiles, one.quantiles)
    for n_rows in (3, 100):
        rows, again = (each.sample(n_rows, random_state=1)[0] for each in (sampler, loaded))
        assert len(rows) == n_rows
        pd.testing.assert_frame_equal(again, rows)


TENTHS = Schema.infer(pd.DataFrame({"y": ["a", "b"] * 5, "tenth": range(10)}))


class ByColumn:
    """Stands in for a selection classifier: a column says in which tenth a row is."""

    def strata(self, table: Table) -> np.ndarray:
        return table.codes[:, 1]


def drawn(shares: list[float], seed: int = 0):
    """Return a function that draws rows whose tenths have these shares, and what it drew."""
    rng, strata = np.random.default_rng(seed), []

    def draw(n: int) -> GeneratedRows:
        own = rng.choice(10, n, p=shares)
        strata.extend(own.tolist())
        table = Table(TENTHS, np.column_stack([np.zeros(n, int), own]))
        return GeneratedRows(table, own, np.zeros(n), np.zeros(n, int))

    return draw, strata


UNEVEN = [0.28, *[0.08] * 9]


def calibrated(n_rows: int, shares: list[float], n_pool: int = 0, seed: int = 0):
    """Rows chosen from a pool of draws, what it took, and the tenths of all draws."""
    draw, strata = drawn(shares, seed)
    choose = partial(Raking(ByColumn(), 0, None).choose, rng=np.random.default_rng(seed))
    how = {"drawing": PoolDrawing(Drawing(), 1 / 3), "is_late": lambda: False}
    return *choose_from_pool(draw, n_rows, n_pool or 3 * n_rows, {}, choose, **how), strata


@pytest.mark.parametrize("n_rows", [1, 7, 25, 400])
def test_calibrated_selection_takes_about_equally_many_rows_of_each_tenth(n_rows) -> None:
    rows, stats, strata = calibrated(n_rows, UNEVEN)
    assert len(rows) == n_rows
    assert (stats.n_drawn, stats.n_fallback) == (3 * n_rows, 0)
    assert stats.rejected == {NOT_SELECTED: 2 * n_rows}
    counts = np.bincount(rows.table.codes[:, 1], minlength=10)
    for stratum in range(10):
        assert counts[stratum] <= strata.count(stratum)
    if n_rows == 400:
        # 28 % and 8 % of 1,200 draws are wanted as 10 %: systematic sampling of weighted rows in
        # random order leaves a tenth a standard deviation of less than 5
        assert np.abs(counts - 40).max() < 20
    with_all = calibrated(400, UNEVEN, n_pool=400)[0]
    assert len(with_all) == 400, "a pool without rows to spare is taken whole"


def test_rows_are_chosen_in_the_order_drawn_and_none_twice() -> None:
    rng = np.random.default_rng(0)
    pool = Table(TENTHS, np.column_stack([np.zeros(900, int), rng.integers(0, 10, 900)]))
    chosen = Raking(ByColumn(), 0, None).choose(pool, 300, rng)
    assert len(chosen) == 300
    assert (np.diff(chosen) > 0).all()


def test_a_pool_is_no_longer_filled_when_it_is_late() -> None:
    draw, strata = drawn(UNEVEN)
    choose = partial(Raking(ByColumn(), 0, None).choose, rng=np.random.default_rng(0))
    how = {"drawing": PoolDrawing(Drawing(), 1 / 3), "is_late": lambda: True}
    rows, stats = choose_from_pool(draw, 200, 600, {}, choose, **how)
    assert len(rows) == len(strata) == stats.n_drawn == 200
    assert stats.n_rejected == 0


def test_the_pool_is_shown_as_what_will_be_chosen_of_it() -> None:
    seen: list[int] = []

    class Watched(Stage):
        def __call__(self, n: int = 1) -> None:
            super().__call__(n)
            seen.append(self.n)

    stage = Watched(400)
    drawing = Drawing(stage)
    for _ in range(2):  # classes of one stage
        pool = PoolDrawing(drawing, 1 / 3)
        draw, _ = drawn(UNEVEN)

        def shown(n: int, draw=draw, pool=pool) -> GeneratedRows:
            pool(n)
            return draw(n)

        choose = partial(Raking(ByColumn(), 0, None).choose, rng=np.random.default_rng(0))
        choose_from_pool(shown, 200, 600, {}, choose, drawing=pool, is_late=lambda: False)
    assert seen == sorted(seen), "it never goes back"
    assert 60 <= seen[0] <= 70, "a third of the first 200 draws"
    assert stage.n == 400
    assert stage.text == "400 accepted, 800 rejected"


def test_a_pool_is_as_large_as_constraints_allow() -> None:
    draw, strata = drawn(UNEVEN)
    choose = partial(Raking(ByColumn(), 0, None).choose, rng=np.random.default_rng(0))
    how = {"drawing": PoolDrawing(Drawing(), 1 / 3), "is_late": lambda: False}

    def accept(table: Table) -> np.ndarray:
        return np.full(len(table), len(strata) <= n_good)

    n_good = 200
    rows, stats = choose_from_pool(draw, 200, 600, {"late": accept}, choose, **how)
    assert len(rows) == stats.n_rows == 200
    n_good = 0
    with pytest.raises(DecodingError, match="late"):
        choose_from_pool(draw, 200, 600, {"late": accept}, choose, **how)


def test_chosen_rows_have_the_values_of_the_real_rows_of_their_class() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"y": ["a", "b"] * 500, "kind": rng.choice(["x", "y", "z"], 1000)})
    frame["n"] = rng.normal(50, 10, 1000).round()
    frame.loc[frame["y"] == "a", "kind"] = rng.choice(["x", "y"], 500, p=[0.8, 0.2])
    frame.loc[frame["y"] == "a", "n"] -= 10
    table = Table.from_frame(frame, Schema.infer(frame))
    counts = ValueCounts.of(table)

    class Unclear:
        def strata(self, table: Table) -> np.ndarray:
            return rng.integers(0, 10, len(table))

    pool = table.take(rng.integers(0, 1000, 3000))  # rows of both classes, taken for one
    chosen = pool.take(Raking(Unclear(), 0, counts).choose(pool, 1000, rng)).to_frame()
    real, before = frame[frame["y"] == "a"], pool.to_frame()
    assert (before["kind"] == "x").mean() < 0.65
    assert before["n"].mean() > real["n"].mean() + 4
    share = (real["kind"] == "x").mean()
    assert (chosen["kind"] == "x").mean() == pytest.approx(share, abs=0.05)
    assert chosen["n"].mean() == pytest.approx(real["n"].mean(), abs=1.5)


def test_raking_gives_groups_their_shares_as_far_as_weights_allow() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 3, 2000), rng.integers(0, 2, 2000)
    margins = [(one, np.array([0.6, 0.3, 0.1])), (other, np.array([0.2, 0.8]))]
    weights = rake(margins, 2000, 4.0)
    assert weights.mean() == pytest.approx(1)
    assert weights.max() <= 4.0
    for groups, shares in margins:
        now = np.bincount(groups, weights=weights) / weights.sum()
        np.testing.assert_allclose(now, shares, atol=1e-3)
    assert rake(margins, 2000, 1.0).max() == pytest.approx(1), "no row can count for more"
    empty = [(np.zeros(10, int), np.array([0.5, 0.5]))]
    np.testing.assert_allclose(rake(empty, 10, 2.0), 1.0)


def noisy(n_rows: int, seed: int) -> Table:
    """Every third row is rare; its "a" is larger, but the classes overlap."""
    rng = np.random.default_rng(seed)
    is_rare = np.arange(n_rows) % 3 == 0
    frame = pd.DataFrame(
        {
            "a": np.clip(rng.normal(500 + 150 * is_rare, 100), 0, 1000).astype(int),
            "b": rng.integers(0, 100, n_rows),
        }
    )
    frame.loc[:1, "a"] = [0, 1000]  # one range, so that codes mean the same in every table
    frame.loc[:1, "b"] = [0, 99]
    return labelled_table(frame, pd.Series(np.where(is_rare, "rare", "usual"), name="y"))


def test_rows_like_the_real_ones_are_equally_many_in_each_tenth() -> None:
    classifier = SelectionClassifier.fit(noisy(3000, 0), np.random.default_rng(0))
    assert classifier is not None
    fresh = noisy(9000, 1)
    for label in (0, 1):
        of_class = fresh.take(fresh.codes[:, 0] == label)
        strata = classifier.strata(of_class)
        shares = np.bincount(strata, minlength=N_STRATA) / len(of_class)
        # quantiles of 1,000 rows or more and shares of 3,000 or more: standard deviation below
        # .012 together, so that 5 of these fail by chance once in 80,000 runs
        assert np.abs(shares - 0.1).max() < 5 * 0.012
        other = Table(of_class.schema, of_class.codes.copy(), of_class.texts)
        other.codes[:, 0] = 1 - label
        assert (classifier.strata(other) == 0).mean() > 0.5, "doubtful cases of the other class"


def test_the_likeliest_rule_prefers_the_largest_margin() -> None:
    table = noisy(600, 0)
    classifier = SelectionClassifier.fit(table, np.random.default_rng(0))
    assert classifier is not None
    is_selected, preference = Likeliest(classifier)(table)
    np.testing.assert_array_equal(preference, classifier.margin(table))
    np.testing.assert_array_equal(is_selected, preference >= 0)
    assert 0 < is_selected.mean() < 1


def test_missing_and_absent_cells_are_missing_to_the_classifier() -> None:
    table = two_sides()
    selection_classifier = SelectionClassifier.fit(table, np.random.default_rng(0))
    assert selection_classifier is not None
    without = Table(table.schema, table.codes.copy(), table.texts)
    without.codes[:, 1] = MISSING
    assert np.isfinite(selection_classifier.margin(without)).all()
