"""Calendars by name, each made once."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path

from qtkit.core.calendars.always_open import AlwaysOpen
from qtkit.core.calendars.exchanges import CODES, Exchange, exchange_of, schedule_of
from qtkit.core.calendars.overlay import Overlay, apply_overlay, read_overlay
from qtkit.core.calendars.protocol import Calendar
from qtkit.core.calendars.sessions import Schedule, SessionCalendar
from qtkit.core.errors import ConfigError
from qtkit.core.text import closest

__all__ = ["calendar_codes", "end_of_knowledge", "exchange_calendar"]

_WARN_BEFORE = 60  # days
_NAMES = (AlwaysOpen.name, *CODES)


def end_of_knowledge(calendar: Calendar, day: date) -> str:
    """Return that soon nothing is known about an exchange's days; "" while there is time.

    Examples
    --------
    >>> end_of_knowledge(exchange_calendar("XSHG"), date(2026, 10, 31))
    ''
    """
    left = (calendar.last - day).days
    if left > _WARN_BEFORE:
        return ""
    return f"the calendar {calendar.name} is known until {calendar.last}, {left} days from {day}"


def calendar_codes() -> tuple[str, ...]:
    """Return the codes of all calendars."""
    return _NAMES


def exchange_calendar(name: str, overlay: Path | None = None) -> Calendar:
    """Return the calendar of an exchange; the same one for the same question.

    Parameters
    ----------
    name
        One of `calendar_codes`, such as ``"XSHG"``, ``"XNYS"``, ``"24/5"`` or ``"24/7"``.
    overlay
        A ``calendar_overlay.toml`` that extends or corrects what is known, if there is one.

    Raises
    ------
    ConfigError
        If the name is unknown or the overlay is wrong.

    Examples
    --------
    >>> exchange_calendar("24/7").zone
    zoneinfo.ZoneInfo(key='UTC')
    """
    if name not in _NAMES:
        near = closest(name.upper(), _NAMES)
        hint = f"did you mean {near}?" if near else "see `qtkit instruments list --exchanges`"
        raise ConfigError(f"there is no calendar {name!r}; {hint}")
    part = read_overlay(overlay, CODES).get(name) if overlay else None
    return _calendar(name, part)


@lru_cache(maxsize=16)
def _calendar(name: str, overlay: Overlay | None) -> Calendar:
    if name == AlwaysOpen.name:
        return AlwaysOpen()
    schedule = _schedule(name)
    if overlay is not None:
        schedule = apply_overlay(schedule, overlay, _exchange(name))
    return SessionCalendar(schedule)


@lru_cache(maxsize=8)
def _schedule(name: str) -> Schedule:
    return schedule_of(_exchange(name))


@lru_cache(maxsize=8)
def _exchange(name: str) -> Exchange:
    return exchange_of(name)
