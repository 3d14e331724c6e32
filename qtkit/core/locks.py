"""An exclusive lock that can say who holds it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from qtkit.core.clock import wall_time
from qtkit.core.errors import DataError, FolderLocked
from qtkit.core.file_reader import what_is_there
from qtkit.core.files import make_folder, write_atomic

__all__ = ["NamedLock", "in_turn", "is_locked"]

_OWNERS = 0o600
_TURN = 10.0  # seconds; so long one waits for others that need a lock for a moment
_PROBES = 0.2  # seconds; whoever only looks whether a lock is held holds it for a moment


class NamedLock:
    """An exclusive lock between processes; the file beside it names the holder.

    Parameters
    ----------
    path
        The lock file; ``<path>.holder`` names the holder while it is held.
    purpose
        What is being guarded, for the error message, e.g. ``"account demo"``.
    """

    def __init__(self, path: Path, purpose: str) -> None:
        self._path, self._purpose = path, purpose
        self._lock = FileLock(path, mode=_OWNERS, thread_local=False)

    @property
    def _holder(self) -> Path:
        return self._path.with_name(self._path.name + ".holder")

    def acquire(self) -> None:
        """Take the lock.

        Raises
        ------
        FolderLocked
            If another process holds it.
        DataError
            If something else than a file stands in its place.
        """
        make_folder(self._path.parent)
        _make_sure_it_is_a_file(self._path)
        _make_sure_it_is_a_file(self._holder)
        try:
            self._lock.acquire(timeout=_PROBES, poll_interval=_PROBES / 10)
        except Timeout:
            raise FolderLocked(
                f"{self._purpose} is in use by {self._described_holder()}; stop that engine first, "
                "or use another account. See runbooks/folder-locked.md"
            ) from None
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": str(wall_time())}
        write_atomic(self._holder, json.dumps(holder))

    def _described_holder(self) -> str:
        try:
            holder = json.loads(self._holder.read_text())
            return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return "another process"

    @property
    def is_held(self) -> bool:
        """Whether this very object holds the lock."""
        return bool(self._lock.is_locked)

    def release(self) -> None:
        """Let the lock go; releasing a free lock does nothing."""
        if self._lock.is_locked:
            self._holder.unlink(missing_ok=True)
            self._lock.release()


def _make_sure_it_is_a_file(path: Path) -> None:
    found = what_is_there(path)
    if found not in {"file", "nothing"}:
        raise DataError(
            f"the lock {path} is {found}, expected a plain file or nothing; remove it when no "
            "engine runs. See runbooks/folder-locked.md"
        )


@contextmanager
def in_turn(path: Path, purpose: str, patience: float = _TURN) -> Iterator[None]:
    """Hold a lock that everybody needs for a moment only; whoever comes second waits.

    Parameters
    ----------
    path
        The lock file; it stays. What a dead process held is free.
    purpose
        What is being guarded, for the error message, e.g. ``"600036.SH of table stock_1min"``.
    patience
        Longest wait, seconds.

    Raises
    ------
    FolderLocked
        If others hold it for longer than that.
    """
    make_folder(path.parent)
    lock = FileLock(path, mode=_OWNERS, thread_local=False)
    try:
        lock.acquire(timeout=patience, poll_interval=0.02)
    except Timeout:
        raise FolderLocked(
            f"{purpose} has been in use by another process for {patience:g} s; nothing was "
            f"written. Wait for it or stop it, then try again ({path} is its lock)"
        ) from None
    try:
        yield
    finally:
        lock.release()


def is_locked(path: Path) -> bool:
    """Return whether somebody holds the lock at `path`.

    Raises
    ------
    DataError
        If something else than a file stands in its place.
    """
    _make_sure_it_is_a_file(path)
    if not path.exists():
        return False
    probe = FileLock(path, mode=_OWNERS, thread_local=False)
    try:
        probe.acquire(timeout=0)
    except Timeout:
        return True
    probe.release()
    return False
