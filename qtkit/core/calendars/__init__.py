"""Trading calendars: which days are sessions, and when the exchange is open."""

from qtkit.core.calendars.catalogue import calendar_codes, end_of_knowledge, exchange_calendar
from qtkit.core.calendars.protocol import Calendar, Segment
from qtkit.core.calendars.sessions import how_to_extend

__all__ = [
    "Calendar",
    "Segment",
    "calendar_codes",
    "end_of_knowledge",
    "exchange_calendar",
    "how_to_extend",
]
