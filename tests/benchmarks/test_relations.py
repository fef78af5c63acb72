"""Rows that break a relation are counted; the report is made from runs that are made up here."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks._output import ResultFolder
from benchmarks._relations import kept_in
from benchmarks.relations import render
from counterpoise.constraints import (
    Formula,
    FunctionalDependency,
    Implication,
    Inequality,
    MissingTogether,
    OneHot,
)

DAYS = pd.to_datetime(["2021-01-05", "2021-01-06", "2021-01-08", None])
REAL = pd.DataFrame(
    {
        "a": [1, 2, 3, 4],
        "b": [0.5, 1.25, np.nan, 2.0],
        "a + b": [1.5, 3.25, np.nan, 6.0],
        "start": pd.to_datetime(["2021-01-01"] * 4),
        "end": DAYS,
        "days": pd.array([4, 5, 7, None], dtype="Int64"),
        "city": ["A", "A", "B", "B"],
        "land": pd.Categorical(["x", "x", "y", "y"]),
        "red": [True, False, False, True],
        "blue": [False, True, True, False],
    }
)
CASES: list[tuple[Any, str, list[Any], list[bool]]] = [
    (Formula("a + b", "a + b"), "a + b", [1.5, 3.26, np.nan, np.nan], [True, False, True, False]),
    (Formula("a + b", "a + b"), "b", [0.5, 1.25, 1.0, 2.004], [True, True, False, True]),
    (Formula("days", "end - start"), "days", [4, 6, 7, pd.NA], [True, False, True, True]),
    (FunctionalDependency(["city"], "land"), "land", list("xyyy"), [True, False, True, True]),
    (FunctionalDependency(["city"], "land"), "city", ["A", None, "B", "C"], [True, False] * 2),
    (OneHot(["red", "blue"]), "red", [True, True, False, False], [True, False, True, False]),
    (
        OneHot(["red", "blue"], at_most_one=True),
        "red",
        [True, True, False, False],
        [True, False, True, True],
    ),
    (Inequality("b", "<=", "a"), "b", [1.0, 2.1, np.nan, 0.0], [True, False, True, True]),
    (Inequality("b", "<", "a"), "b", [1.0, 1.9, np.nan, 0.0], [False, True, True, True]),
    (
        Implication("city", ["A"], "a", ("range", None, 2)),
        "a",
        [2, 3, 9, 9],
        [True, False, True, True],
    ),
    (Implication("city", ["B"], "b", [None, 2.0]), "b", [9, 9, np.nan, 2.5], [True] * 3 + [False]),
    (MissingTogether(["end", "days"]), "end", [None, *DAYS[1:]], [False, True, True, True]),
]


@pytest.mark.parametrize(("constraint", "name", "cells", "expected"), CASES)
def test_rows_that_break_a_relation_are_told(
    constraint: Any, name: str, cells: list[Any], expected: list[bool]
) -> None:
    made = REAL.assign(**{name: pd.Series(cells, dtype=REAL[name].dtype)})
    assert kept_in(constraint, made, REAL)[0].tolist() == expected


def run(table: str, relations: list[dict[str, Any]]) -> dict[str, Any]:
    figures = {"draws_per_row": 1.5, "fallback": 0.0, "rejected_share": 0.2, "rejected": {}}
    names = {"table": table, "target": "y", "class": "rare"}
    sizes = {"n_rows": 500, "n_columns": 4, "n_of_class": 20, "discovery_s": 0.2, "fit_s": 3.0}
    return names | sizes | figures | {"relations": relations}


def relation(text: str, share: float, *, is_kept: bool = True) -> dict[str, Any]:
    return {
        "relation": text,
        "kind": "order",
        "support": 480,
        "n_exceptions": 0,
        "is_kept": is_kept,
        "log10_chance": -30.0,
        "real_share": 1.0,
        "real_tried": 480,
        "synthetic_share": share,
        "synthetic_tried": 99,
    }


def test_the_report_rounds_no_share_up_to_all_rows_and_lists_tables_without_relations(
    tmp_path: Path,
) -> None:
    folder = ResultFolder.create(tmp_path, "relations", {})
    found = [relation("a <= b", 0.99999), relation("b <= c", 1.0)]
    folder.add(run("one", [*found, relation("c <= d", 0.5, is_kept=False)]))
    folder.add(run("two", []))
    (tmp_path / "verdicts.csv").write_text("table,relation,verdict\none,b <=,accident\none,,true\n")
    text = render(folder)
    assert "2 relations are kept; 1 of them hold in 100 %" in text
    assert "| a <= b | order | 480 | 0 | 100 % | 99.99 % | 99 | true |" in text
    assert "| b <= c | order | 480 | 0 | 100 % | 100 % | 99 | accident |" in text
    assert text.endswith("### Nothing found\n\ntwo")
    lines = (tmp_path / "relations.csv").read_text().splitlines()
    assert len(lines) == 4
    assert lines[3].startswith("one,c <= d,")
