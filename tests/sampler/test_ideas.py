"""The three ideas of the method: each switched off changes what it should and nothing else."""

import numpy as np
import pandas as pd
import pytest

from counterpoise.columns import ABSENT, MISSING, CategoricalColumn, TextColumn
from counterpoise.generation._prompts import (
    LABEL_ONLY,
    ValueCounts,
    draw_generation_orders,
    draw_prompts,
)
from counterpoise.recipes import Recipe
from counterpoise.serialization import draw_orders
from counterpoise.training._rows import interpolate, training_rows
from tests.small_models import labelled_table, mixed_frame

NUMERIC = [1, 2, 5]  # age, price, since, behind the label
CATEGORICAL = [3, 4, 6]


@pytest.fixture(scope="module")
def table():
    return labelled_table(*mixed_frame(200))


YES = 1


def rows_of(table, method, *, deficit=50, held_out=0.0, seed=0):
    rng = np.random.default_rng(seed)
    recipe = method.copy(validation_fraction=held_out)
    return training_rows(table, {YES: deficit}, recipe, rng)


def test_the_published_corpus(table):
    rows = rows_of(table, Recipe())
    real = table.codes[table.codes[:, 0] == YES]
    assert rows.n_real == len(real) == 40
    np.testing.assert_array_equal(rows.corpus.codes[:40], real)
    interpolated = rows.corpus.codes[40:]
    assert len(interpolated) == 50
    assert (interpolated[:, 0] == YES).all()
    assert (interpolated[:, CATEGORICAL] == ABSENT).all(), "never an invented category"
    assert not (interpolated[:, NUMERIC] == ABSENT).any()
    assert rows.held_out is None


def test_interpolation_off_leaves_the_real_rows_and_nothing_else(table):
    with_, without = rows_of(table, Recipe()), rows_of(table, Recipe(interpolation=None))
    np.testing.assert_array_equal(without.corpus.codes, with_.corpus.codes[: with_.n_real])
    real = table.codes[table.codes[:, 0] == YES]
    for position in range(1, 7):
        codes, counts = without.value_counts.values(YES, position)
        np.testing.assert_array_equal(np.repeat(codes, counts), np.sort(real[:, position]))


@pytest.mark.parametrize("changed", [{"permutation": "all"}, {"condition": "label"}])
def test_the_other_two_ideas_do_not_touch_the_corpus(table, changed):
    expected, found = rows_of(table, Recipe()), rows_of(table, Recipe(**changed))
    np.testing.assert_array_equal(found.corpus.codes, expected.corpus.codes)
    assert found.value_counts.counts.keys() == expected.value_counts.counts.keys()
    for key, counted in expected.value_counts.counts.items():
        np.testing.assert_array_equal(found.value_counts.counts[key], counted)


def test_interpolated_numbers_lie_between_real_neighbours(table):
    new = interpolate(table, {YES: 500}, np.random.default_rng(0)).codes
    real = table.codes[table.codes[:, 0] == YES]
    for column in (1, 5):
        values, own = new[:, column], real[:, column]
        known, own = values[values != MISSING], own[own != MISSING]
        assert known.min() >= own.min()
        assert known.max() <= own.max()
        assert len(np.setdiff1d(known, own)) > 0, "new values, not copies"
    assert not (new[:, 1] == MISSING).any(), "age is never missing"


def test_what_neighbours_miss_is_missing():
    a = np.arange(100)
    frame = pd.DataFrame({"a": a, "b": np.where(a < 50, a / 4, np.nan)})
    table = labelled_table(frame, pd.Series(["n", "y"] * 50, name="t"))
    new = interpolate(table, {YES: 300}, np.random.default_rng(0)).codes
    missing = new[:, 2] == MISSING
    assert not missing[new[:, 1] < 40].any()
    assert missing[new[:, 1] > 60].all()


def test_what_neighbours_share_is_shared_and_nothing_between():
    a = np.arange(100)
    frame = pd.DataFrame({"a": a, "b": np.where(a < 50, 2000 + a, -999)})
    table = labelled_table(frame, pd.Series(["n", "y"] * 50, name="t"))
    new = interpolate(table, {YES: 300}, np.random.default_rng(0)).codes
    is_sentinel = new[:, 2] == -999
    assert not is_sentinel[new[:, 1] < 40].any()
    assert is_sentinel[new[:, 1] > 60].all()
    assert (new[~is_sentinel, 2] >= 2000).all()


def test_distances_are_between_values_whatever_the_decimals():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"wide": rng.integers(0, 1000, 60), "share": rng.random(60).round(2)})
    labels = pd.Series(["n", "y"] * 30, name="t")
    finer = frame.assign(share=frame["share"] + rng.choice([0, 1e-9], 60))
    one, other = (
        interpolate(labelled_table(f, labels), {YES: 200}, np.random.default_rng(0)).codes[:, 1]
        for f in (frame, finer)
    )
    np.testing.assert_array_equal(one, other)


def test_a_class_of_five_is_duplicated(table):
    few = table.take(np.r_[np.flatnonzero(table.codes[:, 0] != YES), np.arange(0, 25, 5)])
    new = interpolate(few, {YES: 30}, np.random.default_rng(0)).codes
    real = few.codes[few.codes[:, 0] == YES][:, NUMERIC]
    assert len(real) == 5
    assert {tuple(row) for row in new[:, NUMERIC]} <= {tuple(row) for row in real}


def test_interpolation_without_numeric_features_writes_nothing():
    frame = pd.DataFrame({"a": ["x", "y"] * 10, "b": ["u", "v", "w", "u"] * 5})
    table = labelled_table(frame, pd.Series(["n", "n", "n", "y"] * 5, name="t"))
    assert len(interpolate(table, {YES: 10}, np.random.default_rng(0))) == 0


def test_held_out_rows_do_not_leak_into_the_corpus():
    table = labelled_table(*mixed_frame(300))
    method = Recipe(train_on="all")
    rows = rows_of(table, method, held_out=0.3)
    held_out = rows.held_out
    assert held_out is not None
    assert len(held_out) == 18 + 72
    assert rows.n_real + len(held_out) == 300
    # what is interpolated stays within the values of the rows that are trained on
    trained = rows.corpus.codes[: rows.n_real]
    own = trained[trained[:, 0] == YES][:, 1]
    new = rows.corpus.codes[rows.n_real :, 1]
    assert new.min() >= own.min()
    assert new.max() <= own.max()


def test_each_feature_is_the_condition_of_an_equal_share(table):
    value_counts = rows_of(table, Recipe()).value_counts
    prompts = draw_prompts(value_counts, YES, 122, "feature", np.random.default_rng(0))
    counts = np.bincount(prompts.condition, minlength=7)
    assert counts[LABEL_ONLY] == 0
    assert counts.sum() == 122
    assert counts[1:].max() - counts[1:].min() <= 1
    given = prompts.table.codes != ABSENT
    assert (given.sum(axis=1) == 2).all(), "the label and one feature"
    assert given[np.arange(122), prompts.condition].all()


def test_numbers_start_from_real_and_interpolated_values_categories_from_real_ones(table):
    rows = rows_of(table, Recipe(), deficit=300)
    prompts = draw_prompts(rows.value_counts, YES, 3000, "feature", np.random.default_rng(0))
    real = table.codes[table.codes[:, 0] == YES]
    interpolated = rows.corpus.codes[rows.n_real :]
    for position, column in enumerate(table.schema):
        drawn = prompts.table.codes[prompts.condition == position, position]
        if position == 0 or not len(drawn):
            continue
        pool = set(real[:, position])
        if not isinstance(column, CategoricalColumn):
            pool |= set(interpolated[:, position])
            assert set(drawn) - set(real[:, position]), "interpolated values are drawn too"
        assert set(drawn) <= pool


def test_condition_off_prompts_with_the_label_alone(table):
    value_counts = rows_of(table, Recipe()).value_counts
    prompts = draw_prompts(value_counts, YES, 20, "label", np.random.default_rng(0))
    assert (prompts.condition == LABEL_ONLY).all()
    assert (prompts.table.codes[:, 0] == YES).all()
    assert (prompts.table.codes[:, 1:] == ABSENT).all()


def test_free_text_is_never_a_condition():
    frame = pd.DataFrame({"note": [f"free text {i} of its own" for i in range(60)], "a": range(60)})
    table = labelled_table(frame, pd.Series(["n", "n", "y"] * 20, name="t"))
    assert isinstance(table.schema[1], TextColumn)
    prompts = draw_prompts(ValueCounts.of(table), YES, 40, "feature", np.random.default_rng(0))
    assert (prompts.condition == 2).all()


def test_rows_are_written_label_then_condition_then_the_rest(table):
    value_counts = rows_of(table, Recipe()).value_counts
    rng = np.random.default_rng(0)
    prompts = draw_prompts(value_counts, YES, 200, "feature", rng)
    orders = draw_generation_orders(prompts.table.codes, prompts.condition, "label-first", rng)
    assert (np.sort(orders, axis=1) == np.arange(7)).all()
    assert (orders[:, 0] == 0).all()
    np.testing.assert_array_equal(orders[:, 1], prompts.condition)
    assert len({tuple(order[2:]) for order in orders}) > 50, "the rest in random orders"


def test_permutation_off_writes_the_rest_in_the_order_of_the_table(table):
    value_counts = rows_of(table, Recipe()).value_counts
    rng = np.random.default_rng(0)
    prompts = draw_prompts(value_counts, YES, 50, "feature", rng)
    orders = draw_generation_orders(prompts.table.codes, prompts.condition, "none", rng)
    assert (np.diff(orders[:, 2:], axis=1) > 0).all()
    prompts = draw_prompts(value_counts, YES, 50, "label", rng)
    orders = draw_generation_orders(prompts.table.codes, prompts.condition, "none", rng)
    assert (orders == np.arange(7)).all()


def test_condition_first_writes_the_condition_then_what_is_given_then_the_order_of_the_table(table):
    value_counts = rows_of(table, Recipe()).value_counts
    rng = np.random.default_rng(0)
    prompts = draw_prompts(value_counts, YES, 200, "feature", rng)
    orders = draw_generation_orders(prompts.table.codes, prompts.condition, "condition-first", rng)
    assert (np.sort(orders, axis=1) == np.arange(7)).all()
    assert (orders[:, 0] == 0).all()
    np.testing.assert_array_equal(orders[:, 1], prompts.condition)
    assert set(orders[:, 1]) == set(range(1, 7))
    assert (np.diff(orders[:, 2:], axis=1) > 0).all()
    trained_on = draw_orders(200, 7, "condition-first", rng)
    assert {tuple(order) for order in orders} == {tuple(order) for order in trained_on}
    given = np.full((1, 7), ABSENT)
    given[0, [0, 2, 5]] = 1
    orders = draw_generation_orders(given, np.array([5]), "condition-first", rng)
    assert orders.tolist() == [[0, 5, 2, 1, 3, 4, 6]]


def test_prompts_without_a_label_take_values_of_every_class(table):
    value_counts = rows_of(table, Recipe(train_on="all", interpolation=None)).value_counts
    prompts = draw_prompts(value_counts, None, 3000, "feature", np.random.default_rng(0))
    codes = prompts.table.codes
    assert (codes[:, 0] == ABSENT).all()
    assert ((codes != ABSENT).sum(axis=1) == 1).all()
    for position in range(1, 7):
        drawn = codes[prompts.condition == position, position]
        assert set(drawn) <= set(table.codes[:, position])
        assert len(drawn) == 500
    ages = codes[prompts.condition == 1, 1]
    majority = table.codes[table.codes[:, 0] != YES, 1]
    only_there = np.setdiff1d(majority, table.codes[table.codes[:, 0] == YES, 1])
    assert np.isin(ages, only_there).any()


def test_any_feature_is_drawn_anew_for_each_row(table):
    value_counts = rows_of(table, Recipe()).value_counts
    prompts = draw_prompts(value_counts, YES, 3000, "any-feature", np.random.default_rng(0))
    counts = np.bincount(prompts.condition, minlength=7)
    assert counts[LABEL_ONLY] == 0
    # 3000/6 = 500 in expectation, standard deviation 20.4: 6 of these fail by chance once in
    # 80 million runs; equal shares, as "in turn" gives them, once in 10,000
    assert np.abs(counts[1:] - 500).max() < 6 * 20.5
    assert (counts[1:] != 500).any()


def test_the_label_is_written_last_or_not_at_all(table):
    value_counts = rows_of(table, Recipe(train_on="all")).value_counts
    rng = np.random.default_rng(0)
    prompts = draw_prompts(value_counts, None, 200, "feature", rng)
    last, without = (
        draw_generation_orders(prompts.table.codes, prompts.condition, permutation, rng)
        for permutation in ("label-last", "no-label")
    )
    assert (last[:, -1] == 0).all()
    assert (np.sort(last, axis=1) == np.arange(7)).all()
    assert (np.sort(without, axis=1) == np.arange(1, 7)).all()
    for orders in (last, without):
        np.testing.assert_array_equal(orders[:, 0], prompts.condition)
        assert len({tuple(order[1:]) for order in orders}) > 50
