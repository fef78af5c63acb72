"""A folder of files that were written together: whole, unchanged, and of a known version.

The manifest has the SHA-256 of each file, and one of its own. That finds damage, not forgery:
whoever changes files on purpose can write a new manifest, so what is read is checked too.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file

from counterpoise.errors import MissingDependencyError, ModelError

MANIFEST = "manifest.json"
FORMAT = 4
_KIND = "counterpoise sampler"


class _Manifest(msgspec.Struct):
    kind: str
    format: int
    written_by: str
    files: dict[str, str]  # SHA-256 by name
    sha256: str = ""  # of this manifest with "" in this place

    def seal(self) -> str:
        """Return what `sha256` has to be."""
        unsealed = to_json(msgspec.structs.replace(self, sha256=""))
        return hashlib.sha256(unsealed).hexdigest()


@contextmanager
def new_folder(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a folder to write to; it becomes `path` if all goes well, and is deleted otherwise.

    It replaces a saved sampler if `overwrite` says so; files there that are not of one stay.
    """
    replaced = check_new_folder(path, overwrite=overwrite)
    path = path.resolve()  # where a link leads to
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".counterpoise.{uuid.uuid4().hex[:8]}.tmp")
    unfinished.mkdir(0o700 if path.exists() else 0o777)
    try:
        yield unfinished
        mode = stat.S_IMODE((path if path.exists() else unfinished).stat().st_mode)
        for file in unfinished.iterdir():
            with file.open("r+b") as opened:
                os.fsync(opened.fileno())
            file.chmod(mode & 0o666)  # some libraries give access to the owner alone
        unfinished.chmod(mode)
        if path.exists():
            _replace(path, unfinished, replaced)
        else:
            unfinished.rename(path)
    except SafetensorError as error:
        raise OSError(errno.EIO, f"Cannot save a sampler ({error})", str(path)) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def check_new_folder(path: Path, *, overwrite: bool) -> frozenset[str]:
    """Raise a ModelError unless a sampler can be saved to `path`; return the files it replaces."""
    own = _own_files(path)
    try:
        is_empty = path.is_dir() and not any(path.iterdir())
        if path.exists() and not is_empty and not (overwrite and own):
            what = "is a saved sampler; overwrite=True replaces it" if own else "exists"
            raise ModelError(f"{path} {what}. Choose another folder")
        existing = next(folder for folder in path.resolve().parents if folder.exists())
        with tempfile.TemporaryDirectory(dir=existing) as trial:
            (Path(trial) / path.resolve().relative_to(existing)).mkdir(parents=True)
    except (OSError, RuntimeError) as error:  # a RuntimeError: links in a circle
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"Cannot save a sampler to {path}: {reason}") from error
    return own


def _own_files(folder: Path) -> frozenset[str]:
    """Return the names of the files of the sampler that is saved in `folder`; none without one."""
    try:
        manifest = msgspec.convert(read_json(folder / MANIFEST), _Manifest)
    except (ModelError, msgspec.ValidationError):
        return frozenset()
    return frozenset({MANIFEST, *manifest.files} if manifest.kind == _KIND else ())


def _replace(path: Path, unfinished: Path, replaced: frozenset[str]) -> None:
    """Put a new folder in the place of `path`, whose files stay, but for the `replaced` ones."""
    stay = [entry.name for entry in path.iterdir() if entry.name not in replaced]
    for name in stay:
        if (unfinished / name).exists():
            raise ModelError(f"{path / name} is not of the sampler there. Move it away")
    old = unfinished.with_suffix(".old")
    path.rename(old)
    try:
        unfinished.rename(path)
    except BaseException:
        old.rename(path)
        raise
    for name in stay:
        (old / name).rename(path / name)
    shutil.rmtree(old)


def write_manifest(folder: Path, version: str) -> None:
    """Write the manifest of the files in `folder`."""
    files = {path.name: _sha256(path) for path in folder.iterdir()}
    manifest = _Manifest(_KIND, FORMAT, version, files)
    manifest.sha256 = manifest.seal()
    (folder / MANIFEST).write_bytes(to_json(manifest))


def check_folder(
    folder: Path, required: frozenset[str], optional: frozenset[str]
) -> frozenset[str]:
    """Check that a folder is whole and unchanged; return the names of its files."""
    if not folder.is_dir():
        raise ModelError(f"there is no folder {folder}")
    path = folder / MANIFEST
    if not path.exists():
        raise ModelError(f"{folder} is no folder of a saved sampler: it has no {MANIFEST}")
    manifest = msgspec.convert(read_json(path), _Manifest)
    if manifest.kind != _KIND or manifest.format != FORMAT:
        found = (
            f"a {manifest.kind} of format {manifest.format} (counterpoise {manifest.written_by})"
        )
        raise ModelError(f"{folder} holds {found}, and this version reads a {_KIND} of {FORMAT}")
    if manifest.sha256 != manifest.seal() or path.read_bytes() != to_json(manifest):
        raise ModelError(f"{path} was changed after it was written")
    names = frozenset(manifest.files)
    if not required <= names <= required | optional:
        raise ModelError(f"{path} lists the files {sorted(names)}; expected {sorted(required)}")
    for name, listed in manifest.files.items():
        if not (folder / name).is_file():
            raise ModelError(f"{folder} has no file {name}, which its {MANIFEST} lists")
        if _sha256(folder / name) != listed:
            raise ModelError(f"{folder / name} was changed after it was written")
    return names


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def to_json(content: Any) -> bytes:
    """Return `content` as JSON, the same bytes for the same content."""
    plain = msgspec.to_builtins(content, str_keys=True)
    # Python's own JSON escapes what is no UTF-8 (a category may have it) and refuses NaN
    return (json.dumps(plain, sort_keys=True, indent=1, allow_nan=False) + "\n").encode()


def read_json(path: Path) -> Any:
    """Return what a JSON file holds; a ModelError if it can't be read."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read ({error})") from error


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays in a safetensors file by name."""
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} cannot be read ({error})") from error


@contextmanager
def refuse_malformed(folder: Path) -> Iterator[None]:
    """Turn whatever reading a forged file raises into a ModelError."""
    try:
        yield
    except (ModelError, MissingDependencyError):
        raise
    except Exception as error:  # other libraries raise anything
        reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        raise ModelError(f"the sampler saved in {folder} is malformed ({reason})") from error
