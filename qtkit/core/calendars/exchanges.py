"""What `exchange_calendars` knows, as plain data. It pulls in pandas, so it is imported late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from qtkit.core.calendars.sessions import Opening, Schedule

__all__ = ["CODES", "Exchange", "exchange_of", "schedule_of"]

_CODES = (
    "24/5 AIXK ASEX BVMF CMES IEPA XAMS XASX XBDA XBEL XBKK XBOG XBOM XBRA XBRU XBSE XBUD XBUE "
    "XCBF XCSE XCYS XDUB XDUS XEEE XETR XEUR XFRA XHAM XHEL XHKG XICE XIDX XIST XJSE XKAR XKLS "
    "XKRX XLIM XLIS XLIT XLJU XLON XLUX XMAD XMEX XMIL XMOS XNYS XNZE XOSL XPAR XPHS XPRA XRIS "
    "XSAU XSES XSGO XSHG XSTO XSTU XSWX XTAE XTAI XTAL XTKS XTSE XWAR XWBO XZAG us_futures"
)
CODES = tuple(_CODES.split())
"""Codes of the library's calendars; its 24/7 is our own, which asks nobody."""

_FIRST = date(2008, 1, 1)  # a longer past costs time at every start
_LAST = date(2028, 12, 31)  # exchanges announce two to three years ahead
_EPOCH_DAY = date(1970, 1, 1)
_NO_TIME = -(2**63)  # how a missing time looks as an integer
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What stays the same from day to day.

    Attributes
    ----------
    hours
        A regular session as (start, end), each (days after its date, time there): a session may
        begin on the evening before, and end at the midnight after.
    weekdays
        Days of the week with sessions, 0 is Monday.
    """

    name: str
    zone: ZoneInfo
    hours: tuple[tuple[tuple[int, time], tuple[int, time]], ...]
    weekdays: frozenset[int]

    @property
    def opens(self) -> tuple[int, time]:
        """When a regular session begins."""
        return self.hours[0][0]

    @property
    def closes(self) -> tuple[int, time]:
        """When a regular session ends."""
        return self.hours[-1][1]

    @property
    def begins(self) -> timedelta:
        """When a trading date begins, after its midnight there; below 0 on the evening before."""
        days, at = self.opens
        return timedelta() if days == 0 else days * _DAY + timedelta(hours=at.hour)

    def opening(self, day: date, close: time | None = None) -> Opening:
        """Return a regular session on a date, cut at an early close."""
        end = self.closes if close is None else (0, close)
        return tuple(
            (self._seconds(day, start), self._seconds(day, min(stop, end)))
            for start, stop in self.hours
            if start < end
        )

    def _seconds(self, day: date, moment: tuple[int, time]) -> int:
        days, at = moment
        local = datetime.combine(day + days * _DAY, at, tzinfo=self.zone)
        return int(local.astimezone(UTC).timestamp())


def exchange_of(name: str) -> Exchange:
    """Return what stays the same at an exchange from day to day."""
    maker = _maker(name)
    # the regular hours stand in the object, and a short one is made quickly
    calendar = maker(start="2026-03-02", end="2026-03-06")
    opens = (calendar.open_offset, calendar.open_times[-1][1])
    closes = (calendar.close_offset, calendar.close_times[-1][1])
    begins, ends = (
        None if not times or times[-1][1] is None else (0, times[-1][1])
        for times in (calendar.break_start_times, calendar.break_end_times)
    )
    return Exchange(
        name=name,
        zone=ZoneInfo(str(calendar.tz)),
        hours=((opens, closes),)
        if begins is None or ends is None
        else ((opens, begins), (ends, closes)),
        weekdays=frozenset(n for n, mark in enumerate(calendar.weekmask) if mark == "1"),
    )


def schedule_of(exchange: Exchange) -> Schedule:
    """Return an exchange's sessions from 2008 to the last date that is known."""
    maker = _maker(exchange.name)
    lowest, highest = maker.bound_min(), maker.bound_max()
    first = _FIRST if lowest is None else max(_FIRST, lowest.date())
    last = _LAST if highest is None else min(_LAST, highest.date())
    return Schedule(
        name=exchange.name,
        zone=exchange.zone,
        first=first,
        last=last,
        begins=exchange.begins,
        openings=_openings(maker(start=first.isoformat(), end=last.isoformat()).schedule),
    )


def _maker(name: str) -> Any:  # noqa: ANN401 - the library has no types
    from exchange_calendars import calendar_utils

    return calendar_utils._default_calendar_factories[name]  # noqa: SLF001 - it names them nowhere else


def _openings(frame: Any) -> dict[date, Opening]:  # noqa: ANN401 - a pandas frame
    days = [_EPOCH_DAY + timedelta(days=number) for number in _integers(frame.index, 86_400)]
    columns = [
        _integers(frame[name].array, 1) for name in ("open", "break_start", "break_end", "close")
    ]
    return {day: _opening(*times) for day, *times in zip(days, *columns, strict=True)}


def _integers(times: Any, unit: int) -> list[int]:  # noqa: ANN401 - a pandas array
    seconds = times.as_unit("s").asi8
    return [int(s) if s == _NO_TIME else int(s) // unit for s in seconds.tolist()]


def _opening(start: int, break_start: int, break_end: int, end: int) -> Opening:
    if break_start == _NO_TIME:
        return ((start, end),)
    return ((start, break_start), (break_end, end))
