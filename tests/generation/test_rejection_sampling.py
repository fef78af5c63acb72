"""Rows are drawn until enough of them are accepted."""

import numpy as np
import pandas as pd
import pytest

from counterpoise.columns import Schema, Table
from counterpoise.errors import DecodingError
from counterpoise.generation._rejection_sampling import (
    NOT_SELECTED,
    GeneratedRows,
    RejectionStats,
    draw_accepted,
)

FRAME = pd.DataFrame(
    {
        "class": ["yes", "no"] * 60,
        "dice": [1, 2, 3, 4, 5, 6] * 20,
        "note": [f"some words about {i}" for i in range(120)],
    }
)
SCHEMA = Schema.infer(FRAME, kinds={"note": "text"})


class Dice:
    """Rows whose number is a throw of a dice and whose text tells the number."""

    def __init__(self, seed=0):
        self.rng = np.random.default_rng(seed)
        self.throws, self.sizes = [], []

    def __call__(self, n):
        throws = self.rng.integers(1, 7, n)
        self.throws.extend(throws.tolist())
        self.sizes.append(n)
        texts = tuple(f"some words about {len(self.sizes)}{throw}" for throw in range(1, 7))
        codes = np.column_stack([np.ones(n, int), throws, throws - 1])
        table = Table(SCHEMA, codes, {2: texts})
        return GeneratedRows(table, throws, throws.astype(float), throws % 3)


def is_even(table):
    return table.codes[:, 1] % 2 == 0


def is_above_two(table):
    return table.codes[:, 1] > 2


def test_with_nothing_to_satisfy_it_is_the_single_draw():
    generated, rejection_stats = draw_accepted(Dice(), 50, {})
    expected = Dice()(50)
    np.testing.assert_array_equal(generated.table.codes, expected.table.codes)
    np.testing.assert_array_equal(generated.condition, generated.log_likelihood)
    assert rejection_stats == RejectionStats(50, 50)


def test_all_rows_accepted_at_once_are_the_single_draw():
    generated, rejection_stats = draw_accepted(
        Dice(), 50, {"is nothing": lambda t: np.ones(len(t), bool)}
    )
    np.testing.assert_array_equal(generated.table.codes, Dice()(50).table.codes)
    assert rejection_stats == RejectionStats(50, 50, {"is nothing": 0})


@pytest.mark.parametrize("n_rows", [0, 1, 7, 400])
def test_what_is_accepted_is_kept_in_the_order_drawn(n_rows):
    draw = Dice()
    generated, rejection_stats = draw_accepted(
        draw, n_rows, {"is odd": is_even, "is low": is_above_two}
    )
    accepted = [throw for throw in draw.throws if throw in (4, 6)]
    throws = generated.table.codes[:, 1].tolist()
    assert throws == accepted[:n_rows]
    assert generated.log_likelihood.tolist() == generated.condition.tolist() == throws
    texts = generated.table.to_frame()["note"]
    assert [int(text[-1]) for text in texts] == throws
    odd = sum(throw % 2 for throw in draw.throws)
    assert rejection_stats.rejected == {"is odd": odd, "is low": draw.throws.count(2)}
    assert rejection_stats.n_rejected == len(draw.throws) - len(accepted)
    assert rejection_stats.n_drawn == len(draw.throws) == sum(draw.sizes)


def test_the_law_of_the_rows_is_the_law_given_acceptance():
    generated, _ = draw_accepted(Dice(), 4000, {"is low": is_above_two})
    counts = np.bincount(generated.table.codes[:, 1], minlength=7)[3:]
    # four equal shares: chi-square with 3 degrees of freedom exceeds 21.1 in 1 of 10,000 seeds
    assert ((counts - 1000) ** 2 / 1000).sum() < 21.1


def test_the_bound_is_kept_and_its_end_reported():
    draw = Dice()
    with pytest.raises(DecodingError, match=r"class 'yes'.*2000 drawn.*2000 .are seven.*Rest") as e:
        draw_accepted(
            draw,
            20,
            {"are seven": lambda t: t.codes[:, 1] == 7},
            class_="yes",
            max_draws_per_row=100,
            advice="Rest",
        )
    assert sum(draw.sizes) == 2000
    assert e.value.class_ == "yes"
    assert e.value.context["rejected"] == {"are seven": 2000}
    assert e.value.context["n_accepted"] == 0


def above(number):
    """Select throws above a number; the higher the better."""
    return lambda table: (table.codes[:, 1] > number, table.codes[:, 1].astype(float))


@pytest.mark.parametrize("n_rows", [0, 1, 7, 400])
def test_selected_rows_are_kept_in_the_order_drawn(n_rows):
    draw = Dice()
    generated, rejection_stats = draw_accepted(draw, n_rows, {"is odd": is_even}, above(2))
    throws = generated.table.codes[:, 1].tolist()
    assert throws == [throw for throw in draw.throws if throw in (4, 6)][:n_rows]
    assert rejection_stats.rejected[NOT_SELECTED] == draw.throws.count(2)
    assert rejection_stats.n_fallback == 0


def test_the_best_rejected_rows_are_taken_after_eight_draws_per_row():
    draw = Dice()
    generated, rejection_stats = draw_accepted(draw, 50, {"is odd": is_even}, above(6))
    throws = generated.table.codes[:, 1].tolist()
    assert throws == sorted((t for t in draw.throws if t % 2 == 0), reverse=True)[:50]
    assert generated.log_likelihood.tolist() == generated.condition.tolist() == throws
    assert (rejection_stats.n_drawn, rejection_stats.n_fallback) == (8 * 50, 50)
    assert rejection_stats.rejected[NOT_SELECTED] == sum(t % 2 == 0 for t in draw.throws) - 50


def test_how_many_draws_selection_gets_is_as_asked():
    draw = Dice()
    _, rejection_stats = draw_accepted(draw, 50, {}, above(6), selection_draws_per_row=4)
    assert (rejection_stats.n_drawn, rejection_stats.n_fallback) == (4 * 50, 50)


def test_constraints_still_hold_after_selection_is_given_up():
    def is_first_six(table):
        return table.codes[:, 1] == 6

    def hardly_any(table):
        return is_first_six(table) & (np.random.default_rng(0).random(len(table)) < 0.3)

    generated, rejection_stats = draw_accepted(Dice(), 50, {"is no six": hardly_any}, above(6))
    assert (generated.table.codes[:, 1] == 6).all()
    assert rejection_stats.n_drawn > 8 * 50
    with pytest.raises(DecodingError):
        draw_accepted(Dice(), 50, {"is nothing": lambda t: np.zeros(len(t), bool)}, above(0))
