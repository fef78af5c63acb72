"""`counterpoise report`: synthetic rows of any generator beside real ones, from files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from counterpoise.cli import main


def make_rows(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    months, fee = rng.integers(0, 72, n), rng.choice([19.5, 29.9, 49.0], n)
    day = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), "D")
    return pd.DataFrame(
        {
            "customer_id": [f"C{seed}{at:04d}" for at in range(n)],
            "zip": [f"{code:05d}" for code in rng.integers(0, 40, n)],
            "months": months,
            "fee": fee,
            "total": (months * fee).round(2),
            "since": day.strftime("%d.%m.%Y"),
            "member": rng.random(n) < 0.5,
            "churn": np.where(rng.random(n) < 0.3, "yes", "no"),
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files")
    make_rows(240, 0).to_csv(path / "real.csv", index=False)
    synthetic = make_rows(120, 1)
    synthetic["total"] = np.random.default_rng(2).permutation(synthetic["total"])
    synthetic.to_csv(path / "synthetic.csv", index=False)
    synthetic.to_parquet(path / "synthetic.parquet")
    make_rows(120, 3).to_csv(path / "holdout.csv", index=False)
    return path


def run(folder: Path, synthetic: str, *arguments: str) -> int:
    files = ["--real", str(folder / "real.csv"), "--synthetic", str(folder / synthetic)]
    return main(["report", *files, *arguments])


def test_broken_relations_are_told_and_the_page_is_written(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "report.html"
    holdout = ["--holdout", str(folder / "holdout.csv")]
    assert run(folder, "synthetic.csv", "--target", "churn", *holdout, "-o", str(page)) == 0
    shown = capsys.readouterr().out
    assert "240 real rows in 2 classes of 'churn'" in shown
    assert "\u201ctotal = months * fee\u201d holds in every real row and in " in shown
    assert "AUC" in shown
    text = page.read_text(encoding="utf-8")
    assert "customer_<wbr>id" in text
    assert "How this report was made" in text


def test_json_goes_to_stdout_and_parquet_is_the_same_table(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = []
    for name in ("synthetic.csv", "synthetic.parquet"):
        assert run(folder, name, "--json") == 0
        records.append(json.loads(capsys.readouterr().out))
    first, second = records
    assert first["classes"] == [{"name": "all rows", "n_real": 240, "n_synthetic": 120}]
    kinds = {fact["name"]: fact["kind"] for fact in first["facts"]}
    assert kinds["zip"] == "categorical"
    assert kinds["since"] == "datetime"
    assert kinds["customer_id"] == "identifier"
    (relation,) = [one for one in first["relations"] if one["kind"] == "formula"]
    assert relation["real"] == 1
    assert relation["synthetic"] < 0.5
    for record in records:
        del record["run"], record["title"]
    assert first == second


def test_columns_are_left_out_by_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "synthetic.csv", "--json", "--drop", "zip,total") == 0
    names = {fact["name"] for fact in json.loads(capsys.readouterr().out)["facts"]}
    assert names == {"customer_id", "months", "fee", "since", "member", "churn"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda rows: rows.drop(columns="fee"), "lack the column fee."),
        (lambda rows: rows.assign(extra=1), "have the column extra that the real rows do not"),
        (lambda rows: rows.assign(months="many"), "'months' holds 'many' in row 1, and numbers"),
        (lambda rows: rows.assign(churn="perhaps"), "class 'perhaps' of 'churn' is in no real row"),
    ],
)
def test_what_does_not_fit_is_named(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: object, told: str
) -> None:
    changed = change(make_rows(60, 5))  # type: ignore[operator]
    changed.to_csv(tmp_path / "other.csv", index=False)
    assert run(folder, str(tmp_path / "other.csv"), "--target", "churn") == 2
    shown = capsys.readouterr().err
    assert told in shown
    if "perhaps" not in told:
        assert "other.csv" in shown
