"""The dates that bars belong to."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from qtkit.core.calendars import Calendar

__all__ = ["date_of_bar", "day_window"]


def day_window(calendar: Calendar, day: date) -> tuple[datetime, datetime]:
    """Return (midnight, next midnight) of a date in the exchange's zone, UTC-aware.

    The day's bars are those with ``midnight < end <= next midnight``.
    """
    midnight, following = (
        datetime.combine(d, time(), tzinfo=calendar.zone).astimezone(UTC)
        for d in (day, day + timedelta(days=1))
    )
    return midnight, following


def date_of_bar(calendar: Calendar, end: datetime) -> date:
    """Return the date of a bar by its end: one that ends at midnight is the last of its day.

    Examples
    --------
    >>> from qtkit.core.calendars import exchange_calendar
    >>> date_of_bar(exchange_calendar("24/7"), datetime(2026, 3, 5, tzinfo=UTC))
    datetime.date(2026, 3, 4)
    """
    return calendar.local_date(end - timedelta(microseconds=1))
