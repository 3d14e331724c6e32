"""The dates that bars belong to."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from qtkit.core.calendars import Calendar

__all__ = ["date_of_bar", "day_window"]


def day_window(calendar: Calendar, day: date) -> tuple[datetime, datetime]:
    """Return when a date begins at the exchange, mostly at midnight, and the next one, UTC-aware.

    The day's bars are those with ``begin < end <= next begin``.
    """
    return calendar.begin(day), calendar.begin(day + timedelta(days=1))


def date_of_bar(calendar: Calendar, end: datetime) -> date:
    """Return the date of a bar by its end: one that ends at midnight is the last of its day.

    Examples
    --------
    >>> from datetime import UTC
    >>> from qtkit.core.calendars import exchange_calendar
    >>> date_of_bar(exchange_calendar("24/7"), datetime(2026, 3, 5, tzinfo=UTC))
    datetime.date(2026, 3, 4)
    """
    return calendar.local_date(end - timedelta(microseconds=1))
