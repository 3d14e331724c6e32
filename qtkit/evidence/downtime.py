"""When nobody was there: between the last line before a crash and the return."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from qtkit.evidence.journal_lines import JournalLines, Recorded
from qtkit.model.events import SessionResumed

__all__ = ["Downtime", "downtimes"]


@dataclass(frozen=True, slots=True)
class Downtime:
    """A crash and its repair."""

    since: datetime  # of the last line before
    until: datetime  # of the return
    line: int  # of the return

    def holds(self, at: datetime) -> bool:
        """Whether a time lies in it, its ends included."""
        return self.since <= at <= self.until


def downtimes(
    session: JournalLines, returns: Iterable[Recorded[SessionResumed]]
) -> Sequence[Downtime]:
    """Return the downtime before each return, in order; `session` has all of its lines."""
    return [
        Downtime(max(_lines_before(session, r.seq), default=r.at), r.at, r.seq) for r in returns
    ]


def _lines_before(session: JournalLines, seq: int) -> Iterator[datetime]:
    """Yield the time of the last line of each class before a line number."""
    for found in session.lines.values():
        place = bisect_left(found, seq, key=attrgetter("seq"))
        if place:
            yield found[place - 1].at
