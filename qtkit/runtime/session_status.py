"""`session_status.json`: where a session's life stands, read from its journal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from qtkit.core.errors import DataError
from qtkit.core.locks import is_locked
from qtkit.core.paths import SessionFolder, on_disk, write_atomic
from qtkit.core.render import json_text
from qtkit.journal import read_journal
from qtkit.model.events import Entry, SessionEnded, SessionStarted, StatusChanged

__all__ = ["Standing", "session_status", "write_status"]

_CRASHED = "the journal has no end and nobody writes it; the next start on the account resumes it"


class Standing:
    """Where a session stands, entry by entry.

    Parameters
    ----------
    session_id
        Its id; the journal does not know it.
    """

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self._first: Entry | None = None
        self._last: Entry | None = None
        self._engine, self._mode = "", ""

    def take(self, entry: Entry) -> None:
        """Take the next entry into account."""
        self._first, self._last = self._first or entry, entry
        if isinstance(entry.event, StatusChanged):
            self._engine = entry.event.after
        elif isinstance(entry.event, SessionStarted):
            self._mode = entry.event.mode

    def as_json(
        self, *, alive: bool, beat: datetime | None = None, on_disk: int | None = None
    ) -> dict[str, object]:
        """Return the status.

        Parameters
        ----------
        alive
            Whether somebody holds the journal's lock.
        beat
            The engine's last sign of life, where it is newer than the journal.
        on_disk
            How many lines a loss of power leaves; None: all.

        Raises
        ------
        DataError
            If there was no entry.
        """
        first, last = self._first, self._last
        if first is None or last is None:
            raise DataError(
                f"the journal of session {self._session_id} has no line: it never started"
            )
        ended = isinstance(last.event, SessionEnded)
        updated = last.at if ended or beat is None else max(beat, last.at)
        status, reason = _standing(last, self._engine, alive=alive)
        return {
            "format": 1,
            "rebuilt_from": "artifacts/journal.jsonl",
            "session_id": self._session_id,
            "mode": self._mode,
            "status": status,
            "terminal": ended,
            "status_reason": reason,
            "started_at": _text(first.at),
            "updated_at": _text(updated),
            "finished_at": _text(last.at) if ended else None,
            "duration_seconds": (updated - first.at).total_seconds(),
            "journal_lines": last.seq if on_disk is None else min(last.seq, on_disk),
        }


def session_status(entries: Iterable[Entry], session_id: str, *, alive: bool) -> dict[str, object]:
    """Return where a session stands.

    Parameters
    ----------
    entries
        Its journal, from the first line.
    session_id
        Its id; the journal does not know it.
    alive
        Whether somebody holds the journal's lock.

    Returns
    -------
    dict
        Times are UTC on the session's clock, durations seconds of it.

    Raises
    ------
    DataError
        If the journal has no line.
    """
    standing = Standing(session_id)
    for entry in entries:
        standing.take(entry)
    return standing.as_json(alive=alive)


def _standing(last: Entry, engine: str, *, alive: bool) -> tuple[str, str]:
    """Return the session's status and why."""
    if isinstance(last.event, SessionEnded):
        return "stopped", last.event.reason
    return ("running", f"the engine is {engine}") if alive else ("crashed", _CRASHED)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def write_status(folder: SessionFolder) -> None:
    """Write `session_status.json` anew from the journal; raises as `session_status`."""
    on_disk(folder.journal)  # the status may know only what a loss of power leaves
    lock = folder.journal.with_name(folder.journal.name + ".lock")
    entries = read_journal(folder.journal)
    status = session_status(entries, folder.session_id, alive=is_locked(lock))
    write_atomic(folder.status, json_text(status))
