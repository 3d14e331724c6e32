"""Trading calendars: which days are sessions, and when the exchange is open."""

from qtkit.core.calendars.catalogue import calendar_codes, exchange_calendar
from qtkit.core.calendars.protocol import Calendar, Segment

__all__ = ["Calendar", "Segment", "calendar_codes", "exchange_calendar"]
