"""What a figure was measured on: processor, versions, and the memory that a process held."""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGES = (
    "counterpoise",
    "ctgan",
    "imbalanced-learn",
    "numpy",
    "pandas",
    "scikit-learn",
    "scipy",
    "torch",
    "transformers",
    "xgboost",
    "xgboost-cpu",
)
_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_PROCESSOR = Path("/proc/cpuinfo")


def describe_machine() -> dict[str, Any]:
    """Return date (UTC), processor, cores and versions."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "versions": versions,
    }


def reset_peak_memory() -> None:
    """Make `peak_memory_mib` count from now on, where the system can."""
    with contextlib.suppress(OSError):
        _CLEAR.write_text("5", encoding="ascii")


def peak_memory_mib() -> float | None:
    """Return the most memory that this process has held, in MiB; None where nobody knows."""
    if _STATUS.is_file():
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024


def _processor() -> str:
    if _PROCESSOR.is_file():
        for line in _PROCESSOR.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
