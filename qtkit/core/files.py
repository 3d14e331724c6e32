"""Files and folders that only their owner may read: 0600 and 0700, whatever the umask says."""

from __future__ import annotations

import errno
import os
import threading
from contextlib import suppress
from pathlib import Path

from qtkit.core.errors import StorageError

__all__ = [
    "append_line",
    "make_folder",
    "new_folder",
    "on_disk",
    "open_file",
    "storage_error",
    "write_atomic",
    "write_whole",
]

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
        # some file systems, /proc for one, say this of a folder that nobody can make
        if path.parent.is_dir():
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


def write_atomic(path: Path, data: bytes | str, *, within: Path | None = None) -> None:
    """Write a file whole or not at all: temporary file, fsync, rename, fsync of the folder.

    A link in its place is replaced and never followed.

    Parameters
    ----------
    within
        A folder above the file that must be there already: what is gone is not made again.
    """
    raw = data.encode() if isinstance(data, str) else data
    if within is not None and not within.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(within))
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
    on_disk(path.parent)


def _write_new(path: Path, raw: bytes) -> None:
    with os.fdopen(open_file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())


def on_disk(path: Path) -> None:
    """Return when everything written to a file, or into a folder, is on disk; it may be missing."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def append_line(path: Path, line: str) -> None:
    """Append one complete line."""
    make_folder(path.parent)
    file = open_file(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        write_whole(file, (line + "\n").encode())
    finally:
        os.close(file)


def write_whole(file: int, data: bytes) -> None:
    """Append every byte, or none: what a full disk took of a line is cut off again.

    Raises
    ------
    OSError
        If the disk does not take it.
    """
    size = os.fstat(file).st_size
    done = 0
    try:
        while done < len(data):
            done += os.write(file, data[done:])
    except OSError:
        # where not even that works, readers know half a last line for what it is
        with suppress(OSError):
            os.ftruncate(file, size)
        raise


def storage_error(problem: OSError) -> StorageError:
    """Return what the machine says about a file as a sentence with a next step."""
    where = f"{problem.filename}: " if problem.filename else ""
    step = _STEPS.get(problem.errno or 0, "look at the disk and at who may write there")
    return StorageError(
        f"{where}{problem.strerror or problem} ({_name_of(problem)}); {step}, then do it again. "
        "What was written before is kept"
    )


def _name_of(problem: OSError) -> str:
    return errno.errorcode.get(problem.errno or 0, type(problem).__name__)


_STEPS = {
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room within your quota",
    errno.EFBIG: "raise the limit of a file's size (`ulimit -f`)",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`)",
    errno.ENFILE: "close what keeps so many files open on this machine",
    errno.EROFS: "name a root that can be written with --root",
    errno.EACCES: "name a root that you may write with --root, or mend the rights",
    errno.EPERM: "name a root that you may write with --root, or mend the rights",
    errno.ENOENT: "name a root that can be written with --root, or put back what was there",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.EIO: "look at the disk: it does not answer as it should",
}
