"""A headless Chromium; root installs it where COUNTERPOISE_INSTALL_CHROMIUM=1 asks for it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--enable-logging=stderr", "--log-level=0"),
)


@dataclass(frozen=True)
class Opened:
    """What a page became after its scripts ran, and what the browser complained of."""

    dom: str
    console: list[str]


def find_browser() -> str:
    """Return the browser's command; skips the test where there is none."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    wants_one = os.environ.get("COUNTERPOISE_INSTALL_CHROMIUM") == "1"
    if path is None and wants_one and os.geteuid() == 0 and shutil.which("apt-get"):
        for step in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
            subprocess.run(["apt-get", "-qq", *step], check=False, timeout=240)
        path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.skip(
            "there is no Chromium; install it, or as root set COUNTERPOISE_INSTALL_CHROMIUM=1"
        )
    return path


def open_page(page: Path, profile: Path, *flags: str) -> Opened:
    """Open a page in a fresh profile, where no name resolves, and return what it became."""
    done = subprocess.run(
        [
            find_browser(),
            *_FLAGS,
            f"--user-data-dir={profile}",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            *flags,
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    console = re.findall(r"CONSOLE[:(].*", done.stderr)
    return Opened(done.stdout, console)
