"""A small journal, and its file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from qtkit.core.clock import ManualClock
from qtkit.journal import FileJournal
from qtkit.model import events as ev

NINE = datetime(2026, 3, 4, 1, tzinfo=UTC)


def stop(reason: str) -> ev.StopRequested:
    """Return an event of the session's life: on disk at once."""
    return ev.StopRequested(by="eve", reason=reason)


def note(number: int) -> ev.FeedFailed:
    """Return an event that nothing waits for."""
    return ev.FeedFailed(error=f"number {number}")


def written(path: Path, count: int = 5) -> list[bytes]:
    """Write a journal of some lines and return them."""
    clock = ManualClock(NINE)
    journal = FileJournal(path, clock)
    for number in range(count):
        clock.advance(1.5)
        journal.append(note(number))
    journal.close()
    return path.read_bytes().splitlines(keepends=True)
