"""The engine's status over time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING

from qtkit.model.engine import StatusRole
from qtkit.model.events import StatusChanged

if TYPE_CHECKING:
    from qtkit.evidence.evidence import Evidence, Recorded

__all__ = ["Span", "spans_of", "status_at"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of time in one status."""

    status: str
    since: datetime
    until: datetime
    line: int  # of the change that began it
    because: str
    left_by: str  # why it ended; "" while it lasts


def spans_of(evidence: Evidence) -> Iterator[Span]:
    """Yield each stretch of a status; a crash cuts a stretch in two, without the downtime.

    Of one day, the status that it began with is carried in, and what lasts longer is cut off.
    """
    spans = _spans_of_session(evidence.session)
    window = evidence.window
    if evidence.day is None or window.until is None:
        yield from spans
        return
    for span in spans:
        since, until = window.clipped(span.since, span.until)
        if since < until or (since == until and window.holds(span.line)):
            left_by = span.left_by if span.until <= window.until else ""
            yield replace(span, since=since, until=until, left_by=left_by)


def _spans_of_session(evidence: Evidence) -> Iterator[Span]:
    changes = evidence.of(StatusChanged)
    for number, change in enumerate(changes, 1):
        following = changes[number] if number < len(changes) else None
        end = following.at if following else evidence.until
        left_by = following.event.because if following else ""
        since = change.at
        for down in evidence.downtimes:
            if since <= down.since < (end or since):
                if since == change.at or since < down.since:  # else cut off coming back
                    yield _span(change.event, since, down.since, change.seq, "")
                since = down.until
        if left_by != "recover":  # the status of before a crash, put right on the return
            yield _span(change.event, since, end or since, change.seq, left_by)


def _span(change: StatusChanged, since: datetime, until: datetime, line: int, left_by: str) -> Span:
    return Span(
        status=change.after,
        since=since,
        until=until,
        line=line,
        because=change.because,
        left_by=left_by,
    )


def status_at(evidence: Evidence, line: int) -> str:
    """Return the status right after a journal line; before the first change, that of the end."""
    changes: Sequence[Recorded[StatusChanged]] = evidence.session.of(StatusChanged)
    place = bisect_right(changes, line, key=attrgetter("seq"))
    if place:
        return changes[place - 1].event.after
    ends = (s for s, role in evidence.engine.statuses.items() if role is StatusRole.ENDS)
    return next(ends, "")
