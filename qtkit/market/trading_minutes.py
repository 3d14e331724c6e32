"""The minutes in which there can be a bar."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from qtkit.core.calendars import Calendar, Segment
from qtkit.model.bars import BAR_NANOS, nanos

__all__ = ["date_of_bar", "day_window", "expected_minutes", "minute_ends"]


def minute_ends(segments: Iterable[Segment]) -> NDArray[np.int64]:
    """Return the ends of the trading minutes, nanoseconds since 1970, shape ``(N,)``."""
    spans = [
        np.arange(nanos(part.start), nanos(part.end), BAR_NANOS, dtype=np.int64) + BAR_NANOS
        for part in segments
    ]
    return np.concatenate(spans) if spans else np.empty(0, dtype=np.int64)


def expected_minutes(calendar: Calendar, first: date, last: date) -> NDArray[np.int64]:
    """Return the ends of all trading minutes of the sessions from `first` to `last`."""
    days = calendar.sessions(first, last)
    return minute_ends(part for day in days for part in calendar.segments(day))


def day_window(calendar: Calendar, day: date) -> tuple[datetime, datetime]:
    """Return when a date begins at the exchange, mostly at midnight, and the next one, UTC-aware.

    The day's bars are those with ``begin < end <= next begin``.
    """
    return calendar.begin(day), calendar.begin(day + timedelta(days=1))


def date_of_bar(calendar: Calendar, end: datetime) -> date:
    """Return the date of a bar by its end: one that ends at midnight is the last of its day.

    Examples
    --------
    >>> from qtkit.core.calendars import exchange_calendar
    >>> date_of_bar(exchange_calendar("24/7"), datetime(2026, 3, 5, tzinfo=UTC))
    datetime.date(2026, 3, 4)
    """
    return calendar.local_date(end - timedelta(microseconds=1))
