"""Going on to learn from rows of its own: when, and to what effect."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks._samplers import make_sampler
from counterpoise import LLMOverSampler
from counterpoise._progress import Stage
from counterpoise.generation._decoding import Sampling
from counterpoise.recipes import Recipe, get_recipe
from counterpoise.training._fit import is_worth_it, refines


def overlapping(n_rows: int = 500, n_rare: int = 60) -> tuple[pd.DataFrame, pd.Series]:
    """Rare rows have somewhat larger numbers, in the midst of the usual ones."""
    rng = np.random.default_rng(0)
    is_rare = np.arange(n_rows) < n_rare
    frame = pd.DataFrame(
        {name: rng.integers(0, 90, n_rows) + np.where(is_rare, 15, 0) for name in "abcd"}
    )
    return frame, pd.Series(np.where(is_rare, "rare", "usual"), name="y")


def fitted(**parameters: object) -> LLMOverSampler:
    sampler = make_sampler(model="compact", recipe="ranking", random_state=0, **parameters)
    sampler.fit_resample(*overlapping())
    return sampler


@pytest.fixture(scope="module")
def refined() -> LLMOverSampler:
    return fitted(refinement="always")


@pytest.fixture(scope="module")
def unrefined() -> LLMOverSampler:
    return fitted(refinement=None)


def share_kept(sampler: LLMOverSampler, selection_classifier: LLMOverSampler) -> float:
    """Of 1,000 rows as one sampler's model generates them, the share that another's selects."""
    generated = sampler.generator_.generate(
        0, 1000, Sampling(), rng=np.random.default_rng(1), advance=Stage()
    )
    selection = selection_classifier.generator_.selection_classifier
    assert selection is not None
    return float((selection.margin(generated.table) >= 0).mean())


def test_where_most_rows_are_put_back_it_learns_to_write_what_is_kept(refined, unrefined) -> None:
    before, after = share_kept(unrefined, unrefined), share_kept(refined, unrefined)
    assert before < 0.5, "or there was nothing to learn"
    assert after > before + 0.15
    assert (
        refined.rejection_stats_["rare"].n_drawn < 0.8 * unrefined.rejection_stats_["rare"].n_drawn
    )
    assert refined.training_.refinement is not None
    assert unrefined.training_.refinement is None
    presented = [history.n_samples_seen for history in refined.training_.trainings]
    assert len(presented) == 1 + len(unrefined.training_.trainings)
    assert refined.timings_["training_rows_per_s"] == pytest.approx(
        sum(presented) / refined.timings_["training_s"]
    )


def test_what_it_learned_from_the_table_is_as_without(refined, unrefined) -> None:
    assert refined.history_.train_loss == unrefined.history_.train_loss


def test_a_saved_sampler_goes_on_as_it_was(refined, tmp_path) -> None:
    written = refined.sample(50, random_state=3)
    refined.save(tmp_path / "saved")
    loaded = LLMOverSampler.load(tmp_path / "saved")
    assert loaded.training_.refinement == refined.training_.refinement
    pd.testing.assert_frame_equal(loaded.sample(50, random_state=3)[0], written[0])


@pytest.mark.parametrize(
    ("n_rows", "n_classes", "n_kept", "n_drawn", "expected"),
    [
        (500, 1, 25, 128, False),  # 5 draws a row: 1,700 saved of some 5,200 that it costs
        (2000, 1, 25, 128, True),
        (2000, 3, 25, 128, False),
        (2000, 1, 100, 128, False),  # most are kept
        (500, 1, 0, 128, False),
        (1000, 1, 0, 128, True),  # hopeless as it is
    ],
)
def test_when_it_is_worth_it(n_rows, n_classes, n_kept, n_drawn, expected) -> None:
    assert is_worth_it(n_rows, n_classes, n_kept, n_drawn) == expected


def test_by_default_a_few_rows_are_not_worth_it(unrefined, refined) -> None:
    few, many = (fitted(refinement="auto", sampling_strategy={"rare": n}) for n in (150, 6000))
    assert few.training_.refinement is None
    assert many.training_.refinement is not None
    assert few.history_.train_loss == unrefined.history_.train_loss == many.history_.train_loss


def test_only_where_rows_are_selected_and_the_prompt_has_the_label() -> None:
    assert refines(get_recipe("ranking"))
    assert not refines(get_recipe("ranking").copy(selection=None))
    assert not refines(get_recipe("ranking").copy(permutation="label-last"))
    others = ("counterpoise", "imbllm", "great", "predllm")
    assert not any(refines(get_recipe(name)) for name in others)
    calibrated = get_recipe("ranking").copy(selection_rule="calibrated")
    assert not refines(calibrated), "rows as doubtful as the real ones are no examples"
    assert not refines(Recipe(selection="classifier"))


def test_it_learns_the_texts_that_it_generated_and_not_those_of_other_rows() -> None:
    frame, y = overlapping(n_rows=400, n_rare=100)
    rng = np.random.default_rng(0)
    frame["note"] = [
        "".join(rng.choice(list("abc" if class_ == "rare" else "xyz"), 12)) for class_ in y
    ]
    sampler = LLMOverSampler(recipe=get_recipe("ranking", refinement="always"), random_state=0)
    X, _ = sampler.fit_resample(frame, y)
    assert sampler.training_.refinement is not None
    characters = X["note"].iloc[len(frame) :].str.cat()
    assert sum(map(characters.count, "xyz")) < 0.1 * len(characters)
