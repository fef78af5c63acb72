"""Texts with regular shapes, from a table to generated rows."""

import numpy as np
import pandas as pd
import pytest

from counterpoise import LLMOverSampler
from counterpoise.recipes import get_recipe

N, N_RARE = 400, 60
NUMBERS = np.random.default_rng(0).integers(10**8, size=(N, 2))
IS_RARE = np.arange(N) < N_RARE
Y = pd.Series(np.where(IS_RARE, "rare", "common"))
X = pd.DataFrame(
    {
        "size": NUMBERS[:, 0] % 50,
        "phone": [f"+49{n:08d}" for n in NUMBERS[:, 0]],
        "note": [
            f"{y} note {n % 10 ** (1 + n % 4)}" for y, n in zip(Y, NUMBERS[:, 1], strict=True)
        ],
        "code": [f"AB-{n % 10**4:04d}" if n % 3 else f"{n % 10**4:04d}/C" for n in NUMBERS[:, 1]],
    }
)
X.loc[::9, "code"] = None
PATTERNS = {
    "phone": r"\+49\d{8}",
    "note": r"(rare|common) note \d{1,4}",
    "code": r"AB-\d{4}|\d{4}/C",
}


def make_sampler(**parameters):
    recipe = get_recipe("counterpoise-no-selection", **parameters)
    types = {"note": "text"}
    return LLMOverSampler(model="compact", recipe=recipe, column_types=types, random_state=0)


@pytest.mark.filterwarnings("ignore:column .* has another value in every row")
@pytest.mark.parametrize("serialization", ["table", "text"])
def test_every_text_has_a_shape_and_a_saved_sampler_generates_the_same(serialization, tmp_path):
    fitted = make_sampler(serialization=serialization, max_samples_seen=256).fit(X, Y)
    fitted.save(tmp_path / "saved")
    made, _ = fitted.sample(100, class_="rare")
    for name, pattern in PATTERNS.items():
        assert made[name].dropna().str.fullmatch(pattern).all()
    assert made["code"].isna().any()
    again, _ = LLMOverSampler.load(tmp_path / "saved").sample(100, class_="rare")
    pd.testing.assert_frame_equal(again, made)


@pytest.mark.filterwarnings("ignore:column .* has another value in every row")
def test_a_word_that_tells_the_class_is_learned_from_few_rows():
    fitted = make_sampler()
    assert fitted.get_params()["recipe"].train_on == "all"
    made = fitted.fit_resample(X[["size", "note"]], Y)[0].iloc[N:]
    # even if only 9 in 10 came out right, fewer than 225 of 280 would in 1 of 2 million seeds
    assert made["note"].str.startswith("rare").mean() > 0.8


def prose(n, seed=0):
    r = np.random.default_rng(seed)
    words = ["".join(r.choice(list("abcdefg"), 2 + i % 7)) for i in range(200)]
    return [" ".join(r.choice(words, r.integers(3, 9))) for _ in range(n)]


def test_free_text_is_warned_of_once_and_shaped_text_is_not():
    frame = X.assign(prose=prose(N)).drop(columns="phone")
    with pytest.warns(UserWarning, match="free text") as warned:
        make_sampler(max_samples_seen=64).fit_resample(frame, Y)
    about = [str(one.message) for one in warned if "free text" in str(one.message)]
    assert len(about) == 1
    assert about[0].startswith("column 'prose' is free text without a regular shape")
    assert "Drop the column" in about[0]


def test_a_long_text_is_warned_of_and_bounds_what_is_generated():
    texts = prose(N)
    texts[5] = "ab " * 2000
    frame = X[["size"]].assign(note=texts)
    with pytest.warns(UserWarning, match="column 'note' has texts of 500 characters or more"):
        both, _ = make_sampler(max_samples_seen=64).fit_resample(frame, Y)
    assert both["note"].tolist()[:N] == texts
    assert both["note"].iloc[N:].str.len().max() <= 500
