"""When there is trading in a stretch of dates, as arrays: fast for many bars."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from qtkit.core.calendars import Calendar
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import nanos, time_of

__all__ = ["TradingHours", "hours_around"]

_DAY = timedelta(days=1)
_DAY_NANOS = 86_400_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingHours:
    """Segments of trading.

    Attributes
    ----------
    starts, ends
        ``(M,)`` int64, nanoseconds since 1970 UTC, in order, half-open.
    sessions
        ``(M,)`` int64, which session each belongs to, counted from 0.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    sessions: NDArray[np.int64]

    def inside(self, ends: NDArray[np.int64], length: BarLength) -> NDArray[np.bool_]:
        """Return which bars touch a segment, shape ``(N,)``.

        Parameters
        ----------
        ends
            ``(N,)`` int64, nanoseconds since 1970 UTC.
        length
            Of a bar.
        """
        if not self.starts.size:
            return np.zeros(ends.size, dtype=np.bool_)
        # the last segment that begins before the bar ends
        last = np.searchsorted(self.starts, ends, "left") - 1
        touched: NDArray[np.bool_] = (last >= 0) & (self.ends[last] > ends - length.nanos)
        return touched

    def obsolete(
        self, old: NDArray[np.int64], fresh: NDArray[np.int64], length: BarLength
    ) -> NDArray[np.bool_]:
        """Return which old bars fresh ones of the same dates leave no place for, shape ``(N,)``.

        Those between the first and the last fresh bar of a session, and those out of trading hours
        on the dates of the fresh ones and a day around them.

        Parameters
        ----------
        old, fresh
            Ends of bars, int64, nanoseconds since 1970 UTC.
        length
            Of a bar.
        """
        if not (old.size and fresh.size):
            return np.zeros(old.size, dtype=np.bool_)
        near = (old > fresh.min() - _DAY_NANOS) & (old <= fresh.max() + _DAY_NANOS)
        gone: NDArray[np.bool_] = near & ~self.inside(old, length)
        fresh = np.sort(fresh[self.inside(fresh, length)])
        session = self._session(fresh)
        firsts = np.flatnonzero(np.diff(session, prepend=-1))
        lasts = np.append(firsts[1:], fresh.size) - 1
        for first, last in zip(fresh[firsts].tolist(), fresh[lasts].tolist(), strict=True):
            gone[np.searchsorted(old, first) : np.searchsorted(old, last, "right")] = True
        gone &= ~np.isin(old, fresh)
        return gone

    def _session(self, ends: NDArray[np.int64]) -> NDArray[np.int64]:
        found: NDArray[np.int64] = self.sessions[np.searchsorted(self.starts, ends, "left") - 1]
        return found


def hours_around(calendar: Calendar, *parts: NDArray[np.int64]) -> TradingHours:
    """Return the trading hours of all dates of some bars, and of two dates around them.

    Dates that the calendar does not know have none.

    Parameters
    ----------
    parts
        Ends of bars, int64, nanoseconds since 1970 UTC.
    """
    times = [int(end) for part in parts if part.size for end in (part.min(), part.max())]
    if not times:
        return _hours(calendar, ())
    first = max(calendar.first, calendar.local_date(time_of(min(times))) - 2 * _DAY)
    last = min(calendar.last, calendar.local_date(time_of(max(times))) + 2 * _DAY)
    return _hours(calendar, calendar.sessions(first, last) if first <= last else ())


def _hours(calendar: Calendar, days: tuple[date, ...]) -> TradingHours:
    rows = [
        (nanos(part.start), nanos(part.end), number)
        for number, day in enumerate(days)
        for part in calendar.segments(day)
    ]
    table = np.array(rows, dtype=np.int64).reshape(len(rows), 3)
    return TradingHours(starts=table[:, 0], ends=table[:, 1], sessions=table[:, 2])
