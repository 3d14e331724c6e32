"""What `exchange_calendars` knows, as plain data. It pulls in pandas, so it is imported late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from qtkit.core.calendars.sessions import Opening, Schedule

__all__ = ["EXCHANGES", "Exchange", "schedule_of"]

_FIRST = date(2008, 1, 1)  # a longer past costs time at every start
_EPOCH_DAY = date(1970, 1, 1)
_NO_TIME = -(2**63)  # how a missing time looks as an integer


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What stays the same from day to day."""

    name: str
    zone: ZoneInfo
    hours: tuple[tuple[time, time], ...]  # a regular session, exchange time
    rules_until: date  # where the library names no limit itself

    def opening(self, day: date, close: time | None = None) -> Opening:
        """Return a regular session on a date, cut at an early close."""
        close = close or self.hours[-1][1]
        return tuple(
            (self._seconds(day, start), self._seconds(day, min(end, close)))
            for start, end in self.hours
            if start < close
        )

    def _seconds(self, day: date, at: time) -> int:
        return int(datetime.combine(day, at, tzinfo=self.zone).astimezone(UTC).timestamp())


EXCHANGES = {
    "XSHG": Exchange(
        name="XSHG",
        zone=ZoneInfo("Asia/Shanghai"),
        hours=((time(9, 30), time(11, 30)), (time(13), time(15))),
        rules_until=date(2026, 12, 31),
    ),
    "XNYS": Exchange(
        name="XNYS",
        zone=ZoneInfo("America/New_York"),
        hours=((time(9, 30), time(16)),),
        rules_until=date(2028, 12, 31),  # New York announces about three years ahead
    ),
}


def schedule_of(exchange: Exchange) -> Schedule:
    """Return an exchange's sessions from 2008 to the last date that is known."""
    maker = _maker(exchange.name)
    bound = maker.bound_max()
    last = exchange.rules_until if bound is None else bound.date()
    return Schedule(
        name=exchange.name,
        zone=exchange.zone,
        first=_FIRST,
        last=last,
        openings=_openings(maker(start=_FIRST.isoformat(), end=last.isoformat()).schedule),
    )


def _maker(name: str) -> Any:  # noqa: ANN401 - the library has no types
    if name == "XSHG":
        from exchange_calendars.exchange_calendar_xshg import XSHGExchangeCalendar

        return XSHGExchangeCalendar
    from exchange_calendars.exchange_calendar_xnys import XNYSExchangeCalendar

    return XNYSExchangeCalendar


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
