"""Peers: each in a process and an environment of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks._tables import BenchTable, Rows, read_csv
from benchmarks.peers.contract import Task

_ROOT = Path(__file__).resolve().parents[1]
_END_OF_TEXT = "<|endoftext|>"
PEERS_PYTHON_VARIABLE = "COUNTERPOISE_PEERS_PYTHON"
_QUIET_AND_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONDONTWRITEBYTECODE": "1",
}


@dataclass(frozen=True, slots=True)
class Peer:
    """A module of `benchmarks.peers`, with options; `is_other` if it has its own environment."""

    module: str
    options: dict[str, Any] = field(default_factory=dict)
    is_other: bool = True
    needs_weights: bool = False


PEERS: Mapping[str, Peer] = {
    "be-great": Peer("be_great", needs_weights=True),
    "tabularargn": Peer("tabularargn"),
    "realtabformer": Peer("realtabformer"),
    "ctgan": Peer("ctgan", {"network": "CTGAN"}),
    "tvae": Peer("ctgan", {"network": "TVAE"}),
}


def peers_python() -> str:
    """Return the interpreter of the peers' environment."""
    return os.environ.get(PEERS_PYTHON_VARIABLE, str(_ROOT / ".venv-peers" / "bin" / "python"))


def run_process(peer: Peer, task: Task, python: str) -> dict[str, Any]:
    """Run a peer in a process of its own; return what it measured, its status and the reason."""
    folder = Path(task.folder)
    task_file, log = folder / "task.json", folder / "log.txt"
    task_file.write_text(json.dumps(asdict(task)), encoding="utf-8")
    command = [python, "-m", f"benchmarks.peers.{peer.module}", str(task_file)]
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(  # noqa: S603 - our own module
                command,
                cwd=_ROOT,
                env=os.environ | _QUIET_AND_OFFLINE,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            return {"status": "failed", "reason": f"{python}: {error.strerror}"}
        exit_code = _wait(process, task.limit_s)
    result: dict[str, Any] = {}
    if (folder / "result.json").is_file():
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    if exit_code is None:
        reason = f"over {task.limit_s:g} s in the stage {result.get('stage', 'start')!r}"
        return {**result, "status": "timed out", "reason": reason}
    if exit_code != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        reason = lines[-1].strip()[:300] if lines else f"exit code {exit_code}, no message"
        return {**result, "status": "failed", "reason": reason}
    return {**result, "status": "ok"}


def _wait(process: subprocess.Popen[bytes], limit_s: float) -> int | None:
    """Return the exit code, or None if the process (and what it started) had to be ended."""
    try:
        return process.wait(timeout=limit_s)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:  # too slow, or we are interrupted
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def generate_rows(
    options: Mapping[str, Any], table: BenchTable, train: Rows, n_rows: int, seed: int
) -> tuple[Rows, dict[str, Any]]:
    """Let a peer generate rows of the positive class, as a method of ``run``.

    `options` has ``peer``, and perhaps ``python`` (of its environment), ``n_samples_seen``,
    ``batch_size`` and ``limit_s``; all else goes to the peer.
    """
    given = dict(options)
    peer = PEERS[given.pop("peer")]
    python = given.pop("python", peers_python())
    limits = {
        "n_samples_seen": given.pop("n_samples_seen", 50 * len(train[0])),
        "batch_size": given.pop("batch_size", 32),
        "limit_s": given.pop("limit_s", 3000.0),
    }
    loaded = weights() if peer.needs_weights else contextlib.nullcontext()
    with tempfile.TemporaryDirectory(prefix="benchmark-peer-") as scratch, loaded as folder:
        task = prepare_task(
            Path(scratch),
            table,
            train,
            **limits,
            n_rows=n_rows,
            epochs=max(1, round(limits["n_samples_seen"] / len(train[0]))),
            n_free_rows=n_rows,
            n_guided_rows=0,
            guided_s=0.0,
            seed=seed,
            weights=folder,
            options={**peer.options, **given},
        )
        result = run_process(peer, task, python)
        if result["status"] != "ok":
            raise RuntimeError(f"{options['peer']} {result['status']}: {result['reason']}")
        generation = result["generations"][-1]
        frame = read_csv(Path(scratch) / generation["csv"], table.numeric)
    frame = frame[frame[table.spec.target] == table.positive].reset_index(drop=True)
    timings = {name: generation[name] for name in ("generation_s", "whole_s")}
    figures = {**result["figures"], **timings, "process_peak_memory_mib": result["peak_memory_mib"]}
    return (frame[list(table.X)], frame[table.spec.target]), figures


def prepare_task(folder: Path, table: BenchTable, train: Rows, **options: Any) -> Task:
    """Write the training rows into the folder of a task, and return the task."""
    pd.concat(train, axis=1).to_csv(folder / "train.csv", index=False)
    return Task(
        folder=str(folder),
        target=table.spec.target,
        positive=table.positive,
        numeric=table.numeric,
        **options,
    )


@contextlib.contextmanager
def weights() -> Iterator[str | None]:
    """Give the folder of SmolLM2's weights for the peers; None if it is not installed."""
    from counterpoise.models._huggingface import smollm2_folder

    folder = smollm2_folder()
    if folder is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="benchmark-weights-") as scratch:
        yield str(_peers_copy(folder, Path(scratch) / "weights"))


def _peers_copy(folder: Path, copy: Path) -> Path:
    """Return a model folder like `folder` whose text ends with the mark that be-great knows.

    It is loaded in float32, as ours is: trained in bfloat16, the format of the weights, it would
    lose small steps, and a processor may take many times as long (be-great's option ``bf16`` mixes
    both). The chat model's end mark, which be-great would leave in the last cell of a row, is
    replaced by the one that the weights were pre-trained with.
    """
    copy.mkdir()
    for file in folder.iterdir():
        (copy / file.name).symlink_to(file.resolve())
    ids = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    marks = dict.fromkeys(["bos_token", "eos_token", "pad_token"], _END_OF_TEXT)
    changes = {
        "config.json": {**ids, "dtype": "float32"},
        "generation_config.json": ids,
        "tokenizer_config.json": marks,
    }
    for name, changed in changes.items():
        content = json.loads((copy / name).read_text()) | changed
        (copy / name).unlink()
        (copy / name).write_text(json.dumps(content))
    return copy
