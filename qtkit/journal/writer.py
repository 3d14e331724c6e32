"""Write a journal: one writer, numbered, chained, locked; on disk before anything acts on it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from qtkit.core.clock import Clock
from qtkit.core.errors import FolderGone, JournalCorrupt, StorageError
from qtkit.core.files import open_file, storage_error, write_whole
from qtkit.core.locks import NamedLock
from qtkit.core.paths import lock_of
from qtkit.core.text import shown
from qtkit.journal.codec import START, digest, encode
from qtkit.journal.reader import JournalChain, read_journal
from qtkit.model.events import (
    FORMAT,
    DayClosed,
    DayStarted,
    Entry,
    Event,
    KillSwitchSet,
    SessionEnded,
    SessionResumed,
    SessionStarted,
    StatusChanged,
    StopRequested,
)

__all__ = ["FileJournal", "Journal", "MemoryJournal"]

_LIFECYCLE = (
    SessionStarted,
    SessionResumed,
    StatusChanged,
    StopRequested,
    SessionEnded,
    DayStarted,
    DayClosed,
    KillSwitchSet,
)

Observer = Callable[[str, Entry], None]
"""Told ``"written"`` after each entry and ``"synced"`` after each fsync, with the newest entry."""


class Journal(Protocol):
    """Whatever can write an event down."""

    seq: int
    link: str
    synced: tuple[int, str]
    """Lines that a loss of power leaves, and the link of the last of them."""

    def append(self, event: Event) -> Entry:
        """Write one event and return it with its place."""

    def sync(self) -> None:
        """Return when everything written is on disk: called before any order leaves."""

    def entries(self) -> Iterator[Entry]:
        """Yield what is written so far."""

    def close(self) -> None:
        """Let go of file and lock; further appends raise ValueError."""


class MemoryJournal:
    """A journal that nobody needs after the process: for backtests."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._entries = clock, list[Entry]()
        self.seq, self.link, self.synced = 0, START, (0, START)

    def append(self, event: Event) -> Entry:
        """Keep one event and return it with its place."""
        self.seq = seq = self.seq + 1
        entry = Entry(seq=seq, at=self._clock.now(), event=event)
        self._entries.append(entry)
        return entry

    def sync(self) -> None:
        """Nothing waits for a disk here."""

    def entries(self) -> Iterator[Entry]:
        """Yield what is written so far."""
        return iter(self._entries)

    def close(self) -> None:
        """Nothing is open."""


class FileJournal:
    """The one writer of a journal file.

    Opening takes the lock, checks the whole chain and cuts a torn last line off; anything else
    wrong is refused. Each event is written at once; lifecycle events are also on disk at once,
    and everything is when `sync` returns.

    Parameters
    ----------
    observer
        Is told of each entry.
    read
        How far the caller has checked the chain, while nobody else could write; None: not at all.

    Raises
    ------
    FolderLocked
        If another process writes this journal.
    JournalCorrupt
        If what is there cannot be trusted.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        *,
        observer: Observer | None = None,
        read: JournalChain | None = None,
    ) -> None:
        self._path, self._clock, self._observer = path, clock, observer
        self._lock = NamedLock(lock_of(path), f"the journal {path.name}")
        self._lock.acquire()
        try:
            self.seq, self.link, self.torn_bytes = self._repaired(read)
            self._file = open_file(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        except BaseException:
            self._lock.release()
            raise
        self._dirty = False
        self.synced = (0, START)  # nobody knows yet what is on disk
        self._dirty, self._broken = False, ""
        self._newest: Entry | None = None

    def _repaired(self, read: JournalChain | None) -> tuple[int, str, int]:
        chain = read.copy() if read else JournalChain(self._path)
        if not self._path.exists() and not chain.size:
            return 0, START, 0
        for _ in chain.news():
            pass  # each is checked on the way
        torn = self._path.stat().st_size - chain.size
        if torn < 0:
            raise JournalCorrupt(
                f"{self._path.name} became shorter while it was read: it had {chain.size} bytes. "
                "See runbooks/journal-corrupt.md"
            )
        if torn:
            os.truncate(self._path, chain.size)
        return chain.lines, chain.link, torn

    def append(self, event: Event) -> Entry:
        """Write one event and return it with its place; lifecycle events are on disk after it."""
        if isinstance(event, SessionStarted):
            _demand_format(event.format)
        entry = Entry(seq=self.seq + 1, at=self._clock.now(), event=event)
        line = encode(entry, self.link)
        self._write(line)
        self.seq, self.link, self._dirty = entry.seq, digest(line), True
        self._newest = entry
        if self._observer:
            self._observer("written", entry)
        if isinstance(event, _LIFECYCLE):
            self.sync()
        return entry

    def _write(self, line: bytes) -> None:
        """Write a whole line; after one that the disk did not take, none follows."""
        if self._file < 0:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF), os.fspath(self._path))
        if self._broken:
            raise StorageError(self._broken)
        try:
            write_whole(self._file, line)
        except OSError as problem:
            raise self._break(problem) from problem

    def _break(self, problem: OSError) -> StorageError:
        """Return why the journal takes nothing more: what is on disk is not certain any longer."""
        problem.filename = problem.filename or os.fspath(self._path)
        self._broken = str(storage_error(problem))
        return StorageError(self._broken)

    def sync(self) -> None:
        """Return when everything written is on disk.

        Raises
        ------
        StorageError
            If the disk did not take it.
        FolderGone
            If the journal was removed.
        """
        if not self._dirty:
            return
        if os.fstat(self._file).st_nlink == 0:
            raise FolderGone(f"the journal {self._path} was removed; nothing is traded without it")
        try:
            self._fsync()
        except OSError as problem:
            raise self._break(problem) from problem
        if self._observer and self._newest:
            self._observer("synced", self._newest)

    def _fsync(self) -> None:
        os.fsync(self._file)
        self._dirty, self.synced = False, (self.seq, self.link)

    def entries(self) -> Iterator[Entry]:
        """Yield what is written so far."""
        return read_journal(self._path)

    def close(self) -> None:
        """Let go of file and lock; further appends raise OSError."""
        file, self._file = self._file, -1
        try:
            if file >= 0:
                os.fsync(file)
        finally:
            if file >= 0:
                os.close(file)
            self._lock.release()


def _demand_format(found: object) -> None:
    """Refuse to begin a session in a format that our own reader may refuse."""
    if type(found) is not int or found != FORMAT:
        raise ValueError(f"SessionStarted has format {shown(found)}, this qtkit writes {FORMAT}")
