import numpy as np
import pytest

from benchmarks._protocols import HONEST, PAPER, split_table
from tests.benchmarks.doubles import small_table


@pytest.fixture
def table(tmp_path):
    return small_table(tmp_path, 400)


@pytest.mark.parametrize("protocol", [PAPER, HONEST])
def test_a_fifth_is_held_out_and_four_fifths_of_the_minority_are_cut(protocol, table):
    split = split_table(table, protocol, 0)
    train, test, cut = (
        table.y.iloc[rows].value_counts().to_dict() for rows in (split.train, split.test, split.cut)
    )
    assert test == {"no": 56, "yes": 24}
    assert train == {"no": 224, "yes": 19}  # int(0.2 * 96), as published
    assert cut == {"yes": 77}
    together = np.concatenate([split.train, split.test, split.cut])
    assert sorted(together) == list(range(400))


def test_what_is_unequal_by_nature_is_not_cut(tmp_path):
    split = split_table(small_table(tmp_path, 400, is_natural=True), HONEST, 0)
    assert len(split.cut) == 0
    assert split.test_weight is None
    assert len(split.train) == 320


def test_the_weights_give_test_rows_the_balance_of_the_training_rows(table):
    split = split_table(table, HONEST, 0)
    is_yes = table.y.iloc[split.test].to_numpy() == "yes"
    share = split.test_weight[is_yes].sum() / split.test_weight.sum()
    assert share == pytest.approx((table.y.iloc[split.train] == "yes").mean(), abs=0.003)
    assert split_table(table, PAPER, 0).test_weight is None


def test_a_limit_keeps_the_shares_and_the_test_rows(table):
    whole, limited = (split_table(table, PAPER, 3, limit) for limit in (None, 100))
    assert (whole.test == limited.test).all()
    assert set(limited.train) <= set(whole.train)
    assert set(limited.cut) <= set(whole.cut)
    assert len(limited.train) == 100
    assert (table.y.iloc[limited.train] == "yes").sum() == round(19 * 100 / 243)


def test_same_seed_same_split(table):
    first, again, other = (split_table(table, HONEST, seed) for seed in (0, 0, 1))
    assert (first.train == again.train).all()
    assert not np.array_equal(first.test, other.test)
