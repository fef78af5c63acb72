"""Data sets that are larger than memory: Parquet in many parts, in any file system of fsspec.

`resample_dataset` reads the data once, batch by batch: it checks that the parts agree, counts the
classes, and keeps a random sample of the rows of each. The sampler is fitted on that and saved in
the folder ``_counterpoise`` of the output, with a plan of the parts to write. Whatever was killed
goes on from there.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import math
import os
import re
import shutil
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from counterpoise import __version__
from counterpoise._progress import Advance, make_progress
from counterpoise.columns._unlearned import UnlearnedColumn
from counterpoise.constraints import NoCopies
from counterpoise.errors import (
    CounterpoiseError,
    ModelError,
    SchemaError,
    TableFileError,
    TableWriteError,
    needs_extra,
    warn_user,
)
from counterpoise.io import arrow_like, table_from_arrow, write_table
from counterpoise.persistence._sampler import check_can_be_saved
from counterpoise.recipes import get_recipe
from counterpoise.sampler import LLMOverSampler
from counterpoise.training._data_parallel import agree, gather, place

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds

_STATE = "_counterpoise"  # readers of data sets leave out such names
_PART = "synthetic-"
_BATCH_SIZE = 65_536  # rows
_MAX_CLASSES = 1_000
_CHANCE_OF_COPIES = 1e-6


@dataclass(frozen=True)
class ResampledDataset:
    """What `resample_dataset` did: rows by class, rows learned from, and files of the output.

    `parts` are the files with synthetic rows that this call wrote or found finished.
    """

    n_real: dict[str, int]
    n_added: dict[str, int]
    n_learned: int
    parts: list[str]


def resample_dataset(
    data: str | os.PathLike[str],
    target: str,
    output: str | os.PathLike[str],
    *,
    sampler: LLMOverSampler | None = None,
    max_rows: int = 100_000,
    rows_per_part: int = 50_000,
    copy: bool = False,
    shard: tuple[int, int] = (0, 1),
    engine: str | None = None,
    address: str | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> ResampledDataset:
    """Fill the minority classes of a Parquet data set of any size, in bounded memory.

    The data is read once. What is learned, relations and ranges too, are those of `max_rows` rows;
    synthetic rows are written part by part. A call that was killed is repeated as it was: parts
    that are finished are left as they are, and the rows are the same in the end.

    Parameters
    ----------
    data : str or path
        A folder, a glob such as ``"s3://bucket/churn/*.parquet"``, or a file. Folders may be
        partitioned as in Hive (``year=2024/``); their keys are columns of categories.
    target : str
        The column of the classes.
    output : str or path
        A folder: that of the data itself, or another one. The synthetic rows are in files
        ``synthetic-...parquet``, in the schema of the data and in folders as it has them.
    sampler : LLMOverSampler, default=None
        Its parameters are used, it is not fitted itself. `sampling_strategy` counts all rows; its
        keys may be the classes as text. With `max_time`, training alone is bounded.
    max_rows : int, default=100_000
        Rows that are kept to learn from. Each class has an equal share of them; all its rows are
        learned from where it has no more, and a random sample of that size otherwise.
    rows_per_part : int, default=50_000
        Most synthetic rows per part, of a single class. A part has whole blocks of 5,000 rows
        (1,000 of a pre-trained model; see `LLMOverSampler.sample`), so it has no fewer than that.
    copy : bool, default=False
        Copy the files of the data to `output` as well.
    shard : (int, int), default=(0, 1)
        ``(3, 64)`` writes every 64th part, from the fourth on, for machines that share the work.
        The first call fits the sampler and the others find it: let the others start when
        ``_counterpoise/plan.json`` is there.
    engine : {"ray"}, default=None
        Workers of Ray write the parts, one per CPU of the cluster. All must reach `output`.
    address : str, default=None
        Of the cluster; None stands for the one that Ray finds, or starts on this machine.
    storage_options : mapping, default=None
        For the file system, as in fsspec: credentials, for example.

    Returns
    -------
    ResampledDataset

    Raises
    ------
    TableFileError
        If there is no data, a part is unreadable or has another schema, or the output is of
        another call. Nothing is written then.
    TableWriteError
        If the disk is full, for example. Finished parts are kept, and nothing half-written.
    SchemaError, ValueError
        As `LLMOverSampler.fit` does.
    """
    sampler = LLMOverSampler() if sampler is None else sampler
    for name, value in (("max_rows", max_rows), ("rows_per_part", rows_per_part)):
        if value < 1:
            raise ValueError(f"{name} must be a whole number, 1 or more; got {value!r}")
    if not 0 <= shard[0] < shard[1]:
        raise ValueError(f"there is no shard {shard[0]} of {shard[1]}: they count from 0")
    if engine not in (None, "ray"):
        raise ValueError(f"engine is None or 'ray'; got {engine!r}")
    check_can_be_saved(get_recipe(sampler.recipe))
    folder = _Folder(output, storage_options)
    source = _Source(data, folder, storage_options)
    if target not in source.schema.names:
        known = ", ".join(map(repr, source.schema.names[:20]))
        raise SchemaError(f"The data has no column {target!r}; it has {known}.", column=target)
    shorter, longer = sorted([f"{source.base}/", f"{folder.path}/"], key=len)
    if copy and longer.startswith(shorter):
        raise TableFileError(f"To copy the data, name a folder apart from it, not {output!s}.")
    about = {
        "version": __version__,
        "data": source.digest(),
        "target": target,
        "sampler": _describe(sampler),
        "max_rows": max_rows,
        "rows_per_part": rows_per_part,
    }
    process, n_processes = place()
    plan = agree(folder.read_plan(about))
    if plan is None:
        fitted, plan = _fit(source, target, sampler, max_rows)
        if process == 0 and (found := folder.read_plan(about)) is not None:
            plan = found  # of another shard, which was quicker
        elif process == 0:
            folder.save(fitted, {**plan, "about": about})
        plan = agree(plan)  # when it is there
    if copy:
        for file in source.files[shard[0] :: shard[1]][process::n_processes]:
            folder.copy(source.fs, file, source.relative(file))
    if rows_per_part < (least := plan.get("rows_per_block", 1)):
        warn_user(f"rows_per_part is {rows_per_part:,}, but parts have blocks of {least:,} rows")
    parts = _parts(plan, rows_per_part)[shard[0] :: shard[1]][process::n_processes]
    folder.remove_drafts(folder.path, {part.name for part in parts})
    writer = _PartWriter(source, folder, plan, parts, target, sampler)
    numbers = range(len(parts))
    written = map(writer, numbers) if engine is None else on_ray(writer, numbers, address)
    own = [file for part in written for file in part]
    files = sorted(file for files in gather(own) for file in files)
    return ResampledDataset(plan["n_real"], plan["n_added"], plan["n_learned"], files)


def on_ray(writer: Callable[[int], Any], parts: Sequence[int], address: str | None) -> list[Any]:
    """Call a writer for each part, in processes of Ray; each loads what it needs once.

    A worker that is lost is replaced, and its part written again. The `address` is that of the
    cluster; None stands for the one that Ray finds, or starts on this machine.
    """
    if not parts:
        return []
    with needs_extra("ray", "Ray is not installed: run `pip install 'counterpoise[ray]'`."):
        import ray
        import ray.data

    class Worker:
        def __call__(self, batch: Any) -> Any:
            done = [json.dumps(writer(int(part))) for part in batch["part"]]
            return {"part": batch["part"], "done": done}

    if not ray.is_initialized():
        ray.init(address=address, logging_level="ERROR", log_to_driver=False)
    context = ray.data.DataContext.get_current()
    before = context.raise_original_map_exception, context.enable_progress_bars
    context.raise_original_map_exception, context.enable_progress_bars = True, False
    n_workers = max(1, min(len(parts), int(ray.cluster_resources().get("CPU", 1))))
    pool = ray.data.ActorPoolStrategy(size=n_workers, max_tasks_in_flight_per_actor=1)
    try:
        rows = (
            ray.data.from_items([{"part": part} for part in parts], override_num_blocks=len(parts))
            .map_batches(Worker, batch_size=1, compute=pool, num_cpus=1)
            .take_all()
        )
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, CounterpoiseError):
            text = str(error.cause).partition("\nFailed to apply UDF")[0]  # which Ray adds
            raise type(error.cause)(text) from None
        raise
    finally:
        context.raise_original_map_exception, context.enable_progress_bars = before
    by_part = {row["part"]: json.loads(row["done"]) for row in rows}
    return [by_part[part] for part in parts]


@dataclass
class _PartWriter:
    """Writes parts of a data set, by their position, unless they are finished."""

    source: _Source
    folder: _Folder
    plan: dict[str, Any]
    parts: list[_Part]
    target: str
    like: LLMOverSampler

    def __call__(self, at: int) -> list[str]:
        """Return the files."""
        part = self.parts[at]
        written = self.folder.finished(part.name)
        if written is None:
            rows = part.generate(self._sampler, self.target)
            table = self.source.as_arrow(rows, self.plan["nan_columns"])
            written = self.folder.write_part(part.name, table, self.source.partitioning)
        return written

    @cached_property
    def _sampler(self) -> LLMOverSampler:
        return self.folder.load(self.like)


@dataclass
class ShardWriter:
    """Writes shards of the rows of a saved sampler to files in a folder, by their number."""

    sampler: Path
    output: Path
    part_format: str
    n_shards: int
    device: str
    escape_formulas: bool
    arguments: dict[str, Any] = field(default_factory=dict)  # of `LLMOverSampler.sample`

    def path(self, which: int) -> Path:
        """Return the file of a shard."""
        return self.output / f"part-{which:05}-of-{self.n_shards:05}.{self.part_format}"

    def unfinished(self, shards: Iterable[int], *, overwrite: bool) -> list[int]:
        """Return those of the shards that are to be written, without what was left of them."""
        found = [which for which in shards if overwrite or not self.path(which).exists()]
        left = {f".{self.path(which).name}" for which in found}
        for draft in self.output.glob(".part-*.tmp"):  # of a run that was killed
            if draft.name.rsplit(".", 2)[0] in left:
                draft.unlink(missing_ok=True)
        return found

    def __call__(self, which: int) -> int:
        """Return the number of rows."""
        X, y = self._sampler.sample(**self.arguments, shard=(which, self.n_shards))
        rows = with_labels(X, y)
        write_table(rows, self.path(which), escape_formulas=self.escape_formulas)
        return len(rows)

    @cached_property
    def _sampler(self) -> LLMOverSampler:
        return LLMOverSampler.load(self.sampler, device=self.device)


def with_labels(X: Any, y: Any) -> pd.DataFrame:
    """Return rows with the column of their classes, to be written."""
    if not isinstance(X, pd.DataFrame):
        raise ModelError(
            "the sampler was fitted on arrays, which have no columns to write; load it in Python"
        )
    return X.assign(**{str(getattr(y, "name", None) or "class"): y})


class _Part(NamedTuple):
    """Some of the synthetic rows of a class."""

    name: str
    class_: str
    n_added: int  # rows of the class
    shard: tuple[int, int]
    n_before: int  # rows of other classes, whose identifiers are taken
    seed: int

    def generate(self, sampler: LLMOverSampler, target: str) -> pd.DataFrame:
        """Return the rows, with the column of the classes."""
        sampler.n_synthetic_ = self.n_before
        class_ = next(one for one in sampler.classes_.tolist() if str(one) == self.class_)
        X, y = sampler.sample(self.n_added, class_=class_, random_state=self.seed, shard=self.shard)
        rows: pd.DataFrame = X.assign(**{target: y})
        return rows


def _parts(plan: Mapping[str, Any], rows_per_part: int) -> list[_Part]:
    parts, n_before = [], 0
    for at, (class_, n) in enumerate(plan["n_added"].items()):
        seed = int(np.random.SeedSequence(plan["seed"], spawn_key=(at,)).generate_state(1)[0])
        n_blocks = math.ceil(n / plan["rows_per_block"])
        n_parts = math.ceil(n_blocks / max(1, rows_per_part // plan["rows_per_block"]))
        for k in range(n_parts):
            name = f"{_PART}class{at}-{k:05}-of-{n_parts:05}"
            parts.append(_Part(name, class_, n, (k, n_parts), n_before, seed))
        n_before += n
    return parts


def first_rows(
    data: str | os.PathLike[str], storage_options: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """Return some rows of a data set, for what is known of its columns."""
    import pyarrow as pa

    source = _Source(data, None, storage_options)
    batch = next(one for one in source.batches() if one.num_rows)
    return table_from_arrow(pa.Table.from_batches([batch]).slice(0, 1_000)).frame


@contextlib.contextmanager
def _raising(error: type[CounterpoiseError], what: str) -> Iterator[None]:
    """Raise an error of ours, which names the file, where Arrow or the file system fails."""
    import pyarrow as pa

    try:
        yield
    except CounterpoiseError:
        raise
    except (pa.ArrowException, OSError) as own:
        reason = getattr(own, "strerror", None) or str(own).strip().partition("\n")[0].rstrip(".")
        raise error(f"{what}: {reason}.") from own


def _file_system(path: str | os.PathLike[str], options: Mapping[str, Any] | None) -> Any:
    """Return the file system of a path or an address, and its path there."""
    message = (
        "Data sets in Parquet need pyarrow and fsspec: run `pip install counterpoise[parquet]`."
    )
    with needs_extra("parquet", message):
        import fsspec
        import pyarrow.dataset  # noqa: F401
    # a Path has one slash of an address
    address = re.sub(r"^((?!file)\w{2,}):/(?=[^/])", r"\1://", os.fspath(path))
    fs, inside = fsspec.core.url_to_fs(address, **(options or {}))
    fs.invalidate_cache()
    return fs, inside.rstrip("/")


class _Source:
    """The parts of a data set, with columns that agree."""

    def __init__(
        self,
        data: str | os.PathLike[str],
        output: _Folder | None,
        options: Mapping[str, Any] | None,
    ) -> None:
        import pyarrow as pa
        import pyarrow.dataset as ds

        self.fs, self.base = _file_system(data, options)
        places, suffixes = [self.base], [".parquet", ".pq"]
        if glob.has_magic(self.base) and not self.fs.exists(self.base):
            places, suffixes = self.fs.glob(self.base), [""]
            while glob.has_magic(self.base):
                self.base = self.fs._parent(self.base)
        elif self.fs.isfile(self.base):
            self.base = self.fs._parent(self.base)
        own = f"{output.path}/" if output else "?"
        self.files = sorted(
            file
            for place in places
            for file in self.fs.find(place)
            if file.endswith(tuple(suffixes))
            and not re.search(r"(^|/)[._]", self.relative(file))
            and not (file.startswith(own) and f"/{_PART}" in file)
        )
        if not self.files:
            raise TableFileError(f"There is no Parquet file in {os.fspath(data)!r}.")
        keys = self._keys(self.files[0])
        kinds = pa.schema([(key, pa.string()) for key in keys])
        self.partitioning = ds.partitioning(kinds, flavor="hive") if keys else None
        self.schema, self.n_rows = pa.schema([]), 0
        for file in self.files:
            with _raising(TableFileError, f"{file!r} cannot be read as Parquet"):
                fragment = self._fragment(file)
                self.n_rows += fragment.count_rows()
                own_schema = fragment.physical_schema
                known = self.schema if len(self.schema) else own_schema
                self._check_like_first(file, known, own_schema)
                # a column of nulls is of the type of the others
                self.schema = pa.unify_schemas([known, own_schema])
        for key in keys:
            if key in self.schema.names:
                raise TableFileError(f"{key!r} is a column of the files and a key of the folders.")
            self.schema = self.schema.append(kinds.field(key))
        if not self.n_rows:
            raise TableFileError(f"{os.fspath(data)!r} has no row.")

    def relative(self, file: str) -> str:
        return file.removeprefix(self.base).lstrip("/")

    def digest(self) -> str:
        """Return what changes with the names or the sizes of the files."""
        sizes = [(self.relative(file), self.fs.size(file)) for file in self.files]
        return hashlib.sha256(json.dumps(sizes).encode()).hexdigest()

    def batches(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Read the data, in the order of its files."""
        for file in self.files:
            with _raising(TableFileError, f"{file!r} cannot be read as Parquet"):
                yield from self._fragment(file).to_batches(
                    schema=self.schema,
                    columns=columns,
                    batch_size=_BATCH_SIZE,
                    batch_readahead=1,
                    fragment_readahead=1,
                )

    def as_arrow(self, rows: pd.DataFrame, nan_columns: list[str]) -> pa.Table:
        """Return synthetic rows in the schema of the data."""
        import pyarrow as pa

        columns, fields = [], []
        for one in self.schema:
            # what is missing is NaN where the data has that, and null elsewhere
            like = pa.chunked_array([pa.nulls(int(one.name not in nan_columns), one.type)])
            is_known = one.name in rows
            column = arrow_like(like, rows[one.name]) if is_known else pa.nulls(len(rows), one.type)
            columns.append(column)
            fields.append(one.with_nullable(one.nullable or column.null_count > 0))
        return pa.table(columns, schema=pa.schema(fields, self.schema.metadata))

    def _fragment(self, file: str) -> ds.ParquetFileFragment:
        import pyarrow.dataset as ds
        from pyarrow.fs import FSSpecHandler, LocalFileSystem, PyFileSystem

        is_local = "file" in self.fs.protocol
        fs = LocalFileSystem() if is_local else PyFileSystem(FSSpecHandler(self.fs))
        parse = None if self.partitioning is None else self.partitioning.parse
        partition = parse and parse(self.relative(file))
        return ds.ParquetFileFormat().make_fragment(file, fs, partition)

    def _keys(self, file: str) -> list[str]:
        folders = self.relative(file).split("/")[:-1]
        return [folder.partition("=")[0] for folder in folders if "=" in folder]

    def _check_like_first(self, file: str, known: pa.Schema, own: pa.Schema) -> None:
        kinds = [{one.name: str(one.type) for one in schema} for schema in (known, own)]
        kinds = [
            {**one, **dict.fromkeys(self._keys(f), "a key")}
            for one, f in zip(kinds, (self.files[0], file), strict=True)
        ]
        for name in {**kinds[0], **kinds[1]}:
            types = [one.get(name, "not there") for one in kinds]
            if types[0] != types[1] and "null" not in types:
                raise TableFileError(
                    f"{file!r} has another schema than {self.files[0]!r}: the column {name!r} is "
                    f"{types[1]}, and {types[0]} in the other. Write all parts alike."
                )


class _Folder:
    """The folder of the output: the plan, the sampler, parts and which of them are finished."""

    def __init__(self, path: str | os.PathLike[str], options: Mapping[str, Any] | None) -> None:
        self.fs, self.path = _file_system(path, options)
        self._state = f"{self.path}/{_STATE}"

    def read_plan(self, about: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the plan if there is one; raise if it is of another call."""
        if not self.fs.exists(f"{self._state}/plan.json"):
            return None
        plan: dict[str, Any] = json.loads(self.fs.cat_file(f"{self._state}/plan.json"))
        if others := [name for name, value in about.items() if plan["about"].get(name) != value]:
            raise TableFileError(
                f"{self.path!r} has rows of another call: not of the same {', '.join(others)}. "
                f"Name another folder, or remove {_STATE!r} and the parts {_PART}* in it."
            )
        return plan

    def save(self, sampler: Any, plan: Mapping[str, Any]) -> None:
        """Keep the fitted sampler, and then the plan."""
        with self._draft(self._state, "sampler") as draft:
            if plan["n_added"]:
                include_rows = any(isinstance(one, NoCopies) for one in sampler.constraints_)
                with tempfile.TemporaryDirectory() as temporary:
                    sampler.save(Path(temporary) / "sampler", include_rows=include_rows)
                    self.fs.makedirs(draft, exist_ok=True)
                    self.fs.put(f"{temporary}/sampler/", f"{draft}/", recursive=True)
                self._remove(f"{self._state}/sampler")
                self.fs.mv(draft, f"{self._state}/sampler", recursive=True)
        self._write(f"{self._state}/plan.json", lambda file: file.write(json.dumps(plan).encode()))

    def load(self, like: LLMOverSampler) -> LLMOverSampler:
        """Return the saved sampler, which runs where `like` does."""
        with tempfile.TemporaryDirectory() as temporary:
            self.fs.get(f"{self._state}/sampler/", f"{temporary}/sampler/", recursive=True)
            sampler = LLMOverSampler.load(Path(temporary) / "sampler", device=like.device)
        return sampler.set_params(verbose=like.verbose)

    def copy(self, fs: Any, file: str, name: str) -> None:
        """Copy a file unless it was copied already."""
        if self.fs.exists(f"{self.path}/{name}"):
            return
        folder, _, own = f"{self.path}/{name}".rpartition("/")
        self.remove_drafts(folder, [own])
        with fs.open(file, "rb") as stream:
            self._write(
                f"{self.path}/{name}", lambda draft: shutil.copyfileobj(stream, draft, 2**22)
            )

    def finished(self, name: str) -> list[str] | None:
        """Return the files of a part; None unless it is finished."""
        note = f"{self._state}/{name}.json"
        files = json.loads(self.fs.cat_file(note)) if self.fs.exists(note) else None
        if files is None or not all(self.fs.exists(f"{self.path}/{file}") for file in files):
            return None
        return [f"{self.path}/{file}" for file in files]

    def write_part(
        self, name: str, rows: pa.Table, partitioning: ds.Partitioning | None
    ) -> list[str]:
        """Write the files of a part as drafts, then give them their names, and note them last."""
        import pyarrow.dataset as ds

        files = []
        with self._draft(self.path, name) as draft:
            ds.write_dataset(
                rows,
                draft,
                format="parquet",
                filesystem=self.fs,
                partitioning=partitioning,
                basename_template=f"{name}-{{i}}.parquet",
                use_threads=False,
                max_partitions=max(1, rows.num_rows),
            )
            for file in sorted(self.fs.find(draft)):
                files.append(file.removeprefix(draft).lstrip("/"))
                self._move(file, f"{self.path}/{files[-1]}")
        self._write(
            f"{self._state}/{name}.json", lambda file: file.write(json.dumps(files).encode())
        )
        return [f"{self.path}/{file}" for file in files]

    def _write(self, path: str, write: Callable[[Any], object]) -> None:
        """Write a file under another name first."""
        folder, _, name = path.rpartition("/")
        with self._draft(folder, name) as draft:
            self.fs.makedirs(folder, exist_ok=True)
            with self.fs.open(draft, "wb") as file:
                write(file)
            self._move(draft, path)

    @contextlib.contextmanager
    def _draft(self, folder: str, name: str) -> Iterator[str]:
        """Yield a path beside what it is moved to; what is still there in the end is removed."""
        draft = f"{folder}/.{name}.{uuid.uuid4().hex[:8]}.tmp"
        try:
            with _raising(TableWriteError, f"Cannot write {name!r} in {folder!r}"):
                yield draft
        finally:
            self._remove(draft)

    def remove_drafts(self, folder: str, names: Collection[str]) -> None:
        """Remove what a run that was killed has left of files or parts."""
        for draft in self.fs.glob(f"{folder}/.*.tmp"):
            if re.sub(r".*/\.|\.\w+\.tmp$", "", draft) in names:
                self._remove(draft)

    def _move(self, draft: str, path: str) -> None:
        if "file" in self.fs.protocol:
            with Path(draft).open("r+b") as file:
                os.fsync(file.fileno())
        self.fs.makedirs(self.fs._parent(path), exist_ok=True)
        self.fs.mv(draft, path)

    def _remove(self, path: str) -> None:
        with contextlib.suppress(OSError):
            self.fs.rm(path, recursive=True)


@dataclass
class _Reservoir:
    """A random sample of a stream of rows: those with the smallest of random keys."""

    tables: list[pa.Table] = field(default_factory=list)
    keys: list[npt.NDArray[np.float64]] = field(default_factory=list)
    n_held: int = 0
    below: float = 1.0  # rows with larger keys are not in the sample

    def add(self, batch: pa.RecordBatch, at: npt.NDArray[Any], keys: Any, size: int) -> None:
        """Add the rows at some positions of a batch, and keep at most twice `size`."""
        import pyarrow as pa

        at = at[keys[at] <= self.below]
        self.tables.append(pa.Table.from_batches([batch.take(pa.array(at))]))
        self.keys.append(keys[at])
        self.n_held += len(at)
        if self.n_held > 2 * size:
            self.shrink(size)

    def shrink(self, size: int) -> pa.Table:
        """Keep `size` rows, in their order, and return them."""
        import pyarrow as pa

        keys, table = np.concatenate(self.keys), pa.concat_tables(self.tables)
        if len(keys) > size:
            self.below = float(np.partition(keys, size - 1)[size - 1])
            table, keys = table.filter(pa.array(keys <= self.below)), keys[keys <= self.below]
        self.tables, self.keys, self.n_held = [table.combine_chunks()], [keys], len(keys)
        return self.tables[0]


def _scan(
    source: _Source, target: str, max_rows: int, seed: int, advance: Advance
) -> tuple[Counter[Any], dict[Any, pa.Table]]:
    """Count the rows of each class, and sample them."""
    import pyarrow.compute as pc

    rng, counts = np.random.default_rng(seed), Counter[Any]()
    held: dict[Any, _Reservoir] = {}
    n_missing = 0
    for batch in source.batches():
        keys = rng.random(batch.num_rows)
        labels = batch.column(target)
        is_missing = pc.is_null(labels, nan_is_null=True).to_numpy(zero_copy_only=False)
        n_missing += int(is_missing.sum())
        encoded = labels if hasattr(labels, "indices") else labels.dictionary_encode()
        codes = encoded.indices.fill_null(0).to_numpy()
        for code, label in enumerate(encoded.dictionary.to_pylist()):
            at = np.flatnonzero((codes == code) & ~is_missing)
            if not len(at):
                continue
            counts[label] += len(at)
            reservoir = held.setdefault(label, _Reservoir())
            if len(held) > min(_MAX_CLASSES, max_rows):
                fact = f"has more than {len(held) - 1:,} values: it is to be a column of classes"
                raise SchemaError(f"The target {target!r} {fact}.", column=target)
            reservoir.add(batch, at, keys, max_rows // len(held))
        advance(batch.num_rows)
    if n_missing or len(held) == 1:
        fact = f"is missing in {n_missing:,} of {source.n_rows:,} rows. Fill in or remove these"
        if not n_missing:
            fact = f"is {next(iter(held))!r} in every row: there is nothing to balance"
        raise SchemaError(f"The target {target!r} {fact}.", column=target)
    ordered = sorted(held, key=str)
    return counts, {c: held[c].shrink(max_rows // len(held)) for c in ordered}


def _fit(
    source: _Source, target: str, sampler: LLMOverSampler, max_rows: int
) -> tuple[Any, dict[str, Any]]:
    """Return a fitted sampler, and the plan of what it is to generate."""
    import pyarrow as pa

    given = sampler.random_state
    own = isinstance(given, int | np.integer)
    seed = agree(int(given) if own else int(np.random.SeedSequence().generate_state(1)[0]))
    with make_progress(sampler.verbose).stage("reading", source.n_rows, "rows") as advance:
        counts, held = _scan(source, target, max_rows, seed, advance)
    table = pa.concat_tables(held.values())
    n_held = {class_: len(rows) for class_, rows in held.items()}
    frame = table_from_arrow(table).frame
    y = frame.pop(target)
    starts = np.cumsum([0, *n_held.values()])[:-1]
    labels = dict(zip(held, y.iloc[starts].tolist(), strict=True))
    n_added = {c: n for c, n in _rows_to_add(sampler.sampling_strategy, counts).items() if n > 0}
    floating = [one.name for one in table.schema if pa.types.is_floating(one.type)]
    plan = {
        "seed": seed,
        "n_real": {str(labels[c]): counts[c] for c in held},
        "n_added": {str(labels[c]): n_added[c] for c in held if c in n_added},
        "n_learned": len(table),
        "nan_columns": [name for name in floating if not table[name].null_count],
    }
    fitted: Any = clone(sampler)
    if not n_added:
        return fitted, plan
    index = (table.schema.pandas_metadata or {}).get("index_columns", ())
    # a range of numbers, by which pandas counts its rows, is no column
    frame = frame.drop(columns=[name for name in index if isinstance(name, str) and name in frame])
    keys = () if source.partitioning is None else source.partitioning.schema.names
    types = {**dict.fromkeys(keys, "categorical"), **(sampler.column_types or {})}
    types.pop(target, None)
    fitted.set_params(
        sampling_strategy={labels[c]: n_held[c] + 1 for c in n_added},  # these are learned
        column_types=types or None,
    )
    del table, held
    fitted.fit(frame, y)
    plan["rows_per_block"] = fitted._rows_per_block
    fitted.unlearned_columns_ = [
        _free_of(source, one, sum(n_added.values())) for one in fitted.unlearned_columns_
    ]
    return fitted, plan


def _rows_to_add(strategy: Any, counts: Counter[Any]) -> dict[Any, int]:
    """Return rows to add by class, as imbalanced-learn does for labels that are in memory."""
    (largest, most), (smallest, least) = counts.most_common()[0], counts.most_common()[-1]
    if isinstance(strategy, Mapping):
        by_text = {str(class_): class_ for class_ in counts}
        wanted = {}
        for given, n in strategy.items():
            class_ = given if given in counts else by_text.get(str(given))
            if class_ is None or n < counts[class_]:
                fact = "there is no such class" if class_ is None else f"it has {counts[class_]:,}"
                raise SchemaError(f"{n} rows are asked for of class {given!r}: {fact}.")
            wanted[class_] = n - counts[class_]
        return wanted
    if isinstance(strategy, float | int) and len(counts) == 2:
        if (n := int(strategy * most) - least) < 0:
            raise SchemaError(f"There are more than {strategy} minority rows per majority row.")
        return {smallest: n}
    left_out = {"auto": [largest], "not majority": [largest], "all": [], "not minority": [smallest]}
    left_out["minority"] = [class_ for class_ in counts if class_ != smallest]
    if not isinstance(strategy, str) or strategy not in left_out:
        raise ValueError(
            f"sampling_strategy is {strategy!r}: for a data set of {len(counts)} classes, give "
            f"rows by class{', a number' * (len(counts) == 2)} or {', '.join(left_out)}"
        )
    return {c: most - n for c, n in counts.items() if c not in left_out[strategy]}


def _free_of(source: _Source, column: UnlearnedColumn, n_added: int) -> UnlearnedColumn:
    """Return a column of identifiers, whose new ones no row of the whole data has."""
    import pyarrow.compute as pc

    name = str(column.name)
    if column.kind != "identifier":
        return column
    n_texts = math.prod(map(len, column.alphabets))
    if column.alphabets and n_added * source.n_rows < _CHANCE_OF_COPIES * n_texts:
        return column
    highest, width = -1, column.width
    for batch in source.batches([name]):
        cells = batch.column(0)
        if column.is_text:
            if hasattr(cells, "indices"):
                cells = cells.dictionary_decode()
            width = max(width, pc.max(pc.utf8_length(cells)).as_py() or 0)
            form = f"^{re.escape(column.prefix)}(?P<n>[0-9]{{1,18}})$"
            cells = pc.struct_field(pc.extract_regex(cells, form), "n").cast("int64")
        highest = max(highest, int(pc.max(cells).as_py() or 0))
    if column.alphabets:  # texts that are longer than all real ones
        return replace(column, modulus=n_texts + 1, residue=n_texts, width=width)
    return replace(column, low=highest + 1, n_numbers=0, modulus=1, residue=0)


def _describe(sampler: LLMOverSampler) -> str:
    """Return the parameters that the rows depend on, as text."""
    parameters = sampler.get_params(deep=False).items()
    without_effect = ("checkpoint_dir", "device", "verbose")
    text = repr({name: value for name, value in parameters if name not in without_effect})
    return re.sub(r" at 0x[0-9a-f]+", "", text)
