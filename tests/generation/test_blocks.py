"""Wide tables: which columns stand together, and what survives where they do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from counterpoise import LLMOverSampler
from counterpoise.constraints import Inequality
from counterpoise.errors import ModelError
from counterpoise.generation import _scoring as scoring
from counterpoise.generation._blocks import MAX_COLUMNS, Block, find_blocks
from counterpoise.generation._scoring import Scorer
from counterpoise.models import CompactModel
from counterpoise.models._llama import BlockModel
from counterpoise.persistence._sampler import _check_blocks
from counterpoise.recipes import get_recipe
from counterpoise.serialization import draw_orders, serialize
from counterpoise.training._loop import prepare_training
from tests.doubles import TickingClock
from tests.small_models import labelled_table

N_DRIVEN = 44  # more than a block holds


def wide_frame(n_columns: int, n_rows: int = 240) -> tuple[pd.DataFrame, pd.Series]:
    """Noisy copies of one hidden column, then columns that go in threes, in a mixed order."""
    rng = np.random.default_rng(0)
    hidden = rng.random(n_rows) < 0.5
    columns = {}
    for at in range(n_columns):
        if at % 3 == 0 and at >= N_DRIVEN:
            hidden = rng.random(n_rows) < 0.5
        value = hidden ^ (rng.random(n_rows) < 0.08)
        columns[f"c{at}"] = np.where(value, "yes", "no")
    names = rng.permutation(list(columns)).tolist()
    label = np.where(rng.random(n_rows) < 0.25, "rare", "usual")
    return pd.DataFrame(columns)[names], pd.Series(label)


@pytest.fixture(scope="module")
def fitted():
    X, y = wide_frame(60)
    sampler = LLMOverSampler(random_state=0)
    return X, sampler, sampler.fit_resample(X, y)


def owners(sampler) -> dict[str, int]:
    """The block that each column is the own one of."""
    schema = sampler.generator_.serializer.schema
    return {
        schema[at].name: number
        for number, (block, _) in enumerate(sampler.generator_.blocks)
        for at in block.columns[1 + block.n_context :]
    }


@pytest.mark.parametrize("n_columns", [MAX_COLUMNS, MAX_COLUMNS + 1, 130])
def test_each_column_is_one_blocks_own_and_context_comes_before(n_columns):
    table = labelled_table(*wide_frame(n_columns))
    blocks = find_blocks(table)
    assert bool(blocks) == (n_columns > MAX_COLUMNS)
    if blocks:
        _check_blocks(blocks, n_columns + 1)  # raises
        sizes = [len(block.columns) - 1 - block.n_context for block in blocks]
        assert max(sizes) - min(sizes) <= 2
        assert max(sizes) <= 32


def test_columns_that_go_together_stand_together():
    table = labelled_table(*wide_frame(130))
    names = [column.name for column in table.schema]
    for block in find_blocks(table):
        own = [int(names[at][1:]) for at in block.columns[1 + block.n_context :]]
        thirds = [at // 3 for at in own if at > N_DRIVEN]
        # but for the first and the last one of a block
        n_parted = sum(thirds.count(third) < 3 for third in set(thirds))
        assert n_parted <= 2


def test_a_context_goes_with_its_block_beyond_chance():
    rng = np.random.default_rng(0)  # fails by chance at one seed in a hundred
    X = pd.DataFrame({f"c{at}": rng.integers(0, 2 + at % 9, 300) for at in range(90)})
    y = pd.Series(rng.choice(["rare", "usual"], 300))
    assert [block.n_context for block in find_blocks(labelled_table(X, y))] == [0, 0, 0]
    driven = find_blocks(labelled_table(*wide_frame(90)))
    assert max(block.n_context for block in driven) > 0


def test_logits_by_column_have_the_likelihoods_and_derivatives_of_all_logits(fitted, monkeypatch):
    X, sampler, _ = fitted
    block, part = max(sampler.generator_.parts, key=lambda one: one[0].n_context)
    assert block.n_context
    table = block.of(labelled_table(X, pd.Series(["rare"] * 120 + ["usual"] * 120)))
    orders = draw_orders(len(X), len(block.columns), "label-first", np.random.default_rng(0))
    batch = serialize(table, part.serializer).token_batch(np.arange(len(X)), orders)
    parameters = list(part.model.parameters())
    found = []
    monkeypatch.setattr(scoring, "Llama", type(None))
    for _ in range(2):
        scorer = Scorer(part.model, part.serializer.grammar, part.device)
        assert (scorer._by_column is None) == (not found)
        scores, rows, columns = scorer.log_likelihood(batch, 0.7)
        weights = torch.linspace(0, 1, len(scores))
        found.append([scores, *torch.autograd.grad((scores * weights).sum(), parameters)])
        assert (len(rows), len(columns)) == (len(scores), len(scores))
        monkeypatch.undo()
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def test_linked_columns_are_not_parted():
    table = labelled_table(*wide_frame(130))
    links = [(at, at + 40) for at in range(1, 90, 9)]
    for one, other in links:
        both = [
            {one, other} <= set(block.columns[1 + block.n_context :])
            for block in find_blocks(table, links)
        ]
        assert sum(both) == 1


@pytest.mark.parametrize(
    "blocks",
    [
        (Block((0, 1, 2)),),  # one is missing
        (Block((0, 1, 2)), Block((0, 2, 3))),  # one is twice
        (Block((0, 1)), Block((0, 3, 2, 3), 1)),  # a context that comes later
        (Block((1, 0)), Block((0, 2, 3))),  # without a label
        (Block((0, 1, 2, 3), -1),),
    ],
)
def test_other_blocks_are_refused(blocks):
    with pytest.raises(ModelError):
        _check_blocks(blocks, 4)


def agreement(frame: pd.DataFrame, pairs) -> float:
    return float(np.mean([(frame[one] == frame[other]).mean() for one, other in pairs]))


def test_associations_within_and_across_blocks_survive(fitted):
    """Of real pairs 85 % agree, of independent ones 50 %."""
    X, sampler, (whole, _) = fitted
    synthetic = whole.iloc[len(X) :]
    block = owners(sampler)
    driven = [f"c{at}" for at in range(N_DRIVEN)]
    pairs = [(one, other) for one in driven for other in driven if one < other]
    within = [(one, other) for one, other in pairs if block[one] == block[other]]
    across = [(one, other) for one, other in pairs if block[one] != block[other]]
    assert len(within) > 100
    assert len(across) > 100
    assert agreement(X, pairs) == pytest.approx(0.85, abs=0.03)
    assert agreement(synthetic, within) > 0.7
    assert agreement(synthetic, across) > 0.7
    apart = [("c50", "c55"), ("c46", "c58"), ("c0", "c57"), ("c10", "c49")]
    assert 0.3 < agreement(synthetic, apart) < 0.7


def test_the_same_seed_gives_the_same_rows(fitted):
    _, _, (whole, labels) = fitted
    X, y = wide_frame(60)
    again, labels_again = LLMOverSampler(random_state=0).fit_resample(X, y)
    pd.testing.assert_frame_equal(whole, again)
    pd.testing.assert_series_equal(labels, labels_again)


def test_a_saved_one_generates_and_scores_as_before(fitted, tmp_path):
    X, sampler, _ = fitted
    assert isinstance(sampler.generator_.model, BlockModel)
    sampler.save(tmp_path / "kept", include_rows=True)
    loaded = LLMOverSampler.load(tmp_path / "kept")
    rows = [one.sample(40, class_="rare", random_state=1)[0] for one in (sampler, loaded)]
    pd.testing.assert_frame_equal(*rows)
    scores = [one.score_samples(X, ["rare"] * len(X)) for one in (sampler, loaded)]
    np.testing.assert_array_equal(*scores)


def test_a_condition_holds_and_what_goes_with_it_follows(fitted):
    """The column is in the last block; given, it comes before the columns of the first one."""
    _, sampler, _ = fitted
    block = owners(sampler)
    driven = [f"c{at}" for at in range(N_DRIVEN)]
    name = max(driven, key=block.__getitem__)
    others = [other for other in driven if block[other] == 0 != block[name]]
    assert others
    shares = {}
    for value in ("yes", "no"):
        X, _ = sampler.sample(100, class_="usual", condition={name: value}, random_state=0)
        assert (X[name] == value).all()
        shares[value] = (X[others] == "yes").to_numpy().mean()
    assert shares["yes"] - shares["no"] > 0.15


def test_real_rows_are_likelier_than_mixed_ones(fitted):
    X, sampler, _ = fitted
    rng = np.random.default_rng(0)
    mixed = pd.DataFrame({name: rng.permutation(X[name]) for name in X})
    real, other = (sampler.score_samples(one, ["usual"] * len(X)) for one in (X, mixed))
    assert np.isfinite(real).all()
    assert np.median(real) > np.median(other) + 5


def test_constraints_are_kept_while_decoding():
    X, y = wide_frame(60)
    rng = np.random.default_rng(1)
    X["low"] = rng.integers(0, 50, len(X))
    X["high"] = X["low"] + rng.integers(0, 50, len(X))
    X["code"] = [f"A-{number}" for number in rng.integers(100, 999, len(X))]
    sampler = LLMOverSampler(
        recipe=get_recipe("imbllm", epochs=2),  # which shuffles columns
        constraints=[Inequality("low", "<=", "high")],
        random_state=0,
    )
    whole, _ = sampler.fit_resample(X, y)
    assert len(sampler.generator_.blocks) == 2
    assert (whole["low"] <= whole["high"]).all()
    assert whole["code"].str.fullmatch(r"A-\d+").all()
    (stats,) = sampler.rejection_stats_.values()
    assert not any("low" in reason for reason, n in stats.rejected.items() if n)


def test_a_time_limit_holds_by_the_clock():
    class Timed(LLMOverSampler):
        _clock = TickingClock(0.01)

    X, y = wide_frame(60)
    recipe = get_recipe("counterpoise", epochs=10_000)
    sampler = Timed(recipe=recipe, random_state=0, max_time=2.0)
    with pytest.warns(UserWarning, match="max_samples_seen="):
        _, y_new = sampler.fit_resample(X, y)
    assert sampler.history_.stopped_by == "max_time"
    assert (y_new == "rare").sum() == (y_new == "usual").sum()


def test_rows_whose_label_comes_anywhere_are_learned_as_a_whole():
    X, y = wide_frame(60)
    recipe = get_recipe("counterpoise", epochs=1, permutation="all", selection=None)
    sampler = LLMOverSampler(recipe=recipe, random_state=0).fit(X, y)
    assert not sampler.generator_.blocks


@pytest.mark.parametrize(
    ("n_columns", "given", "expected"),
    [(MAX_COLUMNS, "auto", 2e-3), (MAX_COLUMNS + 1, "auto", 4e-3), (MAX_COLUMNS + 1, 1e-3, 1e-3)],
)
def test_blocks_are_learned_at_twice_the_rate_unless_one_is_given(n_columns, given, expected):
    table = labelled_table(*wide_frame(n_columns))
    model = CompactModel(learning_rate=given).load("cpu")
    prepared = prepare_training(
        table, {1: 10}, model, get_recipe("counterpoise"), np.random.default_rng(0)
    )
    assert prepared.plan.learning_rate == prepared.model.learning_rate == expected
