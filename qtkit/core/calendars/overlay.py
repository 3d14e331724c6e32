"""A file that extends or corrects what is known about an exchange.

::

    [XSHG]
    known_until = 2027-12-31
    holidays = [2027-01-01, 2027-02-08]     # closed, though a weekday
    extra_sessions = [2027-02-06]           # open with regular hours
    half_days = { 2027-02-05 = 11:30:00 }   # early close, exchange time
    settle_on_weekdays = true               # settlement dates beyond what is known: count weekdays
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

from qtkit.core.calendars.exchanges import Exchange
from qtkit.core.calendars.sessions import Opening, Schedule
from qtkit.core.config.file_text import shortened
from qtkit.core.config.toml import Key, read_toml
from qtkit.core.errors import ConfigError
from qtkit.core.text import closest

__all__ = ["Overlay", "apply_overlay", "read_overlay"]

_KEYS = ("extra_sessions", "half_days", "holidays", "known_until", "settle_on_weekdays")
_LAST_YEAR = 2099


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """One exchange's part of the file."""

    known_until: date | None = None
    holidays: frozenset[date] = frozenset()
    extra_sessions: frozenset[date] = frozenset()
    half_days: tuple[tuple[date, time], ...] = ()  # early close, exchange time
    settle_on_weekdays: bool = False  # beyond what is known, a settlement counts weekdays


def read_overlay(path: Path, known: tuple[str, ...]) -> dict[str, Overlay]:
    """Return each exchange's part of an overlay file.

    Raises
    ------
    ConfigError
        If the file cannot be read, or with all of its mistakes at once.
    """
    try:
        file = read_toml(path)
    except ConfigError as problem:
        raise ConfigError(
            f"the calendar overlay cannot be read: {problem}; give a TOML file with a table for "
            "each exchange"
        ) from None
    parts = file.values.items()
    mistakes = [
        f"{file.place(key)}: {mistake}"
        for name, part in parts
        for key, mistake in _mistakes(name, part, known)
    ]
    if mistakes:
        raise ConfigError(f"the calendar overlay {path} is wrong: " + "; ".join(mistakes))
    return {name: _overlay(part) for name, part in parts}


def apply_overlay(schedule: Schedule, overlay: Overlay, exchange: Exchange) -> Schedule:
    """Return the schedule with the overlay's days in it.

    Raises
    ------
    ConfigError
        With every contradiction between the two at once.
    """
    last = max(schedule.last, overlay.known_until or schedule.last)
    mistakes = list(_contradictions(schedule, overlay, last))
    if mistakes:
        raise ConfigError(
            f"the calendar overlay for {schedule.name} is wrong: {'; '.join(mistakes)}"
        )
    openings: dict[date, Opening] = dict(schedule.openings)
    for day in _weekdays(schedule.last, last, exchange):
        openings[day] = exchange.opening(day)
    openings |= {day: exchange.opening(day) for day in overlay.extra_sessions}
    for day in overlay.holidays:
        openings.pop(day, None)
    mistakes = list(_odd_half_days(overlay, openings.keys(), exchange))
    if mistakes:
        raise ConfigError(
            f"the calendar overlay for {schedule.name} is wrong: {'; '.join(mistakes)}"
        )
    openings |= {day: exchange.opening(day, close) for day, close in overlay.half_days}
    return replace(
        schedule,
        last=last,
        openings=dict(sorted(openings.items())),
        settles_on=exchange.weekdays if overlay.settle_on_weekdays else frozenset(),
    )


def _odd_half_days(
    overlay: Overlay, open_days: Collection[date], exchange: Exchange
) -> Iterator[str]:
    lone = [str(day) for day, _ in overlay.half_days if day not in open_days]
    if lone:
        yield (
            f"half_days on closed days: {', '.join(lone)}; name them in extra_sessions, or "
            "drop them"
        )
    begin, end = exchange.opens, exchange.closes
    odd = [f"{d} at {close}" for d, close in overlay.half_days if not begin < (0, close) <= end]
    if odd:
        yield (
            f"half_days that close outside {begin[1]} to {end[1]}: {', '.join(odd)}; give the "
            "time of the early close"
        )


def _weekdays(after: date, last: date, exchange: Exchange) -> Iterator[date]:
    days = (after + timedelta(days=number) for number in range(1, (last - after).days + 1))
    return (day for day in days if day.weekday() in exchange.weekdays)


def _contradictions(schedule: Schedule, overlay: Overlay, last: date) -> Iterator[str]:
    if overlay.known_until and overlay.known_until < schedule.last:
        yield (
            f"known_until {overlay.known_until} lies before {schedule.last}, which is known "
            "without it: choose a later date or drop it"
        )
    if both := sorted(overlay.holidays & overlay.extra_sessions):
        yield f"{', '.join(map(str, both))} stand in holidays and in extra_sessions: keep one"
    named = overlay.holidays | overlay.extra_sessions | {day for day, _ in overlay.half_days}
    if outside := sorted(day for day in named if not schedule.first <= day <= last):
        yield (
            f"{', '.join(map(str, outside))} lie outside {schedule.first} to {last}: "
            "set known_until to cover them"
        )


def _mistakes(name: str, part: object, known: tuple[str, ...]) -> Iterator[tuple[Key, str]]:
    """Yield what is wrong with one exchange's part, each with the key that it is about."""
    if name not in known:
        near = closest(name.upper(), known)
        hint = f"did you mean [{near}]?" if near else "see `qtkit instruments list --exchanges`"
        yield (name,), f"[{name}] is no exchange that can be extended; {hint}"
        return
    if not isinstance(part, dict):
        yield (name,), f"{name} must be a table, was {part!r}"
        return
    for key, value in part.items():
        for mistake in _wrong(key, value):
            yield (name, key), f"[{name}] {mistake}"


def _wrong(key: str, value: object) -> Iterator[str]:
    if key == "half_days":
        yield from _half_day_mistakes(value)
    elif key in {"holidays", "extra_sessions"}:
        if not isinstance(value, list) or not all(map(_is_date, value)):
            yield f"{key} must be a list of dates, was {_shown(value)}"
    elif key == "settle_on_weekdays":
        if not isinstance(value, bool):
            yield f"{key} must be true or false, was {_shown(value)}"
    elif key != "known_until":
        near = closest(key, _KEYS)
        hint = f"did you mean {near}?" if near else f"known: {', '.join(_KEYS)}"
        yield f"has an unknown key {key}; {hint}"
    elif not isinstance(value, date) or not _is_date(value):
        yield f"known_until must be a date, was {_shown(value)}"
    elif value.year > _LAST_YEAR:
        yield f"known_until must be a date up to {_LAST_YEAR}, was {value}"


def _half_day_mistakes(half_days: object) -> Iterator[str]:
    if not isinstance(half_days, dict):
        yield f"half_days must be a table of date = time, was {_shown(half_days)}"
        return
    for day, close in half_days.items():
        try:
            date.fromisoformat(day)
        except ValueError:
            yield f"half_days: {day!r} is no date such as 2027-02-05"
        if not isinstance(close, time) or close.second or close.microsecond:
            yield f"half_days: {day} needs a time such as 11:30:00, was {_shown(close)}"


def _shown(value: object) -> str:
    return shortened(f"[{', '.join(map(str, value))}]" if isinstance(value, list) else repr(value))


def _is_date(value: object) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


def _overlay(part: dict[str, object]) -> Overlay:
    half_days = part.get("half_days", {})
    return Overlay(
        known_until=part.get("known_until"),  # type: ignore[arg-type] # checked by _part
        settle_on_weekdays=part.get("settle_on_weekdays") is True,
        holidays=frozenset(part.get("holidays", ())),  # type: ignore[call-overload]
        extra_sessions=frozenset(part.get("extra_sessions", ())),  # type: ignore[call-overload]
        half_days=tuple(
            sorted((date.fromisoformat(day), close) for day, close in half_days.items())  # type: ignore[attr-defined]
        ),
    )
