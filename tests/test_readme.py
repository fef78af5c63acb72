"""What the README and the pages of the site show works."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

from tests.doubles import Shell

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
USED = [
    ROOT / "README.md",
    ROOT / "docs" / "index.md",
    ROOT / "docs" / "installation.md",
    *sorted((ROOT / "docs" / "guide").glob("*.md")),
]
"""Pages for users, whose blocks run."""


def blocks(language: str, page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def shell_lines() -> list[str]:
    """Return each once: several pages show the same."""
    shown = (block for page in USED for block in blocks("bash", page))
    return list(dict.fromkeys(line for block in shown for line in block.splitlines()))


@pytest.mark.parametrize(
    "page", [page for page in USED if blocks("python", page)], ids=lambda page: page.stem
)
def test_python_runs(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for block in blocks("python", page):
        exec(compile(block, page.name, "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    shown = "\n".join(blocks("python", page))
    expected = re.findall(r"^print\(.*?\)  # (.*)$", shown, re.MULTILINE)
    assert [eval(line) for line in printed] == [eval(line) for line in expected]
    if "more" in names:
        more = names["more"]
        assert isinstance(more, pd.DataFrame)
        assert more["plan"].tolist() == ["plus"] * 3


def test_links_lead_somewhere() -> None:
    pages = [*USED, *ROOT.glob("[!.]*.md"), *(ROOT / "docs").glob("*.md")]
    found = [
        (page.parent / link.split("#")[0])
        for page in pages
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
        if "://" not in link and not link.startswith("#")
    ]
    assert len(found) > 50
    built = ROOT / "docs" / "gallery" / "index.rst"
    assert [p for p in found if not p.exists() and p.resolve() != built] == []


@pytest.mark.parametrize(
    "module",
    [
        "",
        "columns",
        "comparison",
        "constraints",
        "generation",
        "grammar",
        "metrics",
        "models",
        "recipes",
        "report",
        "serialization",
    ],
)
def test_public_names_are_in_the_reference(module: str) -> None:
    reference = (ROOT / "docs" / "api.rst").read_text(encoding="utf-8")
    public = set(importlib.import_module(f"counterpoise.{module}".rstrip(".")).__all__) - {
        "__version__"
    }
    assert public - set(re.findall(r"\w+", reference)) == set()


@pytest.mark.parametrize(
    "line", [line for line in shell_lines() if line.startswith("counterpoise ")]
)
def test_commands_run(shell: Shell, line: str) -> None:
    classes = ["stays"] * 20 + ["leaves"] * 10
    table = pd.DataFrame({"zip": range(30), "branch": range(30), "left": classes})
    table.to_csv("customers.csv", index=False)
    table.to_parquet("customers.parquet")
    code, _, err = shell(*shlex.split(line.split(" > ")[0])[1:])
    assert code == 0, err


def test_make_targets_exist() -> None:
    makefile = (Path(__file__).parent.parent / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make ([a-z-]+)", "\n".join(shell_lines()), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_parameters_exist_and_published_values_are_accepted() -> None:
    from counterpoise.models import CompactModel
    from counterpoise.recipes import Recipe

    method = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| [^|]+ \| `(\w+)` \| `([^`]+)` \|", method, re.MULTILINE)
    published = {name: eval(value) for name, value in rows}
    assert len(published) == 11
    assert set(published) - set(Recipe().get_params()) == {"batch_size"}
    CompactModel(batch_size=published.pop("batch_size")).validate()
    Recipe(**published).validate()
