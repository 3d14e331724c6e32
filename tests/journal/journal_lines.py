"""A small journal, and its file."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from qtkit.model import events as ev
from qtkit.testing import HandMadeJournal, at, session_started

NINE = at("09:00")


def opening(number: int = ev.FORMAT) -> ev.SessionStarted:
    """Return the first line of a journal, in a format of this number."""
    return session_started(format=number)


def stop(reason: str) -> ev.StopRequested:
    """Return an event of the session's life: on disk at once."""
    return ev.StopRequested(by="eve", reason=reason)


def note(number: int) -> ev.FeedFailed:
    """Return an event that nothing waits for."""
    return ev.FeedFailed(error=f"number {number}")


def written(path: Path, count: int = 5) -> list[bytes]:
    """Write a journal of some lines, 1.5 s apart, and return them."""
    later = timedelta(seconds=1.5)
    HandMadeJournal(
        (NINE + n * later, note(n - 1) if n > 1 else opening()) for n in range(1, count + 1)
    ).write(path).close()
    return path.read_bytes().splitlines(keepends=True)
