"""Which part of a session one trading date is: its lines, and its time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from qtkit.evidence.journal_lines import JournalLines
from qtkit.model import events as ev

__all__ = ["DayWindow", "window_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayWindow:
    """The lines of a date, from its beginning to the beginning of the next one."""

    first: int = 1  # line; 1 where the session itself begins
    end: int | None = None  # first line of the next date; None where the session goes no further
    since: datetime | None = None  # None: of an empty journal
    until: datetime | None = None

    def holds(self, line: int) -> bool:
        """Whether a journal line stands in it."""
        return self.first <= line and (self.end is None or line < self.end)

    def holds_time(self, at: datetime) -> bool:
        """Whether a time lies in it; the last date has no end."""
        begun = self.begins_the_session or self.since is None or self.since <= at
        return begun and (self.end is None or self.until is None or at < self.until)

    def clipped(self, since: datetime, until: datetime) -> tuple[datetime, datetime]:
        """Return the part of a stretch of time in it; outside, it ends before it begins."""
        return max(since, self.since or since), min(until, self.until or until)

    @property
    def begins_the_session(self) -> bool:
        """Whether the session began in it."""
        return self.first == 1

    @property
    def ends_the_session(self) -> bool:
        """Whether the session went no further: it ended here, crashed here, or is here now."""
        return self.end is None


def window_of(journal: JournalLines, day: date | None) -> DayWindow:
    """Return the window of a date; of the whole session without one."""
    first, last = journal.whole.first, journal.whole.last
    since, until = first.at if first else None, last.at if last else None
    begins = journal.of(ev.DayStarted)
    mine = next((n for n, b in enumerate(begins) if b.event.trading_date == day), None)
    lines = (entry for found in journal.lines.values() for entry in found)
    if day is not None and not any(entry.event.trading_date == day for entry in lines):
        return DayWindow(first=journal.whole.entries + 1, since=until, until=until)
    if day is None or mine is None:
        return DayWindow(since=since, until=until)
    following = next((b for b in begins[mine + 1 :] if b.event.trading_date != day), None)
    return DayWindow(
        first=begins[mine].seq if mine else 1,
        end=following.seq if following else None,
        since=begins[mine].at if mine else since,
        until=following.at if following else until,
    )
