"""Where a session's life stands: what `session_status.json` holds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar

from qtkit.core.errors import DataError
from qtkit.model import events as ev
from qtkit.model.events import Entry, Topic
from qtkit.projections.base import Handler, TopicFold

__all__ = ["SessionStatus"]

_CRASHED = "the journal has no end and nobody writes it; the next start on the account resumes it"


class SessionStatus(TopicFold):
    """A session from its first line to its newest.

    Attributes
    ----------
    first, last
        Entries; None of an empty journal.
    opening, end
        How it began, and its orderly end; None while it runs and after a crash.
    engine, since
        The engine's status, and when it came to it.
    """

    def __init__(self) -> None:
        self.first: Entry | None = None
        self.last: Entry | None = None
        self.opening: ev.SessionStarted | None = None
        self.end: ev.SessionEnded | None = None
        self.engine = ""
        self.since: datetime | None = None

    def apply(self, entry: Entry) -> None:
        """Take the next entry of the journal into account."""
        if self.first is None:
            self.first = entry
        self.last, self.end = entry, None
        super().apply(entry)

    def _started(self, entry: Entry, event: ev.SessionStarted) -> None:
        self.opening, self.since = event, entry.at

    def _ended(self, _: Entry, event: ev.SessionEnded) -> None:
        self.end = event

    def _changed(self, entry: Entry, event: ev.StatusChanged) -> None:
        self.engine, self.since = event.after, entry.at

    covers = frozenset({Topic.SESSION, Topic.STATUS})
    handlers: ClassVar[Mapping[type[ev.Event], Handler]] = {
        ev.SessionStarted: _started,
        ev.SessionEnded: _ended,
        ev.StatusChanged: _changed,
    }
    ignores = frozenset({ev.SessionResumed, ev.SettingsChanged, ev.StopRequested})

    def as_json(
        self,
        session_id: str,
        *,
        alive: bool,
        beat: datetime | None = None,
        on_disk: int | None = None,
    ) -> dict[str, object]:
        """Return the status.

        Parameters
        ----------
        session_id
            Its id; the journal does not know it.
        alive
            Whether somebody holds the journal's lock.
        beat
            The engine's last sign of life, where it is newer than the journal.
        on_disk
            How many lines a loss of power leaves; None: all.

        Returns
        -------
        dict
            Times are UTC on the session's clock, durations seconds of it.

        Raises
        ------
        DataError
            If there was no entry.
        """
        first, last, ended = self.first, self.last, self.end is not None
        if first is None or last is None:
            raise DataError(f"the journal of session {session_id} has no line: it never started")
        updated = last.at if ended or beat is None else max(beat, last.at)
        status, reason = self._standing(alive=alive)
        return {
            "format": 1,
            "rebuilt_from": "artifacts/journal.jsonl",
            "session_id": session_id,
            "mode": self.opening.mode if self.opening else "",
            "status": status,
            "terminal": ended,
            "status_reason": reason,
            "started_at": _text(first.at),
            "updated_at": _text(updated),
            "finished_at": _text(last.at) if ended else None,
            "duration_seconds": (updated - first.at).total_seconds(),
            "journal_lines": last.seq if on_disk is None else min(last.seq, on_disk),
        }

    def _standing(self, *, alive: bool) -> tuple[str, str]:
        """Return the session's status and why."""
        if self.end is not None:
            return "stopped", self.end.reason
        return ("running", f"the engine is {self.engine}") if alive else ("crashed", _CRASHED)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
