"""What the README and the pages of the site show works."""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from counterpoise.recipes import get_recipe, register_recipe
from tests.doubles import Shell

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
USED = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(ROOT / "docs" / name for name in ("index.md", "installation.md", "faq.md", "theory.md")),
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


@pytest.fixture
def registries() -> Iterator[None]:
    """Forget what pages register, which other tests are not to see."""
    found = [
        getattr(importlib.import_module(f"counterpoise.{module}"), name)
        for module, name in (
            ("columns._base", "_types"),
            ("constraints._base", "_CONSTRAINTS"),
            ("metrics", "METRICS"),
            ("models._backbone", "_MODELS"),
            ("recipes._base", "_RECIPES"),
        )
    ]
    before = [dict(registry) for registry in found]
    yield
    for registry, known in zip(found, before, strict=True):
        registry.clear()
        registry.update(known)


@pytest.mark.usefixtures("registries")
@pytest.mark.parametrize(
    "page", [page for page in USED if blocks("python", page)], ids=lambda page: page.stem
)
def test_python_runs(
    page: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    # classes of a page are dataclasses, which look their module up
    names: dict[str, object] = {"__name__": __name__}
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


def test_tests_and_files_that_pages_name_exist() -> None:
    """The log is left out: it names the files of its day."""
    pages = [*ROOT.glob("[!.]*.md"), *(ROOT / "docs").glob("*.md"), *USED]
    text = "".join(page.read_text(encoding="utf-8") for page in pages if page.stem != "log")
    named = set(
        re.findall(r"`((?:tests|benchmarks|docs|examples)/[\w/.-]+\.\w+)(?:::(\w+))?`", text)
    )
    assert len(named) > 20
    missing = {path for path, _ in named if not (ROOT / path).exists()}
    assert not missing
    unknown = {
        test
        for path, test in named
        if test and f"def {test}(" not in (ROOT / path).read_text(encoding="utf-8")
    }
    assert not unknown


def test_gallery_has_a_page_per_script() -> None:
    """Each has a title, a figure, and ends with what was gained; `make docs` runs them."""
    scripts = sorted((ROOT / "examples").glob("plot_*.py"))
    assert len(scripts) >= 9
    for script in scripts:
        text = script.read_text(encoding="utf-8")
        title, line = text.removeprefix('"""').splitlines()[:2]
        assert line == "=" * len(title), script.name
        assert re.search(r"^# What was gained\n# -{15}$", text, re.MULTILINE), script.name
        assert re.search(r"plt\.|plot|ax=", text), script.name


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
@pytest.mark.usefixtures("registries")
def test_commands_run(shell: Shell, line: str) -> None:
    for name in ("counterpoise", "ranking"):  # which `compare` trains many times
        register_recipe(name, get_recipe(name, max_samples_seen=200))
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
