"""What is committed in docs/results is what the commands generate from its CSV files."""

import re
import shutil
from importlib.metadata import version
from pathlib import Path

import pytest

from benchmarks import _report, distillation, entropy, relations
from benchmarks._output import ResultFolder
from benchmarks._report import write_report
from benchmarks.results_page import filled

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"


@pytest.mark.parametrize("name", ["paper", "honest", "honest-distilled", "smollm2", "ablation"])
def test_a_committed_report_is_what_its_command_renders(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_report, "draw_ranking", lambda *_: None)  # depends on matplotlib's version
    shutil.copytree(RESULTS / name, tmp_path / name)
    path = write_report(tmp_path / name)
    assert path.read_text(encoding="utf-8") == (RESULTS / name / "report.md").read_text("utf-8")
    for figure in (RESULTS / name).glob("*.svg"):
        assert figure.name in path.read_text(encoding="utf-8")


def test_the_committed_entropies_are_what_their_command_renders(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(entropy, "draw_figure", lambda *_: None)
    text = (RESULTS / "entropy" / "report.md").read_text(encoding="utf-8")
    assert entropy.render(ResultFolder(RESULTS / "entropy")) + "\n" == text


def test_the_committed_relations_are_what_their_command_renders(tmp_path: Path) -> None:
    shutil.copytree(RESULTS / "relations", tmp_path / "relations")
    text = (RESULTS / "relations" / "report.md").read_text(encoding="utf-8")
    assert relations.render(ResultFolder(tmp_path / "relations")) + "\n" == text
    found = (tmp_path / "relations" / "relations.csv").read_text(encoding="utf-8")
    assert found == (RESULTS / "relations" / "relations.csv").read_text(encoding="utf-8")
    assert found.count("\n") > 200
    assert not re.search(r",$", found, re.MULTILINE)  # a verdict on each


@pytest.mark.skipif(
    f"scipy=={version('scipy')}\n" not in (ROOT / "constraints.txt").read_text(encoding="utf-8"),
    reason="p-values where two methods are equal on a table depend on scipy's version",
)
def test_the_committed_soft_labels_are_what_their_command_renders(tmp_path: Path) -> None:
    shutil.copytree(RESULTS / "distillation", tmp_path / "distillation")
    text = (RESULTS / "distillation" / "report.md").read_text(encoding="utf-8")
    assert distillation.render(ResultFolder(tmp_path / "distillation")) + "\n" == text
    scores = (RESULTS / "distillation" / "scores.csv").read_text(encoding="utf-8")
    assert (tmp_path / "distillation" / "scores.csv").read_text(encoding="utf-8") == scores


def test_the_tables_of_the_page_are_generated() -> None:
    page = RESULTS / "README.md"
    assert filled(page) == page.read_text(encoding="utf-8")
