"""The calendar of an exchange with sessions, as plain data."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from qtkit.core.calendars.protocol import Segment, aware
from qtkit.core.errors import BeyondCalendar

__all__ = ["Opening", "Schedule", "SessionCalendar", "how_to_extend"]

_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Opening = tuple[tuple[int, int], ...]
"""One session's stretches, each (start, end) in seconds since 1970 UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """All that is known about an exchange's sessions."""

    name: str
    zone: ZoneInfo
    first: date
    last: date
    openings: Mapping[date, Opening]  # in order of date; sessions only
    begins: timedelta = timedelta()  # when a date begins, after its midnight; below 0: before it
    settles_on: frozenset[int] = frozenset()  # weekdays that count for settlements beyond `last`


class SessionCalendar:
    """Answers about one exchange; every day's segments are made once.

    Parameters
    ----------
    schedule
        What is known about the exchange.
    """

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._days = tuple(schedule.openings)
        self._segments: dict[date, tuple[Segment, ...]] = {}
        self.name = schedule.name
        self.zone = schedule.zone
        self.first = schedule.first
        self.last = schedule.last

    def is_session(self, day: date) -> bool:
        """Whether there is trading on a date."""
        return self._known(day) in self._schedule.openings

    def segments(self, day: date) -> tuple[Segment, ...]:
        """Return the day's stretches of trading in order; none on a closed day."""
        found = self._segments.get(day)
        if found is None:
            found = self._segments[self._known(day)] = self._made(day)
        return found

    def next_session(self, day: date) -> date:
        """Return the first session after a date, the date itself excluded."""
        self._known(day + _DAY)
        return self._numbered(bisect_right(self._days, day), f"the session after {day}")

    def previous_session(self, day: date) -> date:
        """Return the last session before a date, the date itself excluded."""
        self._known(day - _DAY)
        return self._numbered(bisect_left(self._days, day) - 1, f"the session before {day}")

    def sessions(self, first: date, last: date) -> tuple[date, ...]:
        """Return the sessions from `first` to `last`, both included."""
        self._known(first)
        self._known(last)
        return self._days[bisect_left(self._days, first) : bisect_right(self._days, last)]

    def session_after(self, day: date, count: int) -> date:
        """Return the session `count` trading days after a date; 0 returns the date itself."""
        if count < 0:
            raise ValueError(f"a settlement is 0 or more trading days away, was {count}")
        self._known(day)
        if count == 0:
            return day
        wanted = bisect_right(self._days, day) + count - 1
        beyond = wanted + 1 - len(self._days)
        if beyond > 0 and self._schedule.settles_on:
            return self._weekday_after_the_last(beyond)
        what = f"the session {count} trading days after {day}, on which it would settle"
        return self._numbered(wanted, what)

    def local_date(self, at: datetime) -> date:
        """Return the trading date at a time: an evening session belongs to the next date."""
        local = aware(at).astimezone(self.zone)
        return (local - self._schedule.begins).date() if self._schedule.begins else local.date()

    def begin(self, day: date) -> datetime:
        """Return when a date begins, UTC."""
        midnight = datetime.combine(day, time(), tzinfo=self.zone)
        return (midnight + self._schedule.begins).astimezone(UTC)

    def is_open(self, at: datetime) -> bool:
        """Whether there is trading at a time."""
        return any(segment.holds(at) for segment in self.segments(self.local_date(at)))

    def trading_seconds(self, start: datetime, end: datetime) -> float:
        """Return the seconds of trading in ``[start, end)``; 0 when `end` is not later."""
        days = self.sessions(self.local_date(start), self.local_date(end))
        return sum(part.overlap(start, end) for day in days for part in self.segments(day))

    def _weekday_after_the_last(self, count: int) -> date:
        day = self.last
        while count:
            day += _DAY
            count -= day.weekday() in self._schedule.settles_on
        return day

    def _made(self, day: date) -> tuple[Segment, ...]:
        opening = self._schedule.openings.get(day, ())
        return tuple(Segment(_time(start), _time(end)) for start, end in opening)

    def _numbered(self, number: int, what: str) -> date:
        if 0 <= number < len(self._days):
            return self._days[number]
        raise BeyondCalendar(self._sentence(what))

    def _known(self, day: date) -> date:
        if self.first <= day <= self.last:
            return day
        raise BeyondCalendar(self._sentence(str(day)))

    def _sentence(self, what: str) -> str:
        return (
            f"the calendar {self.name} is known from {self.first} to {self.last} and cannot tell "
            f"{what}: choose a date inside, or {how_to_extend(self.name)}"
        )


def how_to_extend(name: str) -> str:
    """Return what makes more of an exchange known."""
    return (
        f"extend it: known_until and holidays under [{name}] in a calendar_overlay.toml beside the "
        "configuration, in the file that --overlay or session.calendar_overlay names "
        "(settle_on_weekdays = true there lets the last days trade)"
    )


def _time(seconds: int) -> datetime:
    return _EPOCH + timedelta(seconds=seconds)
