"""What the rest of the product asks of any calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

__all__ = ["Calendar", "Segment", "aware"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A half-open stretch of trading: `start` belongs to it, `end` does not."""

    start: datetime  # UTC
    end: datetime  # UTC

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.end - self.start).total_seconds()

    def holds(self, at: datetime) -> bool:
        """Whether a time lies in it."""
        return self.start <= at < self.end

    def overlap(self, start: datetime, end: datetime) -> float:
        """Return the seconds it shares with ``[start, end)``."""
        return max(0.0, (min(self.end, end) - max(self.start, start)).total_seconds())


class Calendar(Protocol):
    """The sessions of one exchange.

    Times are UTC-aware; dates are trading dates in the exchange's own zone. Every question about
    a date outside ``[first, last]`` raises `BeyondCalendar`.
    """

    @property
    def name(self) -> str:
        """Market identifier code, or ``"24/7"``."""

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which the exchange's people read times."""

    @property
    def first(self) -> date:
        """First date it knows about."""

    @property
    def last(self) -> date:
        """Last date it knows about."""

    def is_session(self, day: date) -> bool:
        """Whether there is trading on a date."""

    def segments(self, day: date) -> tuple[Segment, ...]:
        """Return the day's stretches of trading in order; none on a closed day."""

    def next_session(self, day: date) -> date:
        """Return the first session after a date, the date itself excluded."""

    def previous_session(self, day: date) -> date:
        """Return the last session before a date, the date itself excluded."""

    def sessions(self, first: date, last: date) -> tuple[date, ...]:
        """Return the sessions from `first` to `last`, both included."""

    def session_after(self, day: date, count: int) -> date:
        """Return the session `count` trading days after a date; 0 returns the date itself."""

    def local_date(self, at: datetime) -> date:
        """Return the trading date at a time: an evening session belongs to the next date."""

    def begin(self, day: date) -> datetime:
        """Return when a date begins, UTC: at its midnight there, or where it opens before."""

    def is_open(self, at: datetime) -> bool:
        """Whether there is trading at a time."""

    def trading_seconds(self, start: datetime, end: datetime) -> float:
        """Return the seconds of trading in ``[start, end)``; 0 when `end` is not later."""

    def __hash__(self) -> int:
        """Return a number for use as a key; a calendar equals itself only."""


def aware(at: datetime) -> datetime:
    """Return a time that carries its zone.

    Raises
    ------
    ValueError
        If it is naive: whose midnight it means cannot be known.
    """
    if at.tzinfo is None:
        raise ValueError(f"a calendar needs an aware time, was {at.isoformat()} without a zone")
    return at
