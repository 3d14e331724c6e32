"""Where the bars of a length begin and end: by the calendar, aligned to each segment."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qtkit.core.calendars import Calendar
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import nanos, time_of

__all__ = ["BarGrid", "Spans"]

_MINUTE = BarLength.MIN_1.nanos  # every bar begins and ends with a minute
_NEVER = int(np.iinfo(np.int64).max)


class Spans(NamedTuple):
    """Bars' starts and ends, nanoseconds since 1970 UTC, shape ``(N,)`` each, ascending."""

    start: NDArray[np.int64]
    end: NDArray[np.int64]


class BarGrid:
    """The bars that there can be on a calendar's trading dates.

    Parameters
    ----------
    calendar
        Says when there is trading.
    length
        Of every bar; the last one of a segment is shorter where the segment is no multiple.

    Examples
    --------
    >>> from qtkit.core.calendars import exchange_calendar
    >>> hours = BarGrid(exchange_calendar("XNYS"), BarLength.MIN_60)
    >>> [f"{time_of(end):%H:%M}" for end in hours.ends(date(2026, 3, 4)).tolist()]
    ['15:30', '16:30', '17:30', '18:30', '19:30', '20:30', '21:00']
    """

    def __init__(self, calendar: Calendar, length: BarLength = BarLength.MIN_1) -> None:
        self.calendar, self.length = calendar, length
        self._nanos, self._is_day = length.nanos, length.is_day
        self._segments = lru_cache(maxsize=8)(self._segments_on)
        self._known: tuple[int, int, tuple[tuple[int, int], ...]] = (0, 0, ())

    def _segments_on(self, day: date) -> tuple[tuple[int, int], ...]:
        """Return when there are bars on a date: a day's bar spans its breaks."""
        found = tuple((nanos(s.start), nanos(s.end)) for s in self.calendar.segments(day))
        return ((found[0][0], found[-1][1]),) if found and self.length.is_day else found

    def spans(self, day: date) -> Spans:
        """Return the bars of a date; none on a closed day."""
        step, starts, ends = self.length.nanos, list[NDArray[np.int64]](), list[NDArray[np.int64]]()
        for start, end in self._segments(day):
            starts.append(np.arange(start, end, step, dtype=np.int64))
            ends.append(np.minimum(starts[-1] + step, end))
        none = np.empty(0, dtype=np.int64)
        return Spans(np.concatenate([none, *starts]), np.concatenate([none, *ends]))

    def ends(self, day: date) -> NDArray[np.int64]:
        """Return the ends of a date's bars, nanoseconds since 1970 UTC, shape ``(N,)``."""
        return self.spans(day).end

    def spans_between(self, first: date, last: date) -> Spans:
        """Return all bars of the sessions from `first` to `last`.

        Raises
        ------
        BeyondCalendar
            If the calendar does not know them.
        """
        days = [self.spans(day) for day in self.calendar.sessions(first, last)]
        none = np.empty(0, dtype=np.int64)
        return Spans(
            np.concatenate([none, *(day.start for day in days)]),
            np.concatenate([none, *(day.end for day in days)]),
        )

    def spans_around(self, ends: NDArray[np.int64]) -> Spans:
        """Return all bars of the dates from the first to the last of some moments."""
        if not ends.size:
            return Spans(ends, ends)
        calendar = self.calendar
        first, last = (
            min(max(calendar.local_date(time_of(int(at))), calendar.first), calendar.last)
            for at in (ends.min() - 1, ends.max())
        )
        return self.spans_between(first, last)

    def cut(self, ends: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where bars end that were given their whole length: a segment's last is shorter.

        Examples
        --------
        >>> from datetime import UTC, datetime
        >>> from qtkit.core.calendars import exchange_calendar
        >>> hours = BarGrid(exchange_calendar("XNYS"), BarLength.MIN_60)
        >>> half_past_four = nanos(datetime(2026, 3, 4, 21, 30, tzinfo=UTC))
        >>> f"{time_of(int(hours.cut(np.array([half_past_four]))[0])):%H:%M}"
        '21:00'
        """
        spans, begun = self.spans_around(ends), ends - self.length.nanos
        if not spans.start.size:
            return ends
        place = np.minimum(spans.start.searchsorted(begun), spans.start.size - 1)
        return np.where(spans.start[place] == begun, spans.end[place], ends)

    def are_ends(self, ends: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which moments end a bar.

        One minute's bars may end with any minute. Longer ones may lie outside trading too, where
        the clock counts; inside they end where the calendar has them end.
        """
        whole: NDArray[np.bool_] = ends % _MINUTE == 0
        if self.length is BarLength.MIN_1 or not ends.size:
            return whole
        grid = self.spans_around(ends)
        if self.length.is_day:
            return np.isin(ends, grid.end)
        place = np.minimum(grid.end.searchsorted(ends), max(grid.end.size - 1, 0))
        inside = (grid.start[place] < ends) & (ends <= grid.end[place]) if grid.end.size else ~whole
        fits = ends % self.length.nanos == 0
        return whole & np.where(inside, np.isin(ends, grid.end), fits)

    def first_end_from(self, moment: int) -> int:
        """Return the end of the date's first bar that begins at a moment or later.

        Where bars are longer than a minute, time counts by the minute: what comes within the
        minute in which a bar begins is in time for it.

        Parameters
        ----------
        moment
            Nanoseconds since 1970 UTC.

        Returns
        -------
        int
            Nanoseconds since 1970 UTC; beyond all times if no bar begins on the date any more.
        """
        begin, until, segments = self._known
        if not begin <= moment < until:
            segments = self._segments(self.calendar.local_date(time_of(moment)))
            if segments:
                self._known = (min(moment, segments[0][0]), segments[-1][1], segments)
        length = self._nanos
        if length != _MINUTE:
            moment -= moment % _MINUTE
        for start, end in segments:
            if moment < end:
                late = max(moment - start, 0)
                begins = start + -(-late // length) * length
                if self._is_day:
                    begins = start if not late else end
                if begins < end:
                    return min(begins + length, end)
        return _NEVER
