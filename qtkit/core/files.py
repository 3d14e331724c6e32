"""Files and folders that only their owner may read: 0600 and 0700, whatever the umask says."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

__all__ = ["append_line", "make_folder", "new_folder", "open_file", "write_atomic"]

_FOLDER, _FILE = 0o700, 0o600
_TRIES = 10  # of opening a file that others make and remove meanwhile


def make_folder(path: Path, *, exist_ok: bool = True) -> None:
    """Make a folder, and those above it that are missing; what is there keeps its mode.

    Raises
    ------
    FileExistsError
        If there is a file in its place, or anything and `exist_ok` is false.
    OSError
        If it cannot be made.
    """
    try:
        path.mkdir(_FOLDER)
    except FileExistsError:
        if not exist_ok or not path.is_dir():
            raise
    except FileNotFoundError:
        if path.parent == path or os.path.lexists(path):
            raise
        make_folder(path.parent)
        make_folder(path, exist_ok=exist_ok)
    else:
        # the umask may have taken more away than it should
        path.chmod(_FOLDER)


def new_folder(parent: Path, name: str) -> Path:
    """Make and return a folder; a number is appended when the name is taken."""
    path, number = parent / name, 1
    while True:
        try:
            make_folder(path, exist_ok=False)
        except FileExistsError:
            number += 1
            path = parent / f"{name}_{number}"
            continue
        return path


def open_file(path: Path, flags: int) -> int:
    """Return a descriptor of a file; one that is not there is made if `flags` have ``O_CREAT``.

    Raises
    ------
    OSError
        If it cannot be opened or made.
    """
    there = flags & ~(os.O_CREAT | os.O_EXCL)
    for _ in range(_TRIES):
        if not flags & os.O_EXCL:
            with suppress(FileNotFoundError):
                return os.open(path, there)
            if not flags & os.O_CREAT:
                break
        try:
            file = os.open(path, flags | os.O_CREAT | os.O_EXCL, _FILE)
        except FileExistsError:
            if flags & os.O_EXCL or path.is_symlink():
                raise
            continue
        os.fchmod(file, _FILE)
        return file
    return os.open(path, there)


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write a file whole or not at all: temporary file, fsync, rename, fsync of the folder.

    A link in its place is replaced and never followed.
    """
    raw = data.encode() if isinstance(data, str) else data
    make_folder(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_native_id()}.tmp")
    with suppress(FileNotFoundError):
        draft.unlink()
    try:
        _write_new(draft, raw)
        draft.replace(path)
    except BaseException:
        # a full disk is not to be filled further with what nobody will read
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _write_new(path: Path, raw: bytes) -> None:
    with os.fdopen(open_file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def append_line(path: Path, line: str) -> None:
    """Append one complete line."""
    make_folder(path.parent)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    with os.fdopen(open_file(path, flags), "a", encoding="utf-8") as file:
        file.write(line + "\n")
