"""`session_status.json`: where a session's life stands, read from its journal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from qtkit.core.errors import DataError
from qtkit.core.folders import SessionFolder, write_atomic
from qtkit.core.locks import is_locked
from qtkit.core.render import json_text
from qtkit.journal import read_journal
from qtkit.model.events import Entry, SessionEnded, SessionStarted, StatusChanged

__all__ = ["session_status", "write_status"]

_CRASHED = "the journal has no end and nobody writes it; the next start on the account resumes it"


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
    first: Entry | None = None
    last: Entry | None = None
    engine, mode = "", ""
    for last in entries:
        first = first or last
        if isinstance(last.event, StatusChanged):
            engine = last.event.after
        elif isinstance(last.event, SessionStarted):
            mode = last.event.mode
    if first is None or last is None:
        raise DataError(f"the journal of session {session_id} has no line: it never started")
    ended = isinstance(last.event, SessionEnded)
    status, reason = _standing(last, engine, alive=alive)
    return {
        "format": 1,
        "rebuilt_from": "artifacts/journal.jsonl",
        "session_id": session_id,
        "mode": mode,
        "status": status,
        "terminal": ended,
        "status_reason": reason,
        "started_at": _text(first.at),
        "updated_at": _text(last.at),
        "finished_at": _text(last.at) if ended else None,
        "duration_seconds": (last.at - first.at).total_seconds(),
    }


def _standing(last: Entry, engine: str, *, alive: bool) -> tuple[str, str]:
    """Return the session's status and why."""
    if isinstance(last.event, SessionEnded):
        return "stopped", last.event.reason
    return ("running", f"the engine is {engine}") if alive else ("crashed", _CRASHED)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def write_status(folder: SessionFolder) -> None:
    """Write `session_status.json` anew from the journal; raises as `session_status`."""
    lock = folder.journal.with_name(folder.journal.name + ".lock")
    entries = read_journal(folder.journal)
    status = session_status(entries, folder.session_id, alive=is_locked(lock))
    write_atomic(folder.status, json_text(status))
