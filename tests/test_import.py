"""Importing is cheap, and what is public is there."""

import subprocess
import sys

import pytest

import counterpoise

HEAVY = ("torch", "transformers", "pandas", "sklearn", "imblearn", "numpy", "tokenizers")


def loaded_after(statement: str) -> set[str]:
    """Return which heavy packages a fresh interpreter has loaded after `statement`."""
    script = f"{statement}\nimport sys\nprint(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "statement",
    [
        "import counterpoise",
        "import counterpoise; counterpoise.__version__; dir(counterpoise)",
        "from counterpoise.cli import main; main(['--help'])",
        "from counterpoise.cli import main; main(['resample', '--help'])",
        "from counterpoise.cli import main; main(['--version'])",
        "from counterpoise._progress import make_progress; make_progress(True)",
    ],
)
def test_is_cheap(statement: str) -> None:
    assert loaded_after(statement) == set()


def test_all_options_are_shown_without_loading_torch() -> None:
    """Those of recipes and models are read from the classes, which are scikit-learn's kind."""
    statement = "from counterpoise.cli import main; main(['resample', '--help-all'])"
    assert not loaded_after(statement) & {"torch", "transformers", "imblearn", "tokenizers"}


def test_lists_what_is_public() -> None:
    assert {"LLMOverSampler", "__version__"} <= set(dir(counterpoise))


def test_has_a_version() -> None:
    assert counterpoise.__version__[0].isdigit()


def test_sampler_is_the_one_of_its_module() -> None:
    from counterpoise.sampler import LLMOverSampler

    assert counterpoise.LLMOverSampler is LLMOverSampler


def test_unknown_attribute_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        counterpoise.nonsense  # noqa: B018


def test_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "counterpoise", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"counterpoise {counterpoise.__version__}\n"
