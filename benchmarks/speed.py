"""counterpoise and its peers on the same table, the same weights and as many rows presented.

    python -m benchmarks.speed --data-dir FOLDER --table german --repeats 3

Every arm is a process of its own, so that its peak of memory is its own. The arms take turns, so
that what else goes on on the machine meets them alike. An arm that fails or exceeds its time is
listed with the reason; what it had measured until then is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.arms.contract import Task
from benchmarks.machine import describe_machine, describe_versions
from benchmarks.protocol import (
    BenchmarkTable,
    Split,
    data_folder,
    load_table,
    read_rows,
    score_classifier,
    split_table,
)
from benchmarks.results import ABSENT, markdown_table, median_and_range, note, say, write_json
from counterpoise.metrics import check_validity
from counterpoise.models._device import resolve_device
from counterpoise.models._smollm2 import converted_folder

_ROOT = Path(__file__).resolve().parents[1]
_TABLES = ("german", "insurance")
_WEIGHTS = "smollm2-135m"
_END_OF_TEXT = "<|endoftext|>"


@dataclass(frozen=True, slots=True)
class Arm:
    """Something to measure.

    Attributes
    ----------
    module : str
        Of `benchmarks.arms`.
    options : dict
        The arm's own part of the task.
    is_peer : bool
        Whether it runs in the peers' environment.
    """

    module: str
    options: dict[str, Any] = field(default_factory=dict)
    is_peer: bool = False


def _ours(model: str, serialization: str, length: str = "fixed", **options: Any) -> Arm:
    return Arm(
        "ours", {"model": model, "serialization": serialization, "length": length, **options}
    )


ARMS = {
    "smotenc": Arm("smotenc"),
    "counterpoise compact, as it comes": _ours("compact", "table", "auto"),
    "counterpoise compact, refined": _ours("compact", "table", "auto", refinement="always"),
    "counterpoise compact, every row": _ours("compact", "table", "auto", selection=None),
    "counterpoise compact, table": _ours("compact", "table"),
    "counterpoise compact, text": _ours("compact", "text"),
    "counterpoise smollm2, table": _ours(_WEIGHTS, "table"),
    "counterpoise smollm2, text": _ours(_WEIGHTS, "text"),
    "counterpoise smollm2, table, all rows": _ours(_WEIGHTS, "table", corpus="all rows"),
    "counterpoise smollm2, text, all rows": _ours(_WEIGHTS, "text", corpus="all rows"),
    "published decoding": Arm("published"),
    "be-great": Arm("great", is_peer=True),
    "tabularargn": Arm("argn", is_peer=True),
    "realtabformer": Arm("rtf", is_peer=True),
}


def peers_weights(folder: Path, copy: Path, dtype: str) -> Path:
    """Return a model folder like `folder` whose text ends with the mark that be-great knows.

    It is loaded in the number format `dtype`, which is ours: a processor that does not multiply
    in bfloat16, the format of the weights, takes many times as long in it. The chat model's end
    mark, which be-great would leave in the last cell of a row, is replaced by the one that the
    weights were pre-trained with.
    """
    copy.mkdir()
    for file in folder.iterdir():
        (copy / file.name).symlink_to(file.resolve())
    for name in ("config.json", "generation_config.json"):
        _replace(copy / name, {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0})
    _replace(copy / "config.json", {"dtype": dtype})
    marks = dict.fromkeys(["bos_token", "eos_token", "pad_token"], _END_OF_TEXT)
    _replace(copy / "tokenizer_config.json", marks)
    return copy


def _replace(file: Path, changes: Mapping[str, Any]) -> None:
    content = json.loads(file.read_text()) | dict(changes)
    file.unlink()
    file.write_text(json.dumps(content))


def run_arm(arm: Arm, task: Task, python: str) -> dict[str, Any]:
    """Run an arm in a process of its own and return what it said, and how it ended."""
    folder = Path(task.folder)
    task_file, log = folder / "task.json", folder / "log.txt"
    task_file.write_text(json.dumps(asdict(task)), encoding="utf-8")
    environment = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [python, "-m", f"benchmarks.arms.{arm.module}", str(task_file)]
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(  # noqa: S603 - our own module
                command,
                cwd=_ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            return {"status": "failed", "reason": f"{python}: {error.strerror}"}
        ended = _wait(process, task.limit_s)
    result_file = folder / "result.json"
    result: dict[str, Any] = {}
    if result_file.is_file():
        result = json.loads(result_file.read_text(encoding="utf-8"))
    if ended is None:
        reason = f"over {task.limit_s:g} s in the stage {result.get('stage', 'start')!r}"
        return {**result, "status": "timed out", "reason": reason}
    if ended != 0:
        return {**result, "status": "failed", "reason": last_line(log, ended)}
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


def last_line(log: Path, exit_code: int) -> str:
    """Return the last line that a failed process wrote."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1].strip()[:300] if lines else f"exit code {exit_code}, and no word"


def judge_rows(
    generation: dict[str, Any], folder: Path, table: BenchmarkTable, split: Split, n_deficit: int
) -> dict[str, Any]:
    """Return `generation` with its valid rows, its rate, and the classifier's scores.

    A row is valid if every cell is possible in the training table and the label is the one asked
    for. The classifier is trained on the rows as they were returned, and only if there are as
    many as the minority lacks.
    """
    facts = table.facts
    X, y = table.X.iloc[split.train], table.y.iloc[split.train]
    rows = read_rows(folder / generation["csv"], facts.numeric)
    judged = {name: value for name, value in generation.items() if name != "csv"}
    has_label = (rows[facts.target] == facts.minority).to_numpy(dtype=bool)
    features = rows[list(X)]
    is_valid = check_validity(features, X).rows.to_numpy(dtype=bool) & has_label
    n_valid = int(is_valid.sum())
    judged |= {
        "n_valid": n_valid,
        "valid_share": n_valid / len(rows) if len(rows) else None,
        "valid_rows_per_s": n_valid / generation["generation_s"],
    }
    if len(rows) >= n_deficit:
        X_whole = pd.concat([X, features[has_label]], ignore_index=True)
        y_whole = pd.concat([y, rows[facts.target][has_label]], ignore_index=True)
        test = table.X.iloc[split.test], table.y.iloc[split.test]
        judged |= score_classifier((X_whole, y_whole), test, facts.minority, table.categorical)
    return judged


def _task(args: argparse.Namespace, arm: Arm, folder: Path, y: pd.Series[str], seed: int) -> Task:
    """Return the task of an arm; training is a whole number of passes over the method's corpus.

    The corpus (real and interpolated minority rows) has as many rows as the majority.
    """
    facts = args.loaded.facts
    n_minority = int((y == facts.minority).sum())
    n_majority = len(y) - n_minority
    epochs = max(1, round(args.samples_seen / n_majority))
    return Task(
        folder=str(folder),
        target=facts.target,
        minority=facts.minority,
        numeric=list(facts.numeric),
        n_rows=n_majority - n_minority,
        n_samples_seen=epochs * n_majority,
        epochs=epochs,
        n_free_rows=args.free_rows,
        n_guided_rows=args.guided_rows,
        guided_s=args.guided_s,
        batch_size=args.batch_size,
        limit_s=args.limit_s,
        seed=seed,
        weights=args.weights,
        options=arm.options,
    )


def _run(args: argparse.Namespace, name: str, repeat: int) -> dict[str, Any]:
    """Run an arm once, and judge its rows."""
    arm, table = ARMS[name], args.loaded
    seed = args.seed + repeat
    split = split_table(table.y, table.facts.minority, seed, args.max_train_rows)
    X, y = table.X.iloc[split.train], table.y.iloc[split.train]
    with tempfile.TemporaryDirectory(prefix="benchmark-arm-") as scratch:
        folder = Path(scratch)
        pd.concat([X, y], axis=1).to_csv(folder / "train.csv", index=False)
        task = _task(args, arm, folder, y, seed)
        result = run_arm(arm, task, args.peers_python if arm.is_peer else sys.executable)
        result["generations"] = [
            judge_rows(generation, folder, table, split, task.n_rows)
            for generation in result.get("generations", [])
        ]
    return {"arm": name, "repeat": repeat, "seed": seed, **result}


def _baseline(args: argparse.Namespace) -> list[dict[str, float]]:
    """Return the scores of doing nothing, by repeat."""
    table = args.loaded
    scores = []
    for repeat in range(args.repeats):
        split = split_table(table.y, table.facts.minority, args.seed + repeat, args.max_train_rows)
        train, test = (
            (table.X.iloc[rows], table.y.iloc[rows]) for rows in (split.train, split.test)
        )
        scores.append(score_classifier(train, test, table.facts.minority, table.categorical))
    return scores


def table_rows(runs: Sequence[Mapping[str, Any]], n_deficit: int) -> list[dict[str, str]]:
    """Return a row for each arm and way to generate: medians (and ranges) over the repeats."""
    rows = []
    for name in dict.fromkeys(run["arm"] for run in runs):
        of_arm = [run for run in runs if run["arm"] == name]
        strategies = dict.fromkeys(g["way"] for run in of_arm for g in run["generations"]) or {
            "": None
        }
        for strategy in strategies:
            generations = [g for run in of_arm for g in run["generations"] if g["way"] == strategy]
            rows.append(
                _table_row(
                    f"{name}, {strategy}" if strategy else name, of_arm, generations, n_deficit
                )
            )
    return rows


def _table_row(
    title: str,
    runs: Sequence[Mapping[str, Any]],
    generations: Sequence[Mapping[str, Any]],
    n_deficit: int,
) -> dict[str, str]:
    figures = [run.get("figures", {}) for run in runs]
    whole = [g["whole_s"] for g in generations if g["n_rows"] >= n_deficit]

    def over(records: Sequence[Mapping[str, Any]], figure: str) -> str:
        return median_and_range([record.get(figure) for record in records])

    presented = [f["n_samples_seen"] for f in figures if f.get("n_samples_seen")]
    return {
        "arm": title,
        "runs": _outcomes(runs),
        "rows presented": f"{max(presented):,}" if presented else ABSENT,
        "training, rows/s": over(figures, "training_rows_per_s"),
        "generation, valid rows/s": over(generations, "valid_rows_per_s"),
        "rows": "/".join(dict.fromkeys(str(g["n_rows"]) for g in generations)) or ABSENT,
        "valid": _share([g.get("valid_share") for g in generations]),
        "table to rows, s": median_and_range(whole),
        "peak, MiB": over(runs, "peak_memory_mib"),
        "F1": over(generations, "f1"),
        "PR-AUC": over(generations, "pr_auc"),
    }


def _outcomes(runs: Sequence[Mapping[str, Any]]) -> str:
    outcomes = [run["status"] for run in runs]
    return ", ".join(f"{outcomes.count(o)} {o}" for o in dict.fromkeys(outcomes))


def _share(shares: Sequence[float | None]) -> str:
    present = [share for share in shares if share is not None]
    return f"{100 * sum(present) / len(present):.0f}%" if present else ABSENT


def _arguments() -> argparse.Namespace:
    keep_lines = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=keep_lines)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--table", default="german", choices=_TABLES)
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=ARMS, metavar="ARM")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--samples-seen", type=int, default=600, help="about; whole passes")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--free-rows", type=int, default=64, help="asked of free sampling")
    parser.add_argument("--guided-rows", type=int, default=8, help="asked of guided sampling")
    parser.add_argument("--guided-s", type=float, default=120.0, help="seconds for them, about")
    parser.add_argument("--limit-s", type=float, default=900.0, help="of one arm's process")
    parser.add_argument("--max-train-rows", type=int, help="for a quick run")
    parser.add_argument("--peers-python", default=str(_ROOT / ".venv-peers" / "bin" / "python"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="default: results/speed-TABLE.json")
    return parser.parse_args()


def main() -> None:
    """Run the arms in turn, print a table, write JSON."""
    args = _arguments()
    args.loaded = load_table(args.table, data_folder(args.data_dir))
    output = args.output or Path(f"results/speed-{args.table}.json")
    runs: list[dict[str, Any]] = []
    split = split_table(args.loaded.y, args.loaded.facts.minority, args.seed, args.max_train_rows)
    is_minority = args.loaded.y.iloc[split.train] == args.loaded.facts.minority
    n_deficit = int(len(is_minority) - 2 * is_minority.sum())
    asked = {"n_train_rows": len(split.train), "n_rows_lacking": n_deficit}
    for name in ("table", "samples_seen", "batch_size", "free_rows", "guided_rows", "limit_s"):
        asked[name] = getattr(args, name)
    result = {
        "machine": describe_machine(),
        "versions": describe_versions(["counterpoise", "xgboost-cpu", "xgboost", "scikit-learn"]),
        "asked": asked,
        "no_balancing": _baseline(args),
        "runs": runs,
    }
    with tempfile.TemporaryDirectory(prefix="benchmark-weights-") as scratch:
        weights = converted_folder()
        dtype = str(resolve_device().precision).removeprefix("torch.")
        copy = Path(scratch) / "weights"
        args.weights = None if weights is None else str(peers_weights(weights, copy, dtype))
        for repeat in range(args.repeats):
            for name in args.arms:
                note(f"repeat {repeat + 1}, {name}")
                runs.append(_run(args, name, repeat))
                note(f"  {runs[-1]['status']} {runs[-1].get('reason', '')}")
                write_json(output, result)  # whatever comes next, this is kept
    say(_report(args, result, n_deficit))


def _report(args: argparse.Namespace, result: Mapping[str, Any], n_deficit: int) -> str:
    """Return the Markdown: the machine, the table, and why arms failed."""
    machine, scores = result["machine"], result["no_balancing"]
    f1, pr_auc = (median_and_range([s[figure] for s in scores]) for figure in ("f1", "pr_auc"))
    runs = result["runs"]
    threads = dict.fromkeys(str(r["torch"]["torch_threads"]) for r in runs if "torch" in r)
    lines = [
        f"{args.table}, {result['asked']['n_train_rows']} training rows, {n_deficit} to write; "
        f"{machine['date']}; {machine['cpu']}, {machine['cores']} cores, "
        f"{'/'.join(threads) or '?'} torch threads. No balancing: F1 {f1}, PR-AUC {pr_auc}.",
        "",
        markdown_table(table_rows(runs, n_deficit)),
    ]
    failures = [
        f"- {run['arm']}, repeat {run['repeat'] + 1}: {run['status']}: {run['reason']}"
        for run in runs
        if run["status"] != "ok"
    ]
    return "\n".join([*lines, "", *failures] if failures else lines)


if __name__ == "__main__":
    main()
