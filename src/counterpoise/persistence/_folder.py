"""A folder of files that were written together: whole, unchanged, and of a known version.

The names of the files are fixed here and never read from the folder; the manifest says how long
each is and what its SHA-256 is, and has a SHA-256 of its own. This finds damage; who changes files
on purpose can seal them anew, so what is read is checked for what it says, too.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from counterpoise.errors import ModelError

MANIFEST = "manifest.json"
FORMAT = 1
_KIND = "counterpoise sampler"
_SEAL = "sha256"
_CHUNK = 1 << 20


@contextmanager
def new_folder(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Make a folder to write to that becomes `path` when all went well, or else nothing.

    Raises
    ------
    ModelError
        If `path` exists, unless it is such a folder and `overwrite` says to replace it.
    """
    is_ours = (path / MANIFEST).is_file()
    is_empty = path.is_dir() and not any(path.iterdir())
    if path.exists() and not is_empty and not (overwrite and is_ours):
        what = "is a saved sampler; overwrite=True replaces it" if is_ours else "exists"
        raise ModelError(f"{path} {what}. Choose another folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        yield unfinished
        for file in unfinished.iterdir():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
        unfinished.chmod(0o755)  # mkdtemp's are the owner's alone
        if path.exists():
            old = unfinished.with_name(f"{unfinished.name}.old")
            path.rename(old)
            unfinished.rename(path)
            shutil.rmtree(old)
        else:
            unfinished.rename(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def seal(folder: Path, version: str) -> None:
    """Write the manifest of the files in `folder`."""
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": _digest(path)}
        for path in sorted(folder.iterdir())
    }
    manifest = {"files": files, "format": FORMAT, "kind": _KIND, "written_by": version}
    (folder / MANIFEST).write_bytes(_spelled({**manifest, _SEAL: _seal_of(manifest)}))


def check(folder: Path, required: frozenset[str], optional: frozenset[str]) -> frozenset[str]:
    """Check that a folder is whole and unchanged; return the names of its files.

    Parameters
    ----------
    required, optional : frozenset of str
        The names that files may have. Others in the folder are not looked at.

    Raises
    ------
    ModelError
        If it isn't.
    """
    if not folder.is_dir():
        raise ModelError(f"there is no folder {folder}")
    manifest = read_json(folder, MANIFEST)
    raw = (folder / MANIFEST).read_bytes()
    if not isinstance(manifest, dict) or manifest.get("kind") != _KIND:
        raise ModelError(f"{folder} is no saved sampler: its {MANIFEST} says something else")
    if manifest.get("format") != FORMAT or type(manifest["format"]) is not int:
        raise ModelError(
            f"{folder} has format {manifest.get('format')!r} (written by counterpoise "
            f"{manifest.get('written_by')!r}), and this version reads format {FORMAT}"
        )
    files = manifest.get("files")
    manifest.pop(_SEAL, None)
    is_whole = isinstance(files, dict) and len(manifest) == 4
    if not is_whole or raw != _spelled({**manifest, _SEAL: _seal_of(manifest)}):
        raise ModelError(f"{folder / MANIFEST} was changed after it was written")
    assert isinstance(files, dict)
    names = frozenset(files)
    if not required <= names <= required | optional:
        raise ModelError(
            f"{folder / MANIFEST} lists the files {sorted(names)}; expected {sorted(required)}"
        )
    for name in sorted(names):
        _check_file(folder / name, files[name])
    return names


def read_json(folder: Path, name: str) -> Any:
    """Return what a JSON file holds; a ModelError if it can't be read."""
    try:
        if not (folder / name).is_file():
            raise ModelError(f"{folder} has no file {name}")
        return json.loads((folder / name).read_bytes(), parse_constant=_no_constant)
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{folder / name} cannot be read ({error})") from error


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` as JSON."""
    path.write_bytes(_spelled(content))


def _check_file(path: Path, listed: Any) -> None:
    if not path.is_file():
        raise ModelError(f"{path.parent} has no file {path.name}, which its {MANIFEST} lists")
    if not isinstance(listed, dict) or listed.keys() != {"bytes", "sha256"}:
        raise ModelError(f"the {MANIFEST} of {path.parent} is malformed at {path.name}")
    size = path.stat().st_size
    if size != listed["bytes"]:
        raise ModelError(f"{path} has {size} bytes, and was written with {listed['bytes']!r}")
    if _digest(path) != listed["sha256"]:
        raise ModelError(f"{path} was changed after it was written: its checksum differs")


def _seal_of(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(_spelled(manifest)).hexdigest()


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _spelled(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, sort_keys=True, indent=1, allow_nan=False) + "\n").encode()


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")


# Reading a record of JSON strictly: every field of the type it must have, and no other field.


T = TypeVar("T")


class Fields:
    """The fields of one JSON object, each taken once.

    Parameters
    ----------
    record : object
        What should be a JSON object.
    name : str
        Where it is, for messages.

    Raises
    ------
    ModelError
        From every method, if a field is missing or is not what it should be.
    """

    def __init__(self, record: object, name: str) -> None:
        if not isinstance(record, dict):
            raise ModelError(f"{name} should be an object, and is {_shown(record)}")
        self._record = dict(record)
        self._name = name

    def raw(self, field: str) -> Any:
        """Return a field as it is, for a reader that checks it itself."""
        if field not in self._record:
            raise ModelError(f"{self._name} has no field {field!r}")
        return self._record.pop(field)

    def text(self, field: str) -> str:
        """Return a string."""
        return self._of(field, str)

    def flag(self, field: str) -> bool:
        """Return a boolean."""
        return self._of(field, bool)

    def items(self, field: str) -> list[Any]:
        """Return a list."""
        return self._of(field, list)

    def record(self, field: str) -> Fields:
        """Return an object, as fields of its own."""
        return Fields(self.raw(field), f"{self._name}.{field}")

    def whole(self, field: str, low: int = 0, high: int = 2**62) -> int:
        """Return a whole number within bounds."""
        value = self._of(field, int)
        if not low <= value <= high:
            raise ModelError(f"{self._name}.{field} should be {low} to {high}, and is {value}")
        return value

    def number(self, field: str) -> float:
        """Return a finite number that isn't negative."""
        value = self.raw(field)
        if type(value) not in (int, float) or not math.isfinite(value) or value < 0:
            raise ModelError(f"{self._name}.{field} should be a number, and is {_shown(value)}")
        return float(value)

    def one_of(self, field: str, choices: Iterable[str]) -> str:
        """Return one of some strings."""
        value, known = self.text(field), sorted(choices)
        if value not in known:
            raise ModelError(f"{self._name}.{field} should be one of {known}, and is {value!r}")
        return value

    def optional(self, field: str, read: Callable[[str], T]) -> T | None:
        """Return None where the field is null, else what `read`, a method of this, makes of it."""
        if self._record.get(field, 0) is None:
            del self._record[field]
            return None
        return read(field)

    def names(self) -> list[str]:
        """Return the fields that are left."""
        return list(self._record)

    def done(self) -> None:
        """Check that no field is left."""
        if self._record:
            raise ModelError(f"{self._name} has the unknown fields {sorted(self._record)}")

    def _of(self, field: str, kind: type[T]) -> T:
        value = self.raw(field)
        if type(value) is not kind:
            raise ModelError(
                f"{self._name}.{field} should be of type {kind.__name__}, and is {_shown(value)}"
            )
        return value


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:60]}..."
