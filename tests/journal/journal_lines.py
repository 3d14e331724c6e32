"""A small journal, and its file."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from qtkit.core.clock import ManualClock
from qtkit.journal import FileJournal
from qtkit.model import events as ev
from qtkit.model.books import Book

NINE = datetime(2026, 3, 4, 1, tzinfo=UTC)


def opening(number: int = ev.FORMAT) -> ev.SessionStarted:
    """Return the first line of a journal, in a format of this number."""
    return ev.SessionStarted(
        format=number, mode="paper", account="a", strategy="s", symbols=(), exchange="XSHG",
        settings={}, settings_digest="", seed=1, opening=Book(cash=Decimal(1)), killed=False,
        next_order=1, strategy_state={}, known_fills=(), predecessor="",
    )  # fmt: skip


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
        journal.append(note(number) if number else opening())
    journal.close()
    return path.read_bytes().splitlines(keepends=True)
