"""`session_status.json`, made from a session's journal."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from datetime import datetime

from qtkit.core.locks import is_locked
from qtkit.core.paths import SessionFolder, lock_of, on_disk, write_atomic
from qtkit.core.render import json_text
from qtkit.journal.reader import JournalChain
from qtkit.journal.tail import JournalTail
from qtkit.projections.base import project
from qtkit.projections.session_status import SessionStatus

__all__ = ["StatusFile", "is_written", "write_status"]


def is_written(folder: SessionFolder) -> bool:
    """Whether somebody holds the lock of a session's journal."""
    return is_locked(lock_of(folder.journal))


class StatusFile:
    """The status of a session that goes on: each line of its journal is read once.

    Parameters
    ----------
    read, status
        How far somebody has read its journal, and what that adds up to; None: nobody has.
    """

    def __init__(
        self,
        folder: SessionFolder,
        read: JournalChain | None = None,
        status: SessionStatus | None = None,
    ) -> None:
        self._folder = folder
        self._tail = JournalTail(folder.journal, read)
        self._status = copy(status) if status else SessionStatus()

    def as_json(
        self, *, beat: datetime | None = None, on_disk: int | None = None
    ) -> dict[str, object]:
        """Return where the session stands; see `SessionStatus.as_json`.

        Raises
        ------
        DataError
            If the journal has no line.
        """
        project(self._tail.news(), self._status)
        alive = is_written(self._folder)
        return self._status.as_json(
            self._folder.session_id, alive=alive, beat=beat, on_disk=on_disk
        )

    def write(self) -> None:
        """Write it anew; it knows only what a loss of power leaves."""
        on_disk(self._folder.journal)
        _write(self._folder, self.as_json())


def write_status(folder: SessionFolder, status: SessionStatus | None = None) -> None:
    """Write `session_status.json` of a session that nobody goes on with.

    Parameters
    ----------
    status
        Read from the whole journal; None: it is read now.

    Raises
    ------
    DataError
        If the journal has no line.
    """
    if status is None:
        StatusFile(folder).write()
        return
    on_disk(folder.journal)
    _write(folder, status.as_json(folder.session_id, alive=is_written(folder)))


def _write(folder: SessionFolder, status: Mapping[str, object]) -> None:
    write_atomic(folder.status, json_text(status))
