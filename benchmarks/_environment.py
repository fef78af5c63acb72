"""What a figure was measured on: processor, versions, and the memory that a process held.

Standard library only: peers import it in their own environments.
"""

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
    *("be-great", "counterpoise", "ctgan", "imbalanced-learn", "mostlyai-engine", "numpy"),
    *("pandas", "realtabformer", "scikit-learn", "scipy", "torch", "transformers"),
    *("xgboost", "xgboost-cpu"),
)
_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_PROCESSOR = Path("/proc/cpuinfo")


def describe_machine() -> dict[str, Any]:
    """Return date (UTC), processor, cores, threads and versions; torch's view if it is loaded."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    found: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "versions": versions,
    }
    if "torch" in sys.modules:
        torch = sys.modules["torch"]
        found["torch_threads"] = torch.get_num_threads()
        if torch.cuda.is_available():
            found["accelerator"] = torch.cuda.get_device_name()
    return found


def reset_peak_memory() -> None:
    """Make `peak_memory_mib` count from now on, where the system can."""
    with contextlib.suppress(OSError):
        _CLEAR.write_text("5", encoding="ascii")


def peak_memory_mib() -> float | None:
    """Return the most memory that this process has held, in MiB; None where it is not known.

    The kernel's figure for this program alone comes first: `getrusage` also counts what the
    process held before it became this program, which is its parent's memory.
    """
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
