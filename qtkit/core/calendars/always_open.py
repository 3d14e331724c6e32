"""The calendar of a market that never closes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from qtkit.core.calendars.protocol import Segment, aware
from qtkit.core.errors import BeyondCalendar

__all__ = ["AlwaysOpen"]

_DAY = timedelta(days=1)


class AlwaysOpen:
    """Open around the clock; the trading day is the UTC day."""

    name = "24/7"
    zone = ZoneInfo("UTC")
    first = date(1990, 1, 1)
    last = date(2099, 12, 31)

    def is_session(self, day: date) -> bool:
        """Whether there is trading on a date: always."""
        self._known(day)
        return True

    def segments(self, day: date) -> tuple[Segment, ...]:
        """Return the UTC day, as one stretch."""
        self._known(day)
        start = datetime.combine(day, time(), tzinfo=UTC)
        return (Segment(start, start + _DAY),)

    def next_session(self, day: date) -> date:
        """Return the next date."""
        return self._known(day + _DAY)

    def previous_session(self, day: date) -> date:
        """Return the date before."""
        return self._known(day - _DAY)

    def sessions(self, first: date, last: date) -> tuple[date, ...]:
        """Return all dates from `first` to `last`, both included."""
        self._known(first)
        self._known(last)
        return tuple(first + _DAY * number for number in range((last - first).days + 1))

    def session_after(self, day: date, count: int) -> date:
        """Return the date `count` days later."""
        if count < 0:
            raise ValueError(f"a settlement is 0 or more trading days away, was {count}")
        self._known(day)
        return self._known(day + _DAY * count)

    def local_date(self, at: datetime) -> date:
        """Return the UTC date at a time."""
        return aware(at).astimezone(UTC).date()

    def begin(self, day: date) -> datetime:
        """Return when a date begins, UTC."""
        return datetime.combine(day, time(), tzinfo=UTC)

    def is_open(self, at: datetime) -> bool:
        """Whether there is trading at a time: always."""
        self._known(self.local_date(at))
        return True

    def trading_seconds(self, start: datetime, end: datetime) -> float:
        """Return the seconds in ``[start, end)``."""
        self._known(self.local_date(start))
        self._known(self.local_date(end))
        return max(0.0, (end - start).total_seconds())

    def _known(self, day: date) -> date:
        if self.first <= day <= self.last:
            return day
        raise BeyondCalendar(
            f"the 24/7 calendar runs from {self.first} to {self.last} and cannot answer for "
            f"{day}: choose a date inside"
        )
