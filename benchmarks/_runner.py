"""All runs of a plan, each in a process of its own; finished runs are not repeated."""

from __future__ import annotations

import multiprocessing
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks._environment import describe_machine, peak_memory_mib, reset_peak_memory
from benchmarks._folder import RunFolder
from benchmarks._methods import FULL, build_method
from benchmarks._output import write_json
from benchmarks._plan import PLAN_FILE, Plan
from benchmarks._protocols import split_table
from benchmarks._run import Outcome, perform
from benchmarks._tables import find_spec, load_table

_PRELOADED = [
    "benchmarks._runner",
    "counterpoise.models._llama",
    "counterpoise.sampler",
    "xgboost",
]


@dataclass(frozen=True, slots=True)
class Task:
    """One run to make.

    It follows its own plan and not that of the folder, which another benchmark may have written
    meanwhile.
    """

    plan: Plan
    output: Path
    data_dir: Path | None
    table: str
    method: str
    split: int
    allow_network: bool = False

    @property
    def folder(self) -> RunFolder:
        return RunFolder.of(self.output, self.table, self.method, self.split)


@dataclass(frozen=True, slots=True)
class Tally:
    """Runs that ended well, ended badly, and had been finished before."""

    n_done: int
    n_failed: int
    n_skipped: int


def list_tasks(
    plan: Plan, output: Path, data_dir: Path | None, *, allow_network: bool = False
) -> list[Task]:
    """Return every table and method on the first split, then on the next, and so on.

    ``full`` is left out where nothing was cut.
    """
    return [
        Task(plan, output, data_dir, table, method, split, allow_network)
        for split in range(plan.resolved_protocol.n_splits)
        for table in plan.tables
        for method in plan.methods
        if method != FULL or not find_spec(table, plan.own_tables).is_natural
    ]


def run_benchmark(
    plan: Plan,
    output: Path,
    *,
    data_dir: Path | None = None,
    n_jobs: int = 1,
    engine: str | None = None,
    address: str | None = None,
    allow_network: bool = False,
    note: Callable[[str], None] | None = None,
) -> Tally:
    """Make every run of a plan that is not finished, `n_jobs` at a time, through joblib.

    With the `engine` "ray" they are made on the cluster at `address` (None: the one that Ray finds,
    or starts here), whose machines all reach `output` and the tables.

    `output` is the result folder; `note` is called with a line as each run ends. A plan that names
    what does not exist, a table that cannot be read, or a folder with runs of other settings raises
    ValueError before the first run.
    """
    from joblib import Parallel, delayed

    if engine is not None and engine != "ray":
        raise ValueError(f"expected ray as the engine, got {engine!r}")
    tasks = list_tasks(plan, output, data_dir, allow_network=allow_network)
    for table in plan.tables:
        load_table(table, data_dir, own=plan.own_tables, allow_network=allow_network)
    for method in plan.methods:
        build_method(method, plan.method, {})
    for task in tasks:
        task.folder.check(_config(task))
    waiting = [task for task in tasks if not task.folder.is_done]
    output.mkdir(parents=True, exist_ok=True)
    write_json(output / PLAN_FILE, asdict(plan))
    n_done = 0
    with nullcontext("generator_unordered") if engine is None else _on_ray(address) as return_as:
        ends = Parallel(n_jobs=n_jobs, return_as=return_as)(
            delayed(run_task)(task) for task in waiting
        )
        for count, (task, is_done, text) in enumerate(ends, start=1):
            n_done += is_done
            if note is not None:
                note(f"{count}/{len(waiting)} {task.table} {task.method} {task.split}: {text}")
    return Tally(n_done, len(waiting) - n_done, len(tasks) - len(waiting))


@contextmanager
def _on_ray(address: str | None) -> Iterator[str]:
    """Let joblib work on a Ray cluster; yields how its backend can return results."""
    import ray
    from joblib import parallel_config
    from ray.util.joblib import register_ray

    if not ray.is_initialized():
        ray.init(address=address, logging_level="ERROR", log_to_driver=False)
    register_ray()
    with parallel_config(backend="ray"):
        yield "list"


def run_task(task: Task) -> tuple[Task, bool, str]:
    """Make one run in a process of its own; return the task, whether it ended well, and a line."""
    folder = task.folder
    folder.start(_config(task))
    started = time.perf_counter()
    process = _context().Process(target=_perform_task, args=(task,))
    process.start()
    process.join(task.plan.limit_s)
    if process.is_alive():
        process.kill()
        process.join()
        folder.fail(
            {"error": "TrainingDeadline", "message": f"not done after {task.plan.limit_s:g} s"}
        )
    elif not folder.is_done and not folder.has_failed:
        message = f"the process ended with exit code {process.exitcode}"
        folder.fail({"error": "Died", "message": message})
    seconds = time.perf_counter() - started
    if folder.is_done:
        return task, True, f"{seconds:.1f} s"
    failure = folder.failure
    return task, False, f"FAILED after {seconds:.1f} s: {failure['error']}: {failure['message']}"


def _perform_task(task: Task) -> None:
    """Make a run, inside its own process."""
    reset_peak_memory()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", UserWarning)
            started = time.perf_counter()
            outcome = _outcome(task)
        about = describe_machine()
        about["whole_s"] = time.perf_counter() - started
        about["peak_memory_mib"] = peak_memory_mib()
        about["warnings"] = sorted({str(warning.message) for warning in caught})
        task.folder.finish(outcome, about)
    except Exception as error:  # noqa: BLE001 - a failed run is a result
        task.folder.fail(
            {
                "error": type(error).__name__,
                "message": str(error),
                "traceback": traceback.format_exc(),
                **describe_machine(),
            }
        )


def _outcome(task: Task) -> Outcome:
    plan = task.plan
    protocol = plan.resolved_protocol
    table = load_table(
        task.table, task.data_dir, own=plan.own_tables, allow_network=task.allow_network
    )
    return perform(
        plan.method_on(task.method, task.table),
        table,
        split_table(table, protocol, task.split, plan.train_rows_of(task.table) or None),
        protocol,
        seed=task.split,
        tune=plan.tune,
        diversity=plan.diversity,
        fidelity=plan.fidelity,
        likelihood=plan.likelihood,
    )


def _config(task: Task) -> dict[str, Any]:
    """Return everything that a run's result depends on, except versions and the machine."""
    plan = task.plan
    method = plan.method_on(task.method, task.table)
    protocol = plan.resolved_protocol
    return {
        "table": task.table,
        "method": task.method,
        "split": task.split,
        "kind": method.kind,
        "arguments": dict(method.arguments),
        "recipe": method.recipe,
        "protocol": protocol.name,
        "classifiers": list(protocol.classifiers),
        "threshold_folds": protocol.threshold_folds,
        "max_train_rows": plan.train_rows_of(task.table),
        "tune": plan.tune,
    }


def _context() -> Any:
    """Return a context that starts processes from one with the libraries loaded, if there is."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context
