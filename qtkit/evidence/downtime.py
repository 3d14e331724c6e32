"""When nobody was there: between the last line before a crash and the return."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING

from qtkit.model.events import SessionResumed

if TYPE_CHECKING:
    from qtkit.evidence.evidence import Evidence

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


def downtimes(evidence: Evidence) -> Sequence[Downtime]:
    """Return every downtime, in order."""
    return [
        Downtime(max(_lines_before(evidence, r.seq), default=r.at), r.at, r.seq)
        for r in evidence.of(SessionResumed)
    ]


def _lines_before(evidence: Evidence, seq: int) -> Iterator[datetime]:
    """Yield the time of the last line of each class before a line number."""
    for found in evidence.session.lines.values():
        place = bisect_left(found, seq, key=attrgetter("seq"))
        if place:
            yield found[place - 1].at
